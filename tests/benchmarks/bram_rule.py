# SPDX-License-Identifier: Apache-2.0
"""The BRAM rules (`dietcnn_hls.hardware.blocks`) against recorded synthesis reports of Vitis HLS, row by row.

``python -m tests.benchmarks.bram_rule [REPORTS.json]``; by default the public reports of the DietCNN authors in
``tests/recorded``. Prints the hit rate and lists the misses.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dietcnn_hls.errors import ConfigError, DietError
from dietcnn_hls.hardware.blocks import copies, vitis_bram18
from dietcnn_hls.hardware.parts import family

RECORDED = Path(__file__).parents[1] / "recorded" / "dietcnn_csynth.json"


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One row of a report's memory table; `ports` where the report's Multiplexer table was recorded too."""

    design: str
    name: str
    family: str
    words: int
    bits: int
    bram18: int
    ports: int | None = None

    def by_rule(self, ports: int | None = None) -> int:
        """The rule's figure with that many ports, by default those recorded, or one."""
        return vitis_bram18(self.words, self.bits, self.family, ports=ports or self.ports or 1)

    @property
    def replicated(self) -> bool:
        """Whether the row reports several copies.

        Known from the ports where they are recorded. Else a row is replicated when it reports at least three times
        the single copy exactly: four reads or more a cycle. Twice the copy does not count, since a 32-bit
        in-place memory takes two blocks in a single copy.
        """
        if self.ports is not None:
            return copies(self.ports) > 1
        single = self.by_rule()
        return single > 0 and self.bram18 >= 3 * single and self.bram18 % single == 0


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """The rules against recorded rows: single-copy rows by words and bits, replicated ones by their recorded ports."""

    rows: int
    single: int
    single_exact: int
    plain_exact: int
    misses: tuple[RecordedRow, ...]
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
            hint = "; equals the rule with two ports" if row.by_rule(2) == row.bram18 else ""
            lines.append(
                f"  {row.design} {row.name}: {row.words} x {row.bits}, reported {row.bram18}, rule {row.by_rule()}{hint}"
            )
        return "\n".join(lines)


def read_rows(path: Path) -> list[RecordedRow]:
    """Rows of a JSON file ``{"designs": {name: {"part", "memories": [{"name", "words", "bits", "bram"[, "ports"]}]}}}``.

    Raises:
        ConfigError: when the file cannot be read or has another form, or names an unknown part.
    """
    try:
        designs = json.loads(path.read_text(encoding="utf-8"))["designs"]
        return [row for name, content in designs.items() for row in _rows(name, content)]
    except OSError as error:
        raise ConfigError(f"Cannot read the memory report {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is not a recorded memory report (designs -> memories): {error!r}.") from error


def _rows(design: str, content: dict[str, object]) -> Iterator[RecordedRow]:
    memories = content["memories"]
    chosen = family(str(content["part"]))
    assert isinstance(memories, list)
    for row in memories:
        ports = row.get("ports")
        sizes = (int(row["words"]), int(row["bits"]), int(row["bram"]))
        yield RecordedRow(design, str(row["name"]), chosen, *sizes, None if ports is None else int(ports))


def check_rule(rows: Sequence[RecordedRow]) -> RuleCheck:
    """Compare the rules with recorded rows."""
    single = [row for row in rows if not row.replicated]
    misses = tuple(row for row in single if row.by_rule() != row.bram18)
    ported = [row for row in rows if row.ports is not None]
    return RuleCheck(
        rows=len(rows),
        single=len(single),
        single_exact=len(single) - len(misses),
        plain_exact=sum(row.by_rule(1) == row.bram18 for row in rows),
        misses=misses,
        ported=len(ported),
        ported_exact=sum(row.by_rule() == row.bram18 for row in ported),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: print the hit rate of the rules on recorded reports; exit 1 when they cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bram_rule", description=main.__doc__)
    parser.add_argument("reports", type=Path, nargs="?", default=RECORDED, help="JSON file of recorded memory tables")
    try:
        check = check_rule(read_rows(parser.parse_args(arguments).reports))
    except DietError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(check.text() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
