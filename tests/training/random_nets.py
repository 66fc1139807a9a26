# SPDX-License-Identifier: Apache-2.0
"""Random float Keras networks of every shape that conversion reads: strides, paddings, orders of norm, pool and activation.

`tests.training.nets.branching` draws residual networks of one input shape; these have any shape, and at times an argument that a
reader may not know, which must be converted exactly or refused by its layer's name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.training.tf import tf

L = tf.keras.layers


class RandomNetwork:
    """Grows a functional model from one seed, with depthwise convolutions or without; `build` returns it."""

    def __init__(self, seed: int, depthwise: bool = True) -> None:
        tf.keras.utils.set_random_seed(seed)
        self.depthwise = depthwise
        self.rng = np.random.RandomState(seed)
        self.count = 0

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random_sample() < probability)

    def draw(self, low: int, high: int) -> int:
        """An integer between `low` and `high`, both included."""
        return int(self.rng.randint(low, high + 1))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"

    def window(self, x: Any) -> dict[str, Any]:
        """Arguments of a convolution that the image has room for."""
        same = self.chance(0.6)
        size = tuple(self.draw(1, 4 if same else min(3, n)) for n in x.shape[1:3])
        stride = self.draw(1, 2)
        return {"kernel_size": size, "strides": (stride, stride), "padding": "same" if same else "valid"}

    def activation(self, x: Any) -> Any:
        """A ReLU in one of its spellings, at times with an argument that caps or bends it."""
        kind = self.draw(0, 9)
        if kind < 5:
            return L.ReLU(name=self.name("relu"))(x)
        if kind < 8:
            return L.Activation("relu", name=self.name("act"))(x)
        if kind == 8:
            return L.ReLU(max_value=float(self.rng.choice([0.25, 0.5, 1.0, 6.0])), name=self.name("capped"))(x)
        return L.ReLU(negative_slope=0.1, name=self.name("leaky"))(x) if self.chance(0.1) else L.ReLU(name=self.name("relu"))(x)

    def norm(self, x: Any) -> Any:
        """A batch-norm with statistics of its own, gains of zero and below included."""
        layer = L.BatchNormalization(name=self.name("bn"), scale=self.chance(0.8), center=self.chance(0.8))
        y = layer(x)
        channels = x.shape[-1]
        values = {
            "gamma": self.rng.normal(0.6, 0.6, channels) * (self.rng.random_sample(channels) > 0.05),
            "beta": self.rng.normal(0.2, 0.3, channels),
            "moving_mean": self.rng.normal(0, 0.2, channels),
            "moving_variance": self.rng.uniform(0.05, 1, channels),
        }
        for variable in layer.weights:
            variable.assign(values[variable.name.split("/")[-1].split(":")[0]].astype(np.float32))
        return y

    def pool(self, x: Any) -> Any:
        if min(x.shape[1:3]) < 2 or self.chance(0.5):
            return x
        padding = "same" if self.chance(0.3) else "valid"
        stride = self.draw(1, 2)
        if self.chance(0.6):
            return L.MaxPooling2D(2, strides=stride, padding=padding, name=self.name("max"))(x)
        return L.AveragePooling2D(2, strides=stride, padding="valid", name=self.name("mean"))(x)

    def convolution(self, x: Any, **more: Any) -> Any:
        """A plain, depthwise or (rarely) grouped convolution."""
        arguments = self.window(x) | {"use_bias": self.chance(0.5)} | more
        if self.depthwise and self.chance(0.25):
            return L.DepthwiseConv2D(depth_multiplier=self.draw(1, 2), name=self.name("depthwise"), **arguments)(x)
        filters, groups = self.draw(1, 6), 1
        if x.shape[-1] % 2 == 0 and self.chance(0.05):
            filters, groups = 4, 2
        return L.Conv2D(filters, groups=groups, name=self.name("conv"), **arguments)(x)

    def stage(self, x: Any) -> Any:
        """Convolution, norm, activation and pool, in the orders that models have them in."""
        if self.chance(0.1):
            x = self.convolution(x, activation="relu")
            return self.norm(x) if self.chance(0.2) else self.pool(x)
        x = self.convolution(x)
        early = self.chance(0.25)
        x = self.pool(x) if early else x
        x = self.norm(x) if self.chance(0.7) else x
        x = self.activation(x) if self.chance(0.95) else x
        return x if early else self.pool(x)

    def residual(self, x: Any) -> Any:
        """x, or a convolution of it, plus a block of one or two convolutions."""
        channels, stride = x.shape[-1], self.draw(1, 2)
        filters = channels if self.chance(0.5) else self.draw(2, 6)
        y = L.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name=self.name("branch"))(x)
        if self.chance(0.5):
            y = self.activation(self.norm(y))
            y = L.Conv2D(filters, self.draw(1, 3), padding="same", name=self.name("branch"))(y)
        y = self.norm(y) if self.chance(0.5) else y
        if stride > 1 or filters != channels:
            x = L.Conv2D(filters, 1, strides=stride, use_bias=False, name=self.name("side"))(x)
        x = L.Add(name=self.name("add"))([x, y] if self.chance(0.5) else [y, x])
        x = self.norm(x) if self.chance(0.3) else x
        return self.activation(x)

    def head(self, x: Any) -> Any:
        """Flat data, perhaps a hidden layer, logits, perhaps a softmax."""
        kind = self.draw(0, 5)
        if kind == 0:
            x = L.GlobalAveragePooling2D(name="mean")(x)
        elif kind == 1:
            x = L.Reshape((int(np.prod(x.shape[1:])),), name="flat")(x)
        else:
            x = L.Flatten(name="flat")(x)
        x = L.Dropout(0.2, name="drop")(x) if self.chance(0.3) else x
        if self.chance(0.5):
            x = L.Dense(self.draw(2, 8), name="hidden")(x)
            x = self.norm(x) if self.chance(0.4) else x
            x = self.activation(x)
        x = L.Dense(self.draw(2, 6), use_bias=self.chance(0.7), name="logits")(x)
        return L.Softmax(name="probabilities")(x) if self.chance(0.2) else x

    def build(self) -> Any:
        """A model of up to three stages or residual blocks, and a head."""
        image = x = L.Input((self.draw(3, 9), self.draw(3, 9), self.draw(1, 3)), name="image")
        x = self.stage(x)
        for _ in range(self.draw(0, 2)):
            x = self.residual(x) if self.chance(0.4) else self.stage(x)
        return tf.keras.Model(image, self.head(x), name="network")


__all__ = ["RandomNetwork"]
