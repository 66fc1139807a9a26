# SPDX-License-Identifier: Apache-2.0
"""Neutral trained layers: what every reader makes of its front end's layers, and what lowering reads; numpy only.

A reader (`dietcnn_hls.backend.readers`) puts one of these values into each layer of hls4ml's ModelGraph, as its attribute
`TRAINED`. Nothing behind the readers asks where a layer came from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dietcnn_hls.lowered import Grid, Window
from dietcnn_hls.methods.base import Scheme

TRAINED = "trained"
"""The attribute of a layer that holds its value."""


@dataclass(frozen=True, eq=False)
class TrainedLinear:
    """A convolution or dense layer.

    Attributes:
        name: for messages.
        kernel: (kh, kw, channels, filters), depthwise (kh, kw, channels, multiplier), or (inputs, outputs).
        scheme: how its weights are coded.
        bias: float64 by output, exact, or None.
        window: geometry of a convolution; ``groups`` equals the channels when depthwise.
        float32: whether the front end sums in float32, which is exact below 2^24 steps only.
        finer_bias: what to do where the bias is finer than the sums; ``{fraction}`` stands for the finest grid that it may have.
    """

    name: str
    kernel: np.ndarray
    scheme: Scheme
    bias: np.ndarray | None
    window: Window | None
    float32: bool = False
    finer_bias: str = "set bias_fraction to at most {fraction}"

    @property
    def weights(self) -> np.ndarray:
        """(outputs, taps), taps in (kh, kw, channel) order."""
        if self.window is not None and self.window.groups > 1:
            taps = self.kernel.shape[0] * self.kernel.shape[1]
            return self.kernel.reshape(taps, -1).T
        return self.kernel.reshape(-1, self.kernel.shape[-1]).T

    @property
    def outputs(self) -> int:
        return len(self.weights)

    def without_bias(self) -> TrainedLinear:
        return replace(self, bias=None)


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


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """``float32(float64(x) * scale + shift)`` by channel, float32 each."""

    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True)
class MaxPooling:
    window: Window


@dataclass(frozen=True)
class SumPooling:
    """Sums over windows, on a grid finer by `shift` bits: means, where windows hold ``2**shift`` values."""

    window: Window
    shift: int


@dataclass(frozen=True)
class ZeroPadding:
    """Zeros around an image: (top, bottom, left, right)."""

    padding: tuple[int, int, int, int]


@dataclass(frozen=True)
class Reshaping:
    """Same values in the same order: (H, W, C) or (N,)."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Addition:
    """Of two tensors of one shape."""


@dataclass(frozen=True)
class Identity:
    """What changes nothing."""


@dataclass(frozen=True)
class FinalSoftmax:
    """Softmax over the classes, at the model's very end: the design ends at the logits, the host computes it."""


@dataclass(frozen=True)
class ModelInput:
    """The model's input; `grid` is what the front end says of its values, if anything."""

    shape: tuple[int, ...]
    grid: Grid | None = None


@dataclass(frozen=True)
class GridStatement:
    """A layer that only says which values enter the design."""

    grid: Grid


Activation = Codebook | Uniform
Trained = (
    TrainedLinear
    | Activation
    | BatchNorm
    | MaxPooling
    | SumPooling
    | ZeroPadding
    | Reshaping
    | Addition
    | Identity
    | FinalSoftmax
    | ModelInput
    | GridStatement
)


def trained(node: Any) -> Any:
    """The neutral value of one of hls4ml's layers; None where no reader has read it."""
    return node.get_attr(TRAINED)


def is_linear(node: Any) -> bool:
    return isinstance(trained(node), TrainedLinear)


def is_activation(node: Any) -> bool:
    return isinstance(trained(node), Codebook | Uniform)


def is_pool(node: Any) -> bool:
    """A pool that compares: order does not change under an activation."""
    return isinstance(trained(node), MaxPooling)
