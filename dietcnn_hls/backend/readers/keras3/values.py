# SPDX-License-Identifier: Apache-2.0
"""What travels on an edge of an HGQ2 model: an integer stream, and the float32 function of each element applied to it since."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.grids import shared_grid
from dietcnn_hls.backend.readers.stock.chain import Chain, aligned
from dietcnn_hls.integers import round_shift
from dietcnn_hls.lowered import Encode, Gather, Node, Operation, Requantize, Stream, ValueMap, Window

Function = Callable[[np.ndarray], np.ndarray]
"""(K, ...) float32 -> the same shape: what Keras makes of each element, whose place decides about its parameters."""

MAX_TABLE = 1 << 20
"""Most entries of the tables that a function of single values becomes."""

LISTED = 256
"""Codes up to which a function is a table, however it runs."""

MAX_LEVELS = 256
"""Most results of a function that becomes thresholds."""


@dataclass(frozen=True)
class Value:
    """A tensor.

    Attributes:
        node: the operation that yields its integers, of the tensor's shape.
        function: what Keras does with them before anyone reads them; None: nothing.
        words: whose function it is, for messages.
    """

    node: Node
    function: Function | None = None
    words: str = ""

    @property
    def stream(self) -> Stream:
        return self.node.stream

    def then(self, function: Function, words: str) -> Value:
        """With one more function."""
        first = self.function
        both = function if first is None else lambda values: function(first(values))
        return replace(self, function=both, words=words)

    def of(self, codes: np.ndarray) -> np.ndarray:
        """Keras' float32 values for integers of the stream."""
        values = (codes.astype(np.float64) * 2.0**-self.stream.fraction).astype(np.float32)
        return values if self.function is None else np.asarray(self.function(values), np.float32)


@dataclass(frozen=True)
class Layer:
    """A layer's name and class where `Chain` asks for hls4ml's layer."""

    name: str
    class_name: str


class Making(Chain):
    """The operations of one call.

    Attributes:
        taken: names that operations of the graph have, those of this call included.
    """

    def __init__(self, layer: Layer, source: Node, taken: set[str]) -> None:
        super().__init__(layer, source)
        self.taken = taken

    def add(self, role: str, op: Operation, *others: Node) -> Node:
        """As `Chain.add`; a role that is taken gets a number behind it."""
        numbered = (f"{role}{number or ''}" for number in itertools.count())
        free = next(word for word in numbered if f"{self.name}_{word}" not in self.taken)
        self.taken.add(f"{self.name}_{free}")
        return super().add(free, op, *others)

    @property
    def value(self) -> Value:
        return Value(self.last)

    def exact(self, value: Value) -> None:
        """Go on from a value that is integers."""
        if value.function is not None:
            raise self.refused(
                f"it reads floats: {value.words} ends in no quantiser; give that layer enable_oq, or this one an iq"
            )
        self.last = value.node

    def refused(self, why: str) -> Exception:
        from dietcnn_hls.backend.readers.stock.chain import refuse

        return refuse(self.layer, why)

    def tabulated(self, value: Value, function: Function, role: str) -> None:
        """A function of each element that yields values of a grid, as tables: one for all, one a channel, or one an element."""
        source = value.stream
        count = source.hi - source.lo + 1
        if count > MAX_TABLE:
            raise self.refused(f"its input has {source.bits} bits, too many for a table; quantise what comes before it")
        codes = np.arange(source.lo, source.hi + 1)
        elements = count * source.size <= 16 * MAX_TABLE
        shape = source.shape if elements else (1,) * (len(source.shape) - 1) + source.shape[-1:]
        found = function(value.of(np.broadcast_to(codes.reshape(-1, *([1] * len(shape))), (count, *shape))))
        integers, fraction = grid_of(found, f"layer '{self.name}': results of its table")
        flat = integers.reshape(count, -1, source.shape[-1])
        self.last = value.node
        if (flat == flat[:, :1]).all():
            alike = (flat == flat[:, :1, :1]).all()
            self._by_channel(role, flat[:, 0, 0][None] if alike else flat[:, 0].T.copy(), fraction)
        elif flat[0].size * count > MAX_TABLE:
            raise self.refused(
                f"tables of {flat[0].size} elements and {count} codes each; give all elements of a channel the same"
            )
        else:
            self.reshape(f"{role}_elements", (source.size,))
            self._by_channel(role, flat.reshape(count, -1).T.copy(), fraction)
            self.reshape(f"{role}_shape", source.shape)

    def _by_channel(self, role: str, table: np.ndarray, fraction: int) -> None:
        """(1 or channels, codes) results: a shift where they are one, thresholds where they are long and rise, else a table."""
        source = self.stream
        shift = rounded_as(table, source, fraction)
        if shift is not None:
            self.add(role, shift)
            return
        levels = np.unique(table)
        steps = np.diff(table, axis=1)
        if table.shape[1] <= LISTED or len(levels) > MAX_LEVELS or (steps < 0).any() or len(levels) < 2:
            self.add(role, ValueMap(table, source.lo, fraction))
            return
        thresholds = np.stack([source.lo + np.searchsorted(row, levels[1:]) for row in table])
        encode = Encode(thresholds, np.zeros(len(table), bool), tuple(levels.tolist()), fraction)
        self.add(f"{role}_codes", encode)
        self.add(role, ValueMap(levels[None], 0, fraction))

    def gather(self, role: str, numbers: np.ndarray) -> None:
        """Codes in another order, -1 for zero; nothing where it is the order that they have."""
        if numbers.size == self.stream.size and (numbers.reshape(-1) == np.arange(numbers.size)).all():
            self.reshape(role, numbers.shape)
        else:
            self.add(role, Gather(numbers.reshape(-1), tuple(int(n) for n in numbers.shape)))

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the codes, in the stream's shape."""
        return np.arange(self.stream.size).reshape(self.stream.shape)


def rounded_as(table: np.ndarray, source: Stream, fraction: int) -> Requantize | None:
    """The shift, rounded and clipped, that one row of results of all codes is; None where it is none."""
    shift, codes = source.fraction - fraction, np.arange(source.lo, source.hi + 1)
    lo, hi = int(table.min()), int(table.max())
    if len(table) > 1 or lo == hi or not -16 <= shift <= 30:
        return None
    for rounding in ("floor", "half_up", "half_even"):
        if np.array_equal(np.clip(round_shift(codes, shift, rounding), lo, hi), table[0]):
            return Requantize(shift, rounding, lo, hi, fraction)
    return None


def grid_of(values: np.ndarray, what: str) -> tuple[np.ndarray, int]:
    """As `shared_grid`, for at most 40 bits."""
    return shared_grid(values, what, 40)


def window_over(image: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], same: bool, groups: int = 1) -> Window:
    """The window of a convolution or pool over an image (H, W, C), as Keras pads it."""
    (height, width), pair, step = image[:2], (size[0], size[1]), (stride[0], stride[1])
    return Window.same(pair, step, height, width, groups) if same else Window(pair, step, groups=groups)


def numpy(tensor: Any) -> np.ndarray:
    """A tensor of whichever backend Keras runs on."""
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor))


def applied(function: Callable[[Any], Any]) -> Function:
    """A function of Keras' tensors over arrays."""

    def over(values: np.ndarray) -> np.ndarray:
        from keras import ops

        return numpy(function(ops.convert_to_tensor(values)))

    return over


__all__ = ["Function", "Layer", "Making", "Value", "aligned", "applied", "grid_of", "numpy", "window_over"]
