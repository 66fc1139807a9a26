# SPDX-License-Identifier: Apache-2.0
"""Operations of one hls4ml layer, put one behind the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.errors import DietError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import (
    Add,
    Combine,
    Linear,
    Node,
    Operation,
    Requantize,
    Reshape,
    Stream,
    ValueMap,
    Window,
    checks,
    infer_stream,
)
from dietcnn_hls.methods.products import Products, RoundedProducts

LISTED_BITS = 12
"""Width of inputs up to which a kernel lists their integers; wider ones are given by their ends."""


class Chain:
    """The operations of a layer so far; the last one gets the layer's name.

    Attributes:
        layer: hls4ml's layer.
        nodes: of this layer, in order; names are ``<layer>_<role>`` until `finish`.
        last: what the next operation reads.
    """

    def __init__(self, layer: Any, source: Node) -> None:
        self.layer = layer
        self.nodes: list[Node] = []
        self.last = source

    @property
    def name(self) -> str:
        return str(self.layer.name)

    @property
    def stream(self) -> Stream:
        """What the next operation reads."""
        return self.last.stream

    def type(self, what: str) -> FixedType:
        """The layer's type `what` ('accum', 'table', ...); without a word in it, the type of its result."""
        if what == "result":
            return FixedType.of(self.layer.get_output_variable().type.precision, self.name, "its result")
        return FixedType.of(self.layer.get_attr(f"{what}_t").precision, self.name, f"its {what}")

    def add(self, role: str, op: Operation, *others: Node) -> Node:
        """Put an operation behind the last one (and `others`, for one that reads several); errors get the layer's name."""
        inputs = (self.last, *others)
        try:
            stream = infer_stream(op, [node.stream for node in inputs])
        except DietError as error:
            raise type(error)(f"layer '{self.name}': {error}") from error
        self.last = Node(f"{self.name}_{role}", op, tuple(node.name for node in inputs), stream)
        self.nodes.append(self.last)
        return self.last

    def cast(self, kind: FixedType, role: str = "cast") -> None:
        """A cast to `kind`, where it changes anything."""
        op = kind.cast(self.stream)
        if op is not None:
            self.add(role, op)

    def clip(self, role: str, lo: int, hi: int) -> None:
        """Codes below `lo` become `lo`, those above `hi` become `hi`."""
        lo, hi = max(lo, min(self.stream.lo, hi)), min(hi, max(self.stream.hi, lo))
        if (lo, hi) != (self.stream.lo, self.stream.hi):
            self.add(role, Requantize(0, "floor", lo, hi, self.stream.fraction))

    def hold_zero(self) -> None:
        """Codes that a zero may join, as padding does; behind constant biases no code may be one."""
        if self.stream.levels is None and not self.stream.lo <= 0 <= self.stream.hi:
            self.add("zero", Requantize(0, "floor", min(self.stream.lo, 0), max(self.stream.hi, 0), self.stream.fraction))

    def reshape(self, role: str, shape: tuple[int, ...]) -> None:
        if shape != self.stream.shape:
            self.add(role, Reshape(shape))

    def linear(
        self, weights: np.ndarray, fraction: int, bias: tuple[np.ndarray, int], accum: FixedType, window: Window | None
    ) -> None:
        """Products, rounded to the accumulator's grid where that is coarser, and their sum, which wraps around where it may.

        Args:
            weights: (outputs, taps) codes.
            fraction: their grid.
            bias: integers, and their grid.
            accum: the accumulator.
            window: of a convolution.
        """
        source, drop = self.stream, self.stream.fraction + fraction - accum.fraction
        integers, ends_only = self._inputs(source)
        grid = min(source.fraction + fraction, accum.fraction)
        offsets, bias_grid = bias
        if offsets.any():
            finest = bias_grid - int(np.min([(int(b) & -int(b)).bit_length() - 1 for b in offsets if b]))
            weights, grid = weights << max(0, finest - grid), max(grid, finest)
        cut = 0 if drop > 0 else self._cut(weights, grid)
        if cut:
            self._split(weights, grid, bias, window, cut)
            self.wrap(accum)
            return
        if drop > 0:
            kernel: Any = RoundedProducts(
                weights, grid, integers, source.lo, drop - (grid - accum.fraction), accum.rounding, ends_only
            )
        else:
            kernel = Products(weights, grid, integers, source.lo, ends_only)
        self.add("sum", Linear(kernel, regrid(offsets, bias_grid, grid) if offsets.any() else None, window))
        self.wrap(accum)

    def _cut(self, weights: np.ndarray, grid: int) -> int:
        """Low bits of the input whose products must be summed apart, because the sums of all leave 64 bits; 0: none.

        Only where the result drops the bits that are lost so.

        Raises:
            UnsupportedLayerError: results of the model that are wider than any stream.
        """
        heaviest = int(np.abs(weights.astype(np.float64)).sum(axis=1).max())
        reach = max(-self.stream.lo, self.stream.hi) * max(1, heaviest)
        cut = max(0, reach.bit_length() + 2 - checks.MAX_BITS)
        fits = heaviest.bit_length() + cut + 2 <= checks.MAX_BITS
        if not cut or not fits:
            return 0
        kind, grid = self._kept(), grid - cut
        if kind.bits > checks.MAX_BITS and not self.layer.get_output_nodes():
            raise refuse(
                self.layer,
                f"its results have {kind.bits} bits, and streams {checks.MAX_BITS}; give its result a precision of fewer",
            )
        spare = grid - kind.fraction - (kind.rounding == "half_up")
        return cut if spare >= 0 and kind.rounding in ("floor", "half_up") else 0

    def _kept(self) -> FixedType:
        """The type in which results are needed: this layer's, or that of the linear activation that alone reads them."""
        tensor, nodes = self.layer.outputs[0], self.layer.get_output_nodes()
        if len(nodes) == 1 and nodes[0].get_attr("activation") == "linear" and tensor not in self.layer.model.outputs:
            return FixedType.of(nodes[0].get_output_variable().type.precision, nodes[0].name, "its result")
        return self.type("result")

    def _split(self, weights: np.ndarray, grid: int, bias: tuple[np.ndarray, int], window: Window | None, cut: int) -> None:
        """Products of the input's low bits and of the others, summed apart and met on a grid of `cut` bits less: exact floors."""
        coarse = grid - cut
        high_bias = regrid(*bias, coarse)
        low_bias = regrid(*bias, grid) & ((1 << cut) - 1) if bias[1] > coarse else np.zeros_like(high_bias)
        whole = self.last
        source = whole.stream
        self.add("low", Requantize(0, "floor", 0, (1 << cut) - 1, source.fraction, "wrap"))
        low = np.array([self.stream.lo, self.stream.hi], np.int64)
        self.add("low_sum", Linear(Products(weights, grid, low, 0, True), low_bias if low_bias.any() else None, window))
        ends = self.stream.lo >> cut, self.stream.hi >> cut
        lowest = self.add("low_carry", Requantize(cut, "floor", *ends, coarse))
        self.last = whole
        ends = source.lo >> cut, source.hi >> cut
        self.add("high", Requantize(cut, "floor", *ends, source.fraction - cut))
        integers, ends_only = self._inputs(self.stream)
        kernel = Products(weights, coarse, integers, self.stream.lo, ends_only)
        self.add("high_sum", Linear(kernel, high_bias if high_bias.any() else None, window))
        self.add("sum", Add((0, 0)), lowest)

    def _inputs(self, source: Stream) -> tuple[np.ndarray, bool]:
        if source.bits <= LISTED_BITS:
            return source.integers, False
        return np.array([source.lo, source.hi], np.int64), True

    def wrap(self, accum: FixedType) -> None:
        """What the accumulator's width does to a sum, whatever the order of its terms."""
        spare = accum.fraction - self.stream.fraction
        held = replace(accum, bits=accum.bits - spare, fraction=accum.fraction - spare)
        if held.holds(self.stream):
            return
        if accum.overflow != "wrap":
            raise UnsupportedLayerError(
                f"layer '{self.name}': sums may reach {self.stream.range} / 2^{self.stream.fraction} and its accumulator "
                f"saturates at each step, so that the order of additions matters; widen it, use WRAP, or accum: auto"
            )
        self.add("wrap", Requantize(0, "floor", held.lo, held.hi, held.fraction, "wrap"))

    def scale(
        self, role: str, weights: np.ndarray, fraction: int, bias: tuple[np.ndarray, int] | None = None, last: bool = False
    ) -> None:
        """``x * weights[channel] + bias[channel]``, a depthwise 1 x 1 convolution; the bias has a grid, not finer than products'.

        It is exact; with `last`, which says that the cast to the result follows, but for bits that this cast drops.
        """
        shape, channels = self.stream.shape, self.stream.channels
        weights = np.broadcast_to(weights, channels).reshape(channels, 1)
        self.reshape(f"{role}_pixels", (1, int(np.prod(shape[:-1], dtype=int)), channels))
        integers, ends_only = self._inputs(self.stream)
        grid, window = self.stream.fraction + fraction, Window((1, 1), groups=channels)
        cut = self._cut(weights, grid) if last else 0
        if cut:
            self._split(weights.copy(), grid, bias or (np.zeros(channels, np.int64), grid), window, cut)
        else:
            kernel = Products(weights.copy(), grid, integers, self.stream.lo, ends_only)
            self.add(role, Linear(kernel, None if bias is None else regrid(*bias, grid), window))
        self.reshape(f"{role}_shape", shape)

    def table(self, role: str, function: Callable[[np.ndarray], np.ndarray], kind: FixedType) -> None:
        """A table over all codes: `function` gives the codes of `kind` for grid integers."""
        codes = np.arange(self.stream.lo, self.stream.hi + 1)
        self.add(role, ValueMap(function(codes)[None].astype(np.int64), self.stream.lo, kind.fraction))

    def multiply(self, role: str, other: Node, kept: FixedType) -> None:
        """Products with another stream, exact but for bits that a cast to `kept` drops, where they leave a stream's width."""
        whole, fraction = self.last, self.stream.fraction + other.stream.fraction
        reach = [max(s.hi, ~s.lo).bit_length() for s in (whole.stream, other.stream)]
        cut = max(0, sum(reach) + 2 - checks.MAX_BITS)
        spare = fraction - cut - kept.fraction - (kept.rounding == "half_up")
        if not cut or spare < 0 or kept.rounding not in ("floor", "half_up"):
            self.merge(role, Combine("multiply"), other)
            return
        self.add("low", Requantize(0, "floor", 0, (1 << cut) - 1, whole.stream.fraction, "wrap"))
        self.merge("low_products", Combine("multiply"), other)
        low = self.add("low_carry", Requantize(cut, "floor", self.stream.lo >> cut, self.stream.hi >> cut, fraction - cut))
        self.last = whole
        self.add("high", Requantize(cut, "floor", whole.stream.lo >> cut, whole.stream.hi >> cut, whole.stream.fraction - cut))
        self.merge("high_products", Combine("multiply"), other)
        self.add(role, Add((0, 0)), low)

    def merge(self, role: str, op: Add | Combine, other: Node) -> None:
        """An operation on this chain's last node and another."""
        self.add(role, op, other)

    def finish(self) -> list[Node]:
        """The nodes, the last of which has the layer's name. A layer that changes nothing has none."""
        if self.nodes:
            self.last = self.nodes[-1] = replace(self.nodes[-1], name=self.name)
        return self.nodes


def regrid(integers: np.ndarray, fraction: int, grid: int) -> np.ndarray:
    """Integers on the grid ``2**-fraction`` on another; what a coarser one cannot hold is cut off.

    Raises:
        LoweringError: they leave 62 bits.
    """
    if fraction >= grid:
        return integers >> min(fraction - grid, 63)
    checks.reach("a bias", checks.largest(integers), 1 << (grid - fraction))
    return integers << (grid - fraction)


def aligned(left: Stream, right: Stream) -> tuple[int, int]:
    """Left shifts that take two streams to the finer of their grids."""
    gap = left.fraction - right.fraction
    return max(-gap, 0), max(gap, 0)


def refuse(layer: Any, why: str) -> UnsupportedLayerError:
    """The error for a layer that has no lowering."""
    return UnsupportedLayerError(f"layer '{layer.name}' ({layer.class_name}): {why}")


__all__ = ["Chain", "LoweringError", "aligned", "refuse", "regrid"]
