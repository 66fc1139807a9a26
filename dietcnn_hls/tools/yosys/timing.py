# SPDX-License-Identifier: Apache-2.0
"""What a report and its text file say of a mapped design's timing: the clock it reaches, and its slowest paths by module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dietcnn_hls.errors import ToolError
from dietcnn_hls.hardware.timing import Delays, MissingDelay, delays_of, why_none
from dietcnn_hls.reports.model import Timing, sta_source
from dietcnn_hls.tools.yosys.netlist import Netlist, read_instances, read_netlist
from dietcnn_hls.tools.yosys.sta import WORST, TimedPath, slowest_first, worst_paths
from dietcnn_hls.tools.yosys.synthesis import SynthesisResult


@dataclass(frozen=True)
class TimingAnalysis:
    """What is known of a design's clock.

    Attributes:
        timing: the report's section; None for a part without delays, or a design without a path.
        text: what tells the paths.
        paths: the slowest ones.
        missed: which clock is met in place of the asked one, and the path that says so; empty where the asked one is.
    """

    timing: Timing | None
    text: str
    paths: tuple[TimedPath, ...] = ()
    missed: str = ""


def timing_of(result: SynthesisResult, clock_ns: float) -> TimingAnalysis:
    """Analyse what `synthesise` mapped, whole or in parts, for the part that it was made for and the asked clock period.

    Raises:
        ToolError: the netlist is no longer in the cache.
    """
    return analyse(_netlists(result), result.part, clock_ns, result.version)


def _netlists(result: SynthesisResult) -> dict[str, Netlist]:
    """The mapped netlists behind a result by name: the whole design's, or those of its `parts`."""
    if result.mapped is None and result.parts:
        return {name: read_netlist(_mapped(part), part.top) for name, part in result.parts.items()}
    if result.parts:
        return read_instances(_mapped(result), result.top)
    return {result.top: read_netlist(_mapped(result), result.top)}


def _mapped(result: SynthesisResult) -> Path:
    if result.mapped is None:
        raise ToolError(f"{result.top}: there is no mapped netlist to analyse; synthesise this design on its own again.")
    return result.mapped


def analyse(netlists: Mapping[str, Netlist], part: str, clock_ns: float, version: str) -> TimingAnalysis:
    """Analyse a mapped design.

    Args:
        netlists: the whole design by its name, or its modules by theirs: ways through several modules are then not seen,
            and a module's ports count as registers.
        part: full part name; its fabric and speed grade choose the delays.
        clock_ns: the asked period.
        version: of the Yosys that made the netlist.

    Raises:
        ConfigError: an unknown part.
        ToolError: a combinational loop.
    """
    reason = why_none(part)
    if reason:
        return TimingAnalysis(None, f"No timing analysis: {reason}.\n")
    delays = delays_of(part)
    several = len(netlists) > 1
    try:
        found = [(name, path) for name, netlist in netlists.items() for path in worst_paths(netlist, delays)]
    except MissingDelay as missing:
        return TimingAnalysis(None, f"No timing analysis: {missing}\n")
    paths = slowest_first(_inside(name, path) if several else path for name, path in found)[:WORST]
    if not paths:
        return TimingAnalysis(None, "No timing analysis: the design has no path.\n")
    timing = _section(paths[0], delays, clock_ns, version)
    missed = _missed(paths[0], clock_ns)
    return TimingAnalysis(timing, _text(paths, timing, delays, several, missed), tuple(paths), missed)


def _inside(instance: str, path: TimedPath) -> TimedPath:
    """A path of a module, by names that start with the module's."""
    start, end = f"{instance}.{path.start}", f"{instance}.{path.end}"
    return replace(path, start=start, end=end, modules=(instance, instance))


def _section(path: TimedPath, delays: Delays, clock_ns: float, version: str) -> Timing:
    period = path.period_ps / 1000
    return Timing(
        period_ns=period,
        fmax_mhz=round(1000 / period, 1),
        slack_ns=round(clock_ns - period, 3),
        logic_ns=path.logic_ps / 1000,
        net_ns=path.net_ps / 1000,
        levels=path.levels,
        from_=path.start,
        to=path.end,
        clock_ns=max(clock_ns, period),
        source=sta_source(version, delays.version),
        error=delays.error,
    )


def _missed(path: TimedPath, clock_ns: float) -> str:
    period = path.period_ps / 1000
    if period <= clock_ns:
        return ""
    return f"met {period:.2f} ns, asked {clock_ns:.2f}: the path is {path.start} -> {path.end}, {path.levels} levels of logic"


def _text(paths: list[TimedPath], timing: Timing, delays: Delays, several: bool, missed: str) -> str:
    lines = [
        f"Static timing analysis before placement: {timing.source}, delays of {delays.name}",
        f"period {timing.period_ns:.3f} ns ({timing.fmax_mhz:.1f} MHz), slack {timing.slack_ns:+.3f} ns",
        missed or "the clock is met",
        f"error: {delays.error}",
        "The slowest path between each two modules, slowest first; ps; a net stands before the cell whose pin it reaches.",
        *(["Modules were mapped one by one: ways through several of them are not seen."] if several else []),
    ]
    for number, path in enumerate(paths, start=1):
        lines += ["", *_path_lines(number, path)]
    return "\n".join(lines) + "\n"


def _path_lines(number: int, path: TimedPath) -> list[str]:
    total = f"{path.period_ps} = logic {path.logic_ps} + nets {path.net_ps}, {path.levels} levels"
    lines = [
        f"{number}. {path.modules[0]} -> {path.modules[1]}: {total}",
        f"   from {path.start}",
        f"   to   {path.end}",
        f"   {'net':>6} {'fan-out':>7} {'cell':>6} {'at':>6}",
    ]
    at = 0
    for step in (path.launch, *path.steps, path.last):
        at += step.net_ps + step.cell_ps
        net, fan_out = (str(step.net_ps), str(step.fan_out)) if step.fan_out else ("", "")
        lines.append(f"   {net:>6} {fan_out:>7} {step.cell_ps:6} {at:6}  {step.kind} {step.way}  {step.cell}")
    return lines
