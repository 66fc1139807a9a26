# SPDX-License-Identifier: Apache-2.0
"""What travels on an edge of an ONNX graph: an integer stream, and the float32 functions of one value applied to it since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from dietcnn_hls.backend.readers.grids import shared_grid
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Encode, Node, Stream

EXACT_FLOAT32 = 2**24
"""Integers below it are exact in float32, in which ONNX computes."""

MAX_LEVELS = 256
"""Most values that a quantiser behind float functions may yield: thresholds are one fewer."""


@dataclass(frozen=True)
class Step:
    """A function of one float32 value that never falls, or never rises, in each channel.

    Attributes:
        words: the ONNX node, for messages.
        function: (values, channels) -> values, (n,) each; `channels` says of which channel each value is.
        channels: how many differ, or 1.
        rises: whether it never falls, in no channel.
        factor, offset: by channel, where it is ``x * factor + offset`` with one of them at rest; else None.
        clip: its ends, where it is a clip; else None.
    """

    words: str
    function: Callable[[np.ndarray, np.ndarray], np.ndarray]
    channels: int = 1
    rises: bool = True
    factor: np.ndarray | None = None
    offset: np.ndarray | None = None
    clip: tuple[float, float] | None = None


@dataclass(frozen=True)
class Tensor:
    """A tensor.

    Attributes:
        node: the operation that yields its codes; (H, W, C) for images, (N,) for vectors.
        steps: what ONNX does with the values of these codes.
        order: for a vector flattened from an image, the number of the code, in the stream's order, of each of ONNX' elements.
        alone: whether nothing else reads what `node` yields.
    """

    node: Node
    steps: tuple[Step, ...] = ()
    order: np.ndarray | None = field(default=None, compare=False)
    alone: bool = False

    @property
    def stream(self) -> Stream:
        return self.node.stream

    @property
    def channels(self) -> int:
        """Of the steps: 1 where no step has several."""
        return max((step.channels for step in self.steps), default=1)

    def then(self, step: Step, alone: bool) -> Tensor:
        """With one more step; `alone` says whether nothing else reads this tensor."""
        return replace(self, steps=(*self.steps, step), alone=self.alone and alone)

    def values(self, codes: np.ndarray, channels: np.ndarray) -> np.ndarray:
        """ONNX' float32 values for codes of channels, (n,) each."""
        levels = self.stream.levels
        integers = codes if levels is None else np.asarray(levels, np.int64)[codes]
        values = (integers.astype(np.float64) * 2.0**-self.stream.fraction).astype(np.float32)
        for step in self.steps:
            values = step.function(values, channels).astype(np.float32)
        return values


def grid_of(values: np.ndarray, what: str) -> tuple[np.ndarray, int]:
    """Floats as integers on the coarsest grid that holds all of them: int64 of the same shape, and its fraction.

    Raises:
        LoweringError: no numbers, or none that share a grid in float32's reach.
    """
    remedy = "; quantise them with scales that are powers of two (Brevitas: restrict_scaling_type=RestrictValueType.POWER_OF_TWO)"
    return shared_grid(values, what, 24, remedy)


def quantised(tensor: Tensor, what: str) -> Encode:
    """All steps of a tensor, the last of which yields few values, as thresholds on its codes.

    Raises:
        LoweringError: more values than an encoder takes, or values without a grid.
    """
    channels, starts, values = _pieces(tensor, what)
    levels, fraction = grid_of(np.unique(values), f"{what}: its values")
    ranks = np.searchsorted(np.unique(values), values)
    if len(levels) == 1:  # an encoder has two levels; one above is never reached
        levels = np.array([levels[0], levels[0] + 1])
    count, hi = tensor.channels, tensor.stream.hi
    thresholds = np.full((count, len(levels) - 1), hi + 1, np.int64)
    flip = np.zeros(count, bool)
    for channel in range(count):
        mine = channels == channel
        rank, start = ranks[mine], starts[mine]
        flip[channel] = rank[-1] < rank[0]
        # symbol j or above from the first piece of such a rank on; where values fall, symbol below j from there on
        for j in range(len(levels) - 1):
            passed = rank <= j if flip[channel] else rank > j
            if passed.any():
                thresholds[channel, j] = start[passed].min()
    return Encode(np.sort(thresholds, axis=1), flip, tuple(int(v) for v in levels), fraction)


def _pieces(tensor: Tensor, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pieces over which a tensor's values are constant: channel, first code and value of each, codes in order.

    All intervals whose ends differ are halved at once until none is longer than one code: exact for functions that never fall
    or never rise.
    """
    lo, hi, count = tensor.stream.lo, tensor.stream.hi, tensor.channels
    channel = np.arange(count)
    low, high = np.full(count, lo), np.full(count, hi)
    first, last = tensor.values(low, channel), tensor.values(high, channel)
    found = [(channel, low.copy(), first)]
    while True:
        differ = first != last
        channel, low, high, first, last = (part[differ] for part in (channel, low, high, first, last))
        if not len(channel):
            break
        ends = high - low == 1
        found.append((channel[ends], high[ends], last[ends]))
        channel, low, high, first, last = (part[~ends] for part in (channel, low, high, first, last))
        middle = (low + high) >> 1
        value = tensor.values(middle, channel)
        channel, low, high = np.tile(channel, 2), np.concatenate([low, middle]), np.concatenate([middle, high])
        first, last = np.concatenate([first, value]), np.concatenate([value, last])
        if len(channel) + sum(len(part[0]) for part in found) > 64 * MAX_LEVELS * count:
            break
    channels, starts, values = (np.concatenate([part[i] for part in found]) for i in range(3))
    if len(np.unique(values)) > MAX_LEVELS:
        raise LoweringError(
            f"{what}: behind functions of floats it yields more than {MAX_LEVELS} values; use at most 8 bits, or put the Quant "
            "directly behind a linear layer"
        )
    order = np.lexsort((starts, channels))
    return channels[order], starts[order], values[order]


__all__ = ["EXACT_FLOAT32", "Step", "Tensor", "grid_of", "quantised"]
