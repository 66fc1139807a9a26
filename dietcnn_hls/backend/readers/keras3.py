# SPDX-License-Identifier: Apache-2.0
"""Models of Keras 3 that hls4ml's own parser takes: which layers may stand in them."""

from __future__ import annotations

from typing import Any

from dietcnn_hls.backend.readers.hgq.source import is_keras3
from dietcnn_hls.errors import UnsupportedLayerError


def check_keras3(model: Any) -> None:
    """Check a model of Keras 3 before hls4ml's parser sees it.

    Raises:
        UnsupportedLayerError: it is not built; nothing in it says number formats.
    """
    if not getattr(model, "built", False):
        raise UnsupportedLayerError(
            f"model '{model.name}' is not built; build it as a Sequential or functional model with an Input"
        )
    raise UnsupportedLayerError(
        f"model '{model.name}' is of Keras 3 without layers of HGQ2: nothing says its number formats. Train it with HGQ2, or "
        "take Keras 2 (docs/front_ends.md)"
    )


__all__ = ["check_keras3", "is_keras3"]
