# SPDX-License-Identifier: Apache-2.0
"""Averaged weights and renewed batch-norm statistics: what they are, and that training goes on as if nobody had looked."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.training import ExactBatchNormalization, accuracy, fit_codebooks, train
from dietcnn_hls.training.averaging import BatchStatistics, MovingAverage, batch_norms
from dietcnn_hls.training.tf import tf
from tests.cases import spread

from . import nets


def network() -> tf.keras.Model:
    tf.keras.utils.set_random_seed(4)
    layers = tf.keras.layers
    parts = [layers.Input((3,)), layers.Dense(4), layers.BatchNormalization(momentum=0.5), layers.Dense(2)]
    return tf.keras.Sequential([*parts, ExactBatchNormalization(momentum=0.25)])


def test_the_average_follows_weights_and_running_statistics() -> None:
    model = network()
    average = MovingAverage(model, 0.5)
    assert len(average.variables) == 4 + 4 + 4, "kernels and biases, gains and shifts, means and variances"
    first = [v.numpy() for v in average.followed]
    for variable in average.followed:
        variable.assign(variable + 1.0)
    average.follow(tf.constant(0, tf.int64))  # decay 0.1
    for mean, before in zip(average.variables, first, strict=True):
        np.testing.assert_array_equal(mean.numpy(), before + ((before + 1) - before) * np.float32(1 - np.float32(0.1)))
    now = [v.numpy() for v in average.variables]
    average.follow(tf.constant(1000, tf.int64))  # decay 0.5
    average.enter()
    for variable, before, mean in zip(average.followed, first, now, strict=True):
        np.testing.assert_array_equal(variable.numpy(), mean + ((before + 1) - mean) * np.float32(0.5))


def whole_numbers() -> tuple[tf.keras.Model, np.ndarray]:
    """A network whose first sums are small integers, so that statistics over powers of two of them are exact."""
    model, random = network(), np.random.default_rng(0)
    model.layers[0].set_weights([random.integers(-1, 2, (3, 4)), random.integers(-2, 3, 4)])
    return model, random.integers(-2, 3, (70, 3)).astype(np.float32)


def test_statistics_are_those_of_all_images_under_the_present_weights() -> None:
    model, x = whole_numbers()
    first, second = sorted(batch_norms(model), key=lambda norm: -norm.momentum)
    BatchStatistics(model, x, 32).renew()
    sums = (x[:64] @ model.layers[0].kernel.numpy() + model.layers[0].bias.numpy()).astype(np.float64)
    assert np.array_equal(first.moving_mean.numpy(), sums.mean(axis=0))
    assert np.array_equal(first.moving_variance.numpy(), np.mean((sums - sums.mean(axis=0)) ** 2, axis=0).astype(np.float32))
    assert first.momentum == 0.5 and second.momentum == 0.25
    assert not np.array_equal(second.moving_variance.numpy(), np.ones(2))


def test_statistics_follow_weights_that_change_later() -> None:
    model, x = whole_numbers()
    norm = max(batch_norms(model), key=lambda norm: norm.momentum)
    statistics = BatchStatistics(model, x, 64)
    statistics.renew()
    before = norm.moving_mean.numpy()
    model.layers[0].set_weights([2 * w for w in model.layers[0].get_weights()])
    for afresh in (False, True):
        norm.moving_mean.assign(before)
        statistics.renew(afresh)
        assert np.array_equal(norm.moving_mean.numpy(), 2 * before) and before.any()


def test_frozen_norms_and_networks_without_any_are_left_alone() -> None:
    model, x = network(), np.ones((8, 3), np.float32)
    for norm in batch_norms(model):
        norm.trainable = False
    before = model.get_weights()
    BatchStatistics(model, x, 8).renew()
    BatchStatistics(tf.keras.Sequential([tf.keras.layers.Input((3,)), tf.keras.layers.Dense(2)]), x, 8).renew()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


def test_training_goes_on_with_its_own_weights_and_keeps_what_was_validated() -> None:
    """A huge decay keeps validating the first weights, while the loss falls as it does without an average."""
    split = nets.split(300)
    recipe = nets.QUICK.model_copy(update={"epochs": 3, "refits": 0})
    histories, kept = [], []
    updates = spread(({}, {"ema": 0.999}, {"ema": 0.5, "batch_norm_images": 64}, {"batch_norm_images": 200}), 2)
    for update in updates:
        model = fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4)
        histories.append(train(model, split, recipe.model_copy(update=update), seed=1))
        kept.append(accuracy(model, split.x_validation, split.y_validation))
    assert len({tuple(e.loss for e in history.epochs) for history in histories}) == 1
    assert len({tuple(e.validation_loss for e in history.epochs) for history in histories}) == len(updates)
    assert kept == [history.epochs[history.best].accuracy for history in histories]
