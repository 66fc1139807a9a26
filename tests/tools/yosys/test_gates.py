# SPDX-License-Identifier: Apache-2.0
"""The mapped netlist computes what the design does, bit for bit, cycle by cycle, on random stimuli."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools import compiler, process, verilator
from dietcnn_hls.tools.yosys.gates import VERILATOR_FLAGS, gate_level_sources
from dietcnn_hls.tools.yosys.synthesis import SynthesisResult, synthesise

DESIGNS = Path(__file__).parents[2] / "rtl" / "designs"
CYCLES = 20_000


def _words(path: Path, depth: int, width: int) -> Path:
    words = random.Random(width)
    path.write_text("".join(f"{words.getrandbits(width):05x}\n" for _ in range(depth)))
    return path


def _run(folder: Path, sources: list[Path], programs: Path) -> tuple[int, int, int]:
    """Cycles compared, cycles that differ, output bits that toggled."""
    found = verilator.find()
    files = [*sources, *(DESIGNS / name for name in ("folded_mac.sv", "equivalence.sv"))]
    command = [found.path, "--cc", *VERILATOR_FLAGS, "--top-module", "equivalence", "--x-assign", "0", "--x-initial", "0"]
    done = process.run([*command, "--Mdir", "obj", *files], folder, timeout_s=600)
    assert done.status == 0, done.errors[-2000:]
    units = [*sorted((folder / "obj").glob("*.cpp")), DESIGNS / "equivalence.cpp"]
    (folder / "all.cpp").write_text("".join(f'#include "{unit}"\n' for unit in units))
    runtime = verilator.runtime(found, trace=False, cache_dir=programs)
    options = [*verilator.flags(found, trace=False), "-Iobj", "-O0"]
    compiler.run(found.compiler, [*options, "all.cpp", *runtime, "-lpthread", "-o", "equivalence"], folder)
    ran = subprocess.run(
        [folder / "equivalence", str(CYCLES)], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    compared, differing, toggled = (int(word) for word in ran.stdout.split())
    return compared, differing, toggled


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SynthesisResult]:
    folder = tmp_path_factory.mktemp("gates")
    files = [_words(folder / "weights.mem", 300, 18), _words(folder / "few.mem", 64, 5)]
    result = synthesise(
        [DESIGNS / "folded_mac.sv"],
        "folded_mac",
        parameters={"FILE": "weights.mem", "LUT_FILE": "few.mem"},
        include_files=files,
        dsp=False,
        engine="yowasp",
        cache_dir=folder / "cache",
    )
    return folder, result


def test_netlist_equals_the_design(mapped: tuple[Path, SynthesisResult], programs: Path) -> None:
    folder, result = mapped
    # the design is worth comparing: block RAM of both port modes, LUT RAM, shift registers, carry chains
    assert {"RAMB18E1", "RAM32M", "SRLC32E", "CARRY4", "LUT6", "FDRE"} <= result.cells.keys()
    compared, differing, toggled = _run(
        folder, gate_level_sources(result, folder / "sources", module="folded_mac_gates"), programs
    )
    assert (compared, differing) == (CYCLES - 4, 0)
    assert toggled > 160


def test_sources_name_what_they_need(mapped: tuple[Path, SynthesisResult], tmp_path: Path) -> None:
    _, result = mapped
    sources = gate_level_sources(result, tmp_path)
    assert [path.name for path in sources] == ["netlist.v", "cells.v", "carry_chain.sv", "block_ram.sv", "block_rams.sv"]
    assert "\nmodule folded_mac(" in sources[0].read_text()
    assert "module DSP48E1" not in sources[1].read_text()


def test_netlists_that_cannot_be_simulated(mapped: tuple[Path, SynthesisResult], tmp_path: Path) -> None:
    _, result = mapped
    with pytest.raises(ToolError, match=r"no simulation model of DSP48E2.*dsp=False"):
        gate_level_sources(result.model_copy(update={"cells": {"LUT2": 1, "DSP48E2": 1}}), tmp_path)
    for gone in (None, tmp_path / "gone.v"):
        with pytest.raises(ToolError, match="folded_mac: there is no mapped netlist"):
            gate_level_sources(result.model_copy(update={"netlist": gone}), tmp_path)
