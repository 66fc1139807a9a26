# SPDX-License-Identifier: Apache-2.0
"""Multiplication-free CNN inference on Xilinx FPGAs.

The public names are loaded when first used, so that ``import dietcnn_hls`` is quick and imports no TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dietcnn_hls import finders

if TYPE_CHECKING:
    from dietcnn_hls import methods
    from dietcnn_hls.api import convert, convert_and_build
    from dietcnn_hls.backend.functions import register_activation
    from dietcnn_hls.data import datasets
    from dietcnn_hls.reports.compare import compare
    from dietcnn_hls.reports.model import Report
    from dietcnn_hls.training import layers

_HOMES = {
    "Report": ("dietcnn_hls.reports.model", "Report"),
    "compare": ("dietcnn_hls.reports.compare", "compare"),
    "convert": ("dietcnn_hls.api", "convert"),
    "convert_and_build": ("dietcnn_hls.api", "convert_and_build"),
    "datasets": ("dietcnn_hls.data.datasets", None),
    "layers": ("dietcnn_hls.training.layers", None),
    "methods": ("dietcnn_hls.methods", None),
    "register_activation": ("dietcnn_hls.backend.functions", "register_activation"),
}

__all__ = ["Report", "compare", "convert", "convert_and_build", "datasets", "layers", "methods", "register_activation"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dietcnn_hls")
    if name not in _HOMES:
        raise AttributeError(f"module 'dietcnn_hls' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    loaded = import_module(module)
    return loaded if attribute is None else getattr(loaded, attribute)


def _register_methods() -> None:
    """Saved graphs name kernels, which the methods register; neither is loaded before a graph asks for one."""
    import_module("dietcnn_hls.methods").available()


finders.add(_register_methods)
