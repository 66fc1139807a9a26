# SPDX-License-Identifier: Apache-2.0
"""Which package a layer is of, and which Keras a model; asked without importing anything."""

from __future__ import annotations

import sys
from typing import Any


def package_of(layer: Any) -> str:
    """The top package in which a layer's class is defined."""
    return type(layer).__module__.split(".")[0]


def is_keras3(model: Any) -> bool:
    """Whether a model is one of Keras 3."""
    keras = sys.modules.get("keras")
    ours = any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__)
    return ours and str(getattr(keras, "__version__", "2")) >= "3"


__all__ = ["is_keras3", "package_of"]
