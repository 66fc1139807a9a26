# SPDX-License-Identifier: Apache-2.0
"""Functions of one value, of two, and of all channels of a pixel, in SystemVerilog."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import Combine, Divide, Reduce, ValueMap
from dietcnn_hls.rtl.branches import integers_by_pattern, operand, operands
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Site, handshake
from dietcnn_hls.rtl.operators import add_offsets, fit_channels, narrow
from dietcnn_hls.rtl.verilog import Parameter, packed

SMALL_TABLE_BITS = 8
"""Index bits up to which a table of values is logic and no memory."""

_NUMBERS = {"subtract": 0, "multiply": 1, "maximum": 2, "minimum": 3}
_REDUCTIONS = {"sum": 0, "maximum": 1, "argmax": 2}


@BUILDERS.register(ValueMap)
def build_value_map(site: Site, op: ValueMap, sources: list[Beats]) -> Beats:
    """A table in logic, or a memory a lane; tables of single channels in memories are read by one lane."""
    builder, (stream,) = site.builder, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, fit_channels(builder, site.layer, stream.channels, sources[0]))
    source = narrow(builder, site.layer, source)
    bits = bits_for(site.node.stream.lo, site.node.stream.hi)
    result = Beats("", source.codes, site.node.stream.lo, site.node.stream.hi, source.period)
    table = np.zeros((len(op.table), 2**source.bits), np.int64)
    table[:, np.arange(op.lo, op.lo + op.table.shape[1]) & (2**source.bits - 1)] = op.table
    parameters: dict[str, Parameter] = {"IN_BITS": source.bits, "OUT_BITS": bits}
    if source.bits <= SMALL_TABLE_BITS:
        rows = np.repeat(table, source.codes, axis=0) if len(table) == 1 else table
        by_lane = rows.reshape(-1, source.codes, table.shape[1]).transpose(1, 0, 2)
        parameters |= {"LANES": source.codes, "WORDS": by_lane.shape[1], "TABLE": packed(by_lane, bits)}
        return builder.stage(site.layer, "values", "symbol_map", parameters, source, result)
    if len(table) > 1:
        source = builder.convert(site.layer, source, 1)
        result = replace(result, codes=1, period=source.period)
    words = (table.reshape(-1) & ((1 << bits) - 1)).tolist()
    file = builder.memory(site.layer, "values", words, bits)
    block = builder.rom_in_block(site.layer, "values", len(words), bits)
    for _ in range(source.codes - 1):
        builder.rom_in_block(site.layer, "values", len(words), bits)
    parameters |= {"LANES": source.codes, "WORDS": len(table), "BLOCK": block, "FILE": file}
    return builder.stage(site.layer, "values", "value_map", parameters, source, result)


@BUILDERS.register(Divide)
def build_divide(site: Site, op: Divide, sources: list[Beats]) -> Beats:
    """A divider by a constant for every code of a beat."""
    builder, (stream,) = site.builder, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, fit_channels(builder, site.layer, stream.channels, sources[0]))
    source = narrow(builder, site.layer, source)
    result = Beats("", source.codes, site.node.stream.lo, site.node.stream.hi, source.period)
    parameters: dict[str, Parameter] = {
        "LANES": source.codes,
        "IN_BITS": source.bits,
        "SIGNED": source.signed,
        "DIVISOR": op.divisor,
        "OUT_BITS": result.bits,
    }
    return builder.stage(site.layer, "quotients", "divide_constant", parameters, source, result)


@BUILDERS.register(Combine)
def build_combine(site: Site, op: Combine, sources: list[Beats]) -> Beats:
    """Two edges, each behind a buffer where it may have to wait; an operand of one channel is held for all of a pixel's beats."""
    builder, node, streams = site.builder, site.node, site.streams
    shared = streams[0].shape != streams[1].shape
    a, b = operands(site, sources)
    if shared and (beats := streams[0].channels // a.codes) > 1:
        b = builder.stage(
            site.layer, "b_held", "stream_repeat", {"WORD_BITS": b.bits, "REPEATS": beats}, b, replace(b, period=a.period)
        )
    result = Beats("", a.codes, node.stream.lo, node.stream.hi, max(a.period, b.period))
    wire = builder.stream(node.name, "combined", result.codes * result.bits)
    ends = [end << shift for stream, shift in zip(streams, op.shifts, strict=True) for end in stream.range]
    wide = bits_for(min(-1, *ends, *node.stream.range), max(*ends, *node.stream.range))
    parameters: dict[str, Parameter] = {
        "CODES": a.codes,
        "FUNCTION": _NUMBERS[op.function],
        "SHARED": shared,
        "A_BITS": a.bits,
        "B_BITS": b.bits,
        "WIDE": wide,
        "OUT_BITS": result.bits,
    }
    for side, stream, beats_, shift in zip("AB", streams, (a, b), op.shifts, strict=True):
        values = integers_by_pattern(stream, beats_.bits)
        parameters |= operand(side, stream, None if values is None else values << shift, shift, wide)
    ports = handshake("a", a.wire) | handshake("b", b.wire) | handshake("out", wire)
    builder.place(node.name, "combine", "stream_combine", parameters, ports)
    return replace(result, wire=wire)


@BUILDERS.register(Reduce)
def build_reduce(site: Site, op: Reduce, sources: list[Beats]) -> Beats:
    """A running result; one word a pixel."""
    builder, (stream,) = site.builder, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, fit_channels(builder, site.layer, stream.channels, sources[0]))
    words = stream.channels // source.codes
    count = stream.channels if op.function == "sum" else 1
    parameters: dict[str, Parameter] = {
        "LANES": source.codes,
        "WORDS": words,
        "FUNCTION": _REDUCTIONS[op.function],
        "CODE_BITS": source.bits,
        "SIGNED": source.signed,
        "WIDE": bits_for(min(-1, count * stream.lo), count * stream.hi),
        "OUT_BITS": bits_for(site.node.stream.lo, site.node.stream.hi),
    }
    result = Beats("", 1, site.node.stream.lo, site.node.stream.hi, source.period * words)
    return builder.stage(site.layer, "reduced", "channel_reduce", parameters, source, result)


__all__ = ["build_combine", "build_divide", "build_reduce", "build_value_map"]
