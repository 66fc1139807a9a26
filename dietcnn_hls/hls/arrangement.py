# SPDX-License-Identifier: Apache-2.0
"""Codes in another order, and streams one behind the other, in C++."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.hls.layers import SPELLINGS, LayerCode, operand, sizes, source_of
from dietcnn_hls.hls.network import Call, Network
from dietcnn_hls.lowered import Gather, Join


@SPELLINGS.register(Gather)
def gather(network: Network, call: Call, op: Gather) -> LayerCode:
    """A buffer read by a constant array of indices."""
    source, result = source_of(network, call), call.node.stream
    title = f"{call.name}: {sizes(source)} -> {sizes(result)}, codes in another order"
    code = LayerCode(call, title, "nnet::gather", ["nnet_gather.h"])
    code.integers(n_in=source.size, n_out=result.size, in_lanes=call.inputs[0].lanes, out_lanes=call.outputs[0].lanes)
    code.integers(fill=source.zero_code if op.pads else 0)
    code.types(code_t=call.inputs[0].code_type)
    code.array("indices", np.where(op.indices < 0, source.size, op.indices), "number of each result's code in the input")
    return code


@SPELLINGS.register(Join)
def join(network: Network, call: Call, op: Join) -> LayerCode:
    """Piece by piece."""
    streams = network.graph.input_streams(call.node)
    title = f"{call.name}: {sizes(streams[0])} and {sizes(streams[1])} -> {sizes(call.node.stream)}"
    code = LayerCode(call, title, "nnet::join", ["nnet_join.h"])
    count, left, right = op.pieces(streams)
    code.integers(pieces=count, left_codes=left, right_codes=right)
    code.integers(left_lanes=call.inputs[0].lanes, right_lanes=call.inputs[1].lanes, lanes=call.outputs[0].lanes)
    code.types(output_t=call.outputs[0].code_type)
    for side, edge, shift in zip(("left", "right"), call.inputs, op.shifts, strict=True):
        operand(code, side, edge, shift)
    return code


__all__ = ["gather", "join"]
