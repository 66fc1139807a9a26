# SPDX-License-Identifier: Apache-2.0
"""What travels on an edge of the lowered graph, and the geometry of windows over it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for


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
        if self.levels is not None:
            if (self.lo, self.hi) != (0, len(self.levels) - 1):
                raise LoweringError(f"a stream of {len(self.levels)} symbols must range over 0..{len(self.levels) - 1}")
            if any(a >= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
                raise LoweringError(f"codebook levels must increase strictly, got {self.levels}")

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
        return int(np.prod(self.shape))

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def integers(self) -> np.ndarray:
        """The grid integers of all codes lo..hi in order, int64."""
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
        padding: (top, bottom, left, right) in pixels.
        groups: input channels are split into this many groups (depthwise: groups == C).
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1

    def output_hw(self, height: int, width: int) -> tuple[int, int]:
        top, bottom, left, right = self.padding
        return (
            (height + top + bottom - self.size[0]) // self.stride[0] + 1,
            (width + left + right - self.size[1]) // self.stride[1] + 1,
        )

    @staticmethod
    def same(size: tuple[int, int], stride: tuple[int, int], height: int, width: int, groups: int = 1) -> Window:
        """The window of Keras' ``padding='same'``: the odd pixel of padding goes to the bottom and right."""

        def pads(n: int, k: int, s: int) -> tuple[int, int]:
            total = max((-(-n // s) - 1) * s + k - n, 0)
            return total // 2, total - total // 2

        return Window(size, stride, pads(height, size[0], stride[0]) + pads(width, size[1], stride[1]), groups)
