# SPDX-License-Identifier: Apache-2.0
"""Designs through Yosys layer by layer: figures do not depend on how many runs give them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.rtl import synthesis
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.synthesis import layer_resources, synthesise_one_by_one, synthesise_whole
from dietcnn_hls.tools.yosys.engine import Crashed
from dietcnn_hls.tools.yosys.synthesis import SynthesisJob, SynthesisResult
from tests.cases import exhaustive
from tests.methods.dietcnn.examples import table_kernel
from tests.tools.yosys.test_synthesis import _result as result


def tiny(folder: Path) -> RtlDesign:
    """A written design of one dense layer."""
    rng = np.random.default_rng(1)
    image = node("image", Source(), [], Stream((6,), 0, 7, 0, tuple(range(8))))
    graph = LoweredGraph("tiny", (image, node("fc", Linear(table_kernel(rng, image.stream, 2, 6, 4)), [image])))
    design = generate(graph, {"fc": Fold(1, 6)})
    design.write(folder)
    return design


@exhaustive
def test_modules_one_by_one_cost_what_they_cost_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Designs with large memories take the first way; figures do not depend on it."""
    monkeypatch.setenv("DIETCNN_CACHE", str(tmp_path / "cache"))
    design = tiny(tmp_path)
    alone, apart = (
        make(design, tmp_path, "xc7z020clg400-1", False, "carry")
        for make in (synthesise_one_by_one, partial(synthesise_whole, hierarchy=True))
    )
    assert layer_resources(design, alone) == layer_resources(design, apart)
    gates = apart.parts["tiny"]
    assert (alone.lut + gates.lut, alone.ff + gates.ff, gates.lut) == (apart.lut, apart.ff, 1)
    assert set(alone.parts) == {instance.name for instance in design.instances}


def test_a_design_at_which_one_run_crashes_is_taken_module_by_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One run has not the memory for all modules at once, and has it for each."""
    design = tiny(tmp_path)
    taken: list[str] = []

    def crashes(*_: object, **options: object) -> None:
        raise Crashed("tiny: Yosys crashed.")

    def noted(jobs: Sequence[SynthesisJob]) -> list[SynthesisResult]:
        taken.extend(job.top for job in jobs)
        return [result(job.top) for job in jobs]

    monkeypatch.setattr(synthesis, "synthesise_whole", crashes)
    monkeypatch.setattr(synthesis, "synthesise_many", noted)
    found = synthesis.synthesise_apart(design, tmp_path, DEFAULT_PART, False, "carry")
    assert taken == [instance.module for instance in design.instances]
    assert set(found.parts) == {instance.name for instance in design.instances}
    assert "Yosys crashed. Its modules are taken one by one." in caplog.text
