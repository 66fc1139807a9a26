# SPDX-License-Identifier: Apache-2.0
"""Registry of methods: every sub-package that exposes ``METHOD`` is one. Adding a folder is all it takes."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dietcnn_hls.errors import ConfigError, UnsupportedLayerError, suggest
from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import Method


@cache
def available() -> dict[str, Method]:
    """All methods by name, in alphabetical order."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.ispkg:
            method = importlib.import_module(f"{__name__}.{info.name}").METHOD
            found[method.name] = method
    return dict(sorted(found.items()))


def get(name: str) -> Method:
    """The method called `name`; ConfigError with a suggestion otherwise."""
    try:
        return available()[name]
    except KeyError:
        raise ConfigError(f"unknown method '{name}'.{suggest(name, available())}") from None


def for_quantizer(class_name: str, layer: str) -> Method:
    """The method that lowers kernels of this Keras quantiser class."""
    short = class_name.rsplit(">", 1)[-1]
    for method in available().values():
        if short in method.quantizers:
            return method
    raise UnsupportedLayerError(
        f"layer '{layer}': no method lowers the kernel quantiser '{short}'. Use a quantiser of "
        f"{', '.join(q for m in available().values() for q in m.quantizers)}, or convert the model with a method's quantize()."
    )


def kernel_types() -> dict[str, type[Kernel]]:
    """All kernel classes by name, for loading saved graphs."""
    return {k.__name__: k for m in available().values() for k in m.kernels}


__all__ = ["available", "for_quantizer", "get", "kernel_types"]
