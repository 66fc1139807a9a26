# SPDX-License-Identifier: Apache-2.0
"""What Vitis HLS 2021.2 spends on a memory of `words` x `bits`, and how well that rule meets recorded reports.

The rule was read off the public synthesis reports of the DietCNN authors (14 designs, 230 memory rows) and is stated in
`bram18`, `lutram` and `copies`. ``python -m dietcnn_hls.hardware.blocks REPORT.json`` prints the hit rate and the misses.

*Ports* decide everything that words and bits do not. Vitis lists them in a report's Multiplexer table (``name_ce0``,
``name_ce1``, ...). One port: written in one phase, read in another (or a ROM read once a cycle). Two ports: read and
written in the same cycle, as an in-place ReLU does; the block RAM then runs in true dual-port mode, at most 18 bits wide
a RAMB18 instead of 36. More ports: Vitis replicates the whole memory (a RAM's module is then named ``..._RAM_1WNR_...``),
one copy for each port after the first.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dietcnn_hls.errors import ConfigError, DietError, ResourceError
from dietcnn_hls.hardware.parts import lookup

LUTRAM_BITS = 1024
"""Largest memory, words x bits, that Vitis builds from LUTs unless told otherwise."""

BLOCK_BITS = 18_432
"""Bits of a RAMB18, parity included."""


@dataclass(frozen=True, slots=True)
class MemoryCost:
    """What one memory takes: RAMB18 blocks, UltraRAM blocks, and the LUTs and flip-flops of a distributed one."""

    bram18: int = 0
    uram: int = 0
    lut: int = 0
    ff: int = 0


def copies(ports: int) -> int:
    """Whole copies of a memory with that many ports: a copy serves the write port and one more."""
    _positive("ports", ports)
    return max(1, ports - 1)


def bram18(words: int, bits: int, *, ports: int = 1, impl: str = "auto") -> int:
    """RAMB18 blocks of a memory, as Vitis HLS 2021.2 reports them.

    With the depth rounded up to a power of two d: d <= 512: ceil(bits / 36), or / 18 with two ports or more;
    <= 1k: / 18; <= 2k: / 9; <= 4k: two a 9 bits, then one for a rest of <= 4 bits or two for more; <= 8k: / 2;
    <= 16k: bits; beyond: bits * d / 16384. All of it once a copy.

    Args:
        words: depth.
        bits: width of a word.
        ports: see the module's text.
        impl: ``auto`` (memories of <= 1024 bits take no block) or ``bram`` (they do).

    Raises:
        ConfigError: for a size or port count below 1, or an unknown `impl`.
    """
    _positive("words", words)
    _positive("bits", bits)
    if impl not in ("auto", "bram"):
        raise ConfigError(f"Unknown memory implementation '{impl}' for bram18. Known: auto, bram.")
    number = copies(ports)
    if impl == "auto" and words * bits <= LUTRAM_BITS:
        return 0
    return number * _blocks(words, bits, wide=ports == 1)


def _blocks(words: int, bits: int, wide: bool) -> int:
    depth = 1 << (words - 1).bit_length()
    # no recorded report shows a replicated memory of at most 512 words above 18 bits; narrow is the cautious reading
    if depth <= 512 and wide:
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


def lutram(words: int, bits: int, *, rom: bool) -> MemoryCost:
    """LUTs and flip-flops of a distributed memory in Vitis' estimate: a LUT for 64 bits, registered data out.

    A RAM registers its data twice. Exact on all 38 distributed rows of the recorded reports.
    """
    _positive("words", words)
    _positive("bits", bits)
    return MemoryCost(lut=-(-words * bits // 64), ff=bits if rom else 2 * bits)


def uram(words: int, bits: int) -> int:
    """UltraRAM blocks (4096 x 72 each) of a memory that is bound to UltraRAM by a pragma; Vitis never chooses it by size."""
    _positive("words", words)
    _positive("bits", bits)
    return -(-words // 4096) * -(-bits // 72)


def memory_cost(words: int, bits: int, *, ports: int = 1, rom: bool = True) -> MemoryCost:
    """What Vitis spends on a memory whose placement is left to it."""
    blocks = bram18(words, bits, ports=ports)
    return MemoryCost(bram18=blocks) if blocks else lutram(words, bits, rom=rom)


def require_fit(name: str, words: int, bits: int, part: str, *, ports: int = 1) -> int:
    """RAMB18 blocks of a memory that must fit `part`.

    Raises:
        ResourceError: when this memory alone exceeds the block RAM of the part; names layer or table and the remedy.
        ConfigError: for an unknown part.
    """
    device = lookup(part)
    needed = bram18(words, bits, ports=ports)
    if needed > device.bram18:
        raise ResourceError(
            f"{name}: {words:,} words of {bits} bits need {needed:,} BRAM18, but {device.device} has {device.bram18:,}."
            " Use smaller codebooks, fewer parallel reads or a larger part."
        )
    return needed


class Stored(Protocol):
    """A memory of a design: what it holds for which layer, its size, and its RAMB18 by the rule of whoever builds it."""

    @property
    def layer(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def words(self) -> int: ...
    @property
    def bits(self) -> int: ...
    @property
    def bram18(self) -> int: ...


def check_fits(memories: Sequence[Stored], part: str) -> int:
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


def _remedies(worst: Stored, excess: int) -> str:
    """What helps; another fold only where the largest memory wastes more of its blocks than is missing."""
    full, fold = -(-worst.words * worst.bits // BLOCK_BITS), ""
    if worst.bram18 - full >= excess:
        fold = f"a fold of '{worst.layer}' whose words fill blocks ({full:,} BRAM18 at best), "
    return (
        f"Remedies: {fold}fewer weight symbols, a narrower network, a larger part; or, by hand, UltraRAM "
        f"({uram(worst.words, worst.bits):,} blocks for the largest memory) or memory off the chip."
    )


def _positive(what: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"A memory's {what} must be at least 1, got {value}.")


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One row of a report's memory table; `ports` where the report's Multiplexer table was recorded too."""

    design: str
    name: str
    words: int
    bits: int
    bram18: int
    ports: int | None = None

    @property
    def predicted(self) -> int:
        """The rule's figure; one port where none is recorded."""
        return bram18(self.words, self.bits, ports=self.ports or 1)

    @property
    def replicated(self) -> bool:
        """Whether the row reports several copies.

        Known from the ports where they are recorded. Else a row is replicated when it reports at least three times
        the single copy exactly: four reads or more a cycle. Twice the copy does not count, since a 32-bit
        in-place memory takes two blocks in a single copy.
        """
        if self.ports is not None:
            return copies(self.ports) > 1
        single = self.predicted
        return single > 0 and self.bram18 >= 3 * single and self.bram18 % single == 0


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """The rule against recorded rows: single-copy rows by words and bits, replicated ones by their recorded ports."""

    rows: int
    single: int
    single_exact: int
    plain_exact: int
    misses: tuple[MemoryRow, ...]
    ported: int
    ported_exact: int

    @property
    def hit_rate(self) -> float:
        """Share of single-copy rows that the rule meets exactly."""
        return self.single_exact / self.single if self.single else 0.0

    def text(self) -> str:
        """Figures and misses for the terminal."""
        lines = [
            f"rows                        {self.rows}",
            f"  exact by size alone       {self.plain_exact}",
            f"replicated (not counted)    {self.rows - self.single}",
            f"single-copy                 {self.single}",
            f"  exact                     {self.single_exact} ({100 * self.hit_rate:.1f} %)",
            f"rows with recorded ports    {self.ported}",
            f"  exact, copies included    {self.ported_exact}",
            f"single-copy misses          {len(self.misses)}",
        ]
        for row in self.misses:
            both = bram18(row.words, row.bits, ports=2)
            hint = "; equals the rule with two ports" if both == row.bram18 else ""
            lines.append(
                f"  {row.design} {row.name}: {row.words} x {row.bits}, reported {row.bram18}, rule {row.predicted}{hint}"
            )
        return "\n".join(lines)


def read_rows(path: Path) -> list[MemoryRow]:
    """Rows of a JSON file ``{"designs": {name: {"memories": [{"name", "words", "bits", "bram"[, "ports"]}]}}}``.

    Raises:
        ConfigError: when the file cannot be read or has another form.
    """
    try:
        designs = json.loads(path.read_text(encoding="utf-8"))["designs"]
        return list(_rows(designs))
    except OSError as error:
        raise ConfigError(f"Cannot read the memory report {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is not a recorded memory report (designs -> memories): {error!r}.") from error


def _rows(designs: dict[str, dict[str, list[dict[str, int | str]]]]) -> Iterator[MemoryRow]:
    for design, content in designs.items():
        for row in content["memories"]:
            ports = row.get("ports")
            yield MemoryRow(
                design=design,
                name=str(row["name"]),
                words=int(row["words"]),
                bits=int(row["bits"]),
                bram18=int(row["bram"]),
                ports=None if ports is None else int(ports),
            )


def check_rule(rows: Sequence[MemoryRow]) -> RuleCheck:
    """Compare the rule with recorded rows."""
    single = [row for row in rows if not row.replicated]
    misses = tuple(row for row in single if row.predicted != row.bram18)
    ported = [row for row in rows if row.ports is not None]
    return RuleCheck(
        rows=len(rows),
        single=len(single),
        single_exact=len(single) - len(misses),
        plain_exact=sum(bram18(row.words, row.bits) == row.bram18 for row in rows),
        misses=misses,
        ported=len(ported),
        ported_exact=sum(row.predicted == row.bram18 for row in ported),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: print the hit rate of the rule on a recorded report; exit 1 when it cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m dietcnn_hls.hardware.blocks", description=main.__doc__)
    parser.add_argument("report", type=Path, help="JSON file of recorded memory tables")
    try:
        check = check_rule(read_rows(parser.parse_args(arguments).report))
    except DietError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(check.text() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
