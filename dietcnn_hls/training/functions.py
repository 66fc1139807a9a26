# SPDX-License-Identifier: Apache-2.0
"""Scalar functions that never fall: what thresholds can compute behind a linear layer.

Thresholds compare what arrives; where a function never falls, ``f(x) >= level`` holds from one x on, so an encoder computes the
function and its quantisation at once, and exactly. Functions that fall somewhere (gelu, swish, mish) have no such x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.tf import tf

_activations = tf.keras.activations

_KINDS: dict[str, Callable[..., Any]] = {
    "linear": _activations.linear,
    "relu": _activations.relu,
    "leaky_relu": lambda x, alpha: tf.nn.leaky_relu(x, alpha),
    "elu": _activations.elu,
    "thresholded_relu": lambda x, theta: tf.where(x > theta, x, tf.zeros_like(x)),
    "selu": _activations.selu,
    "softplus": _activations.softplus,
    "softsign": _activations.softsign,
    "exponential": _activations.exponential,
    "sigmoid": tf.math.sigmoid,
    "hard_sigmoid": _activations.hard_sigmoid,
    "tanh": _activations.tanh,
}
"""What a function is computed by; keyword arguments are its parameters."""

_LARGEST = np.float32(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Scalar:
    """A function of one number that never falls.

    Attributes:
        kind: a key of `_KINDS`.
        parameters: its keyword arguments by name, in a fixed order, so that equal functions are equal.
    """

    kind: str
    parameters: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, kind: str, **parameters: float) -> Scalar:
        return cls(kind, tuple(sorted((name, float(value)) for name, value in parameters.items())))

    def __call__(self, x: Any) -> Any:
        """Of a tensor, elementwise, in its type."""
        return _KINDS[self.kind](x, **dict(self.parameters))

    def values(self, x: np.ndarray | float, gain: float = 1.0) -> np.ndarray:
        """``f(gain * x)`` of an array, computed in float64."""
        return np.asarray(self(tf.constant(np.asarray(x, np.float64) * gain)).numpy())

    def preimages(self, targets: np.ndarray, gain: float = 1.0) -> np.ndarray:
        """The smallest float32 x with ``f(gain * x) >= target``, for each target; gain > 0.

        The largest float32 where the function stays below a target: nothing that a layer yields reaches it.
        """
        targets = np.asarray(targets, np.float64)
        low, high = (np.full(targets.shape, _rank(edge), np.int64) for edge in (-_LARGEST, _LARGEST))
        while (low < high).any():
            middle = (low + high) >> 1
            reached = self.values(_unrank(middle), gain) >= targets
            high = np.where(reached, middle, high)
            low = np.where(reached | (low >= high), low, middle + 1)
        return _unrank(high)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **dict(self.parameters)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scalar:
        parameters = dict(data)
        return cls.of(str(parameters.pop("kind")), **parameters)

    @property
    def cap(self) -> float | None:
        """Where this is a ReLU with nothing but an upper bound: that bound."""
        parameters = dict(self.parameters)
        return parameters["max_value"] if self.kind == "relu" and set(parameters) == {"max_value"} else None


def _rank(x: np.ndarray | np.float32) -> np.ndarray:
    """Finite float32 to int64, keeping the order: neighbouring numbers have neighbouring ranks."""
    bits = np.asarray(x, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _unrank(rank: np.ndarray) -> np.ndarray:
    magnitude = np.abs(rank).astype(np.uint32).view(np.float32)
    return np.where(rank < 0, -magnitude, magnitude)


LINEAR, RELU = Scalar("linear"), Scalar("relu")

BY_OBJECT: dict[int, Scalar] = {
    id(function): scalar
    for function, scalar in (
        *((getattr(_activations, kind), Scalar(kind)) for kind in _KINDS if hasattr(_activations, kind)),
        *((getattr(tf.nn, kind), Scalar(kind)) for kind in ("relu", "elu", "selu", "softplus", "softsign", "sigmoid", "tanh")),
        *((getattr(tf.math, kind), Scalar(kind)) for kind in ("softplus", "softsign", "sigmoid", "tanh")),
        (tf.nn.relu6, Scalar.of("relu", max_value=6)),
        (tf.nn.leaky_relu, Scalar.of("leaky_relu", alpha=0.2)),
        (tf.identity, LINEAR),
        (tf.exp, Scalar("exponential")),
    )
}
"""Functions that Keras layers name, by identity: any function could be called 'relu'."""

SOFTMAX = {id(_activations.softmax), id(tf.nn.softmax)}

_FALLING = ("gelu", "swish", "silu", "mish")


def scalar_of(function: Callable[..., Any], layer: str) -> Scalar:
    """A Keras activation function as a `Scalar`; UnsupportedLayerError when it is none, with the remedy."""
    found = BY_OBJECT.get(id(function))
    if found is not None:
        return found
    word = getattr(function, "__name__", type(function).__name__)
    known = ", ".join(kind for kind in _KINDS if hasattr(_activations, kind))
    if word in _FALLING:
        raise UnsupportedLayerError(
            f"layer '{layer}': activation '{word}' has no lowering; use relu, or one of {known}: thresholds need a function that "
            "never falls"
        )
    raise UnsupportedLayerError(f"layer '{layer}': activation '{word}' has no lowering; use relu, or one of {known}")
