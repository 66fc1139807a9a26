# SPDX-License-Identifier: Apache-2.0
"""Searches the encoders that the package ships and prints them beside the greedy baseline.

Run without arguments it repeats every search of the library (about an hour on one core; the checkpoints in the cache folder make
it resumable) and reports; ``--install`` writes the files. ``--quick`` takes a fiftieth of the steps.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.netlist import Netlist
from dietcnn_hls.methods.encodingnet.search import Progress, SearchSettings, find_encoder
from dietcnn_hls.methods.encodingnet.search.cones import lut_cones
from dietcnn_hls.methods.encodingnet.search.starts import greedy_columns, netlist_of

CARRY = {"objective": "carry_cones", "start": "booth"}
LUT = {"objective": "lut_cones", "start": "tiles"}
GATES = {"objective": "nand2"}

SEARCHES = {
    "lut_cones_64": SearchSettings(bits=64, max_error=0, steps=2000, **LUT),
    "lut_cones_56": SearchSettings(bits=56, max_error=0, steps=2000, **LUT),
    "lut_cones_48": SearchSettings(bits=48, max_error=0, steps=2000, **LUT),
    "lut_cones_40": SearchSettings(bits=40, objective="lut_cones", start="booth", max_error=0, steps=2000),
    "lut_cones_36": SearchSettings(bits=36, objective="lut_cones", start="booth", max_error=4, steps=8000, heat=0.02),
    "carry_cones_40": SearchSettings(bits=40, max_error=0, steps=2000, **CARRY),
    "carry_cones_36": SearchSettings(bits=36, max_error=4, steps=8000, heat=0.02, **CARRY),
    "carry_cones_32": SearchSettings(bits=32, max_error=16, steps=20000, heat=0.02, **CARRY),
    "carry_cones_28": SearchSettings(bits=28, max_error=48, steps=20000, heat=0.02, **CARRY),
    "carry_cones_24": SearchSettings(bits=24, max_error=128, steps=20000, heat=0.02, **CARRY),
    "nand2_64": SearchSettings(bits=64, max_error=0, steps=2000, **GATES),
    "nand2_56": SearchSettings(bits=56, max_error=4, start="tiles", steps=20000, heat=0.02, **GATES),
    "nand2_48": SearchSettings(bits=48, max_error=36, start="tiles", steps=20000, heat=0.02, **GATES),
    "nand2_40": SearchSettings(bits=40, max_error=100, steps=20000, heat=0.02, **GATES),
    "nand2_36": SearchSettings(bits=36, max_error=160, steps=20000, heat=0.02, **GATES),
}


def row(name: str, netlist: Netlist) -> str:
    """One line of the report."""
    return (
        f"| {name} | {netlist.bits} | {netlist.max_error()} | {netlist.max_error() / 163.84:.3f} | {netlist.rmse():.1f} "
        f"| {netlist.nand2_area:.1f} | {lut_cones(netlist)} | {netlist.levels()} |"
    )


def search(name: str, settings: SearchSettings, cache: Path) -> Netlist:
    """One search, shown on stderr."""

    def show(state: Progress) -> None:
        text = f"{name}: step {state.step} of {state.steps}, max error {state.max_error}, area {state.area}"
        print(text, file=sys.stderr, flush=True)

    cache.mkdir(parents=True, exist_ok=True)
    return find_encoder(settings, cache / f"{name}_{settings.steps}.json", show, every=2000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/encoders"))
    parser.add_argument("--only", nargs="*", default=list(SEARCHES), choices=list(SEARCHES))
    parser.add_argument("--install", action="store_true", help="write the library's files")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    print(
        "| encoder | bits | max error | % of 16384 | RMSE | NAND2 | LUT cones | gate levels |\n|---|---|---|---|---|---|---|---|"
    )
    for bits in (64, 56, 48, 40, 36):
        print(row(f"greedy {bits}", netlist_of(greedy_columns(bits))))
    for name in arguments.only:
        settings = SEARCHES[name]
        if arguments.quick:
            settings = settings.model_copy(update={"steps": settings.steps // 50})
        netlist = search(name, settings, arguments.cache)
        print(row(name, netlist), flush=True)
        if arguments.install:
            folder = Path(library.__file__).parent / "encoders"
            library.save(netlist, folder / f"{name}.json", settings.model_dump())


if __name__ == "__main__":
    main()
