# SPDX-License-Identifier: Apache-2.0
"""Keras 2 models beside Keras 3: which of hls4ml's parsers reads a model is asked of the model.

hls4ml asks the module `keras` for its version. Since TensorFlow 2.16 that module is Keras 3 while QKeras' models and ours are of
Keras 2 (`tf_keras`), so that its parser of Keras 3 meets models that it cannot read. Those, and no others, go to its parser of
Keras 2 from here on; the module `keras` stays what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from dietcnn_hls.backend.readers.keras.modern import InKeras2Words

_ROUTED = "dietcnn_routed"


def is_keras2(model: Any) -> bool:
    """Whether a model is one of `tf_keras`, or speaks as one does."""
    return isinstance(model, InKeras2Words) or any(base.__module__.split(".")[0] == "tf_keras" for base in type(model).__mro__)


def route_keras2() -> None:
    """Make hls4ml choose by the model; harmless when done twice. Needs a fully imported hls4ml."""
    from hls4ml import converters

    converters.keras_v3_to_hls = _routed(converters.keras_v3_to_hls, _convert, lambda config: config.get("KerasModel"))
    converters.parse_keras_v3_model = _routed(converters.parse_keras_v3_model, _parse, lambda model: model)


def _routed(theirs: Callable[..., Any], ours: Callable[[Any], Any], model_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """hls4ml's function for models of Keras 3, and `ours` for those of Keras 2."""
    if hasattr(theirs, _ROUTED):
        return theirs

    @wraps(theirs)
    def by_model(given: Any, *options: Any, **named: Any) -> Any:
        return ours(given) if is_keras2(model_of(given)) else theirs(given, *options, **named)

    setattr(by_model, _ROUTED, True)
    return by_model


def _convert(config: Any) -> Any:
    from hls4ml import converters

    return converters.keras_v2_to_hls(config)


def _parse(model: Any) -> Any:
    from hls4ml import converters

    return converters.parse_keras_model(json.loads(model.to_json()), converters.KerasModelReader(model))


__all__ = ["is_keras2", "route_keras2"]
