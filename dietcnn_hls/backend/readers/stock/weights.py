# SPDX-License-Identifier: Apache-2.0
"""Constants of stock layers as integers: fixed point, signs of one bit, powers of two."""

from __future__ import annotations

from typing import Any

import numpy as np
from hls4ml.model.types import ExponentPrecisionType, XnorPrecisionType

from dietcnn_hls.backend.readers.stock.chain import refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType


def constants(layer: Any, name: str) -> tuple[np.ndarray, FixedType]:
    """Codes of a layer's weights as hls4ml hands them to C++ (as text of so many decimals), and their type.

    Weights of one bit are -1 and 1, which hls4ml stores as 0 and 1.
    """
    variable = layer.weights[name]
    precision, data = variable.type.precision, np.asarray(variable.data, np.float64)
    if isinstance(precision, XnorPrecisionType):
        return np.where(data > 0, 1, -1).astype(np.int64), FixedType.of(precision, layer.name, f"its {name}")
    if isinstance(precision, ExponentPrecisionType):
        return _powers_of_two(layer, name, data, int(precision.width))
    kind = FixedType.of(precision, layer.name, f"its {name}")
    texts = [variable.precision_fmt.format(value) for value in data.ravel()]
    codes = kind.of_floats(np.array(texts, np.float64)).reshape(np.shape(data))
    if name != "bias" and kind.is_ternary and (codes < -1).any():
        raise refuse(layer, f"its {name} of two bits holds -2, which hls4ml takes for 1; use ternary weights, or 3 bits")
    return codes, kind


def _powers_of_two(layer: Any, name: str, data: np.ndarray, width: int) -> tuple[np.ndarray, FixedType]:
    """Signs and exponents, if shifting the input by them loses nothing: hls4ml's products have half their bits on each side."""
    if (data == 0).any():
        raise refuse(layer, f"its {name} of the type exponent is zero somewhere, which is no power of two")
    exponents = np.log2(np.abs(data)).astype(np.int64)
    given = FixedType.of(layer.get_input_variable().type.precision, layer.name, "its input")
    least, most, room = int(exponents.min()), int(exponents.max()), width + given.bits
    if not -(1 << (width - 1)) <= least <= most < 1 << (width - 1):
        raise refuse(layer, f"its {name} holds 2^{least} to 2^{most}, beyond exponents of {width} bits")
    if given.fraction - least > room or given.bits - given.fraction + most > room:
        raise refuse(layer, f"shifts by {least} to {most} leave hls4ml's products of {2 * room} bits; give the input fewer")
    codes = np.where(data < 0, -1, 1).astype(np.int64) << (exponents - least)
    return codes, FixedType(most - least + 2, -least, True)


def is_binary(variable: Any) -> bool:
    """Whether hls4ml stores -1 and 1 as 0 and 1."""
    return isinstance(variable.type.precision, XnorPrecisionType)


__all__ = ["constants", "is_binary"]
