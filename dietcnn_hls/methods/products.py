# SPDX-License-Identifier: Apache-2.0
"""Kernels of ordinary products, for readers of models that name no method: the door to the method that multiplies.

Hls4ml's precisions, ONNX's quantisers and HGQ2's bits all say integers that are multiplied, exactly or with bits dropped.
"""

from __future__ import annotations

from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel as Products
from dietcnn_hls.methods.fixed_point.rounded import RoundedMultiplyKernel as RoundedProducts

__all__ = ["Products", "RoundedProducts"]
