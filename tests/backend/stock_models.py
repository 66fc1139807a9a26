# SPDX-License-Identifier: Apache-2.0
"""Random Keras models of stock layers with random hls4ml precisions, and what hls4ml's own Vitis backend computes of them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import hls4ml
import numpy as np
from hls4ml.model.optimizer.passes.convert_to_channels_last import RemoveTransposeBeforeFlatten
from hls4ml.model.optimizer.passes.transpose_opt import RemoveNopTranspose

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "softsign", "elu", "selu", "hard_sigmoid", "linear")


def fixed(rng: np.random.Generator, low: int = 6, high: int = 16) -> str:
    """Any signed fixed-point type of so many bits."""
    bits = int(rng.integers(low, high + 1))
    modes = f"{rng.choice(ROUNDINGS)},{rng.choice(OVERFLOWS)}"
    return f"fixed<{bits},{int(rng.integers(1, bits // 2 + 2))},{modes}>"


def _body(rng: np.random.Generator, of: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Shape of the input, and layers, `of` a version of Keras, that lead to a vector."""
    kind = rng.choice(["dense", "conv1d", "conv2d"])
    padding = str(rng.choice(["valid", "same"]))
    size, filters = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    if kind == "dense":
        return (int(rng.integers(2, 7)),), [of.Dense(int(rng.integers(2, 6)))]
    if kind == "conv1d":
        conv = of.Conv1D(filters, size, strides=int(rng.integers(1, 3)), padding=padding)
        pool = rng.choice([of.AveragePooling1D(2), of.MaxPooling1D(2), of.GlobalMaxPooling1D()])
        return (9, int(rng.integers(1, 4))), [conv, pool, of.Flatten()]
    first = [
        of.Conv2D(filters, size, padding=padding),
        of.DepthwiseConv2D(size, padding=padding),
        of.SeparableConv2D(filters, size, padding=padding),
    ][int(rng.integers(3))]
    pool = [of.AveragePooling2D((2, 3)), of.MaxPooling2D(2), of.GlobalAveragePooling2D()][int(rng.integers(3))]
    moved = [of.ZeroPadding2D(1), of.Cropping2D(1), of.UpSampling2D(2)][int(rng.integers(3))]
    return (7, 8, int(rng.integers(1, 4))), [*([moved] if rng.random() < 0.5 else []), first, pool, of.Flatten()]


def random_model(seed: int, keras: Any = None) -> Any:
    """A small model with weights of all sizes, of Keras 2 unless another version is given."""
    if keras is None:
        from dietcnn_hls.tf import tf

        keras = tf.keras
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    of = keras.layers
    shape, body = _body(rng, of)
    layers = [of.InputLayer(shape), *body]
    if rng.random() < 0.5:
        layers.append(of.BatchNormalization())
    layers.append(of.Activation(str(rng.choice(ACTIVATIONS))))
    layers.append(of.Dense(int(rng.integers(2, 5)), activation="softmax" if rng.random() < 0.3 else None))
    model = keras.Sequential(layers)
    values = [rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.7, w.shape) for w in model.weights]
    model.set_weights(values)
    return model


def configuration(model: Any, seed: int, backend: str = "Vitis") -> dict[str, Any]:
    """hls4ml's configuration by name, with some types of the user's own."""
    rng = np.random.default_rng(seed)
    default = f"fixed<{int(rng.integers(10, 17))},{int(rng.integers(4, 8))}>"
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend, default_precision=default)
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
    with mended():
        made = _convert(model, config, folder, "Vitis", io_type)
    with contextlib.redirect_stdout(io.StringIO()):
        made.write()
        script = folder / "build_lib.sh"
        script.write_text(script.read_text().replace("-O3", "-O0"))
        made._compile()
    return made


@contextlib.contextmanager
def mended() -> Iterator[None]:
    """hls4ml without what it computes wrongly: it takes any Permute before a Flatten in io_parallel for its own, and in io_stream
    one of two axes that changes nothing for the one that exchanges them."""
    theirs = RemoveTransposeBeforeFlatten.match

    def own(self: Any, node: Any) -> bool:
        return bool(theirs(self, node)) and list(node.get_input_node().get_attr("perm")) in ([1, 0], [2, 0, 1])

    def nop(self: Any, node: Any) -> bool:
        return node.class_name == "Transpose" and list(node.get_attr("perm")) == sorted(node.get_attr("perm"))

    with mock.patch.object(RemoveTransposeBeforeFlatten, "match", own), mock.patch.object(RemoveNopTranspose, "match", nop):
        yield


def _convert(model: Any, config: dict[str, Any], folder: Path, backend: str, io_type: str) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):  # hls4ml prints each layer
        return hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend=backend, output_dir=str(folder), io_type=io_type, project_name="net"
        )
