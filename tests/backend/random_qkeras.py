# SPDX-License-Identifier: Apache-2.0
"""Random networks of QKeras' layers alone, as users of hls4ml have them: quantisers of every kind, most of the usual one.

What this package does not compute exactly it must refuse by the layer's name; the generator does not know what that is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.training.tf import qkeras, tf

L = tf.keras.layers


class RandomQKeras:
    """Grows a functional model from one seed; `build` returns it."""

    def __init__(self, seed: int) -> None:
        tf.keras.utils.set_random_seed(seed)
        self.rng = np.random.RandomState(seed)
        self.count = 0
        self.odd = self.chance(0.3)  # whether this model may use a quantiser that few models have

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random_sample() < probability)

    def draw(self, low: int, high: int) -> int:
        """An integer between `low` and `high`, both included."""
        return int(self.rng.randint(low, high + 1))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"

    def kernel(self) -> Any:
        """A kernel quantiser."""
        bits = self.draw(2, 8)
        if self.odd and self.chance(0.3):
            return (
                qkeras.ternary(alpha=1.0),
                qkeras.binary(alpha=1.0),
                qkeras.quantized_po2(4),
                qkeras.quantized_bits(bits, 0, alpha=0.5),
                qkeras.quantized_bits(bits, 0, keep_negative=False, alpha=1),
            )[self.draw(0, 4)]
        return qkeras.quantized_bits(bits, self.draw(0, 1), symmetric=self.draw(0, 1), alpha=1)

    def bias(self) -> dict[str, Any]:
        """Arguments about the bias: mostly quantised on a grid that every sum has."""
        if self.chance(0.4):
            return {"use_bias": False}
        if self.odd and self.chance(0.1):
            return {"bias_quantizer": None}
        return {"bias_quantizer": qkeras.quantized_bits(self.draw(3, 6), self.draw(1, 2), alpha=1)}

    def activation(self) -> Any:
        """An activation as QActivation takes it."""
        bits, integer = self.draw(2, 7), self.draw(0, 2)
        integer = min(integer, bits - 1)
        if self.odd and self.chance(0.3):
            return (
                qkeras.quantized_relu(bits, integer, relu_upper_bound=1.5),
                qkeras.quantized_relu(bits, integer, relu_upper_bound=1.5, is_quantized_clip=False),
                qkeras.quantized_relu(bits, integer, negative_slope=0.25),
                qkeras.quantized_bits(bits, integer, alpha=1, qnoise_factor=0.5),
                qkeras.quantized_tanh(bits),
                qkeras.quantized_bits(bits, integer, keep_negative=False, alpha=1),
            )[self.draw(0, 5)]
        if self.chance(0.7):
            return f"quantized_relu({bits},{integer})"
        return f"quantized_bits({bits},{integer},alpha=1)"

    def convolution(self, x: Any) -> Any:
        same = self.chance(0.5)
        size = tuple(self.draw(1, 4 if same else min(3, n)) for n in x.shape[1:3])
        stride = self.draw(1, 2)
        more = {"kernel_size": size, "strides": (stride, stride), "padding": "same" if same else "valid"} | self.bias()
        if self.chance(0.25):
            return qkeras.QDepthwiseConv2D(depthwise_quantizer=self.kernel(), name=self.name("qdepthwise"), **more)(x)
        return qkeras.QConv2D(self.draw(1, 5), kernel_quantizer=self.kernel(), name=self.name("qconv"), **more)(x)

    def act(self, x: Any) -> Any:
        return qkeras.QActivation(self.activation(), name=self.name("qact"))(x)

    def pool(self, x: Any) -> Any:
        if min(x.shape[1:3]) < 2 or self.chance(0.5):
            return x
        if self.odd and self.chance(0.2):
            return L.AveragePooling2D(2, name=self.name("mean"))(x)
        padding = "same" if self.chance(0.3) else "valid"
        return L.MaxPooling2D(2, strides=self.draw(1, 2), padding=padding, name=self.name("max"))(x)

    def residual(self, x: Any) -> Any:
        """x plus a convolution of it, coded anew."""
        kernel = qkeras.quantized_bits(self.draw(2, 6), 0, alpha=1)
        y = qkeras.QConv2D(x.shape[-1], 3, padding="same", kernel_quantizer=kernel, use_bias=False, name=self.name("qbranch"))(x)
        y = self.act(y) if self.chance(0.5) else y
        return self.act(L.Add(name=self.name("add"))([x, y]))

    def build(self) -> Any:
        """A model of up to three convolutions and two dense layers."""
        image = x = L.Input((self.draw(3, 8), self.draw(3, 8), self.draw(1, 3)), name="image")
        x = self.act(x) if self.chance(0.3) else x
        for number in range(self.draw(1, 3)):
            x = self.residual(x) if number and self.chance(0.3) else self.act(self.convolution(x))
            x = self.pool(x)
        x = L.Flatten(name="flat")(x)
        if self.chance(0.5):
            hidden = qkeras.QDense(self.draw(2, 6), kernel_quantizer=self.kernel(), name="hidden", **self.bias())
            x = self.act(hidden(x))
        x = qkeras.QDense(self.draw(2, 5), kernel_quantizer=self.kernel(), name="logits", **self.bias())(x)
        x = L.Activation("softmax", name="probabilities")(x) if self.chance(0.2) else x
        model = tf.keras.Model(image, x, name="network")
        for layer in model.layers:
            for variable in layer.weights:
                variable.assign(self.rng.normal(0, 0.5, variable.shape))
        return model


__all__ = ["RandomQKeras"]
