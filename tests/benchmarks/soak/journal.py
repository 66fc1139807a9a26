# SPDX-License-Identifier: Apache-2.0
"""What a soak has found so far: one line a case in ``journal.jsonl``, so that the same folder goes on where it stood."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from dietcnn_hls.errors import ConfigError
from tests.benchmarks.soak.case import Outcome

COLUMNS = ("ok", "refused", "mismatch", "crash")


class Journal:
    """The journal of one output folder.

    Args:
        folder: made if missing.
        seed: of the soak; a folder serves one.

    Raises:
        ConfigError: the folder holds a soak of another seed.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "journal.jsonl"
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        records = [record for record in map(_record, lines) if record is not None]
        if records and records[0].get("seed") != seed:
            raise ConfigError(f"{folder} holds a soak of seed {records[0].get('seed')}, not {seed}; choose another folder")
        for record in records[1:]:
            kind, index = record.pop("kind"), record.pop("index")
            self.outcomes[kind, index] = Outcome(**record)
        if not records:
            self._append([{"seed": seed}])

    def next_index(self, kind: str) -> int:
        """The first case of a kind that is not in the journal."""
        index = 0
        while (kind, index) in self.outcomes:
            index += 1
        return index

    def add(self, kind: str, outcomes: Iterable[tuple[int, Outcome]]) -> None:
        """Note finished cases."""
        found = list(outcomes)
        self.outcomes |= {(kind, index): outcome for index, outcome in found}
        self._append([{"kind": kind, "index": index, **asdict(outcome)} for index, outcome in found])

    def _append(self, records: list[dict[str, object]]) -> None:
        # a line that a killed soak left unfinished must not swallow the next one
        torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + "".join(json.dumps(record) + "\n" for record in records))

    @property
    def failures(self) -> list[tuple[str, int, Outcome]]:
        return [(kind, index, outcome) for (kind, index), outcome in self.outcomes.items() if outcome.failed]

    def table(self) -> str:
        """Cases by kind and outcome, Markdown; refusals and failures by name below."""
        kinds = list(dict.fromkeys(kind for kind, _ in self.outcomes))
        rows = [(kind, [o for (k, _), o in self.outcomes.items() if k == kind]) for kind in kinds]
        rows.append(("all", list(self.outcomes.values())))
        lines = [f"| kind | cases | {' | '.join(COLUMNS)} | through RTL |", "|---|" + "---:|" * (len(COLUMNS) + 2)]
        for kind, outcomes in rows:
            counts = Counter(outcome.status for outcome in outcomes)
            deep = sum(outcome.status == "ok" and outcome.stage == "rtl" for outcome in outcomes)
            lines.append(f"| {kind} | {len(outcomes)} | {' | '.join(str(counts[c]) for c in COLUMNS)} | {deep} |")
        refusals = Counter(f"{o.stage}: {_pattern(o.text)}" for o in self.outcomes.values() if o.status == "refused")
        lines += ["", *(f"refused {count} x {text}" for text, count in refusals.most_common())]
        lines += [f"{o.status} {kind}:{index} in {o.stage}: {o.text[:300]}" for kind, index, o in self.failures]
        return "\n".join(lines).rstrip()


def _record(line: str) -> dict[str, object] | None:
    """One line; None for one that a killed soak left unfinished."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _pattern(text: str) -> str:
    """A refusal without its names and numbers."""
    return re.sub(r"-?\d+(\.\d+)?", "#", re.sub(r"'[^']*'", "'...'", text))[:160]


__all__ = ["Journal"]
