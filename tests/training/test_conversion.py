# SPDX-License-Identifier: Apache-2.0
"""fit_codebooks: what the codebook model consists of, that it follows the float model, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError
from dietcnn_hls.training import (
    CodebookActivation,
    ExactBatchNormalization,
    LookupConv2D,
    LookupDense,
    LookupDepthwiseConv2D,
    accuracy,
    fit_codebooks,
    load_model,
    logits,
)
from dietcnn_hls.training.layers import LookupLayer
from dietcnn_hls.training.tf import tf
from tests.cases import spread

from . import nets


def on_grid(values: np.ndarray, fraction: int) -> bool:
    scaled = values.astype(np.float64) * 2.0**fraction
    return bool((scaled == np.rint(scaled)).all())


def test_structure_of_a_sequential_model() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4)
    kinds = [(layer.name, type(layer)) for layer in model.layers]
    assert kinds[1] == ("image_encode", CodebookActivation)
    assert [name for name, kind in kinds if kind is LookupConv2D] == ["conv1", "conv2"]
    assert [name for name, kind in kinds if kind is LookupDense] == ["dense1", "logits"]
    assert [name for name, kind in kinds if kind is ExactBatchNormalization] == ["conv1_norm", "conv2_norm", "dense1_norm"]
    assert [name for name, kind in kinds if kind is CodebookActivation][1:] == ["conv1_relu", "conv2_relu", "dense1_relu"]
    for layer in model.layers:
        if isinstance(layer, CodebookActivation):
            levels = layer.levels.numpy()
            assert len(levels) == 8 and levels[0] == 0 and levels[-1] < 1
            assert (np.diff(levels) > 0).all() and on_grid(levels, layer.fraction)
        if isinstance(layer, LookupLayer):
            codebook = layer.state["codebook"]
            assert len(codebook) == 4 and 0 in codebook and on_grid(codebook, layer.quantizer.fraction)
            assert set(np.unique(layer.decoded_kernel())) <= set(codebook)
    last = model.get_layer("logits")
    assert last.bias_fraction == model.get_layer("dense1_relu").fraction + last.quantizer.fraction


def test_fine_codebooks_follow_the_float_model() -> None:
    """With 48 symbols everywhere nearly every prediction is the float model's; scales, shifts and folding are thus right."""
    float_model = nets.trained()
    fine = {"activation_symbols": 48, "weight_symbols": 48, "activation_bits": 6, "weight_bits": 7}
    x = nets.calibration(600)
    expected = logits(float_model, x)
    found = logits(fit_codebooks(float_model, nets.calibration(), **fine), x)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.97
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.995


def test_few_symbols_keep_most_of_the_accuracy() -> None:
    model, data = nets.trained(), nets.digits()
    whole = accuracy(model, data.x_test, data.y_test)
    assert accuracy(fit_codebooks(model, nets.calibration()), data.x_test, data.y_test) > whole - 0.08


@pytest.mark.parametrize("codebooks", ["per_layer", "shared"])
def test_functional_model_with_adds(codebooks: str) -> None:
    float_model = nets.residual()
    fine = {"activation_symbols": 48, "weight_symbols": 48, "activation_bits": 6, "weight_bits": 7, "codebooks": codebooks}
    model = fit_codebooks(float_model, nets.calibration(), **fine)
    found, expected = logits(model, nets.calibration()), logits(float_model, nets.calibration())
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert isinstance(model.layers[-1], tf.keras.layers.Activation) and model.layers[-1].name == "probabilities"
    assert isinstance(model.get_layer("dw"), LookupDepthwiseConv2D)
    # both sides of an add hold values of one scale: that of the streams they stand for
    for left, right in (("stem_relu", "add1_encode1"), ("add2_encode0", "add2_encode1")):
        scales = [model.get_layer(name).scale for name in (left, right)]
        assert abs(scales[0] / scales[1] - 1) < 1e-5  # both are read back from rounded thresholds
    assert model.get_layer("add1_encode1").signed and not model.get_layer("first").signed


def test_shared_codebooks_have_equal_levels() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(), codebooks="shared")
    activations = [layer for layer in model.layers if isinstance(layer, CodebookActivation)]
    assert len(activations) == 4 and {layer.group for layer in activations} == {"unsigned"}
    for layer in activations[1:]:
        np.testing.assert_array_equal(layer.levels.numpy(), activations[0].levels.numpy())
    assert len({layer.scale for layer in activations}) == 4


def test_dense_layers_can_have_symbols_of_their_own() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4, dense_symbols=16)
    assert [len(model.get_layer(n).state["codebook"]) for n in ("conv1", "conv2", "dense1", "logits")] == [4, 4, 16, 16]


def test_symbolic_sums_keep_the_accuracy() -> None:
    model, data = nets.trained(), nets.digits()
    options = {"activation_symbols": 64, "weight_symbols": 32, "activation_bits": 6, "weight_bits": 6}
    symbolic = fit_codebooks(model, nets.calibration(), accumulate="symbolic", **options)
    assert accuracy(symbolic, data.x_test, data.y_test) > accuracy(model, data.x_test, data.y_test) - 0.03
    for layer in symbolic.layers:
        if isinstance(layer, LookupLayer):
            assert len(layer.state["sum_codebook"]) == 64
    last = symbolic.get_layer("logits")
    assert last.bias_fraction == last.quantizer.sum_fraction


@pytest.mark.parametrize(
    ("network", "options", "suffix"),
    spread(
        [
            (nets.residual, {"codebooks": "shared"}, ".keras"),
            (nets.residual, {}, ".h5"),
            (nets.trained, {"accumulate": "symbolic"}, ".keras"),
            (nets.trained, {"accumulate": "symbolic", "order": "ripple"}, ".h5"),
        ],
        1,
    ),
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_saved_loaded_and_cloned_models_are_equal(tmp_path, network, options: dict, suffix: str) -> None:
    model = fit_codebooks(network(), nets.calibration(64), **options)
    x = nets.calibration(30)
    model.save(tmp_path / f"model{suffix}")
    clone = tf.keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (load_model(tmp_path / f"model{suffix}"), clone):
        np.testing.assert_array_equal(logits(other, x), logits(model, x))
        np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_same_call_gives_the_same_model() -> None:
    first, second = (fit_codebooks(nets.trained(), nets.calibration()) for _ in range(2))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"activation_symbols": 1}, "fit_codebooks: activation_symbols: .*greater than or equal to 2"),
        ({"weight_symbols": 2**20}, "fit_codebooks: weight_symbols: .*less than or equal to 256"),
        ({"weight_symbol": 4}, "unknown key 'weight_symbol'.*'weight_symbols'"),
        ({"activation_symbols": 64}, "64 activation symbols do not fit a grid of 5 bits; set activation_bits to 6 or more"),
        ({"weight_symbols": 32}, "32 weight symbols do not fit a grid of 4 bits; set weight_bits to 5 or more"),
        ({"accumulate": "sum"}, "accumulate"),
    ],
)
def test_bad_options(options: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        fit_codebooks(nets.trained(), nets.calibration(), **options)


def test_bad_calibration_data() -> None:
    model, x = nets.trained(), nets.calibration(8)
    with pytest.raises(DatasetError, match="calibration data is empty"):
        fit_codebooks(model, x[:0])
    with pytest.raises(DatasetError, match=r"shape \(8, 8, 8\) for a model of input \(N, 8, 8, 1\)"):
        fit_codebooks(model, x[..., 0])
    with pytest.raises(DatasetError, match="holds NaN or Inf"):
        fit_codebooks(model, np.full_like(x, np.nan))
    with pytest.raises(DatasetError, match=r"is uint8; pass .*to_float"):
        fit_codebooks(model, (x * 256).astype(np.uint8))


def test_nan_weights() -> None:
    model = nets.trained()
    model.get_layer("conv2").kernel.assign(np.full((3, 3, 8, 16), np.nan))
    with pytest.raises(LoweringError, match="layer 'conv2': weights hold NaN or Inf"):
        fit_codebooks(model, nets.calibration())


def test_blank_images_and_dead_channels_convert() -> None:
    model = nets.trained()
    kernel = model.get_layer("conv1").kernel
    kernel.assign(np.where(np.arange(8) == 3, 0, kernel.numpy()))
    assert np.isfinite(logits(fit_codebooks(model, np.zeros((4, 8, 8, 1), np.float32)), nets.calibration(4))).all()
