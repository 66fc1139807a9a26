# SPDX-License-Identifier: Apache-2.0
"""Models of Keras 3 whose layers say number formats, HGQ2's and QKeras': read from the layers into the lowered graph."""

from __future__ import annotations

from dietcnn_hls.backend.readers.keras3.graph import lower_keras3
from dietcnn_hls.backend.readers.origin import is_keras3

__all__ = ["is_keras3", "lower_keras3"]
