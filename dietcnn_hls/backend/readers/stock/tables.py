# SPDX-License-Identifier: Apache-2.0
"""Tables of hls4ml's activations, computed as its C++ computes them: in float32, by the C library's own functions."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from functools import cache

import numpy as np

from dietcnn_hls.backend.readers.stock.fixed import FixedType

Function = Callable[[np.ndarray], np.ndarray]


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")


def _float_function(name: str) -> Function:
    """A function of one float of the C library, over an array."""

    def over(values: np.ndarray) -> np.ndarray:
        function = getattr(_library(), name)
        function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
        return np.array([function(float(v)) for v in values.ravel()], np.float32).reshape(values.shape)

    return over


expf, tanhf = _float_function("expf"), _float_function("tanhf")


def _in_double(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1.0 / (1 + exp(-x))``: the sum in float, the division in double."""
    return (1.0 / _in_double(np.float32(1) + expf(-x))).astype(np.float32)


def softplus(x: np.ndarray) -> np.ndarray:
    """``log(exp(x) + 1.)``: in double but for the exponential."""
    return np.log(_in_double(expf(x)) + 1.0).astype(np.float32)


def softsign(x: np.ndarray) -> np.ndarray:
    """``x / (abs(x) + 1.)`` in double."""
    return (_in_double(x) / (_in_double(np.abs(x)) + 1.0)).astype(np.float32)


def elu(x: np.ndarray) -> np.ndarray:
    """``exp(x) - 1.``, the difference in double."""
    return (_in_double(expf(x)) - 1.0).astype(np.float32)


def selu(x: np.ndarray) -> np.ndarray:
    """``1.05 * (1.67 * (exp(x) - 1.))`` in double but for the exponential."""
    return (1.0507009873554804934193349852946 * (1.6732632423543772848170429916717 * (_in_double(expf(x)) - 1.0))).astype(
        np.float32
    )


def centred(function: Function, size: int, reach: float, kind: FixedType) -> np.ndarray:
    """(size,) codes of `function` at ``2 * reach * (i - size / 2) / size``, as the tables over -reach..reach are filled."""
    index = np.arange(size, dtype=np.float32)
    x = 2 * reach * _in_double(index - np.float32(size) / np.float32(2)) / np.float64(np.float32(size))
    return kind.of_floats(function(x.astype(np.float32)))


def negative(function: Function, size: int, kind: FixedType) -> np.ndarray:
    """(size,) codes of `function` at ``-8.0 * i / size``."""
    x = (-8.0 * np.arange(size) / np.float64(np.float32(size))).astype(np.float32)
    return kind.of_floats(function(x))


def reciprocals(size: int, kind: FixedType) -> np.ndarray:
    """(size,) codes of ``1 / x`` at ``64.0 * i / size``, zero at zero."""
    x = (64.0 * np.arange(size) / np.float64(np.float32(size))).astype(np.float32)
    return kind.of_floats(np.concatenate([[0.0], 1.0 / _in_double(x[1:])]))


__all__ = ["centred", "elu", "expf", "negative", "reciprocals", "selu", "sigmoid", "softplus", "softsign", "tanhf"]
