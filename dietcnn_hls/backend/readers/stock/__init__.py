# SPDX-License-Identifier: Apache-2.0
"""Stock hls4ml layers at hls4ml's own precisions.

The lowered graph computes what the C-simulation of hls4ml's Vitis backend does, bit for bit.
"""

from __future__ import annotations

from dietcnn_hls.backend.readers.stock.graph import Lowered, lower_model_graph

__all__ = ["Lowered", "lower_model_graph"]
