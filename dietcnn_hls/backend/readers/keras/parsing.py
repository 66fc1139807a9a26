# SPDX-License-Identifier: Apache-2.0
"""What hls4ml's own parser cannot read, told of by the layer's name.

The parser runs before this backend sees a model, and ends in exceptions of any type that name a class or nothing at all. Where
the design is to be ours, such an end becomes a refusal of the layer that the parser was at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any

from dietcnn_hls.errors import DietError

_NAMED = "dietcnn_named"
_PARSER = "hls4ml.converters"


def name_refusals(backend: str) -> None:
    """Wrap hls4ml's two conversions for models that `backend` is to take; harmless when done twice."""
    from hls4ml import converters

    for name in ("keras_v2_to_hls", "keras_v3_to_hls"):
        theirs = getattr(converters, name)
        if not hasattr(theirs, _NAMED):
            setattr(converters, name, _named(theirs, backend))


def _named(theirs: Callable[..., Any], backend: str) -> Callable[..., Any]:
    from dietcnn_hls.backend.readers.keras.refusals import unsupported

    @wraps(theirs)
    def by_layer(config: Any, *options: Any, **named: Any) -> Any:
        try:
            return theirs(config, *options, **named)
        except DietError:
            raise
        except Exception as error:  # the parser raises nearly anything
            layer = _layer(error.__traceback__)
            if str(config.get("Backend")).lower() != backend.lower() or layer is None:
                raise
            said = f"hls4ml's parser stops at it ({str(error) or type(error).__name__})"
            raise unsupported(
                *layer, f"{said}; write it with layers of docs/layers.md, an activation as a layer of its own"
            ) from error

    setattr(by_layer, _NAMED, True)
    return by_layer


def _layer(trace: TracebackType | None) -> tuple[str, str] | None:
    """Name and class of the layer that the parser was at, the outermost of several; None behind the parser."""
    found = None
    while trace is not None:
        scope = trace.tb_frame
        if str(scope.f_globals.get("__name__")).startswith(_PARSER):
            layer = scope.f_locals.get("keras_layer")
            if found is None and isinstance(layer, dict) and isinstance(layer.get("config"), dict):
                found = str(layer["config"].get("name", "")), str(layer.get("class_name", ""))
            own = scope.f_locals.get("layer")
            if found is None and own is not None and hasattr(own, "get_config"):
                found = str(own.name), type(own).__name__
        elif found is not None and str(scope.f_globals.get("__name__")).startswith("hls4ml.model"):
            return None
        trace = trace.tb_next
    return found


__all__ = ["name_refusals"]
