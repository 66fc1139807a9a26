# SPDX-License-Identifier: Apache-2.0
"""The error for a layer that lowering cannot take, whatever front end it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dietcnn_hls.errors import UnsupportedLayerError

if TYPE_CHECKING:
    from hls4ml.model.layers import Layer


def unsupported(node: Layer, remedy: str) -> UnsupportedLayerError:
    """Names the layer, its class and the remedy."""
    kind = str(node.get_attr("class_name", node.class_name))
    return UnsupportedLayerError(f"layer '{node.name}' ({kind}) has no lowering: {remedy}")


__all__ = ["unsupported"]
