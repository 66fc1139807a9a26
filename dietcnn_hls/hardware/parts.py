# SPDX-License-Identifier: Apache-2.0
"""Xilinx parts: what a device holds and which family it maps to, looked up by part name.

Figures are those of the vendor's product tables (DS180, DS190, DS890, DS891, DS962). A part name is a device name and,
after it, package, speed and temperature grades, as in ``xc7z020clg400-1``, ``xc7vx485t-ffg1157-1`` or
``xcvu13p-flga2577-2-e``; automotive and defence grades (``xa...``, ``xq...``) are the same silicon as ``xc...``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from dietcnn_hls.errors import ConfigError, suggest

DEFAULT_PART = "xc7z020clg400-1"
"""The part of a design that names none: that of the PYNQ-Z2, in the vendor's free edition."""

# family names are Yosys's
XC7, XCU, XCUP = "xc7", "xcu", "xcup"


@dataclass(frozen=True, slots=True)
class Part:
    """Capacity of one device.

    Attributes:
        device: device name without package and grades, ``xc7z020``.
        family: ``xc7`` (7-series and Zynq-7000), ``xcu`` (UltraScale) or ``xcup`` (UltraScale+).
        lut: LUT6s.
        ff: flip-flops.
        dsp: DSP48 slices.
        bram18: RAMB18 blocks, twice the RAMB36 count.
        uram: UltraRAM blocks.
    """

    device: str
    family: str
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int

    def capacity(self) -> dict[str, int]:
        """Capacities under the keys of a report's ``resources``."""
        return {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram18": self.bram18, "uram": self.uram}


# device: LUT, DSP, RAMB18, URAM. Flip-flops are two a LUT in all three families.
_XC7 = """
xc7s6 3750 10 10            xc7s15 8000 20 20           xc7s25 14600 80 90          xc7s50 32600 120 150
xc7s75 48000 140 180        xc7s100 64000 160 240
xc7a12t 8000 40 40          xc7a15t 10400 45 50         xc7a25t 14600 80 90         xc7a35t 20800 90 100
xc7a50t 32600 120 150       xc7a75t 47200 180 210       xc7a100t 63400 240 270      xc7a200t 134600 740 730
xc7k70t 41000 240 270       xc7k160t 101400 600 650     xc7k325t 203800 840 890     xc7k355t 222600 1440 1430
xc7k410t 254200 1540 1590   xc7k420t 260600 1680 1670   xc7k480t 298600 1920 1910
xc7v585t 364200 1260 1590   xc7v2000t 1221600 2160 2584 xc7vx330t 204000 1120 1500  xc7vx415t 257600 2160 1760
xc7vx485t 303600 2800 2060  xc7vx550t 346400 2880 2360  xc7vx690t 433200 3600 2940  xc7vx980t 612000 3600 3000
xc7vx1140t 712000 3360 3760
xc7z007s 14400 66 100       xc7z010 17600 80 120        xc7z012s 34400 120 144      xc7z014s 40600 170 214
xc7z015 46200 160 190       xc7z020 53200 220 280       xc7z030 78600 400 530       xc7z035 171900 900 1000
xc7z045 218600 900 1090     xc7z100 277400 2020 1510
"""
_XCU = """
xcku035 203128 1700 1080    xcku040 242400 1920 1200    xcku060 331680 2760 2160    xcku085 497520 4100 3240
xcku115 663360 5520 4320    xcvu095 537600 768 3456
"""
_XCUP = """
xczu2eg 47232 240 300 0     xczu2cg 47232 240 300 0     xczu3eg 70560 360 432 0     xczu3cg 70560 360 432 0
xczu4ev 87840 728 256 48    xczu4eg 87840 728 256 48    xczu5ev 117120 1248 288 64  xczu5eg 117120 1248 288 64
xczu6eg 214604 1973 1428 0  xczu7ev 230400 1728 624 96  xczu7eg 230400 1728 624 96  xczu9eg 274080 2520 1824 0
xczu9cg 274080 2520 1824 0  xczu11eg 298560 2928 1200 80 xczu15eg 341280 3528 1488 112
xczu19eg 522720 1968 1968 128 xczu28dr 425280 4272 2160 80 xck26 117120 1248 288 64
xcku3p 162720 1368 720 48   xcku5p 216960 1824 960 64   xcku9p 274080 2520 1824 0   xcku11p 298560 2928 1200 80
xcku13p 341280 3528 1488 112 xcku15p 522720 1968 1968 128
xcvu3p 394080 2280 1440 320 xcvu7p 788160 4560 2880 640 xcvu9p 1182240 6840 4320 960 xcvu11p 1296000 9216 4032 960
xcvu13p 1728000 12288 5376 1280
xcu50 871680 5952 2688 640  xcu200 1182240 6840 4320 960 xcu250 1728000 12288 5376 1280
xcu280 1303680 9024 4032 960 xcu55c 1303680 9024 4032 960
"""


def _table() -> dict[str, Part]:
    parts = {}
    for family, text, width in ((XC7, _XC7, 4), (XCU, _XCU, 4), (XCUP, _XCUP, 5)):
        words = text.split()
        for start in range(0, len(words), width):
            device, lut, dsp, bram18, *uram = words[start : start + width]
            lut_count = int(lut)
            parts[device] = Part(device, family, lut_count, 2 * lut_count, int(dsp), int(bram18), int(uram[0]) if uram else 0)
    return parts


PARTS: dict[str, Part] = _table()

# after the device: nothing, or an optional low-power/industrial letter, a package such as clg400, then grades
_PACKAGE = re.compile(r"(|[li]?-?[a-z]{2,5}\d{3,4}(-[a-z0-9-]+)?)")


def check_clock(period: object) -> float:
    """A clock period in nanoseconds; ConfigError where it is no finite number above 0."""
    if not isinstance(period, int | float) or isinstance(period, bool) or not math.isfinite(period) or period <= 0:
        raise ConfigError(f"clock_period must be a number of nanoseconds above 0, got {period!r}")
    return float(period)


def lookup(part: str) -> Part:
    """Device of a full part name (or of a bare device name).

    Raises:
        ConfigError: for a part that is not in the table, with the nearest known device.
    """
    name = re.sub(r"\s", "?", part).lower()  # a part is a word of Tcl scripts: white space in it makes it unknown
    name = re.sub(r"^x[aq](?=7|zu|ku|vu)", "xc", name)
    # longest first: xc7a100t must not be read as xc7a10...
    for device in sorted(PARTS, key=len, reverse=True):
        if name.startswith(device) and _PACKAGE.fullmatch(name[len(device) :]):
            return PARTS[device]
    stem = name.split("-")[0]
    raise ConfigError(
        f"Unknown part '{part}': expected a Xilinx part such as '{DEFAULT_PART}'.{suggest(stem, PARTS)}"
        " A part that is missing can be added to dietcnn_hls/hardware/parts.py."
    )


# Zynq-7000 up to 7Z020 has the fabric of Artix-7, from 7Z030 on that of Kintex-7 (DS190), as Spartan-7 and Virtex-7 have
_ARTIX_FABRIC = re.compile(r"xc7([as]\w+|z0(07s|10|12s|14s|15|20))")
_GRADE = re.compile(r"-([123])(l[ei]?|le?v)?[ceimq]?(-\w+)*")


def fabric(part: str) -> str:
    """The silicon whose delays a part has: ``artix7`` or ``kintex7`` in the 7-series, else the family's name."""
    found = lookup(part)
    if found.family != XC7:
        return found.family
    return "artix7" if _ARTIX_FABRIC.fullmatch(found.device) else "kintex7"


def speed_grade(part: str) -> str | None:
    """Speed grade of a full part name, ``-1``, ``-2``, ``-3``, with an ``L`` for the low-power ones; None where it has none."""
    device = lookup(part).device
    found = _GRADE.search(part.strip().lower()[len(device) :])
    return f"-{found[1]}{'L' if found[2] else ''}" if found else None


def family(part: str) -> str:
    """Family of a part as Yosys's ``synth_xilinx -family`` names it: ``xc7``, ``xcu`` or ``xcup``."""
    return lookup(part).family
