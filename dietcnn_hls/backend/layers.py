# SPDX-License-Identifier: Apache-2.0
"""hls4ml layers of this backend: those that the Keras handlers make, and the lowered ones that carry one operation each.

A lowered layer has two attributes, ``op`` (an operation of `dietcnn_hls.lowered`) and ``stream`` (what it yields); all else
follows from them. Its class only names the kind, so that hls4ml's per-class options and messages have a word for it.
"""

from __future__ import annotations

from typing import Any

from hls4ml.model.attributes import ConfigurableAttribute
from hls4ml.model.layers import Layer, layer_map, register_layer
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

from dietcnn_hls.backend.saved import Packed, PackedFold
from dietcnn_hls.lowered import (
    Add,
    Combine,
    Divide,
    Encode,
    Gather,
    Join,
    Linear,
    MaxPool,
    Operation,
    Reduce,
    Registry,
    Requantize,
    Reshape,
    Source,
    Stream,
    SumPool,
    SymbolMap,
    ValueMap,
)

INPUT = "input"
"""What hls4ml says that an input layer reads."""


class FrontLayer(Layer):
    """One of our Keras layers as the front end met it: attribute ``output_shape``, its shape without the batch."""

    def initialize(self) -> None:
        self.add_output_variable(list(self.get_attr("output_shape")))


class LookupLinear(FrontLayer):
    _expected_attributes = [ConfigurableAttribute("reuse_factor", default=1)]


class LookupConv2D(LookupLinear):
    pass


class LookupDepthwiseConv2D(LookupLinear):
    pass


class LookupDense(LookupLinear):
    pass


class CodebookActivation(FrontLayer):
    pass


class UniformActivation(FrontLayer):
    pass


class ExactBatchNormalization(FrontLayer):
    pass


class SumPooling2D(FrontLayer):
    pass


class InputGrid(FrontLayer):
    pass


class RepeatVector(Layer):
    """Keras' layer of that name among stock layers; attribute ``n_copies``. Its results have the type of its input."""

    def initialize(self) -> None:
        given = self.get_input_variable()
        self.add_output_variable([self.get_attr("n_copies"), *given.shape], precision=given.type.precision)


class LoweredLayer(Layer):
    """Carries one operation of the lowered graph."""

    def initialize(self) -> None:
        stream = self.stream
        self.add_output_variable(list(stream.shape), precision=_precision(stream))

    def serialize_state(self) -> dict[str, Any]:
        """hls4ml's save(): what JSON does not know goes as text."""
        state: dict[str, Any] = super().serialize_state()
        packed = {key: Packed(self.get_attr(key)).serialize() for key in ("op", "stream")}
        if self.get_attr("fold") is not None:
            packed["fold"] = PackedFold(self.get_attr("fold")).serialize()
        return state | {"attributes": state["attributes"] | packed}

    @property
    def op(self) -> Operation:
        return self.get_attr("op")  # type: ignore[no-any-return]

    @property
    def stream(self) -> Stream:
        return self.get_attr("stream")  # type: ignore[no-any-return]


LAYERS: Registry[type[LoweredLayer]] = Registry("the hls4ml backend")
"""The lowered layer that carries an operation of this type. `register_layers` makes all of them known to hls4ml."""


@LAYERS.register(Source)
class DietInput(LoweredLayer):
    pass


@LAYERS.register(Linear)
class DietLinear(LoweredLayer):
    """Has a fold besides: attribute ``fold``, or the layer's reuse factor."""

    _expected_attributes = [ConfigurableAttribute("reuse_factor", default=1)]


@LAYERS.register(Encode)
class DietEncode(LoweredLayer):
    pass


@LAYERS.register(Requantize)
class DietRequantize(LoweredLayer):
    pass


@LAYERS.register(SymbolMap)
class DietSymbolMap(LoweredLayer):
    pass


@LAYERS.register(MaxPool)
class DietMaxPool(LoweredLayer):
    pass


@LAYERS.register(SumPool)
class DietSumPool(LoweredLayer):
    pass


@LAYERS.register(Reshape)
class DietReshape(LoweredLayer):
    pass


@LAYERS.register(Add)
class DietAdd(LoweredLayer):
    pass


@LAYERS.register(ValueMap)
class DietValueMap(LoweredLayer):
    pass


@LAYERS.register(Divide)
class DietDivide(LoweredLayer):
    pass


@LAYERS.register(Gather)
class DietGather(LoweredLayer):
    pass


@LAYERS.register(Join)
class DietJoin(LoweredLayer):
    pass


@LAYERS.register(Combine)
class DietCombine(LoweredLayer):
    pass


@LAYERS.register(Reduce)
class DietReduce(LoweredLayer):
    pass


_FRONT = (
    *(LookupConv2D, LookupDepthwiseConv2D, LookupDense, CodebookActivation, UniformActivation),
    *(ExactBatchNormalization, SumPooling2D, InputGrid),
)


def register_layers() -> None:
    """Make all layers known to hls4ml, those that have been registered since the last call included."""
    layers: tuple[type[Layer], ...] = (*_FRONT, RepeatVector, *LAYERS.entries())
    for layer in layers:
        if layer_map.get(layer.__name__) is not layer:
            register_layer(layer.__name__, layer)


def _precision(stream: Stream) -> IntegerPrecisionType | FixedPrecisionType:
    """hls4ml's name for the codes: an integer for symbols, a fixed-point number for integers on a grid."""
    if stream.levels is not None or stream.fraction == 0:
        return IntegerPrecisionType(width=stream.bits, signed=stream.signed)
    return FixedPrecisionType(width=stream.bits, integer=stream.bits - stream.fraction, signed=stream.signed)


__all__ = ["INPUT", "LAYERS", "FrontLayer", "LoweredLayer", "RepeatVector", "register_layers"]
