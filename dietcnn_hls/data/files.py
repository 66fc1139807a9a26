# SPDX-License-Identifier: Apache-2.0
"""Readers of dataset files: idx (MNIST, Fashion-MNIST), pickled batches (CIFAR-10), .mat (SVHN) and a user's .npz.

They return arrays as the files hold them; `dietcnn_hls.data.datasets` finds the files and checks what comes out. CIFAR-10's
pickles are read by an unpickler that knows numpy arrays and nothing else.
"""

from __future__ import annotations

import codecs
import gzip
import math
import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dietcnn_hls.errors import DatasetError


class Raw(NamedTuple):
    """Arrays as a file holds them, before any check."""

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]


def read_mnist(paths: list[Path]) -> Raw:
    """Read the four idx files of MNIST or Fashion-MNIST: training images and labels, test images and labels."""
    x_train, y_train, x_test, y_test = (_read_idx(path, dims) for path, dims in zip(paths, (3, 1, 3, 1), strict=True))
    return Raw(x_train, y_train, x_test, y_test)


def _read_idx(path: Path, dims: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, packed or not: magic 0x0000080<dims>, big-endian sizes, then the bytes."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}); fetch it again") from error
    header = 4 + 4 * dims
    if len(data) < header or data[:4] != bytes([0, 0, 8, dims]):
        raise DatasetError(f"{path} is no idx file of {dims}-dimensional bytes; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", dims, 4))
    if len(data) - header != math.prod(shape):
        raise DatasetError(f"{path} holds {len(data) - header} bytes where its header states {shape}; fetch it again")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, by which Python 3 spells bytes in an old pickle; any other codec is refused."""
    if codecs.lookup(encoding).name != "iso8859-1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
    return text.encode("latin-1")


_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],  # type: ignore[index]
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that builds plain containers and numpy arrays; any other class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_cifar10(paths: list[Path]) -> Raw:
    """Read CIFAR-10's batches; the last file is the test batch."""
    batches = [_read_cifar10_batch(path) for path in paths]
    train = [np.concatenate(parts) for parts in zip(*batches[:-1], strict=True)]
    return Raw(train[0], train[1], *batches[-1])


def _read_cifar10_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Read one pickled batch; its rows are the planes R, G, B of 32 x 32 pixels."""
    try:
        with path.open("rb") as stream:
            batch = _ArrayUnpickler(stream, encoding="bytes").load()
        data, labels = batch[b"data"], np.asarray(batch[b"labels"])
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise DatasetError(f"{path} is no CIFAR-10 batch ({reason}); fetch the Python version of CIFAR-10 again") from error
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DatasetError(f"{path} is no CIFAR-10 batch: its data is {found}, not uint8 (N, 3072)")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def read_svhn(paths: list[Path]) -> Raw:
    """Read SVHN's train_32x32.mat and test_32x32.mat."""
    return Raw(*_read_svhn_file(paths[0]), *_read_svhn_file(paths[1]))


def _read_svhn_file(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read a cropped-digits .mat file: X (32, 32, 3, N), y (N, 1) with 10 for the digit 0."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise DatasetError("dataset 'svhn' is read by scipy; pip install 'dietcnn_hls[qkeras]'") from error
    try:
        content = loadmat(path)
        x, y = np.asarray(content["X"]), np.asarray(content["y"])
    except Exception as error:  # loadmat raises a dozen types on damaged files
        raise DatasetError(f"{path} is no SVHN file of cropped digits ({error}); fetch the 32x32 version again") from error
    if x.ndim != 4 or y.dtype.kind not in "iu":
        raise DatasetError(f"{path} is no SVHN file of cropped digits: X is {x.shape}, y is {y.dtype}")
    return x.transpose(3, 0, 1, 2), np.where(y == 10, 0, y)


def read_npz(path: Path) -> Raw:
    """Read a user's file; pickled objects in it are refused."""
    if not path.is_file():
        raise DatasetError(f"dataset file {path} does not exist")
    try:
        with np.load(path, allow_pickle=False) as content:
            missing = [key for key in Raw._fields if key not in content]
            if missing:
                raise DatasetError(f"{path} lacks the array(s) {', '.join(missing)}; it needs {', '.join(Raw._fields)}")
            return Raw(*(content[key] for key in Raw._fields))
    except DatasetError:
        raise
    except Exception as error:  # a damaged archive raises from zipfile, zlib or numpy
        raise DatasetError(f"{path} cannot be read as .npz ({error}); write it with numpy.savez, without objects") from error
