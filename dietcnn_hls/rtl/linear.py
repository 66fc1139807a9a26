# SPDX-License-Identifier: Apache-2.0
"""Linear layers in the engine: sliding window, weight memory and kernel array."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dietcnn_hls.hardware.cost import lut_cost
from dietcnn_hls.hardware.geometry import Geometry, WindowShape, check_fold, geometry, rtl_kernel, taken_pixels
from dietcnn_hls.hardware.lanes import addend_bounds, lane_order
from dietcnn_hls.hardware.pipelining import result_places
from dietcnn_hls.hardware.sums import CHAIN, SumWidths, sum_widths
from dietcnn_hls.integers import bits_for, divisors
from dietcnn_hls.lowered import Fold, Kernel, Linear, RtlKernel, Stream
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Builder, Site, handshake
from dietcnn_hls.rtl.constants import SharedSums
from dietcnn_hls.rtl.operators import add_offsets
from dietcnn_hls.rtl.verilog import Packed, Parameter, packed, words

LISTED_BITS = 16
"""Width of codes up to which a kernel may have a table of them."""


@dataclass(frozen=True)
class _Array:
    """A kernel array: its module and parameters, beats of a pass, pipeline stages at most, whether its weights are constants.

    `cycles`: from the last beat of a pass to its result.
    """

    module: str
    parameters: dict[str, Parameter]
    beats: int
    stages: int
    fixed: bool
    cycles: int

    def inputs(self, window: str) -> dict[str, str]:
        """Connections of the control ports to a window."""
        return {f"in_{part}": f"{window}_{part}" for part in ("valid", "ready", "last")}


@BUILDERS.register(Linear)
def build_linear(site: Site, op: Linear, sources: list[Beats]) -> Beats:
    """Add a linear layer; its bias and the kernel's offsets are left to what follows."""
    builder, layer, (stream,) = site.builder, site.layer, site.streams
    source = add_offsets(builder, site.node.inputs[0], stream, sources[0])
    whole, fold = geometry(site.graph, site.node), site.folding[layer]
    shape = check_fold(layer, whole, fold)
    kernel = rtl_kernel(op.kernel, builder.options.use_dsp)
    builder.include(*kernel.sources)
    order = lane_order(whole, shape, fold)
    _window(builder, layer, whole, shape, fold, stream, source)
    sums = shared_sums(site, op.kernel, order) if builder.options.share_sums else None
    if sums is not None:
        return _shared(builder, layer, op, sums, order, source)
    _weights(builder, layer, kernel, order)
    parameters, stages, result = _kernel(builder, op, kernel, order, whole.taps // fold.simd)
    parameters = _codes(source, stream) | parameters
    cycles = stages - _spared(builder, kernel, fold.simd)
    array = _Array(kernel.module, parameters, whole.taps // fold.simd, stages, len(order[0]) == 1, cycles)
    wire = _placed(builder, layer, array, fold.pe * result.bits)
    result = Beats(wire, fold.pe, result.lo, result.hi, whole.taps // fold.simd, result.offsets)
    return result if kernel.shifts is None else _shift(builder, layer, op, kernel, kernel.shifts, result)


def _spared(builder: Builder, kernel: RtlKernel, simd: int) -> int:
    """Stages that an array lacks to the most that it can have."""
    if kernel.lane_bounds is None:  # a tree over the lanes
        return simd.bit_length() - max(1, (simd - 1).bit_length())
    return 0 if builder.options.pipelining.short else kernel.stages - kernel.unhurried


def _codes(source: Beats, stream: Stream) -> dict[str, Parameter]:
    """What a kernel array knows of its codes."""
    listed = source.bits <= LISTED_BITS  # codes that index a table; wider ones are integers, whatever their range
    codes = {"CODE_LO": stream.lo, "CODES": stream.hi - stream.lo + 1} if listed else {"CODE_LO": 0, "CODES": 1}
    return {"CODE_BITS": source.bits, **codes}


def shared_sums(site: Site, kernel: Kernel, order: tuple[np.ndarray, np.ndarray]) -> SharedSums | None:
    """The layer as adders that its outputs share, where its weights are constants and that takes fewer LUTs than lanes."""
    constants = kernel.constants()
    outputs, taps = order
    if constants is None or len(outputs) > 1:
        return None
    matrix = constants.matrix[outputs[0, :, 0]][:, taps[0, 0]]
    sums = SharedSums.of(replace(constants, matrix=matrix))
    lanes = lut_cost(site.graph)(site.node, site.folding[site.layer])
    return sums if sums.luts < lanes else None


def _shared(
    builder: Builder, layer: str, op: Linear, sums: SharedSums, order: tuple[np.ndarray, np.ndarray], source: Beats
) -> Beats:
    """Place a kernel array of shared sums; its weights' port has a constant."""
    lo, hi = sums.range()
    outputs = order[0][0, :, 0]
    bias = np.zeros(len(outputs), np.int64) if op.bias is None else op.bias.astype(np.int64)
    offsets = np.zeros_like(bias)
    offsets[outputs] = sums.offsets
    offsets += bias
    result = Beats("", len(outputs), lo, hi, 1, offsets if offsets.any() else None)
    prefix = builder.identifiers[layer]
    module = f"{builder.name}_{prefix}_sums"
    builder.modules[module] = sums.module(module, source.bits)
    builder.wires[f"{prefix}_weights"] = (1, layer)
    builder.assigns.append((f"{prefix}_weights", "1'b0", layer))
    array = _Array(module, {}, 1, sums.network.stages, True, sums.network.stages)
    return replace(result, wire=_placed(builder, layer, array, len(outputs) * result.bits))


def _placed(builder: Builder, layer: str, array: _Array, results: int) -> str:
    """Place a kernel array as the clock asks; returns its stream of `results` bits."""
    place = _never_stalling if builder.options.pipelining.short else _stalling
    return place(builder, layer, array, results)


def _stalling(builder: Builder, layer: str, array: _Array, results: int) -> str:
    """The kernel array on its own: it waits where its results do; returns the sums' stream of `results` bits."""
    prefix, wire = builder.identifiers[layer], builder.stream(layer, "sums", results)
    ports = array.inputs(f"{prefix}_window") | {"in_codes": f"{prefix}_window_data", "in_weights": f"{prefix}_weights"}
    ports |= {"out_valid": f"{wire}_valid", "out_ready": f"{wire}_ready", "out_results": f"{wire}_data"}
    builder.place(layer, "kernel", array.module, array.parameters, ports, array.cycles)
    return wire


def _never_stalling(builder: Builder, layer: str, array: _Array, results: int) -> str:
    """The kernel array between registers and a queue, whose free places decide when a pass may end; returns the sums' stream.

    Args:
        builder: takes the instances.
        layer: the layer.
        array: its kernel array.
        results: bits of a pass' results.
    """
    prefix = builder.identifiers[layer]
    (weights, _), (codes, _) = builder.wires[f"{prefix}_weights"], builder.streams[f"{prefix}_window"]
    wires = {"fed_valid": 1, "fed_last": 1, "fed_codes": codes, "fed_weights": weights, "taken": 1, "array_ready": 1}
    for name, bits in (wires | {"results_valid": 1, "results": results}).items():
        builder.wires[f"{prefix}_{name}"] = (bits, layer)
    wire = builder.stream(layer, "sums", results)
    cut = builder.options.pipelining.queued
    places, memory = result_places(array.beats, array.stages + cut)

    feed: dict[str, Parameter] = {"CODES_BITS": codes, "WEIGHTS_BITS": weights, "FIXED": array.fixed, "CREDITS": places}
    ports = array.inputs(f"{prefix}_window") | {"in_codes": f"{prefix}_window_data", "in_weights": f"{prefix}_weights"}
    ports |= {"taken": f"{prefix}_taken", "array_ready": f"{prefix}_array_ready"}
    ports |= {f"out_{part}": f"{prefix}_fed_{part}" for part in ("valid", "last", "codes", "weights")}
    builder.place(layer, "feed", "kernel_feed", feed, ports)

    ports = {f"in_{part}": f"{prefix}_fed_{part}" for part in ("valid", "last", "codes", "weights")}
    ports |= {"in_ready": f"{prefix}_array_ready"}
    ports |= {"out_valid": f"{prefix}_results_valid", "out_ready": "1'b1", "out_results": f"{prefix}_results"}
    builder.place(layer, "kernel", array.module, array.parameters, ports, array.cycles)

    queue: dict[str, Parameter] = {"WORD_BITS": results, "DEPTH": places, "MEMORY": memory}
    queue |= {"CUT": True} if memory and cut else {}
    ports = {"in_valid": f"{prefix}_results_valid", "in_data": f"{prefix}_results", "taken": f"{prefix}_taken"}
    builder.place(layer, "queue", "result_queue", queue, ports | handshake("out", wire))
    return wire


def _window(
    builder: Builder, layer: str, geometry: Geometry, shape: WindowShape, fold: Fold, stream: Stream, source: Beats
) -> None:
    pixels = taken_pixels(geometry, shape, max(1, source.codes // geometry.channels))
    source = source if pixels > 1 else builder.convert(layer, source, shape.codes)
    top, bottom, left, right = geometry.window.padding
    repeats = geometry.group_outputs // fold.pe
    parameters: dict[str, Parameter] = {
        "CODE_BITS": source.bits,
        "CODES": shape.codes,
        "CHANNELS": geometry.channels,
        "PIXELS": pixels,
        "HEIGHT": geometry.height,
        "WIDTH": geometry.width,
        "KERNEL_H": geometry.window.size[0],
        "KERNEL_W": geometry.window.size[1],
        "STRIDE_H": geometry.window.stride[0],
        "STRIDE_W": geometry.window.stride[1],
        "PAD_TOP": top,
        "PAD_BOTTOM": bottom,
        "PAD_LEFT": left,
        "PAD_RIGHT": right,
        "FILL": (stream.zero_code if any(geometry.window.padding) else 0) & ((1 << source.bits) - 1),
        "SHAPE": shape.form,
        "SIMD": shape.simd,
        "REPEATS": repeats,
        "GROUPS": geometry.window.groups,
        **_memories(builder, layer, geometry, shape, repeats, pixels, source.bits),
        **builder.ahead,
    }
    wire = builder.stream(layer, "window", shape.simd * source.bits)
    builder.wires[f"{wire}_last"] = (1, layer)
    ports = handshake("in", source.wire) | handshake("out", wire) | {"out_last": f"{wire}_last"}
    builder.place(layer, "window", "sliding_window", parameters, ports)


def _memories(
    builder: Builder, layer: str, geometry: Geometry, shape: WindowShape, repeats: int, pixels: int, bits: int
) -> dict[str, Parameter]:
    """Depth of the ring (or of the buffer of columns) and placement of ring and line buffers."""
    rules = builder.options.memories
    (kh, kw), chunks = geometry.window.size, geometry.channels // shape.codes
    top, bottom, left, right = geometry.window.padding
    height, line = geometry.height + top + bottom, (geometry.width + left + right) * chunks
    kept = (kh - 1) * shape.codes * bits * pixels if shape.form > 0 else 0
    lines_in_block = kept > 0 and builder.ram_in_block(layer, "lines", line // pixels, kept)
    if shape.form == 2:
        column = kh * shape.codes * bits * pixels
        # needed where columns may come faster than windows go
        depth = rules.ring_depth(2, line * geometry.height // pixels, column) if repeats * pixels > 1 else 0
        return {"DEPTH": depth, "BLOCK_LINES": lines_in_block, "BLOCK_RING": builder.ram_in_block(layer, "window", depth, column)}
    if geometry.window.size == (1, 1) and geometry.window.stride == (1, 1) and repeats == 1:
        return {}  # words go through as they come
    # columns of whole windows come as a single row each
    rows, images = (1, geometry.window.output_hw(geometry.height, geometry.width)[0]) if shape.form == 1 else (kh, height)
    span = (rows - 1) * line + kw * chunks
    depth = rules.ring_depth(span + chunks, span + images * line, shape.simd * bits)
    return {
        "DEPTH": depth,
        "BLOCK_LINES": lines_in_block,
        "BLOCK_RING": builder.ram_in_block(layer, "window", depth, shape.simd * bits),
    }


def _weights(builder: Builder, layer: str, kernel: RtlKernel, order: tuple[np.ndarray, np.ndarray]) -> None:
    """The weight memory; it moves on with every beat that the kernel array takes."""
    lanes = kernel.weights[order]
    rows = words(lanes.reshape(len(lanes), -1), kernel.weight_bits)
    bits = lanes[0].size * kernel.weight_bits
    prefix = builder.identifiers[layer]
    builder.wires[f"{prefix}_weights"] = (bits, layer)
    parameters: dict[str, Parameter] = {"DEPTH": len(rows), "WIDTH": bits}
    if len(rows) == 1:
        parameters["WORD"] = Packed(rows[0], bits)
    else:
        parameters["BLOCK"] = builder.rom_in_block(layer, "weights", len(rows), bits)
        parameters["FILE"] = builder.memory(layer, "weights", rows, bits)
        parameters |= builder.ahead
    ports = {"advance": f"{prefix}_window_valid && {prefix}_window_ready", "data": f"{prefix}_weights"}
    builder.place(layer, "weights", "weight_memory", parameters, ports)


def _kernel(
    builder: Builder, op: Linear, kernel: RtlKernel, order: tuple[np.ndarray, np.ndarray], beats: int
) -> tuple[dict[str, Parameter], int, Beats]:
    """Parameters of the kernel array and its pipeline stages, and the range of its results and what is to be added to them."""
    _, pe, simd = order[0].shape
    common: dict[str, Parameter] = {"PE": pe, "SIMD": simd, "BEATS": beats, "WEIGHT_BITS": kernel.weight_bits}
    offsets = _own_offsets(kernel, op) + (0 if op.bias is None else op.bias.astype(np.int64))
    if kernel.lane_bounds is None:
        result = Beats("", pe, op.kernel.output.lo, op.kernel.output.hi)
        common["RESULT_BITS"] = result.bits
        stages = kernel.stages + simd.bit_length()
    else:
        parameters, widths, stages = _sums(builder, kernel, addend_bounds(kernel, order), beats)
        result = Beats("", pe, widths.lo, widths.hi)
        common |= {"RESULT_BITS": widths.bits, "SIGNED": widths.signed, **parameters}
    special: dict[str, Parameter] = dict(kernel.parameters)
    special.update(kernel.fast if builder.options.pipelining.short else {})
    tables = dict(kernel.tables) | ({} if kernel.beat_tables is None else dict(kernel.beat_tables(order[1][:beats, 0])))
    special |= {name: packed(values, bits) for name, (values, bits) in tables.items()}
    return common | special, stages, Beats("", pe, result.lo, result.hi, 1, offsets if offsets.any() else None)


def _sums(
    builder: Builder, kernel: RtlKernel, bounds: tuple[np.ndarray, np.ndarray], beats: int
) -> tuple[dict[str, Parameter], SumWidths, int]:
    """How a kernel array adds, the widths of its running sums, and its pipeline stages."""
    chain = builder.options.chain or CHAIN
    widths = sum_widths(*bounds, beats, chain)
    sums = builder.options.sums(bounds[0].shape[2], beats, widths.bits, kernel.logic)
    if sums.apart or sums.chain != chain:
        widths = sum_widths(*bounds, beats, sums.chain, sums.apart)
    parameters: dict[str, Parameter] = {"CHAIN": sums.chain, "LEVELS": widths.levels + sums.products}
    if sums.products:
        parameters["REGISTER"] = True
    parameters |= {"NODES": widths.nodes.shape[1], "NODE_BITS": packed(widths.nodes, 8)}
    return parameters, widths, kernel.stages + widths.levels + sums.products


def _own_offsets(kernel: RtlKernel, op: Linear) -> np.ndarray:
    """What the kernel's results lack, (outputs,), on the grid behind its shifts."""
    offsets = np.zeros(op.kernel.outputs, np.int64) if kernel.offsets is None else kernel.offsets.astype(np.int64)
    return offsets if kernel.shifts is None else offsets << kernel.shifts.astype(np.int64)


def _shift(builder: Builder, layer: str, op: Linear, kernel: RtlKernel, shifts: np.ndarray, result: Beats) -> Beats:
    """Add the shift of each channel, on as few codes a beat as keep pace."""
    ratio = max(n for n in divisors(result.codes) if n <= result.period)
    source = replace(result, codes=result.codes // ratio, period=max(1, result.period // ratio))
    if ratio > 1:
        split: dict[str, Parameter] = {"WORD_BITS": source.codes * source.bits, "RATIO": ratio}
        source = builder.stage(layer, "unshifted", "stream_down", split, result, source)
    offsets, (lows, highs) = _own_offsets(kernel, op), op.kernel.bounds()
    base = int(shifts.min())
    more = np.full(source.codes, 0) if (shifts == base).all() else shifts.astype(np.int64) - base
    lo, hi = min(int((lows - offsets).min()), source.lo), max(int((highs - offsets).max()), source.hi)
    shifted = replace(source, lo=lo, hi=hi)
    bits = bits_for(0, int(more.max()))
    parameters: dict[str, Parameter] = {
        "LANES": source.codes,
        "WORDS": len(more) // source.codes,
        "IN_BITS": source.bits,
        "SIGNED": source.signed,
        "OUT_BITS": shifted.bits,
        "BASE": base,
        "SHIFT_BITS": bits,
        "SHIFTS": packed(more, bits),
    }
    return builder.stage(layer, "shifted", "channel_shift", parameters, source, shifted)


__all__ = ["build_linear"]
