# SPDX-License-Identifier: Apache-2.0
"""Kernels of integer arithmetic: what those methods share whose lanes compute with the input's integer and not with its symbol.

An input code is the number of a level on the input's grid. Where the levels are the codes themselves nothing is needed;
elsewhere a small table decodes each code, once for all outputs.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.kernel import Constants, HlsArray, LaneKernel, decodes
from dietcnn_hls.lowered.stream import Stream


def check_decoding(integers: np.ndarray, lo: int) -> None:
    """Check the grid integers of the codes from `lo` on; LoweringError when they cannot be those of a stream."""
    checks.integer("the first input code", lo)
    checks.array("the integers of input codes", integers, (None,))
    if (np.diff(integers.astype(np.int64)) <= 0).any():
        raise LoweringError("the integers of input codes must increase")
    if lo and decodes(integers, lo):
        raise LoweringError(f"input codes from {lo} on are no symbols, so they must be the integers themselves")


def check_decoded(integers: np.ndarray, lo: int, stream: Stream) -> None:
    """Check that `integers` are those of the codes of `stream`, from `lo` on; LoweringError otherwise."""
    same = (lo, len(integers)) == (stream.lo, stream.hi - stream.lo + 1) and np.array_equal(integers, stream.integers)
    if not same:
        least, most = stream.range
        raise LoweringError(
            f"a kernel of {len(integers)} input codes from {lo} on, integers {integers[0]}..{integers[-1]}, cannot read codes "
            f"{stream.lo}..{stream.hi} of integers {least}..{most}"
        )


class DecodingKernel(LaneKernel):
    """Base of kernels that decode input codes; dataclasses that have these fields, after their own.

    Attributes:
        weights: (outputs, taps) integers.
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
        ends_only: codes are the integers themselves, and `integers` holds the first and the last alone: for inputs of more
            bits than could be listed. A kernel that allows it has a field of this name.
    """

    integers: np.ndarray
    lo: int
    ends_only: bool = False

    def check(self) -> None:
        if not isinstance(self.ends_only, bool):
            raise LoweringError(f"ends_only must be true or false, not {self.ends_only!r}")
        if self.ends_only:
            checks.array("the first and the last input code", self.integers, (2,), self.lo)
        else:
            check_decoding(self.integers, self.lo)

    def check_input(self, stream: Stream) -> None:
        if not self.ends_only:
            check_decoded(self.integers, self.lo, stream)
        elif stream.levels is not None or tuple(self.integers) != (stream.lo, stream.hi):
            raise LoweringError(
                f"a kernel of input codes {self.integers[0]}..{self.integers[1]} cannot read codes {stream.lo}..{stream.hi}"
            )

    @cached_property
    def decodes(self) -> bool:
        """False where the codes are the integers themselves and need no decoding table."""
        return not self.ends_only and decodes(self.integers, self.lo)

    @property
    def integer_bits(self) -> int:
        """Width of a decoded integer."""
        return bits_for(int(self.integers.min()), int(self.integers.max()))

    @property
    def decodings(self) -> int:
        """Look-ups in the decoding table that one output position takes, all outputs together."""
        return self.taps if self.decodes else 0

    @property
    def table_bits(self) -> int:
        return len(self.integers) * self.integer_bits if self.decodes else 0

    @property
    def lookup_bits(self) -> tuple[int, int] | None:
        return (self.integer_bits, len(self.integers) * self.integer_bits) if self.decodes else None

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Input codes -> grid integers, any shape."""
        return codes if self.ends_only else self.integers[codes - self.lo]

    def products(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest product of each weight with any input, int64 in the weights' shape."""
        ends = [weights.astype(np.int64) * int(end) for end in (self.integers.min(), self.integers.max())]
        return np.minimum(*ends), np.maximum(*ends)

    def constant_matrix(self, weights: np.ndarray) -> Constants:
        """The kernel as these weights, (outputs, taps), times the decoded inputs."""
        return Constants(self.lo, self.integers, weights.astype(np.int64), self.ends_only)

    def hls_constants(self) -> dict[str, int | bool]:
        """What the C++ kernel's CONFIG_T states about decoding."""
        return {"decode": self.decodes, "first_code": self.lo}

    def hls_tables(self) -> dict[str, HlsArray]:
        """The C++ kernel's decoding table, where there is one."""
        signed = bool(self.integers.min() < 0)
        return {"integers": HlsArray(self.integers, self.integer_bits, signed, "lutrom")} if self.decodes else {}

    def rtl_parameters(self) -> dict[str, int | str]:
        """What the SystemVerilog kernel's parameters state about decoding."""
        return {
            "INTEGER_BITS": self.integer_bits,
            "INTEGER_SIGNED": int(self.integers.min() < 0),
            "DECODE": int(self.decodes),
        }

    def rtl_tables(self) -> dict[str, tuple[np.ndarray, int]]:
        """The SystemVerilog kernel's decoding table, where there is one."""
        return {"INTEGERS": (self.integers, self.integer_bits)} if self.decodes else {}


__all__ = ["DecodingKernel", "check_decoded", "check_decoding"]
