# SPDX-License-Identifier: Apache-2.0
"""The road of stock models: hls4ml's own flows infer types, then every layer becomes what its C++ computes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hls4ml.model.flow.flow import get_flow
from hls4ml.model.optimizer import ModelOptimizerPass, OptimizerPass, optimize_model
from hls4ml.model.types import FixedPrecisionType, UnspecifiedPrecisionType

from dietcnn_hls.backend import options
from dietcnn_hls.backend.graphs import stock_lowering
from dietcnn_hls.backend.layers import FrontLayer, LoweredLayer
from dietcnn_hls.backend.readers.keras import KerasReader, network_of
from dietcnn_hls.backend.readers.keras.network import check_network
from dietcnn_hls.backend.readers.stock.arguments import check_layer
from dietcnn_hls.backend.readers.stock.quantisers import FUNCTION, values_type
from dietcnn_hls.backend.refusals import unsupported
from dietcnn_hls.errors import ConfigWarning, DietError, UnsupportedLayerError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph
    from hls4ml.model.layers import Layer

IMAGE_RANK = 3
"""Shapes of images: height, width, channels."""

FLOWS = ("convert", "optimize", "vivado:init_layers", "vivado:quantization", "vivado:optimize")
"""Flows of hls4ml whose passes decide what a stock layer computes and in which types; the others write C++."""

_LEFT_OUT = ("process_fixed_point_quantizer_layer", "remove_final_reshape")
"""Passes among them that write C++, which refuse io_stream for what it cannot do, or drop the shape of results."""

_INSTEAD = {
    "vivado:inplace_parallel_reshape": "dietcnn:keep_reshaped_type",
    "remove_transpose_before_flatten": "dietcnn:move_transpose_into_weights",
}
"""Passes of ours for hls4ml's: what the first one makes the model's output is what a reshape reads, and all that is wanted of it
is that a reshape keeps the type; of the second one see `mends`."""

_BEFORE = {
    "infer_precision_types": "dietcnn:infer_own_types",
    "qkeras_factorize_alpha": "dietcnn:name_parts",
    "fuse_batch_normalization": "dietcnn:fuse_depthwise_batch_norm",
}
"""Passes of ours that go before one of hls4ml's."""

_TYPED = "has_own_type"


def is_stock(model: ModelGraph) -> bool:
    """Whether hls4ml's types alone make a Keras model integers.

    It has none of our layers, and none of QKeras' or such of them as only hls4ml's road knows: what enters it is no image, or a
    layer, quantiser or argument has no lowering that equals Keras.
    """
    if not hasattr(model, "dietcnn_is_stock"):
        model.dietcnn_is_stock = _find_road(model)
    return bool(model.dietcnn_is_stock)


def _find_road(model: ModelGraph) -> bool:
    config, layers = model.config.config, list(model.graph.values())
    if is_hgq(model):
        return True
    if config.get("LookupOnly") or not KerasReader().reads(config):
        return False
    if any(isinstance(node, FrontLayer | LoweredLayer) for node in layers):
        return False
    if not any(map(_quantised, layers)):
        return True
    first = next((node for node in layers if node.class_name == "Input"), layers[0])
    if len(first.get_output_variable().shape) != IMAGE_RANK and config.get("InputGrid") is None:
        return True
    try:
        KerasReader().check(model)
    except DietError:
        return _known(model)
    return False


def _known(model: ModelGraph) -> bool:
    """Whether this road takes a model; where neither does, the other one says why."""
    try:
        check_network(network_of(model), check=check_layer, several=True)
    except UnsupportedLayerError:
        return False
    return True


def _quantised(node: Layer) -> bool:
    names = ("weight_quantizer", "depthwise_quantizer", "pointwise_quantizer", "bias_quantizer", "activation_quantizer")
    return str(node.get_attr("class_name", "")).startswith("Q") or any(node.get_attr(name) is not None for name in names)


def is_hgq(model: ModelGraph) -> bool:
    """Whether hls4ml has parsed a model with HGQ2's quantisers, whose types it infers from these alone."""
    return any(node.class_name == "FixedPointQuantizer" for node in model.graph.values())


def _check_hgq(model: ModelGraph) -> None:
    """Refuse what hls4ml has no layers for, and made a circuit of its own of."""
    for node in model.graph.values():
        if node.class_name == "DACombinational":
            raise unsupported(node, f"hls4ml has no layer for HGQ2's {node.get_attr('original_type')}; use layers that it lists")


class KeepReshapedType(OptimizerPass):
    """In io_parallel a reshape is no operation of hls4ml's, so that its results have the type of what it reads."""

    name = "keep_reshaped_type"

    def match(self, node: Layer) -> bool:
        if node.class_name != "Reshape" or node.model.config.get_config_value("IOType") != "io_parallel":
            return False
        return node.get_output_variable().type is not node.get_input_variable().type

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        node.get_output_variable().type = node.get_input_variable().type
        return False


class InferOwnTypes(OptimizerPass):
    """Types left open that hls4ml does not infer: of what moves values, that of its input; of a dot product, the exact one."""

    name = "infer_own_types"

    def match(self, node: Layer) -> bool:
        if isinstance(node.get_attr(FUNCTION), Mapping) and node.get_attr(FUNCTION)["kind"] == "quantise":
            return not node.get_attr(_TYPED)
        return node.class_name in _INFERRED and any(map(_is_open, node.types.values()))

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        inputs = [node.get_input_variable(name).type.precision for name in node.inputs]
        if any(isinstance(kind, UnspecifiedPrecisionType) for kind in inputs):
            return False
        if node.class_name == "Activation":
            return _of_quantiser(model, node, inputs[0])
        wanted = _INFERRED[node.class_name](node, inputs)
        for kind in filter(_is_open, node.types.values()):
            kind.precision = wanted
        return True


def _is_open(kind: Any) -> bool:
    return isinstance(kind.precision, UnspecifiedPrecisionType)


def _of_quantiser(model: ModelGraph, node: Layer, given: Any) -> bool:
    """A quantiser's own type, but where the configuration gives the layer another."""
    node.set_attr(_TYPED, True)
    asked = model.config.get_layer_config(node).get("Precision")
    explicit = asked.get("result") if isinstance(asked, Mapping) else asked
    kind = values_type(node, given)
    if kind is not None and explicit in (None, "auto"):
        node.get_output_variable().type.precision = FixedPrecisionType(kind.bits, kind.bits - kind.fraction, kind.signed)
    return True


def _product(node: Layer, inputs: list[Any]) -> FixedPrecisionType:
    """What a sum of so many products may need."""
    grown = math.ceil(math.log2(node.get_input_variable().shape[0]))
    width, integer = (sum(getattr(kind, word) for kind in inputs) + grown for word in ("width", "integer"))
    return FixedPrecisionType(width, integer, any(kind.signed for kind in inputs))


_INFERRED: Mapping[str, Callable[[Layer, list[Any]], Any]] = {
    "RepeatVector": lambda node, inputs: inputs[0],
    "Dot": _product,
}


def _set_style(model: ModelGraph) -> None:
    """Designs are dataflows, whatever hls4ml's key says."""
    if model.config.pipeline_style == "pipeline":
        warnings.warn(
            "hls_config.Model.PipelineStyle: designs are dataflows, and 'pipeline' changes nothing; use 'auto'",
            ConfigWarning,
            stacklevel=2,
        )
    model.config.pipeline_style = "dataflow"


class LowerStock(ModelOptimizerPass):
    """A stock model: its layers stay as hls4ml knows them, with their types inferred, and are lowered in one go."""

    name = "lower_stock"

    def __init__(self) -> None:
        """Nothing to configure; the base class would want a function."""

    def transform(self, model: ModelGraph) -> bool:
        if is_hgq(model):
            _check_hgq(model)
        elif is_stock(model):
            check_network(network_of(model), check=check_layer, several=True)
        else:
            return False
        options.check_names(model)
        for flow in FLOWS:
            _run(model, flow)
        _set_style(model)
        stock_lowering(model)
        return False


def _run(model: ModelGraph, flow: str) -> None:
    """One flow of hls4ml; what its passes stumble over is refused by the name of the layer that they were at."""
    names = [name for name in get_flow(flow).optimizers if not name.endswith(_LEFT_OUT)]
    names = [_INSTEAD.get(name, name) for name in names]
    for theirs in _BEFORE.keys() & set(names):
        names.insert(names.index(theirs), _BEFORE[theirs])
    try:
        optimize_model(model, names)
    except DietError:
        raise
    except Exception as error:  # whatever hls4ml's own code raises on what it was not written for
        layer, trace = "", error.__traceback__
        while trace is not None:
            node = trace.tb_frame.f_locals.get("node")
            layer, trace = str(getattr(node, "name", layer)), trace.tb_next
        where = f"layer '{layer}'" if layer else "the model"
        raise UnsupportedLayerError(
            f"{where}: hls4ml's own passes ({flow}) stumble over it ({type(error).__name__}: {error}); "
            "use another layer or quantiser"
        ) from error


__all__ = ["FLOWS", "InferOwnTypes", "KeepReshapedType", "LowerStock", "is_hgq", "is_stock"]
