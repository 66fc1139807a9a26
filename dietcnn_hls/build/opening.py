# SPDX-License-Identifier: Apache-2.0
"""Model files: of which kind one is, by its content, and the reader of each kind."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dietcnn_hls.errors import ConfigError, OutputError
from dietcnn_hls.lowered.storage import load_graph

KNOWN = "a Keras model, a saved one (.keras, .h5), a LoweredGraph or a saved one (.npz), or a QONNX model (.onnx)"
"""What a network may be given as."""


def load_keras(path: Path) -> Any:
    """A saved Keras model; OutputError where the file is none."""
    from dietcnn_hls.methods.keras import load_model

    return load_model(path)


def load_onnx(path: Path) -> Any:
    """A QONNX model; OutputError where the file is none."""
    from dietcnn_hls.backend.readers.onnx import load_onnx as load

    return load(path)


KINDS: Mapping[str, Callable[[Path], Any]] = {"lowered": load_graph, "keras": load_keras, "onnx": load_onnx}
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
            names = zipfile.ZipFile(path).namelist()
            return "keras" if "config.json" in names else "lowered" if any(name.endswith(".npy") for name in names) else None
    except (OSError, zipfile.BadZipFile):
        return None
    # an ONNX file begins with the first field of its ModelProto, a small number: the version of the format
    return "onnx" if len(start) > 2 and start[0] == 0x08 and start[1] < 0x40 else None


__all__ = ["KINDS", "KNOWN", "kind_of", "load_keras", "load_onnx", "open_model"]
