# SPDX-License-Identifier: Apache-2.0
"""Model files: of which kind one is, by its content, and the reader of each kind."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.lowered.storage import load_graph

KNOWN = "a Keras model, a saved one (.keras, .h5), a LoweredGraph or a saved one (.npz), or a QONNX model (.onnx)"
"""What a network may be given as."""


def load_keras(path: Path) -> Any:
    """A saved Keras model; OutputError where the file is none."""
    from dietcnn_hls.methods.keras import load_model

    return load_model(path)


def load_keras3(path: Path) -> Any:
    """A saved model of HGQ2's or QKeras' layers on Keras 3.

    Raises:
        ToolError: neither is installed.
        OutputError: the file is none.
    """
    try:
        import keras

        objects = _keras3_objects()
    except ImportError as error:
        raise ToolError(
            f"{path} is a model of Keras 3, which needs HGQ2 or qkeras-v3 ({error}); see docs/front_ends.md"
        ) from error
    try:
        return keras.models.load_model(path, custom_objects=objects, compile=False)
    except Exception as error:  # Keras raises nearly anything on a file that it cannot read
        raise OutputError(f"{path} is no model that Keras can load: {error}") from error


def _keras3_objects() -> dict[str, Any]:
    """What Keras must know to load layers of the package that is installed; ImportError where none is."""
    try:
        import hgq.layers  # noqa: F401  # makes its layers known to Keras
    except ImportError:
        objects: dict[str, Any] = {}
        # the package's own attribute `utils` is Keras'
        importlib.import_module("qkeras.utils")._add_supported_quantized_objects(objects)
        return objects
    return {}


def load_onnx(path: Path) -> Any:
    """A QONNX model; OutputError where the file is none."""
    from dietcnn_hls.backend.readers.onnx import load_onnx as load

    return load(path)


KINDS: Mapping[str, Callable[[Path], Any]] = {
    "lowered": load_graph,
    "keras": load_keras,
    "keras3": load_keras3,
    "onnx": load_onnx,
}
"""The reader of each kind of file."""

_SUFFIXES = {".npz": "lowered", ".keras": "keras", ".h5": "keras", ".hdf5": "keras", ".onnx": "onnx"}


def kind_of(path: Path) -> str:
    """The kind of a model file, one of `KINDS`, by its content; by its name where that does not tell.

    Raises:
        ConfigError: neither does.
    """
    found = _by_content(path) or _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise ConfigError(f"model: {path} is of no kind that is known; give {KNOWN}")
    return found


def open_model(path: Path) -> Any:
    """The model in a file: a `LoweredGraph`, a Keras model or an ONNX model.

    Raises:
        OutputError: no such file, or one that is damaged.
        ConfigError: of no kind that is known.
    """
    if not os.path.exists(path):  # unlike Path's, false for a path that no file system could have
        raise OutputError(f"model: {path} does not exist; give {KNOWN}")
    return KINDS["keras" if path.is_dir() else kind_of(path)](path)


def _by_content(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(b"\x89HDF"):
            return "keras"
        if start.startswith(b"PK") and zipfile.is_zipfile(path):
            return _of_archive(zipfile.ZipFile(path))
    except (OSError, zipfile.BadZipFile):
        return None
    # an ONNX file begins with the first field of its ModelProto, a small number: the version of the format
    return "onnx" if len(start) > 2 and start[0] == 0x08 and start[1] < 0x40 else None


def _of_archive(archive: zipfile.ZipFile) -> str | None:
    names = archive.namelist()
    if "config.json" not in names:
        return "lowered" if any(name.endswith(".npy") for name in names) else None
    try:
        metadata = json.loads(archive.read("metadata.json"))
        return "keras3" if str(metadata["keras_version"]).startswith("3.") else "keras"
    except (KeyError, TypeError, ValueError, NotImplementedError, RuntimeError, zlib.error):
        return "keras"  # whose loader says what is wrong with it


__all__ = ["KINDS", "KNOWN", "kind_of", "load_keras", "load_keras3", "load_onnx", "open_model"]
