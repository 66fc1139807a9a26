# SPDX-License-Identifier: Apache-2.0
"""ONNX nodes that are functions of one value in float32: constants added and multiplied, batch-norm, clips.

Each is computed here in the float32 steps in which ONNX Runtime computes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.onnx.attributes import attributes
from dietcnn_hls.backend.readers.onnx.builder import Builder
from dietcnn_hls.backend.readers.onnx.tensors import Step


def by_channel(make: Builder, values: np.ndarray, source: str) -> np.ndarray:
    """A constant of a tensor as (channels,) or (1,), float32; refused where it differs along anything else."""
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise make.refuse("its constants hold NaN or Inf")
    shape = make.tensors[source].stream.shape
    axis = -3 if len(shape) == 3 else -1
    sizes = [n for place, n in enumerate(values.shape, start=-values.ndim) if place != axis]
    if values.size > 1 and (any(n != 1 for n in sizes) or values.size != shape[-1]):
        raise make.refuse(f"constants of shape {values.shape} have no lowering; one by channel or one for all do")
    return values.reshape(-1)


def _operands(make: Builder, node: Any) -> tuple[str, np.ndarray, bool]:
    """The tensor's name, the constant, and whether the tensor comes first."""
    for place, name in enumerate(node.input):
        if name in make.constants:
            other = node.input[1 - place]
            return other, by_channel(make, make.constants[name], other), place == 1
    raise make.refuse("it takes a tensor and a constant; of two tensors only Add and Concat have a lowering")


def multiply(make: Builder, node: Any) -> Step:
    attributes(make, node)
    _, factor, _ = _operands(make, node)
    return _affine(make.what, lambda x, c: x * c, factor, bool((factor >= 0).all()), factor=factor)


def divide(make: Builder, node: Any) -> Step:
    attributes(make, node)
    _, divisor, first = _operands(make, node)
    if not first or not divisor.all():
        raise make.refuse("only a tensor divided by constants other than zero has a lowering")
    return division(make.what, divisor)


def division(what: str, divisor: np.ndarray) -> Step:
    """``x / divisor`` in float32."""
    divisor = np.atleast_1d(np.asarray(divisor, np.float32))
    even = (np.abs(np.frexp(divisor)[0]) == 0.5).all()
    return _affine(
        what, lambda x, c: x / c, divisor, bool((divisor > 0).all()), factor=(np.float32(1) / divisor) if even else None
    )


def plus(make: Builder, node: Any) -> Step:
    attributes(make, node)
    _, offset, _ = _operands(make, node)
    return _affine(make.what, lambda x, c: x + c, offset, True, offset=offset)


def minus(make: Builder, node: Any) -> Step:
    attributes(make, node)
    _, constant, first = _operands(make, node)
    if first:
        return _affine(make.what, lambda x, c: x - c, constant, True, offset=-constant)
    return _affine(make.what, lambda x, c: c - x, constant, False)


def _affine(what: str, function: Any, constant: np.ndarray, rises: bool, **known: Any) -> Step:
    count = len(constant)

    def applied(x: np.ndarray, channels: np.ndarray) -> np.ndarray:
        return function(x, constant[channels if count > 1 else 0])  # type: ignore[no-any-return]

    return Step(what, applied, count, rises, **known)


def batch_norm(make: Builder, node: Any) -> Step:
    """``x * a + b``, each rounded to float32, with ``a = scale / sqrt(var + epsilon)`` and ``b = bias - mean * a``."""
    given = attributes(make, node, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1)
    if given["training_mode"] or not given["spatial"]:
        raise make.refuse("only training_mode=0 has a lowering")
    for name in node.input[1:]:
        if name not in make.constants:
            raise make.refuse(f"its input '{name}' must be a constant")
    scale, bias, mean, var = (
        by_channel(make, make.constants[name].reshape(-1, 1, 1), node.input[0])
        if len(make.tensors[node.input[0]].stream.shape) == 3
        else by_channel(make, make.constants[name], node.input[0])
        for name in node.input[1:]
    )
    a = scale / np.sqrt(var + np.float32(given["epsilon"]))
    b = bias - mean * a
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise make.refuse("its constants give NaN or Inf")

    def applied(x: np.ndarray, channels: np.ndarray) -> np.ndarray:
        at = channels if len(a) > 1 else 0
        return x * a[at] + b[at]

    return Step(make.what, applied, len(a), bool((a >= 0).all()))


def relu(make: Builder, node: Any) -> Step:
    attributes(make, node)
    return clipped(make.what, 0.0, np.inf)


def clip(make: Builder, node: Any) -> Step:
    """Bounds are constant inputs, or attributes as before version 11."""
    given = attributes(make, node, min=-np.inf, max=np.inf)
    ends = [given["min"], given["max"]]
    for place, name in enumerate(node.input[1:]):
        if name:
            if name not in make.constants:
                raise make.refuse(f"its input '{name}' must be a constant")
            ends[place] = float(make.constants[name].reshape(-1)[0])
    if not ends[0] <= ends[1]:
        raise make.refuse(f"its bounds {ends[0]:g} and {ends[1]:g} leave nothing")
    return clipped(make.what, *ends)


def clipped(what: str, low: float, high: float) -> Step:
    return Step(what, lambda x, _: np.clip(x, np.float32(low), np.float32(high)), clip=(low, high))


def leaky_relu(make: Builder, node: Any) -> Step:
    alpha = np.float32(attributes(make, node, alpha=0.01)["alpha"])
    if not 0 <= alpha < np.inf:
        raise make.refuse(f"a slope of {alpha:g} falls; only slopes from 0 on have a lowering")
    return Step(make.what, lambda x, _: np.where(x >= 0, x, x * alpha))


__all__ = ["batch_norm", "by_channel", "clip", "clipped", "divide", "division", "leaky_relu", "minus", "multiply", "plus", "relu"]
