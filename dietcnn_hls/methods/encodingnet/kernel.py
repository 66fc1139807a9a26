# SPDX-License-Identifier: Apache-2.0
"""EncodingNet's kernel: every product is encoded by gates into weighted bits, and equal bits are counted over the taps.

``sum over taps of T(x, w) = taps * constant + sum_i positions[i] * #{taps : bit_i(x, w)}``, with T the encoder's product table:
one count a bit position and, once per output, one constant shift-add sum of the counts. No multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from dietcnn_hls.integers import bits_for, exact_matmul, signed_digits
from dietcnn_hls.lowered import DecodingKernel, HlsArray, HlsKernel, Operations, RtlKernel, checks
from dietcnn_hls.methods.encodingnet.lowrank import LowRank
from dietcnn_hls.methods.encodingnet.netlist import INPUTS, OPERAND_BITS, Netlist
from dietcnn_hls.methods.encodingnet.rows import Rows

_CHUNK = 1 << 24
"""Integers that `accumulate` spreads out at a time."""


MAX_CONSTANT = 1 << 24
"""Largest constant of an encoder, far beyond a product."""


@dataclass(frozen=True, eq=False)
class NetlistKernel(DecodingKernel):
    """sum over taps of the encoder's product of the input's integer and the weight.

    Attributes:
        gates: (G, 3) the encoder's gates, see `Netlist`.
        positions: (M,) signed weights of the encoded bits.
        bits: (M,) nets of the encoded bits.
        constant: added once a product.
        weights: (outputs, taps) int8.
        fraction: grid of the sums (input fraction + weight fraction).
        integers: grid integers of the input codes lo..hi, in order, each in [-128, 127].
        lo: the first input code.
    """

    method: ClassVar[str] = "encodingnet"
    gates: np.ndarray
    positions: np.ndarray
    bits: np.ndarray
    constant: int
    weights: np.ndarray
    fraction: int
    integers: np.ndarray
    lo: int

    def check(self) -> None:
        super().check()
        self.check_weights(-128, 127)
        checks.array("the input integers of an encoder", self.integers, (None,), -128, 127)
        checks.array("the gates of an encoder", self.gates, (None, 3))
        checks.array("the encoded bits of an encoder", self.bits, (None,))
        checks.array("the position weights of an encoder", self.positions, (len(self.bits),))
        checks.integer("the constant of an encoder", self.constant, -MAX_CONSTANT, MAX_CONSTANT)
        self.netlist  # noqa: B018  # checks gates, bits and weights against each other
        product = MAX_CONSTANT + len(self.bits) * checks.largest(self.positions)
        checks.reach("sums of encoded products", product, self.taps, bits=54)

    @cached_property
    def netlist(self) -> Netlist:
        return Netlist(self.gates, self.bits, self.positions, self.constant)

    @cached_property
    def _factors(self) -> LowRank:
        return LowRank.of(self.netlist.table)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        reachable = self.netlist.table[self.integers & 255].astype(np.int64)
        codes = self.weights.astype(np.int64) & 255
        return reachable.min(axis=0)[codes].sum(axis=1), reachable.max(axis=0)[codes].sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        left = self._factors.left[self.integers & 255]
        right = self._factors.right[self.weights[rows].astype(np.int64) & 255].reshape(-1, self.taps * self._factors.terms)
        size = max(1, _CHUNK // right.shape[1])
        parts = [
            exact_matmul(left[windows[start : start + size] - self.lo].reshape(-1, right.shape[1]), right.T)
            for start in range(0, len(windows), size)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(right)), np.int64)

    def operations(self) -> Operations:
        """Bit-level work: every encoded bit is one look-up (a small Boolean function) and one step of a one-bit count.

        The weighted sum of the counts adds the shifted copies that the position weights need, once per output.
        """
        width = len(self.positions)
        copies = sum(digit != 0 for position in self.positions.tolist() for digit in signed_digits(position))
        return Operations(
            lookups=self.outputs * self.taps * width + self.decodings,
            additions=self.outputs * ((self.taps - 1) * width + copies),
        )

    @property
    def weight_bits(self) -> int:
        return self.weights.size * OPERAND_BITS

    @property
    def addition_bits(self) -> int:
        """One: counting adds single bits. The weighted sums of the counts are wider, but one in as many as there are taps."""
        return 1

    @property
    def lookup_bits(self) -> tuple[int, int]:
        """An encoded bit is one output of a small Boolean function, at most a LUT6."""
        return 1, 64

    def hls(self) -> HlsKernel:
        net_bits = bits_for(0, INPUTS + len(self.gates))
        arrays = {
            "kinds": HlsArray(self.gates[:, 0], 3, False, "lutrom"),
            "lefts": HlsArray(self.gates[:, 1], net_bits, False, "lutrom"),
            "rights": HlsArray(self.gates[:, 2], net_bits, False, "lutrom"),
            "nets": HlsArray(self.bits, net_bits, False, "lutrom"),
            "positions": HlsArray(self.positions, 16, True, "lutrom"),
            "weights": HlsArray(self.weights, OPERAND_BITS, True, lanes=True),
            **self.hls_tables(),
        }
        return HlsKernel(
            header="nnet_kernel_netlist.h",
            struct="netlist_kernel",
            constants={
                "n_gates": len(self.gates),
                "n_bits": len(self.bits),
                "constant": self.constant,
                "constant_sum": self.constant * self.taps,
                **self.hls_constants(),
            },
            arrays=arrays,
        )

    @cached_property
    def rows(self) -> Rows:
        """The encoder as addends, the hardware's form."""
        return Rows.of(self.netlist)

    def rtl(self) -> RtlKernel:
        rows, netlist = self.rows, self.rows.netlist
        net_bits = bits_for(0, INPUTS + len(netlist.gates))
        used = rows.nets >= 0
        places = np.where(used, rows.nets, 0) | rows.inverted << net_bits | used << (net_bits + 1)
        tables = {
            "KINDS": (netlist.gates[:, 0], 3),
            "LEFTS": (netlist.gates[:, 1], net_bits),
            "RIGHTS": (netlist.gates[:, 2], net_bits),
            "PLACES": (places, net_bits + 2),
            **self.rtl_tables(),
        }
        reachable, codes = rows.tables[:, self.integers & 255], self.weights.astype(np.int64) & 255
        return RtlKernel(
            module="kernel_netlist",
            parameters={
                "GATES": len(netlist.gates),
                "NET_BITS": net_bits,
                "ROWS": rows.nets.shape[0],
                "ROW_BITS": rows.nets.shape[1],
                **self.rtl_parameters(),
            },
            tables=tables,
            weights=codes,
            weight_bits=OPERAND_BITS,
            lane_bounds=(
                np.moveaxis(reachable.min(axis=1)[:, codes], 0, 2).astype(np.int64),
                np.moveaxis(reachable.max(axis=1)[:, codes], 0, 2).astype(np.int64),
            ),
            by_addend=True,
            offsets=self.taps * rows.constant + rows.by_weight[codes].sum(axis=1),
            logic=1 + self.decodes + -(-netlist.levels() // 2),  # a LUT6 holds two levels of gates of two inputs
        )


def _worst(values: np.ndarray) -> int:
    return int(values.flat[np.abs(values.astype(np.int64)).argmax()])
