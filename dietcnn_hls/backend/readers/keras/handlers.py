# SPDX-License-Identifier: Apache-2.0
"""Makes our Keras layers known to hls4ml's front end, which asks for a layer's class, its inputs and its shape."""

from __future__ import annotations

from typing import Any

from dietcnn_hls.backend.readers.keras.layers import read_layer
from dietcnn_hls.backend.readers.keras.legacy import route_keras2
from dietcnn_hls.backend.readers.keras.source import KerasLayer, Shape
from dietcnn_hls.backend.trained import TRAINED, MaxPooling, Reshaping, SumPooling, Trained, TrainedLinear

_PREFIX = "dietcnn_hls>"
_CLASSES = {
    **{
        name: name
        for name in (
            *("LookupConv2D", "LookupDepthwiseConv2D", "LookupDense", "CodebookActivation", "UniformActivation"),
            *("ExactBatchNormalization", "SumPooling2D", "InputGrid"),
        )
    },
    "ShiftBatchNormalization": "ExactBatchNormalization",
}
"""Our layers -> the class of `dietcnn_hls.backend.layers` that stands for them in hls4ml."""


def register_handlers() -> None:
    """Tell hls4ml's Keras front end about our layers; harmless when done twice. Needs a fully imported hls4ml."""
    from hls4ml.converters.keras_v2_to_hls import get_layer_handlers, register_keras_v2_layer_handler

    for name in _CLASSES:
        for spelling in (name, f"{_PREFIX}{name}"):
            if spelling not in get_layer_handlers():
                register_keras_v2_layer_handler(spelling, _handle)
    route_keras2()


def _handle(keras_layer: dict[str, Any], input_names: list[str] | None, input_shapes: list[Any], reader: Any) -> Any:
    """hls4ml's handler: (its layer, shape of the result). No 'activation', because hls4ml would add a layer for it."""
    layer = KerasLayer.of(keras_layer, reader)
    shapes = [tuple(shape[1:]) for shape in input_shapes]
    value = read_layer(layer, shapes)
    shape = list(_result(value, shapes[0]))
    made = {"name": layer.name, "class_name": _CLASSES[layer.kind], TRAINED: value, "output_shape": shape}
    return (made if input_names is None else made | {"inputs": input_names}), [input_shapes[0][0], *shape]


def _result(value: Trained, shape: Shape) -> Shape:
    """The shape of what a layer yields, without the batch."""
    if isinstance(value, TrainedLinear):
        return (value.outputs,) if value.window is None else (*value.window.output_hw(*shape[:2]), value.outputs)
    if isinstance(value, MaxPooling | SumPooling):
        return (*value.window.output_hw(*shape[:2]), shape[-1])
    return value.shape if isinstance(value, Reshaping) else shape


__all__ = ["register_handlers"]
