# SPDX-License-Identifier: Apache-2.0
"""What is validated and kept in place of the weights of the last step: their moving average, and fresh batch-norm statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.tf import tf


class MovingAverage:
    """The exponential moving average of a model's trained weights and running statistics.

    Its decay rises to the one that is asked for, ``min(decay, (1 + step) / (10 + step))``: the first weights are soon forgotten.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self.decay = decay
        running = [v for norm in batch_norms(model) for v in norm.non_trainable_variables]
        self.followed = [*model.trainable_variables, *running]
        self.variables = [tf.Variable(v, trainable=False) for v in self.followed]

    def follow(self, step: Any) -> None:
        """Move towards the present weights; in a graph, behind the step of this number."""
        count = tf.cast(step, tf.float32)
        decay = tf.minimum(self.decay, (1 + count) / (10 + count))
        for average, variable in zip(self.variables, self.followed, strict=True):
            average.assign_add((tf.convert_to_tensor(variable) - average) * (1 - decay))

    def enter(self) -> None:
        """Put the averages into the model."""
        for average, variable in zip(self.variables, self.followed, strict=True):
            variable.assign(average)


class BatchStatistics:
    """Batch-norm statistics of a model's present weights over fixed images, in place of running ones that lag behind.

    Args:
        model: a Keras model.
        images: float32 (N, ...).
        batch: images at a time, which are normalised by their own statistics as in training; images left over are not looked at.
    """

    def __init__(self, model: Any, images: np.ndarray, batch: int) -> None:
        self.model, self.norms = model, batch_norms(model)
        size = min(batch, len(images))
        self.batches = [tf.constant(images[i : i + size]) for i in range(0, len(images) - size + 1, size)]
        self._run: Any = None

    def renew(self, afresh: bool = False) -> None:
        """Assign mean and variance over all the images to every batch-norm.

        Args:
            afresh: trace the graph anew, as the random layers of a resumed training need it.
        """
        if not self.norms:
            return
        if self._run is None or afresh:
            self._run = tf.function(lambda images: self.model(images, training=True))
        momenta = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.momentum = 0.0  # the running statistics are then the last batch's
        try:
            found = [self._of(images) for images in self.batches]
        finally:
            for norm, momentum in zip(self.norms, momenta, strict=True):
                norm.momentum = momentum
        for norm, parts in zip(self.norms, zip(*found, strict=True), strict=True):
            means, variances = (np.array(values, np.float64) for values in zip(*parts, strict=True))
            norm.moving_mean.assign(means.mean(axis=0))
            norm.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))

    def _of(self, images: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        self._run(images)
        return [(norm.moving_mean.numpy(), norm.moving_variance.numpy()) for norm in self.norms]


def batch_norms(model: Any) -> list[Any]:
    """The batch-norms of a model that learn, in an order that does not change."""
    return [m for m in model.submodules if isinstance(m, tf.keras.layers.BatchNormalization) and m.trainable]
