# SPDX-License-Identifier: Apache-2.0
"""Compiles designs with Verilator and our own small C++ main (``templates/rtl/sim_main.cpp``); programs are cached by content."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dietcnn_hls.atomic import atomic_write_text, content_key
from dietcnn_hls.errors import OutputError, ToolError
from dietcnn_hls.rtl.design import TEMPLATES, RtlDesign

MAIN = TEMPLATES / "sim_main.cpp"
_TIMEOUT_S = 1800
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_TRACE_RUNTIME = ("verilated_vcd_c.cpp",)


@dataclass(frozen=True)
class Program:
    """A compiled simulation; its folder holds the memory files, and it must run there.

    Attributes:
        path: the executable.
        in_words: 32-bit words of an input beat, the same for all designs.
        out_words: 32-bit words of an output beat.
    """

    path: Path
    in_words: int
    out_words: int


@dataclass(frozen=True)
class Tools:
    """Verilator and the C++ compiler."""

    verilator: str
    compiler: str
    version: str
    root: Path


@cache
def find_tools() -> Tools:
    """Verilator 5 and a C++ compiler; ToolError with the remedy when one is missing."""
    verilator = shutil.which("verilator")
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if verilator is None:
        raise ToolError(
            "Verilator was not found; RTL simulation needs version 5. Install it (Debian and Ubuntu: apt install verilator), "
            "or build without RTL simulation (synthesis: none)."
        )
    if compiler is None:
        raise ToolError("no C++ compiler was found; RTL simulation needs g++ (Debian and Ubuntu: apt install g++).")
    version = _call([verilator, "--version"], Path.cwd()).split()[1]
    if int(version.split(".")[0]) < 5:
        raise ToolError(
            f"Verilator {version} is too old; RTL simulation needs version 5 (Debian 12, Ubuntu 24.04 or later have it)."
        )
    root = Path(_call([verilator, "--getenv", "VERILATOR_ROOT"], Path.cwd()).strip())
    return Tools(verilator, compiler, version, root)


def compile_program(
    designs: Sequence[RtlDesign], *, trace: bool = False, optimize: str = "-O2", cache_dir: Path | None = None
) -> Program:
    """Compile designs of different names into one program, or take it from the cache.

    Raises:
        ToolError: a tool is missing or refuses the design (the message ends with what it said).
        OutputError: the cache cannot be written.
    """
    from dietcnn_hls.tools.yosys.synthesis import default_cache

    tools = find_tools()
    in_words = max(3, *(-(-design.input.width // 32) for design in designs))
    out_words = max(3, *(-(-design.output.width // 32) for design in designs))
    wrapper = _wrapper(designs, in_words, out_words)
    sources = sorted({path for design in designs for path in design.sources})
    files = {name: text for design in designs for name, text in design.files.items()}
    # below the nets of a mapped netlist lie models of cells, whose insides are no hardware
    depth = 2 if all(design.mapped for design in designs) else None
    key = content_key(tools.version, tools.compiler, trace, depth, optimize, wrapper, files, sources, MAIN)[:32]
    folder = (cache_dir or default_cache()) / "verilator" / key
    program = Program(folder / "sim", in_words, out_words)
    if not program.path.exists():
        _build(tools, designs, sources, wrapper, program, trace, depth, optimize)
    return program


def lint(design: RtlDesign) -> str:
    """What ``verilator --lint-only -Wall`` says about a design; empty when it is clean."""
    tools = find_tools()
    with tempfile.TemporaryDirectory(prefix="dietcnn_lint_") as name:
        files = [str(path) for path in design.write(Path(name))]
        command = [tools.verilator, "--lint-only", "-Wall", "-sv", "--top-module", design.name, *files]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    return done.stderr


def _build(
    tools: Tools,
    designs: Sequence[RtlDesign],
    sources: Sequence[Path],
    wrapper: str,
    program: Program,
    trace: bool,
    depth: int | None,
    optimize: str,
) -> None:
    """Build in a folder beside the final one, then rename it."""
    folder = program.path.parent
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    except OSError as error:
        raise OutputError(
            f"the simulation cache {folder.parent} cannot be written ({error.strerror}); set DIETCNN_CACHE"
        ) from error
    try:
        for design in designs:
            for name, text in design.files.items():
                atomic_write_text(work / name, text)
        atomic_write_text(work / "sim_top.sv", wrapper)
        tops = [name for design in designs for name in design.files if name not in design.memory_files]
        flags = ["--trace", "--trace-underscore", *(["--trace-depth", str(depth)] if depth else [])] if trace else []
        command = [tools.verilator, "--cc", "-sv", "--top-module", "sim_top", "--Mdir", "obj", "-O3", "-Wno-fatal", "-Wno-lint"]
        command += ["--x-assign", "fast", "--x-initial", "fast", "--noassert", "--unroll-count", "100000", *flags]
        _call([*command, "sim_top.sv", *tops, *map(str, sources)], work)
        defines = [f"-DDESIGNS={len(designs)}", f"-DIN_WORDS={program.in_words}", f"-DOUT_WORDS={program.out_words}"]
        defines += [f"-DSTREAMS={max(1, sum(len(design.streams) for design in designs))}"]
        _compile(tools, work, defines, trace, optimize)
        with contextlib.suppress(OSError):  # another process may have been faster
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(tools: Tools, work: Path, defines: list[str], trace: bool, optimize: str) -> None:
    include = tools.root / "include"
    base = [tools.compiler, "-std=c++17", f"-I{include}", f"-I{include / 'vltstd'}", "-Iobj", *_common_defines(trace)]
    runtime = _runtime(tools, trace, work.parent)
    units = [work / "obj" / "all.cpp"]
    units[0].write_text("".join(f'#include "{path.name}"\n' for path in sorted((work / "obj").glob("*.cpp"))))
    shutil.copy(MAIN, work / "sim_main.cpp")
    jobs = [[*base, optimize, "-c", "obj/all.cpp", "-o", "all.o"], [*base, "-O2", *defines, "-c", "sim_main.cpp", "-o", "main.o"]]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda command: _call(command, work), jobs))
    _call([tools.compiler, "all.o", "main.o", *map(str, runtime), "-lpthread", "-o", "sim"], work)


def _common_defines(trace: bool) -> list[str]:
    return [f"-DVM_TRACE={int(trace)}", f"-DVM_TRACE_VCD={int(trace)}", "-DVM_SC=0", "-DVM_COVERAGE=0", "-DVL_TIME_CONTEXT"]


def _runtime(tools: Tools, trace: bool, cache: Path) -> list[Path]:
    """Verilator's runtime, compiled once."""
    include = tools.root / "include"
    names = [*_RUNTIME, *(_TRACE_RUNTIME if trace else ())]
    folder = cache / f"runtime-{tools.version}-{int(trace)}"
    objects = [folder / f"{name}.o" for name in names]
    if not all(path.exists() for path in objects):
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in zip(names, objects, strict=True):
            partial = path.with_suffix(f".{os.getpid()}")
            base = [tools.compiler, "-std=c++17", "-O2", f"-I{include}", f"-I{include / 'vltstd'}", *_common_defines(trace)]
            _call([*base, "-c", str(include / name), "-o", str(partial)], folder)
            partial.replace(path)
    return objects


def _wrapper(designs: Sequence[RtlDesign], in_words: int, out_words: int) -> str:
    """``sim_top``: the designs side by side, every port an array of 32-bit words for C++."""
    count = len(designs)
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
    index = 0
    for i, design in enumerate(designs):
        lines += [
            f"  {design.name} dut{i} (.clk(clk), .rst(rst), .in_valid(in_valid[{i}]), .in_ready(in_ready[{i}]),",
            f"      .in_data(in_data[{i * in_words * 32} +: {design.input.width}]),",
            f"      .out_valid(out_valid[{i}]), .out_ready(out_ready[{i}]),",
            f"      .out_data(out_data[{i * out_words * 32} +: {design.output.width}]));",
        ]
        unused = out_words * 32 - design.output.width
        if unused:
            lines.append(f"  assign out_data[{i * out_words * 32 + design.output.width} +: {unused}] = '0;")
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
    return "\n".join([*lines, "endmodule", ""])


def _call(command: Sequence[str], folder: Path) -> str:
    """Run a tool; ToolError with the end of its messages when it fails."""
    tool = Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ToolError(f"{tool} did not finish within {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise ToolError(f"{tool} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


__all__ = ["Program", "Tools", "compile_program", "find_tools", "lint"]
