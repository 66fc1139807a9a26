# SPDX-License-Identifier: Apache-2.0
"""hls4ml's own Vitis backend on the same Keras model: where it converts it too, what its C-simulation computes.

A fixed-point design consists of QKeras' layers, so users of hls4ml would build it without this package. Its outputs there are
compared with Keras' like those of our own flow.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.errors import ToolError
from dietcnn_hls.lowered import Fold, LoweredGraph


def convertible(model: Any) -> bool:
    """Whether a Keras model holds none of this package's layers, which stock hls4ml cannot read."""
    return hasattr(model, "layers") and not any(type(layer).__module__.startswith("dietcnn_hls.") for layer in model.layers)


def stock_outputs(
    model: Any,
    graph: LoweredGraph,
    codes: np.ndarray,
    *,
    folding: Mapping[str, Fold],
    io_type: str,
    part: str,
    clock_period: float,
) -> np.ndarray:
    """Logits of hls4ml's C-simulation, backend Vitis, strategy Resource, with this design's reuse factors where legal there.

    Args:
        model: a `convertible` Keras model.
        graph: its lowered graph, for the input's precision and the layers' sizes.
        codes: (N, H, W, C) input codes.
        folding: folds by layer.
        io_type, part, clock_period: as in `dietcnn_hls.backend.convert.convert`.

    Returns:
        (N, classes) float32.

    Raises:
        ToolError: hls4ml cannot convert or compile the model.
    """
    stream = graph.input.stream
    values = codes.astype(np.float32) * np.float32(2.0**-stream.fraction)
    config = _config(model, graph, folding)
    return vitis_outputs(model, values, config, name=graph.name, io_type=io_type, part=part, clock_period=clock_period)


def vitis_outputs(
    model: Any, values: np.ndarray, config: dict[str, Any], *, name: str, io_type: str, part: str, clock_period: float
) -> np.ndarray:
    """Outputs of hls4ml's C-simulation, backend Vitis, of inputs (N, *shape); (N, outputs) float32.

    Args:
        model: a `convertible` Keras model.
        values: what enters; hls4ml rounds it to the input's type.
        config: hls4ml's own.
        name: of the project.
        io_type, part, clock_period: as in `dietcnn_hls.backend.convert.convert`.

    Raises:
        ToolError: hls4ml cannot convert or compile the model.
    """
    import hls4ml

    said = io.StringIO()
    try:
        with tempfile.TemporaryDirectory(prefix="dietcnn_hls4ml_") as folder, contextlib.redirect_stdout(said):
            converted = hls4ml.converters.convert_from_keras_model(
                model,
                output_dir=str(Path(folder) / "project"),
                project_name=name,
                backend="Vitis",
                io_type=io_type,
                part=part,
                clock_period=clock_period,
                hls_config=config,
            )
            converted.compile()
            outputs = converted.predict(np.ascontiguousarray(values.astype(np.float32)))
    except Exception as error:  # hls4ml raises nearly anything, and its compiler's words stand in what it printed
        last = (said.getvalue().strip().splitlines() or ["it printed nothing"])[-1]
        raise ToolError(
            f"hls4ml's stock Vitis backend failed on '{name}': {error} ({last}). Set checks.hls4ml_samples to 0."
        ) from error
    return np.asarray(outputs, np.float32).reshape(len(values), -1)


def _config(model: Any, graph: LoweredGraph, folding: Mapping[str, Fold]) -> dict[str, Any]:
    """hls4ml's configuration by layer: the input's exact precision, our reuse factors, everything else inferred by hls4ml."""
    import hls4ml

    config: dict[str, Any] = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    config["Model"]["Strategy"] = "Resource"
    for node in graph.linear_nodes:
        kernel = node.kernel
        config["LayerName"][node.name]["ReuseFactor"] = folding[node.name].reuse_factor(kernel.outputs, kernel.taps)
    stream = graph.input.stream
    bits = int(stream.hi).bit_length()
    config["LayerName"][graph.input.name]["Precision"]["result"] = f"ufixed<{bits},{bits - stream.fraction}>"
    return config


__all__ = ["convertible", "stock_outputs", "vitis_outputs"]
