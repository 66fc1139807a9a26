# SPDX-License-Identifier: Apache-2.0
"""Kernels for readers of models that name no method: the door to the methods that multiply, and that sum tables.

Hls4ml's precisions, ONNX's quantisers and HGQ2's bits all say integers that are multiplied, exactly or with bits dropped; HGQ2's
table layers say sums of tables.
"""

from __future__ import annotations

from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel as Products
from dietcnn_hls.methods.fixed_point.rounded import RoundedMultiplyKernel as RoundedProducts
from dietcnn_hls.methods.tabconv.taps import MAX_INDEX_BITS
from dietcnn_hls.methods.tabconv.taps import TapTableKernel as TapTables

__all__ = ["MAX_INDEX_BITS", "Products", "RoundedProducts", "TapTables"]
