# SPDX-License-Identifier: Apache-2.0
"""Random Keras models of every kind of layer that hls4ml's road takes, and random hls4ml configurations of them.

A network is a walk: from its inputs, layer behind layer of `PIECES` that fit the shape reached, through merges of two ways, to
one or two ends. All that is drawn follows from the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import hls4ml
import numpy as np
import qkeras

from dietcnn_hls.tf import tf
from tests.backend.stock_models import OVERFLOWS, ROUNDINGS, fixed

_layers = tf.keras.layers
Rng = np.random.Generator
Shape = tuple[int, ...]
LARGEST = 160
"""Values of one tensor: what hls4ml's C++ of it takes to compile grows with them."""
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
ACTIVATIONS = (
    *("relu", "tanh", "sigmoid", "softplus", "softsign", "elu", "selu", "hard_sigmoid", "linear", "relu6", "leaky_relu"),
)
VOCABULARY = 8


class Piece(NamedTuple):
    """A kind of layer: ranks of what it takes, and one of it by chance for inputs of a shape."""

    ranks: tuple[int, ...]
    draw: Callable[[Rng, Shape, str], Any]


def _whole(rng: Rng, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))


def _one(rng: Rng, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _padding(rng: Rng, *more: str) -> str:
    return str(_one(rng, "valid", "same", *more))


def _sizes(rng: Rng, shape: Shape, most: int = 3) -> tuple[int, ...]:
    """A window that fits into an image or a row."""
    return tuple(_whole(rng, 1, min(most, size)) for size in shape[:-1])


def _conv(kind: str, quantised: bool = False) -> Piece:
    """Convolutions of all kinds; strides are the same in both directions, as hls4ml has them."""
    line, deep, separable = kind.endswith("1D"), "Depthwise" in kind, "Separable" in kind

    def draw(rng: Rng, shape: Shape, name: str) -> Any:
        size = _sizes(rng, shape)
        options: dict[str, Any] = {"kernel_size": size if not line else size[0], "strides": _whole(rng, 1, 2), "name": name}
        options["padding"] = _padding(rng, *(["causal"] if kind == "Conv1D" else []))
        options |= {} if deep else {"filters": _whole(rng, 1, 3)}
        options["use_bias"] = bool(rng.random() < 0.8)
        if quantised:
            parts = ("depthwise",) if deep else ("depthwise", "pointwise") if separable else ("kernel",)
            options |= {f"{part}_quantizer": _weights(rng) for part in parts}
            options |= {"bias_quantizer": _bias()}
        return getattr(qkeras if quantised else _layers, f"Q{kind}" if quantised else kind)(**options)

    return Piece((2,) if line else (3,), draw)


def _dense(rng: Rng, shape: Shape, name: str) -> Any:
    activation = _one(rng, None, None, *ACTIVATIONS)
    return _layers.Dense(_whole(rng, 1, 5), activation=activation, use_bias=bool(rng.random() < 0.8), name=name)


def _qdense(rng: Rng, shape: Shape, name: str) -> Any:
    # hls4ml's C++ reads scales beyond their end where it has the layer for each pixel
    kernel = _weights(rng) if len(shape) == 1 else qkeras.quantized_bits(_whole(rng, 3, 6), 0, alpha=1)
    return qkeras.QDense(_whole(rng, 1, 5), kernel_quantizer=kernel, bias_quantizer=_bias(), name=name)


def _pool(kind: str) -> Piece:
    def draw(rng: Rng, shape: Shape, name: str) -> Any:
        size = _sizes(rng, shape)
        size = size[0] if kind.endswith("1D") else size
        return getattr(_layers, kind)(size, strides=_one(rng, None, 1, 2), padding=_padding(rng), name=name)

    return Piece((2,) if kind.endswith("1D") else (3,), draw)


def _plain(kind: str, *ranks: int, **options: Callable[[Rng, Shape], Any]) -> Piece:
    """A layer of Keras, each of whose arguments is drawn by itself."""
    return Piece(
        ranks,
        lambda rng, shape, name: getattr(_layers, kind)(name=name, **{key: draw(rng, shape) for key, draw in options.items()}),
    )


def _sides(rng: Rng, shape: Shape) -> Any:
    """What is padded or cut at each side: of a row two numbers, of an image two each way."""
    pairs = tuple((_whole(rng, 0, 1), _whole(rng, 0, 1)) for _ in shape[:-1])
    return pairs[0] if len(pairs) == 1 else pairs


def _factors(rng: Rng, shape: Shape) -> Any:
    sizes = tuple(_whole(rng, 1, 2) for _ in shape[:-1])
    return sizes[0] if len(sizes) == 1 else sizes


def _dims(rng: Rng, shape: Shape) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.permutation(len(shape)) + 1)


def _shape(rng: Rng, shape: Shape) -> Shape:
    """As many values in two directions or in one."""
    size = int(np.prod(shape))
    divisors = [n for n in range(1, size + 1) if size % n == 0]
    first = int(rng.choice(divisors))
    return _one(rng, (size,), (first, size // first))  # type: ignore[no-any-return]


def _weights(rng: Rng) -> Any:
    bits = _whole(rng, 3, 6)
    return _one(
        rng,
        qkeras.quantized_bits(bits, _whole(rng, 0, 1), alpha=_one(rng, 1, "auto_po2", None)),
        qkeras.ternary(alpha=_one(rng, 1, "auto")),
        qkeras.binary(alpha=_one(rng, 1, "auto")),
        qkeras.quantized_po2(4),
    )


def _bias() -> Any:
    return qkeras.quantized_bits(6, 2, alpha=1)


def _quantiser(rng: Rng, shape: Shape, name: str) -> Any:
    bits = _whole(rng, 3, 7)
    activation = _one(
        rng,
        qkeras.quantized_relu(bits, _whole(rng, 0, 2)),
        qkeras.quantized_bits(bits, _whole(rng, 0, 2), alpha=1),
        qkeras.quantized_tanh(bits),
        qkeras.quantized_sigmoid(bits),
        qkeras.ternary(alpha=1, threshold=0.4),
    )
    return qkeras.QActivation(activation, name=name)


def _folded(rng: Rng, shape: Shape, name: str) -> Any:
    kernel = qkeras.quantized_bits(_whole(rng, 3, 6), 0, alpha=1)
    size, padding = _sizes(rng, shape), _padding(rng)
    return qkeras.QConv2DBatchnorm(
        _whole(rng, 1, 3), size, padding=padding, kernel_quantizer=kernel, bias_quantizer=_bias(), name=name
    )


def _normalised(rng: Rng, shape: Shape, name: str) -> Any:
    wide = [qkeras.quantized_bits(8, 2, alpha=1) for _ in range(4)]
    names = ("beta_quantizer", "gamma_quantizer", "mean_quantizer", "variance_quantizer")
    return qkeras.QBatchNormalization(**dict(zip(names, wide, strict=True)), name=name)


_ANY = (1, 2, 3)
PIECES: Mapping[str, Piece] = {
    "Dense": Piece(_ANY, _dense),
    **{kind: _conv(kind) for kind in ("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D")},
    **{kind: _conv(kind) for kind in ("SeparableConv1D", "SeparableConv2D")},
    **{kind: _pool(kind) for kind in ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")},
    **{f"Global{kind}Pooling1D": _plain(f"Global{kind}Pooling1D", 2) for kind in ("Max", "Average")},
    **{f"Global{kind}Pooling2D": _plain(f"Global{kind}Pooling2D", 3) for kind in ("Max", "Average")},
    "BatchNormalization": _plain("BatchNormalization", *_ANY, scale=lambda rng, _: bool(rng.random() < 0.8)),
    "Activation": _plain("Activation", *_ANY, activation=lambda rng, _: _one(rng, *ACTIVATIONS)),
    "ReLU": _plain("ReLU", *_ANY),
    "LeakyReLU": _plain("LeakyReLU", *_ANY, alpha=lambda rng, _: float(rng.uniform(0, 1))),
    "ELU": _plain("ELU", *_ANY, alpha=lambda rng, _: float(rng.uniform(0.2, 2))),
    "ThresholdedReLU": _plain("ThresholdedReLU", *_ANY, theta=lambda rng, _: float(rng.uniform(0, 2))),
    "PReLU": _plain("PReLU", *_ANY),
    "Softmax": _plain("Softmax", 1, 2),
    "Dropout": _plain("Dropout", *_ANY, rate=lambda *_: 0.5),
    "Flatten": _plain("Flatten", 2, 3),
    "Reshape": _plain("Reshape", *_ANY, target_shape=_shape),
    "Permute": _plain("Permute", 2, 3, dims=_dims),
    **{f"ZeroPadding{n}D": _plain(f"ZeroPadding{n}D", n + 1, padding=_sides) for n in (1, 2)},
    **{f"Cropping{n}D": _plain(f"Cropping{n}D", n + 1, cropping=_sides) for n in (1, 2)},
    **{f"UpSampling{n}D": _plain(f"UpSampling{n}D", n + 1, size=_factors) for n in (1, 2)},
    "QDense": Piece(_ANY, _qdense),
    **{f"Q{kind}": _conv(kind, True) for kind in ("Conv1D", "Conv2D", "DepthwiseConv2D")},
    **{f"Q{kind}": _conv(kind, True) for kind in ("SeparableConv1D", "SeparableConv2D")},
    "QActivation": Piece(_ANY, _quantiser),
    "QConv2DBatchnorm": Piece((3,), _folded),
    "QBatchNormalization": Piece(_ANY, _normalised),
}
"""Every layer of one input that hls4ml's road takes; `MERGES` and inputs, an `Embedding` among them, are `random_network`'s."""


_HEAVY = ("Conv", "Pooling", "Padding", "Cropping", "UpSampling", "Permute")
"""Of kinds that are drawn more often: what fits one rank only would else be seldom."""

_SELDOM = {"Softmax": 0.1}
"""Its name in Vitis' C++ has two spellings, with which no compiler agrees; a softmax as an activation is built."""


BEYOND = ("BinaryDense", "Conv1DTranspose", "Conv2DTranspose", "Dot", "EinsumDense", "RepeatVector", "TernaryDense")
"""What hls4ml or Keras does not read, so that nothing is there to be compared with; neither are dilation, groups, multipliers."""


class _Walk:
    """Layers put behind one another, each with a name of its own."""

    def __init__(self, rng: Rng, seed: int) -> None:
        self.rng, self.seed, self.made = rng, seed, 0

    def name(self, kind: str) -> str:
        self.made += 1
        return f"{kind.lower()}_{self.made}"

    def step(self, tensor: Any, kinds: Mapping[str, Piece] = PIECES) -> Any:
        """One layer more, of any kind that fits and leaves something of a size that compiles."""
        shape = tuple(tensor.shape[1:])
        fitting = [kind for kind, piece in kinds.items() if len(shape) in piece.ranks]
        weights = np.array([3 if any(word in kind for word in _HEAVY) else _SELDOM.get(kind, 1) for kind in fitting])
        for _ in range(20):
            kind = str(self.rng.choice(fitting, p=weights / weights.sum()))
            layer = kinds[kind].draw(self.rng, shape, self.name(kind))
            after = tuple(layer.compute_output_shape((None, *shape))[1:])
            if all(size is not None and size > 0 for size in after) and np.prod(after) <= LARGEST:
                return layer(tensor)
        return tensor

    def input(self) -> Any:
        rng, name = self.rng, self.name("input")
        if rng.random() < 0.04:
            length, width = _whole(rng, 2, 5), _whole(rng, 1, 3)
            given = _layers.Input((length,), name=f"words_{name}")
            return given, _layers.Embedding(VOCABULARY, width, input_length=length, name=self.name("embedding"))(given)
        row, image = (_whole(rng, 3, 9), _whole(rng, 1, 3)), (5, _whole(rng, 4, 6), _whole(rng, 1, 2))
        shape = _one(rng, (_whole(rng, 2, 8),), row, row, image, image)
        given = _layers.Input(shape, name=name)
        return given, given

    def merged(self, tensor: Any) -> Any:
        """What one or two ways from a tensor become together; they keep its shape but for a concatenation's last axis."""
        kept = {kind: PIECES[kind] for kind in ("Activation", "BatchNormalization", "LeakyReLU", "QActivation", "ReLU")}
        ways = [self.step(tensor, kept), self.step(tensor, kept) if self.rng.random() < 0.5 else tensor]
        kind = str(self.rng.choice(MERGES))
        return getattr(_layers, kind)(name=self.name(kind))(ways)


def random_network(seed: int) -> Any:
    """A small model of one or two inputs and one or two outputs, with weights of all sizes."""
    rng = np.random.default_rng(seed)
    tf.keras.utils.set_random_seed(seed)
    walk = _Walk(rng, seed)
    given, tensor = walk.input()
    inputs = [given]
    for _ in range(_whole(rng, 1, 4)):
        tensor = walk.merged(tensor) if rng.random() < 0.15 else walk.step(tensor)
    outputs = [_end(walk, tensor)]
    if rng.random() < 0.15:
        second = _layers.Input(tuple(tensor.shape[1:]), name=walk.name("input"))
        kind = str(rng.choice(MERGES))
        outputs = [_end(walk, getattr(_layers, kind)(name=walk.name(kind))([tensor, second]))]
        inputs.append(second)
    if rng.random() < 0.15:
        outputs.append(_end(walk, tensor))
    return filled(tf.keras.Model(inputs, outputs, name=f"net{seed}"), rng)


def _end(walk: _Walk, tensor: Any) -> Any:
    """Classes, or whatever one layer more gives. A layer of float weights keeps every model on hls4ml's road."""
    if walk.rng.random() < 0.4:
        return walk.step(tensor, {kind: PIECES[kind] for kind in ("Dense", "Conv1D", "Conv2D", "SeparableConv1D")})
    if len(tensor.shape) > 2:
        tensor = _layers.Flatten(name=walk.name("flatten"))(tensor)
    tensor = _layers.Dense(_whole(walk.rng, 2, 4), name=walk.name("dense"))(tensor)
    return _layers.Activation("softmax", name=walk.name("softmax"))(tensor) if walk.rng.random() < 0.25 else tensor


def filled(model: Any, rng: Rng) -> Any:
    values = [rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.7, w.shape) for w in model.weights]
    model.set_weights(values)
    return model


def samples(model: Any, seed: int, count: int = 60) -> Any:
    """Inputs that reach beyond most types, words of the vocabulary; a list where the model has several."""
    rng = np.random.default_rng(seed)
    arrays = [
        rng.integers(0, VOCABULARY, (count, *array.shape[1:])).astype(np.float64)
        if array.name.startswith("words_")
        else rng.normal(0, 2, (count, *array.shape[1:]))
        for array in model.inputs
    ]
    return arrays if len(arrays) > 1 else arrays[0]


def io_type(seed: int) -> str:
    """Of both backends."""
    return ["io_parallel", "io_stream"][seed // 2 % 2]


def configuration(model: Any, seed: int) -> dict[str, Any]:
    """hls4ml's configuration at any granularity: types, accumulators, reuse factors, strategies, tables, softmax."""
    rng = np.random.default_rng(seed)
    default = f"fixed<{_whole(rng, 10, 16)},{_whole(rng, 4, 7)}{_one(rng, '', '', '', ',RND', ',TRN,SAT', _modes(rng))}>"
    words = any(array.name.startswith("words_") for array in model.inputs)
    granularity = _one(rng, "name", "name", "type", "model")
    config = hls4ml.utils.config_from_keras_model(model, granularity=granularity, backend="Vitis", default_precision=default)
    config["Model"]["ReuseFactor"] = _whole(rng, 1, 4)
    deep = any("Depthwise" in type(layer).__name__ or "Separable" in type(layer).__name__ for layer in model.layers)
    config["Model"]["Strategy"] = "Latency" if deep else _one(rng, "Latency", "Resource")  # Vitis' C++ of the others aborts
    for level in ("LayerName", "LayerType"):
        for name, entry in config.get(level, {}).items():
            if words and name.startswith(("words_", "Input")):
                entry["Precision"]["result"] = "uint<3>"
            else:
                _types(entry, rng)
            _tables(entry, rng)
    return config  # type: ignore[no-any-return]


def _modes(rng: Rng) -> str:
    return f",{rng.choice(ROUNDINGS)},{rng.choice(OVERFLOWS)}"


def _types(entry: dict[str, Any], rng: Rng) -> None:
    """Some types of the user's own; accumulators are given more seldom, and mostly by the modes that have a lowering."""
    precisions = entry.get("Precision", {})
    for what in precisions:
        if what.endswith("accum") and "inv_inp" not in precisions:  # a softmax' sum is of its tables' type
            if rng.random() < 0.12:
                modes = _modes(rng) if rng.random() < 0.2 else _one(rng, "", ",RND")
                precisions[what] = f"fixed<{_whole(rng, 10, 24)},{_whole(rng, 4, 9)}{modes}>"
        elif what in ("result", "weight", "bias", "depthwise", "pointwise") and rng.random() < 0.3:
            precisions[what] = fixed(rng)


def _tables(entry: dict[str, Any], rng: Rng) -> None:
    """Sizes and types of tables, and how a softmax is computed."""
    if "TableSize" in entry and rng.random() < 0.3:
        entry["TableSize"] = 1 << _whole(rng, 8, 11)
    if "Implementation" in entry:
        entry["Implementation"] = _one(rng, "stable", "stable", "latency", "argmax")
    elif "table" in entry.get("Precision", {}) and rng.random() < 0.15:
        entry["Precision"]["table"] = fixed(rng, 8, 18)


__all__ = ["BEYOND", "MERGES", "PIECES", "configuration", "filled", "io_type", "random_network", "samples"]
