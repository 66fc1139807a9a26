# SPDX-License-Identifier: Apache-2.0
"""Report files that no build wrote: one error with file and key, quickly, whatever they hold; none reaches a comparison."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.reports.compare import compare, compare_folders
from dietcnn_hls.reports.model import Report

GOOD: dict[str, Any] = {
    "schema": 1,
    "design": "d",
    "network": "n",
    "method": "m",
    "accuracy": {"csim": 0.9, "n_test": 100, "images": {"csim": 100}},
    "resources": {"lut": 5, "source": "yosys 0.70/carry"},
    "layers": [{"name": "a", "kind": "linear"}, {"name": "b", "kind": "linear"}],
}


def text_of(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def raw(key: str, value: str) -> str:
    """A report with JSON of one's own as a value, which `json.dumps` might not write."""
    return text_of(**{key: "@"}).replace('"@"', value)


@pytest.mark.parametrize(
    "text, said",
    [
        (raw("seed", "NaN"), "seed: nan is no number"),
        (raw("clock_ns", "1e999"), "clock_ns: inf is no number"),
        (raw("clock_ns", "-Infinity"), "clock_ns: -inf is no number"),
        (raw("seed", "9" * 5000), "no readable report"),
        (raw("seed", "9" * 400), "seed: a number of more than 64 bits"),
        (raw("resources", '{"lut": 1, "lut": 2, "source": "vivado"}'), "key 'lut' is given twice"),
        (text_of()[:-1] + ', "design": "e"}', "key 'design' is given twice"),
        (raw("folding", "[" * 100_000), "no readable report"),
        (raw("folding", '{"a":' * 300 + "1" + "}" * 300), "nested more than 40 levels deep"),
        (raw("design", '"\\ud800"'), "design: text that is no Unicode"),
        (text_of(design=5), "design: Input should be a valid string"),
        (text_of(design=""), "design: "),
        (text_of(design="x" * 20_000), "design: String should have at most 10000 characters"),
        (text_of(seed="1"), "seed: Input should be a valid integer"),
        (text_of(seed=True), "seed: Input should be a valid integer"),
        (text_of(clock_ns="5"), "clock_ns: Input should be a valid number"),
        (text_of(clock_ns=True), "clock_ns: Input should be a valid number"),
        (text_of(accuracy={"csim": "0.9"}), "accuracy.csim: Input should be a valid number"),
        (text_of(accuracy={"csim": True}), "accuracy.csim: Input should be a valid number"),
        (text_of(accuracy={"csim": 1.5}), "accuracy.csim: Input should be less than or equal to 1"),
        (text_of(accuracy={"csim": 0.5, "images": {"csim": 0.5}}), "accuracy.images.csim: Input should be a valid integer"),
        (text_of(accuracy={"csim": 0.5, "images": [100]}), "accuracy.images: Input should be a valid dictionary"),
        (text_of(accuracy=[]), "accuracy: "),
        (text_of(accuracy=None), "'accuracy' is null"),
        (text_of(resources={"lut": 2**63, "source": "vivado"}), "resources.lut: a number of more than 64 bits"),
        (text_of(resources={"lut": 5}), "resources.source: Field required"),
        (text_of(bit_exact={"rtl_vs_csim": [1, 0]}), "bit_exact.rtl_vs_csim: "),
        (text_of(bit_exact={"rtl": {"samples": 1, "mismatches": 0}}), "bit_exact.rtl"),
        (text_of(layers=[{"name": "a", "kind": "linear"}] * 2), "two layers are named 'a'"),
        (text_of(layers={"a": 1}), "layers: Input should be a valid tuple"),
        (text_of(layers="ab"), "layers: Input should be a valid tuple"),
        (text_of(timings_s={"a": -1}), "timings_s.a: Input should be greater than or equal to 0"),
        (text_of(surprise=1), "surprise: unknown key"),
        (text_of(**{f"k{i}": i for i in range(9)}), "and 4 more"),
        (text_of(**{"k" * 10**6: 1}), "kkk: unknown key"),
        ("", "no readable report"),
        ("{", "no readable report"),
        ("\x00" * 100, "no readable report"),
        ("5", "has no 'schema'"),
    ],
    ids=range(39),
)
def test_a_crafted_report_is_one_error_with_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder, content in ((good, text_of()), (bad, text)):
        folder.mkdir()
        (folder / "report.json").write_text(content)
    with pytest.raises(ConfigError) as caught:
        compare_folders([good, bad])
    assert str(bad / "report.json") in str(caught.value) and said in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_files_that_are_no_text_or_too_large(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ConfigError, match="no readable report"):
        Report.load(path)
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: no byte of it is on the disk
    with pytest.raises(ConfigError, match=r"it has 1,099,511,627,776 bytes, of at most"):
        Report.load(path)
    with pytest.raises(ConfigError, match="no readable report"):
        Report.load("a\0b")


def test_a_hundred_thousand_layers_are_read_in_a_breath(tmp_path: Path) -> None:
    layers = [{"name": f"l{i}", "kind": "linear"} for i in range(100_000)]
    (tmp_path / "report.json").write_text(text_of(layers=layers))
    assert len(Report.load(tmp_path).layers or ()) == 100_000


@pytest.mark.parametrize("given", [Path("a"), {"schema": 1}, None, "d"])
def test_what_is_no_report_is_not_compared(given: Any) -> None:
    with pytest.raises(ConfigError, match="reports: give Report values"):
        compare([given])


def test_the_command_line_says_it_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(raw("clock_ns", "NaN"))
    command = [sys.executable, "-c", "from dietcnn_hls.cli import main; main()", "compare", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path / 'report.json'}: clock_ns: nan is no number that a key can have\n"
