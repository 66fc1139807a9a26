# SPDX-License-Identifier: Apache-2.0
"""The operations between linear layers: re-quantisation, symbol maps, biases, pooling."""

from __future__ import annotations

import math

import numpy as np

from dietcnn_hls.integers import bits_for, divisors, round_shift
from dietcnn_hls.lowered import MaxPool, Requantize, Reshape, Stream, SumPool, SymbolMap, Window
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Builder, Site
from dietcnn_hls.rtl.verilog import Parameter, packed, words

_ROUNDINGS = {"half_even": 1, "toward_zero": 2, "half_to_zero": 3, "half_from_zero": 4}
"""Numbers of the roundings that look at the value; what the others add is a constant."""

_SLICE_WORDS = 128
"""Words of a memory that LUTs of one slice hold."""


def _bound(value: int) -> Parameter:
    """A number at its parameter's 64 bits, where Verilator finds a plain literal too short."""
    return value if 0 <= value < 2**31 else packed([value], 64)


@BUILDERS.register(Requantize)
def build_requantize(site: Site, op: Requantize, sources: list[Beats]) -> Beats:
    """Add a re-quantiser; it adds what is still to be added, and half a step where ties go up."""
    builder, (stream,) = site.builder, site.streams
    source = narrow(builder, site.layer, fit_channels(builder, site.layer, stream.channels, sources[0]))
    right, left = max(op.shift, 0), max(-op.shift, 0)
    half = 1 << (right - 1) if right and op.rounding not in ("floor", "toward_zero") else 0
    ends = round_shift(np.array([stream.lo, stream.hi]), op.shift, op.rounding)
    bits_out = bits_for(op.lo, op.hi)
    bits = max(bits_for(min(stream.lo, -1), stream.hi + half), right + bits_out + 1 - left)
    added = {"half_up": half, "half_down": max(0, half - 1)}.get(op.rounding, 0)
    clips = op.overflow == "saturate"
    channels = stream.channels if source.offsets is not None else source.codes
    constants = (np.zeros(channels, np.int64) if source.offsets is None else source.offsets) + added
    parameters: dict[str, Parameter] = {
        "IN_BITS": source.bits,
        "SIGNED": source.signed,
        "SUM_BITS": bits,
        "SHIFT": op.shift,
        "ROUNDING": _ROUNDINGS.get(op.rounding, 0),
        "LO": _bound(op.lo),
        "HI": _bound(op.hi),
        "CLIP_LOW": bool(clips and ends[0] < op.lo),
        "CLIP_HIGH": bool(clips and ends[1] > op.hi),
        "OUT_BITS": bits_out,
        **_constants(builder, site.layer, constants, source.codes, bits),
    }
    stages = builder.options.pipelining.requantize_stages(bits, right > 0 and op.rounding in _ROUNDINGS, clips)
    if stages > 1:
        parameters["STAGES"] = stages
        if builder.options.pipelining.short:  # ready passes through all stages
            source = builder.cut(site.layer, "offered", source)
    return builder.stage(
        site.layer, "codes", "requantize", parameters, source, Beats("", source.codes, op.lo, op.hi, source.period)
    )


@BUILDERS.register(SymbolMap)
def build_symbol_map(site: Site, op: SymbolMap, sources: list[Beats]) -> Beats:
    """Add a table from symbol to symbol."""
    builder, (stream,) = site.builder, site.streams
    source = narrow(builder, site.layer, fit_channels(builder, site.layer, stream.channels, sources[0]))
    lanes, symbols = source.codes, len(op.levels)
    table = np.pad(op.table.astype(np.int64), ((0, 0), (0, 2**source.bits - op.table.shape[1])))
    rows = np.repeat(table, lanes, axis=0) if len(table) == 1 else table
    by_lane = rows.reshape(-1, lanes, table.shape[1]).transpose(1, 0, 2)
    bits = bits_for(0, symbols - 1)
    parameters: dict[str, Parameter] = {
        "LANES": lanes,
        "WORDS": by_lane.shape[1],
        "IN_BITS": source.bits,
        "OUT_BITS": bits,
        "TABLE": packed(by_lane, bits),
    }
    return builder.stage(site.layer, "codes", "symbol_map", parameters, source, Beats("", lanes, 0, symbols - 1, source.period))


@BUILDERS.register(MaxPool)
def build_max_pool(site: Site, op: MaxPool, sources: list[Beats]) -> Beats:
    """Add a max-pool on codes."""
    builder, (stream,) = site.builder, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, fit_channels(builder, site.layer, stream.channels, sources[0]))
    height, width, channels = stream.shape
    top, bottom, left, right = op.window.padding
    out_width = op.window.output_hw(height, width)[1]
    line = out_width * channels // source.codes
    parameters: dict[str, Parameter] = {
        "CODE_BITS": source.bits,
        "CODES": source.codes,
        "CHANNELS": channels,
        "SIGNED": source.signed,
        "HEIGHT": height,
        "WIDTH": width,
        "KERNEL_H": op.window.size[0],
        "KERNEL_W": op.window.size[1],
        "STRIDE_H": op.window.stride[0],
        "STRIDE_W": op.window.stride[1],
        "PAD_TOP": top,
        "PAD_BOTTOM": bottom,
        "PAD_LEFT": left,
        "PAD_RIGHT": right,
        "FILL": _bound(stream.lo & ((1 << source.bits) - 1)),
        "BLOCK": _lines_in_block(site, op.window, source, line, (source.bits, source.bits), sums=False),
        **_pipelined(builder, op.window, source.bits, sums=False),
    }
    result = Beats("", source.codes, source.lo, source.hi, source.period)
    return builder.stage(site.layer, "pooled", "max_pool", parameters, source, result)


@BUILDERS.register(SumPool)
def build_sum_pool(site: Site, op: SumPool, sources: list[Beats]) -> Beats:
    """Add a sum over windows of decoded integers."""
    builder, (stream,) = site.builder, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, fit_channels(builder, site.layer, stream.channels, sources[0]))
    height, width, channels = stream.shape
    (kh, kw), (lo, hi) = op.window.size, stream.range
    line = op.window.output_hw(height, width)[1] * channels // source.codes
    bits = [bits_for(min(0, n * lo), max(0, n * hi)) for n in (1, kw, kw * kh)]
    result = Beats("", source.codes, site.node.stream.lo, site.node.stream.hi, source.period)
    parameters: dict[str, Parameter] = {
        "CODE_BITS": source.bits,
        "INTEGER_BITS": bits[0],
        "ROW_BITS": bits[1],
        "OUT_BITS": result.bits,
        "CODES": source.codes,
        "CHANNELS": channels,
        "SIGNED": lo < 0,
        "HEIGHT": height,
        "WIDTH": width,
        "KERNEL_H": kh,
        "KERNEL_W": kw,
        "STRIDE_H": op.window.stride[0],
        "STRIDE_W": op.window.stride[1],
        "BLOCK": _lines_in_block(site, op.window, source, line, (bits[0], bits[1]), sums=True),
        **_pipelined(builder, op.window, result.bits, sums=True),
    }
    if stream.levels is not None:
        table = np.zeros(2**source.bits, np.int64)
        table[: len(stream.levels)] = stream.levels
        parameters |= {"DECODE": True, "INTEGERS": packed(table, bits[0])}
    return builder.stage(site.layer, "pooled", "sum_pool", parameters, source, result)


def _pipelined(builder: Builder, window: Window, bits: int, sums: bool) -> dict[str, Parameter]:
    """What the clock asks of a pool."""
    breaks: dict[str, Parameter] = {"BREAK": True} if builder.options.pipelining.pool_breaks(bits, window.size, sums) else {}
    return builder.ahead | breaks


def _lines_in_block(site: Site, window: Window, source: Beats, line: int, bits: tuple[int, int], *, sums: bool) -> bool:
    """Where a pool's two line buffers go, that of pixels within a row with that of rows of `line` words.

    Block RAM is too slow for what some clocks leave behind it; rows that a LUT memory of one slice holds then go there.

    Args:
        site: the pool's; its builder takes note of them.
        window: what the pool sees.
        source: what it reads.
        line: words of a row.
        bits: width of a code in the first and in the second.
        sums: whether values are added up, not compared.
    """
    (kh, kw), builder = window.size, site.builder
    fast = line > _SLICE_WORDS or builder.options.pipelining.rows_in_blocks(bits[1], window.size, sums)
    width = (kh - 1) * source.codes * bits[1]
    block = builder.placed(site.layer, "lines", line, width, fast and builder.options.memories.ram_in_block(line, width))
    site.builder.placed(site.layer, "pixels", site.node.stream.channels // source.codes, (kw - 1) * source.codes * bits[0], block)
    return block


@BUILDERS.register(Reshape)
def build_reshape(site: Site, op: Reshape, sources: list[Beats]) -> Beats:
    """Codes a beat that divide the new channels; nothing else changes."""
    (stream,) = site.streams
    source = add_offsets(site.builder, site.node.inputs[0], stream, sources[0])
    return fit_channels(site.builder, site.layer, site.node.stream.channels, source)


def add_offsets(builder: Builder, layer: str, stream: Stream, source: Beats) -> Beats:
    """Values with all constants added: the graph's integers."""
    if source.offsets is None:
        return source
    source = narrow(builder, layer, source)
    assert source.offsets is not None
    bits = bits_for(stream.lo, stream.hi)
    parameters: dict[str, Parameter] = {
        "IN_BITS": source.bits,
        "SIGNED": source.signed,
        "OUT_BITS": bits,
        **_constants(builder, layer, source.offsets, source.codes, bits),
    }
    result = Beats("", source.codes, stream.lo, stream.hi, source.period)
    return builder.stage(layer, "values", "bias_add", parameters, source, result)


def narrow(builder: Builder, layer: str, source: Beats) -> Beats:
    """As few codes a beat as keep pace."""
    codes = next(n for n in divisors(source.codes) if source.codes // n <= source.period)
    return builder.convert(layer, source, codes)


def fit_channels(builder: Builder, layer: str, channels: int, source: Beats) -> Beats:
    """Codes a beat that divide a pixel's channels."""
    return source if channels % source.codes == 0 else builder.convert(layer, source, math.gcd(channels, source.codes))


def _constants(builder: Builder, layer: str, values: np.ndarray, lanes: int, bits: int) -> dict[str, Parameter]:
    """LANES, WORDS and the constants of every channel (all equal: of one word)."""
    if (values == values[0]).all():
        values = values[:lanes] if len(values) >= lanes else np.repeat(values[:1], lanes)
    count = len(values) // lanes
    block = builder.constants_in_block(layer, "biases", count, lanes * bits)
    parameters: dict[str, Parameter] = {"LANES": lanes, "WORDS": count, "BLOCK": block}
    if block:
        rows = words(values.reshape(count, lanes), bits)
        return parameters | {"FILE": builder.memory(layer, "biases", rows, lanes * bits)}
    return parameters | {"BIAS": packed(values, bits)}


__all__ = [
    "add_offsets",
    "build_max_pool",
    "build_requantize",
    "build_reshape",
    "build_sum_pool",
    "build_symbol_map",
    "fit_channels",
    "narrow",
]
