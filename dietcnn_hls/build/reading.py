# SPDX-License-Identifier: Apache-2.0
"""A configuration file as plain data: YAML of which every part is meant, or one ConfigError with file and line.

YAML lets a key stand twice, an alias grow a small file into an endless one, and a tag stand for a date or an object; none of
these can be meant by a configuration, so none is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.validation import DEPTH, check_plain, shown

_SHORT_FORMS = ("network", "dataset", "method")
"""Groups of keys for which a name alone may stand: `method: dietcnn` is `method: {name: dietcnn}`."""


class _Loader(yaml.SafeLoader):
    """Plain values only: text, numbers, true and false, null, lists and mappings whose keys are different words."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()
            raise _refused(event, f"an alias (*{event.anchor}) is not taken; write the value out")
        self.depth += 1
        if self.depth > DEPTH:
            raise _refused(self.peek_event(), f"nested more than {DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(key_node, f"keys are text (got {shown(key)}); write it in quotes")
            if key in seen:
                raise _refused(key_node, f"key '{key[:80]}' is given twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def refuse_tag(self, node: Any) -> Any:
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        raise _refused(node, f"a value of the type '{kind[:80]}' is not taken; write text in quotes")


_TAG = "tag:yaml.org,2002:"
_PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
# The core of YAML without what reads as something else than it looks: 010 as eight, 1:30 as ninety, 1e-3 as text, dates.
_INT = r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)"
_FLOAT = (
    r"[-+]?([0-9]+[eE][-+]?[0-9]+|([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)"
    r"|\.nan|\.NaN|\.NAN"
)
_Loader.yaml_constructors = {f"{_TAG}{kind}": yaml.SafeLoader.yaml_constructors[f"{_TAG}{kind}"] for kind in _PLAIN}
_Loader.yaml_constructors[None] = _Loader.refuse_tag
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag in (f"{_TAG}null", f"{_TAG}bool")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _pattern in (("int", _INT), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"^({_pattern})$"), list("-+0123456789."))


def _refused(place: Any, reason: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, reason, place.start_mark)


def read(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The mapping in a YAML file after ``key.path=value`` overrides.

    Raises:
        ConfigError: a file that cannot be read, is not UTF-8, is no YAML or no mapping, holds what a configuration cannot mean.
    """
    data = parse_yaml(_text(path), str(path))
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of keys; see projects/digits_lenet/config.yml")
    for override in overrides:
        _override(data, override)
    return data


def parse_yaml(text: str, source: str) -> Any:
    """Plain data of a YAML text; `source` names it in errors."""
    try:
        data = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
        raise ConfigError(f"{source} is not YAML of a configuration{place}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # control characters; a number that Python cannot read
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{source} is not YAML of a configuration: {reason}") from error
    check_plain(data, source)
    return data


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8") from error


def _override(data: dict[str, Any], text: str) -> None:
    """Apply ``a.b.c=value``; the value is YAML."""
    path, separator, value = text.partition("=")
    if not separator or not is_path(path):
        raise ConfigError(f"--set takes key.path=value, got '{text[:80]}'")
    put(data, path, parse_yaml(value, f"--set {text[:80]}: the value"), f"--set {text[:80]}")


def put(data: dict[str, Any], path: str, value: Any, source: str) -> None:
    """Set the key at a dotted path, in groups that are made where there are none; `source` names it in errors.

    Raises:
        ConfigError: a path that leads through a value.
    """
    *groups, last = path.split(".")
    for key in groups:
        inner = data.setdefault(key, {})
        if isinstance(inner, str) and key in _SHORT_FORMS:
            inner = data[key] = {"name": inner}
        if not isinstance(inner, dict):
            raise ConfigError(f"{source}: '{key}' is not a group of keys")
        data = inner
    data[last] = value


def is_path(text: str) -> bool:
    """Whether a text can be the dotted path of a key."""
    keys = text.split(".")
    return all(keys) and len(keys) <= DEPTH


def expanded(data: dict[str, Any]) -> dict[str, Any]:
    """The data with short forms written out."""
    return data | {key: {"name": data[key]} for key in _SHORT_FORMS if isinstance(data.get(key), str)}


__all__ = ["expanded", "is_path", "parse_yaml", "put", "read"]
