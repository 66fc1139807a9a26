# SPDX-License-Identifier: Apache-2.0
"""Attributes of ONNX nodes: each is read, or the node is refused by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dietcnn_hls.lowered import Window

if TYPE_CHECKING:
    from dietcnn_hls.backend.readers.onnx.builder import Builder


def attributes(make: Builder, node: Any, **known: Any) -> dict[str, Any]:
    """A node's attributes, by name, with what holds where one is absent.

    Raises:
        UnsupportedLayerError: one that is not known.
    """
    from onnx.helper import get_attribute_value

    given = {one.name: get_attribute_value(one) for one in node.attribute}
    for name in given:
        if name not in known:
            raise make.refuse(f"its attribute '{name}' is not known; known are {', '.join(known) or 'none'}")
    found = known | given
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def pads_of(
    make: Builder, given: Mapping[str, Any], size: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Padding as (top, bottom, left, right)."""
    mode = given["auto_pad"]
    if mode == "SAME_UPPER":
        return Window.same(size, strides, shape[0], shape[1]).padding  # type: ignore[arg-type]
    if mode not in ("NOTSET", "VALID"):
        raise make.refuse(f"auto_pad='{mode}' has no lowering; give pads")
    top, left, bottom, right = (given["pads"] or (0, 0, 0, 0)) if mode == "NOTSET" else (0, 0, 0, 0)
    return int(top), int(bottom), int(left), int(right)


__all__ = ["attributes", "pads_of"]
