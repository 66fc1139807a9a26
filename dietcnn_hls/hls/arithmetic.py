# SPDX-License-Identifier: Apache-2.0
"""Functions of one value, of two, and of all channels of a pixel, in C++."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dietcnn_hls.hls.cpp import IntType
from dietcnn_hls.hls.layers import SPELLINGS, STORAGE, LayerCode, elementwise, operand, sizes, source_of
from dietcnn_hls.hls.network import Call, Network
from dietcnn_hls.lowered import Combine, Divide, Reduce, ValueMap

_APPLY: Mapping[str, str] = {
    "subtract": "a - b",
    "multiply": "a * b",
    "maximum": "a > b ? a : b",
    "minimum": "a < b ? a : b",
}


@SPELLINGS.register(ValueMap)
def value_map(network: Network, call: Call, op: ValueMap) -> LayerCode:
    """A constant array read by the code."""
    code = elementwise(network, call, "value_map", len(op.table), f"table of {op.table.shape[1]} values")
    pragmas = []
    if len(op.table) > 1:
        pragmas.append(f"ARRAY_RESHAPE variable={{name}} cyclic factor={math.gcd(len(op.table), call.parallel)} dim=1")
    pragmas.append(f"BIND_STORAGE variable={{name}} {STORAGE['lutrom' if op.table.shape[1] <= 256 else 'bram']}")
    code.integers(first_code=op.lo)
    code.array("table", op.table, "values, [channel][code]", pragmas=pragmas)
    return code


@SPELLINGS.register(Divide)
def divide(network: Network, call: Call, op: Divide) -> LayerCode:
    """An integer division of C++."""
    source = source_of(network, call)
    code = elementwise(network, call, "divide", 1, f"division by {op.divisor}")
    code.types(wide_t=IntType.holding(-1, source.lo, source.hi, op.divisor).cpp)
    code.integers(divisor=op.divisor)
    return code


@SPELLINGS.register(Combine)
def combine(network: Network, call: Call, op: Combine) -> LayerCode:
    """Both operands decoded to one type, which holds the result too."""
    stream, (left, right) = call.node.stream, call.inputs
    title = f"{call.name}: {op.function} of two streams, {sizes(stream)}"
    code = LayerCode(call, title, "nnet::combine", ["nnet_combine.h"])
    share = 1 if right.stream.size == stream.size else stream.channels  # an array may stand in the shape that it was made in
    lanes = left.lanes if network.streaming else stream.channels
    code.integers(n_elem=stream.size, lanes=lanes, share=share)
    ends = [end << shift for edge, shift in zip(call.inputs, op.shifts, strict=True) for end in edge.stream.range]
    wide = IntType.holding(-1, *ends, *stream.range)
    code.types(output_t=call.outputs[0].code_type, wide_t=wide.cpp)
    for side, edge, shift in zip(("left", "right"), call.inputs, op.shifts, strict=True):
        operand(code, side, edge, shift)
    code.members.append(f"static output_t apply(wide_t a, wide_t b) {{ return output_t({_APPLY[op.function]}); }}")
    return code


@SPELLINGS.register(Reduce)
def reduce(network: Network, call: Call, op: Reduce) -> LayerCode:
    """A running result a pixel."""
    source = source_of(network, call)
    code = LayerCode(call, f"{call.name}: {op.function} over channels, {sizes(source)}", "nnet::reduce", ["nnet_reduce.h"])
    code.integers(n_elem=source.size, n_chan=source.channels, lanes=call.inputs[0].lanes)
    partial = source.channels if op.function == "sum" else 1
    wide = IntType.holding(min(0, partial * source.lo), partial * source.hi)
    code.types(input_t=call.inputs[0].code_type, output_t=call.outputs[0].code_type, wide_t=wide.cpp)
    code.members.append(f"static const nnet::reduction function = nnet::reduce_{op.function};")
    return code


__all__ = ["combine", "divide", "reduce", "value_map"]
