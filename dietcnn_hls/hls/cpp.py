# SPDX-License-Identifier: Apache-2.0
"""Spelling of C++: identifiers, integer types and constant arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.integers import bits_for
from dietcnn_hls.names import unique_identifiers

INLINE_LIMIT = 100_000
"""Arrays of more elements are read from a file in C simulation: compilers take long over huge initialisers."""

_LOCALS = frozenset(
    """argc argv codes count data expected fflush file folder first got i inputs int64_t mismatches n_in n_out read_codes results
    sample samples weights_folder want DIETCNN_BUFFER DIETCNN_EXPORT DIETCNN_AP_TYPES""".split()
)
"""Identifiers of the test bench and the entry points, beside which the ports stand."""

_PARTS = frozenset("out t config copy rest fork repack weights biases thresholds flip integers table left right".split())
"""First words of what is appended to a layer's identifier; names of kernels' own arrays are checked in `project`."""


_MEMBERS = frozenset(
    """input output acc wide left right left_aligned right_aligned code thresholds flip biases integers left_integers
    right_integers table weights""".split()
)
"""What types of a layer's CONFIG struct are called, ``<member>_t``: a layer's own type of that name would hide behind them."""


def layer_identifiers(names: Iterable[str], design: str) -> dict[str, str]:
    """Each layer's name -> its C++ identifier in the project of `design`."""
    own = (design, *(f"{design}_{part}" for part in ("net", "load", "setup", "batch", "test", "bridge")))
    return unique_identifiers(names, reserved=(*_LOCALS, *_MEMBERS, *own), parts=_PARTS)


@dataclass(frozen=True)
class IntType:
    """An integer of exactly `bits` bits in hardware, of the next native width in C simulation."""

    bits: int
    signed: bool

    @classmethod
    def holding(cls, *values: int) -> IntType:
        """The narrowest type that holds all `values`."""
        lo, hi = min(values), max(values)
        return cls(bits_for(lo, hi), lo < 0)

    def fits(self, values: np.ndarray) -> bool:
        """Whether all `values` are representable."""
        lo, hi = (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)
        return bool(lo <= values.min() and values.max() <= hi)

    @property
    def cpp(self) -> str:
        return f"nnet::integer<{self.bits}, {'true' if self.signed else 'false'}>"

    @property
    def dtype(self) -> np.dtype:
        """The native type, little-endian."""
        size = next(n for n in (1, 2, 4, 8) if self.bits <= 8 * n)
        return np.dtype(f"<{'i' if self.signed else 'u'}{size}")

    @property
    def native(self) -> str:
        """The native C++ type."""
        return f"{'' if self.signed else 'u'}int{8 * self.dtype.itemsize}_t"


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant array of the generated design.

    Attributes:
        name: C identifier, also names its file.
        values: integers, stored row-major.
        type: element type.
        comment: what it holds.
        pragmas: placement, the text behind ``#pragma HLS``, with ``{name}`` for the array.
    """

    name: str
    values: np.ndarray
    type: IntType
    comment: str
    pragmas: tuple[str, ...] = ()

    @property
    def dimensions(self) -> str:
        return "".join(f"[{n}]" for n in self.values.shape)

    @property
    def loaded(self) -> bool:
        """Whether C simulation reads it from a file."""
        return self.values.size > INLINE_LIMIT

    @property
    def placement(self) -> list[str]:
        return [text.format(name=self.name) for text in self.pragmas]

    def initialiser(self) -> str:
        """Rows of at most 24 values, braces by dimension."""
        return _braces(self.values) if self.values.ndim > 1 else "{\n" + _rows(self.values) + "\n}"

    def binary(self) -> bytes:
        """The values as native integers, for designs that load them."""
        return self.values.astype(self.type.dtype).tobytes()


def _braces(values: np.ndarray) -> str:
    if values.ndim == 1 and values.size <= 24:
        return "{" + ", ".join(map(str, values.tolist())) + "}"
    if values.ndim == 1:
        return "{" + _rows(values).lstrip() + "}"
    return "{\n" + ",\n".join(_braces(part) for part in values) + "\n}"


def _rows(values: np.ndarray) -> str:
    items = list(map(str, values.tolist()))
    return ",\n".join("    " + ", ".join(items[i : i + 24]) for i in range(0, len(items), 24))


__all__ = ["INLINE_LIMIT", "Constant", "IntType", "layer_identifiers"]
