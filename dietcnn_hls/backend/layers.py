# SPDX-License-Identifier: Apache-2.0
"""hls4ml layers of this backend: those that the Keras handlers make, and the lowered ones that carry one operation each.

A lowered layer has two attributes, ``op`` (an operation of `dietcnn_hls.lowered`) and ``stream`` (what it yields); all else
follows from them. Its class only names the kind, so that hls4ml's per-class options and messages have a word for it.
"""

from __future__ import annotations

from hls4ml.model.attributes import ConfigurableAttribute
from hls4ml.model.layers import Layer, layer_map, register_layer
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

from dietcnn_hls.lowered import Add, Encode, Linear, MaxPool, Op, Requantize, Reshape, Source, Stream, SumPool, SymbolMap

INPUT = "input"
"""What hls4ml says that an input layer reads; no layer may have this name."""


class KerasLayer(Layer):
    """A layer as the front end read it; ``output_shape`` is its shape without the batch."""

    def initialize(self) -> None:
        self.add_output_variable(list(self.get_attr("output_shape")))


class LookupLinear(KerasLayer):
    """Attributes ``kernel``, ``bias_values`` (float64 or None), ``scheme`` (the quantiser; hls4ml would take an attribute of that
    name for a precision), ``state``, and the geometry of convolutions."""

    _expected_attributes = [ConfigurableAttribute("reuse_factor", default=1)]


class LookupConv2D(LookupLinear):
    pass


class LookupDepthwiseConv2D(LookupLinear):
    pass


class LookupDense(LookupLinear):
    pass


class CodebookActivation(KerasLayer):
    """Attributes ``levels`` (integers), ``fraction`` and ``thresholds`` (float32)."""


class UniformActivation(KerasLayer):
    """Attribute ``uniform``: (lo, hi, fraction, rounding)."""


class ExactBatchNormalization(KerasLayer):
    """Attributes ``scale`` and ``shift``, float32 by channel. Shift batch-norms are read as this too."""


class SumPooling2D(KerasLayer):
    """Attributes of its window, and ``shift``."""


class InputGrid(KerasLayer):
    """Attribute ``input_grid``: (lo, hi, fraction) of the values that enter. Stands behind the input and computes nothing."""


class LoweredLayer(Layer):
    """Carries one operation of the lowered graph."""

    def initialize(self) -> None:
        stream = self.stream
        self.add_output_variable(list(stream.shape), precision=_precision(stream))

    @property
    def op(self) -> Op:
        return self.get_attr("op")  # type: ignore[no-any-return]

    @property
    def stream(self) -> Stream:
        return self.get_attr("stream")  # type: ignore[no-any-return]


class DietInput(LoweredLayer):
    pass


class DietLinear(LoweredLayer):
    """Has a fold besides: attribute ``fold``, or the layer's reuse factor."""

    _expected_attributes = [ConfigurableAttribute("reuse_factor", default=1)]


class DietEncode(LoweredLayer):
    pass


class DietRequantize(LoweredLayer):
    pass


class DietSymbolMap(LoweredLayer):
    pass


class DietMaxPool(LoweredLayer):
    pass


class DietSumPool(LoweredLayer):
    pass


class DietReshape(LoweredLayer):
    pass


class DietAdd(LoweredLayer):
    pass


LAYER_OF: dict[type, str] = {
    Source: "DietInput",
    Linear: "DietLinear",
    Encode: "DietEncode",
    Requantize: "DietRequantize",
    SymbolMap: "DietSymbolMap",
    MaxPool: "DietMaxPool",
    SumPool: "DietSumPool",
    Reshape: "DietReshape",
    Add: "DietAdd",
}
"""Class name of the lowered layer that carries an operation of this type."""

LOOKUP_LAYERS = (LookupConv2D, LookupDepthwiseConv2D, LookupDense)
_KERAS = (*LOOKUP_LAYERS, CodebookActivation, UniformActivation, ExactBatchNormalization, SumPooling2D, InputGrid)
_LOWERED = (DietInput, DietLinear, DietEncode, DietRequantize, DietSymbolMap, DietMaxPool, DietSumPool, DietReshape, DietAdd)


def register_layers() -> None:
    """Make all layers known to hls4ml."""
    for layer in (*_KERAS, *_LOWERED):
        if layer.__name__ not in layer_map:
            register_layer(layer.__name__, layer)


def _precision(stream: Stream) -> IntegerPrecisionType | FixedPrecisionType:
    """hls4ml's name for the codes: an integer for symbols, a fixed-point number for integers on a grid."""
    if stream.levels is not None or stream.fraction == 0:
        return IntegerPrecisionType(width=stream.bits, signed=stream.signed)
    return FixedPrecisionType(width=stream.bits, integer=stream.bits - stream.fraction, signed=stream.signed)


__all__ = ["LAYER_OF", "LOOKUP_LAYERS", "CodebookActivation", "ExactBatchNormalization", "LookupLinear", "LoweredLayer"]
