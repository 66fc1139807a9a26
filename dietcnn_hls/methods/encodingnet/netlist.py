# SPDX-License-Identifier: Apache-2.0
"""The encoder of `encodingnet`: a netlist of 2-input gates whose weighted output bits approximate an 8 x 8-bit product.

``x * w ~ constant + sum_i positions[i] * bit_i(x, w)`` for signed 8-bit x and w (Liu et al., arXiv 2402.18595). This one object
gives the product table, the arrays that the C++ header and the SystemVerilog module read, the exact low-rank form used in
training and both area measures; nothing else holds a copy of the function.

Nets are numbered: 0..7 the bits of x, least significant first, 8..15 the bits of w, 16 + g the output of gate g.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from operator import index
from typing import Any

import numpy as np

from dietcnn_hls.errors import LoweringError

OPERAND_BITS = 8
INPUTS = 2 * OPERAND_BITS
PAIRS = 1 << INPUTS
POSITION_BITS = 16
CONSTANT_BITS = 20
"""Bits of the constant's magnitude: beyond all that 16-bit position weights of 8 x 8-bit products can be out."""

_WORDS = PAIRS // 64


class Gate(IntEnum):
    """Gate kinds; the value is the kind's code in the hardware's gate arrays. NOT ignores its second operand."""

    NOT = 0
    AND = 1
    NAND = 2
    OR = 3
    NOR = 4
    XOR = 5
    XNOR = 6


AREA_THIRDS = {Gate.NOT: 2, Gate.AND: 4, Gate.NAND: 3, Gate.OR: 4, Gate.NOR: 3, Gate.XOR: 6, Gate.XNOR: 6}
"""Area in thirds of a NAND2, the paper's weights (integers, so that sums compare exactly)."""


def operand_values() -> np.ndarray:
    """The signed value of each of the 256 operand codes (two's complement), int64."""
    codes = np.arange(1 << OPERAND_BITS)
    return np.where(codes < 128, codes, codes - 256)


def exact_products() -> np.ndarray:
    """(256, 256) int64 products, indexed by the operands' codes."""
    values = operand_values()
    return np.multiply.outer(values, values)


def input_planes() -> np.ndarray:
    """(16, 1024) uint64 bit-planes of the operand bits over all 65,536 pairs; pair = x code * 256 + w code."""
    pair = np.arange(PAIRS)
    bits = [(pair >> (OPERAND_BITS + i)) & 1 for i in range(OPERAND_BITS)] + [(pair >> i) & 1 for i in range(OPERAND_BITS)]
    return pack(np.array(bits, dtype=np.uint8))


def pack(bits: np.ndarray) -> np.ndarray:
    """(..., 65536) zeros and ones -> (..., 1024) uint64 planes."""
    return np.packbits(bits, axis=-1, bitorder="little").view(np.uint64)


def unpack(planes: np.ndarray) -> np.ndarray:
    """Inverse of `pack`, uint8."""
    return np.unpackbits(np.ascontiguousarray(planes).view(np.uint8), axis=-1, bitorder="little")


def apply(kind: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One gate on bit-planes (or on any unsigned integers, bitwise)."""
    match kind:
        case Gate.NOT:
            return ~a
        case Gate.AND:
            return a & b
        case Gate.NAND:
            return ~(a & b)
        case Gate.OR:
            return a | b
        case Gate.NOR:
            return ~(a | b)
        case Gate.XOR:
            return a ^ b
        case Gate.XNOR:
            return ~(a ^ b)
    raise LoweringError(f"unknown gate kind {kind}; known: {', '.join(f'{g.value} {g.name}' for g in Gate)}")


@dataclass(frozen=True, eq=False)
class Netlist:
    """Gates, encoded bits and their position weights.

    Attributes:
        gates: (G, 3) int: kind, left net, right net; a gate reads only nets before it.
        outputs: (M,) nets that are the encoded bits.
        positions: (M,) signed weights of the bits, at most 16 bits.
        constant: added once a product.

    Raises:
        LoweringError: a gate reads a later net, an unknown kind, a position weight beyond 16 bits or a constant beyond 20.
    """

    gates: np.ndarray
    outputs: np.ndarray
    positions: np.ndarray
    constant: int = 0

    def __post_init__(self) -> None:
        for g, (kind, left, right) in enumerate(self.gates.tolist()):
            if kind not in AREA_THIRDS or not (0 <= left < INPUTS + g and 0 <= right < INPUTS + g):
                raise LoweringError(f"gate {g} ({kind}, {left}, {right}) of the encoder has no such kind or reads a later net")
        if self.outputs.ndim != 1 or self.outputs.shape != self.positions.shape or not self._nets_exist():
            raise LoweringError("an encoder needs one position weight a bit, and bits that its gates drive")
        if len(self.positions) and np.abs(self.positions).max() >= 1 << (POSITION_BITS - 1):
            raise LoweringError(f"position weights {self.positions.tolist()} exceed {POSITION_BITS} signed bits")
        if abs(self.constant) >= 1 << CONSTANT_BITS:
            raise LoweringError(f"the constant {self.constant} of an encoder exceeds {CONSTANT_BITS} bits")

    def _nets_exist(self) -> bool:
        return not len(self.outputs) or bool(self.outputs.min() >= 0 and self.outputs.max() < INPUTS + len(self.gates))

    @property
    def bits(self) -> int:
        """M, the width of the encoded product."""
        return len(self.outputs)

    def nets(self) -> np.ndarray:
        """(16 + G, 1024) uint64 bit-planes of every net over all pairs."""
        planes = np.empty((INPUTS + len(self.gates), _WORDS), dtype=np.uint64)
        planes[:INPUTS] = input_planes()
        for g, (kind, left, right) in enumerate(self.gates.tolist(), INPUTS):
            planes[g] = apply(kind, planes[left], planes[right])
        return planes

    @cached_property
    def table(self) -> np.ndarray:
        """(256, 256) int32 products, indexed by the codes of x and w (two's complement bit patterns)."""
        nets = self.nets()
        total = np.full(PAIRS, self.constant, dtype=np.int32)
        for net, position in zip(self.outputs.tolist(), self.positions.tolist(), strict=True):
            total += np.int32(position) * unpack(nets[net])
        return total.reshape(256, 256)

    def encode(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Signed operands of equal shape (...) -> encoded bits (..., M), uint8; the gates themselves, one pair at a time."""
        x, w = np.asarray(x, np.int64) & 255, np.asarray(w, np.int64) & 255
        values = [(x >> i) & 1 for i in range(OPERAND_BITS)] + [(w >> i) & 1 for i in range(OPERAND_BITS)]
        for kind, left, right in self.gates.tolist():
            values.append(apply(kind, values[left], values[right]) & 1)
        return np.stack([values[net] for net in self.outputs.tolist()], axis=-1).astype(np.uint8)

    def error(self) -> np.ndarray:
        """(256, 256) int64: table minus exact product."""
        return self.table.astype(np.int64) - exact_products()

    def max_error(self) -> int:
        """Largest absolute error over all pairs, in products' units; the paper's figure divides it by 16384."""
        return int(np.abs(self.error()).max())

    def rmse(self) -> float:
        """Root mean square error over all pairs."""
        return float(np.sqrt((self.error().astype(np.float64) ** 2).mean()))

    @property
    def nand2_thirds(self) -> int:
        """Area of all gates in thirds of a NAND2."""
        return sum(AREA_THIRDS[Gate(kind)] for kind in self.gates[:, 0].tolist())

    @property
    def nand2_area(self) -> float:
        """Area of all gates in NAND2 units."""
        return self.nand2_thirds / 3

    def levels(self) -> int:
        """2-input gates on the longest path to an encoded bit; inverters are free, as in the paper's candidates."""
        depth = [0] * INPUTS
        for kind, left, right in self.gates.tolist():
            depth.append(depth[left] if kind == Gate.NOT else 1 + max(depth[left], depth[right]))
        return max((depth[net] for net in self.outputs.tolist()), default=0)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "gates": [[Gate(kind).name, left, right] for kind, left, right in self.gates.tolist()],
            "outputs": self.outputs.tolist(),
            "positions": self.positions.tolist(),
            "constant": int(self.constant),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Netlist:
        """Inverse of `to_dict`; LoweringError when a key or a gate's name is wrong."""
        try:
            gates = [(Gate[kind].value, index(left), index(right)) for kind, left, right in data["gates"]]
            lists = [gates, [index(net) for net in data["outputs"]], [index(position) for position in data["positions"]]]
            wide = [np.array(values, np.int64) for values in lists]  # checked before they are narrowed, which wraps
            cls(wide[0].reshape(-1, 3), wide[1], wide[2], index(data["constant"]))
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise LoweringError(f"an encoder file needs gates, outputs, positions and constant: {error}") from error
        return cls(gate_array(gates), wide[1].astype(np.int32), wide[2].astype(np.int32), int(data["constant"]))


def gate_array(gates: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A list of (kind, left, right) as the (G, 3) int32 array of a `Netlist`."""
    return np.array(gates, dtype=np.int32).reshape(-1, 3)
