# SPDX-License-Identifier: Apache-2.0
"""Verilator is found with its compiler or refused with the remedy; programs run any design that keeps the port contract."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools import process, verilator

ECHO = """
module echo (
    input logic clk, input logic rst,
    input logic in_valid, output logic in_ready, input logic [39:0] in_data,
    output logic out_valid, input logic out_ready, output logic [39:0] out_data
);
  logic [39:0] key [0:0];
  initial $readmemh("echo.mem", key);
  wire both_valid = in_valid, both_ready = out_ready;
  assign out_valid = in_valid;
  assign in_ready = out_ready;
  assign out_data = in_data ^ key[0];
endmodule
"""
DESIGN = verilator.Design("echo", {"echo.sv": ECHO, "echo.mem": "1\n"}, (), 40, 40, ("both",))
WORDS = np.arange(12, dtype=np.uint32).reshape(6, 2)


@pytest.fixture(scope="module")
def program(programs: Path) -> verilator.Program:
    return verilator.compile_program([DESIGN], optimize="-O0", cache_dir=programs)


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_missing_tools_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)

    def refused(text: str) -> None:
        with pytest.raises(ToolError, match=text):
            verilator.find()

    refused(r"^RTL simulation needs verilator, which was not found: install Verilator 5 .* apt install verilator")
    put(tmp_path, "verilator", "echo Verilator 4.038")
    refused("which is version 4.038, older than 5")
    put(tmp_path, "verilator", 'if [ "$1" = --version ]; then echo Verilator 5.006; else exit 1; fi')
    refused("needs Verilator's own folder, which .*verilator does not tell")
    put(tmp_path, "verilator", 'if [ "$1" = --version ]; then echo Verilator 5.006; else echo /share; fi')
    refused(r"^RTL simulation needs g\+\+, which was not found")
    put(tmp_path, "g++", "echo g++ 12.2.0")
    found = verilator.find()
    assert (found.path, found.version, found.root) == (tmp_path / "verilator", "5.006", Path("/share"))
    assert found.compiler.version == "12.2.0"
    put(tmp_path, "verilator", "exit 1")
    assert verilator.find() is found, "asked once in an environment"


def test_words_go_through_and_are_counted(program: verilator.Program) -> None:
    outcome = verilator.run(program, [verilator.Feed(WORDS, 3, 3, 2)], patience=100)
    assert outcome.stuck is None
    assert np.array_equal(outcome.outputs[0][:, :2] & [0xFFFFFFFF, 0xFF], WORDS ^ [1, 0])
    assert outcome.facts["moved"] == [6]
    stalled = verilator.run(program, [verilator.Feed(WORDS, 3, 3, 2)], seed=3, input_stalls=0.5, output_stalls=0.5, patience=100)
    assert np.array_equal(stalled.outputs[0], outcome.outputs[0])
    assert stalled.facts["cycles"] > outcome.facts["cycles"]


def test_a_design_that_waits_for_ever_says_what_it_knows(program: verilator.Program) -> None:
    outcome = verilator.run(program, [verilator.Feed(WORDS, 3, 4, 2)], patience=50)
    assert outcome.outputs == [] and outcome.stuck is not None
    assert (outcome.stuck["stuck"], outcome.stuck["sent"], outcome.stuck["received"]) == (0, 6, 6)


def test_a_program_that_fails_is_quoted(program: verilator.Program, tmp_path: Path) -> None:
    put(tmp_path, "sim", "echo design 0 yields more words than its images have >&2; exit 1")
    failing = dataclasses.replace(program, folder=tmp_path)
    with pytest.raises(verilator.RunFailed, match=r"^design 0 yields more words than its images have \(status 1\)$"):
        verilator.run(failing, [verilator.Feed(WORDS, 3, 3, 2)], patience=50)


def test_a_program_that_is_gone(program: verilator.Program, tmp_path: Path) -> None:
    lost = dataclasses.replace(program, folder=tmp_path)
    with pytest.raises(process.CannotStart, match="No such file or directory"):
        verilator.run(lost, [verilator.Feed(WORDS, 3, 3, 2)], patience=50)


def test_a_report_that_is_none() -> None:
    with pytest.raises(ToolError, match=r"the simulation's report cannot be read .* remove its folder from the cache"):
        verilator.read(process.Finished(0, "{", "", 0.0), [], 3)


def test_equal_content_is_compiled_once(program: verilator.Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator, "_verilate", pytest.fail)
    cache = program.folder.parents[1]
    assert verilator.compile_program([DESIGN], optimize="-O0", cache_dir=cache) == program


def test_what_verilator_refuses_is_quoted(tmp_path: Path) -> None:
    broken = dataclasses.replace(DESIGN, files={"echo.sv": "module echo (input logic clk"})
    with pytest.raises(ToolError, match=r"verilator failed: .*echo\.sv:1:"):
        verilator.compile_program([broken], cache_dir=tmp_path)
    assert [path.name for path in (tmp_path / "verilator").iterdir()] == []
    assert "echo.sv" in verilator.lint(broken)
