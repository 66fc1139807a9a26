# SPDX-License-Identifier: Apache-2.0
"""Priority masking: the ranking, the curve, the target, and its errors; the gradient of the soft choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.tabconv import METHOD, TabConvOptions
from dietcnn_hls.methods.tabconv.masking import curve, partly, ranking
from dietcnn_hls.methods.tabconv.soft import hard_leaves, soft_gradient, straight_leaves
from dietcnn_hls.training import logits
from dietcnn_hls.training.rebuild import FloatNetwork
from dietcnn_hls.training.tf import tf
from tests.cases import exhaustive
from tests.training import nets

OPTIONS = TabConvOptions(prototypes=4)
LAYERS = {"conv1", "conv2", "dense1", "logits"}


def methods_of(model: Any) -> dict[str, str]:
    return {node.name: node.op.kernel.method for node in lower_keras(model, "net").linear_nodes}


def test_layers_are_ranked_by_the_damage_that_each_does() -> None:
    network = FloatNetwork.read(nets.trained(), nets.calibration())
    order = ranking(network, OPTIONS)
    assert set(order) == LAYERS
    assert list(order.values()) == sorted(order.values(), reverse=True) and min(order.values()) > 0
    fine = partly(network, TabConvOptions(prototypes=16, subspace=2), [])[1].similarity
    assert all(1 - fine[name] < drop for name, drop in order.items())


def test_the_curve_gives_up_layer_after_layer() -> None:
    network = FloatNetwork.read(nets.trained(), nets.calibration())
    points = list(curve(network, OPTIONS, lambda net: float(len(net.layers)), ["dense1", "conv1", "logits", "conv2"]))
    assert [point.tabularised for point in points] == [1, 0.75, 0.5, 0.25, 0]
    assert [len(point.exact) for point in points] == [0, 1, 2, 3, 4]
    assert methods_of(points[2].model) == {
        "conv1": "fixed_point", "conv2": "tabconv", "dense1": "fixed_point", "logits": "tabconv"
    }  # fmt: skip


def test_masking_stops_where_the_target_holds_and_stays_exact() -> None:
    model, x = nets.trained(), nets.calibration()
    found = METHOD.quantize(model, x, OPTIONS.model_copy(update={"agreement": 0.6}))
    kinds = methods_of(found)
    order = list(ranking(FloatNetwork.read(model, x[np.arange(300) % 4 < 3]), OPTIONS))
    exact = [name for name in order if kinds[name] == "fixed_point"]
    assert 0 < len(exact) < 4
    assert exact == order[: len(exact)]
    graph = lower_keras(found, "net")
    codes = reference.predict(graph, reference.quantize_input(graph, x[:40]))
    assert np.array_equal(reference.output_values(graph, codes), logits(found, x[:40]))
    assert set(methods_of(METHOD.quantize(model, x, TabConvOptions(subspace=2, agreement=0.5))).values()) == {"tabconv"}


def test_depthwise_layers_are_never_tabularised() -> None:
    found = METHOD.quantize(nets.residual(), nets.calibration(60), OPTIONS.model_copy(update={"agreement": 0.05}))
    assert methods_of(found)["dw"] == "fixed_point"


@exhaustive
def test_targets_out_of_reach_and_mixtures_are_refused() -> None:
    model = nets.trained()
    coarse = TabConvOptions(activation_bits=2, agreement=1.0)
    with pytest.raises(ConfigError, match=r"agreement: 1.0000 is out of reach: .* 2-bit fixed point 0\.\d+ of 75 "):
        METHOD.quantize(model, nets.calibration(), coarse)
    with pytest.raises(ConfigError, match="every 4th calibration image; only 3"):
        METHOD.quantize(model, nets.calibration(3), coarse)
    with pytest.raises(ConfigError, match="does not go together with `layers:`"):
        METHOD.keras.rebuilder(FloatNetwork.read(model, nets.calibration()), coarse)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_gradient_is_that_of_the_soft_choice(depth: int) -> None:
    """Integers: temperature 0 leaves decisions, the gradient is compared with automatic differentiation of the products."""
    rng, nodes = np.random.default_rng(depth), (1 << depth) - 1
    seen = tf.constant(rng.integers(0, 9, (nodes, 3, 20)).astype(np.float64))
    thresholds = tf.constant(rng.integers(0, 9, (nodes, 3, 1)).astype(np.float64))
    weights = tf.constant(rng.normal(size=(nodes + 1, 3, 20)))
    with tf.GradientTape() as tape:
        tape.watch(seen)
        right = tf.sigmoid((seen - thresholds) * 0.5)
        leaves = [tf.ones_like(right[0])]
        for level in range(depth):
            first = (1 << level) - 1
            leaves = [v for i, leaf in enumerate(leaves) for v in (leaf * (1 - right[first + i]), leaf * right[first + i])]
        loss = tf.reduce_sum(tf.stack(leaves) * weights)
    found = soft_gradient(seen, thresholds, tf.constant(0.5, tf.float64), weights)
    assert np.abs(found - tape.gradient(loss, seen)).max() < 2**-40  # rounding of two spellings of one real number


def test_compiled_choice_is_the_plain_one() -> None:
    rng = np.random.default_rng(7)
    seen = tf.constant(rng.integers(0, 9, (7, 2, 50)), tf.float32)
    thresholds = tf.Variable(rng.integers(0, 9, (7, 2, 1)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        choice = straight_leaves(seen, thresholds, tf.constant(0.1))
        loss = tf.reduce_sum(choice * tf.constant(rng.normal(size=choice.shape), tf.float32))
    assert np.array_equal(choice, hard_leaves(seen, thresholds))
    assert np.array_equal(tf.reduce_sum(choice, axis=0), np.ones((2, 50)))
    assert (tape.gradient(loss, thresholds).numpy() != 0).any()
