# SPDX-License-Identifier: Apache-2.0
"""What a network's parameters take when stored: Huffman-coded ternary weights, everything else as it is, against float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dietcnn_hls.lowered import LoweredGraph, Node
from dietcnn_hls.methods.deepchip.huffman import entropy_bits
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel

SCALE_BITS = 8
"""Bits in which each of a layer's two scales is stored."""


@dataclass(frozen=True)
class LayerStorage:
    """Bits of one layer's parameters.

    Attributes:
        name: the layer.
        weights: number of weights.
        float_bits: 32 a weight and a bias.
        weight_bits: stored weights, code lengths included.
        entropy_bits: the bound for independent weights; None where weights are not ternary.
        other_bits: scales, shifts, tables, biases and the thresholds that take a batch-norm's place.
        zeros: number of weights that are zero; None where weights are not ternary.
    """

    name: str
    weights: int
    float_bits: int
    weight_bits: int
    entropy_bits: float | None
    other_bits: int
    zeros: int | None

    @property
    def ratio(self) -> float:
        """float32 over stored."""
        return self.float_bits / (self.weight_bits + self.other_bits)


def layers(graph: LoweredGraph) -> list[LayerStorage]:
    """The storage of every linear layer, with the thresholds behind it."""
    return [_layer(graph, node) for node in graph.linear_nodes]


def total(parts: Sequence[LayerStorage]) -> LayerStorage:
    """All layers as one; entropy and zeros are those of the ternary ones."""
    ternary = [p for p in parts if p.entropy_bits is not None]
    return LayerStorage(
        name="total",
        weights=sum(p.weights for p in parts),
        float_bits=sum(p.float_bits for p in parts),
        weight_bits=sum(p.weight_bits for p in parts),
        entropy_bits=sum(p.entropy_bits or 0.0 for p in ternary),
        other_bits=sum(p.other_bits for p in parts),
        zeros=sum(p.zeros or 0 for p in ternary),
    )


def _layer(graph: LoweredGraph, node: Node) -> LayerStorage:
    kernel = node.kernel
    weights = kernel.outputs * kernel.taps
    biases = node.op.weight_bits - kernel.weight_bits
    behind = (n for n in graph.consumers(node.name) if n.op.kernel is None)
    other = biases + kernel.table_bits + sum(graph.table_bits(n) for n in behind)
    ternary = kernel if isinstance(kernel, TernaryKernel) else None
    return LayerStorage(
        name=node.name,
        weights=weights,
        float_bits=32 * (weights + kernel.outputs),
        weight_bits=ternary.compressed.bits if ternary else kernel.weight_bits,
        entropy_bits=entropy_bits(ternary.weights) if ternary else None,
        other_bits=other + 2 * SCALE_BITS if ternary else other,
        zeros=ternary.zeros if ternary else None,
    )
