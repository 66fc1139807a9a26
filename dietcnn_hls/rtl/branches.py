# SPDX-License-Identifier: Apache-2.0
"""Edges that several operations read, and operations that read two edges."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from dietcnn_hls.hardware.memories import buffer_depth
from dietcnn_hls.hardware.waiting import waiting_codes
from dietcnn_hls.lowered import Add, Stream
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Builder, Site, handshake
from dietcnn_hls.rtl.operators import add_offsets, fit_channels
from dietcnn_hls.rtl.verilog import Parameter, packed

_TABLE_BITS = 8
"""Index bits up to which the sum of two codes is read from a table instead of being added."""


def build_fork(builder: Builder, layer: str, source: Beats, readers: int) -> list[Beats]:
    """One stream a reader."""
    if readers == 1:
        return [source]
    wires = [builder.stream(layer, f"branch{i}", source.codes * source.bits) for i in range(readers)]
    for wire in wires:
        builder.assigns.append((f"{wire}_data", f"{source.wire}_data", layer))
    ports = {
        "in_valid": f"{source.wire}_valid",
        "in_ready": f"{source.wire}_ready",
        "out_valid": _together([f"{wire}_valid" for wire in wires]),
        "out_ready": _together([f"{wire}_ready" for wire in wires]),
    }
    builder.place(layer, "fork", "stream_fork", {"READERS": readers}, ports)
    return [replace(source, wire=wire) for wire in wires]


@BUILDERS.register(Add)
def build_add(site: Site, op: Add, sources: list[Beats]) -> Beats:
    """The sum of two edges."""
    builder, node, streams = site.builder, site.node, site.streams
    a, b = operands(site, sources)
    result = Beats("", a.codes, node.stream.lo, node.stream.hi, max(a.period, b.period))
    wire = builder.stream(node.name, "sums", a.codes * result.bits)
    parameters: dict[str, Parameter] = {"CODES": a.codes, "A_BITS": a.bits, "B_BITS": b.bits, "OUT_BITS": result.bits}
    values = [integers_by_pattern(stream, beats.bits) for stream, beats in zip(streams, (a, b), strict=True)]
    left, right = (v << shift if v is not None else None for v, shift in zip(values, op.shifts, strict=True))
    if left is not None and right is not None and a.bits + b.bits <= _TABLE_BITS:
        parameters |= {"USE_TABLE": True, "SUM_TABLE": packed(np.add.outer(left, right), result.bits)}
    else:
        parameters |= operand("A", streams[0], left, op.shifts[0], result.bits)
        parameters |= operand("B", streams[1], right, op.shifts[1], result.bits)
    ports = handshake("a", a.wire) | handshake("b", b.wire) | handshake("out", wire)
    builder.place(node.name, "add", "stream_add", parameters, ports)
    return replace(result, wire=wire)


def operands(site: Site, sources: list[Beats]) -> tuple[Beats, Beats]:
    """`waiting_operands` of equal codes a beat; where the second has one channel and the first several, each keeps its own."""
    found, streams = waiting_operands(site, sources), site.streams
    if streams[0].shape != streams[1].shape:
        return found
    codes = math.gcd(found[0].codes, found[1].codes)
    a, b = (site.builder.convert(site.layer, source, codes, side) for source, side in zip(found, "ab", strict=True))
    return a, b


def waiting_operands(site: Site, sources: list[Beats]) -> tuple[Beats, Beats]:
    """Two edges, each behind a buffer where its words may have to wait for the other's (`waiting`)."""
    builder, node, streams = site.builder, site.node, site.streams
    given, waiting = builder.options.waiting.get(node.name), waiting_codes(site.graph, node)
    sources = [fit_channels(builder, node.name, stream.channels, beats) for stream, beats in zip(streams, sources, strict=True)]
    found = []
    for side, name, stream, source, codes in zip("ab", node.inputs, streams, sources, waiting, strict=True):
        source = add_offsets(builder, name, stream, source)
        if codes:
            depth = buffer_depth(-(-codes // source.codes)) if given is None else given
            source = _buffer(builder, node.name, f"{side}_waiting", depth, source)
        found.append(source)
    return found[0], found[1]


def integers_by_pattern(stream: Stream, bits: int) -> np.ndarray | None:
    """(2^bits,) grid integer of every bit pattern of a code, unused patterns 0; None where codes are too wide for a table."""
    if bits > _TABLE_BITS:
        return None
    values = np.zeros(2**bits, np.int64)
    codes = np.arange(stream.lo, stream.hi + 1)
    values[codes & (2**bits - 1)] = stream.integers
    return values


def operand(side: str, stream: Stream, values: np.ndarray | None, shift: int, bits: int) -> dict[str, Parameter]:
    """How one operand is decoded."""
    if stream.levels is None:
        return {f"{side}_SIGNED": stream.signed, f"{side}_SHIFT": shift}
    if values is None:  # more symbols than a small table serves: still a table
        values = np.zeros(2**stream.bits, np.int64)
        values[: stream.hi + 1] = stream.integers << shift
    return {f"{side}_DECODE": True, f"{side}_TABLE": packed(values, bits)}


def _buffer(builder: Builder, layer: str, role: str, depth: int, source: Beats) -> Beats:
    bits = source.codes * source.bits
    block = builder.ram_in_block(layer, role, depth, bits)
    parameters: dict[str, Parameter] = {"WORD_BITS": bits, "DEPTH": depth, "BLOCK": block}
    return builder.stage(layer, role, "stream_fifo", parameters, source, source)


def _together(wires: list[str]) -> str:
    """A vector, first wire in the low bit."""
    return "{" + ", ".join(reversed(wires)) + "}"


__all__ = ["build_add", "build_fork", "integers_by_pattern", "operand", "operands", "waiting_operands"]
