# SPDX-License-Identifier: Apache-2.0
"""Threshold encoders in the engine: parallel search trees or one serial comparator, whichever is cheaper at the fold."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.hardware.pipelining import STEPS
from dietcnn_hls.integers import bits_for, divisors
from dietcnn_hls.lowered import Encode
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Builder, Site
from dietcnn_hls.rtl.verilog import Parameter, packed

_SERIAL_CONTROL = 35  # LUTs of a serial encoder beside its comparator


@BUILDERS.register(Encode)
def build_encode(site: Site, op: Encode, sources: list[Beats]) -> Beats:
    """Add an encoder; thresholds take over what is still to be added to their channel's values."""
    builder, (stream,), (source,) = site.builder, site.streams, sources
    thresholds, flip = _rows(op, stream.channels, source)
    symbols = len(op.levels)
    steps = bits_for(0, symbols - 1)
    tree = _search_tree(thresholds, steps, source)
    pixels = max(1, source.codes // stream.channels)
    bits = source.bits + (int(tree.max()) >> source.bits)
    cycles = builder.options.pipelining.serial_cycles(bits) * steps
    lanes, serial = (source.codes, False) if pixels > 1 else _choose(source, steps, len(tree), cycles)
    source = builder.convert(site.layer, source, lanes)
    common: dict[str, Parameter] = {
        "IN_BITS": source.bits,
        "THRESHOLD_BITS": bits,
        "SIGNED": source.signed,
        "STEPS": steps,
        "OUT_BITS": steps,
        "MAX_CODE": symbols - 1,
    }
    result = Beats("", lanes, 0, symbols - 1, max(source.period, cycles if serial else 1))
    if serial:
        common |= {"CYCLES": cycles // steps} if cycles > steps else {}
        return _serial(builder, site.layer, common, bits, tree, flip, source, result)
    words = max(1, len(tree) // lanes)
    copies = words * lanes // len(tree)  # of a row that all channels share, or of all rows for several pixels
    rows, flips = np.tile(tree, (copies, 1)), np.tile(flip, copies)
    common |= {"LANES": lanes, "WORDS": words}
    common |= {"THRESHOLDS": packed(_by_lane(rows, lanes, steps), bits), "FLIP": packed(flips, 1)}
    common |= _pipelined(builder, bits, (words * 2 ** (steps - 1) - 1).bit_length())
    return builder.stage(site.layer, "codes", "encode_tree", common, source, result)


def _pipelined(builder: Builder, bits: int, index_bits: int) -> dict[str, Parameter]:
    """Where a tree whose last threshold takes `index_bits` to choose has registers, if not as by default."""
    pipelining = builder.options.pipelining
    steps = pipelining.steps(bits, index_bits)
    parameters: dict[str, Parameter] = {"DEPTH": steps} if steps < STEPS else {}
    return parameters | ({"LOOKUP": True} if pipelining.lookup(bits, index_bits) else {})


def _rows(op: Encode, channels: int, source: Beats) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds on the raw values and flips, one row a channel, or a single one where all are equal."""
    thresholds = np.broadcast_to(op.thresholds, (channels, op.thresholds.shape[1])).astype(np.int64)
    flip = np.broadcast_to(op.flip, (channels,)).astype(np.int64)
    if source.offsets is not None:
        thresholds = thresholds - source.offsets[:, None]
    thresholds = np.clip(thresholds, source.lo, source.hi + 1)
    if (thresholds == thresholds[0]).all() and (flip == flip[0]).all():
        return thresholds[:1], flip[:1]
    return thresholds, flip


def _search_tree(thresholds: np.ndarray, steps: int, source: Beats) -> np.ndarray:
    """(rows, 2^steps) nodes of each row's search tree as unsigned numbers; node 0 is unused."""
    missing = 2**steps - 1 - thresholds.shape[1]
    full = np.pad(thresholds, ((0, 0), (0, missing)), constant_values=source.hi + 1)
    tree = np.full((len(full), 2**steps), source.lo)
    for step in range(steps):
        for prefix in range(2**step):
            tree[:, 2**step + prefix] = full[:, (2 * prefix + 1) * 2 ** (steps - 1 - step) - 1]
    return tree + (1 << (source.bits - 1)) if source.signed else tree


def _by_lane(tree: np.ndarray, lanes: int, steps: int) -> np.ndarray:
    """Nodes in the order of encode_tree: lane, step, word, prefix."""
    by_word = tree.reshape(-1, lanes, tree.shape[1])
    parts = [by_word[:, lane, 2**step : 2 ** (step + 1)].reshape(-1) for lane in range(lanes) for step in range(steps)]
    return np.concatenate(parts)


def _choose(source: Beats, steps: int, rows: int, cycles: int) -> tuple[int, bool]:
    """(lanes, serial) of the cheapest encoder that keeps pace with `source`; a serial one takes `cycles` a value."""
    options = []
    for lanes in divisors(source.codes):
        ratio = source.codes // lanes
        if ratio > source.period:
            continue
        select = source.bits * lanes * _mux_luts(ratio)
        words = max(1, rows // lanes)
        tables = sum(max(1, -(-words * 2**step // 32) - (words * 2**step > 32)) for step in range(steps))
        options.append((select + lanes * source.bits * tables, lanes, False))
    if source.codes * cycles <= source.period:
        options.append((source.bits * (1 + _mux_luts(source.codes)) + _SERIAL_CONTROL, 1, True))
    _, lanes, serial = min(options)
    return lanes, serial


def _mux_luts(ratio: int) -> float:
    """LUTs of one bit of a multiplexer."""
    return 0 if ratio == 1 else max(1.0, ratio / 4)


def _serial(
    builder: Builder,
    layer: str,
    common: dict[str, Parameter],
    bits: int,
    tree: np.ndarray,
    flip: np.ndarray,
    source: Beats,
    result: Beats,
) -> Beats:
    parameters = common | {
        "CHANNELS": len(tree),
        "BLOCK": builder.rom_in_block(layer, "thresholds", tree.size, bits),
        "FLIP": packed(flip, 1),
        "FILE": builder.memory(layer, "thresholds", [int(v) for v in tree.reshape(-1)], bits),
    }
    return builder.stage(layer, "codes", "encode_serial", parameters, source, result)


__all__ = ["build_encode"]
