# SPDX-License-Identifier: Apache-2.0
"""Memories of a design: what they hold, where they go (block RAM or LUTs), how deep rings are, and whether a part holds all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dietcnn_hls.errors import ResourceError
from dietcnn_hls.hardware.blocks import BLOCK_BITS, uram, vitis_bram18
from dietcnn_hls.hardware.parts import XC7, lookup
from dietcnn_hls.integers import power_of_two


@dataclass(frozen=True)
class DesignMemory:
    """One memory of a design, read or written a word a cycle.

    Attributes:
        layer: node that it belongs to.
        role: what it holds: 'weights', 'thresholds', 'window', 'lines', 'waiting', ...
        words: depth.
        bits: width of a word.
        bram18: RAMB18 that it takes by the rule of the tool that builds it (`blocks`); 0 where it is made of LUTs.
    """

    layer: str
    role: str
    words: int
    bits: int
    bram18: int


@dataclass(frozen=True)
class MemoryRules:
    """How memories of the RTL are placed. Blocks are weighed by Vitis' 7-series rule in every family: designs do not depend on
    the part, and no tool takes more blocks.

    Attributes:
        luts_per_bram: a memory goes to block RAM where each RAMB18 saves at least this many LUTs.
        ring_blocks: RAMB18 that a ring may take beyond its least size, to hold more of the next image.
    """

    luts_per_bram: int = 20
    ring_blocks: int = 2

    def rom_in_block(self, depth: int, bits: int) -> bool:
        """Whether a ROM with registered output goes to block RAM; a LUT holds 64 bits."""
        return self._in_block(depth, bits, bits * -(-depth // 64))

    def ram_in_block(self, depth: int, bits: int) -> bool:
        """Whether a simple dual-port RAM goes to block RAM; a pool over one row keeps none, which is a RAM of no bits."""
        return self._in_block(depth, bits, ram_luts(depth, bits))

    def _in_block(self, depth: int, bits: int, luts: int) -> bool:
        return depth > 1 and bits > 0 and luts >= self.luts_per_bram * _blocks(depth, bits)

    def ring_depth(self, least: int, wanted: int, bits: int) -> int:
        """Words of a ring, a power of two: at least `least`, and `wanted` if that is cheap."""
        depth = buffer_depth(least)
        allowed = _blocks(depth, bits) + self.ring_blocks
        while depth < wanted and _blocks(2 * depth, bits) <= allowed:
            depth *= 2
        return depth


def _blocks(depth: int, bits: int) -> int:
    return vitis_bram18(depth, bits, XC7, luts=False)


def ram_luts(depth: int, bits: int) -> int:
    """LUTs of a simple dual-port LUT RAM: RAM32M holds 32 x 6 bits in four, RAM64M 64 x 3."""
    if depth <= 32:
        return -(-bits // 6) * 4
    return -(-bits // 3) * 4 * -(-depth // 64)


def buffer_depth(words: int) -> int:
    """Words of a ring or queue that holds so many: a power of two, and two at least."""
    return power_of_two(max(words, 2))


def check_fits(memories: Sequence[DesignMemory], part: str) -> int:
    """RAMB18 of all memories of a design.

    Raises:
        ResourceError: the part has fewer; names the layers that hold most, the largest memory, and what helps.
        ConfigError: for an unknown part.
    """
    device = lookup(part)
    needed = sum(memory.bram18 for memory in memories)
    if needed <= device.bram18:
        return needed
    layers: Counter[str] = Counter()
    for memory in memories:
        layers[memory.layer] += memory.bram18
    shares = ", ".join(f"'{name}' {count:,}" for name, count in layers.most_common(3))
    worst = max(memories, key=lambda memory: memory.bram18)
    raise ResourceError(
        f"the design's memories need {needed:,} BRAM18 and {part} has {device.bram18:,}; most for {shares}. The largest is the "
        f"{worst.role} of '{worst.layer}', {worst.words:,} words of {worst.bits:,} bits: {worst.bram18:,} BRAM18. "
        f"{_remedies(worst, needed - device.bram18)}"
    )


def _remedies(worst: DesignMemory, excess: int) -> str:
    """What helps; another fold only where the largest memory wastes more of its blocks than is missing."""
    full, fold = -(-worst.words * worst.bits // BLOCK_BITS), ""
    if worst.bram18 - full >= excess:
        fold = f"a fold of '{worst.layer}' whose words fill blocks ({full:,} BRAM18 at best), "
    return (
        f"Remedies: {fold}fewer weight symbols, a narrower network, a larger part; or, by hand, UltraRAM "
        f"({uram(worst.words, worst.bits):,} blocks for the largest memory) or memory off the chip."
    )


__all__ = ["DesignMemory", "MemoryRules", "buffer_depth", "check_fits", "ram_luts"]
