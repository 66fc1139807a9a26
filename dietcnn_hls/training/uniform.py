# SPDX-License-Identifier: Apache-2.0
"""Rebuilds a float model with uniform activations on power-of-two grids, calibrated for the least squared error.

What methods share whose inputs are plain integers: the image as it comes, ReLUs and encoders as `UniformActivation`, which
lowers to a shift with rounding and clipping. The method adds what becomes of a linear layer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.training.codebooks import activation_fraction
from dietcnn_hls.training.functions import RELU
from dietcnn_hls.training.integer_layers import UniformActivation
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.rebuild import FloatNetwork, Rebuilder, Signal, constant_gain, uniform_codebook

MAX_CODEBOOK_BITS = 8
"""Widest codes that thresholds yield; a shift yields more."""


class UniformRebuilder(Rebuilder):
    """A `Rebuilder` whose activations are `bits`-bit integers; subclasses define `linear`."""

    def __init__(self, network: FloatNetwork, bits: int) -> None:
        super().__init__(network)
        self.bits = bits

    def input(self, signal: Signal) -> Signal:
        return Signal(signal.tensor, signal.data, 1.0, self.grid.fraction, bounds=(self.grid.lo, self.grid.hi))

    def coded(self, signal: Signal, name: str) -> Signal:
        return self._activated(signal, name, signed=bool(signal.data.min() < 0))

    def activation(self, step: Step, signal: Signal) -> Signal:
        if step.function == RELU or step.function.cap is not None:
            return self._activated(signal, step.name, signed=False, cap=step.function.cap)
        values = step.function.values(signal.data, signal.scale)
        signed = bool(values.min() < 0)
        self._check_thresholds(step.name)
        fraction = self._fraction(values, signed)
        return self.apply(uniform_codebook(step, signal, self.width(signed), fraction, signed), signal, fraction=fraction)

    def rounding(self, name: str, fraction: int, signed: bool, highest: int | None) -> Any:
        """The Keras layer that rounds and clips to codes; methods with layers of their own override it."""
        return UniformActivation(self.width(signed), fraction, signed, highest, name=name)

    def width(self, signed: bool) -> int:
        """Bits of a code."""
        return self.bits

    def _fraction(self, values: np.ndarray, signed: bool) -> int:
        """Of the grid of an activation with these values."""
        return activation_fraction(values, self.bits, signed)

    def _activated(self, signal: Signal, name: str, signed: bool, cap: float | None = None) -> Signal:
        if signal.scale != 1:  # a mean over a number of values that is no power of two: thresholds take what is left
            self._check_thresholds(name)
            gain = constant_gain(self.fresh(f"{name}_gain"), signal.scale, signal.data.shape)
            signal = self.apply(gain, signal)
        data = signal.data if cap is None else np.minimum(signal.data, np.float32(cap))
        fraction = self._fraction(data, signed)
        highest = None if cap is None else math.floor(cap * 2.0**fraction + 0.5)
        return self.apply(self.rounding(name, fraction, signed, highest), signal, fraction=fraction)

    def _check_thresholds(self, name: str) -> None:
        """ConfigError where an activation that needs a threshold a code would need too many."""
        if self.bits > MAX_CODEBOOK_BITS:
            raise ConfigError(
                f"layer '{name}': codes of {self.bits} bits behind a batch-norm, a mean or a function other than ReLU need "
                f"{(1 << self.bits) - 1} thresholds; set activation_bits to at most {MAX_CODEBOOK_BITS}"
            )
