# SPDX-License-Identifier: Apache-2.0
"""Stages as values: what a build runs follows from needs and keys; what is stale is made anew and mixes with nothing old."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.build import Request, build, code, make_request, run, stage_names
from dietcnn_hls.build.facts import Facts, merge
from dietcnn_hls.build.origins import FromGraph
from dietcnn_hls.build.plan import by_name, plan
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.build.stages import STAGES
from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.reports.activations import Activations
from dietcnn_hls.reports.model import Report
from tests.cases import exhaustive
from tests.graphs import random_codes, random_graph

GRAPH = random_graph(11)
X = random_codes(GRAPH, 12, 1).astype(np.uint8)
Y = reference.predict(GRAPH, X.astype(np.int64)).argmax(axis=1)


def request(folder: Path, **changes: Any) -> Request:
    return make_request(GRAPH, folder, **({"x_test": X, "y_test": Y, "synthesis": "none"} | changes))


def made(folder: Path) -> dict[str, int]:
    """Folders and files of a build by name, with the time at which each was made."""
    shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
    records = {path.name: path / ".dietcnn_hls.stage.json" if path.is_dir() else path for path in shown}
    return {name: record.stat().st_mtime_ns for name, record in records.items()}


# ---- the list


def test_stages_come_in_an_order_in_which_each_finds_what_it_needs() -> None:
    seen: set[str] = set()
    for stage in by_name(STAGES).values():
        assert set(stage.needs or ()) | set(stage.after) <= seen
        seen.add(stage.name)
    assert stage_names()[-1] == "report" and len(seen) == len(STAGES)


def test_a_circle_of_needs_and_a_name_given_twice_are_refused() -> None:
    one, two = (Stage(name, lambda state: Facts(), needs=(other,)) for name, other in (("a", "b"), ("b", "a")))
    with pytest.raises(ConfigError, match="stages of a build need each other: a > b > a"):
        by_name([one, two])
    with pytest.raises(ConfigError, match="two stages of a build have one name"):
        by_name([one, replace(two, name="a")])


def test_adding_a_stage_is_adding_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def count(state: Any) -> Facts:
        ran.append(state.graph.name)
        return Facts.of(versions={"counter": str(len(state.graph.nodes))})

    extra = Stage("count", count, needs=("lowered",), inputs=lambda request: "v1")
    monkeypatch.setattr(run, "STAGES", (*STAGES, extra))
    monkeypatch.setattr(hls, "compile", lambda folder: None)
    for _ in range(2):
        report = build(request(tmp_path, x_test=None, y_test=None))
    assert report.versions is not None and report.versions["counter"] == str(len(GRAPH.nodes))
    assert ran == ["random_net"], "the second build took what the first had found"
    monkeypatch.setattr(run, "STAGES", (*STAGES, replace(extra, inputs=lambda request: "v2")))
    assert build(request(tmp_path, x_test=None, y_test=None), "count").versions == report.versions and len(ran) == 2


# ---- upto


@pytest.mark.parametrize("name", stage_names())
def test_every_stage_can_be_the_last_or_says_why_not(name: str, tmp_path: Path) -> None:
    """Tools are asked for stage by stage: what stands before them needs none."""
    asked = request(tmp_path, checks={"netlist_samples": 2})
    try:
        planned = [stage.name for stage in plan(asked, name, by_name(STAGES))]
    except ConfigError as error:
        reasons = dict.fromkeys(("keras", "hls4ml"), "the network comes as a lowered graph")
        assert (reasons | {"stock": "only a float network at hls4ml's precisions"})[name] in str(error)
    except ToolError as error:
        assert name in ("vitis", "vivado") and "needs" in str(error)
    else:
        assert planned[-1] == name and ("hls" in planned) <= (name not in ("model", "lowered", "reference", "rtl", "synthesis"))


def test_only_what_the_last_stage_needs_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler
    monkeypatch.delenv("CXX", raising=False)
    report = build(request(tmp_path / "out", folding=50), "reference")
    assert set(made(tmp_path / "out")) == {"lowered"}
    assert report.accuracy is not None and report.accuracy.reference == 1.0 and report.accuracy.csim is None
    assert report.operations is not None and report.latency is not None and report.latency.source == "estimate"
    assert report.bit_exact == {} and report.layers is not None and report.layers[-1].operations is not None
    with pytest.raises(ToolError, match=r"g\+\+"):
        build(request(tmp_path / "out", folding=50))


def test_a_build_goes_on_from_a_shorter_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(request(tmp_path), "reference")
    before = made(tmp_path)
    monkeypatch.setattr(LoweredGraph, "counts", pytest.fail)  # of the stage that lowers
    report = build(request(tmp_path))
    assert before.items() <= made(tmp_path).items()
    assert report == Report.load(tmp_path) and report.accuracy is not None and report.accuracy.csim == 1.0


def test_a_shorter_build_leaves_what_still_holds(tmp_path: Path) -> None:
    build(request(tmp_path))
    before = made(tmp_path)
    assert {"lowered", "hls", "report.json"} == set(before)
    build(request(tmp_path), "reference")
    assert made(tmp_path) == before


@pytest.mark.parametrize(
    "name, changes, text",
    [
        ("refernce", {}, "upto: a build has no stage 'refernce'. Did you mean 'reference'?"),
        ("csim", {"x_test": None, "y_test": None}, "'random_net' cannot have the stage 'csim': it needs test images (x_test)"),
        ("rtl_simulation", {"x_test": None, "y_test": None}, "cannot have the stage"),
        ("keras", {}, "cannot have the stage 'keras': it needs a trained Keras model; the network comes as a lowered graph"),
        ("netlist", {}, "cannot have the stage 'netlist': checks.netlist_samples is 0"),
        ("synthesis", {"flows": ()}, "cannot have the stage 'synthesis': flows is empty"),
    ],
)
def test_a_stage_that_cannot_be_is_refused_before_any_work(name: str, changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build(request(tmp_path / "out", **changes), name)
    assert text in str(caught.value) and not (tmp_path / "out").exists()


# ---- keys


def touch(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    """As if any file of the package had another content."""
    monkeypatch.setattr(code, "_folder", lambda name, found=code._folder: found(name))
    monkeypatch.setattr(code, "versions", lambda: {"touched": mark})
    code.package_key.cache_clear()


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield lambda mark: touch(monkeypatch, mark)
    monkeypatch.undo()
    code.package_key.cache_clear()


def test_changed_code_makes_every_stage_anew_and_leaves_nothing_old(
    tmp_path: Path, touched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The design's RTL is not asked for again: what is stale goes all the same."""
    monkeypatch.setattr(hls, "compile", lambda folder: None)
    build(request(tmp_path, x_test=None, y_test=None), "rtl")
    build(request(tmp_path, x_test=None, y_test=None))
    before = made(tmp_path)
    assert set(before) == {"lowered", "rtl", "hls", "report.json"}
    touched("once")
    build(request(tmp_path, x_test=None, y_test=None), "lowered")
    assert set(made(tmp_path)) == {"lowered"} and made(tmp_path)["lowered"] != before["lowered"]
    build(request(tmp_path, x_test=None, y_test=None))
    after = made(tmp_path)
    assert set(after) == {"lowered", "hls", "report.json"} and not set(after.values()) & set(before.values())


def test_changed_code_simulates_anew(tmp_path: Path, touched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    build(request(tmp_path), "csim")
    wrong = np.full((12, *GRAPH.output.stream.shape), -99)
    monkeypatch.setattr(hls.CSim, "predict", lambda self, codes: wrong[: len(codes)])
    kept = build(request(tmp_path), "csim").bit_exact
    touched("twice")
    monkeypatch.setattr(hls.CSim, "predict", lambda self, codes: wrong[: len(codes)])
    found = build(request(tmp_path), "csim").bit_exact
    assert kept is not None and found is not None
    assert (kept["csim_vs_reference"].mismatches, found["csim_vs_reference"].mismatches) == (0, 12)


@pytest.mark.parametrize(
    "change, anew",
    [
        ({"part": "xc7z010clg400-1"}, {"rtl", "hls"}),
        ({"clock_period": 4.0}, {"rtl", "hls"}),
        ({"io_type": "io_parallel"}, {"hls"}),
        ({"folding": {"chain": 2}}, {"rtl", "hls"}),
        ({"dsp": True}, {"rtl"}),
        ({"x_test": X[::-1], "y_test": Y[::-1]}, {"hls"}),
        ({"y_test": None}, set()),
        ({"flows": ("default",)}, set()),
        # whose margin then follows from a timing analysis
        pytest.param({"synthesis": "yosys"}, {"rtl"}, marks=exhaustive),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else ", ".join(sorted(value)),
)
def test_what_a_change_touches_is_made_anew(
    change: dict[str, Any], anew: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of another design stays beside the new one, whatever is asked for."""
    monkeypatch.setattr(hls, "compile", lambda folder: None)
    build(request(tmp_path), "rtl")
    build(request(tmp_path), "hls")
    before = made(tmp_path)
    build(request(tmp_path, **change), "rtl")
    build(request(tmp_path, **change), "hls")
    after = made(tmp_path)
    assert {name for name in after if before[name] != after[name]} == anew


def test_a_refused_change_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    build(request(tmp_path))
    before = made(tmp_path)
    for change in ({"folding": 1}, {"x_test": X / 255, "y_test": None}, {"folding": {"layers": {"logit": {"pe": 1}}}}):
        with pytest.raises((ConfigError, Exception)):
            build(request(tmp_path, **change))
    assert made(tmp_path) == before


def test_a_file_beside_the_folders_is_that_of_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of other inputs that is cut short has written its file already; the facts of before must not claim it."""

    def mark(state: Any) -> Facts:
        text = str(state.request.hardware.clock_period)
        (state.workspace.root / "mark.txt").write_text(text)
        if text == "4.0":
            raise KeyboardInterrupt
        return Facts.of(versions={"mark": text})

    period = Stage("mark", mark, inputs=lambda request: request.hardware.clock_period, leaves=("mark.txt",))
    monkeypatch.setattr(run, "STAGES", (*STAGES, period))
    build(request(tmp_path), "mark")
    with pytest.raises(KeyboardInterrupt):
        build(request(tmp_path, clock_period=4.0), "mark")
    report = build(request(tmp_path), "mark")
    assert report.versions is not None and report.versions["mark"] == (tmp_path / "mark.txt").read_text() == "5.0"
    (tmp_path / "mark.txt").unlink()
    build(request(tmp_path), "mark")
    assert (tmp_path / "mark.txt").read_text() == "5.0"


@dataclass(eq=False)
class Dice(FromGraph):
    """A network that comes out otherwise at each training, as trainings on several cores do."""

    title = "throwing dice"
    throws: int = 0

    def train(self, folder: Path, workspace: Path) -> Facts:
        self.throws += 1
        (folder / "dice").write_text(str(self.throws))
        return Facts()

    def lower(self, folder: Path, name: str) -> LoweredGraph:
        return replace(self.graph, metadata={"dice": (folder / "dice").read_text()})


def test_what_was_made_of_a_lost_model_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model trained anew may differ at an equal key; a graph lowered from the lost one must not stand beside it."""
    monkeypatch.setattr(hls, "compile", lambda folder: None)
    asked = replace(request(tmp_path), origin=Dice(GRAPH))
    build(asked, "hls")
    (tmp_path / "model" / "dice").unlink()
    build(asked, "model")
    assert set(made(tmp_path)) == {"model"}
    build(asked, "hls")
    with np.load(tmp_path / "lowered" / "graph.npz") as content:
        assert json.loads(content["graph"].tobytes())["metadata"] == {"dice": "2"}


# ---- damage


def test_damaged_files_of_stages_are_made_anew(tmp_path: Path) -> None:
    first = build(request(tmp_path), "reference")
    graph = tmp_path / "lowered" / "graph.npz"
    whole = graph.read_bytes()
    for damage in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:100], b"", whole[:200] + b"\0" * (len(whole) - 200)):
        graph.write_bytes(damage)
        found = build(request(tmp_path), "reference")
        assert graph.read_bytes() == whole
        assert found.model_copy(update={"timings_s": first.timings_s}) == first


def test_damaged_results_are_computed_anew(tmp_path: Path) -> None:
    first = build(request(tmp_path))
    for path in sorted((tmp_path / ".measured").iterdir()):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(bytes(content))
    found = build(request(tmp_path))
    assert found.model_copy(update={"timings_s": first.timings_s}) == first


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_refuses_is_one_error_with_the_folder(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(code, "No space left on device", "somewhere/file")

    monkeypatch.setattr(reference, "predict", refuse)
    with pytest.raises(OutputError, match=f"{tmp_path}.*No space left on device"):
        build(request(tmp_path))
    monkeypatch.setattr(hls, "generate", refuse)
    with pytest.raises(OutputError, match=f"{tmp_path}.*No space left on device"):
        build(request(tmp_path), "hls")
    assert set(made(tmp_path)) == {"lowered"}


# ---- facts


def test_facts_meet_in_one_place() -> None:
    data: dict[str, Any] = {}
    merge(data, {"latency": {"cycles": 9, "interval": 8, "source": "estimate"}, "resources": {"bram18": 1, "source": "estimate"}})
    merge(data, {"latency": {"cycles": 7, "source": "rtl_simulation"}, "layers": {"a": {"name": "a", "kind": "linear"}}})
    merge(data, {"resources": {"lut": 5, "source": "yosys 0.70/carry"}, "layers": {"a": {"resources": {"lut": 5}}}})
    merge(data, {"resources": {"lut": 4, "source": "vivado"}, "accuracy": {"csim": 0.5, "images": {"csim": 10}}})
    merge(data, {"accuracy": {"rtl": 0.5, "images": {"rtl": 5}}, "timings_s": {"a": 1}})
    merge(data, {"timings_s": {"b": 2}})
    assert data == {
        "latency": {"cycles": 7, "source": "rtl_simulation"},
        "resources": {"lut": 4, "source": "vivado"},
        "other_resources": [{"lut": 5, "source": "yosys 0.70/carry"}],
        "layers": {"a": {"name": "a", "kind": "linear", "resources": {"lut": 5}}},
        "accuracy": {"csim": 0.5, "rtl": 0.5, "images": {"csim": 10, "rtl": 5}},
        "timings_s": {"a": 1, "b": 2},
    }, "figures of two sources are never mixed"


def test_histograms_of_activations_are_left_beside_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(request(tmp_path), "activations")
    found = Activations.load(tmp_path)
    assert found is not None and found.images == len(X)
    node = GRAPH.output
    assert sum(found.layers[node.name].counts) == len(X) * node.stream.size
    monkeypatch.setattr(Activations, "save", pytest.fail)  # made once
    build(request(tmp_path), "activations")
