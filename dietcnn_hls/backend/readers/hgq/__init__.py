# SPDX-License-Identifier: Apache-2.0
"""Models of HGQ2's layers, on Keras 3: read from the layers themselves into the lowered graph."""

from __future__ import annotations

from dietcnn_hls.backend.readers.hgq.graph import HANDLERS, lower_hgq
from dietcnn_hls.backend.readers.hgq.source import is_hgq, is_keras3

__all__ = ["HANDLERS", "is_hgq", "is_keras3", "lower_hgq"]
