# SPDX-License-Identifier: Apache-2.0
"""The input grid: what the caller or the model says travels in the lowered graph's source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import convert, lower_keras
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import ConfigError, DatasetError, UnsupportedLayerError
from dietcnn_hls.lowered import Grid
from tests.backend.keras_models import keras_layers, qkeras, tf

KERNEL = qkeras.quantized_bits(6, 0, alpha=1)


class InputGrid(keras_layers.Layer):
    """As the training layers' one: says what enters and computes nothing."""

    def __init__(self, lo: int, hi: int, fraction: int, **options: Any) -> None:
        super().__init__(**options)
        self.said = {"lo": lo, "hi": hi, "fraction": fraction}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.said


def network(*front: Any) -> Any:
    layers = [
        qkeras.QConv2D(4, 3, padding="same", kernel_quantizer=KERNEL, use_bias=False, name="conv"),
        qkeras.QActivation("quantized_relu(6,2)", name="relu"),
        keras_layers.Flatten(name="flat"),
        qkeras.QDense(3, kernel_quantizer=KERNEL, use_bias=False, name="dense"),
    ]
    return tf.keras.Sequential([keras_layers.InputLayer((5, 4, 2), name="image"), *front, *layers])


GRIDS = [Grid.of(True, 8, 5), Grid.of(False, 4, 0), Grid.of(True, 12, 10), Grid(-3, 100, 6), Grid.of(True, 16, 12)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_model_computes_the_same_on_any_grid(grid: Grid) -> None:
    model = network()
    graph = lower_keras(model, "net", input_grid=grid)
    assert graph.input.stream == grid.stream((5, 4, 2))
    codes = np.random.default_rng(grid.bits).integers(grid.lo, grid.hi + 1, (20, 5, 4, 2))
    codes[0], codes[1] = grid.lo, grid.hi
    assert np.array_equal(reference.quantize_input(graph, grid.values(codes)), codes)
    keras = np.asarray(model(grid.values(codes), training=False))
    assert np.array_equal(reference.output_values(graph, reference.predict(graph, codes)), keras)


def test_the_model_may_say_its_grid() -> None:
    grid = Grid.of(True, 8, 4)
    model = network(InputGrid(grid.lo, grid.hi, grid.fraction, name="grid"))
    graph = lower_keras(model, "net")
    assert graph.input.stream == grid.stream((5, 4, 2)) and [n.name for n in graph.nodes][:2] == ["image", "conv"]
    assert lower_keras(model, "net", input_grid=grid).input.stream == graph.input.stream
    assert lower_keras(network(), "net").input.stream == IMAGE.stream((5, 4, 2))
    with pytest.raises(DatasetError, match="choose an input_grid that covers them"):
        reference.quantize_input(graph, np.full((1, 5, 4, 2), 9.0))


def test_grids_that_contradict_or_stand_elsewhere_are_refused(tmp_path: Path) -> None:
    said = InputGrid(-128, 127, 4, name="grid")
    with pytest.raises(ConfigError, match=r"input_grid says unsigned 8 bits / 2\^8, the model says signed 8 bits / 2\^4"):
        lower_keras(network(said), "net", input_grid=IMAGE)
    late = tf.keras.Sequential([keras_layers.InputLayer((5, 4, 2)), *network().layers, InputGrid(0, 1, 0, name="late")])
    with pytest.raises(UnsupportedLayerError, match=r"layer 'late' \(InputGrid\).*directly behind the model's input"):
        lower_keras(late, "net")
    inputs = keras_layers.Input((5, 4, 2), name="image")
    past = tf.keras.Model(inputs, keras_layers.Add(name="add")([InputGrid(0, 1, 0, name="grid")(inputs), inputs]))
    with pytest.raises(UnsupportedLayerError, match=r"layer 'grid' \(InputGrid\).*'add' reads the input past it"):
        lower_keras(past, "net")
    graph = lower_keras(network(), "net")
    with pytest.raises(ConfigError, match="the lowered graph 'net' has its own"):
        convert(graph, tmp_path, input_grid=Grid(0, 1, 0))
    for given in ("uint8", (0, 255), (0, 255, 0.5)):
        with pytest.raises(ConfigError, match="input"):
            lower_keras(network(), "net", input_grid=given)  # type: ignore[arg-type]
