# SPDX-License-Identifier: Apache-2.0
"""What a stage has found, and how the facts of all stages become one: the parts of ``report.json`` in the file's own form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel

from dietcnn_hls.reports.model import ESTIMATE


@dataclass(frozen=True, eq=False)
class Facts:
    """What one stage has found.

    Attributes:
        sections: parts of a report by its keys, as JSON; ``layers`` by layer name.
        outputs: what the stage made of the first test images, (N, ...) codes or values; None where it simulates nothing.
    """

    sections: Mapping[str, Any] = field(default_factory=dict)
    outputs: np.ndarray | None = None

    @classmethod
    def of(cls, outputs: np.ndarray | None = None, **sections: Any) -> Facts:
        """Facts from sections of the report's model, or plain data; None is not measured."""
        return cls({key: plain(value) for key, value in sections.items() if value is not None}, outputs)


def plain(value: Any) -> Any:
    """Sections of a report in their JSON form, wherever they stand in plain data; what is None is left out."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


_JOINED = ("memory", "timings_s", "versions", "bit_exact")
"""Sections whose keys several stages fill; of the others, the latest stage's stands for the design."""


def merge(into: dict[str, Any], sections: Mapping[str, Any]) -> None:
    """Add the sections of one stage to what earlier stages have found.

    Resources that a tool measured move to ``other_resources`` when a later tool's take their place.
    """
    for key, value in sections.items():
        if key == "layers":
            for name, entry in value.items():
                into.setdefault("layers", {}).setdefault(name, {}).update(entry)
        elif key == "accuracy":
            _merge_accuracy(into.setdefault("accuracy", {}), value)
        elif key in _JOINED:
            into[key] = into.get(key, {}) | value
        elif key == "other_resources":
            into[key] = [*into.get(key, []), *value]
        else:
            earlier = into.get("resources") if key == "resources" else None
            if earlier and earlier["source"] != ESTIMATE:
                into["other_resources"] = [*into.get("other_resources", []), earlier]
            into[key] = value


def _merge_accuracy(into: dict[str, Any], value: Mapping[str, Any]) -> None:
    """Figures by form, and by form the images that they were taken on."""
    for key, item in value.items():
        into[key] = into.get(key, {}) | item if isinstance(item, Mapping) else item


__all__ = ["Facts", "merge", "plain"]
