# SPDX-License-Identifier: Apache-2.0
"""The optimiser and the learning rate of a training stage."""

from __future__ import annotations

from typing import Any

from dietcnn_hls.tf import tf
from dietcnn_hls.training.recipe import Optimizer

_MOMENTUM = 0.9


def schedule(highest: float, steps: int, warmup: float) -> Any:
    """A learning rate by step: a line from zero up to `highest` in the part `warmup` of `steps`, then a cosine down to zero."""
    steps, rising = max(1, steps), round(warmup * steps)
    if not rising:
        return tf.keras.optimizers.schedules.CosineDecay(highest, steps)
    return tf.keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - rising), warmup_target=highest, warmup_steps=rising)


def optimizer(kind: Optimizer, rate: Any, weight_decay: float, variables: list[Any]) -> Any:
    """A built Keras optimiser for `variables`; decoupled weight decay, unless it is 0, pulls at those of two or more dimensions.

    Gains, shifts and biases are left to themselves: pulling at them does not simplify the network.
    """
    decay = {"weight_decay": weight_decay} if weight_decay else {}
    if kind == "sgd":
        made = tf.keras.optimizers.SGD(rate, momentum=_MOMENTUM, nesterov=True, **decay)
    else:
        made = tf.keras.optimizers.Adam(rate, **decay)
    spared = [variable for variable in variables if len(variable.shape) < 2]
    if decay and spared:
        made.exclude_from_weight_decay(var_list=spared)
    made.build(variables)
    return made
