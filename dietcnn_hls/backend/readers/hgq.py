# SPDX-License-Identifier: Apache-2.0
"""HGQ2's models, on Keras 3: which layers are taken. hls4ml's reader parses them, and the road of stock models lowers them."""

from __future__ import annotations

import sys
from typing import Any

from dietcnn_hls.errors import UnsupportedLayerError

HGQ = ("QDense", "QConv1D", "QConv2D", "QBatchNormalization", "QAdd", "QMaxPooling2D")
"""HGQ2's layers that have a lowering."""

PLAIN = ("InputLayer", "Flatten", "ReLU", "MaxPooling2D")
"""Keras' own that may stand between them."""


def is_keras3(model: Any) -> bool:
    """Whether a model is one of Keras 3; asked without importing anything."""
    keras = sys.modules.get("keras")
    ours = any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__)
    return ours and str(getattr(keras, "__version__", "2")) >= "3"


def check_hgq(model: Any) -> None:
    """Check a model of Keras 3 before hls4ml's parser sees it.

    Raises:
        UnsupportedLayerError: a layer of another package or kind, by its name; no layer of HGQ2; a model that is not built.
    """
    if not getattr(model, "built", False):
        raise UnsupportedLayerError(
            f"model '{model.name}' is not built; build it as a Sequential or functional model with an Input"
        )
    theirs = False
    for layer in model.layers:
        kind, package = type(layer).__name__, type(layer).__module__.split(".")[0]
        theirs = theirs or package == "hgq"
        if kind not in (HGQ if package == "hgq" else PLAIN if package == "keras" else ()):
            raise UnsupportedLayerError(
                f"layer '{layer.name}' ({package}'s {kind}): it has no lowering. Use HGQ2's {', '.join(HGQ)}, or Keras' "
                f"{', '.join(PLAIN)}"
            )
    if not theirs:
        raise UnsupportedLayerError(
            f"model '{model.name}' is of Keras 3 without layers of HGQ2: nothing says its number formats. Train it with HGQ2, or "
            "take Keras 2 (docs/front_ends.md)"
        )


__all__ = ["HGQ", "PLAIN", "check_hgq", "is_keras3"]
