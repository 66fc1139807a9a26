# SPDX-License-Identifier: Apache-2.0
"""Codes in another order, and streams one behind the other, in SystemVerilog."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from dietcnn_hls.lowered import Gather, Join
from dietcnn_hls.rtl.branches import waiting_operands
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Site, handshake
from dietcnn_hls.rtl.operators import add_offsets, narrow
from dietcnn_hls.rtl.verilog import Parameter, packed


@BUILDERS.register(Gather)
def build_gather(site: Site, op: Gather, sources: list[Beats]) -> Beats:
    """Two images in a memory, read one code a beat by indices from another."""
    builder, (stream,) = site.builder, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, sources[0])
    source = builder.convert(site.layer, narrow(builder, site.layer, source), 1)
    size, count = stream.size, site.node.stream.size
    bits = size.bit_length()
    indices = np.where(op.indices < 0, size, op.indices).astype(np.int64)
    zero = stream.zero_code if op.pads else 0
    parameters: dict[str, Parameter] = {
        "CODE_BITS": source.bits,
        "SIZE_IN": size,
        "SIZE_OUT": count,
        "INDEX_BITS": bits,
        "FILL": packed([zero], source.bits),
        "BLOCK": builder.ram_in_block(site.layer, "codes", 2 * size, source.bits),
    }
    if count == 1:
        parameters["INDEX"] = packed(indices, bits)
    else:
        file = builder.memory(site.layer, "indices", indices.tolist(), bits)
        parameters |= {"INDEX_BLOCK": builder.rom_in_block(site.layer, "indices", count, bits), "FILE": file}
    period = max(1, size * source.period // count)
    return builder.stage(site.layer, "gathered", "stream_gather", parameters, source, Beats("", 1, source.lo, source.hi, period))


@BUILDERS.register(Join)
def build_join(site: Site, op: Join, sources: list[Beats]) -> Beats:
    """One operand after the other, each behind a buffer where it has to wait."""
    builder, node, streams = site.builder, site.node, site.streams
    _, left, right = op.pieces(streams)
    operands = waiting_operands(site, sources)
    codes = math.gcd(left, right, operands[0].codes, operands[1].codes)
    a, b = (builder.convert(node.name, source, codes, side) for source, side in zip(operands, "ab", strict=True))
    result = Beats("", codes, node.stream.lo, node.stream.hi)
    wire = builder.stream(node.name, "joined", codes * result.bits)
    parameters: dict[str, Parameter] = {
        "CODES": codes,
        "A_BEATS": left // codes,
        "B_BEATS": right // codes,
        "A_BITS": a.bits,
        "B_BITS": b.bits,
        "OUT_BITS": result.bits,
        "A_SIGNED": streams[0].signed,
        "B_SIGNED": streams[1].signed,
        "A_SHIFT": op.shifts[0],
        "B_SHIFT": op.shifts[1],
    }
    ports = handshake("a", a.wire) | handshake("b", b.wire) | handshake("out", wire)
    builder.place(node.name, "join", "stream_join", parameters, ports)
    return replace(result, wire=wire)


__all__ = ["build_gather", "build_join"]
