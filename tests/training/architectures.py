# SPDX-License-Identifier: Apache-2.0
"""Random small float networks of every layer kind that a Keras user may write, in any order; and random mutations of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dietcnn_hls.training.tf import tf

L = tf.keras.layers

_FUNCTIONS = ("relu", "relu", "relu", "sigmoid", "tanh", "elu", "softplus", "hard_sigmoid", "selu", "softsign")


class Architecture:
    """Grows a network step by step from a seed; whatever Keras accepts may follow whatever else."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.RandomState(seed)
        self.count = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random_sample() < probability)

    def build(self) -> Any:
        """A model of three to nine layers behind an image or a vector."""
        shape = (8, 8, int(self.rng.randint(1, 3))) if self.chance(0.85) else (12,)
        image = x = L.Input(shape, name="image")
        for _ in range(int(self.rng.randint(3, 10))):
            x = self.grow(x)
        if self.chance(0.7):
            x = self.ended(x)
        model = tf.keras.Model(image, x, name="random")
        return randomised(model, self.rng)

    def grow(self, x: Any) -> Any:
        """One layer more, of those that such a tensor can meet."""
        common = (self.activation, self.norm, self.dropout, self.added)
        flat = (self.dense, self.dense, self.vector_reshape)
        image = (
            *(self.conv, self.conv, self.conv, self.depthwise, self.separable, self.pool, self.pool, self.mean),
            *(self.flatten, self.whole, self.reshape, self.padded),
        )
        rest = {2: flat, 3: (self.flatten, self.flatten), 4: image}[len(x.shape)]
        choices: tuple[Callable[[Any], Any], ...] = (*common, *rest)
        return choices[self.rng.randint(len(choices))](x)

    def ended(self, x: Any) -> Any:
        if len(x.shape) == 3:
            x = self.flatten(x)
        if len(x.shape) == 4:
            x = (L.Flatten(name=self.name("flat")) if self.chance(0.5) else L.GlobalAveragePooling2D(name=self.name("gap")))(x)
        x = L.Dense(3, name=self.name("logits"))(x)
        return L.Softmax(name=self.name("softmax"))(x) if self.chance(0.3) else x

    # ---- layers

    def window(self, x: Any) -> dict[str, Any]:
        size = int(self.rng.randint(1, min(3, *x.shape[1:3]) + 1))
        fused = {"activation": self.rng.choice(_FUNCTIONS)} if self.chance(0.25) else {}
        padding = "same" if self.chance(0.5) else "valid"
        return {"kernel_size": size, "strides": int(self.rng.randint(1, 3)), "padding": padding, **fused}

    def conv(self, x: Any) -> Any:
        return L.Conv2D(int(self.rng.randint(1, 5)), **self.window(x), use_bias=self.chance(0.6), name=self.name("conv"))(x)

    def depthwise(self, x: Any) -> Any:
        return L.DepthwiseConv2D(**self.window(x), depth_multiplier=int(self.rng.randint(1, 3)), name=self.name("depthwise"))(x)

    def separable(self, x: Any) -> Any:
        return L.SeparableConv2D(int(self.rng.randint(1, 5)), **self.window(x), name=self.name("separable"))(x)

    def dense(self, x: Any) -> Any:
        fused = {"activation": self.rng.choice(_FUNCTIONS)} if self.chance(0.3) else {}
        return L.Dense(int(self.rng.randint(2, 9)), **fused, name=self.name("dense"))(x)

    def activation(self, x: Any) -> Any:
        layers = (
            lambda n: L.ReLU(name=n),
            lambda n: L.ReLU(max_value=float(self.rng.choice([0.2, 1.0, 6.0])), name=n),
            lambda n: L.ReLU(negative_slope=0.25, threshold=0.1, name=n),
            lambda n: L.LeakyReLU(0.1, name=n),
            lambda n: L.Activation(str(self.rng.choice(_FUNCTIONS)), name=n),
        )
        return layers[self.rng.randint(len(layers))](self.name("act"))(x)

    def norm(self, x: Any) -> Any:
        return L.BatchNormalization(center=self.chance(0.8), scale=self.chance(0.8), name=self.name("norm"))(x)

    def dropout(self, x: Any) -> Any:
        return (L.Dropout if self.chance(0.6) else L.GaussianNoise)(0.2, name=self.name("drop"))(x)

    def added(self, x: Any) -> Any:
        """With itself through another layer, or as it is."""
        y = self.activation(x) if self.chance(0.5) else x
        if self.chance(0.5) and len(x.shape) == 4:
            y = L.Conv2D(x.shape[-1], 3, padding="same", name=self.name("branch"))(y)
        return L.Add(name=self.name("add"))([x, y])

    def pool(self, x: Any) -> Any:
        size = int(self.rng.randint(1, min(3, *x.shape[1:3]) + 1))
        padding = "same" if self.chance(0.3) else "valid"
        return L.MaxPooling2D(size, strides=int(self.rng.randint(1, 3)), padding=padding, name=self.name("pool"))(x)

    def mean(self, x: Any) -> Any:
        if self.chance(0.3):
            return L.GlobalAveragePooling2D(keepdims=self.chance(0.5), name=self.name("gap"))(x)
        size = int(self.rng.randint(1, min(3, *x.shape[1:3]) + 1))
        return L.AveragePooling2D(size, strides=int(self.rng.randint(1, 3)), name=self.name("mean"))(x)

    def whole(self, x: Any) -> Any:
        return L.GlobalMaxPooling2D(keepdims=self.chance(0.5), name=self.name("whole"))(x)

    def flatten(self, x: Any) -> Any:
        return L.Flatten(name=self.name("flat"))(x)

    def reshape(self, x: Any) -> Any:
        size = int(np.prod(x.shape[1:]))
        shapes = [(-1,), (1, -1, 1), (1, 1, size), (size, 1)]
        return L.Reshape(shapes[self.rng.randint(len(shapes))], name=self.name("reshape"))(x) if x.shape[1] else x

    def vector_reshape(self, x: Any) -> Any:
        size = int(x.shape[-1])
        sides = [n for n in range(1, size + 1) if size % n == 0]
        side = int(self.rng.choice(sides))
        return L.Reshape((side, 1, size // side), name=self.name("image"))(x)

    def padded(self, x: Any) -> Any:
        x = L.ZeroPadding2D(((1, 0), (0, 1)), name=self.name("pad"))(x)
        return self.conv(x) if self.chance(0.7) else x


def randomised(model: Any, rng: np.random.RandomState) -> Any:
    """Weights of trained networks' spread, and batch-norms of either sign."""
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            shape, word = variable.shape, variable.name.split("/")[-1]
            if "variance" in word:
                values.append(rng.uniform(0.1, 1, shape))
            elif "gamma" in word:
                values.append(rng.normal(0.8, 0.5, shape))
            elif "kernel" in word:
                values.append(rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape))
            else:
                values.append(rng.normal(0, 0.2, shape))
        layer.set_weights([v.astype(np.float32) for v in values])
    return model


def images(model: Any, count: int, seed: int = 0) -> np.ndarray:
    """Noise of many brightnesses: values of uint8 images / 256, float32."""
    rng = np.random.default_rng(seed)
    bright = rng.uniform(0.1, 1, (count, *(1,) * (len(model.input_shape) - 1)))
    return (np.floor(rng.integers(0, 256, (count, *model.input_shape[1:])) * bright) / 256).astype(np.float32)
