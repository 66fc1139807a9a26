# SPDX-License-Identifier: Apache-2.0
"""Random Keras models of every layer that the backend converts, with random codebooks, thresholds and statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.methods.dietcnn.training import Codebook
from dietcnn_hls.training.integer_layers import ShiftBatchNormalization, UniformActivation
from dietcnn_hls.training.layers import (
    CodebookActivation,
    ExactBatchNormalization,
    LookupConv2D,
    LookupDense,
    LookupDepthwiseConv2D,
)
from dietcnn_hls.training.tf import qkeras, tf
from tests.graphs import levels as random_levels

keras_layers = tf.keras.layers
WEIGHT_FRACTION, SUM_FRACTION = 3, 5


class RandomModel:
    """Grows a model layer by layer from one seed; `build` returns it."""

    def __init__(self, seed: int, symbolic: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.symbolic = symbolic
        self.fraction = 8  # of the codes that the next layer reads
        self.side = (int(self.rng.integers(3, 8)), int(self.rng.integers(3, 8)))
        self.channels = int(self.rng.integers(1, 4))
        self.count = 0
        self.values: dict[int, Any] = {}  # what calibration images make of every tensor, so that thresholds cut where data is

    def apply(self, layer: Any, *tensors: Any) -> Any:
        """The layer on symbolic tensors, and on the images behind them."""
        y = layer(list(tensors) if len(tensors) > 1 else tensors[0])
        self.follow(layer, y, *tensors)
        return y

    def follow(self, layer: Any, y: Any, *tensors: Any) -> None:
        """Compute the values of `y`, for layers whose variables are set only after building."""
        data = [self.values[id(tensor)] for tensor in tensors]
        self.values[id(y)] = layer(data if len(data) > 1 else data[0])
        self.tensors = [*getattr(self, "tensors", []), y]  # keeps the id taken

    def input(self, shape: tuple[int, ...]) -> Any:
        inputs = keras_layers.Input(shape, name="image")
        self.values[id(inputs)] = tf.constant(self.rng.integers(0, 256, (16, *shape)) / 256, tf.float32)
        return inputs

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"

    def quantizer(self) -> Codebook:
        symbols = int(self.rng.integers(2, 17))
        more = {}
        if self.symbolic:
            more = {"accumulate": "symbolic", "order": str(self.rng.choice(["tree", "ripple"])), "sum_symbols": 24}
            more["sum_fraction"] = SUM_FRACTION
        return Codebook(symbols, WEIGHT_FRACTION, bits=6, **more)

    def codebooks(self, layer: Any) -> None:
        """Random weights, bias and codebooks for a built lookup layer."""
        state = layer.state
        kw, fraction = len(state["codebook"]), layer.quantizer.fraction
        state["codebook"] = np.array(random_levels(self.rng, kw, 6, True)) * 2.0**-fraction
        if "sum_codebook" in state:
            ks = len(state["sum_codebook"])
            state["sum_codebook"] = np.array(random_levels(self.rng, ks, 8, True)) * 2.0**-SUM_FRACTION
        layer.set_state(state)
        layer.kernel.assign(self.rng.normal(0, 1.5, layer.kernel.shape))
        if layer.use_bias:
            layer.bias.assign(self.rng.normal(0, 1, layer.bias.shape))

    def lookup(self, x: Any, kind: str) -> Any:
        """A lookup layer of `kind`: 'conv', 'depthwise' or 'dense'."""
        quantizer = self.quantizer()
        finest = SUM_FRACTION if self.symbolic else self.fraction + WEIGHT_FRACTION
        arguments: dict[str, Any] = {
            "name": self.name(kind),
            "use_bias": self.chance(0.7),
            "bias_fraction": int(self.rng.integers(0, finest + 1)),
        }
        if kind == "dense":
            layer: Any = LookupDense(int(self.rng.integers(1, 6)), kernel_quantizer=quantizer, **arguments)
        else:
            arguments |= self.window(x)
            if kind == "depthwise":
                layer = LookupDepthwiseConv2D(
                    depthwise_quantizer=quantizer, depth_multiplier=int(self.rng.integers(1, 3)), **arguments
                )
            else:
                layer = LookupConv2D(int(self.rng.integers(1, 6)), kernel_quantizer=quantizer, **arguments)
        y = layer(x)
        self.codebooks(layer)
        self.follow(layer, y, x)
        return y

    def window(self, x: Any) -> dict[str, Any]:
        height, width = int(x.shape[1]), int(x.shape[2])
        same = self.chance(0.5)
        limit = 4 if same else min(3, height, width)
        size = (int(self.rng.integers(1, limit + 1)), int(self.rng.integers(1, limit + 1)))
        stride = int(self.rng.integers(1, 3))
        return {"kernel_size": size, "strides": (stride, stride), "padding": "same" if same else "valid"}

    def batch_norm(self, x: Any) -> Any:
        layer = ExactBatchNormalization(name=self.name("bn"), scale=self.chance(0.8), center=self.chance(0.8))
        y = layer(x)
        for variable in layer.weights:
            spread = (
                self.rng.uniform(0.2, 3, variable.shape) if "variance" in variable.name else self.rng.normal(0, 1, variable.shape)
            )
            variable.assign(spread)
        self.follow(layer, y, x)
        return y

    def activation(self, x: Any, symbols: int | None = None) -> Any:
        fraction = int(self.rng.integers(3, 7))
        symbols = symbols or int(self.rng.integers(2, 17))
        signed = self.chance(0.2)
        bits = max(6, symbols.bit_length() + 1)
        layer = CodebookActivation(symbols, fraction, bits=bits, signed=signed, name=self.name("act"))
        y = layer(x)
        levels = np.array(random_levels(self.rng, symbols, bits, signed)) * 2.0**-fraction
        cuts = np.quantile(self.values[id(x)].numpy(), self.rng.uniform(0, 1, symbols - 1))
        layer.set_codebook(levels, np.sort(cuts + self.rng.normal(0, 0.01, symbols - 1)))
        self.fraction = fraction
        self.follow(layer, y, x)
        return y

    def pool(self, x: Any) -> Any:
        if min(int(x.shape[1]), int(x.shape[2])) < 2 or self.chance(0.4):
            return x
        padding = "same" if self.chance(0.3) else "valid"
        layer = keras_layers.MaxPooling2D(2, strides=int(self.rng.integers(1, 3)), padding=padding, name=self.name("pool"))
        return self.apply(layer, x)

    def block(self, x: Any, kind: str) -> Any:
        """Linear, batch-norm, pool and activation, the last three in one of the orders that models have them in."""
        x = self.lookup(x, kind)
        early = kind != "dense" and self.chance(0.5)
        if early:
            x = self.pool(x)
        if self.chance(0.6):
            x = self.batch_norm(x)
        x = self.activation(x)
        return self.pool(x) if kind != "dense" and not early else x

    def qkeras_block(self, x: Any, kind: str) -> Any:
        """QKeras' own layers: quantized_bits, then a quantised activation or one of ours."""
        bits = int(self.rng.integers(2, 9))
        quantizer = qkeras.quantized_bits(bits, 0, alpha=1, symmetric=self.chance(0.5))
        bias = qkeras.quantized_bits(8, 2, alpha=1) if bits + self.fraction > 6 else None
        arguments: dict[str, Any] = {"bias_quantizer": bias, "use_bias": bias is not None, "name": self.name(f"q{kind}")}
        if kind == "dense":
            layer: Any = qkeras.QDense(4, kernel_quantizer=quantizer, **arguments)
        elif kind == "depthwise":
            layer = qkeras.QDepthwiseConv2D(depthwise_quantizer=quantizer, **self.window(x), **arguments)
        else:
            layer = qkeras.QConv2D(3, kernel_quantizer=quantizer, **self.window(x), **arguments)
        y = layer(x)
        for variable in layer.weights:
            variable.assign(self.rng.normal(0, 0.5, variable.shape))
        self.follow(layer, y, x)
        if self.chance(0.3):
            y = self.batch_norm(y)
        if self.chance(0.4):
            return self.activation(y)
        return self.uniform(y)

    def uniform(self, x: Any) -> Any:
        bits, integer = int(self.rng.integers(2, 7)), int(self.rng.integers(0, 3))
        kind = str(self.rng.choice(["quantized_relu", "quantized_bits", "ours"]))
        if kind == "ours":
            self.fraction = int(self.rng.integers(1, 6))
            return self.apply(UniformActivation(bits, self.fraction, signed=False, name=self.name("uniform")), x)
        integer = min(integer, bits - 1)
        signed = kind == "quantized_bits"
        self.fraction = bits - integer - signed
        text = f"quantized_bits({bits},{integer},alpha=1)" if signed else f"quantized_relu({bits},{integer})"
        return self.apply(qkeras.QActivation(text, name=self.name("qact")), x)

    def residual(self, x: Any) -> Any:
        """x + block(x), with the block's shape kept."""
        channels = int(x.shape[-1])
        quantizer = self.quantizer()
        layer = LookupConv2D(channels, 3, padding="same", kernel_quantizer=quantizer, use_bias=False, name=self.name("branch"))
        y = layer(x)
        self.codebooks(layer)
        self.follow(layer, y, x)
        if self.chance(0.6):
            y = self.activation(self.batch_norm(y) if self.chance(0.5) else y)
        y = self.apply(keras_layers.Add(name=self.name("add")), *((x, y) if self.chance(0.5) else (y, x)))
        return self.activation(y)

    def build(self) -> Any:
        """A model of one or two convolutions, perhaps a residual, perhaps QKeras' layers, and one or two dense layers."""
        inputs = self.input((*self.side, self.channels))
        x = self.activation(inputs, 256 if self.chance(0.1) else None)
        x = self.block(x, "depthwise" if self.chance(0.25) else "conv")
        if self.chance(0.35):
            x = self.residual(x)
        if self.chance(0.4) and not self.symbolic:
            x = self.qkeras_block(x, "depthwise" if self.chance(0.4) else "conv")
            if self.chance(0.5):
                x = self.activation(x)
        flatten = keras_layers.Flatten(name="flatten") if self.chance(0.8) else keras_layers.Reshape((-1,), name="flatten")
        x = self.apply(keras_layers.Dropout(0.3, name="dropout"), self.apply(flatten, x))
        if self.chance(0.4):
            x = self.block(self.activation(x), "dense")
        x = self.lookup(self.activation(x), "dense")
        return tf.keras.Model(inputs, x, name="model")


def shift_norm_model(seed: int) -> Any:
    """Ternary layers, batch-norms of shifts and uniform activations, as the deepchip method makes them."""
    from dietcnn_hls.methods.deepchip.training import Ternary

    rng = np.random.default_rng(seed)
    inputs = x = keras_layers.Input((6, 5, 2), name="image")
    for number in range(2):
        layer = LookupConv2D(
            4, 3, padding="same", kernel_quantizer=Ternary(0.05, 4, 5, False), use_bias=False, name=f"conv{number}"
        )
        x = layer(x)
        layer.kernel.assign(rng.normal(0, 0.3, layer.kernel.shape))
        norm = ShiftBatchNormalization(-4, 1, 16, name=f"norm{number}")
        x = norm(x)
        values = rng.uniform(0.1, 1, 4), rng.normal(0, 0.5, 4), rng.normal(0, 0.5, 4), rng.uniform(0.3, 2, 4)
        norm.set_weights([v.astype(np.float32) for v in values])
        x = UniformActivation(8 if number else 4, 6, name=f"act{number}")(x)
    return tf.keras.Model(inputs, x, name="shifts")


def images(model: Any, count: int, seed: int) -> np.ndarray:
    """uint8 images / 256, float32; the first two are all-lowest and all-highest."""
    codes = np.random.default_rng(seed).integers(0, 256, (count, *model.input_shape[1:]))
    codes[0], codes[1] = 0, 255
    return (codes / 256).astype(np.float32)
