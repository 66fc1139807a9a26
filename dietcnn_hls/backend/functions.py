# SPDX-License-Identifier: Apache-2.0
"""Activations that become tables: every input code is looked up, and the entry is the function's value in the result's type.

hls4ml has no function of these names. Whatever function of one value a user registers is one more.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dietcnn_hls.errors import ConfigError

Function = Callable[[np.ndarray], np.ndarray]

TABLE_BITS = 16
"""Width of inputs up to which a function becomes a table of all their codes."""

HLS4ML = frozenset(
    (
        *("linear", "relu", "relu1", "relu6", "leaky_relu", "leakyrelu", "thresholded_relu", "thresholdedrelu", "elu", "selu"),
        *("prelu", "sigmoid", "tanh", "softplus", "softsign", "softmax", "hard_sigmoid", "hard_tanh", "binary_tanh"),
        "ternary_tanh",
    )
)
"""Names that hls4ml has functions of its own for, which are computed as it computes them."""

_erf = np.frompyfunc(math.erf, 1, 1)


def gelu(x: np.ndarray) -> np.ndarray:
    """``x / 2 * (1 + erf(x / sqrt 2))`` (Hendrycks and Gimpel, arXiv:1606.08415), Keras' default form."""
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)).astype(np.float64))


def swish(x: np.ndarray) -> np.ndarray:
    """``x / (1 + exp(-x))`` (Ramachandran et al., arXiv:1710.05941)."""
    return x / (1 + np.exp(-x))


def mish(x: np.ndarray) -> np.ndarray:
    """``x * tanh(log(1 + exp(x)))`` (Misra, arXiv:1908.08681)."""
    return x * np.tanh(np.logaddexp(0, x))


def hard_swish(x: np.ndarray) -> np.ndarray:
    """``x * clip(x + 3, 0, 6) / 6`` (Howard et al., arXiv:1905.02244)."""
    return x * np.clip(x + 3, 0, 6) / 6


_FUNCTIONS: dict[str, Function] = {
    "exponential": np.exp,
    "gelu": gelu,
    "hard_silu": hard_swish,
    "hard_swish": hard_swish,
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "mish": mish,
    "silu": swish,
    "swish": swish,
}


def register_activation(name: str, function: Function) -> None:
    """Make a function of one value an activation of models: ``Activation(name)`` becomes a table of it.

    Every code of the layer's input is looked up; an entry is the function's value at that code, in float64, in the layer's result
    type by its rounding and overflow. Inputs have up to 16 bits. Registering a name again replaces what it stood for; names of
    hls4ml's keep hls4ml's meaning.

    Args:
        name: how Keras calls it: the name of the Python function that the model's layer has.
        function: takes (N,) float64 and returns (N,) numbers, elementwise.

    Raises:
        ConfigError: a name that is none or hls4ml's own, or something that cannot be called.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigError(f"an activation's name must be a Python identifier, got {name!r}")
    if name.lower() in HLS4ML:
        raise ConfigError(f"activation '{name}': hls4ml has a function of this name, which designs compute; use another name")
    if not callable(function):
        raise ConfigError(f"activation '{name}': {function!r} is no function of a numpy array")
    _FUNCTIONS[name] = function


def known_functions() -> tuple[str, ...]:
    """Names of all activations that become tables."""
    return tuple(sorted(_FUNCTIONS))


def find_function(name: str) -> Function | None:
    """What was registered under a name."""
    return _FUNCTIONS.get(name)


__all__ = [
    "HLS4ML",
    "TABLE_BITS",
    "Function",
    "find_function",
    "gelu",
    "hard_swish",
    "known_functions",
    "mish",
    "register_activation",
    "swish",
]
