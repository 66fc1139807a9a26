# SPDX-License-Identifier: Apache-2.0
"""Where a design has registers so that it meets its clock: the one place in which that is decided.

The engine's modules can be cut shorter by parameters: sums in a row in a kernel array, comparators in a row in an encoder,
counters that know their ends ahead, streams whose ready comes from a register. Each takes cycles or registers, so each is asked
for only where the clock needs it. What it needs follows from a model of the modules' slowest paths, in LUTs, sums and nets, with
the delays of the part (`hardware.timing`); a static timing analysis of the mapped design tells afterwards whether it was right.

Interval and results are the same at any clock; only the latency grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.parts import XC7, lookup
from dietcnn_hls.hardware.sums import CHAIN
from dietcnn_hls.hardware.timing import Delays, delays_of, why_none
from dietcnn_hls.integers import power_of_two

_STAND_IN = "xc7k325t"
"""A part whose slowest grade serves for families that have no table: they are newer and faster."""

STEPS = 3
"""Comparators in a row in an encoder that no clock presses."""

_CONTROL = 12
"""LUTs in a row from a window's counters through the ready signals of two layers to the counters of a third."""

_WAITING = 5
"""LUTs in a row from an encoder's ready to the results of the kernel array in front."""

_QUEUED = 4
"""LUTs in a row from an encoder's ready to the memory in which results wait."""


@dataclass(frozen=True)
class Sums:
    """How a kernel array adds.

    Attributes:
        chain: sums in a row between two registers.
        apart: the last sum waits in a register in front of the accumulator.
        products: products wait in registers in front of the sums.
    """

    chain: int = CHAIN
    apart: bool = False
    products: bool = False


@dataclass(frozen=True)
class Pipelining:
    """The registers that a clock asks for; without a clock, none but those that the engine cannot do without.

    Attributes:
        period: what logic and nets between two registers may take, ps; None: no clock presses.
        delays: of the part.
    """

    period: float | None = None
    delays: Delays | None = None

    @classmethod
    def of(cls, part: str, clock_ns: float, margin: float = 0.0) -> Pipelining:
        """For a part and a clock period.

        Args:
            part: full part name.
            clock_ns: the period asked for.
            margin: share of the period that is held back.

        Raises:
            ConfigError: an unknown part, or a margin that leaves nothing.
        """
        if not 0 <= margin < 1:
            raise ConfigError(f"the margin of a clock must be at least 0 and below 1, got {margin}")
        device = lookup(part)
        stand_in = device.device if device.family == XC7 else _STAND_IN  # a low-power grade: the slowest of the others
        delays = delays_of(stand_in if why_none(part) else part)
        return cls(clock_ns * 1000 * (1 - margin) - delays.uncertainty, delays)

    # ---- decisions

    @property
    def short(self) -> bool:
        """Whether control must be cut: counters that know their ends ahead, streams with registered ready, kernel arrays that
        never stall. It is all one path otherwise, from layer to layer."""
        return not self._fits(self._path(_CONTROL, fan_out=16))

    def split(self, ratio: int, bits: int) -> bool:
        """Whether a register is needed between the choice of one of `ratio` values of `bits` bits and what reads it.

        It shortens the way of the values, and that of ready from the reader's end to the places where results wait.
        """
        longest = max(self._encode(1, bits, 0, 1 + (ratio > 4) + (ratio > 16)), self._path(_WAITING, fan_out=64))
        return self.short and not self._fits(longest)

    @property
    def queued(self) -> bool:
        """Whether a register is needed behind a queue of results that is a memory."""
        return self.short and not self._fits(self._path(_QUEUED, fan_out=64))

    def sums(self, addends: int, beats: int, bits: int, logic: int = 1) -> Sums:
        """The cheapest way in which a kernel array can add, or the shortest where none is short enough.

        Args:
            addends: of one output in one beat.
            beats: of a result.
            bits: width of the result.
            logic: as in `RtlKernel`.
        """
        block = not self.short
        plain = [Sums(chain, apart) for chain in range(CHAIN, 1, -1) for apart in (False, True)]
        kept = [replace(sums, products=True) for sums in plain] if logic > 1 else []
        for sums in [*plain, *kept]:
            if (beats > 1 or not sums.apart) and self._fits(self._sums(sums, addends, beats, bits, logic, block)):
                return sums
        return Sums(2, beats > 1, logic > 1)

    def steps(self, bits: int, index_bits: int) -> int:
        """Comparators in a row between two registers of an encoder of `bits` bits, `index_bits` choose the last threshold."""
        fitting = [steps for steps in (3, 2) if self._fits(self._encode(steps, bits, index_bits, 0 if self.short else 1))]
        return fitting[0] if fitting else 1

    def lookup(self, bits: int, index_bits: int) -> bool:
        """Whether thresholds wait in registers, too."""
        return self.steps(bits, index_bits) == 1 and not self._fits(self._encode(1, bits, index_bits, 0))

    def serial_cycles(self, bits: int) -> int:
        """Cycles of each step of an encoder with one comparator: 1, 2 with its result in a register, 3 with its threshold too."""
        if self.delays is None:
            return 1
        memory, compare = self._start("block", 8), self._carry(bits)
        address = self._net(8) + self.delays.cell("RAMB18E1", "setup ADDR")
        if self._fits(memory + compare + 2 * self._lut + address):
            return 1
        return 2 if self._fits(memory + compare - self._inside) else 3

    def requantize_stages(self, bits: int, rounds: bool, clips: bool) -> int:
        """Stages of a re-quantiser of `bits` bits: sum, rounding and clipping in one cycle, in two, or in one each."""
        sum_, round_, clip = self._lut + self._carry(bits), rounds * self._carry(bits), clips * (self._carry(bits) + self._lut)
        start = self._start() if self.delays else 0.0
        if self._fits(start + self._lut + sum_ + round_ + clip):
            return 1
        return 2 if not rounds or self._fits(start + round_ + clip) else 3

    def pool_breaks(self, bits: int, kernel: tuple[int, int], sums: bool) -> bool:
        """Whether a pool has a register between its two directions."""
        return self.short and not self._fits(self._pool(bits, sum(side - 1 for side in kernel), sums))

    def rows_in_blocks(self, bits: int, kernel: tuple[int, int], sums: bool) -> bool:
        """Whether a pool's rows may come out of block RAM: one direction's comparisons or sums stand behind it."""
        return not self.short or self._fits(self._pool(bits, max(kernel) - 1, sums))

    @property
    def constants_in_blocks(self) -> bool:
        """Whether a block RAM may feed an adder that ends in a register."""
        return self._fits(self._start("block", 8) + self._carry(24) - self._inside)

    # ---- the model

    def _fits(self, path: float) -> bool:
        return self.period is None or path <= self.period

    def _net(self, fan_out: int, source: str = "from logic") -> float:
        return self.delays.nets.delay(source, "", fan_out) if self.delays else 0.0

    def _start(self, kind: str = "register", fan_out: int = 8) -> float:
        """Clock to the far end of a net, from a register or a block RAM."""
        if self.delays is None:
            return 0.0
        if kind == "block":
            return self.delays.cell("RAMB18E1", "clk->DO") + self._net(fan_out)
        return self.delays.cell("FDRE", "clk->Q") + self._net(fan_out, "from register")

    @property
    def _lut(self) -> float:
        """A LUT and the net behind it."""
        return self.delays.cell("LUT6", "I0->O") + self._net(2) if self.delays else 0.0

    @property
    def _inside(self) -> float:
        """What a sum is nearer to its register than to anything else: they share a slice."""
        return self._net(2) + self.delays.cell("SLICE", "carry->out") if self.delays else 0.0

    def _carry(self, bits: int, rows: int = 1) -> float:
        """`rows` sums or comparisons in a row, with the net behind each: only the last waits for its carries."""
        if self.delays is None:
            return 0.0
        cell = self.delays.cell
        step = cell("LUT6", "I0->O") + cell("CARRY4", "S[0]->CO[3]") + cell("SLICE", "carry->out") + self._net(2)
        return rows * step + -(-bits // 4) * cell("CARRY4", "CI->CO[3]")

    def _path(self, luts: int, fan_out: int) -> float:
        """LUTs in a row to a register's enable."""
        return self._start(fan_out=fan_out) + luts * self._lut if self.delays else 0.0

    def _sums(self, sums: Sums, addends: int, beats: int, bits: int, logic: int, block: bool) -> float:
        """Slowest path of a kernel array."""
        if self.delays is None:
            return 0.0
        # where other paths are longer, mapping shares parts of tables between outputs, which takes a LUT more
        entry = self._start("block" if block else "register", 64) + (logic + (logic > 0 and not block)) * self._lut
        longest, count, first = 0.0, addends, self._start() if sums.products else entry
        while True:
            final = count <= sums.chain
            accumulates = final and beats > 1 and not sums.apart  # into two registers, of which one lies outside the slice
            rows = min(count, sums.chain) - 1 + accumulates
            longest = max(longest, first + (self._carry(bits, rows) - (0 if accumulates else self._inside) if rows else 0.0))
            if final:
                break
            count, first = -(-count // sums.chain), self._start()
        apart = self._start() + self._carry(bits) if sums.apart else 0.0
        return max(longest, apart, entry - self._net(2) if sums.products else 0.0)

    def _pool(self, bits: int, steps: int, sums: bool) -> float:
        """A block RAM's data through `steps` sums, or comparisons and the choices that follow them."""
        one = self._carry(bits) if sums or bits > 3 else self._lut
        return self._start("block", 8) + steps * (one + (0 if sums else self._lut))

    def _encode(self, steps: int, bits: int, index_bits: int, ways: int) -> float:
        """Slowest path of an encoder: a choice of values, then steps of a table and a comparator, then the code's turn."""
        table = 0 if index_bits <= 5 else 1 + max(0, index_bits - 7) // 2
        return self._start(fan_out=32) + ways * self._lut + steps * (table * self._lut + self._carry(bits)) + self._lut


def result_places(beats: int, stages: int) -> tuple[int, bool]:
    """Places for results behind a kernel array that never stalls, and whether they are a memory: as few as keep its interval.

    A place is claimed with the last beat of a pass and free again when its result has been taken, `beats` cycles after it came at
    the latest where what follows keeps pace: a cycle to the array, `stages` in it, one a place on the way (two in a memory), and
    two until the window knows. So many passes must be able to begin meanwhile.

    Args:
        beats: of a pass.
        stages: of the array.
    """
    for places in (2, 3):
        if (places - 1) * beats >= stages + places + 3:
            return places, False
    return power_of_two(-(-(stages + 6) // beats) + 1), True


__all__ = ["STEPS", "Pipelining", "Sums", "result_places"]
