# SPDX-License-Identifier: Apache-2.0
"""The command line as a stranger meets it: exit codes, parseable stdout, errors in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.reports.model import Report
from tests.graphs import random_codes, random_graph


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from dietcnn_hls.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=cwd)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("builds")
    graph = random_graph(11)
    x = random_codes(graph, 20, 1)
    for name, folding in (("slim", None), ("fast", 20)):
        convert_and_build(graph, folder / name, x_test=x / 256.0, synthesis="none", folding=folding, name=name)
    return [folder / "slim", folder / "fast"]


def test_doctor_and_methods_list_what_there_is() -> None:
    tools = {row["name"] for row in json.loads(run("doctor", "--json").stdout)}
    assert {"g++", "verilator", "vitis"} <= tools
    listing = json.loads(run("methods", "--json").stdout)
    assert {"dietcnn", "fixed_point"} <= set(listing["methods"]) and "lenet5" in listing["networks"]
    assert "digits" in listing["datasets"]
    assert "weight_symbols" in run("methods").stdout


def test_convert_says_what_each_layer_became(tmp_path: Path) -> None:
    save_graph(random_graph(11), tmp_path / "some.bin")  # what a file is follows from its content
    done = run("convert", "some.bin", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["graph"] == "random_net.npz" and load_graph(tmp_path / "random_net.npz").nodes
    assert [row["layer"] for row in found["layers"]] == [node.name for node in random_graph(11).nodes]
    assert found["layers"][0]["became"].startswith("input ")
    (tmp_path / "text.txt").write_text("no model")
    assert "is of no kind that is known; give a Keras model" in run("convert", "text.txt", cwd=tmp_path).stderr


def test_compare_prints_every_format(builds: list[Path], tmp_path: Path) -> None:
    paths = [str(path) for path in builds]
    assert "| slim " in run("compare", *paths).stdout
    assert run("compare", *paths, "--format", "csv").stdout.startswith("design,")
    assert json.loads(run("compare", *paths, "--format", "json").stdout)
    assert "<html" in run("compare", *paths, "--format", "html").stdout
    written = run("compare", *paths, "--output", str(tmp_path / "c"))
    assert written.returncode == 0 and any(path.suffix == ".md" for path in (tmp_path / "c").iterdir())


def test_every_command_has_a_machine_readable_form(builds: list[Path]) -> None:
    """Of those that make files or run for long, the option is there; the others' JSON says what their text says."""
    from dietcnn_hls.cli import cli

    def leaves(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
        below = getattr(command, "commands", None)
        if below is None:
            return [(name, command)]
        context = click.Context(command)
        named = [(one, command.get_command(context, one)) for one in command.list_commands(context)]  # type: ignore[attr-defined]
        return [leaf for one, found in named for leaf in leaves(found, f"{name} {one}".strip())]

    found = leaves(cli, "")
    assert {"build", "compare", "show", "encoder search"} <= {name for name, _ in found}
    for name, command in found:
        assert any("--json" in option.opts for option in command.params), name
    paths = [str(path) for path in builds]
    assert run("compare", *paths, "--json").stdout == run("compare", *paths, "--format", "json").stdout
    assert run("show", paths[0], "--json").stdout == (builds[0] / "report.json").read_text()


def test_show_prints_each_figure_with_its_source_and_each_layer(builds: list[Path]) -> None:
    report = Report.load(builds[0])
    done = run("show", str(builds[0]))
    assert done.returncode == 0 and done.stderr == ""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if line.startswith("│")]
    assert ["Multiplications", f"{report.operations.multiplications:,}", "counted"] in lines
    assert {layer.name for layer in report.layers} <= {line[0] for line in lines}
    assert "C-simulation against integer reference: 0 of 20 images differ" in done.stdout
    assert run("show", str(builds[0].parent)).stderr.startswith("error: No report at")


def test_show_of_names_that_steer_terminals(tmp_path: Path, builds: list[Path]) -> None:
    report = Report.load(builds[0])
    layers = (report.layers[0].model_copy(update={"name": "[red]a\x1b[31m\nb"}), *report.layers[1:])
    report.model_copy(update={"design": "\x1b]0;gone\x07[bold]", "layers": layers}).save(tmp_path)
    shown = run("show", str(tmp_path)).stdout
    assert "\x1b" not in shown and "\\x1b]0;gone\\x07[bold]" in shown and "[red]a\\x1b[31m\\nb" in shown


def test_quiet_leaves_results_and_failures(tmp_path: Path) -> None:
    save_graph(random_graph(11), tmp_path / "g.npz")
    text = "import dietcnn_hls.progress as p; from dietcnn_hls.cli import main; import sys, click\n"
    text += "from dietcnn_hls.cli import cli\n@cli.command()\ndef work():\n    p.note('a line'); click.echo('result')\nmain()"
    for options, said in (((), "a line\n"), (("-q",), ""), (("-v",), "a line\n")):
        done = subprocess.run([sys.executable, "-c", text, *options, "work"], capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.stderr) == ("result\n", said)
    assert run("-q", "show", str(tmp_path)).stderr.startswith("error: No report at")


def test_warnings_of_ours_are_one_line_and_those_of_others_nothing() -> None:
    text = "import warnings; from dietcnn_hls import cli; from dietcnn_hls.errors import ConfigWarning; cli._quieten()\n"
    text += "warnings.warn('ours', ConfigWarning)\nwarnings.warn_explicit('theirs', UserWarning, 'x.py', 1, 'keras.src.saving')\n"
    text += "import logging; logging.getLogger('tensorflow').warning('retracing')\n"
    text += "warnings.warn_explicit('the user\\'s', UserWarning, 'mine.py', 7, 'mine')"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert done.stderr == "warning: ours\nmine.py:7: UserWarning: the user's\n"
    loud = subprocess.run([sys.executable, "-W", "always", "-c", text], capture_output=True, text=True, timeout=60)
    assert "theirs" in loud.stderr and "retracing" in loud.stderr


def test_a_terminal_of_few_signs_and_a_closed_pipe_are_no_traceback(builds: list[Path]) -> None:
    command = f"{sys.executable} -c 'from dietcnn_hls.cli import main; main()' compare {builds[0]} {builds[1]}"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60, env=environment)
    assert done.returncode == 0 and b"\xf7 fast" in done.stdout and b"\\u2014" in done.stdout
    closed = subprocess.run(f"{command} | true", shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in closed.stderr


def test_a_misspelt_stage_is_one_line_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("{design: d, network: digits_lenet, dataset: digits, method: dietcnn}")
    done = run("build", "c.yml", "--upto", "lowerd", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: upto: a build has no stage 'lowerd'. Did you mean 'lowered'?\n"
    assert [path.name for path in tmp_path.iterdir()] == ["c.yml"]


@pytest.mark.parametrize(
    "arguments, status, text",
    [
        (["build", "nowhere.yml"], 2, "does not exist"),
        (["bild"], 2, "No such command"),
        (["compare"], 2, "Missing argument"),
        (["compare", ".", "--format", "xml"], 2, "'xml' is not one of"),
        (["compare", "."], 1, "error: No report at"),
    ],
)
def test_usage_is_2_and_a_stated_failure_1(arguments: list[str], status: int, text: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == status and text in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""


def test_a_misspelt_key_is_one_line_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("{design: d, network: digits_lenet, dataset: digits, method: dietcnn}")
    done = run("build", "c.yml", "--set", "method.weight_symbol=4", cwd=tmp_path)
    assert done.returncode == 1 and "Did you mean 'weight_symbols'?" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["c.yml"]
