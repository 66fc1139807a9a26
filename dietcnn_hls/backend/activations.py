# SPDX-License-Identifier: Apache-2.0
"""Activations, with the bias and batch-norm before them, to one integer operation; numpy only.

Behind integers an activation becomes per-channel thresholds (`Encode`) or, uniform and with nothing before it, a shift
(`Requantize`). Behind symbols it becomes a table (`SymbolMap`): there are few enough to try them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.backend.linear import bias_fraction, bias_integers
from dietcnn_hls.backend.thresholds import batch_norm, fold_thresholds
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.lowered import Encode, Requantize, Stream, SymbolMap
from dietcnn_hls.methods.qkeras_reader import quantized_bits, quantized_relu

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


@dataclass(frozen=True)
class Codebook:
    """``levels[#{j : y >= thresholds[j]}]``: K levels as integers on ``2**-fraction``, K-1 float32 thresholds."""

    levels: tuple[int, ...]
    fraction: int
    thresholds: np.ndarray


@dataclass(frozen=True)
class Uniform:
    """``clip(round(y * 2**fraction), lo, hi)``, rounding 'half_even' (QKeras' quantised activations) or 'half_up' (ours)."""

    lo: int
    hi: int
    fraction: int
    rounding: str = "half_even"

    def values(self, y: np.ndarray) -> np.ndarray:
        """The quantised values of `y`, float64."""
        scaled = y.astype(np.float64) * 2.0**self.fraction
        rounded = np.rint(scaled) if self.rounding == "half_even" else np.floor(scaled + 0.5)
        return np.clip(rounded, self.lo, self.hi) * 2.0**-self.fraction  # type: ignore[no-any-return]

    @property
    def codebook(self) -> Codebook:
        """The same as a codebook of consecutive integers.

        y rounds to j or above from j - 1/2 on, but with half_even and odd j that tie itself rounds down.
        """
        steps = np.arange(self.lo + 1, self.hi + 1)
        ties = ((steps - 0.5) * 2.0**-self.fraction).astype(np.float32)
        if self.rounding == "half_even":
            ties = np.where(steps % 2 == 0, ties, np.nextafter(ties, np.float32(np.inf)))
        return Codebook(tuple(range(self.lo, self.hi + 1)), self.fraction, ties)


def lower_activation(
    name: str, source: Stream, activation: Codebook | Uniform, before: Before
) -> Encode | Requantize | SymbolMap:
    """An activation that reads `source` through `before`, as one operation.

    Raises:
        LoweringError: a bias finer than the accumulator's grid.
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
    bias = None if before.bias is None else bias_integers(before.bias, source.fraction, name)
    return fold_thresholds(
        source, activation.thresholds, activation.levels, activation.fraction, before.scale, before.shift, bias
    )


def symbol_bias(name: str, source: Stream, bias: np.ndarray) -> SymbolMap:
    """A bias on symbols that no activation follows: a table onto the codebook of all sums that can occur."""
    assert source.levels is not None
    fraction = max(source.fraction, bias_fraction(bias, name))
    levels = np.asarray(source.levels, np.int64) << (fraction - source.fraction)
    sums = levels[None] + bias_integers(bias, fraction, name)[:, None]
    codebook, table = np.unique(sums, return_inverse=True)
    return SymbolMap(table.reshape(sums.shape).astype(np.uint16), tuple(int(v) for v in codebook), fraction)


def qkeras_uniform(name: str, quantizer: Mapping[str, Any], relu: bool) -> Uniform:
    """QKeras' ``quantized_relu`` (`relu`) or ``quantized_bits`` of layer `name`, by its config.

    Raises:
        UnsupportedLayerError: an option that is not a plain uniform quantiser.
    """
    return Uniform(*(quantized_relu if relu else quantized_bits)(name, quantizer["config"]))


__all__ = ["Before", "Codebook", "Uniform", "lower_activation", "qkeras_uniform", "symbol_bias"]
