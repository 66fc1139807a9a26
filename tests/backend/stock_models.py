# SPDX-License-Identifier: Apache-2.0
"""Random Keras models of stock layers with random hls4ml precisions, and what hls4ml's own Vitis backend computes of them."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np

from dietcnn_hls.tf import tf

_layers = tf.keras.layers
ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "softsign", "elu", "selu", "hard_sigmoid", "linear")


def fixed(rng: np.random.Generator, low: int = 6, high: int = 16) -> str:
    """Any signed fixed-point type of so many bits."""
    bits = int(rng.integers(low, high + 1))
    modes = f"{rng.choice(ROUNDINGS)},{rng.choice(OVERFLOWS)}"
    return f"fixed<{bits},{int(rng.integers(1, bits // 2 + 2))},{modes}>"


def _body(rng: np.random.Generator) -> tuple[tuple[int, ...], list[Any]]:
    """Shape of the input, and layers that lead to a vector."""
    kind = rng.choice(["dense", "conv1d", "conv2d"])
    padding = str(rng.choice(["valid", "same"]))
    size, filters = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    if kind == "dense":
        return (int(rng.integers(2, 7)),), [_layers.Dense(int(rng.integers(2, 6)))]
    if kind == "conv1d":
        conv = _layers.Conv1D(filters, size, strides=int(rng.integers(1, 3)), padding=padding)
        pool = rng.choice([_layers.AveragePooling1D(2), _layers.MaxPooling1D(2), _layers.GlobalMaxPooling1D()])
        return (9, int(rng.integers(1, 4))), [conv, pool, _layers.Flatten()]
    first = [
        _layers.Conv2D(filters, size, padding=padding),
        _layers.DepthwiseConv2D(size, padding=padding),
        _layers.SeparableConv2D(filters, size, padding=padding),
    ][int(rng.integers(3))]
    pool = [_layers.AveragePooling2D((2, 3)), _layers.MaxPooling2D(2), _layers.GlobalAveragePooling2D()][int(rng.integers(3))]
    moved = [_layers.ZeroPadding2D(1), _layers.Cropping2D(1), _layers.UpSampling2D(2)][int(rng.integers(3))]
    return (7, 8, int(rng.integers(1, 4))), [*([moved] if rng.random() < 0.5 else []), first, pool, _layers.Flatten()]


def random_model(seed: int) -> Any:
    """A small model with weights of all sizes."""
    rng = np.random.default_rng(seed)
    tf.keras.utils.set_random_seed(seed)
    shape, body = _body(rng)
    layers = [_layers.InputLayer(shape), *body]
    if rng.random() < 0.5:
        layers.append(_layers.BatchNormalization())
    layers.append(_layers.Activation(str(rng.choice(ACTIVATIONS))))
    layers.append(_layers.Dense(int(rng.integers(2, 5)), activation="softmax" if rng.random() < 0.3 else None))
    model = tf.keras.Sequential(layers)
    values = [rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.7, w.shape) for w in model.weights]
    model.set_weights(values)
    return model


def configuration(model: Any, seed: int) -> dict[str, Any]:
    """hls4ml's configuration by name, with some types of the user's own."""
    rng = np.random.default_rng(seed)
    default = f"fixed<{int(rng.integers(10, 17))},{int(rng.integers(4, 8))}>"
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis", default_precision=default)
    for entry in config["LayerName"].values():
        for what in entry.get("Precision", {}):
            if what in ("result", "weight", "bias") and rng.random() < 0.3:
                entry["Precision"][what] = fixed(rng)
    return config  # type: ignore[no-any-return]


def ours(model: Any, config: dict[str, Any], folder: Path, io_type: str = "io_parallel") -> Any:
    """The model through hls4ml with our backend, compiled."""
    made = _convert(model, config, folder, "DietCNN", io_type)
    made.compile()
    return made


def stock(model: Any, config: dict[str, Any], folder: Path, io_type: str = "io_parallel") -> Any:
    """The model through hls4ml's Vitis backend, compiled without optimisation, which takes half the time."""
    made = _convert(model, config, folder, "Vitis", io_type)
    with contextlib.redirect_stdout(io.StringIO()):
        made.write()
        script = folder / "build_lib.sh"
        script.write_text(script.read_text().replace("-O3", "-O0"))
        made._compile()
    return made


def _convert(model: Any, config: dict[str, Any], folder: Path, backend: str, io_type: str) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):  # hls4ml prints each layer
        return hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend=backend, output_dir=str(folder), io_type=io_type, project_name="net"
        )
