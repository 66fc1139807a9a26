# SPDX-License-Identifier: Apache-2.0
"""Widths of the running sums inside a kernel array, from exact bounds of what the actual weights can contribute.

The mirror of ``templates/rtl/lane_sum.sv``: SIMD products are added in groups of `chain`, group sums likewise, level by level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.integers import bits_for

CHAIN = 8
"""Sums in a row between two registers of a kernel array, unless a design asks for another number."""


@dataclass(frozen=True)
class SumWidths:
    """Parameters of lane_sum for all outputs of a kernel array.

    Attributes:
        lo: smallest result.
        hi: largest result.
        bits: width of results.
        levels: register stages.
        nodes: (PE, nodes) widths of the running sums, level by level.
    """

    lo: int
    hi: int
    bits: int
    levels: int
    nodes: np.ndarray

    @property
    def signed(self) -> bool:
        return self.lo < 0


def sum_widths(low: np.ndarray, high: np.ndarray, beats: int, chain: int, apart: bool = False) -> SumWidths:
    """Widths for lane contributions between `low` and `high`.

    Args:
        low: (words, PE, SIMD) lowest contribution of every lane in every beat; beats of one result are neighbours.
        high: the same for the highest.
        beats: beats of one result; words is a multiple of it.
        chain: lanes (or sums) in a row before a register.
        apart: one register stage more, in front of the accumulator.
    """
    pe = low.shape[1]
    totals = [array.sum(axis=2).reshape(-1, beats, pe).sum(axis=1) for array in (low, high)]
    lo, hi = int(totals[0].min()), int(totals[1].max())
    signed = bool((low < 0).any())
    lo = min(lo, -1) if signed else 0
    limit = bits_for(lo, hi)
    nodes: list[np.ndarray] = []
    levels = 0
    while levels == 0 or low.shape[2] > 1:
        low, high = _level(low, high, chain, signed, limit, nodes)
        levels += 1
    if apart:
        _level(low, high, chain, signed, limit, nodes)
        levels += 1
    return SumWidths(lo, hi, limit, levels, np.stack(nodes, axis=1))


def _level(
    low: np.ndarray, high: np.ndarray, chain: int, signed: bool, limit: int, nodes: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Append the widths of one level's running sums to `nodes`; return the bounds of its group sums."""
    groups = [slice(i, i + chain) for i in range(0, low.shape[2], chain)]
    lows = [np.cumsum(low[:, :, g], axis=2) for g in groups]
    highs = [np.cumsum(high[:, :, g], axis=2) for g in groups]
    for a, b in zip(np.concatenate(lows, axis=2).min(axis=0).T, np.concatenate(highs, axis=2).max(axis=0).T, strict=True):
        nodes.append(
            np.array([min(limit, bits_for(min(int(x), -1) if signed else 0, int(y))) for x, y in zip(a, b, strict=True)])
        )
    return np.stack([x[..., -1] for x in lows], axis=2), np.stack([x[..., -1] for x in highs], axis=2)


__all__ = ["CHAIN", "SumWidths", "sum_widths"]
