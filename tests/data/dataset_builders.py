# SPDX-License-Identifier: Apache-2.0
"""Tiny datasets in the formats of the real ones, for the tests of datasets and their files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.data.datasets import load
from dietcnn_hls.errors import DatasetError


def images(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (count, *shape)).astype(np.uint8)


def labels(count: int) -> np.ndarray:
    return np.arange(count) % 10


def idx(array: np.ndarray) -> bytes:
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_mnist(folder: Path, *, packed: bool = False, seed: int = 0, **replaced: np.ndarray) -> dict[str, np.ndarray]:
    arrays = {
        "train-images-idx3-ubyte": images(20, 28, 28, seed=seed),
        "train-labels-idx1-ubyte": labels(20),
        "t10k-images-idx3-ubyte": images(10, 28, 28, seed=seed + 1),
        "t10k-labels-idx1-ubyte": labels(10),
    }
    arrays |= {key.replace("_", "-"): value for key, value in replaced.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        data = idx(array)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)
    return arrays


def refused(name: str | Path, data_dir: Path | None = None, **options: Any) -> str:
    """Load what must not load and return the error's text."""
    with pytest.raises(DatasetError) as caught:
        load(name, data_dir, **options)
    return str(caught.value)
