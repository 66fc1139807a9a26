# SPDX-License-Identifier: Apache-2.0
"""Staircases of a codebook on tensors: nearest level, thresholds, and the clipped line whose slope stands for their gradient."""

from __future__ import annotations

from typing import Any

from dietcnn_hls.tf import tf


def nearest_level(x: Any, levels: Any) -> Any:
    """Tensor of any shape -> the nearest of the sorted `levels` (K,); a midpoint takes the upper one.

    Compared in float32 as ``2 * x >= levels[j] + levels[j + 1]``, the form in which the lowering compares.
    """
    return lookup(2.0 * x, levels, levels[:-1] + levels[1:])


_FUSED_SYMBOLS = 32
"""Codebooks up to which a compiled chain of comparisons is faster than a search."""

_FUSED_INFERENCE, _FUSED_TRAINING = 2**20, 2**18
"""Elements from which on it is worth the time that compiling it for a shape takes: steps of training are many."""


def lookup(x: Any, levels: Any, thresholds: Any, training: bool = False) -> Any:
    """``levels[#{j : x >= thresholds[j]}]`` elementwise; levels (K,), thresholds (K-1,) non-decreasing.

    Large tensors of known size take one pass over memory, which is about twenty times as fast once it is compiled; comparing and
    choosing rounds nothing, so that both forms have the same values.
    """
    compiled = _worth_compiling(levels, x, _FUSED_TRAINING if training else _FUSED_INFERENCE)
    return (_fused_lookup if compiled else _search)(x, levels, thresholds)


def _search(x: Any, levels: Any, thresholds: Any) -> Any:
    symbols = tf.searchsorted(thresholds, tf.reshape(x, [-1]), side="right")
    return tf.reshape(tf.gather(levels, symbols), tf.shape(x))


def _worth_compiling(levels: Any, x: Any, elements: int) -> bool:
    return levels.shape[0] <= _FUSED_SYMBOLS and x.shape.is_fully_defined() and x.shape.num_elements() >= elements


@tf.function(jit_compile=True)
def _fused_lookup(x: Any, levels: Any, thresholds: Any) -> Any:
    found = tf.fill(x.shape, levels[0])
    for threshold, level in zip(tf.unstack(thresholds), tf.unstack(levels)[1:], strict=True):
        found = tf.where(x >= threshold, level, found)
    return found


def clipped_gradient(g: Any, y: Any, levels: Any, thresholds: Any) -> Any:
    """The gradient before a lookup of `y`, from `g` behind it: that of the line which `straight_through` lays."""
    return (_fused_clip if _worth_compiling(levels, y, _FUSED_TRAINING) else _clip)(g, y, *straight_through(levels, thresholds))


def _clip(g: Any, y: Any, slope: Any, low: Any, high: Any) -> Any:
    return tf.where((y >= low) & (y <= high), g * slope, 0.0)


_fused_clip = tf.function(_clip, jit_compile=True)


def straight_through(levels: Any, thresholds: Any) -> tuple[Any, Any, Any]:
    """Slope and range (low, high) of the clipped line through the origin that the staircase follows."""
    middles = (levels[:-1] + levels[1:]) / 2.0
    energy = tf.reduce_sum(middles * thresholds)
    slope = tf.where(energy > 0, tf.math.divide_no_nan(tf.reduce_sum(middles * middles), energy), 1.0)
    return slope, levels[0] / slope, levels[-1] / slope
