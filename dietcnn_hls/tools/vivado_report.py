# SPDX-License-Identifier: Apache-2.0
"""Reading what Vivado wrote: the text of ``report_utilization`` and of ``report_timing_summary``.

The readers know the text of Vivado 2019 to 2024, whose tables differ by a column ("Prohibited") and by family ("Slice LUTs" or
"CLB LUTs").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from dietcnn_hls.errors import ToolError
from dietcnn_hls.reports.model import VIVADO, Resources, Timing

_HEADER = re.compile(r"^\|\s*(?P<key>[\w ]+?)\s*:\s*(?P<value>.*?)\s*(\|\s*)?$", re.MULTILINE)
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_SUMMARY = re.compile(rf"^\s*WNS\(ns\)\s.*\n[\s-]+\n\s*({_NUMBER}|NA|inf)\s", re.MULTILINE)
_CLOCK = re.compile(rf"^\s*\S+\s+\{{[\d. ]+\}}\s+{_NUMBER}\s+{_NUMBER}\s*$", re.MULTILINE)
_SLACK = re.compile(rf"^Slack(?: \(\w+\))? ?:\s+{_NUMBER}ns", re.MULTILINE)
_LEVELS = re.compile(r"^\s*Logic Levels:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class VivadoReport:
    """What Vivado says of one design after its last step.

    Attributes:
        version, device, state: tool version such as ``2021.2``, the part, and ``Synthesized`` or ``Routed``.
        lut, ff, dsp, bram18, uram, muxf: sites used; a RAMB36 counts two, MUXF7 to MUXF9 together. `lut` contains `lutram`.
        carry: CARRY4 cells; a CARRY8 counts two.
        wns_ns: worst negative slack (setup); None without a timing report or when no path is constrained.
        period_ns: period of the clock it was held to (the shortest, if there are several).
        levels: logic levels of the worst path, every CARRY4 and MUXF counted; None as `wns_ns`.
    """

    version: str
    device: str
    state: str
    lut: int
    lutram: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    muxf: int
    carry: int
    wns_ns: float | None = None
    period_ns: float | None = None
    levels: int | None = None

    def timing(self) -> Timing | None:
        """The clock that the worst path would just hold, as a report states it; None without a constrained path."""
        if self.wns_ns is None or self.period_ns is None:
            return None
        period = round(self.period_ns - self.wns_ns, 3)
        return Timing(
            period_ns=period,
            fmax_mhz=round(1000 / period, 1),
            slack_ns=self.wns_ns,
            levels=self.levels,
            clock_ns=max(self.period_ns, period),
            source=VIVADO,
        )

    def resources(self) -> Resources:
        """The figures as a report states them."""
        return Resources(
            lut=self.lut,
            ff=self.ff,
            dsp=self.dsp,
            bram18=self.bram18,
            uram=self.uram,
            muxf=self.muxf,
            carry=self.carry,
            levels=self.levels,
            source=VIVADO,
        )


def read_utilization(path: Path) -> VivadoReport:
    """Read a text report of ``report_utilization``, whole design; ToolError where it is none or lacks a row."""
    text = _text(path)
    header = {match["key"]: match["value"] for match in _HEADER.finditer(text)}
    rows = _rows(text)

    def used(*names: str) -> int:
        found = next((rows[name] for name in names if name in rows), None)
        if found is None:
            raise ToolError(f"{path} has no row '{names[0]}'; is it the text of report_utilization for a Xilinx FPGA?")
        return round(found)

    version = re.search(r"20\d\d\.\d", header.get("Tool Version", ""))
    return VivadoReport(
        version=version.group() if version else "",
        device=header.get("Device", ""),
        state=header.get("Design State", ""),
        lut=used("Slice LUTs", "CLB LUTs"),
        lutram=used("LUT as Memory"),
        ff=used("Slice Registers", "CLB Registers"),
        dsp=used("DSPs"),
        bram18=2 * used("RAMB36/FIFO") + used("RAMB18"),
        uram=round(rows.get("URAM", 0)),
        muxf=sum(round(rows.get(f"F{size} Muxes", 0)) for size in (7, 8, 9)),
        carry=round(rows.get("CARRY4", 0) + 2 * rows.get("CARRY8", 0)),
    )


def read_timing(path: Path, report: VivadoReport) -> VivadoReport:
    """Add what ``report_timing_summary`` says to a utilisation report; ToolError where the text is none."""
    text = _text(path)
    summary = _SUMMARY.search(text)
    if summary is None:
        raise ToolError(f"{path} has no design timing summary; is it the text of report_timing_summary?")
    if summary[1] in ("NA", "inf"):
        return report
    wns = float(summary[1])
    periods = [float(match[1]) for match in _CLOCK.finditer(text)]
    return replace(report, wns_ns=wns, period_ns=min(periods, default=None), levels=_levels(text, wns))


def _levels(text: str, wns: float) -> int | None:
    """Logic levels of the first detailed path whose slack is the worst one; hold paths stand in the same text."""
    for slack in _SLACK.finditer(text):
        if float(slack[1]) == wns:
            levels = _LEVELS.search(text, slack.end())
            return int(levels[1]) if levels else None
    return None


def _rows(text: str) -> dict[str, float]:
    """``{site type or primitive: used}`` of all tables; the first table that names one wins.

    "Used" is found by the table's own heading, because versions differ in the columns after it.
    """
    rows: dict[str, float] = {}
    column: int | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if "Used" in cells:
            column = cells.index("Used")
        elif column is not None and len(cells) > column and re.fullmatch(r"\d+(\.\d+)?", cells[column]):
            rows.setdefault(cells[0].rstrip("*"), float(cells[column]))
        elif not line.strip():
            column = None
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ToolError(f"{path} cannot be read ({error.strerror}); run Vivado again.") from error


__all__ = ["VivadoReport", "read_timing", "read_utilization"]
