# SPDX-License-Identifier: Apache-2.0
"""Where QONNX models come from, and qonnx's own clean-up of them."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from dietcnn_hls.errors import OutputError, ToolError, UnsupportedLayerError

_EXTRA = "pip install 'dietcnn_hls[onnx]'"


def load_onnx(path: Path) -> Any:
    """A model file.

    Raises:
        ToolError: onnx is not installed.
        OutputError: the file is none.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ToolError(f"ONNX models need onnx and qonnx ({error}); {_EXTRA}") from error
    try:
        return onnx.load(str(path))
    except (DecodeError, OSError, ValueError) as error:
        raise OutputError(f"{path} is no ONNX model: {error}") from error


def cleaned(model: Any) -> Any:
    """qonnx's ModelWrapper of a copy, with shapes inferred, constants folded and what computes nothing removed; names are kept.

    Raises:
        ToolError: qonnx is not installed.
        UnsupportedLayerError: qonnx finds no shapes, or refuses the model.
    """
    try:
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.transformation.fold_constants import FoldConstants
        from qonnx.transformation.general import GiveUniqueParameterTensors, RemoveStaticGraphInputs, RemoveUnusedTensors
        from qonnx.transformation.infer_shapes import InferShapes
        from qonnx.transformation.remove import RemoveIdentityOps
    except ImportError as error:
        raise ToolError(f"ONNX models need qonnx ({error}); {_EXTRA}") from error
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    wrapped = ModelWrapper(model.model if isinstance(model, ModelWrapper) else model, make_deepcopy=True)
    for node in wrapped.graph.node:
        if node.op_type in ("Quant", "Trunc", "BipolarQuant"):
            node.domain = "qonnx.custom_op.general"  # as qonnx's own clean-up sets it; Brevitas wrote another
    _name(wrapped.graph.node)
    steps = (InferShapes(), GiveUniqueParameterTensors(), FoldConstants(exclude_op_types=[]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for step in (*steps, RemoveUnusedTensors(), RemoveStaticGraphInputs(), RemoveIdentityOps()):
                wrapped = wrapped.transform(step)
    except Exception as error:  # qonnx and onnx raise nearly anything on models that they do not take
        raise UnsupportedLayerError(
            f"qonnx's clean-up refuses the model: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error
    return wrapped


def _name(nodes: Any) -> None:
    """Nodes without a name, or with another's, are called after their operation."""
    taken = {node.name for node in nodes}
    seen: set[str] = set()
    for node in nodes:
        if not node.name or node.name in seen:
            stem = node.name or node.op_type
            node.name = next(f"{stem}_{n}" for n in range(len(nodes) + 1) if f"{stem}_{n}" not in taken)
            taken.add(node.name)
        seen.add(node.name)


__all__ = ["cleaned", "load_onnx"]
