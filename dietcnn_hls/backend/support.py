# SPDX-License-Identifier: Apache-2.0
"""What this backend converts, and what it says about everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hls4ml.model.layers import Layer

from dietcnn_hls.backend.edit import source
from dietcnn_hls.backend.layers import INPUT
from dietcnn_hls.errors import ConfigError, UnsupportedLayerError, suggest
from dietcnn_hls.hls.network import IO_TYPES
from dietcnn_hls.lowered import Grid
from dietcnn_hls.names import check_design_name

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph

_FLOAT = "its weights are floats; convert the model with fit_codebooks() or a method's quantize()"
_ACTIVATION = "use CodebookActivation, or QActivation with quantized_relu or quantized_bits"
_REMEDIES = {
    "BatchNormalization": "its float32 rounding depends on the library; use ExactBatchNormalization, or quantize() or "
    "fit_codebooks(), which replace it",
    "Activation": _ACTIVATION,
    "HardActivation": _ACTIVATION,
    "ParametrizedActivation": _ACTIVATION,
    "TernaryTanh": _ACTIVATION,
    "PReLU": _ACTIVATION,
    "Softmax": "only the model's last layer may be a softmax; the design ends at the logits",
    "Pooling2D": "its division rounds; use SumPooling2D, or quantize() or fit_codebooks(), which replace it, or MaxPooling2D",
    "GlobalPooling2D": "use MaxPooling2D, or SumPooling2D for a mean, with the whole image as its window, and Flatten",
    "Merge": "only Add joins two branches",
}
_KNOWN = (
    *("Input", "LookupConv2D", "LookupDepthwiseConv2D", "LookupDense", "CodebookActivation"),
    *("UniformActivation", "ExactBatchNormalization", "SumPooling2D", "InputGrid"),
    *("Conv2D", "DepthwiseConv2D", "Dense", "Reshape", "Pooling2D", "Merge", "Activation", "Softmax"),
)
_KERAS = (
    "LookupConv2D, LookupDepthwiseConv2D, LookupDense, CodebookActivation, UniformActivation, ExactBatchNormalization, "
    "ShiftBatchNormalization, SumPooling2D, QConv2D, QDepthwiseConv2D, "
    "QDense, QActivation, MaxPooling2D, Add, Flatten, Reshape and Dropout"
)
_STRATEGIES = ("latency", "resource")


def as_grid(given: Grid | Sequence[int]) -> Grid:
    """The input grid that an option gives, as a value or as its three numbers."""
    if isinstance(given, Grid):
        return given
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 3:
        raise ConfigError(f"input_grid: give a Grid or its (lo, hi, fraction), not {given!r}")
    return Grid(*given)


def unsupported(name: str, kind: str, remedy: str | None = None) -> UnsupportedLayerError:
    """The error for a layer without a lowering."""
    return UnsupportedLayerError(f"layer '{name}' ({kind}) has no lowering: {remedy or f'known are {_KERAS}'}")


def check_layer(model: ModelGraph, node: Layer) -> None:
    """UnsupportedLayerError when a parsed layer has no lowering.

    A layer that carries an operation already has one by definition.
    """
    kind = node.class_name
    if node.get_attr("op") is not None and kind.startswith("Diet"):
        return
    refused = (
        kind not in _KNOWN
        or (kind == "Pooling2D" and node.get_attr("pool_op") != "Max")
        or (kind == "Merge" and node.get_attr("op") != "add")
        or (kind == "Softmax" and node.outputs[0] not in model.outputs)
        or (kind == "Activation" and not _has_meaning(node))
    )
    if refused:
        raise unsupported(node.name, _keras_name(node), _REMEDIES.get(kind))
    quantizer = "depthwise_quantizer" if kind == "DepthwiseConv2D" else "weight_quantizer"
    if kind in ("Conv2D", "DepthwiseConv2D", "Dense") and node.get_attr(quantizer) is None:
        raise unsupported(node.name, _keras_name(node), _FLOAT)
    if node.get_attr("data_format", "channels_last") != "channels_last":
        raise unsupported(node.name, _keras_name(node), "use data_format='channels_last'")
    if kind == "InputGrid" and source(node).class_name != "Input":
        raise unsupported(node.name, kind, "it says what enters the design; put it directly behind the model's input")
    if kind == "Input" and len(node.get_attr("input_shape")) not in (1, 3):
        raise unsupported(node.name, "Input", "inputs are images (H, W, C) or vectors (N,); add a Reshape before the model")


def _has_meaning(node: Layer) -> bool:
    """Linear, or one of QKeras' quantised activations that hls4ml calls relu and linear."""
    return node.get_attr("activation") in ("linear", "relu") and (
        node.get_attr("activation") == "linear" or node.get_attr("activation_quantizer") is not None
    )


def _keras_name(node: Layer) -> str:
    kind = str(node.get_attr("class_name", node.class_name))
    activation = node.get_attr("activation")
    return f"{kind} '{activation}'" if isinstance(activation, str) and kind == "Activation" else kind


def check_keras_layers(model: Any) -> None:
    """UnsupportedLayerError for layers that hls4ml's reader itself would stop at, and all that `check_keras_model` finds."""
    from hls4ml.converters import get_supported_keras_layers

    from dietcnn_hls.backend.keras_handlers import register_handlers

    register_handlers()
    check_keras_model(model)
    readable = {*get_supported_keras_layers(), "Dropout"}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in readable:
            raise unsupported(layer.name, kind)
        if kind == "Add" and isinstance(layer.input, list) and len(layer.input) != 2:
            raise unsupported(layer.name, kind, f"it joins {len(layer.input)} branches; add them two at a time")
        if kind == "QActivation" and _qkeras_kind(layer.quantizer) not in ("quantized_relu", "quantized_bits"):
            raise unsupported(layer.name, f"QActivation '{_qkeras_kind(layer.quantizer)}'", _ACTIVATION)


def _qkeras_kind(quantizer: Any) -> str:
    return getattr(quantizer, "__name__", type(quantizer).__name__)


def check_keras_model(model: Any) -> None:
    """UnsupportedLayerError for what hls4ml's reader overlooks: shared layers, dilation, groups, several inputs or outputs."""
    if not getattr(model, "inputs", None):
        raise UnsupportedLayerError(
            f"model '{model.name}' is not built, or not Sequential or functional: its input's shape is unknown; begin it with an "
            "Input of a fixed shape"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UnsupportedLayerError(
            f"model '{model.name}' has {len(model.inputs)} inputs and {len(model.outputs)} outputs; a design has one of each"
        )
    for layer in model.layers:
        if layer.name == INPUT:
            raise unsupported(layer.name, type(layer).__name__, "hls4ml keeps this name for itself; give the layer another one")
        config = layer.get_config()
        if len(getattr(layer, "_inbound_nodes", ())) > 1 and not hasattr(layer, "layers") and _calls(model, layer) > 1:
            raise unsupported(layer.name, type(layer).__name__, "it is used more than once; give each place a layer of its own")
        if any(int(d) != 1 for d in config.get("dilation_rate", (1, 1))):
            raise unsupported(layer.name, type(layer).__name__, "use dilation_rate=1")
        if int(config.get("groups", 1)) != 1:
            raise unsupported(layer.name, type(layer).__name__, "use groups=1, or a depthwise convolution")
        if hasattr(layer, "layers"):
            raise unsupported(layer.name, type(layer).__name__, "models inside models are not taken apart; use their layers")


def _calls(model: Any, layer: Any) -> int:
    """How often `model` calls `layer`; nodes of other models that use it too do not count."""
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    return sum(id(node) in own for node in layer._inbound_nodes)


def check_options(model: ModelGraph) -> None:
    """ConfigError for hls4ml options that this backend cannot honour."""
    config = model.config
    check_design_name(config.get_project_name())
    if config.get_config_value("IOType") not in IO_TYPES:
        raise ConfigError(
            f"unknown io_type '{config.get_config_value('IOType')}'.{suggest(str(config.config['IOType']), IO_TYPES)}"
        )
    for name in config.config["HLSConfig"].get("LayerName", {}):
        if name not in model.graph:
            raise ConfigError(f"hls_config: the model has no layer '{name}'.{suggest(name, model.graph)}")
    for node in model.graph.values():
        strategy = str(config.get_strategy(node)).lower()
        if strategy not in _STRATEGIES:
            raise ConfigError(
                f"hls_config: layer '{node.name}' asks for Strategy '{strategy}', which lookup layers do not have; parallelism "
                f"is set by ReuseFactor alone ({' and '.join(_STRATEGIES)} are accepted and mean the same)"
            )
        reuse = config.get_reuse_factor(node)
        if not isinstance(reuse, int) or reuse < 1:
            raise ConfigError(f"hls_config: layer '{node.name}' asks for ReuseFactor {reuse!r}; use a whole number from 1 on")


__all__ = ["check_keras_layers", "check_keras_model", "check_layer", "check_options", "unsupported"]
