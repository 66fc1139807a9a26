# SPDX-License-Identifier: Apache-2.0
"""Images and labels as Python users pass them: arrays of the right kind, or one DatasetError that says what to pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.errors import DatasetError
from dietcnn_hls.lowered import LoweredGraph

_PASS_IMAGES = "pass a numpy array (N, H, W, C) of uint8 pixels, or of floats on the input grid (x / 256)"
_PASS_LABELS = "pass a numpy array (N,) of class numbers from 0 on"


def images(x: Any, what: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """`x` as an array of at least one image; whether its values may enter the design is the input grid's to say.

    Args:
        x: array, nested lists, or what numpy makes an array of.
        what: names it in errors.
        shape: of one image, where it is known.

    Raises:
        DatasetError: something else, no numbers, NaN or Inf, no image, or images of another shape.
    """
    array = _array(x, what, _PASS_IMAGES)
    if array.dtype.kind not in "uif":
        raise DatasetError(f"{what} is of type {array.dtype}; {_PASS_IMAGES}")
    if array.ndim < 2 or not array.size:
        raise DatasetError(f"{what} of shape {array.shape} holds no images; {_PASS_IMAGES}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatasetError(f"{what} holds NaN or Inf: {int(np.count_nonzero(~np.isfinite(array)))} of {array.size} values")
    if shape is not None and array.shape[1:] != shape:
        remedy = "; x[..., numpy.newaxis] gives images their channel" if (*array.shape[1:], 1) == shape else ""
        raise DatasetError(f"{what}: input of shape {array.shape[1:]} for a design of input shape {shape}{remedy}")
    return array


def labels(y: Any, count: int, classes: int | None = None) -> np.ndarray:
    """`y` as class numbers, (N,) int64.

    Args:
        y: (N,) or (N, 1) class numbers, whole floats included, or exact one-hot rows (N, classes).
        count: of the test images.
        classes: outputs of the network, where they are known.

    Raises:
        DatasetError: something else, another count, numbers that are no classes of the network.
    """
    array = _array(y, "y_test", _PASS_LABELS)
    if array.dtype.kind not in "uifb":
        raise DatasetError(f"y_test is of type {array.dtype}; {_PASS_LABELS}")
    if array.ndim == 0 or len(array) != count:
        raise DatasetError(f"x_test holds {count} samples and y_test {len(array) if array.ndim else 'a single number'}")
    if array.ndim == 2 and array.shape[1] > 1:
        array = _from_one_hot(array)
    wrong = _no_class(array)
    if wrong.any():
        raise DatasetError(f"y_test holds {array[wrong].flat[0]}, which is no class number; {_PASS_LABELS}")
    if array.ndim > 2:
        raise DatasetError(f"y_test has shape {array.shape}; {_PASS_LABELS}")
    numbers = array.reshape(count).astype(np.int64)
    if classes is not None:
        check_range(numbers, classes)
    return numbers


def check_range(numbers: np.ndarray, classes: int) -> None:
    """DatasetError for class numbers that a network of so many outputs does not have."""
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= classes:
        remedy = "; pass y - 1" if low == 1 and high == classes else ""
        raise DatasetError(
            f"y_test holds labels from {low} to {high}; a network of {classes} outputs has 0 to {classes - 1}{remedy}"
        )


def codes(graph: LoweredGraph, x: np.ndarray) -> np.ndarray:
    """Test images as input codes of a design, (N, *input shape) int64; DatasetError where they cannot enter it."""
    from dietcnn_hls import reference

    try:
        return reference.quantize_input(graph, values(x))
    except DatasetError as error:
        raise DatasetError(f"x_test: {error}") from error


def values(x: np.ndarray) -> np.ndarray:
    """uint8 images -> float32 on the grid of images; other numbers pass through."""
    return x.astype(np.float32) / np.float32(256) if x.dtype == np.uint8 else x


def _array(given: Any, what: str, remedy: str) -> np.ndarray:
    kind = type(given).__name__
    if isinstance(given, np.ma.MaskedArray):
        raise DatasetError(f"{what} is a {kind}, whose mask would be lost; {remedy}")
    if not isinstance(given, list | tuple) and not hasattr(given, "__array__"):
        raise DatasetError(f"{what} is a {kind}; {remedy}")
    try:
        array = np.asarray(given)
    except Exception as error:  # ragged lists, and whatever a foreign type's own conversion raises
        raise DatasetError(f"{what} makes no array ({error}); {remedy}") from error
    if array.dtype.hasobject:
        raise DatasetError(f"{what} holds Python objects; {remedy}")
    return array


def _no_class(array: np.ndarray) -> np.ndarray:
    """Mask of numbers that are not finite, not whole, or beyond what any network has outputs."""
    numbers = array.astype(np.float64)
    return ~(np.isfinite(numbers) & (numbers == np.rint(numbers)) & (np.abs(numbers) < 2**31))


def _from_one_hot(array: np.ndarray) -> np.ndarray:
    if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
        raise DatasetError(f"y_test of shape {array.shape} is not one-hot; {_PASS_LABELS} (numpy.argmax(y, axis=1) of scores)")
    return array.argmax(axis=1)


__all__ = ["check_range", "codes", "images", "labels", "values"]
