# SPDX-License-Identifier: Apache-2.0
"""Synthesis for Xilinx parts with Yosys: what a SystemVerilog design costs in LUTs, registers, DSPs and block RAMs.

Two flows. ``default`` is plain `synth_xilinx`. ``carry`` maps sums, differences and products of 4 bits and more to carry chains
before Yosys can rebuild them from compressors (``templates/yosys/carry.v``); both sides of a comparison take the same flow.
The engine is Yosys as WebAssembly, which gives everyone the same figures, or a native Yosys.
Results are cached by content. Designs are synthesised out of context: no I/O buffers, no clock buffers, flattened.

What SystemVerilog must look like so that Yosys 0.23 and 0.70 (and Vivado) build the same from it, as measured with both:

ROM in block RAM
    ``(* rom_style = "block" *) logic [W-1:0] mem [0:D-1];``, ``initial if (FILE != "") $readmemh(FILE, mem);`` and a
    registered read, ``always_ff @(posedge clk) if (en) q <= mem[addr];``, give the least number of RAMB18/RAMB36 in both
    versions. A synchronous reset of ``q``, a further register behind it and a counter as address change nothing; a registered
    *address* with a combinational read becomes a block RAM as well, but keeps its address register beside it. Without an
    attribute Yosys decides: 256x36 and 2048x8 went to block RAM, 512x16 and 1024x8 to LUTs. So state the style.
ROM in LUTs
    ``(* rom_style = "distributed" *)``. Yosys alone stops at it ("no valid mapping found": to Yosys it means LUT RAM, which
    holds no ROM); the scripts here turn it into Yosys' ``logic``. A bit costs one LUT6 per 64 words. ``ram_style`` is for
    memories that are written.
FILE parameter
    Untyped, ``parameter FILE = ""``: neither version reads ``parameter string``. Give the file in `include_files`; it lies in
    the folder where Yosys runs, under the name that the design uses. End it with a newline: Verilator 5.006 loses digits of
    a last word without one.
RAM
    With an asynchronous read it becomes RAM32M or RAM64M (``ram_style = "distributed"``), with a registered read block RAM
    (``"block"``); ``"block"`` with an asynchronous read is an error. Shift registers without reset become SRLC32Es, but not
    with a native Yosys before 0.70: 0.23 drops their clock enable (found by gate-level simulation), so there they stay FFs.
Accumulator
    ``acc + table``, never ``table + acc``: the logic of the *second* operand shares the LUT of the carry bit, so a table of 5
    index bits costs nothing beside the adder in this order, and one LUT a product bit in the other (16 against 25 LUTs for a
    16-bit accumulator and 9-bit products). Yosys' default flow always swaps; the carry flow keeps the order.
Multipliers
    ``a * b`` becomes one DSP48, with the registers and the accumulator around it, when ``dsp=True`` and the product has 9 bits
    or more; smaller ones stay in LUTs. Yosys heeds no ``use_dsp`` attribute, the choice holds for the whole run: synthesise
    modules one by one (`synthesise_many`, `sum_results`) to mix.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dietcnn_hls.atomic import atomic_write_text, content_key
from dietcnn_hls.errors import ConfigError, ToolError
from dietcnn_hls.hardware.parts import DEFAULT_PART, family
from dietcnn_hls.reports.model import Resources, yosys_source
from dietcnn_hls.tools import cache
from dietcnn_hls.tools.yosys import engine as yosys
from dietcnn_hls.tools.yosys.engine import LOG_NAME, Engine, EngineChoice
from dietcnn_hls.tools.yosys.netlist import Cell, count_cells, read_instances, read_netlist
from dietcnn_hls.tools.yosys.paths import build_graph, longest_path
from dietcnn_hls.tools.yosys.script import NETLIST_JSON, NETLIST_VERILOG, Flow, synthesis_script
from dietcnn_hls.tools.yosys.workfolder import plan, prepare

PER_MODULE = "per-module"
RESULT_NAME = "result.json"
_MAPPED = f"{NETLIST_JSON}.gz"
# where a result's files lie in its cache entry, by its fields
_PLACES = {"netlist": NETLIST_VERILOG, "mapped": _MAPPED}
# Part of every cache key: raised when counting, the meaning of a field or the files of an entry change.
_REVISION = 2


class SynthesisResult(BaseModel):
    """What one design costs after mapping, before place and route.

    Attributes:
        top: name of the top module (of the sum: the design's).
        family: ``xc7``, ``xcu`` or ``xcup``.
        engine, version, build: ``yowasp`` or ``native``, Yosys' version, and the full version of what was installed.
        flow: ``default`` or ``carry``; sums over modules end in ``/per-module``.
        lut: all LUTs: LUT1..LUT6, inverters (as LUT1) and the `lutram` ones, as Vivado's "Slice LUTs" count. Vivado also
            packs two small LUTs with common inputs into one LUT6, which Yosys never does.
        lut_by_size: the logic ones by number of inputs, ``{"1": .., "6": ..}``.
        lutram: LUTs used as memory or shift register, contained in `lut`.
        muxf: MUXF7, MUXF8 and MUXF9.
        carry4: CARRY4 cells; a CARRY8 counts two.
        ff: flip-flops and latches.
        bram18: RAMB18; a RAMB36 counts two.
        logic_levels: longest path between registers or ports in levels, counted as `dietcnn_hls.tools.yosys.paths` says.
        path_cells: the cells on that path by type; their sum is Vivado's "logic levels".
        cells: all cells by type.
        cpu_s: CPU seconds that Yosys took when it ran (not when the result came from the cache).
        netlist: mapped Verilog netlist in the cache, for `gate_level_sources`; None for sums.
        mapped: the same with its cells' names and nets, for a timing analysis; None for sums.
        parts: with ``hierarchy=True``, the same of each instance in the top module, of which this result is then the sum.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    top: str
    part: str
    family: str
    engine: str
    version: str
    build: str
    flow: str
    lut: int
    lut_by_size: dict[str, int]
    lutram: int
    muxf: int
    carry4: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    logic_levels: int
    path_cells: dict[str, int]
    cells: dict[str, int]
    cpu_s: float
    netlist: Path | None = None
    mapped: Path | None = None
    parts: dict[str, SynthesisResult] = {}

    @property
    def source(self) -> str:
        """``yosys <version>/<flow>``, as every figure names its source."""
        return yosys_source(self.version, self.flow)

    def resources(self) -> Resources:
        """The figures as a report states them."""
        return Resources(
            lut=self.lut,
            ff=self.ff,
            dsp=self.dsp,
            bram18=self.bram18,
            uram=self.uram,
            muxf=self.muxf,
            carry=self.carry4,
            levels=self.logic_levels,
            source=self.source,
            flow=self.flow,
        )


@dataclass(frozen=True)
class SynthesisJob:
    """One design to synthesise; the fields are `synthesise`'s arguments."""

    sources: Sequence[Path]
    top: str
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    part: str = DEFAULT_PART
    flow: Flow = "carry"
    dsp: bool = True
    include_files: Sequence[Path] | Mapping[str, Path] = ()
    hierarchy: bool = False


def synthesise(
    sources: Sequence[Path],
    top: str,
    *,
    parameters: Mapping[str, int | str] | None = None,
    part: str = DEFAULT_PART,
    flow: Flow = "carry",
    dsp: bool = True,
    engine: EngineChoice = "auto",
    include_files: Sequence[Path] | Mapping[str, Path] = (),
    hierarchy: bool = False,
    cache_dir: Path | None = None,
    timeout_s: float = 3600.0,
) -> SynthesisResult:
    """Synthesise one design, or return the cached result of the same content.

    Args:
        sources: SystemVerilog files, in the order to read them.
        top: top module.
        parameters: values of its parameters; text may hold letters, digits and ``_ . / + -``.
        part: full part name; it chooses the family.
        flow: ``default`` or ``carry``.
        dsp: whether multiplications may become DSP48s.
        engine: ``yowasp``, ``native``, or ``auto``: the first of the two that is installed.
        include_files: what ``$readmemh`` and ```include`` read: files, found by their names, or ``{name in the design: file}``.
        hierarchy: keep the instances in the top module apart: the result is their sum, as `sum_results` has it, and its
            ``parts`` are theirs. One run in place of one for each module.
        cache_dir: folder of results; `cache.root` when None.
        timeout_s: wall-clock limit of Yosys.

    Raises:
        ConfigError: an unknown part, flow or engine, an unsafe name, two files of one name.
        OutputError: a file that is not there, or a cache that cannot be written.
        ToolError: Yosys is missing or fails (the message ends with its last error line and the log's path), the netlist
            holds unmapped logic, a combinational loop or conflicting drivers.
    """
    job = SynthesisJob(tuple(sources), top, dict(parameters or {}), part, flow, dsp, include_files, hierarchy)
    return _cached(_plan(job, yosys.find(engine)), cache_dir, timeout_s)


def synthesise_many(
    jobs: Sequence[SynthesisJob],
    *,
    engine: EngineChoice = "auto",
    cache_dir: Path | None = None,
    workers: int = 2,
    timeout_s: float = 3600.0,
    progress: Callable[[int, int, SynthesisResult], None] | None = None,
) -> list[SynthesisResult]:
    """Synthesise several designs at once; equal ones once. The results stand in the order of the jobs.

    Args:
        workers: how many Yosys processes run at a time.
        timeout_s: limit of each.
        progress: called from this thread after each design with the number done, of all, and its result.

    Raises:
        As `synthesise`; the first failure ends the batch, results so far stay cached.
    """
    if workers < 1:
        raise ConfigError(f"workers is {workers}; at least one is needed.")
    chosen = yosys.find(engine)
    with ThreadPoolExecutor(workers) as pool:
        plans = [_plan(job, chosen) for job in jobs]
        futures: dict[str, Future[SynthesisResult]] = {}
        for planned in plans:
            if planned.key not in futures:
                futures[planned.key] = pool.submit(_cached, planned, cache_dir, timeout_s)
        try:
            results: list[SynthesisResult] = []
            for number, planned in enumerate(plans, start=1):
                results.append(futures[planned.key].result().model_copy(update={"part": planned.job.part}))
                if progress:
                    progress(number, len(plans), results[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def sum_results(results: Sequence[SynthesisResult], top: str) -> SynthesisResult:
    """Add up modules that were synthesised one by one, as one design named `top` with flow ``<flow>/per-module``.

    Give a module as often as the design holds it. Optimisation across modules is lost, so the sum is an upper bound; paths
    through several modules are not seen: the levels are those of the worst module.

    Raises:
        ConfigError: no results, or results of different parts, engines or flows.
    """
    if not results:
        raise ConfigError(f"{top}: there are no modules to add up.")
    for what in ("part", "engine", "build", "flow"):
        values = {str(getattr(result, what)) for result in results}
        if len(values) > 1:
            raise ConfigError(f"{top}: modules of different {what}s cannot be added up: {', '.join(sorted(values))}.")
    first = results[0]
    worst = max(results, key=lambda result: result.logic_levels)
    added = {
        name: sum(getattr(result, name) for result in results)
        for name in ("lut", "lutram", "muxf", "carry4", "ff", "dsp", "bram18", "uram")
    }
    # equal modules were synthesised once
    cpu_s = sum({result.netlist or number: result.cpu_s for number, result in enumerate(results)}.values())
    flow = first.flow if first.flow.endswith(PER_MODULE) else f"{first.flow}/{PER_MODULE}"
    return first.model_copy(
        update={
            **added,
            "cpu_s": cpu_s,
            "top": top,
            "flow": flow,
            "lut_by_size": _added(result.lut_by_size for result in results),
            "cells": _added(result.cells for result in results),
            "logic_levels": worst.logic_levels,
            "path_cells": worst.path_cells,
            "netlist": None,
            "mapped": None,
        }
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


@dataclass(frozen=True)
class _Plan:
    """A job made ready: its script, its files by their names in the work folder, and the key of both."""

    job: SynthesisJob
    engine: Engine
    family: str
    script: str
    files: Mapping[str, Path]
    key: str


def _plan(job: SynthesisJob, engine: Engine) -> _Plan:
    chosen = family(job.part)
    names, files = plan(job.sources, job.include_files)
    script = synthesis_script(
        names,
        job.top,
        job.parameters,
        family=chosen,
        flow=job.flow,
        dsp=job.dsp,
        shift_registers=engine.shift_registers,
        hierarchy=job.hierarchy,
    )
    return _Plan(job, engine, chosen, script, files, content_key(_REVISION, engine.name, engine.build, script, files))


def _cached(planned: _Plan, cache_dir: Path | None, timeout_s: float) -> SynthesisResult:
    """The cached result, or a new one that is put into the cache."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as name:
            work = Path(name)
            found = _measure(planned, work, timeout_s, (cache_dir or cache.root()) / "yosys" / "logs")
            _compress(work / NETLIST_JSON, folder / _MAPPED)
            (work / NETLIST_VERILOG).rename(folder / NETLIST_VERILOG)
        atomic_write_text(folder / RESULT_NAME, found.model_dump_json(indent=2, exclude=set(_PLACES)) + "\n")

    entry = cache.entry("yosys", planned.key, make, lambda folder: _load(folder) is not None, cache_dir)
    found = _load(entry)
    assert found is not None
    return found.model_copy(update={"part": planned.job.part, **{field: entry / name for field, name in _PLACES.items()}})


def _load(entry: Path) -> SynthesisResult | None:
    """The result in an entry; None where there is none, or one of which something is missing or damaged."""
    try:
        result = SynthesisResult.model_validate_json((entry / RESULT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
    return result if all((entry / name).is_file() for name in _PLACES.values()) else None


def _compress(source: Path, target: Path) -> None:
    with source.open("rb") as plain, gzip.open(target, "wb", compresslevel=4) as packed:
        shutil.copyfileobj(plain, packed)


def _measure(planned: _Plan, folder: Path, timeout_s: float, logs: Path) -> SynthesisResult:
    """Run Yosys in `folder` and count its netlist; on failure the log is kept in `logs` and named."""
    job, engine = planned.job, planned.engine
    prepare(folder, planned.files)
    try:
        cpu_s = yosys.run(
            engine, planned.script, folder, what=job.top, proof=(NETLIST_JSON, NETLIST_VERILOG), timeout_s=timeout_s
        )
        return _counted(planned, folder / NETLIST_JSON, cpu_s)
    except ToolError as error:
        kept = logs / f"{job.top}-{planned.key[:12]}.log"
        with contextlib.suppress(OSError):
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / LOG_NAME, kept)
        kind = yosys.Crashed if isinstance(error, yosys.Crashed) else ToolError
        raise kind(f"{error} Log: {kept}" if kept.is_file() else str(error)) from error


def _counted(planned: _Plan, netlist: Path, cpu_s: float) -> SynthesisResult:
    """The netlist's cells as a result; kept apart, those of every instance and their sum."""
    top = planned.job.top
    if not planned.job.hierarchy:
        return _result(planned, top, read_netlist(netlist, top).cells, cpu_s)
    parts = {name: _result(planned, name, found.cells, 0.0) for name, found in read_instances(netlist, top).items()}
    return sum_results(list(parts.values()), top).model_copy(update={"cpu_s": cpu_s, "parts": parts})


def _result(planned: _Plan, top: str, cells: Sequence[Cell], cpu_s: float) -> SynthesisResult:
    job, engine = planned.job, planned.engine
    path = longest_path(build_graph(cells))
    return SynthesisResult(
        top=top,
        part=job.part,
        family=planned.family,
        engine=engine.name,
        version=engine.version,
        build=engine.build,
        flow=job.flow,
        logic_levels=path.levels,
        path_cells=path.cells,
        cpu_s=cpu_s,
        **asdict(count_cells(cells)),
    )
