# SPDX-License-Identifier: Apache-2.0
"""Verilator with our own small C++ main (``templates/rtl/sim_main.cpp``): designs become a native program, kept by content.

A program holds one or more designs with valid/ready ports. It streams words through each, draws bubbles and back-pressure if
asked, and counts cycles, words and bit changes.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.atomic import atomic_write_text, content_key
from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools import cache, compiler, doctor, process

_TEMPLATES = Path(str(importlib.resources.files("dietcnn_hls.templates"))) / "rtl"
MAIN = _TEMPLATES / "sim_main.cpp"
STREAM_CHECK = _TEMPLATES / "stream_check.sv"
TIMEOUT_S = 1800.0
"""Limit of Verilator's own work, in seconds."""

_PURPOSE = "RTL simulation"
_PROGRAM = "sim"
_STUCK = 3  # exit status of a program in which a design makes no progress
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_TRACE_RUNTIME = ("verilated_vcd_c.cpp",)


class RunFailed(ToolError):
    """A compiled simulation that ends with an error."""


@dataclass(frozen=True)
class Verilator:
    """Verilator and the C++ compiler that it needs; `root` is where its runtime lies."""

    path: Path
    version: str
    root: Path
    compiler: compiler.Compiler


@dataclass(frozen=True)
class Design:
    """A design as a simulator sees it: ``clk``, ``rst``, and ``in_`` and ``out_`` streams of ``valid``, ``ready`` and ``data``.

    Attributes:
        name: its top module.
        files: generated files, name -> text: SystemVerilog, and memory files (``.mem``), which lie where the program runs.
        library: further SystemVerilog files.
        input_bits: width of ``in_data``.
        output_bits: width of ``out_data``.
        streams: prefixes of ``_valid`` and ``_ready`` wires in the top, to be counted.
        mapped: whether it is a mapped netlist, below whose nets lie models of cells, whose insides are no hardware.
        inputs: prefix and width of each input where they are not ``in`` alone; `input_bits` is then the widest.
        outputs: likewise.
    """

    name: str
    files: Mapping[str, str]
    library: Sequence[Path]
    input_bits: int
    output_bits: int
    streams: Sequence[str] = ()
    mapped: bool = False
    inputs: Sequence[tuple[str, int]] = ()
    outputs: Sequence[tuple[str, int]] = ()

    @property
    def lanes(self) -> list[tuple[tuple[str, int] | None, tuple[str, int] | None]]:
        """Inputs and outputs side by side, prefix and width; each pair is fed and read as a design of its own."""
        inputs = self.inputs or [("in", self.input_bits)]
        outputs = self.outputs or [("out", self.output_bits)]
        return list(zip_longest(inputs, outputs))

    @property
    def sources(self) -> list[str]:
        """Names of the generated SystemVerilog files."""
        return [name for name in self.files if not name.endswith(".mem")]


@dataclass(frozen=True)
class Program:
    """A compiled simulation.

    Attributes:
        folder: holds the program and the memory files; it must run there.
        in_words: 32-bit words of an input beat, the same for all designs.
        out_words: 32-bit words of an output beat.
    """

    folder: Path
    in_words: int
    out_words: int


@dataclass(frozen=True)
class Feed:
    """What one design of a program is fed, and what it answers with.

    Attributes:
        words: (images * beats, words) uint32, each beat in the low bits.
        beats: input beats of an image.
        out_beats: output beats of an image.
        images: images in all.
    """

    words: np.ndarray
    beats: int
    out_beats: int
    images: int


@dataclass(frozen=True)
class Outcome:
    """What a run gave.

    Attributes:
        outputs: by design, (images * out_beats, out_words) uint32; empty where a design is stuck.
        facts: what the program counted; its main says in which words.
        stuck: what it knows of a design that makes no progress, or None.
    """

    outputs: list[np.ndarray]
    facts: Mapping[str, Any]
    stuck: Mapping[str, Any] | None = None


def find() -> Verilator:
    """Verilator 5 and a C++ compiler; ToolError with the remedy when one is missing, too old or does not answer."""
    return _find(os.environ.get("PATH"), os.environ.get("CXX"))


@lru_cache(maxsize=4)
def _find(*_: str | None) -> Verilator:
    """Asked once in an environment: a simulation takes less time than these answers."""
    tool = doctor.require("verilator", _PURPOSE)
    done = process.run([tool.executable, "--getenv", "VERILATOR_ROOT"], timeout_s=TIMEOUT_S)
    if done.status != 0 or not done.output.strip():
        raise ToolError(f"{_PURPOSE} needs Verilator's own folder, which {tool.path} does not tell; {tool.remedy}")
    return Verilator(tool.executable, str(tool.version), Path(done.output.strip()), compiler.find(_PURPOSE))


def lint(design: Design) -> str:
    """What ``verilator --lint-only -Wall`` says about a design; empty when it is clean."""
    verilator = find()
    with tempfile.TemporaryDirectory(prefix="dietcnn_lint_") as name:
        files = [*_write(design, Path(name)), *map(str, design.library)]
        command: list[str | Path] = [verilator.path, "--lint-only", "-Wall", "-sv", "--top-module", design.name, *files]
        return process.run(command, Path(name), timeout_s=TIMEOUT_S).errors


def asserting() -> bool:
    """Whether simulations check the assertions of streams and cores: the environment variable DIETCNN_ASSERT is 1."""
    return os.environ.get("DIETCNN_ASSERT") == "1"


def compile_program(
    designs: Sequence[Design], *, trace: bool = False, optimize: str = "-O2", cache_dir: Path | None = None
) -> Program:
    """Compile designs of different names into one program, or take it from the cache.

    Args:
        designs: see `Design`; their files have different names or equal content.
        trace: count bit changes, those of the hardware alone: assertions are then left out.
        optimize: the C++ compiler's level for the designs.
        cache_dir: folder of programs; `cache.root` when None.

    Raises:
        ToolError: a tool is missing or refuses a design (the message ends with what it said).
        OutputError: the cache cannot be written.
    """
    verilator = find()
    in_words = max(3, *(-(-design.input_bits // 32) for design in designs))
    out_words = max(3, *(-(-design.output_bits // 32) for design in designs))
    checked = asserting() and not trace
    wrapper = _wrapper(designs, in_words, out_words, checked)
    library = sorted({path for design in designs for path in design.library} | ({STREAM_CHECK} if checked else set()))
    files = {name: text for design in designs for name, text in design.files.items()}
    depth = 2 if all(design.mapped for design in designs) else None
    built_by = (verilator.version, str(verilator.compiler.path), verilator.compiler.version)
    key = content_key(*built_by, trace, checked, depth, optimize, wrapper, files, library, MAIN)[:32]

    def make(folder: Path) -> None:
        sources = [name for design in designs for name in _write(design, folder)]
        atomic_write_text(folder / "sim_top.sv", wrapper)
        _verilate(verilator, ["sim_top.sv", *sources, *map(str, library)], folder, trace, checked, depth)
        defines = [
            f"-DDESIGNS={sum(len(design.lanes) for design in designs)}",
            f"-DIN_WORDS={in_words}",
            f"-DOUT_WORDS={out_words}",
            f"-DSTREAMS={max(1, sum(len(design.streams) for design in designs))}",
        ]
        _compile(verilator, folder, defines, trace, optimize, runtime(verilator, trace, cache_dir))

    place = cache.entry("verilator", key, make, lambda folder: (folder / _PROGRAM).is_file(), cache_dir)
    return Program(place, in_words, out_words)


def run(
    program: Program,
    feeds: Sequence[Feed],
    *,
    seed: int = 0,
    input_stalls: float = 0.0,
    output_stalls: float = 0.0,
    patience: int,
) -> Outcome:
    """Run a program on a batch for each of its designs.

    Args:
        program: from `compile_program`.
        feeds: one for each design, in their order; of designs with several inputs or outputs one for each of `Design.lanes`.
        seed: of the stalls.
        input_stalls: share of cycles without input word; `output_stalls`: without room for output.
        patience: cycles without progress after which a design counts as stuck.

    Raises:
        RunFailed: a design yields what it should not, or the program fails.
        ToolError: the program cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="dietcnn_sim_") as name:
        folder = Path(name)
        job = [f"{seed} {round(1000 * input_stalls)} {round(1000 * output_stalls)} {patience}"]
        for i, feed in enumerate(feeds):
            words = np.zeros((len(feed.words), program.in_words), np.uint32)
            words[:, : feed.words.shape[1]] = feed.words
            words.tofile(folder / f"in{i}")
            job.append(f"{folder}/in{i} {folder}/out{i} {feed.beats} {feed.out_beats} {feed.images}")
        (folder / "job").write_text("\n".join(job) + "\n")
        done = process.run([program.folder / _PROGRAM, folder / "job"], program.folder, timeout_s=process.LONG_S)
        if done.status not in (0, _STUCK):
            # assertions speak on stdout
            raise RunFailed(f"{(done.output + done.errors).strip()[-700:] or 'no message'} (status {done.status})")
        return read(done, [folder / f"out{i}" for i in range(len(feeds))], program.out_words)


def read(done: process.Finished, files: Sequence[Path], out_words: int) -> Outcome:
    """What a run left: the report that it printed and the words of every design.

    Raises:
        ToolError: a report that is none.
    """
    try:
        facts = json.loads(done.output)
    except ValueError as error:
        raise ToolError(f"the simulation's report cannot be read ({error}); remove its folder from the cache") from error
    if done.status == _STUCK:
        return Outcome([], {}, facts)
    return Outcome([np.fromfile(file, np.uint32).reshape(-1, out_words) for file in files], facts)


def _write(design: Design, folder: Path) -> list[str]:
    """Write the generated files; returns the names of the SystemVerilog ones."""
    for name, text in design.files.items():
        atomic_write_text(folder / name, text)
    return design.sources


def _verilate(verilator: Verilator, sources: Sequence[str], folder: Path, trace: bool, checked: bool, depth: int | None) -> None:
    flags = ["--trace", "--trace-underscore", *(["--trace-depth", str(depth)] if depth else [])] if trace else []
    command = ["--cc", "-sv", "--top-module", "sim_top", "--Mdir", "obj", "-O3", "-Wno-fatal", "-Wno-lint"]
    command += ["--x-assign", "fast", "--x-initial", "fast", "--unroll-count", "100000", *flags]
    command += ["--assert", "+define+DIETCNN_ASSERT"] if checked else ["--noassert"]
    done = process.run([verilator.path, *command, *sources], folder, timeout_s=TIMEOUT_S)
    if done.status != 0:
        said = (done.errors or done.output).strip()[-1500:] or f"no message (status {done.status})"
        raise ToolError(f"{verilator.path.name} failed: {said}")
    if not (folder / "obj" / "Vsim_top.h").is_file():
        raise ToolError(f"{verilator.path.name} named no error and wrote no simulation; install it again")


def _compile(
    verilator: Verilator, folder: Path, defines: Sequence[str], trace: bool, optimize: str, runtime: Sequence[Path]
) -> None:
    base = [*flags(verilator, trace), "-Iobj"]
    all_in_one = folder / "obj" / "all.cpp"
    names = sorted(path.name for path in all_in_one.parent.glob("*.cpp"))
    all_in_one.write_text("".join(f'#include "{name}"\n' for name in names))
    shutil.copy(MAIN, folder / MAIN.name)
    if optimize == "-O0" and not trace:  # for a few images: one unit, which reads the headers once
        with open(all_in_one, "a", encoding="utf-8") as unit:
            unit.write(f'#include "../{MAIN.name}"\n')
        jobs = [[*base, "-O0", *defines, "-c", "obj/all.cpp", "-o", "all.o"]]
    else:
        jobs = [[*base, optimize, "-c", "obj/all.cpp", "-o", "all.o"], [*base, "-O2", *defines, "-c", MAIN.name, "-o", "main.o"]]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda arguments: compiler.run(verilator.compiler, arguments, folder), jobs))
    objects = [job[-1] for job in jobs]
    compiler.run(verilator.compiler, [*objects, *runtime, "-lpthread", "-o", _PROGRAM], folder)


def flags(verilator: Verilator, trace: bool) -> list[str]:
    """What the C++ compiler needs for a simulation and for the `runtime` alike."""
    include = verilator.root / "include"
    defines = [f"-DVM_TRACE={int(trace)}", f"-DVM_TRACE_VCD={int(trace)}", "-DVM_SC=0", "-DVM_COVERAGE=0", "-DVL_TIME_CONTEXT"]
    return ["-std=c++17", f"-I{include}", f"-I{include / 'vltstd'}", *defines]


def runtime(verilator: Verilator, trace: bool, cache_dir: Path | None = None) -> list[Path]:
    """Objects of Verilator's runtime, compiled once and kept in the cache."""
    names = [*_RUNTIME, *(_TRACE_RUNTIME if trace else ())]

    def make(folder: Path) -> None:
        for name in names:
            source = verilator.root / "include" / name
            compiler.run(verilator.compiler, [*flags(verilator, trace), "-O2", "-c", source, "-o", f"{name}.o"], folder)

    def whole(folder: Path) -> bool:
        return all((folder / f"{name}.o").is_file() for name in names)

    key = content_key(verilator.version, str(verilator.compiler.path), verilator.compiler.version, trace)[:12]
    place = cache.entry("verilator", f"runtime-{verilator.version}-{key}", make, whole, cache_dir)
    return [place / f"{name}.o" for name in names]


def _wrapper(designs: Sequence[Design], in_words: int, out_words: int, checked: bool) -> str:
    """``sim_top``: the designs side by side, every port an array of 32-bit words for C++; streams are watched if `checked`."""
    count = sum(len(design.lanes) for design in designs)
    flags = 32 * max(3, -(-count // 32))
    streams = sum(len(design.streams) for design in designs)
    state = 32 * max(3, -(-streams // 32))
    lines = [
        "module sim_top (",
        "    input logic clk, input logic rst,",
        f"    input logic [{flags - 1}:0] in_valid, output logic [{flags - 1}:0] in_ready,",
        f"    input logic [{count * in_words * 32 - 1}:0] in_data,",
        f"    output logic [{flags - 1}:0] out_valid, input logic [{flags - 1}:0] out_ready,",
        f"    output logic [{count * out_words * 32 - 1}:0] out_data,",
        f"    output logic [{state - 1}:0] stream_valid, output logic [{state - 1}:0] stream_ready);",
    ]
    index = lane = 0
    for i, design in enumerate(designs):
        ports = [".clk(clk)", ".rst(rst)"]
        for place, (entry, end) in enumerate(design.lanes, lane):
            ports += _connected(entry, "in", place, in_words) + _connected(end, "out", place, out_words)
            used = end[1] if end else 0
            if out_words * 32 > used:
                lines.append(f"  assign out_data[{place * out_words * 32 + used} +: {out_words * 32 - used}] = '0;")
            lines += [] if entry else [f"  assign in_ready[{place}] = 1'b0;"]
            lines += [] if end else [f"  assign out_valid[{place}] = 1'b0;"]
        lane += len(design.lanes)
        lines += [f"  {design.name} dut{i} (", "      " + ",\n      ".join(ports) + ");"]
        for wire in design.streams:
            lines.append(
                f"  assign stream_valid[{index}] = dut{i}.{wire}_valid; assign stream_ready[{index}] = dut{i}.{wire}_ready;"
            )
            index += 1
    for name, used, width in (
        ("in_ready", count, flags),
        ("out_valid", count, flags),
        ("stream_valid", streams, state),
        ("stream_ready", streams, state),
    ):
        if width > used:
            lines.append(f"  assign {name}[{width - 1}:{used}] = '0;")
    watches = [_watch(design.name, wire) for design in designs for wire in design.streams] if checked else []
    return "\n".join([*lines, "endmodule", *watches, ""])


def _connected(port: tuple[str, int] | None, side: str, lane: int, words: int) -> list[str]:
    """Connections of one port of a design to its lane."""
    if port is None:
        return []
    prefix, bits = port
    flags = [f".{prefix}_{part}({side}_{part}[{lane}])" for part in ("valid", "ready")]
    return [*flags, f".{prefix}_data({side}_data[{lane * words * 32} +: {bits}])"]


def _watch(top: str, wire: str) -> str:
    """A check of one stream, bound into the design's top."""
    ports = f".clk(clk), .rst(rst), .valid({wire}_valid), .ready({wire}_ready), .data({wire}_data)"
    return f"bind {top} stream_check #(.WIDTH($bits({wire}_data))) {wire}_check ({ports});"


__all__ = [
    "Design",
    "Feed",
    "Outcome",
    "Program",
    "RunFailed",
    "Verilator",
    "asserting",
    "compile_program",
    "find",
    "lint",
    "read",
    "run",
]
