# SPDX-License-Identifier: Apache-2.0
"""Puts operations one behind the other for the nodes of an ONNX graph, and makes integers of tensors where a node needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.onnx.tensors import EXACT_FLOAT32, Step, Tensor, grid_of
from dietcnn_hls.errors import DietError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import (
    Gather,
    Linear,
    Node,
    Operation,
    Requantize,
    Reshape,
    Stream,
    ValueMap,
    Window,
    infer_stream,
)
from dietcnn_hls.methods.products import Products

LISTED_BITS = 12
"""Width of inputs up to which a kernel lists their integers; wider ones are given by their ends."""


class Builder:
    """The operations so far.

    Attributes:
        nodes: of the lowered graph, in order.
        tensors: by ONNX' name.
        constants: likewise.
        readers: how many nodes read each of ONNX' tensors, the graph's output included.
        origin: by operation, the ONNX node that it comes from.
        open_input: whether nothing but the quantiser behind it says what may enter.
    """

    def __init__(self, constants: Mapping[str, np.ndarray], readers: Mapping[str, int]) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.constants = dict(constants)
        self.readers = readers
        self.origin: dict[str, str] = {}
        self.layer: Any = None
        self.open_input = False

    def at(self, layer: Any) -> None:
        """What follows belongs to this ONNX node."""
        self.layer = layer

    @property
    def what(self) -> str:
        """The ONNX node, for messages."""
        return f"node '{self.layer.name}' ({self.layer.op_type})"

    def refuse(self, why: str) -> UnsupportedLayerError:
        return UnsupportedLayerError(f"{self.what}: {why}")

    def single(self, name: str) -> bool:
        """Whether one node alone reads this tensor of ONNX."""
        return self.readers.get(name, 0) == 1

    def add(self, op: Operation, *inputs: Node, declared: Stream | None = None) -> Node:
        """One more operation; errors get the ONNX node's name."""
        try:
            stream = infer_stream(op, [node.stream for node in inputs], declared)
        except DietError as error:
            raise type(error)(f"{self.what}: {error}") from error
        taken = {node.name for node in self.nodes}
        stem = str(self.layer.name)
        name = stem if stem not in taken else next(f"{stem}_{n}" for n in range(len(taken) + 1) if f"{stem}_{n}" not in taken)
        self.nodes.append(Node(name, op, tuple(node.name for node in inputs), stream))
        self.origin[name] = stem
        return self.nodes[-1]

    # ---- from tensors to integers

    def exact(self, name: str, reason: str) -> Tensor:
        """A tensor of ONNX as a stream of integers without steps, in the stream's order.

        Args:
            name: ONNX'.
            reason: what needs it so, for messages.
        """
        tensor = self.tensors[name]
        for step in tensor.steps:
            tensor = replace(self._carried_out(tensor, step, reason), steps=())
        if tensor.order is not None:
            indices = np.asarray(tensor.order)
            tensor = Tensor(self.add(Gather(indices, (len(indices),)), tensor.node))
        self.tensors[name] = replace(tensor, alone=self.single(name))
        return self.tensors[name]

    def ordered(self, name: str, reason: str) -> Tensor:
        """As `exact`, but a vector's elements may stand in another order, which a dense layer's weights can take."""
        order, self.tensors[name] = self.tensors[name].order, replace(self.tensors[name], order=None)
        tensor = self.exact(name, reason)
        self.tensors[name] = replace(tensor, order=order)
        return self.tensors[name]

    def integers(self, tensor: Tensor) -> Tensor:
        """Symbols decoded."""
        levels = tensor.stream.levels
        if levels is None:
            return tensor
        return replace(tensor, node=self.add(ValueMap(np.asarray(levels)[None], 0, tensor.stream.fraction), tensor.node))

    def _carried_out(self, tensor: Tensor, step: Step, reason: str) -> Tensor:
        """One step as an operation on integers, exact or refused."""
        if step.clip is not None:
            return replace(tensor, node=self.clip(self.integers(tensor).node, *step.clip))
        try:
            if step.offset is not None:
                return self._plus(tensor, *grid_of(step.offset, f"constants of {step.words}"))
            if step.factor is not None:
                return self._times(tensor, *grid_of(step.factor, f"constants of {step.words}"))
        except LoweringError as error:
            raise LoweringError(f"{self.what}: {reason}; {error}, or put a Quant between") from error
        raise self.refuse(f"{reason}, but {step.words} before it yields floats; put a Quant between")

    def clip(self, node: Node, low: float, high: float) -> Node:
        """Integers within two floats, where any of them lies beyond."""
        step, stream = 2.0**node.stream.fraction, node.stream
        lo = stream.lo if low == -np.inf else max(stream.lo, min(stream.hi, int(np.ceil(low * step))))
        hi = stream.hi if high == np.inf else min(stream.hi, max(stream.lo, int(np.floor(high * step))))
        for end in (low, high):
            if np.isfinite(end) and stream.lo < end * step < stream.hi and end * step != np.rint(end * step):
                raise self.refuse(f"its bound {end:g} lies between the values of its input; put a Quant between")
        if (lo, hi) == (stream.lo, stream.hi):
            return node
        return self.add(Requantize(0, "floor", lo, hi, stream.fraction), node)

    def _plus(self, tensor: Tensor, integers: np.ndarray, fraction: int) -> Tensor:
        """A constant by channel: the bias of the linear layer just before, else of a product with one."""
        node, op = tensor.node, tensor.node.op  # an operation with a kernel is linear
        bias = np.broadcast_to(integers, node.stream.channels)
        biased = getattr(op, "bias", None) is not None
        if op.kernel is not None and not biased and tensor.alone and fraction <= node.stream.fraction:
            place = next(i for i, other in enumerate(self.nodes) if other is node)
            bias = bias << (node.stream.fraction - fraction)
            made = Linear(op.kernel, bias.astype(np.int64), op.window)
            self.nodes[place] = replace(node, op=made, stream=infer_stream(made, [self._stream(name) for name in node.inputs]))
            return replace(tensor, node=self.checked(self.nodes[place]))
        return replace(tensor, node=self.scaled(tensor.node, np.array([1]), 0, bias, fraction))

    def _times(self, tensor: Tensor, integers: np.ndarray, fraction: int) -> Tensor:
        return replace(tensor, node=self.scaled(tensor.node, integers, fraction))

    def _stream(self, name: str) -> Stream:
        return next(node.stream for node in self.nodes if node.name == name)

    # ---- linear layers

    def scaled(
        self, node: Node, factors: np.ndarray, fraction: int, bias: np.ndarray | None = None, bias_fraction: int = 0
    ) -> Node:
        """``x * factors[channel] + bias[channel]``, exact: a depthwise 1 x 1 convolution."""
        shape, channels = node.stream.shape, node.stream.channels
        weights = np.broadcast_to(factors, channels).reshape(channels, 1)
        if len(shape) != 3:
            node = self.add(Reshape((1, 1, channels)), node)
        node = self.linear(node, weights, fraction, bias, bias_fraction, Window((1, 1), groups=channels))
        return node if len(shape) == 3 else self.add(Reshape(shape), node)

    def linear(
        self, node: Node, weights: np.ndarray, fraction: int, bias: np.ndarray | None, bias_fraction: int, window: Window | None
    ) -> Node:
        """Products of integers and weights (outputs, taps) on a grid, and their sum with a bias on another; exact in float32.

        Raises:
            LoweringError: sums beyond what float32 holds exactly.
        """
        source = node.stream
        grid = source.fraction + fraction
        if bias is not None and bias.any():
            gap = bias_fraction - grid
            weights, grid = weights << max(0, gap), max(grid, bias_fraction)
            bias = (np.broadcast_to(bias, len(weights)) << max(0, -gap)).astype(np.int64)
        else:
            bias = None
        listed = source.levels is not None or source.bits <= LISTED_BITS
        integers = source.integers if listed else np.array([source.lo, source.hi], np.int64)
        try:
            kernel = Products(weights.astype(np.int64), grid, integers, source.lo, not listed)
        except DietError as error:
            raise type(error)(f"{self.what}: {error}") from error
        reach = np.abs(weights.astype(np.float64)).sum(axis=1) * np.abs(integers).max()
        if bias is not None:
            reach = reach + np.abs(bias)
        if reach.max() >= EXACT_FLOAT32:
            raise LoweringError(
                f"{self.what}: its sums may reach {int(reach.max())} steps of 2^-{grid}, beyond the 2^24 that ONNX' float32 "
                "holds exactly; use fewer bits, or scales that are powers of two"
            )
        return self.add(Linear(kernel, bias, window), node)

    def checked(self, node: Node) -> Node:
        """A node whose values float32 holds exactly."""
        if max(abs(end) for end in node.stream.range) >= EXACT_FLOAT32:
            raise LoweringError(f"{self.what}: its values reach beyond the 2^24 steps that float32 holds exactly; use fewer bits")
        return node


__all__ = ["Builder"]
