# SPDX-License-Identifier: Apache-2.0
"""What hls4ml's save() writes of a lowered layer, and how `hls4ml.converters.load_saved_model` gets it back."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from hls4ml.model.types import Serializable

from dietcnn_hls.lowered import Fold
from dietcnn_hls.lowered.storage import from_plain, to_plain


class Packed(Serializable):
    """An operation or a stream as text; hls4ml's loader makes the value itself of it again."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def serialize_state(self) -> dict[str, Any]:
        description, arrays = to_plain(self.value)
        return {"description": json.dumps(description), "arrays": {key: _text(array) for key, array in arrays.items()}}

    @classmethod
    def deserialize(cls, state: dict[str, Any]) -> Any:
        return from_plain(json.loads(state["description"]), {key: _array(text) for key, text in state["arrays"].items()})


class PackedFold(Serializable):
    """A fold, likewise."""

    def __init__(self, fold: Fold) -> None:
        self.fold = fold

    def serialize_state(self) -> dict[str, int]:
        return {"pe": self.fold.pe, "simd": self.fold.simd}

    @classmethod
    def deserialize(cls, state: dict[str, int]) -> Any:
        return Fold(**state)


def _text(array: np.ndarray) -> str:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def _array(text: str) -> np.ndarray:
    array: np.ndarray = np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
    return array


__all__ = ["Packed", "PackedFold"]
