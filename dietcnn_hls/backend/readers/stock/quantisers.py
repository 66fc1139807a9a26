# SPDX-License-Identifier: Apache-2.0
"""Activations that hls4ml's parser drops arguments of, or does not know, as functions of one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from dietcnn_hls.backend.functions import TABLE_BITS
from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.stock.fixed import FixedType

FUNCTION = "function_of"
"""Attribute of hls4ml's Activation layers that are tables: name of the kind -> its arguments."""

GRID = 40
"""Finest grid that a quantiser's values may lie on."""


def rectify(x: np.ndarray, max_value: float | None, negative_slope: float, threshold: float) -> np.ndarray:
    """Keras' ReLU with all its arguments."""
    y = np.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else np.minimum(y, max_value)


def quantise(x: np.ndarray, class_name: str, config: Mapping[str, Any]) -> np.ndarray:
    """A quantiser of QKeras at inference."""
    from qkeras import quantizers

    quantiser = quantizers.get_quantizer(_constructible({"class_name": class_name, "config": dict(config)}))
    return np.asarray(quantiser(np.asarray(x, np.float32)[:, None]), np.float64).ravel()


_READ = (
    *("quantized_bits", "quantized_relu", "quantized_tanh", "quantized_sigmoid", "binary", "ternary"),
    *("binary_tanh", "ternary_tanh", "stochastic_binary", "stochastic_ternary"),
)
"""Activations of QKeras that hls4ml has words for, while arguments that it drops have their defaults."""

_DROPPED = {"keep_negative": True, "use_01": False, "max_value": None, "relu_upper_bound": None, "use_sigmoid": 0}
_TABLED = (
    *("quantized_ulaw", "quantized_po2", "quantized_relu_po2", "quantized_hswish"),
    *("quantized_bits", "quantized_relu", "binary"),
)
"""Those that become tables where hls4ml has no words for them: each value's result depends on that value alone."""


def _constructible(given: Any) -> Any:
    """A saved quantiser without what its class saves and does not take."""
    from qkeras import quantizers

    if not isinstance(given, Mapping) or not hasattr(quantizers, str(given.get("class_name"))):
        return given
    known = inspect.signature(getattr(quantizers, given["class_name"])).parameters
    return {**given, "config": {key: value for key, value in (given.get("config") or {}).items() if key in known}}


def tabled(layer: str, kind: str, given: Any) -> dict[str, Any] | None:
    """A quantiser as an activation that must become a table: its class and arguments. None: hls4ml reads it as it is.

    Raises:
        UnsupportedLayerError: no quantiser of QKeras, or one whose results depend on more than one value.
    """
    from qkeras import quantizers  # what a word means is QKeras' to say

    try:
        found = quantizers.get_quantizer(_constructible(given))
    except Exception as error:  # QKeras evaluates the word
        raise unsupported(layer, kind, f"its activation {given!r} is no quantiser of QKeras ({error})") from error
    name = str(getattr(found, "__name__", type(found).__name__))
    config = found.get_config() if hasattr(found, "get_config") else {}
    dropped = [key for key, default in _DROPPED.items() if config.get(key, default) != default]
    if name in _READ and not dropped:
        return None
    if name not in _TABLED:
        words = f"{name} with {dropped[0]}={config[dropped[0]]!r}" if dropped else name
        raise unsupported(layer, kind, f"hls4ml does not read {words}; known are {', '.join((*_READ, *_TABLED))}")
    probe = np.linspace(-4, 4, 33)
    apart = np.concatenate([quantise(part, name, config) for part in (probe[:12], probe[12:21], probe[21:])])
    if not np.array_equal(quantise(probe, name, config), apart):
        raise unsupported(layer, kind, f"the scale of {name} follows from the data; give it alpha=1")
    return {"class_name": name, "config": config}


_KINDS: Mapping[str, Callable[..., np.ndarray]] = {"rectify": rectify, "quantise": quantise}


def of_layer(layer: Any, word: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """The function that a layer says it has beside its name."""
    given = layer.get_attr(FUNCTION)
    return None if given is None else partial(_KINDS[given["kind"]], **given["arguments"])


def values_type(layer: Any, kind: Any) -> FixedType | None:
    """The least type that holds all values of a quantiser on an input of `kind`; None where they lie on no grid.

    It follows from the quantiser, so that results are QKeras' own whatever types others have.
    """
    given = FixedType.of(kind, layer.name, "its input")
    function = of_layer(layer, "")
    if function is None or given.bits > TABLE_BITS:
        return None
    values = np.unique(function(np.arange(given.lo, given.hi + 1) * 2.0**-given.fraction))
    fraction = next((f for f in range(GRID + 1) if (values * 2.0**f == np.rint(values * 2.0**f)).all()), None)
    if fraction is None:
        return None
    low, high = (int(v) for v in (values[0] * 2.0**fraction, values[-1] * 2.0**fraction))
    signed = low < 0
    bits = max(high.bit_length(), (-low - 1).bit_length() if signed else 0) + signed
    return FixedType(max(1, bits), fraction, signed)


def scales(alpha: Any) -> np.ndarray | None:
    """Scales by channel, (channels,) float32, as Keras saves a list or an array; None where a quantiser has one or none."""
    if isinstance(alpha, Mapping) and alpha.get("class_name") == "__numpy__":
        alpha = alpha["config"]["value"]
    if not isinstance(alpha, list | tuple | np.ndarray):
        return None
    return np.asarray(alpha, np.float32)


class GivenScales:
    """A quantiser of QKeras whose scales hls4ml's pass that applies them can read.

    Attributes:
        scale: by channel.
    """

    def __init__(self, quantiser: Any, alpha: np.ndarray) -> None:
        from dietcnn_hls.tf import tf

        self._quantiser = quantiser
        self.scale = tf.constant(alpha)

    def __call__(self, weights: Any) -> Any:
        return self._quantiser(weights)

    def get_config(self) -> dict[str, Any]:
        """Its arguments, but for the scales, which are no JSON."""
        return {**self._quantiser.get_config(), "alpha": "given"}

    def from_config(self, config: Mapping[str, Any]) -> Any:
        """The same quantiser with other arguments."""
        return type(self._quantiser).from_config(dict(config))


__all__ = ["FUNCTION", "GivenScales", "of_layer", "quantise", "rectify", "scales", "tabled", "values_type"]
