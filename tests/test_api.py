# SPDX-License-Identifier: Apache-2.0
"""convert_and_build on lowered graphs: verified, reported, resumable, and loud before long work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dietcnn_hls
from dietcnn_hls import hls, reference
from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import ConfigError, DatasetError, DietError, OutputError, ResourceError, ToolError
from dietcnn_hls.hardware import estimate
from dietcnn_hls.hardware.memories import DesignMemory
from dietcnn_hls.lowered.storage import save_graph
from dietcnn_hls.reports.measure import compared, top1
from dietcnn_hls.reports.model import Report
from tests.graphs import random_codes, random_graph

GRAPH = random_graph(11)


def build(folder: Path, **changes: object) -> Report:
    x = random_codes(GRAPH, 40, 1).astype(np.uint8)
    labels = reference.predict(GRAPH, x.astype(np.int64)).argmax(axis=1)
    arguments = {"x_test": x, "y_test": labels, "synthesis": "none"} | changes
    return convert_and_build(GRAPH, folder, **arguments)  # type: ignore[arg-type]


def test_a_build_is_verified_counted_and_written(tmp_path: Path) -> None:
    report = build(tmp_path / "out", folding=50)
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["schema"] == 1 and Report.load(tmp_path / "out") == report
    assert written["bit_exact"]["csim_vs_reference"] == {"samples": 40, "mismatches": 0}
    digests = written["accuracy"].pop("digests")
    assert written["accuracy"] == {"reference": 1.0, "csim": 1.0, "n_test": 40, "images": {"reference": 40, "csim": 40}}
    assert digests["reference"] == digests["csim"]
    assert written["operations"]["multiplications"] == 0
    assert written["latency"]["source"] == "estimate" and written["latency"]["interval"] <= 50
    assert "lut" not in written["resources"]


def test_every_accuracy_states_its_own_images(tmp_path: Path) -> None:
    """The labels are wrong from the tenth image on: an accuracy of ten images is no accuracy of forty."""
    x = random_codes(GRAPH, 40, 1).astype(np.uint8)
    labels = reference.predict(GRAPH, x.astype(np.int64)).argmax(axis=1)
    labels[10:] = (labels[10:] + 1) % GRAPH.output.stream.size
    accuracy = build(tmp_path, y_test=labels, checks={"csim_samples": 10}).accuracy
    assert accuracy is not None and (accuracy.csim, accuracy.reference, accuracy.n_test) == (1.0, 0.25, 40)
    assert accuracy.images == {"reference": 40, "csim": 10}
    again = build(tmp_path, y_test=labels).accuracy
    assert again is not None and again.digests is not None and accuracy.digests is not None
    assert again.digests["csim"] == again.digests["reference"] == accuracy.digests["reference"] != accuracy.digests["csim"]


def test_a_second_build_resumes_and_gives_the_same_figures(tmp_path: Path) -> None:
    first = build(tmp_path)
    stage = (tmp_path / "hls").stat().st_ino
    second = build(tmp_path)
    assert (tmp_path / "hls").stat().st_ino == stage
    assert second.model_copy(update={"timings_s": first.timings_s}) == first


def test_a_second_build_repeats_no_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(tmp_path)
    for room, function in ((reference, "predict"), (hls.CSim, "predict")):
        monkeypatch.setattr(room, function, pytest.fail)
    x = random_codes(GRAPH, 40, 1).astype(np.uint8)
    again = convert_and_build(GRAPH, tmp_path, x_test=x, synthesis="none")
    assert again.bit_exact == first.bit_exact
    assert first.timings_s is not None and again.timings_s is not None
    assert again.timings_s["reference"] == first.timings_s["reference"]


def test_other_images_are_simulated_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path)
    monkeypatch.setattr(hls.CSim, "predict", lambda self, codes: np.full((len(codes), *GRAPH.output.stream.shape), -99))
    assert build(tmp_path).bit_exact["csim_vs_reference"].mismatches == 0  # type: ignore[index]
    x = random_codes(GRAPH, 40, 2).astype(np.uint8)
    assert build(tmp_path, x_test=x, y_test=None).bit_exact["csim_vs_reference"].mismatches == 40  # type: ignore[index]


def test_a_changed_design_is_generated_anew(tmp_path: Path) -> None:
    build(tmp_path)
    stage = (tmp_path / "hls").stat().st_ino
    build(tmp_path, io_type="io_parallel")
    assert (tmp_path / "hls").stat().st_ino != stage


def test_a_saved_graph_builds_without_tensorflow(tmp_path: Path) -> None:
    save_graph(GRAPH, tmp_path / "g.npz")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import dietcnn_hls\n"
        f"dietcnn_hls.convert_and_build({str(tmp_path / 'g.npz')!r}, {str(tmp_path / 'out')!r}, synthesis='none')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert Report.load(str(tmp_path / "out")).design == "random_net"


def test_import_is_quick_and_light() -> None:
    code = "import sys, dietcnn_hls; print([m for m in ('tensorflow', 'hls4ml', 'matplotlib', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert set(dietcnn_hls.__all__) >= {"convert_and_build", "convert", "compare", "Report", "methods", "layers"}


@pytest.mark.parametrize(
    "change, kind, text",
    [
        ({"part": "xc7z02"}, ConfigError, "Did you mean"),
        ({"io_type": "io_streams"}, ConfigError, "unknown io_type 'io_streams'. Did you mean 'io_stream'?"),
        ({"synthesis": "yosis"}, ConfigError, "Did you mean 'yosys'?"),
        ({"folding": {"layers": {"logit": {"pe": 1}}}}, ConfigError, "Did you mean 'logits'?"),
        ({"folding": {"target": 1}}, ConfigError, "unknown key 'target'"),
        ({"method": "dietcnn"}, DatasetError, "needs x_calibration"),
        ({"method": {"name": "dietcnn", "symbols": 3}}, ConfigError, "unknown key 'symbols'"),
        ({"y_test": np.zeros(3)}, DatasetError, "x_test holds 40 samples and y_test 3"),
        ({"x_test": np.zeros((40, 3, 3, 7)), "y_test": None}, DatasetError, "input of shape (3, 3, 7)"),
    ],
)
def test_bad_arguments_stop_before_anything_is_generated(
    change: dict[str, object], kind: type[DietError], text: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        build(tmp_path / "out", **change)
    assert text in str(caught.value)
    assert not (tmp_path / "out" / "hls").exists()


def test_an_output_that_is_a_file_or_a_strangers_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        build(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError):
        build(tmp_path / "folder")
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["thesis.tex"]


def test_an_output_that_holds_another_design(tmp_path: Path) -> None:
    build(tmp_path)
    with pytest.raises(OutputError, match="random_net"):
        build(tmp_path, name="another")


def test_no_compiler_is_said_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolError, match=r"g\+\+"):
        build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_design_too_large_for_its_part_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = DesignMemory(GRAPH.linear_nodes[0].name, "weights", 10**6, 8, 10**6)
    monkeypatch.setattr(estimate, "memories", lambda *_: [large])
    with pytest.raises(ResourceError, match=r"Remedies: .*fewer weight symbols"):
        build(tmp_path)


def test_mismatches_are_counted_by_sample() -> None:
    left = np.zeros((5, 2, 2))
    right = left.copy()
    right[1], right[3, 0, 0] = 1, 2
    assert compared(left, right).mismatches == 2
    assert top1(np.array([[0, 1], [1, 1], [2, 1]]), np.array([1, 0, 1])) == 2 / 3
