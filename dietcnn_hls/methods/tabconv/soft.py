# SPDX-License-Identifier: Apache-2.0
"""Decision trees in training: the hard choice of a leaf forwards, the gradient of a soft choice backwards.

In the soft choice a node turns right with probability ``sigmoid((input - threshold) * steepness)``, as in LUT-NN's and Stella
Nera's training. Tensors are (nodes or leaves, subspaces, rows): tree levels are then contiguous slices. Training runs compiled
(XLA): these are long chains of elementwise operations, which memory would bound one by one.
"""

from __future__ import annotations

from typing import Any

from dietcnn_hls.tf import tf


def hard_leaves(seen: Any, thresholds: Any) -> Any:
    """Inputs of the nodes (K - 1, C, R) and their thresholds (K - 1, C, 1), heap order -> (K, C, R), one at the leaf reached."""
    right = tf.cast(seen >= thresholds, tf.float32)
    leaves = tf.ones_like(right[:1])
    for level in _levels(right.shape[0]):
        turned = leaves * right[level]
        leaves = _siblings(leaves - turned, turned)
    return leaves


def soft_gradient(seen: Any, thresholds: Any, steepness: Any, gradient: Any) -> Any:
    """What a gradient at the leaves (K, C, R) comes to at the nodes' inputs (K - 1, C, R) under the soft choice.

    The chain rule by whole levels: upwards the expected gradient below each node, downwards the probability to reach it.
    """
    right = tf.sigmoid((seen - thresholds) * steepness)
    levels, expected = _levels(right.shape[0]), gradient
    differences: list[Any] = []
    for level in reversed(levels):
        left, difference = expected[::2], expected[1::2] - expected[::2]
        expected = left + right[level] * difference
        differences.insert(0, difference)
    reach, turns = tf.ones_like(right[:1]), []
    for level, difference in zip(levels, differences, strict=True):
        turned = reach * right[level]
        turns.append(turned * (1.0 - right[level]) * difference * steepness)
        reach = _siblings(reach - turned, turned)
    return tf.concat(turns, axis=0)


_compiled_leaves = tf.function(hard_leaves, jit_compile=True)
_compiled_gradient = tf.function(soft_gradient, jit_compile=True)


@tf.custom_gradient
def straight_leaves(seen: Any, thresholds: Any, steepness: Any) -> Any:
    """`hard_leaves` with the gradient of the soft choice, for inputs and thresholds."""

    def gradient(g: Any) -> Any:
        turns = _compiled_gradient(seen, thresholds, steepness, g)
        return turns, -tf.reduce_sum(turns, axis=2, keepdims=True), None

    return _compiled_leaves(seen, thresholds), gradient


def _levels(nodes: int) -> list[slice]:
    """Where the levels of a tree lie among its nodes in heap order."""
    return [slice((1 << depth) - 1, (2 << depth) - 1) for depth in range(nodes.bit_length())]


def _siblings(left: Any, right: Any) -> Any:
    """Two (W, ...) tensors of left and right children -> (2 W, ...), in the order of the tree."""
    return tf.reshape(tf.stack([left, right], axis=1), tf.concat([[2 * left.shape[0]], tf.shape(left)[1:]], axis=0))
