# SPDX-License-Identifier: Apache-2.0
"""A kernel array by itself, as a top module for synthesis: what a lane costs, weights and activations being inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from dietcnn_hls.lowered import Fold, Kernel, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.rtl.design import TEMPLATES, generate, library
from dietcnn_hls.rtl.verilog import Instance

Ports = list[tuple[str, int, str]]
"""(direction, bits, name)."""

TOP = "lanes"


def wrapper(instance: Instance, ports: Ports) -> str:
    """A top module around one instance, whose parameters it so fixes."""
    heads = ",\n".join(f"    {way} wire [{bits - 1}:0] {port}" for way, bits, port in ports)
    inner = dataclasses.replace(instance, name="unit", ports={port: port for _, _, port in ports})
    return f"module {TOP} (\n{heads}\n);\n{inner.render()}endmodule\n"


def kernel_array(kernel: Kernel, stream: Stream, fold: Fold) -> tuple[str, tuple[Path, ...]]:
    """Source of the kernel array of a dense layer that reads `stream`, and the files it needs."""
    source = node("x", Source(), [], stream)
    graph = LoweredGraph("cost", (source, node("k", Linear(kernel), [source])), {})
    design = generate(graph, {"k": fold})
    unit = next(i for i in design.instances if i.module == kernel.rtl().module)
    widths = {key: int(unit.parameters[key]) for key in ("CODE_BITS", "WEIGHT_BITS", "RESULT_BITS")}  # type: ignore[arg-type]
    ports: Ports = [("input", 1, p) for p in ("clk", "rst", "in_valid", "in_last", "out_ready")]
    ports += [("output", 1, p) for p in ("in_ready", "out_valid")]
    ports += [("input", fold.simd * widths["CODE_BITS"], "in_codes"), ("input", fold.lanes * widths["WEIGHT_BITS"], "in_weights")]
    ports += [("output", fold.pe * widths["RESULT_BITS"], "out_results")]
    return wrapper(unit, ports), tuple(TEMPLATES / f"{module}.sv" for module in library({unit.module}))
