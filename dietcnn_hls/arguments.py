# SPDX-License-Identifier: Apache-2.0
"""Allow-lists: every argument of a front end's layer or quantiser is read, or changes nothing at inference, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.errors import UnsupportedLayerError


@dataclass(frozen=True)
class Only:
    """An argument that may have these values and no others.

    Attributes:
        values: what it may be; numbers are compared by value, so 1, 1.0 and True are one.
        remedy: what to do instead; by default to use the first of the values.
    """

    values: tuple[Any, ...]
    remedy: str | None = None

    def allows(self, value: Any) -> bool:
        return any(_same(value, allowed) for allowed in self.values)


READ = None
"""Rule of an argument whose every value has its meaning: the reader uses it, or inference does not depend on it."""

Rule = Only | None
Rules = Mapping[str, Rule]


def check_arguments(layer: str, kind: str, given: Mapping[str, Any], rules: Rules) -> None:
    """Refuse what `rules` do not allow. None stands for an argument that was not given.

    Args:
        layer: name of the model's layer, for the message.
        kind: whose arguments they are: the layer's or its quantiser's class.
        given: argument -> value.
        rules: argument -> what it may be.

    Raises:
        UnsupportedLayerError: an argument that is unknown or has another value; names it and the remedy.
    """
    for name, value in given.items():
        if name not in rules:
            if value is not None:
                raise UnsupportedLayerError(
                    f"layer '{layer}' ({kind}): {name}={_shown(value)} has no lowering: this argument is unknown; leave it out"
                )
            continue
        rule = rules[name]
        if rule is not None and not rule.allows(value):
            remedy = rule.remedy or f"use {name}={_shown(rule.values[0])}"
            raise UnsupportedLayerError(f"layer '{layer}' ({kind}): {name}={_shown(value)} has no lowering: {remedy}")


def _same(value: Any, allowed: Any) -> bool:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, tuple | list) and isinstance(allowed, tuple | list):
        return len(value) == len(allowed) and all(_same(a, b) for a, b in zip(value, allowed, strict=True))
    if value is None or allowed is None or isinstance(value, str) or isinstance(allowed, str):
        return type(value) is type(allowed) and value == allowed
    try:
        return bool(value == allowed)
    except (TypeError, ValueError):
        return False


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "class_name" in value:  # an object as it is saved
        return f"{value['class_name']}({_shown(value.get('config'))})"
    text = repr(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."


__all__ = ["READ", "Only", "Rule", "Rules", "check_arguments"]
