# SPDX-License-Identifier: Apache-2.0
"""The reader of QONNX models (Brevitas, qonnx): from a file or a model in memory to the lowered graph. Needs the extra `onnx`.

Every tensor is an integer stream and the elementwise float32 functions that ONNX applies to it (`tensors`); a quantiser makes one
operation of all of them, found by trying the very functions that qonnx executes, so that the result is qonnx's own, bit for bit.
"""

from __future__ import annotations

from dietcnn_hls.backend.readers.onnx.graph import lower_onnx
from dietcnn_hls.backend.readers.onnx.source import load_onnx

__all__ = ["load_onnx", "lower_onnx"]
