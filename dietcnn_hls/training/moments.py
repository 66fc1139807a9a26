# SPDX-License-Identifier: Apache-2.0
"""Mean and spread of what a float model's linear layers yield, which a quantised model is then made to match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.tf import tf
from dietcnn_hls.training.linear import correlate
from dietcnn_hls.training.plan import Plan, Step


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and standard deviation by channel, float64 (channels,), over images and positions."""

    mean: np.ndarray
    deviation: np.ndarray


def moments(values: np.ndarray) -> Moments:
    """Of an array (N, ..., channels)."""
    axes = tuple(range(values.ndim - 1))
    return Moments(values.mean(axes, dtype=np.float64), values.std(axes, dtype=np.float64))


def float_moments(model: Any, plan: Plan, x: np.ndarray, batch: int = 256) -> Mapping[str, Moments]:
    """Moments of every linear step behind its bias and batch-norm and before its activation, by the step's name.

    Args:
        model: the float model that `plan` was read from.
        plan: its steps.
        x: (N, ...) float32 calibration images.
        batch: images at a time; no more than a batch of activations is held.
    """
    steps = [step for step in plan if step.kind == "linear"]
    probe = tf.keras.Model(model.inputs, [step.tensor for step in steps])
    sums: dict[str, Any] = {step.name: [0.0, 0.0, 0] for step in steps}
    for start in range(0, len(x), batch):
        inputs = probe(tf.convert_to_tensor(x[start : start + batch]), training=False)
        for step, value in zip(steps, inputs if len(steps) > 1 else [inputs], strict=True):
            products = correlate(step, value).numpy().reshape(-1, len(step.bias)).astype(np.float64)
            total = sums[step.name]
            total[0] += products.sum(axis=0)
            total[1] += (products**2).sum(axis=0)
            total[2] += len(products)
    return {step.name: _behind_affine(step, *sums[step.name]) for step in steps}


def _behind_affine(step: Step, total: np.ndarray, squares: np.ndarray, count: int) -> Moments:
    gain, shift = step.gain_and_shift()
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return Moments(mean * gain + shift, deviation * np.abs(gain))
