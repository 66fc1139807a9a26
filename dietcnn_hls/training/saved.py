# SPDX-License-Identifier: Apache-2.0
"""What a file of a saved Keras model asks for, read before Keras does as it says.

A saved model can name functions to import and hold functions as byte code: loading one is running it. A file is data here, so
those that ask for anything but layers, quantisers and the like of Keras, QKeras and this package are refused, unloaded.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py  # type: ignore[import-untyped]

from dietcnn_hls.errors import OutputError

_PACKAGES = ("keras", "tf_keras", "qkeras", "dietcnn_hls", "tensorflow_model_optimization", "builtins")
_LARGEST = 1 << 28


def check_description(path: str | os.PathLike[str]) -> None:
    """Refuse a model's file that would run code of its own; OutputError names the layer. A file that is no model passes."""
    description = _description(path)
    if description is None:
        return
    for found, layer in _objects(description):
        where = f"{path}: layer '{layer}'" if layer else f"{path}: its description"
        word, module = found.get("class_name"), found.get("module")
        if isinstance(word, str) and (word.endswith(("Lambda", "OpLayer")) or word == "__lambda__"):
            raise OutputError(
                f"{where} ({word}) holds code, which loading the file would run; build the model without it, of layers of Keras"
            )
        if module is not None and str(module).split(".")[0] not in _PACKAGES:
            raise OutputError(
                f"{where} names '{word}' of the module '{module}', which loading the file would import; pass the model itself"
                " instead of its file where you trust it"
            )


def _description(path: str | os.PathLike[str]) -> Any:
    """The layers' configurations as JSON says them, or None in what is neither of Keras' two kinds of file."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open("config.json") as file:
                return json.loads(file.read(_LARGEST))
        with h5py.File(path) as file:
            text = file.attrs["model_config"]
            return json.loads(text.decode() if isinstance(text, bytes) else text)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, RecursionError, NotImplementedError):
        return None  # Keras says what is wrong with it


def _objects(description: Any) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Every serialised object with the name of the layer that it belongs to."""
    todo: list[tuple[Any, str | None]] = [(description, None)]
    while todo:
        value, layer = todo.pop()
        if isinstance(value, list):
            todo += [(item, layer) for item in value]
        elif isinstance(value, dict):
            config = value.get("config")
            if "class_name" in value:
                if isinstance(config, dict) and isinstance(config.get("name"), str):
                    layer = config["name"]
                yield value, layer
            todo += [(item, layer) for item in value.values()]


__all__ = ["check_description"]
