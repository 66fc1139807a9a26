# SPDX-License-Identifier: Apache-2.0
"""What comes from outside as plain data (YAML, JSON, keyword arguments), checked against documented models: one ConfigError each.

Every message names the source, the path of the key, what is wrong with the value and, where there is one, the nearest known
name. Values are shown shortened, so that no input can make a message long or slow.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from dietcnn_hls.errors import ConfigError, suggest

DEPTH = 40
"""Levels to which plain data may nest; no key of ours stands below the tenth."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_short = reprlib.Repr()
_short.maxlevel, _short.maxdict, _short.maxlist, _short.maxtuple = 3, 6, 6, 6
_short.maxstring = _short.maxlong = _short.maxother = 80


def shown(value: object) -> str:
    """A value for a message: its ``repr``, shortened, in one line."""
    try:
        return re.sub(r"\s*\n\s*", " ", _short.repr(value))
    except ValueError:  # an integer of more digits than Python prints
        return f"a number of {math.ceil(int(value).bit_length() * math.log10(2))} digits"  # type: ignore[call-overload]


def validate(model: type[BaseModel], data: Mapping[str, Any], source: str) -> Any:
    """``model`` made of `data`; `source` names where the data come from.

    Raises:
        ConfigError: with the path of the first key that is wrong, what is wrong, and the nearest known key or value.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{source}: give a mapping of keys (got {shown(data)})")
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(f"{source}: {describe(error, model)}") from None


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first failure of a validation in one line."""
    first = error.errors()[0]
    path = ".".join(str(part)[:80] for part in first["loc"]) or "(top level)"
    if first["type"] == "extra_forbidden":
        return f"unknown key '{path}'.{suggest(str(first['loc'][-1])[:80], _fields_at(model, first['loc'][:-1]))}"
    message = re.sub(r"^Value error, ", "", first["msg"])
    value = first.get("input")
    return f"{path}: {message} (got {shown(value)}).{_nearest(first, value)}".removesuffix(".")


def _nearest(error: Any, value: object) -> str:
    """The nearest of the values that are listed already; empty where none is near."""
    if error["type"] != "literal_error" or not isinstance(value, str):
        return ""
    close = difflib.get_close_matches(value[:80], re.findall(r"'([^']*)'", str(error["ctx"]["expected"])), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Names of the keys allowed at a path of nested models."""
    current: Any = model
    for part in path:
        field = getattr(current, "model_fields", {}).get(str(part))
        current = field.annotation if field else None
    return sorted(getattr(current, "model_fields", {}))


def check_plain(data: object, source: str) -> None:
    """Refuse what no key of ours can mean, wherever it stands: NaN, Inf, numbers beyond 64 bits, keys that are no text, depth.

    Raises:
        ConfigError: with the path of the first such value.
    """
    todo: list[tuple[tuple[str, ...], object]] = [((), data)]
    while todo:  # not recursive: data may nest deeper than Python's stack
        path, value = todo.pop()
        where = ".".join(path) or "(top level)"
        if len(path) > DEPTH:
            raise ConfigError(f"{source}: {'.'.join(path[:4])}...: nested more than {DEPTH} levels deep")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{source}: {where}: {value} is no number that a key can have")
        if isinstance(value, int) and value.bit_length() > 63:
            raise ConfigError(f"{source}: {where}: a number of more than 64 bits (got {shown(value)})")
        if isinstance(value, str) and _SURROGATE.search(value):
            raise ConfigError(f"{source}: {where}: text that is no Unicode (got {shown(value)})")
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str) or _SURROGATE.search(key):
                    raise ConfigError(f"{source}: {where}: keys are text (got {shown(key)}); write it in quotes")
            todo += reversed([((*path, key), item) for key, item in value.items()])
        elif isinstance(value, (list, tuple)):
            todo += reversed([((*path, str(index)), item) for index, item in enumerate(value)])


def parse_json(text: str | bytes, source: str) -> Any:
    """JSON in which no key is given twice; `source` names it in errors. What the data may hold is `check_plain`'s to say.

    Raises:
        ConfigError: text that is no such JSON.
    """

    def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ValueError(f"key '{key[:80]}' is given twice")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, too many digits, or too deep to parse
        reason = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{source} is not readable as JSON: {reason}") from error


__all__ = ["check_plain", "describe", "parse_json", "shown", "validate"]
