# SPDX-License-Identifier: Apache-2.0
"""RAMB18 blocks of a memory of `words` x `bits`, as the tool counts them that builds it: Vitis HLS, or Yosys.

Vitis' rule depends on the family. Both were read off C-synthesis reports of Vitis HLS 2021.2; ``python -m
tests.benchmarks.bram_rule`` checks them against recorded reports row by row.

*7-series*: the depth is rounded up to a power of two and all columns of a memory have one shape (`_seven_series`). Exact on all
rows of 14 public reports whose ports are known.

*UltraScale and UltraScale+*: blocks cascade inside their column (the data multiplexers of RAMB18E2 and RAMB36E2), so depth costs
no logic and need not be a power of two. A memory is then cut by width into columns of any of the block's shapes; a column of
width w takes ceil(words / depth of w) blocks, and Vitis charges the cheapest set of columns. 16,384 x 32 is three columns of 9
bits (8 blocks each) and five bits more (4096 x 4 four times, 16,384 x 1 once): 29, where the 7-series has 32 columns of one
bit. 9,216 x 32 is 18 + 9 + 4 + 1 bits, 9 + 5 + 3 + 1 = 18; 36,864 x 32 is 66, 147,456 x 32 is 261, 8,192 x 32 is 15.

*Ports* decide everything that words and bits do not. Vitis lists them in a report's Multiplexer table (``name_ce0``,
``name_ce1``, ...). One port: written in one phase, read in another (or a ROM read once a cycle). Two ports: read and
written in the same cycle, as an in-place ReLU does; the block RAM then runs in true dual-port mode, at most 18 bits wide
a RAMB18 instead of 36. More ports: Vitis replicates the whole memory (a RAM's module is then named ``..._RAM_1WNR_...``),
one copy for each port after the first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.hardware.parts import XC7, XCU, XCUP
from dietcnn_hls.integers import power_of_two

SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
"""(words, bits) of a RAMB18 in each of its shapes; the widest has one port to write and one to read."""

BLOCK_BITS = 18_432
"""Bits of a RAMB18, parity included."""

LUTRAM_BITS = 1024
"""Largest memory, words x bits, that Vitis builds from LUTs unless told otherwise."""


def vitis_bram18(words: int, bits: int, family: str, *, ports: int = 1, luts: bool = True) -> int:
    """RAMB18 blocks of a memory as Vitis HLS reports them, all its copies together.

    Args:
        words: depth.
        bits: width of a word.
        family: of the part, as `parts.family` names it.
        ports: see the module's text.
        luts: whether a memory of `LUTRAM_BITS` and fewer takes no block.

    Raises:
        ConfigError: for a size or port count below 1, or a family whose rule is not known.
    """
    for what, value in (("words", words), ("bits", bits), ("ports", ports)):
        if value < 1:
            raise ConfigError(f"A memory's {what} must be at least 1, got {value}.")
    if family not in _VITIS:
        raise ConfigError(f"Vitis' count of memory blocks is not known for the family '{family}'.{suggest(family, _VITIS)}")
    if luts and words * bits <= LUTRAM_BITS:
        return 0
    return copies(ports) * _VITIS[family](words, bits, ports)


def copies(ports: int) -> int:
    """Whole copies of a memory with that many ports: a copy serves the write port and one more."""
    return max(1, ports - 1)


def _seven_series(words: int, bits: int, ports: int) -> int:
    """One copy.

    With the depth rounded up to a power of two d: d <= 512: ceil(bits / 36), or / 18 with two ports or more;
    <= 1k: / 18; <= 2k: / 9; <= 4k: two a 9 bits, then one for a rest of <= 4 bits or two for more; <= 8k: / 2;
    <= 16k: bits; beyond: bits * d / 16384.
    """
    depth = power_of_two(words)
    # no recorded report shows a replicated memory of at most 512 words above 18 bits; narrow is the cautious reading
    if depth <= 512 and ports == 1:
        return -(-bits // 36)
    if depth <= 1024:
        return -(-bits // 18)
    if depth <= 2048:
        return -(-bits // 9)
    if depth <= 4096:
        nines, rest = divmod(bits, 9)
        return 2 * nines + (rest > 0) + (rest > 4)
    if depth <= 8192:
        return -(-bits // 2)
    return bits * (depth // 16384 if depth > 16384 else 1)


def _ultrascale(words: int, bits: int, ports: int) -> int:
    """One copy: the cheapest set of columns. Copies of a replicated memory have a power of two of words (4,704 x 8: 4 each)."""
    depth = words if ports <= 2 else power_of_two(words)
    return _columns(depth, bits, SHAPES if ports == 1 else SHAPES[1:])


@lru_cache(maxsize=4096)
def _columns(words: int, bits: int, shapes: tuple[tuple[int, int], ...]) -> int:
    """Fewest blocks of columns that are together `bits` wide or more."""
    fewest = [0]
    for width in range(1, bits + 1):
        fewest.append(min(fewest[max(0, width - wide)] + -(-words // deep) for deep, wide in shapes))
    return fewest[bits]


_VITIS: dict[str, Callable[[int, int, int], int]] = {XC7: _seven_series, XCU: _ultrascale, XCUP: _ultrascale}


def yosys_bram18(words: int, bits: int) -> int:
    """RAMB18 of a memory with one read port as Yosys builds it, in any family: the fewest over all shapes of a block.

    With 2^a rows of d bits a block, a memory is cut into ceil(words / 2^a) pieces that lie side by side, and their columns fill
    blocks without regard to pieces: ceil(ceil(words / 2^a) * bits / d). The price is a multiplexer behind the blocks.
    """
    return min(-(-(-(-words // rows) * bits) // width) for rows, width in SHAPES)


def uram(words: int, bits: int) -> int:
    """UltraRAM blocks (4096 x 72 each) of a memory that is put there by hand; no tool chooses it by size."""
    return -(-words // 4096) * -(-bits // 72)


__all__ = ["BLOCK_BITS", "LUTRAM_BITS", "SHAPES", "copies", "uram", "vitis_bram18", "yosys_bram18"]
