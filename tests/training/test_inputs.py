# SPDX-License-Identifier: Apache-2.0
"""What may enter: calibration data is held against the input grid at the door, and any grid travels through every method."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import methods, reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.build.config import method_choice
from dietcnn_hls.errors import ConfigError, DatasetError
from dietcnn_hls.lowered import Grid
from dietcnn_hls.training import InputGrid, fit_codebooks, load_model, logits
from dietcnn_hls.training.tf import tf
from tests.cases import spread

from . import nets

L = tf.keras.layers
GRIDS = {
    "signed 8 bits": Grid.of(True, 8, 6),
    "unsigned 4 bits": Grid.of(False, 4, 2),
    "signed 12 bits, coarse": Grid.of(True, 12, -3),
    "unsigned 16 bits": Grid.of(False, 16, 16),
    "signed, not all codes": Grid(-3, 100, 5),
    "pixels as they are": Grid(0, 255, 0),
}


def network(grid: Grid, vector: bool) -> Any:
    tf.keras.utils.set_random_seed(4)
    shape = (10,) if vector else (6, 6, 2)
    layers = [L.Dense(6, name="hidden")] if vector else [L.Conv2D(3, 3, padding="same", name="conv")]
    layers += [L.ReLU(name="relu"), L.Flatten(name="flat"), L.Dense(4, name="logits")]
    model = tf.keras.Sequential([L.Input(shape), *layers], name="net")
    model.layers[0].kernel.assign(model.layers[0].kernel / (max(-grid.lo, grid.hi) * grid.step))
    return model


def inputs(grid: Grid, model: Any, count: int, seed: int) -> np.ndarray:
    codes = np.random.default_rng(seed).integers(grid.lo, grid.hi + 1, (count, *model.input_shape[1:]))
    codes[0], codes[1] = grid.lo, grid.hi
    return grid.values(codes)


PAIRS = spread([(grid, name) for name in sorted(methods.available()) for grid in GRIDS], 12, itemgetter(0), itemgetter(1))


@pytest.mark.filterwarnings("ignore::dietcnn_hls.errors.ExactnessWarning")
@pytest.mark.parametrize(("grid", "name"), [(GRIDS[grid], name) for grid, name in PAIRS], ids=map("-".join, PAIRS))
def test_any_grid_goes_through_every_method(grid: Grid, name: str) -> None:
    model = network(grid, vector=name in ("dietcnn", "tabconv"))
    choice = method_choice(name, "method")
    quantised = choice.quantize(model, inputs(grid, model, 40, 0), grid)
    said = [layer for layer in quantised.layers if isinstance(layer, InputGrid)]
    assert [(layer.values) for layer in said] == [grid]
    graph = lower_keras(quantised, "net")
    assert graph.input.stream == grid.stream(model.input_shape[1:])
    x = inputs(grid, model, 20, 1)
    found, wanted = logits(quantised, x), logits(model, x)
    codes = reference.predict(graph, reference.quantize_input(graph, x))
    if name != "fixed_point" or grid.bits < 16:  # QKeras sums in float32, and says so
        np.testing.assert_array_equal(reference.output_values(graph, codes), found)
    if name != "tabconv":  # 40 random vectors fit no tables
        assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.8


def test_the_grid_of_images_needs_no_word() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(60))
    assert not any(isinstance(layer, InputGrid) for layer in model.layers)
    stated = fit_codebooks(nets.trained(), nets.calibration(60), input_grid=Grid(0, 255, 8))
    assert [layer.name for layer in stated.layers] == [layer.name for layer in model.layers]


def test_a_saved_model_keeps_its_grid(tmp_path) -> None:
    grid = GRIDS["signed 8 bits"]
    model = network(grid, vector=False)
    fit_codebooks(model, inputs(grid, model, 30, 0), input_grid=grid).save(tmp_path / "model.keras")
    graph = lower_keras(load_model(tmp_path / "model.keras"), "net")
    assert graph.input.stream.fraction == 6 and graph.input.stream.lo == -128


def test_a_mixed_model_codes_signed_inputs_for_each_reader() -> None:
    """Codes that a first reader takes raw are encoded again for one whose tables have no row for negative ones."""
    grid = GRIDS["signed 8 bits"]
    tf.keras.utils.set_random_seed(2)
    image = L.Input((5, 5, 2))
    branches = [L.Conv2D(3, 3, name=name)(image) for name in ("plain", "tables", "gates")]
    total = L.Add(name="sum")([L.Add(name="first")(branches[:2]), branches[2]])
    model = tf.keras.Model(image, L.Dense(3, name="logits")(L.Flatten()(L.ReLU()(total))))
    spec = {"name": "conlocnn", "layers": {"tables": "dietcnn", "gates": "encodingnet"}}
    quantised = method_choice(spec, "method").quantize(model, inputs(grid, model, 30, 0), grid)
    graph, x = lower_keras(quantised, "net"), inputs(grid, model, 20, 1)
    codes = reference.predict(graph, reference.quantize_input(graph, x))
    np.testing.assert_array_equal(reference.output_values(graph, codes), logits(quantised, x))


def noise(model: Any) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(50, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda x: np.random.default_rng(0).normal(size=x.shape), r"range from -\d.* to \d.*, and 100 % of them cannot enter"),
        (
            lambda x: x * 256,
            r"these range from 0 to 255, and \d+ % of them cannot enter: choose an input_grid that covers them, or",
        ),
        (lambda x: x - 0.5, "range from -0.5 .* cannot enter"),
        (lambda x: x + 1 / 1024, r"grid 2\^-8 .* 100 % of them cannot enter: .* numpy.clip"),
        (lambda x: (x * 256).astype(np.int64), "integers|choose an input_grid"),
        (lambda x: x[..., 0], r"shape \(40, 8, 8\) for a model of input \(N, 8, 8, 1\)"),
        (lambda x: x[:0], "calibration data is empty"),
        (lambda x: np.where(x > 0.5, np.inf, x), "calibration data holds NaN or Inf"),
        (lambda x: x.astype(str), "type <U.*give numbers"),
        (lambda x: (x * 256).astype(np.uint8), r"is uint8; pass .*to_float"),
    ],
    ids=["normal", "0..255", "negative", "off the grid", "integers", "shape", "none", "infinite", "words", "uint8"],
)
@pytest.mark.parametrize("name", ["dietcnn", "fixed_point"])
def test_what_cannot_enter_cannot_calibrate(spoil: Any, text: str, name: str) -> None:
    with pytest.raises(DatasetError, match=text):
        method_choice(name, "method").quantize(nets.trained(), spoil(nets.calibration(40)))


def test_a_grid_is_a_grid() -> None:
    with pytest.raises(ConfigError, match="input_grid"):
        fit_codebooks(nets.trained(), nets.calibration(20), input_grid="uint8")
    model = network(GRIDS["signed 8 bits"], vector=False)
    as_numbers = fit_codebooks(model, inputs(GRIDS["signed 8 bits"], model, 20, 0), input_grid=(-128, 127, 6))
    assert next(layer for layer in as_numbers.layers if isinstance(layer, InputGrid)).values == GRIDS["signed 8 bits"]
