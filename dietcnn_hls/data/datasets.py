# SPDX-License-Identifier: Apache-2.0
"""Image datasets as checked uint8 arrays: scikit-learn's digits, four public sets in standard files, a user's own.

This module finds the files and checks every array; `dietcnn_hls.data.files` knows the formats.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dietcnn_hls.data.files import LARGEST, Raw, read_cifar10, read_folder, read_mnist, read_npz, read_svhn
from dietcnn_hls.errors import DatasetError, suggest
from dietcnn_hls.lowered import Grid

DATA_VARIABLE = "DIETCNN_DATA"
"""Environment variable that names the folder of the datasets where no ``data_dir`` is given."""

IMAGE = Grid(0, 255, 8)
"""The grid of images, value = pixel / 256: what enters a design where nothing else is said."""

# Test images of each digit in MNIST. Fashion-MNIST uses the same file names, so only the content can tell them apart.
_MNIST_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
_DIGITS_TEST_IMAGES = 360
_NOISE_TEST_IMAGES = 16
_DIGITS_SEED = 2024


@dataclass(frozen=True, eq=False)
class Dataset:
    """Checked images and labels; the arrays are read-only, so that every design of a comparison sees the same data.

    ``x_train`` and ``x_test`` are uint8 pixels of shape (N, H, W, C), or float32 values of one to three dimensions, (N, ...);
    ``y_train`` and ``y_test`` are int64 of shape (N,) with values 0..classes-1, each of which occurs in the training set.
    """

    name: str
    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_test: NDArray[Any]
    y_test: NDArray[np.int64]
    classes: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, (H, W, C) of an image."""
        return self.x_train.shape[1:]


class Split(NamedTuple):
    """A training set in two parts; arrays keep the order and the type that they came with."""

    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_validation: NDArray[Any]
    y_validation: NDArray[np.int64]


def to_float(x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels of any shape as float32 values of the grid `IMAGE`; nothing rounds."""
    if x.dtype != np.uint8:
        raise DatasetError(f"to_float takes uint8 pixels, got {x.dtype}; pass the images of a Dataset")
    return IMAGE.values(x)


def as_values(x: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as `to_float` does, and values as they are."""
    return to_float(x) if x.dtype == np.uint8 else x


def names() -> list[str]:
    """Return the dataset names that `load` knows; a user's files are the other choice, see `is_own`."""
    return ["digits", *_SOURCES]


def is_own(name: str) -> bool:
    """Whether a name is a path of a user's own data: of an ``.npz``, or of a folder."""
    return name.endswith(".npz") or (name not in names() and os.path.isdir(name))


def load(
    name: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    pad: int | None = None,
    pixels: bool | None = True,
) -> Dataset:
    """Load a dataset by name, or by path a user's ``.npz`` with x_train, y_train, x_test and y_test, or a folder of such .npy.

    Standard files are looked for in `data_dir` and in DIETCNN_DATA, each time first in the sub-folder of the dataset's
    name. Without `data_dir` the cache and download of Keras follow, where TensorFlow is installed.

    Args:
        name: one of `names()`, or a path: of an ``.npz``, or of a folder. Images in them are (N, H, W) or (N, H, W, C):
            integers 0..255, or floats that are exact multiples of 1/256 in [0, 1).
        data_dir: folder of the standard files.
        pixels: whether such files hold images; else numbers of one to three dimensions, (N, ...), which come as float32. None:
            what is uint8 and has two dimensions or three is images.
        pad: height and width to reach by zeros around the image (32 turns MNIST's 28x28 into LeNet-5's 32x32).

    Raises:
        DatasetError: unknown name, missing or damaged file, wrong shape, empty set, NaN, label gap, mismatched counts.
    """
    text = os.fspath(name) if isinstance(name, (str, os.PathLike)) else ""
    if not isinstance(text, str) or not text.isprintable():
        raise DatasetError(
            f"dataset {name!r} is no name and no path; give one of {', '.join(names())}, or the path of an .npz or a folder"
        )
    if is_own(text):
        raw = read_npz(Path(text)) if text.endswith(".npz") else read_folder(Path(text))
        if pixels is None:
            pixels = raw.x_train.dtype == np.uint8 and raw.x_train.ndim > 2
        dataset = _checked(Path(text).stem, text, raw, take=_images if pixels else _values)
    elif text == "digits":
        dataset = _checked(text, "scikit-learn's digits", _digits(), (8, 8, 1), 10)
    elif text in _SOURCES:
        dataset = _load_standard(text, None if data_dir is None else Path(data_dir))
    else:
        raise DatasetError(
            f"dataset '{text}' is not known.{suggest(text, names())} Your own data: the path of an .npz or a folder"
        )
    return dataset if pad is None else _padded(dataset, pad)


def noise(shape: tuple[int, int, int], classes: int, seed: int) -> Dataset:
    """Random pixels and meaningless labels, for networks that are converted untrained: 256 or more to calibrate on, 16 to test.

    Args:
        shape: (H, W, C).
        classes: labels 0..classes-1.
        seed: the same seed gives the same pixels on every machine.

    Raises:
        DatasetError: a seed beyond 32 bits, or more pixels than a memory holds.
    """
    random = _random(seed)
    count = max(256, 4 * classes)
    _check_size("noise", count + _NOISE_TEST_IMAGES, shape, np.dtype(int).itemsize)
    x_train, x_test = (random.randint(0, 256, (n, *shape)) for n in (count, _NOISE_TEST_IMAGES))
    return _checked("noise", "noise", Raw(x_train, np.arange(count) % classes, x_test, np.arange(_NOISE_TEST_IMAGES) % classes))


def split_validation(x: NDArray[Any], y: NDArray[np.int64], fraction: float, seed: int) -> Split:
    """Split a *training* set into training and validation parts, each class in the same proportion.

    Args:
        x: images (N, ...).
        y: labels (N,).
        fraction: part of the images that validates, 0 < fraction < 1.
        seed: chooses the images; the same seed gives the same split on every machine and numpy version.

    Raises:
        DatasetError: a fraction out of range, mismatched counts, or a class too small to leave an image for training.
    """
    if not 0 < fraction < 1:
        raise DatasetError(f"validation fraction {fraction} is not between 0 and 1")
    if len(x) != len(y):
        raise DatasetError(f"split_validation got {len(x)} images and {len(y)} labels")
    count = round(len(y) * fraction)
    if count == 0:
        raise DatasetError(f"validation fraction {fraction} of {len(y)} images is no image; raise it")
    chosen = _stratified(y, count, seed)
    return Split(x[~chosen], y[~chosen], x[chosen], y[chosen])


def _stratified(y: NDArray[np.int64], count: int, seed: int) -> NDArray[np.bool_]:
    """Return a mask (N,) of `count` chosen images: each class gives its share, the largest remainders give one more."""
    labels, sizes = np.unique(y, return_counts=True)
    shares = sizes * count // len(y)
    remainders = sizes * count % len(y)
    shares[np.argsort(-remainders, kind="stable")[: count - shares.sum()]] += 1
    random = _random(seed)
    chosen = np.zeros(len(y), bool)
    for label, size, share in zip(labels, sizes, shares, strict=True):
        if share == size:
            raise DatasetError(f"class {label} has {size} image(s), all taken by the split; add images or lower the fraction")
        chosen[random.permutation(np.flatnonzero(y == label))[:share]] = True
    return chosen


def _random(seed: int) -> np.random.RandomState:
    """A generator that, unlike default_rng's, promises the same stream in every numpy version."""
    if not 0 <= seed < 2**32:
        raise DatasetError(f"seed {seed} does not lie in 0..{2**32 - 1}")
    return np.random.RandomState(seed)


# ---- where the files are


@dataclass(frozen=True)
class _Source:
    """A public dataset: its files (packed or not), the sub-folders they may stand in, and how to read them."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    read: Callable[[list[Path]], Raw]
    shape: tuple[int, int, int]
    in_keras: bool = True


def _load_standard(name: str, data_dir: Path | None) -> Dataset:
    """Find, read and check one of the public datasets."""
    source = _SOURCES[name]
    roots = [root for root in (data_dir, _environment_folder()) if root is not None]
    if data_dir is not None and not data_dir.is_dir():
        raise DatasetError(f"data folder {data_dir} is not a folder; give the one that holds the files of '{name}'")
    found = _locate(name, source, roots)
    if found is None and data_dir is None:
        cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        roots.append(cache)
        # A half-filled cache is Keras' to complete, where a half-filled folder of the user's is an error.
        found = _locate(name, source, [cache], complete_only=True)
    if found is not None:
        dataset = _checked(name, str(found[0].parent), source.read(found), source.shape, 10)
    elif data_dir is None and source.in_keras:
        dataset = _checked(name, f"Keras' copy of {name}", _from_keras(name, roots), source.shape, 10)
    else:
        raise DatasetError(_not_found(name, roots))
    _check_identity(dataset)
    return dataset


def _environment_folder() -> Path | None:
    value = os.environ.get(DATA_VARIABLE)
    return Path(value) if value else None


def _locate(name: str, source: _Source, roots: list[Path], complete_only: bool = False) -> list[Path] | None:
    """Return the files in the first folder that has all of them; some but not all is an error, or skipped on request."""
    for folder in (root / sub for root in roots for sub in source.folders):
        found = [_plain_or_gz(folder / file) for file in source.files]
        missing = [file for file, path in zip(source.files, found, strict=True) if path is None]
        if not missing:
            return [path for path in found if path is not None]
        if len(missing) < len(source.files) and not complete_only:
            raise DatasetError(f"dataset '{name}' is incomplete: {folder} lacks {', '.join(missing)}; add what is missing")
    return None


def _plain_or_gz(path: Path) -> Path | None:
    packed = path.with_name(path.name + ".gz")
    return path if path.is_file() else packed if packed.is_file() else None


def _not_found(name: str, roots: list[Path]) -> str:
    source = _SOURCES[name]
    folders = ", ".join(str(root) for root in roots)
    below = ", ".join(folder for folder in source.folders if folder)
    return (
        f"dataset '{name}' was not found: looked for {', '.join(source.files)} in {folders} and sub-folders {below}; "
        f"put the files there, or name their folder with --data-dir or {DATA_VARIABLE}"
    )


def _from_keras(name: str, roots: list[Path]) -> Raw:
    """Return what tf.keras.datasets caches or downloads."""
    try:
        keras = importlib.import_module("tensorflow").keras
    except ImportError as error:
        raise DatasetError(f"{_not_found(name, roots)}; with TensorFlow installed, Keras downloads them") from error
    try:
        # Keras draws its download bar on stdout, which belongs to the caller's own output.
        with contextlib.redirect_stdout(sys.stderr):
            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DatasetError(f"{_not_found(name, roots)}; Keras' download failed: {error}") from error
    return Raw(x_train, y_train, x_test, y_test)


# ---- how they are read


def _digits() -> Raw:
    """Return scikit-learn's 8x8 digits (0..16) on 0..255 with a fixed split of 1,437 training and 360 test images."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DatasetError("dataset 'digits' comes with scikit-learn; pip install 'dietcnn_hls[qkeras]'") from error
    bunch = load_digits()
    x = (bunch.images.astype(np.int64) * 255 // 16).astype(np.uint8)
    y = bunch.target.astype(np.int64)
    test = _stratified(y, _DIGITS_TEST_IMAGES, _DIGITS_SEED)
    return Raw(x[~test], y[~test], x[test], y[test])


_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_CIFAR_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
_CIFAR_FOLDER = "cifar-10-batches-py"
_SOURCES: Mapping[str, _Source] = {
    "mnist": _Source(_IDX_FILES, ("mnist", ""), read_mnist, (28, 28, 1)),
    "fashion_mnist": _Source(_IDX_FILES, ("fashion_mnist", "fashion-mnist", ""), read_mnist, (28, 28, 1)),
    "cifar10": _Source(_CIFAR_FILES, (f"cifar10/{_CIFAR_FOLDER}", _CIFAR_FOLDER, "cifar10", ""), read_cifar10, (32, 32, 3)),
    "svhn": _Source(("train_32x32.mat", "test_32x32.mat"), ("svhn", ""), read_svhn, (32, 32, 3), in_keras=False),
}


# ---- what is checked


def _checked(
    name: str,
    source: str,
    raw: Raw,
    shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    take: Callable[..., NDArray[Any]] | None = None,
) -> Dataset:
    """Turn raw arrays into a `Dataset`; `shape` and `classes` are what a known dataset must have, `take` what is no image."""
    x_train, x_test = ((take or _images)(source, key, getattr(raw, key), shape) for key in ("x_train", "x_test"))
    y_train, y_test = (_labels(source, key, getattr(raw, key)) for key in ("y_train", "y_test"))
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise DatasetError(f"{source}: x_{part} holds {len(x)} images but y_{part} {len(y)} labels")
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DatasetError(f"{source}: images of x_train are {x_train.shape[1:]}, those of x_test {x_test.shape[1:]}")
    found = _count_classes(source, y_train, y_test, classes)
    for array in (x_train, y_train, x_test, y_test):
        array.setflags(write=False)
    return Dataset(name, x_train, y_train, x_test, y_test, found)


def _values(source: str, key: str, x: NDArray[Any], _: object = None) -> NDArray[np.float32]:
    """Return a float32 copy of shape (N, ...) with one to three dimensions, or say what is wrong with `x`."""
    if x.dtype.kind not in "iuf":
        raise DatasetError(f"{source}: {key} is of type {x.dtype}; give numbers")
    if not 2 <= x.ndim <= 4 or x.size == 0:
        raise DatasetError(f"{source}: {key} has shape {x.shape}; give (N, ...) of one to three dimensions, not empty")
    found = x.astype(np.float32)
    if not np.isfinite(found).all():
        raise DatasetError(f"{source}: {key} holds {np.count_nonzero(~np.isfinite(found))} value(s) that are NaN or infinite")
    return found


def _images(source: str, key: str, x: NDArray[Any], shape: tuple[int, int, int] | None) -> NDArray[np.uint8]:
    """Return a uint8 copy of shape (N, H, W, C), or say what is wrong with `x`."""
    if x.ndim == 3:
        x = x[..., np.newaxis]
    if x.ndim != 4:
        raise DatasetError(f"{source}: {key} has shape {x.shape}; give (N, H, W, C) or (N, H, W)")
    if x.size == 0:
        raise DatasetError(f"{source}: {key} is empty (shape {x.shape})")
    if shape is not None and x.shape[1:] != shape:
        raise DatasetError(f"{source}: images of {key} are {x.shape[1:]} instead of {shape}")
    if x.dtype.kind == "f":
        x = _grid_pixels(source, key, x)
    elif x.dtype.kind not in "iu":
        raise DatasetError(f"{source}: {key} is of type {x.dtype}; give uint8 pixels")
    if x.min() < 0 or x.max() > 255:
        raise DatasetError(f"{source}: pixels of {key} reach from {x.min()} to {x.max()}; give uint8 pixels 0..255")
    return np.array(x, np.uint8, order="C")


def _grid_pixels(source: str, key: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return floats on the input grid as multiples of 1/256; where rounding is needed, the user decides how."""
    if not np.isfinite(x).all():
        raise DatasetError(f"{source}: {key} holds {np.count_nonzero(~np.isfinite(x))} value(s) that are NaN or infinite")
    scaled = x.astype(np.float64) * 256
    off = (scaled != np.rint(scaled)) | (scaled < 0) | (scaled > 255)
    if off.any():
        count, first = np.count_nonzero(off), tuple(int(i) for i in np.argwhere(off)[0])
        raise DatasetError(
            f"{source}: {key} holds floats that are no multiples of 1/256 in [0, 1); {_remedy(scaled / 256)} "
            f"({count} of {x.size} values, the first at {first} is {x[first]}; they reach from {x.min()} to {x.max()})"
        )
    return scaled


def _remedy(x: NDArray[np.float64]) -> str:
    """How floats become pixels, by what they seem to be."""
    if x.min() >= 0 and x.max() > 1 and x.max() <= 255 and (x == np.rint(x)).all():
        return "they are pixels 0..255: give x.astype('uint8')"
    if x.min() >= 0 and x.max() <= 1 and (np.abs(x * 255 - np.rint(x * 255)) < 1e-3).all():
        return "they are pixels / 255: give numpy.rint(x * 255).astype('uint8')"
    return "numpy.clip(numpy.rint(x * 256), 0, 255).astype('uint8') puts values of [0, 1] on the input grid"


def _labels(source: str, key: str, y: NDArray[Any]) -> NDArray[np.int64]:
    """Return an int64 copy of shape (N,), or say what is wrong with `y`."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DatasetError(f"{source}: {key} has shape {y.shape}; give (N,) class numbers (argmax of one-hot rows)")
    if y.dtype.kind not in "iu":
        raise DatasetError(f"{source}: {key} is of type {y.dtype}; give integer class numbers")
    return np.array(y, np.int64)


def _count_classes(source: str, y_train: NDArray[np.int64], y_test: NDArray[np.int64], classes: int | None) -> int:
    """Return the number of classes; labels must be 0..classes-1, each of them in the training set."""
    present = np.unique(y_train)
    expected = classes if classes is not None else max(int(present[-1]) + 1, 2)
    for key, y in (("y_train", y_train), ("y_test", y_test)):
        if y.min() < 0 or y.max() >= expected:
            raise DatasetError(f"{source}: labels of {key} reach from {y.min()} to {y.max()}, outside 0..{expected - 1}")
    # The count is found without listing the gaps first: one label of 2^40 would otherwise list 2^40 of them.
    gaps = expected - len(present)
    if gaps:
        first = next(label for label in range(expected) if label >= len(present) or present[label] != label)
        raise DatasetError(f"{source}: y_train lacks {gaps} of {expected} classes, the first is {first}; number them from 0")
    return expected


def _check_identity(dataset: Dataset) -> None:
    """Refuse MNIST under the name of Fashion-MNIST and the other way round."""
    if len(dataset.y_test) != sum(_MNIST_TEST_COUNTS):
        return
    is_mnist = np.bincount(dataset.y_test, minlength=10).tolist() == _MNIST_TEST_COUNTS
    if dataset.name == "fashion_mnist" and is_mnist:
        raise DatasetError("the files found for 'fashion_mnist' hold MNIST; name the folder of Fashion-MNIST")
    if dataset.name == "mnist" and not is_mnist:
        raise DatasetError("the files found for 'mnist' hold another set of 10,000 test images; name the folder of MNIST")


def _padded(dataset: Dataset, size: int) -> Dataset:
    """Centre the images in size x size zeros; an odd margin goes below and to the right."""
    height, width, channels = dataset.input_shape
    if size < max(height, width):
        raise DatasetError(f"pad {size} is smaller than the {height}x{width} images of '{dataset.name}'")
    _check_size(dataset.name, len(dataset.x_train) + len(dataset.x_test), (size, size, channels))
    above, left = (size - height) // 2, (size - width) // 2
    margins = ((0, 0), (above, size - height - above), (left, size - width - left), (0, 0))
    x_train, x_test = np.pad(dataset.x_train, margins), np.pad(dataset.x_test, margins)
    for x in (x_train, x_test):
        x.setflags(write=False)
    return Dataset(dataset.name, x_train, dataset.y_train, x_test, dataset.y_test, dataset.classes)


def _check_size(name: str, images: int, shape: tuple[int, int, int], itemsize: int = 1) -> None:
    """Refuse images that would fill the memory before they are made."""
    size = images * math.prod(shape) * itemsize
    if size > LARGEST:
        raise DatasetError(f"{images} images of '{name}' of shape {shape} take {size} bytes; the most are {LARGEST}")
