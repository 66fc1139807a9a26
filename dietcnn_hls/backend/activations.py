# SPDX-License-Identifier: Apache-2.0
"""Activations, with the bias and batch-norm before them, to one integer operation; numpy only.

Behind integers an activation becomes per-channel thresholds (`Encode`) or, uniform and with nothing before it, a shift
(`Requantize`). Behind symbols it becomes a table (`SymbolMap`): there are few enough to try them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.backend.linear import bias_fraction
from dietcnn_hls.backend.thresholds import batch_norm, fold_thresholds
from dietcnn_hls.backend.trained import Codebook, Uniform
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.lowered import Encode, Requantize, Stream, SymbolMap

MAX_THRESHOLDS = 255
"""Largest number of thresholds an encoder may have."""


@dataclass(frozen=True)
class Before:
    """What stands between the accumulator and the activation: exact bias, then batch-norm."""

    bias: np.ndarray | None = None
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        return self.bias is None and self.scale is None

    def values(self, source: Stream) -> np.ndarray:
        """The float32 values that Keras computes for every code of `source`, (channels or 1, codes)."""
        exact = source.integers[None] * 2.0**-source.fraction
        if self.bias is not None:
            exact = exact + self.bias[:, None]
        y = exact.astype(np.float32)
        if self.scale is None or self.shift is None:
            return y
        return batch_norm(y, self.scale[:, None], self.shift[:, None])


def lower_activation(
    name: str, source: Stream, activation: Codebook | Uniform, before: Before
) -> Encode | Requantize | SymbolMap:
    """An activation that reads `source` through `before`, as one operation. Behind integers a bias lies on their grid.

    Raises:
        UnsupportedLayerError: more than `MAX_THRESHOLDS` thresholds.
    """
    if isinstance(activation, Uniform):
        if source.levels is None and before.empty:
            shift = source.fraction - activation.fraction
            return Requantize(shift, activation.rounding, activation.lo, activation.hi, activation.fraction)
        if activation.hi - activation.lo > MAX_THRESHOLDS:
            raise UnsupportedLayerError(
                f"layer '{name}': batch-norm or symbols before an activation of {activation.hi - activation.lo + 1} levels need "
                f"as many thresholds; use at most {MAX_THRESHOLDS + 1} levels, or fold the batch-norm into the weights"
            )
        activation = activation.codebook
    if source.levels is not None:
        table = (before.values(source)[..., None] >= activation.thresholds).sum(axis=-1)
        return SymbolMap(table.astype(np.uint16), activation.levels, activation.fraction)
    bias = None if before.bias is None else np.rint(before.bias * 2.0**source.fraction).astype(np.int64)
    return fold_thresholds(
        source, activation.thresholds, activation.levels, activation.fraction, before.scale, before.shift, bias
    )


def symbol_bias(name: str, source: Stream, bias: np.ndarray) -> SymbolMap:
    """A bias on symbols that no activation follows: a table onto the codebook of all sums that can occur."""
    assert source.levels is not None
    fraction = max(source.fraction, bias_fraction(bias, name))
    levels = np.asarray(source.levels, np.int64) << (fraction - source.fraction)
    sums = levels[None] + np.rint(bias * 2.0**fraction).astype(np.int64)[:, None]
    codebook, table = np.unique(sums, return_inverse=True)
    return SymbolMap(table.reshape(sums.shape).astype(np.uint16), tuple(int(v) for v in codebook), fraction)


__all__ = ["MAX_THRESHOLDS", "Before", "lower_activation", "symbol_bias"]
