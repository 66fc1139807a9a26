# SPDX-License-Identifier: Apache-2.0
"""Between hls4ml's ModelGraph and the lowered graph, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dietcnn_hls.backend.layers import INPUT, LAYERS, FrontLayer, LoweredLayer, register_layers
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.hardware.folding import FoldingSpec, check_folding, fold_for_reuse, solve
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.lowered import Fold, LoweredGraph, Node

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph

    from dietcnn_hls.backend.readers.stock import Lowered


def stock_lowering(model: ModelGraph) -> Lowered | None:
    """What becomes of a model of stock layers, which keeps those layers; None where layers of ours have taken their place.

    It follows from the layers, so that a model that hls4ml has loaded has it, too.
    """
    layers = list(model.graph.values())
    if any(isinstance(layer, LoweredLayer | FrontLayer) for layer in layers) or model.config.backend.name != "DietCNN":
        return None
    from dietcnn_hls.backend.readers.stock import lower_model_graph

    known, lowered = getattr(model, "dietcnn_lowering", (None, None))
    if known != [id(layer) for layer in layers]:  # a user may have edited the model
        lowered = lower_model_graph(model, model.config.get_project_name())
        model.dietcnn_lowering = [id(layer) for layer in layers], lowered
    return lowered


def lowered_graph(model: ModelGraph) -> LoweredGraph:
    """The lowered graph of a converted model, named after its project.

    Raises:
        LoweringError: the model was not converted with ``backend='DietCNN'``.
    """
    stock = stock_lowering(model)
    metadata = dict(model.config.get_config_value("Metadata") or {})
    if stock is not None:
        return LoweredGraph(stock.graph.name, stock.graph.nodes, metadata, stock.graph.results)
    nodes = []
    made_by = {output: layer.name for layer in model.graph.values() for output in layer.outputs}
    for layer in model.graph.values():
        if not isinstance(layer, LoweredLayer):
            raise LoweringError(f"layer '{layer.name}' is not lowered; convert the model with backend='DietCNN'")
        inputs = tuple(made_by[name] for name in layer.inputs) if layer.op.arity else ()
        nodes.append(Node(layer.name, layer.op, inputs, layer.stream))
    left = list(model.graph.values())[-1].get_attr("left_to_host")
    metadata |= {"left_to_host": left} if left else {}
    results = tuple(made_by[tensor] for tensor in model.outputs) if len(model.outputs) > 1 else ()
    return LoweredGraph(model.config.get_project_name(), tuple(nodes), metadata, results)


def folding_of(model: ModelGraph, graph: LoweredGraph) -> dict[str, Fold]:
    """The fold of every linear layer: set by `set_folding`, else the cheapest that honours the layer's reuse factor."""
    stock, folds = stock_lowering(model), {}
    for node in graph.linear_nodes:
        if stock is None:
            layer = model.graph[node.name]
            fold, reuse = layer.get_attr("fold"), int(layer.get_attr("reuse_factor", 1))
        else:
            fold, reuse = getattr(model, "dietcnn_folds", {}).get(node.name), stock.reuse[node.name]
        folds[node.name] = fold or fold_for_reuse(graph, node, reuse)
    return folds


def set_folding(model: ModelGraph, folding: Mapping[str, Fold] | FoldingSpec | None) -> dict[str, Fold]:
    """Fix the folds of a converted model: by layer (others get one lane), by what to reach, or one lane each (None).

    Returns:
        The fold of every linear layer.

    Raises:
        ConfigError: unknown layer, a fold that does not divide, or a target out of reach.
    """
    graph = lowered_graph(model)
    folds = solve(graph, folding) if isinstance(folding, FoldingSpec) else check_folding(graph, folding or {})
    if stock_lowering(model) is not None:
        model.dietcnn_folds = dict(folds)
        return folds
    for name, fold in folds.items():
        model.graph[name].set_attr("fold", fold)
    return folds


def model_graph_from_lowered(
    graph: LoweredGraph,
    output_dir: str | Path,
    *,
    io_type: str = "io_stream",
    part: str = DEFAULT_PART,
    clock_period: float = 5.0,
    folding: Mapping[str, Fold] | FoldingSpec | None = None,
) -> ModelGraph:
    """A ModelGraph of an already lowered (for example saved) graph; needs neither Keras nor TensorFlow.

    Raises:
        ConfigError: bad options.
    """
    from hls4ml.model.graph import ModelGraph
    from hls4ml.utils.config import create_config

    config = create_config(
        str(output_dir), graph.name, "DietCNN", io_type=io_type, part=part, clock_period=clock_period, metadata=graph.metadata
    )
    config["HLSConfig"] = {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}}
    register_layers()
    layers = [_layer(node) for node in graph.nodes]
    model = ModelGraph.from_layer_list(
        config, layers, [node.name for node in graph.inputs], [node.name for node in graph.outputs]
    )
    set_folding(model, folding)
    return model


def _layer(node: Node) -> dict[str, Any]:
    kind = LAYERS.of(node.op, node.name).__name__
    layer: dict[str, Any] = {"name": node.name, "class_name": kind, "op": node.op, "stream": node.stream}
    layer["inputs"] = list(node.inputs) or [INPUT]
    return layer | ({} if node.op.kernel is None else {"reuse_factor": 1})


__all__ = ["folding_of", "lowered_graph", "model_graph_from_lowered", "set_folding", "stock_lowering"]
