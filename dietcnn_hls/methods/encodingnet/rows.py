# SPDX-License-Identifier: Apache-2.0
"""An encoder as numbers to be added: its weighted bits arranged in rows, one bit a column, no negative weight left.

A position weight becomes its canonical signed digits; ``-2^k b`` is ``2^k (1 - b) - 2^k``, so that inverted bits and one constant
take the place of negative digits. Each row is an unsigned addend; an FPGA adds a row in a carry chain whose LUTs also make
the row's bits, as long as these depend on at most five operand bits. Bits of the weight alone, such as those that complete a
Booth multiplier's negations, are no addends: over a dot product they sum to a constant, which joins the bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dietcnn_hls.integers import signed_digits
from dietcnn_hls.methods.encodingnet.netlist import INPUTS, PAIRS, POSITION_BITS, Gate, Netlist, gate_array, unpack


@dataclass(frozen=True, eq=False)
class Rows:
    """``table[x, w] = constant + by_weight[w] + sum over rows and columns of bit << column``.

    Attributes:
        netlist: the gates (at least one) that the rows' bits come from.
        nets: (rows, columns) net of each bit, -1 where there is none.
        inverted: (rows, columns) bool, the bit is the net's complement.
        constant: added once a product.
        by_weight: (256,) int64, what the bits of the weight alone sum to, by the weight's code.
    """

    netlist: Netlist
    nets: np.ndarray
    inverted: np.ndarray
    constant: int
    by_weight: np.ndarray

    @classmethod
    def of(cls, netlist: Netlist) -> Rows:
        """The rows of a netlist; bits keep the order of the netlist from the first row on."""
        columns: list[list[tuple[int, bool]]] = [[] for _ in range(POSITION_BITS + 1)]
        constant, by_weight = netlist.constant, np.zeros(256, np.int64)
        planes = netlist.nets()
        for net, position in zip(netlist.outputs.tolist(), netlist.positions.tolist(), strict=True):
            values = unpack(planes[net]).reshape(256, 256)
            if (values == values[0]).all():
                by_weight += values[0].astype(np.int64) * position
                continue
            for column, digit in enumerate(signed_digits(position)):
                if digit:
                    columns[column].append((net, digit < 0))
                    constant -= (digit < 0) << column
        width = max((k + 1 for k, bits in enumerate(columns) if bits), default=1)
        count = max(1, *(len(bits) for bits in columns))
        nets, inverted = np.full((count, width), -1, np.int32), np.zeros((count, width), bool)
        for column, bits in enumerate(columns):
            for row, (net, negative) in enumerate(bits):
                nets[row, column], inverted[row, column] = net, negative
        return cls(_with_a_gate(netlist), nets, inverted, constant, by_weight)

    @property
    def bits(self) -> int:
        """Bits that are added for one product."""
        return int((self.nets >= 0).sum())

    @cached_property
    def tables(self) -> np.ndarray:
        """(rows, 256, 256) int32 value of each row by the codes of x and w."""
        planes = self.netlist.nets()
        values = np.zeros((len(self.nets), PAIRS), dtype=np.int32)
        for row, column in zip(*np.nonzero(self.nets >= 0), strict=True):
            bit = unpack(planes[self.nets[row, column]]) ^ np.uint8(self.inverted[row, column])
            values[row] += bit.astype(np.int32) << np.int32(column)
        return values.reshape(-1, 256, 256)


def _with_a_gate(netlist: Netlist) -> Netlist:
    """The netlist, or where it is bare wires one with a gate that nothing reads: hardware arrays cannot be empty."""
    if len(netlist.gates):
        return netlist
    return Netlist(gate_array([(Gate.NOT, INPUTS - 1, INPUTS - 1)]), netlist.outputs, netlist.positions, netlist.constant)
