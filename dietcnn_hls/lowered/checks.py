# SPDX-License-Identifier: Apache-2.0
"""What streams, operations, kernels and graphs check when they are made: types, shapes and ranges of their fields.

A value that exists is one that every spelling computes alike. Each check raises a LoweringError that names what is wrong.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from dietcnn_hls.errors import LoweringError, suggest

MAX_BITS = 62
"""Widest code, grid integer and sum: whatever is done with one of them stays within the 64 bits of numpy and C++."""

MAX_SHIFT = 60
"""Largest shift of an integer, in either direction."""

MAX_FRACTION = 256
"""Finest and coarsest grid, steps of 2**-256 to 2**256: far beyond any sum, and every value is a normal float64."""

MAX_SIZE = 2**31 - 1
"""Most codes of one inference on a stream: C++ counts them in an int."""

REACH = 1 << (MAX_BITS - 1)
"""Integers between -REACH and REACH - 1 fit MAX_BITS bits of two's complement."""

_SCALARS = (bool, int, str, bytes, type(None))


def integer(what: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int, if it is an integer between `low` and `high`; a bool is none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise LoweringError(f"{what} must be an integer, got {_shown(value)}")
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        raise LoweringError(f"{what} must be {_range(low, high)}, got {_shown(number)}")
    return number


def integers(
    what: str, values: object, count: int | None = None, low: int | None = None, high: int | None = None
) -> tuple[int, ...]:
    """`values` as a tuple of ints, if it is a tuple or list of `count` integers (None: any number but 0) in range."""
    if not isinstance(values, tuple | list) or len(values) != (count or len(values)) or not values:
        raise LoweringError(f"{what} must be a tuple of {count or 'some'} integers, got {_shown(values)}")
    return tuple(integer(what, value, low, high) for value in values)


def increasing(what: str, values: object, low: int = -REACH, high: int = REACH - 1) -> tuple[int, ...]:
    """`integers` that increase strictly, as the levels of a codebook do."""
    found = integers(what, values, low=low, high=high)
    if any(a >= b for a, b in pairwise(found)):
        raise LoweringError(f"{what} must increase strictly, got {_shown(found)}")
    return found


def array(what: str, values: object, shape: tuple[int | None, ...], low: int = -REACH, high: int = REACH - 1) -> None:
    """That `values` is a numpy array of integers of this shape (None: any length from 1 on), all between `low` and `high`."""
    _shaped(what, values, shape, "iu", "integers")
    assert isinstance(values, np.ndarray)
    if not values.size:
        return
    least, most = int(values.min()), int(values.max())
    if least < low or most > high:
        raise LoweringError(f"{what} must be {_range(low, high)}, got {least if least < low else most}")


def booleans(what: str, values: object, shape: tuple[int | None, ...]) -> None:
    """That `values` is a numpy array of booleans of this shape (None: any length from 1 on)."""
    _shaped(what, values, shape, "b", "booleans")


def choice(what: str, value: object, known: Collection[str]) -> None:
    """That `value` is one of these words."""
    if not isinstance(value, str) or value not in known:
        raise LoweringError(f"unknown {what} {_shown(value)}.{suggest(str(value), known)}")


def instance(what: str, value: object, kind: type | tuple[type, ...]) -> None:
    """That `value` is of a type."""
    if not isinstance(value, kind):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise LoweringError(f"{what} must be a {names}, got {_shown(value)}")


def name(what: str, value: object) -> None:
    """That `value` can name a layer: text without control characters, which generated comments could not hold."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise LoweringError(f"{what} must be printable text, got {_shown(value)}")


def reach(what: str, *factors: int, bits: int = MAX_BITS) -> None:
    """That a sum of this many integers, or a product of these factors, stays within `bits` bits, sign included."""
    if math.prod(abs(factor) for factor in factors) >= 1 << (bits - 1):
        raise LoweringError(f"{what} may exceed {bits} bits; use fewer taps or narrower weights and codes")


def largest(values: np.ndarray) -> int:
    """The largest magnitude in an array of integers."""
    return max(abs(int(values.min())), abs(int(values.max())))


def plain_fields(value: Any, parts: tuple[type, ...] = ()) -> None:
    """That the fields of a dataclass are what can be saved and cannot differ between spellings.

    Integers, text, None, `parts`, tuples of such, and numpy arrays of integers or booleans. Numpy's integers become Python's,
    lists tuples, and arrays copies that nobody can write to: what has been checked stays so.
    """
    if not dataclasses.is_dataclass(value):
        raise LoweringError(f"{type(value).__name__} must be a frozen dataclass")
    for field in dataclasses.fields(value):
        what = f"{type(value).__name__}.{field.name}"
        object.__setattr__(value, field.name, _plain(what, getattr(value, field.name), parts))


def _plain(what: str, value: object, parts: tuple[type, ...]) -> object:
    if isinstance(value, tuple | list):
        return tuple(_plain(what, item, parts) for item in value)
    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
        if value.dtype.kind not in "iub":
            raise LoweringError(f"{what} must be an array of integers or booleans, got {value.dtype}")
        return _frozen(value)
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if not isinstance(value, (*_SCALARS, *parts)):
        raise LoweringError(f"{what} cannot be a {type(value).__name__}: integers, text, tuples and arrays are what it can hold")
    return value


def _frozen(values: np.ndarray) -> np.ndarray:
    """The same integers in rows, in the machine's byte order, never to be written to."""
    if values.flags.writeable or not values.flags.c_contiguous or not values.dtype.isnative or type(values) is not np.ndarray:
        values = np.array(values, values.dtype.newbyteorder("="), order="C", subok=False)
        values.setflags(write=False)
    return values


def json_data(what: str, value: object, depth: int = 0) -> None:
    """That `value` is JSON data, at most 50 deep: text keys, finite numbers."""
    if depth > 50:
        raise LoweringError(f"{what} is nested too deeply")
    if isinstance(value, dict):
        _each(what, value.values(), depth)
        for key in value:
            instance(f"a key of {what}", key, str)
    elif isinstance(value, list | tuple):
        _each(what, value, depth)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise LoweringError(f"{what} holds {value}, which JSON cannot")
    elif not isinstance(value, bool | int | str | type(None)):
        raise LoweringError(f"{what} holds a {type(value).__name__}, which JSON cannot")


def _each(what: str, values: Iterable[object], depth: int) -> None:
    for value in values:
        json_data(what, value, depth + 1)


def _shaped(what: str, values: object, shape: tuple[int | None, ...], kinds: str, words: str) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in kinds:
        found = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else _shown(values)
        raise LoweringError(f"{what} must be an array of {words}, got {found}")
    fits = len(values.shape) == len(shape) and all(n == m or (m is None and n) for n, m in zip(values.shape, shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise LoweringError(f"{what} must be of shape {wanted}, got {' x '.join(map(str, values.shape)) or 'a single number'}")


def _range(low: int | None, high: int | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"between {low} and {high}"


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
