# SPDX-License-Identifier: Apache-2.0
"""Reading what Vitis HLS wrote: ``csynth.xml`` of the top, ``*_csynth.xml`` of its modules, memory tables of the text reports."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dietcnn_hls.errors import ToolError
from dietcnn_hls.reports.model import VITIS_CSYNTH, Latency, Resources

_RESOURCES = {"LUT": "lut", "FF": "ff", "DSP": "dsp", "DSP48E": "dsp", "BRAM_18K": "bram18", "URAM": "uram"}
_MEMORY_COLUMNS = {"BRAM_18K": "bram18", "FF": "ff", "LUT": "lut", "URAM": "uram", "Words": "words", "Bits": "bits"}


@dataclass(frozen=True, slots=True)
class VitisModule:
    """One synthesised module. Cycles are absent where Vitis could not bound them (it writes ``undef`` or ``?``).

    Attributes:
        name: the C++ function, or pipelined loop, that became the module.
        latency: (best, worst) cycles; `interval`: (least, most) cycles between starts.
        resources: counts by report key (``lut``, ``ff``, ``dsp``, ``bram18``, ``uram``), sub-modules included.
        clock_ns: estimated clock period.
    """

    name: str
    latency: tuple[int | None, int | None]
    interval: tuple[int | None, int | None]
    resources: dict[str, int]
    clock_ns: float | None


@dataclass(frozen=True, slots=True)
class VitisMemory:
    """One row of a module's memory table; `implementation` is the generated RTL module, which tells ROM from RAM."""

    module: str
    name: str
    implementation: str
    words: int
    bits: int
    banks: int
    bram18: int
    uram: int
    lut: int
    ff: int


@dataclass(frozen=True, slots=True)
class VitisReport:
    """C synthesis of one project: the top module, its sub-modules by name and all memories."""

    version: str
    part: str
    target_clock_ns: float | None
    top: VitisModule
    modules: tuple[VitisModule, ...] = ()
    memories: tuple[VitisMemory, ...] = field(default=())

    def latency(self) -> Latency:
        """Worst-case cycles and interval for a :class:`~dietcnn_hls.reports.model.Report`."""
        return Latency(cycles=self.top.latency[1], interval=self.top.interval[1], source=VITIS_CSYNTH)

    def resources(self) -> Resources:
        """Estimated resources of the top, for a report."""
        return Resources.model_validate({**self.top.resources, "source": VITIS_CSYNTH})


def find_solution(project: Path) -> Path:
    """The solution folder of an hls4ml-style output folder, ``<project>/<name>_prj/solution1``.

    Raises:
        ToolError: when there is none, or several.
    """
    found = sorted(path for path in project.glob("*_prj/solution1") if path.is_dir())
    if len(found) == 1:
        return found[0]
    state = "no" if not found else f"{len(found)} ({', '.join(path.parent.name for path in found)})"
    raise ToolError(f"{project} holds {state} Vitis project folders <name>_prj/solution1; expected one. Run synthesis first.")


def read_solution(solution: Path) -> VitisReport:
    """Read the C synthesis reports of one solution folder.

    Raises:
        ToolError: when the reports are missing or malformed; the message names the file.
    """
    folder = solution / "syn" / "report"
    file = folder / "csynth.xml"
    root = _parse(file)
    top = _module(root, file)
    modules = {module.name: module for module in _embedded_modules(root, file)}
    for path in sorted(folder.glob("*_csynth.xml")):
        module = _module(_parse(path), path)
        modules[module.name] = module
    modules.pop(top.name, None)
    memories = [row for path in sorted(folder.glob("*_csynth.rpt")) for row in read_memories(path)]
    return VitisReport(
        version=_text(root, "ReportVersion/Version", file),
        part=_text(root, "UserAssignments/Part", file),
        target_clock_ns=_number(root.findtext("UserAssignments/TargetClockPeriod")),
        top=top,
        modules=tuple(modules.values()),
        memories=tuple(memories),
    )


def read_memories(path: Path) -> list[VitisMemory]:
    """Rows of the ``* Memory:`` table of a text report ``<module>_csynth.rpt``; none where the table says N/A."""
    module = path.name.removesuffix("_csynth.rpt")
    return [row for cells in _memory_cells(path) if (row := _memory_row(module, cells, path)) is not None]


def _memory_cells(path: Path) -> Iterator[dict[str, str]]:
    header: list[str] | None = None
    inside = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.strip()
        if text.startswith("* "):
            inside, header = text == "* Memory:", None
        elif inside and text.startswith("|"):
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            if header is None:
                header = cells
            else:
                yield dict(zip(header, cells, strict=False))


def _memory_row(module: str, cells: dict[str, str], path: Path) -> VitisMemory | None:
    name = cells.get("Memory", "")
    if name in ("", "Total"):
        return None
    try:
        counts = {key: int(cells[column]) for column, key in _MEMORY_COLUMNS.items() if cells[column] != "-"}
        return VitisMemory(
            module=module,
            name=name,
            implementation=cells.get("Module", ""),
            banks=int(cells["Banks"]),
            **({"bram18": 0, "uram": 0, "lut": 0, "ff": 0} | counts),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ToolError(f"{path}: the memory table has an unreadable row for '{name}' ({error}).") from error


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise ToolError(f"Vitis wrote no {path}. C synthesis did not finish; see vitis.log.") from None
    except (ElementTree.ParseError, OSError) as error:
        raise ToolError(f"{path} is no readable Vitis report: {error}. Run synthesis again.") from error


def _embedded_modules(root: ElementTree.Element, path: Path) -> Iterator[VitisModule]:
    for node in root.iterfind("ModuleInformation/Module"):
        yield _measures(_text(node, "Name", path), node, path)


def _module(root: ElementTree.Element, path: Path) -> VitisModule:
    return _measures(_text(root, "UserAssignments/TopModelName", path), root, path)


def _measures(name: str, node: ElementTree.Element, path: Path) -> VitisModule:
    cycles = "PerformanceEstimates/SummaryOfOverallLatency/"
    area = node.find("AreaEstimates/Resources")
    if area is None:
        raise ToolError(f"{path} has no AreaEstimates/Resources for '{name}'. Run synthesis again.")
    resources = {}
    for item in area:
        count = _count(item.text)
        if item.tag in _RESOURCES and count is not None:
            resources[_RESOURCES[item.tag]] = count
    return VitisModule(
        name=name,
        latency=(_count(node.findtext(cycles + "Best-caseLatency")), _count(node.findtext(cycles + "Worst-caseLatency"))),
        interval=(_count(node.findtext(cycles + "Interval-min")), _count(node.findtext(cycles + "Interval-max"))),
        resources=resources,
        clock_ns=_number(node.findtext("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod")),
    )


def _text(node: ElementTree.Element, key: str, path: Path) -> str:
    value = (node.findtext(key) or "").strip()
    if not value:
        raise ToolError(f"{path} has no {key}; it is no Vitis HLS synthesis report.")
    return value


def _count(text: str | None) -> int | None:
    """An integer, or None for ``undef``, ``?``, ``-`` and for nothing at all."""
    text = (text or "").strip()
    return int(text) if text.isdecimal() else None


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
