# SPDX-License-Identifier: Apache-2.0
"""Where memories go: block RAM or LUTs, how deep the rings in front of the kernel arrays are."""

from __future__ import annotations

from dataclasses import dataclass

from dietcnn_hls.hardware.blocks import bram18


@dataclass(frozen=True)
class MemoryRules:
    """How memories are placed.

    Attributes:
        luts_per_bram: a memory goes to block RAM where each RAMB18 saves at least this many LUTs.
        ring_blocks: RAMB18 that a ring may take beyond its least size, to hold more of the next image.
    """

    luts_per_bram: int = 20
    ring_blocks: int = 2

    def rom_in_block(self, depth: int, bits: int) -> bool:
        """Whether a ROM with registered output goes to block RAM; a LUT holds 64 bits."""
        luts = bits * -(-depth // 64)
        return depth > 1 and luts >= self.luts_per_bram * bram18(depth, bits, impl="bram")

    def ram_in_block(self, depth: int, bits: int) -> bool:
        """Whether a simple dual-port RAM goes to block RAM; a pool over one row keeps none, which is a RAM of no bits."""
        return depth > 1 and bits > 0 and ram_luts(depth, bits) >= self.luts_per_bram * bram18(depth, bits, impl="bram")

    def ring_depth(self, least: int, wanted: int, bits: int) -> int:
        """Words of a ring, a power of two: at least `least`, and `wanted` if that is cheap."""
        depth = power_of_two(least)
        allowed = bram18(depth, bits, impl="bram") + self.ring_blocks
        while depth < wanted and bram18(2 * depth, bits, impl="bram") <= allowed:
            depth *= 2
        return depth


@dataclass(frozen=True)
class MemoryUse:
    """One memory of a generated design.

    Attributes:
        layer: node that it belongs to.
        role: what it holds: 'weights', 'thresholds', 'window', 'lines', 'waiting', ...
        words: depth.
        bits: width of a word.
        block: whether it is in block RAM; else in LUTs.
    """

    layer: str
    role: str
    words: int
    bits: int
    block: bool

    @property
    def bram18(self) -> int:
        """RAMB18 that it takes."""
        return packed_bram18(self.words, self.bits) if self.block else 0


def packed_bram18(words: int, bits: int) -> int:
    """RAMB18 of a memory with one read port as Yosys builds it: the fewest over all shapes of a block.

    With 2^a rows of d bits a block, a memory is cut into ceil(words / 2^a) pieces that lie side by side, and their columns fill
    blocks without regard to pieces: ceil(ceil(words / 2^a) * bits / d). Unlike Vitis (`reports.memory.bram18`), depths need
    not be powers of two; the price is a multiplexer behind the blocks.
    """
    shapes = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
    return min(-(-(-(-words // rows) * bits) // width) for rows, width in shapes)


def ram_luts(depth: int, bits: int) -> int:
    """LUTs of a simple dual-port LUT RAM: RAM32M holds 32 x 6 bits in four, RAM64M 64 x 3."""
    if depth <= 32:
        return -(-bits // 6) * 4
    return -(-bits // 3) * 4 * -(-depth // 64)


def power_of_two(n: int) -> int:
    """The least power of two that is at least max(n, 2)."""
    return 1 << (max(n, 2) - 1).bit_length()


__all__ = ["MemoryRules", "MemoryUse", "packed_bram18", "power_of_two", "ram_luts"]
