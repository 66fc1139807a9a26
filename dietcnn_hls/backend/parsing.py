# SPDX-License-Identifier: Apache-2.0
"""hls4ml's Keras parser as this backend uses it: models in a form that it can read, and its refusals by the layer's name.

The parser runs before this backend sees a model, and ends in exceptions of any type that name a class or nothing at all. Where
the design is to be ours, it gets an `architecture` that it reads, handlers of what it has none for, and such an end becomes a
refusal of the layer that it was at. Other backends see hls4ml as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import Any

from dietcnn_hls.backend.readers.keras.architecture import models_of, prepared, read_architecture
from dietcnn_hls.backend.readers.keras.handlers import register_handlers
from dietcnn_hls.backend.readers.keras.modern import in_keras2_words
from dietcnn_hls.backend.readers.keras.refusals import check_kind, unparsed
from dietcnn_hls.backend.readers.keras.sharing import entries_of
from dietcnn_hls.backend.readers.stock.handlers import handlers
from dietcnn_hls.errors import DietError

_OWN = "dietcnn_own"
_PARSER = "hls4ml.converters"
_MODULE = "hls4ml.converters.keras_v2_to_hls"


def own_parser(backend: str) -> None:
    """Make our layers known to hls4ml, and wrap its conversions for models for `backend`; harmless when done twice."""
    from hls4ml import converters

    register_handlers()

    for name, prepare in (("keras_v2_to_hls", _prepare), ("keras_v3_to_hls", None)):
        theirs = getattr(converters, name)
        if not hasattr(theirs, _OWN):
            setattr(converters, name, _converting(theirs, backend, prepare))


def own_configuration(backend: str) -> None:
    """Wrap hls4ml's function that makes a configuration of a Keras model, likewise."""
    from hls4ml import utils
    from hls4ml.utils import config

    theirs = config.config_from_keras_model
    if hasattr(theirs, _OWN):
        return

    @wraps(theirs)
    def by_layer(model: Any, granularity: str = "model", backend_name: str | None = None, *options: Any, **named: Any) -> Any:
        given = named.pop("backend", backend_name)
        if str(given).lower() != backend.lower():
            return theirs(model, granularity, given, *options, **named)
        own_parser(backend)
        with _our_parser(), _naming():
            return theirs(in_keras2_words(model), granularity, given, *options, **named)

    setattr(by_layer, _OWN, True)
    config.config_from_keras_model = utils.config_from_keras_model = by_layer


@contextmanager
def _our_parser() -> Iterator[None]:
    """hls4ml's parser reads prepared architectures, by handlers of ours where it has none."""
    import hls4ml

    converters: Any = hls4ml.converters
    module: Any = sys.modules[_MODULE]  # `hls4ml.converters.keras_v2_to_hls` is the function of that name
    theirs, known = module.parse_keras_model, dict(module.layer_handlers)
    if hasattr(theirs, _OWN):  # one conversion calls another: beside Keras 3, Keras 2's goes through both
        yield
        return

    def parse(architecture: Any, reader: Any) -> Any:
        made = prepared(architecture, reader)
        return theirs(made.architecture, made.reader)

    setattr(parse, _OWN, True)
    module.layer_handlers.update(handlers(known))
    module.parse_keras_model = converters.parse_keras_model = parse
    try:
        yield
    finally:
        module.layer_handlers.clear()
        module.layer_handlers.update(known)
        module.parse_keras_model = converters.parse_keras_model = theirs


@contextmanager
def _naming() -> Iterator[None]:
    """An exception of the parser's becomes a refusal of the layer that it was at."""
    try:
        yield
    except DietError:
        raise
    except Exception as error:  # the parser raises nearly anything
        layer = _layer(error.__traceback__)
        if layer is None:
            raise
        raise unparsed(*layer, str(error) or type(error).__name__) from error


def _converting(theirs: Callable[..., Any], backend: str, prepare: Callable[[Any], None] | None) -> Callable[..., Any]:
    @wraps(theirs)
    def by_layer(config: Any, *options: Any, **named: Any) -> Any:
        if str(config.get("Backend")).lower() != backend.lower():
            return theirs(config, *options, **named)
        if "KerasModel" in config:
            config["KerasModel"] = in_keras2_words(config["KerasModel"])
        with _our_parser(), _naming():
            if prepare is not None:
                prepare(config)
            return theirs(config, *options, **named)

    setattr(by_layer, _OWN, True)
    return by_layer


def _prepare(config: dict[str, Any]) -> None:
    """Refuse what has no lowering whatever is said of it, and let copies of a layer have what the configuration says of it."""
    made = read_architecture(config)
    kinds = {
        str(each["config"]["name"]): str(each["class_name"])
        for model in models_of(made.architecture)
        for each in entries_of(model)
    }
    for name, kind in kinds.items():
        check_kind(name, kind.rsplit(">", 1)[-1])
    hls = config.get("HLSConfig") or {}
    given = hls.get("LayerName") or {}
    if not isinstance(given, Mapping):
        return  # refused by its key
    entries = {step: {"Precision": {"result": "auto"}} for step in made.between if step not in given}
    owners = {key: max((name for name in kinds if f"{key}_".startswith(f"{name}_")), key=len, default=key) for key in given}
    for old, new in made.names.pairs():
        if new not in given and kinds[new] != "InputLayer":
            entries |= {new + key.removeprefix(old): given[key] for key, owner in owners.items() if owner == old}
    if entries:
        config["HLSConfig"] = {**hls, "LayerName": {**entries, **given}}


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


__all__ = ["own_configuration", "own_parser"]
