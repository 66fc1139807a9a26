# SPDX-License-Identifier: Apache-2.0
"""Layers may be called anything, although hls4ml keeps tensors and attributes of a layer under one roof.

In hls4ml a layer's result is an attribute of the layer under the layer's own name, so a layer called 'stride' would
overwrite an attribute; and the graph's input is called 'input', so no layer may be. Where a name clashes, the *tensor* is called
otherwise here; the layer keeps its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hls4ml.model.types import TensorVariable

from dietcnn_hls.backend.layers import INPUT
from dietcnn_hls.backend.options import check_config

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph
    from hls4ml.model.layers import Layer

_STAND_IN = "input:layer"
"""Under this name a layer called 'input' passes hls4ml's check."""

_READ_INPUT = ("Input", "DietInput")
_OWN = frozenset("trained before op stream fold left_to_host name class_name inputs outputs index".split())
"""Attributes that this backend gives to layers."""


def with_any_name(wrapped: type[Layer], base: type[Layer]) -> type[Layer]:
    """Let layers of `wrapped`, what hls4ml's backends make of the class `base`, have any name.

    The first layer of a model also has the model's configuration checked, before anything reads it.
    """

    def __init__(
        self: Any,
        model: ModelGraph,
        name: str,
        attributes: dict[str, Any],
        inputs: list[str],
        outputs: list[str] | None = None,
        initialize: bool = True,
    ) -> None:
        if not model.graph:
            check_config(model.config.config)
        tensors = _tensors(model) if initialize else {}  # what hls4ml has saved is named so already
        # a layer that hls4ml makes of another one has that one's result among its attributes, which is no clash
        own = {key for key, value in attributes.items() if not isinstance(value, TensorVariable)}
        taken = {*own, *(attribute.name for attribute in wrapped.expected_attributes), *_OWN, INPUT}
        given = outputs or [name]
        for output in given:
            if initialize and output in taken:
                tensors[output] = f"{output}:result"
        results = [tensors.get(output, output) for output in given]
        sources = inputs if base.__name__ in _READ_INPUT else [tensors.get(source, source) for source in inputs]
        model.outputs = [tensors.get(output, output) for output in model.outputs]
        base.__init__(self, model, _STAND_IN if name == INPUT else name, attributes, sources, results, initialize)
        for output, result in zip(given, results, strict=True):
            model.output_vars[output] = self.get_output_variable(result)

    def get_name(self: Any) -> str:
        return str(self.__dict__["_name"])

    def set_name(self: Any, name: str) -> None:
        self.__dict__["_name"] = INPUT if name == _STAND_IN else name

    wrapped.__init__ = __init__  # type: ignore[method-assign]
    wrapped.name = property(get_name, set_name)
    return wrapped


def _tensors(model: ModelGraph) -> dict[str, str]:
    """Layer whose result is called otherwise -> what it is called."""
    if not hasattr(model, "dietcnn_tensors"):
        model.dietcnn_tensors = {}
    tensors: dict[str, str] = model.dietcnn_tensors
    return tensors


__all__ = ["with_any_name"]
