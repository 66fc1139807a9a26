# SPDX-License-Identifier: Apache-2.0
"""hls4ml backend `DietCNN`, registered by the entry point ``hls4ml.backends``.

This module is imported in the middle of ``import hls4ml``; whatever needs hls4ml is therefore imported inside functions. And
it imports hls4ml at its end, so that its own modules, whichever comes first, always find hls4ml whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dietcnn_hls.backend.convert import convert

if TYPE_CHECKING:
    from hls4ml.model.graph import ModelGraph

    from dietcnn_hls.lowered import LoweredGraph

NAME = "DietCNN"


def register(*, register_backend: Callable[..., None], register_writer: Callable[..., None]) -> None:
    """Entry point: hls4ml calls it with its registration functions. The writer comes first, the backend asks for it."""
    from dietcnn_hls.backend.backend import DietCNNBackend
    from dietcnn_hls.backend.parsing import own_configuration
    from dietcnn_hls.backend.writer import DietCNNWriter

    register_writer(NAME, DietCNNWriter)
    register_backend(NAME, DietCNNBackend)
    own_configuration(NAME)


def lowered_graph(model: ModelGraph) -> LoweredGraph:
    """The lowered graph of a converted model (see `dietcnn_hls.backend.graphs.lowered_graph`)."""
    from dietcnn_hls.backend import graphs

    return graphs.lowered_graph(model)


def model_graph_from_lowered(graph: LoweredGraph, output_dir: str, **options: Any) -> ModelGraph:
    """A ModelGraph of a saved graph, without TensorFlow (see `dietcnn_hls.backend.graphs.model_graph_from_lowered`)."""
    from dietcnn_hls.backend import graphs

    return graphs.model_graph_from_lowered(graph, output_dir, **options)


__all__ = ["NAME", "convert", "lowered_graph", "model_graph_from_lowered", "register"]

import hls4ml  # noqa: E402, F401  (see above)
