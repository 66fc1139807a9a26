# SPDX-License-Identifier: Apache-2.0
"""Registry of methods: every sub-package that exposes ``METHOD`` is one. Adding a folder is all it takes.

Methods that live elsewhere are added by `register`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dietcnn_hls.errors import ConfigError, UnsupportedLayerError, suggest
from dietcnn_hls.lowered import forget_kernel, register_kernel
from dietcnn_hls.methods.base import Method, Scheme

_ADDED: dict[str, Method] = {}


@cache
def _by_folder() -> dict[str, Method]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.ispkg:
            method: Method = importlib.import_module(f"{__name__}.{info.name}").METHOD
            found[method.name] = method
            for kernel in method.kernels:
                register_kernel(kernel)
    return found


def available() -> dict[str, Method]:
    """All methods by name, in alphabetical order."""
    return dict(sorted((_by_folder() | _ADDED).items()))


def register(method: Method) -> Method:
    """Add a method that lives outside this package, and its kernels, until `forget` is called.

    Raises:
        ConfigError: another method has that name.
        LoweringError: another kernel has the name of one of its.
    """
    if available().get(method.name, method) is not method:
        raise ConfigError(f"there is a method '{method.name}' already; choose another name")
    for kernel in method.kernels:
        register_kernel(kernel)
    _ADDED[method.name] = method
    return method


def forget(method: Method) -> None:
    """Undo `register`; nothing happens where it is not registered."""
    if _ADDED.get(method.name) is method:
        del _ADDED[method.name]
        for kernel in method.kernels:
            forget_kernel(kernel)


def get(name: str) -> Method:
    """The method called `name`; ConfigError with a suggestion otherwise."""
    try:
        return available()[name]
    except KeyError:
        raise ConfigError(f"unknown method '{name}'.{suggest(name, available())}") from None


def for_scheme(scheme: Scheme, layer: str) -> Method:
    """The method that lowers layers of this weight scheme."""
    for method in available().values():
        if isinstance(scheme, method.schemes):
            return method
    raise UnsupportedLayerError(f"layer '{layer}': no method lowers weights of a {type(scheme).__name__}")


__all__ = ["available", "for_scheme", "forget", "get", "register"]
