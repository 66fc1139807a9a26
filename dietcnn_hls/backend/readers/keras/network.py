# SPDX-License-Identifier: Apache-2.0
"""What a Keras architecture as a whole must be, whatever it comes from; hls4ml's own reader overlooks most of it."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS
from dietcnn_hls.backend.readers.keras.layers import check_layer
from dietcnn_hls.backend.readers.keras.refusals import unknown, unsupported
from dietcnn_hls.backend.readers.keras.source import KerasLayer, KerasNetwork
from dietcnn_hls.errors import UnsupportedLayerError

_GRAPHS = ("Functional", "Model")
_UNBUILT = (
    "model '{}' is not built, or not Sequential or functional: its input's shape is unknown; begin it with an Input of a fixed "
    "shape"
)


def check_network(
    network: KerasNetwork,
    parsed: Container[str] | None = None,
    check: Callable[[KerasLayer], None] = check_layer,
    several: bool = False,
) -> None:
    """UnsupportedLayerError for what has no lowering, by the layer's name; looks at no weights.

    Shared layers, several inputs or outputs, models inside models, calls with arguments, layers and arguments without lowering.

    Args:
        network: the architecture.
        parsed: names of the layers that hls4ml has after its parser and a user's passes; default all. A layer of an unknown class
            that such a pass has taken out is no concern of ours.
        check: refuses layers and arguments without lowering.
        several: whether it may have several inputs and outputs, and models inside it.
    """
    if network.kind not in ("Sequential", *_GRAPHS):
        raise UnsupportedLayerError(
            f"model '{network.name}' is of class {network.kind}, neither Sequential nor functional; make one of its layers"
        )
    for ends in () if several else (network.inputs, network.outputs):
        if ends is not None and len(ends) != 1:
            raise UnsupportedLayerError(
                f"model '{network.name}' has {len(network.inputs or ())} inputs and {len(network.outputs or ())} outputs; a "
                "design has one of each"
            )
    if not network.layers:
        raise UnsupportedLayerError(f"model '{network.name}' has no layers")
    first = next(iter(network.layers.values()))
    if "batch_input_shape" not in first.config:
        raise UnsupportedLayerError(_UNBUILT.format(network.name))
    for layer in network.layers.values():
        if layer.kind in ("Sequential", *_GRAPHS):
            if not several:
                raise unknown(layer)
            inner = KerasNetwork.of({"class_name": layer.kind, "config": layer.config}, network.reader)
            check_network(inner, parsed, check, several)
            _check_calls(layer, network)
            continue
        if parsed is None or layer.name in parsed or layer.kind in ARGUMENTS:
            check(layer)
        _check_calls(layer, network)


def check_object(model: Any) -> None:
    """The same for a model in memory that has no architecture, because it is subclassed or not built."""
    if not getattr(model, "inputs", None):
        raise UnsupportedLayerError(_UNBUILT.format(getattr(model, "name", "model")))


def _check_calls(layer: KerasLayer, network: KerasNetwork) -> None:
    """A layer is called once, on results of other layers, without further arguments."""
    calls = layer.inbound
    if calls is None or layer.kind == "InputLayer":
        return
    if len(calls) != 1:
        what = (
            "used more than once; give each place a layer of its own"
            if calls
            else "read by nothing and reads nothing; leave it out"
        )
        raise unsupported(layer.name, layer.kind, f"it is {what}")
    call = calls[0]
    sources = [call] if call and isinstance(call[0], str) else list(call)
    if layer.kind == "Add" and len(sources) != 2:
        raise unsupported(layer.name, layer.kind, f"it joins {len(sources)} branches; add them two at a time")
    for source in sources:
        name, node, tensor, *rest = source
        known = network.layers.get(name)
        if known is None or tensor or (node and known.kind not in ("Sequential", *_GRAPHS)):
            raise unsupported(
                layer.name, layer.kind, f"it reads '{name}', which is used more than once; give each place a layer of its own"
            )
        for argument, value in (rest[0] if rest else {}).items():
            if value is not None and value is not False:
                raise unsupported(layer.name, layer.kind, f"it is called with {argument}={value!r}; call it on its input alone")


__all__ = ["check_network", "check_object"]
