# SPDX-License-Identifier: Apache-2.0
"""A block diagram of a generated design as Mermaid text: one block a module instance, grouped by layer, arrows are streams."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dietcnn_hls.rtl.design import RtlDesign
from dietcnn_hls.rtl.verilog import Instance, Parameter

_SHOWN = ("PE", "SIMD", "BEATS", "DEPTH", "WIDTH", "LEVELS")
_VALID = re.compile(r"(\w+)_valid")


def diagram(design: RtlDesign) -> str:
    """Mermaid flowchart of the instances of a design's top."""
    makers: dict[str, str] = {}
    readers: list[tuple[str, str]] = []
    for instance in design.instances:
        for port, expression in instance.ports.items():
            found = _VALID.fullmatch(expression.strip())
            if found is None or not port.endswith("_valid"):
                continue
            if port.startswith("out"):
                makers[found[1]] = instance.name
            else:
                readers.append((found[1], instance.name))
    lines = ["flowchart LR", *(f'  {p.prefix}(["{p.codes} x {p.bits} bits"])' for p in design.inputs), *_blocks(design)]
    lines += [f"  {makers.get(stream, 'in')} --> {reader}" for stream, reader in readers]
    read = {stream for stream, _ in readers}
    lines.append(f'  out(["{design.output.codes} x {design.output.bits} bits"])')
    lines += [f"  {maker} --> out" for stream, maker in makers.items() if stream not in read]
    return "\n".join(lines) + "\n"


def _blocks(design: RtlDesign) -> list[str]:
    layers: dict[str, list[Instance]] = {}
    for instance in design.instances:
        layers.setdefault(instance.layer, []).append(instance)
    lines = []
    for layer, instances in layers.items():
        lines.append(f'  subgraph {layer}_ ["{layer}"]')
        lines += [f'    {i.name}["{i.module}{_details(i.parameters)}"]' for i in instances]
        lines.append("  end")
    return lines


def _details(parameters: Mapping[str, Parameter]) -> str:
    shown = [f"{key} {parameters[key]}" for key in _SHOWN if isinstance(parameters.get(key), int)]
    return f"<br/>{', '.join(shown)}" if shown else ""
