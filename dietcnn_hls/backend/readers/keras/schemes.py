# SPDX-License-Identifier: Apache-2.0
"""Keras' kernel quantisers to weight schemes: every method's own reader, found beside it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.methods.base import Method, QuantizerReader, Scheme


def read_scheme(layer: str, quantizer: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> Scheme:
    """The scheme that a kernel quantiser stands for.

    Args:
        layer: name of the model's layer, for messages.
        quantizer: Keras config, ``{"class_name": ..., "config": {...}}``.
        state: the quantiser's variables by short name.

    Raises:
        UnsupportedLayerError: no method reads quantisers of this class, or not with these arguments.
        LoweringError: numbers that are not finite or off their grid.
    """
    kind = str(quantizer["class_name"]).rsplit(">", 1)[-1]
    readers = _readers()
    if kind not in readers:
        raise UnsupportedLayerError(
            f"layer '{layer}': no method lowers the kernel quantiser '{kind}'. Use a quantiser of {', '.join(sorted(readers))}, "
            "or convert the float model with a method's quantize()."
        )
    return readers[kind](layer, quantizer["config"], state)


def _readers() -> dict[str, QuantizerReader]:
    return {kind: reader for method in methods.available().values() for kind, reader in _readers_of(method).items()}


def _readers_of(method: Method) -> Mapping[str, QuantizerReader]:
    """``QUANTIZERS`` of the module `reader` beside a method's own module, where there is one."""
    name = f"{type(method).__module__}.reader"
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # the method's module is no package
        return {}
    return {} if found is None else importlib.import_module(name).QUANTIZERS


__all__ = ["read_scheme"]
