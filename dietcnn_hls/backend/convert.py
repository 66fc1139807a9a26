# SPDX-License-Identifier: Apache-2.0
"""One call from a Keras model or a lowered graph to hls4ml's ModelGraph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.lowered import Fold, Grid, LoweredGraph
from dietcnn_hls.names import check_design_name

if TYPE_CHECKING:
    from hls4ml.model.graph import ModelGraph


def convert(
    model: Any,
    output_dir: str | Path,
    *,
    name: str | None = None,
    io_type: str = "io_stream",
    part: str = DEFAULT_PART,
    clock_period: float = 5.0,
    folding: Mapping[str, Fold] | FoldingSpec | None = None,
    metadata: Mapping[str, object] | None = None,
    input_grid: Grid | None = None,
) -> ModelGraph:
    """Lower a model; nothing is written until ``write()`` or ``compile()`` of the result.

    Args:
        model: Keras model of the layers that this backend knows, one of Keras 3 with formats, or a `LoweredGraph`.
        output_dir: where ``write()`` puts the project.
        name: top function, a C identifier; default 'myproject' for Keras models, the graph's own name otherwise.
        io_type: 'io_stream' or 'io_parallel'.
        part: Xilinx part.
        clock_period: ns.
        folding: folds by layer (others one lane), or a specification to solve; default one lane each.
        metadata: JSON data carried in the lowered graph.
        input_grid: the values that enter; default what the model says (its `InputGrid` layer), else those of images. A lowered
            graph has its own.

    Raises:
        UnsupportedLayerError: a layer without a lowering, by name.
        LoweringError: weights or ranges that cannot be represented exactly.
        ConfigError: bad options.
    """
    import hls4ml

    from dietcnn_hls.backend.graphs import model_graph_from_lowered, set_folding
    from dietcnn_hls.backend.readers.keras import check_model
    from dietcnn_hls.backend.readers.keras3 import is_keras3, lower_keras3

    if isinstance(model, LoweredGraph):
        if input_grid is not None and input_grid.stream(model.input.stream.shape) != model.input.stream:
            raise ConfigError(f"the lowered graph '{model.name}' has its own; convert the model anew for another")
        graph = LoweredGraph(name or model.name, model.nodes, {**model.metadata, **(metadata or {})}, model.results)
        check_design_name(graph.name)
        return model_graph_from_lowered(graph, output_dir, io_type=io_type, part=part, clock_period=clock_period, folding=folding)
    if is_keras3(model):
        graph = lower_keras3(model, check_design_name(name or "myproject"), input_grid, metadata).graph
        return model_graph_from_lowered(graph, output_dir, io_type=io_type, part=part, clock_period=clock_period, folding=folding)
    check_model(model)
    converted = hls4ml.converters.convert_from_keras_model(
        model,
        output_dir=str(output_dir),
        project_name=check_design_name(name or "myproject"),
        backend="DietCNN",
        io_type=io_type,
        part=part,
        clock_period=clock_period,
        metadata=dict(metadata or {}),
        input_grid=input_grid,
        lookup_only=True,
    )
    set_folding(converted, folding)
    return converted  # type: ignore[no-any-return]


def lower_keras(
    model: Any, name: str, metadata: Mapping[str, object] | None = None, input_grid: Grid | None = None
) -> LoweredGraph:
    """The lowered graph of a Keras model, named `name`; arguments and errors as in `convert`. Nothing is written."""
    from dietcnn_hls.backend.graphs import lowered_graph

    return lowered_graph(convert(model, ".", name=name, metadata=metadata, input_grid=input_grid))


__all__ = ["convert", "lower_keras"]
