# SPDX-License-Identifier: Apache-2.0
"""What travels on an edge of the lowered graph, and the geometry of windows over it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import checks

MAX_SIDE = 1 << 15
"""Largest size, stride and padding of a window."""

MAX_GRID_BITS = 16
"""Widest input code."""

MAX_GRID_FRACTION = 64
"""Finest and coarsest grid of inputs: steps of 2**-64 to 2**64, all of which float32 holds exactly."""


@dataclass(frozen=True)
class Grid:
    """The values that may enter a design: ``code * 2**-fraction`` for every integer code in [lo, hi].

    Attributes:
        lo: smallest code, 0 or below.
        hi: largest code, 0 or above.
        fraction: fractional bits, negative for steps above one.

    Raises:
        ConfigError: no integers, a range without zero or with one code only, more than `MAX_GRID_BITS` bits.
    """

    lo: int
    hi: int
    fraction: int

    def __post_init__(self) -> None:
        for name in ("lo", "hi", "fraction"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ConfigError(f"input grid: {name} must be an integer, got {value!r}")
            object.__setattr__(self, name, int(value))
        if not self.lo <= 0 <= self.hi or self.lo == self.hi:
            raise ConfigError(f"input grid: codes {self.lo} to {self.hi} must hold zero and at least one more")
        if self.bits > MAX_GRID_BITS:
            raise ConfigError(
                f"input grid: codes {self.lo} to {self.hi} take {self.bits} bits; a design takes up to {MAX_GRID_BITS}: "
                "use a coarser grid"
            )
        if abs(self.fraction) > MAX_GRID_FRACTION:
            raise ConfigError(f"input grid: fraction {self.fraction} is beyond {-MAX_GRID_FRACTION}..{MAX_GRID_FRACTION}")

    @classmethod
    def of(cls, signed: bool, bits: int, fraction: int) -> Grid:
        """All codes of `bits` bits, the sign included."""
        if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or bits < 1:
            raise ConfigError(f"input grid: bits must be a whole number from 1 on, got {bits!r}")
        if signed:
            return cls(-(1 << (int(bits) - 1)), (1 << (int(bits) - 1)) - 1, fraction)
        return cls(0, (1 << int(bits)) - 1, fraction)

    @classmethod
    def given(cls, value: Grid | Sequence[int]) -> Grid:
        """The grid that an option gives, as a value or as its three numbers; ConfigError for anything else."""
        if isinstance(value, Grid):
            return value
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
            raise ConfigError(f"input_grid: give a Grid or its (lo, hi, fraction), not {value!r}")
        return cls(*value)

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def bits(self) -> int:
        """Width of a code in hardware."""
        return bits_for(self.lo, self.hi)

    @property
    def step(self) -> float:
        """Distance of neighbouring values."""
        return 2.0**-self.fraction

    def stream(self, shape: tuple[int, ...]) -> Stream:
        """The stream of inputs of this shape."""
        return Stream(tuple(shape), self.lo, self.hi, self.fraction)

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Codes to the values they stand for, float32, exact."""
        return np.asarray(codes).astype(np.float32) * np.float32(self.step)

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """`values` moved to the grid: rounded half to even and clipped, float32. What is not finite is refused by `codes`."""
        scaled = np.rint(np.asarray(values, np.float64) * 2.0**self.fraction)
        return self.values(np.clip(scaled, self.lo, self.hi))

    def codes(self, values: np.ndarray, what: str = "inputs") -> np.ndarray:
        """Real values to codes, int64, of the same shape; nothing is rounded or clipped.

        Args:
            values: numbers of any type and shape.
            what: names them in errors.

        Raises:
            DatasetError: no numbers, NaN or Inf, or values that are not on the grid; says their range, the share that cannot
                enter and the remedy.
        """
        values = np.asarray(values)
        if values.dtype.kind not in "biuf":
            raise DatasetError(f"{what} are of type {values.dtype}; give numbers")
        scaled = values.astype(np.float64) * 2.0**self.fraction
        if not np.isfinite(scaled).all():
            bad = int(np.count_nonzero(~np.isfinite(scaled)))
            raise DatasetError(f"{what} hold NaN or Inf: {bad} of {scaled.size} values")
        entering = (scaled == np.rint(scaled)) & (scaled >= self.lo) & (scaled <= self.hi)
        if not entering.all():
            raise DatasetError(self._refusal(values, 1 - float(entering.mean()), what))
        return scaled.astype(np.int64)

    def _refusal(self, values: np.ndarray, share: float, what: str) -> str:
        low, high = values.min(), values.max()
        least, most = self.lo * self.step, self.hi * self.step
        scale = str(2**self.fraction) if self.fraction >= 0 else f"2.0**{self.fraction}"
        moved = f"numpy.clip(numpy.rint(x * {scale}), {self.lo}, {self.hi}) / {scale}"
        if values.dtype.kind in "iu" and self.lo <= low and high <= self.hi and self.fraction > 0:
            remedy = f"integers are taken as values, not as codes; give x / {scale}"
        elif low < least or high > most:
            remedy = f"choose an input_grid that covers them, or scale them and give {moved}"
        else:
            remedy = f"give {moved}"
        refused = "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
        return (
            f"{what} must lie on the grid 2^-{self.fraction} between {least:g} and {most:g} (codes {self.lo} to {self.hi}); "
            f"these range from {low:g} to {high:g}, and {refused} of them cannot enter: {remedy}"
        )

    def __str__(self) -> str:
        """Words of it, such as ``unsigned 8 bits / 2^8``."""
        return f"{'signed' if self.signed else 'unsigned'} {self.bits} bits / 2^{self.fraction}"


@dataclass(frozen=True)
class Stream:
    """What travels on an edge: codes in [lo, hi]; the value of a code is ``integer(code) * 2**-fraction``.

    Attributes:
        shape: (H, W, C) or (N,).
        lo: smallest code.
        hi: largest code.
        fraction: fractional bits of the grid.
        levels: sorted centroids as grid integers when codes are symbols, else None (the code is the integer).
    """

    shape: tuple[int, ...]
    lo: int
    hi: int
    fraction: int
    levels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        checks.plain_fields(self)
        checks.integers("a stream's shape", self.shape, low=1)
        if len(self.shape) > 3 or math.prod(self.shape) > checks.MAX_SIZE:
            raise LoweringError(
                f"a stream is (H, W, C), (W, C) or (N,) and holds up to {checks.MAX_SIZE} codes, got {self.shape}"
            )
        checks.integer("a stream's lo", self.lo)
        checks.integer("a stream's hi", self.hi, low=self.lo)
        checks.integer("a stream's fraction", self.fraction, -checks.MAX_FRACTION, checks.MAX_FRACTION)
        if self.levels is not None:
            checks.increasing("the levels of a codebook", self.levels)
            if (self.lo, self.hi) != (0, len(self.levels) - 1):
                raise LoweringError(f"a stream of {len(self.levels)} symbols must range over 0..{len(self.levels) - 1}")
        elif self.bits > checks.MAX_BITS:
            raise LoweringError(f"codes of {self.bits} bits; no stream holds more than {checks.MAX_BITS}")

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def bits(self) -> int:
        """Width of one code in hardware."""
        return bits_for(self.lo, self.hi)

    @property
    def size(self) -> int:
        """Codes per inference."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest grid integer."""
        return (self.lo, self.hi) if self.levels is None else (self.levels[0], self.levels[-1])

    @property
    def decoding_bits(self) -> int:
        """Bits of the table that decodes symbols; 0 where codes are the integers."""
        return 0 if self.levels is None else len(self.levels) * bits_for(*self.range)

    @property
    def integers(self) -> np.ndarray:
        """The grid integers of all codes lo..hi in order, int64: a table, so not for accumulators (see `range`)."""
        return np.asarray(self.levels if self.levels is not None else np.arange(self.lo, self.hi + 1), dtype=np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes to grid integers (int64)."""
        if self.levels is None:
            return codes.astype(np.int64)
        return np.asarray(self.levels, dtype=np.int64)[codes]

    @property
    def zero_code(self) -> int:
        """The code whose value is exactly zero; LoweringError when there is none."""
        if self.levels is None:
            if not self.lo <= 0 <= self.hi:
                raise LoweringError(f"codes {self.lo}..{self.hi} have no zero")
            return 0
        if 0 not in self.levels:
            raise LoweringError(f"the codebook {self.levels} has no exact zero; fit it with zero=True")
        return self.levels.index(0)

    def reshaped(self, *shape: int) -> Stream:
        return dataclasses.replace(self, shape=tuple(shape))


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window over (H, W, C).

    Attributes:
        size: (kh, kw).
        stride: (sh, sw).
        padding: (top, bottom, left, right) in pixels, each below the window's size.
        groups: input channels are split into this many groups (depthwise: groups == C).
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1

    def __post_init__(self) -> None:
        checks.plain_fields(self)
        checks.integers("a window's size", self.size, 2, 1, MAX_SIDE)
        checks.integers("a window's stride", self.stride, 2, 1, MAX_SIDE)
        checks.integers("a window's padding", self.padding, 4, 0, MAX_SIDE)
        checks.integer("a window's groups", self.groups, 1, checks.MAX_SIZE)
        (kh, kw), (top, bottom, left, right) = self.size, self.padding
        if max(top, bottom) >= kh or max(left, right) >= kw:
            raise LoweringError(f"a window of {kh} x {kw} with padding {self.padding} sees padding alone at the image's border")

    @property
    def area(self) -> int:
        """Pixels that it sees."""
        return self.size[0] * self.size[1]

    def output_hw(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of windows over an image; LoweringError where not one fits."""
        top, bottom, left, right = self.padding
        rows = (height + top + bottom - self.size[0]) // self.stride[0] + 1
        columns = (width + left + right - self.size[1]) // self.stride[1] + 1
        if rows < 1 or columns < 1:
            raise LoweringError(
                f"a window of {self.size[0]} x {self.size[1]} does not fit an image of {height} x {width} padded by "
                f"{self.padding}"
            )
        return rows, columns

    def over(self, stream: Stream) -> tuple[int, int, int]:
        """Rows and columns of windows over a stream, and its channels; LoweringError where it is no image or none fits."""
        if len(stream.shape) != 3:
            raise LoweringError(f"a window slides over an image (H, W, C), not over {stream.shape}")
        return (*self.output_hw(*stream.shape[:2]), stream.channels)

    def last_reads(self, source: Stream, result: Stream) -> np.ndarray:
        """The number of the last code of `source` that each code of `result` sees, (result.size,), not decreasing."""
        height, width, channels = source.shape
        rows, columns = (
            np.clip(np.arange(count) * stride + size - 1 - before, 0, limit - 1)
            for count, stride, size, before, limit in zip(
                result.shape[:2], self.stride, self.size, (self.padding[0], self.padding[2]), (height, width), strict=True
            )
        )
        last = (rows[:, None] * width + columns + 1) * channels - 1  # the last code of the window's last pixel
        return np.repeat(np.maximum.accumulate(last.reshape(-1)), result.channels)

    @staticmethod
    def same(size: tuple[int, int], stride: tuple[int, int], height: int, width: int, groups: int = 1) -> Window:
        """The window of Keras' ``padding='same'``: the odd pixel of padding goes to the bottom and right."""

        def pads(n: int, k: int, s: int) -> tuple[int, int]:
            total = max((-(-n // s) - 1) * s + k - n, 0)
            return total // 2, total - total // 2

        return Window(size, stride, pads(height, size[0], stride[0]) + pads(width, size[1], stride[1]), groups)
