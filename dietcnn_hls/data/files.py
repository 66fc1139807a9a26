# SPDX-License-Identifier: Apache-2.0
"""Readers of dataset files: idx (MNIST), CIFAR-10's pickled batches, SVHN's .mat, a user's ``.npz`` or folder of ``.npy``.

They return the arrays as they stand in the files; `dietcnn_hls.data.datasets` finds the files and checks what comes out. No file
is obeyed: pickles are read by an unpickler that knows bytes, plain containers and its own picture of a numpy array, and what a
file unpacks to is known to fit before it is unpacked.
"""

from __future__ import annotations

import codecs
import gzip
import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dietcnn_hls.errors import DatasetError

LARGEST = 2**33
"""Bytes that one dataset file may unpack to: what claims more was made to fill a memory, or does not fit into one anyway."""

_COUNTED = 2**16
"""Bytes too many that are counted for a message."""


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
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return _idx_array(path, gzip.GzipFile(fileobj=file) if packed else file, dims)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}); fetch it again") from error


def _idx_array(path: Path, stream: Any, dims: int) -> NDArray[np.uint8]:
    """The array of an unpacked idx stream, of which no more is read than its header states."""
    header = stream.read(4 + 4 * dims)
    if len(header) < 4 + 4 * dims or header[:4] != bytes([0, 0, 8, dims]):
        raise DatasetError(f"{path} is no idx file of {dims}-dimensional bytes; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4", dims, 4))
    size = math.prod(shape)
    if size > LARGEST:
        raise DatasetError(f"{path} states {shape} in its header, more than {LARGEST} bytes; fetch it again")
    data = stream.read(size)
    more = 0 if len(data) < size else len(stream.read(_COUNTED))
    if len(data) + more != size:
        held = f"more than {size}" if more == _COUNTED else str(len(data) + more)
        raise DatasetError(f"{path} holds {held} bytes where its header states {shape}; fetch it again")
    return np.frombuffer(data, np.uint8).reshape(shape)


# ---- CIFAR-10's pickles


class _Type:
    """Stands in for ``numpy.dtype`` in a pickle: only its spelling matters, and only bytes are taken."""

    def __init__(self, spelling: Any = None, *_: Any) -> None:
        self.spelling = spelling

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment, which bytes have not."""


class _Array:
    """Stands in for ``numpy.ndarray`` in a pickle: shape, type and bytes, looked at before they become an array."""

    shape: Any = ()
    spelling: Any = None
    order: Any = False
    data: Any = b""

    def __setstate__(self, state: Any) -> None:
        _, self.shape, kind, self.order, self.data = state
        self.spelling = kind.spelling

    def pixels(self) -> NDArray[np.uint8] | str:
        """The array where it is uint8 (N, 3072), else what it is."""
        plain = isinstance(self.shape, tuple) and all(type(size) is int for size in self.shape)
        kind = self.spelling if isinstance(self.spelling, str) else self.spelling.decode() if self.spelling else "?"
        if not plain or kind != "u1" or len(self.shape) != 2 or self.shape[1] != 3072 or not isinstance(self.data, bytes):
            return f"{_NAMES.get(kind, kind)} {self.shape}"
        if len(self.data) != self.shape[0] * 3072:
            return f"{len(self.data)} bytes for {self.shape}"
        order = "F" if self.order is True else "C"
        return np.frombuffer(self.data, np.uint8).reshape(self.shape, order=order)  # type: ignore[call-overload, no-any-return]


_NAMES = {"u1": "uint8", "i8": "int64", "f4": "float32", "f8": "float64"}


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, by which Python 3 spells bytes in an old pickle; any other codec is refused."""
    if codecs.lookup(encoding).name != "iso8859-1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
    return text.encode("latin-1")


def _reconstructed(*_: Any) -> _Array:
    """Stand in for numpy's ``_reconstruct``, whose arguments say nothing that the state does not."""
    return _Array()


_ALLOWED: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstructed,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _latin1,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that builds plain containers and `_Array`; any other class or function is refused."""

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
        data, labels = batch[b"data"], batch[b"labels"]
        pixels = data.pixels() if isinstance(data, _Array) else type(data).__name__
    except Exception as error:  # a damaged pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise DatasetError(f"{path} is no CIFAR-10 batch ({reason}); fetch the Python version of CIFAR-10 again") from error
    if isinstance(pixels, str):
        raise DatasetError(f"{path} is no CIFAR-10 batch: its data is {pixels}, not uint8 (N, 3072)")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 10 for label in labels):
        raise DatasetError(f"{path} is no CIFAR-10 batch: its labels are no list of class numbers 0..9")
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, np.int64)


# ---- SVHN's .mat


def read_svhn(paths: list[Path]) -> Raw:
    """Read SVHN's train_32x32.mat and test_32x32.mat."""
    return Raw(*_read_svhn_file(paths[0]), *_read_svhn_file(paths[1]))


def _read_svhn_file(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read a cropped-digits .mat file: X (32, 32, 3, N), y (N, 1) with 10 for the digit 0."""
    try:
        from scipy.io import loadmat, whosmat
    except ImportError as error:
        raise DatasetError("dataset 'svhn' is read by scipy; pip install 'dietcnn_hls[qkeras]'") from error
    try:
        stated = {name: (shape, kind) for name, shape, kind in whosmat(path)}
        if math.prod(stated["X"][0]) <= LARGEST and math.prod(stated["y"][0]) <= LARGEST:
            content = loadmat(path, variable_names=["X", "y"])
            x, y = np.asarray(content["X"]), np.asarray(content["y"])
        else:
            raise ValueError(f"it states X of {stated['X'][0]}, y of {stated['y'][0]}")
    except Exception as error:  # loadmat raises a dozen types on damaged files
        reason = str(error) or type(error).__name__
        raise DatasetError(f"{path} is no SVHN file of cropped digits ({reason}); fetch the 32x32 version again") from error
    if x.ndim != 4 or y.dtype.kind not in "iu":
        raise DatasetError(f"{path} is no SVHN file of cropped digits: X is {x.shape}, y is {y.dtype}")
    return x.transpose(3, 0, 1, 2), np.where(y == 10, 0, y)


# ---- a user's own files


def read_folder(folder: Path) -> Raw:
    """Read a user's folder of x_train.npy, y_train.npy, x_test.npy and y_test.npy; pickled objects in them are refused."""
    paths = {key: folder / f"{key}.npy" for key in Raw._fields}
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        needed = ", ".join(path.name for path in paths.values())
        raise DatasetError(f"{folder} lacks {', '.join(missing)}; it needs {needed}, or give the path of an .npz")
    size = sum(path.stat().st_size for path in paths.values())
    if size > LARGEST:
        raise DatasetError(f"{folder} holds {size} bytes; the most that a dataset may have are {LARGEST}")
    arrays = []
    for path in paths.values():
        try:
            arrays.append(_npy(path.read_bytes()))
        except Exception as error:  # a damaged file raises from numpy, an unreadable one from the system
            reason = str(error) or type(error).__name__
            raise DatasetError(f"{path} cannot be read as .npy ({reason}); write it with numpy.save, without objects") from error
    return Raw(*arrays)


def read_npz(path: Path) -> Raw:
    """Read a user's file; pickled objects in it are refused."""
    try:
        if not path.is_file():
            raise DatasetError(f"dataset file {path} does not exist")
        data = zipfile.ZipFile(path)
    except DatasetError:
        raise
    except Exception as error:  # a damaged archive raises from zipfile or struct, a path with NUL from Python
        raise _no_npz(path, error) from error
    with data:
        present = {info.filename.removesuffix(".npy"): info for info in data.infolist()}
        missing = [key for key in Raw._fields if key not in present]
        if missing:
            raise DatasetError(f"{path} lacks the array(s) {', '.join(missing)}; it needs {', '.join(Raw._fields)}")
        if len(present) < len(data.infolist()):
            raise DatasetError(f"{path} holds two arrays of one name; write it with numpy.savez")
        size = sum(present[key].file_size for key in Raw._fields)
        if size > LARGEST:
            raise DatasetError(f"{path} unpacks to {size} bytes; the most that a dataset may have are {LARGEST}")
        try:
            return Raw(*(_npy(data.read(present[key])) for key in Raw._fields))
        except Exception as error:  # a damaged member raises from zipfile, zlib or numpy
            raise _no_npz(path, error) from error


def _npy(content: bytes) -> NDArray[Any]:
    """The array of an ``.npy`` file's bytes; ValueError where its header states another number of them."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = read_header[version](stream)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"an array of shape {shape} and type {dtype} in {len(content) - stream.tell()} bytes")
    stream.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _no_npz(path: Path, error: Exception) -> DatasetError:
    reason = str(error) or type(error).__name__
    return DatasetError(f"{path!s} cannot be read as .npz ({reason}); write it with numpy.savez, without objects")
