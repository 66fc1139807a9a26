# SPDX-License-Identifier: Apache-2.0
"""Counts of arithmetic operations by kind, the unit in which lowered layers and designs state their work, and their widths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from dietcnn_hls.errors import ConfigError, suggest


@dataclass(frozen=True, slots=True)
class Operations:
    """Operations of one inference (or of whatever unit the caller scales to), by kind.

    ``multiplications`` counts products of two run-time operands *or* of an operand and a constant that hardware
    would build as a multiplier; ``shifts`` counts run-time shifts, constant ones being wires.

    Raises:
        ConfigError: when a count is not an integer or is negative.
    """

    multiplications: int = 0
    additions: int = 0
    lookups: int = 0
    shifts: int = 0
    comparisons: int = 0

    def __post_init__(self) -> None:
        for name in self.kinds():
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise ConfigError(f"operations.{name} must be an integer count, got {value!r}.")
            if value < 0:
                raise ConfigError(f"operations.{name} must not be negative, got {value}.")
            # numpy integers come in from array shapes; plain ints keep JSON and sums exact
            object.__setattr__(self, name, value.__index__())

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Names of the kinds, in report order."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_dict(cls, counts: Mapping[str, int]) -> Operations:
        """Inverse of :meth:`as_dict`; missing kinds are 0, an unknown kind raises :class:`ConfigError`."""
        for name in counts:
            if name not in cls.kinds():
                raise ConfigError(f"Unknown operation kind '{name}'.{suggest(name, cls.kinds())}")
        return cls(**counts)

    @classmethod
    def sum(cls, parts: Iterable[Operations]) -> Operations:
        """Total of several counts; no parts give zero."""
        total = cls()
        for part in parts:
            total = total + part
        return total

    def __add__(self, other: Operations) -> Operations:
        if not isinstance(other, Operations):
            return NotImplemented
        return Operations(*(getattr(self, name) + getattr(other, name) for name in self.kinds()))

    def __mul__(self, factor: int) -> Operations:
        if not hasattr(factor, "__index__"):
            return NotImplemented
        return Operations(*(getattr(self, name) * factor for name in self.kinds()))

    __rmul__ = __mul__

    @property
    def total(self) -> int:
        """All operations, whatever their kind."""
        return sum(getattr(self, name) for name in self.kinds())

    def as_dict(self) -> dict[str, int]:
        """Counts by kind, in report order; zero kinds are kept, because a counted zero is a measurement."""
        return {name: getattr(self, name) for name in self.kinds()}


@dataclass(frozen=True, slots=True)
class Widths:
    """Bit widths of a layer's operations. Only those of operations that it performs are needed.

    Attributes:
        multiply: widths of the two factors.
        add: width of the accumulator.
        lookup: bits of one table entry.
        table: bits of the whole table that a look-up reads from.
        shift: width of a shifted value.
        compare: width of compared values.
    """

    multiply: tuple[int, int] | None = None
    add: int | None = None
    lookup: int | None = None
    table: int | None = None
    shift: int | None = None
    compare: int | None = None


__all__ = ["Operations", "Widths"]
