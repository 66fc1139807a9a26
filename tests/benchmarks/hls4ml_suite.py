# SPDX-License-Identifier: Apache-2.0
"""hls4ml's own tests with the backend's name replaced by DietCNN: which pass, which are refused, and by what words.

    python -m tests.benchmarks.hls4ml_suite --suite DIR [--sample 100] [--cases FILE] [--output suite.json]

DIR is an unpacked source archive of hls4ml (``pip download --no-binary hls4ml --no-deps hls4ml==1.3.0``). Cases of Vitis, or of
Vivado where there is no twin with Vitis, are run in batches of one process, each with a time limit; what is known stands in
``<output>.rows``, one JSON object a case, and is not run again. A case list holds one id a row.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PLUGIN = "tests.benchmarks.hls4ml_cases"
ROOT = Path(__file__).parents[2]
EXCLUDED: dict[str, str] = {
    r"Quartus|(?i:oneAPI)|Catapult|Libero|SymbolicExpression|symbolic": "another tool's backend",
    r"pytorch|torch|onnx|qonnx|hgq|keras_v3|test_sr\.py|qeinsum|einsum_dense": "another front end, or Keras 3",
    r"rnn|lstm|gru|garnet|_recurrent": "recurrent layers",
    r"test_optimization|test_qinterval|test_report\.py|test_fetch_example": "converts no model by a backend",
}
"""Why a case whose id holds such words is none of ours."""


def cases(suite: Path) -> tuple[list[str], dict[str, int]]:
    """Ids of all cases that this backend can stand in for, and how many were left out by reason."""
    found = _pytest(suite, ["--collect-only", "-q", "--continue-on-collection-errors"], {}).stdout.splitlines()
    ids = [line for line in found if "::" in line and not line.startswith("ERROR")]
    left: collections.Counter[str] = collections.Counter()
    kept = []
    for name in ids:
        reasons = [reason for words, reason in EXCLUDED.items() if re.search(words, name, re.IGNORECASE if "rnn" in words else 0)]
        if not reasons and "Vivado" in name and name.replace("Vivado", "Vitis") in ids:
            reasons = ["the same case stands with Vitis"]
        left.update(reasons[:1])
        kept += [] if reasons else [name]
    return kept, dict(left)


def _pytest(suite: Path, options: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", "--color=no", "-W", "ignore", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    return subprocess.run(command, cwd=suite / "test" / "pytest", env=environment, capture_output=True, text=True, check=False)


def read(rows: Path) -> dict[str, dict[str, Any]]:
    """What is known of each case; one that began and did not end has crashed its process."""
    known: dict[str, dict[str, Any]] = {}
    for line in rows.read_text(encoding="utf-8").splitlines() if rows.exists() else ():
        row = json.loads(line)
        known[row["id"]] = {"outcome": "other", "error": "crash", "message": "the process ended"} if "started" in row else row
    return known


def run(suite: Path, wanted: list[str], rows: Path, batch: int, limit: int) -> dict[str, dict[str, Any]]:
    """Run what is not known yet."""
    while open_cases := [name for name in wanted if name not in read(rows)]:
        part = open_cases[:batch]
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
            listed.write("\n".join(part))
            listed.flush()
            files = sorted({name.split("::")[0] for name in part})
            done = _pytest(
                suite, ["-q", *files], {"DIETCNN_CASES": listed.name, "DIETCNN_RESULTS": str(rows), "DIETCNN_LIMIT": str(limit)}
            )
        known = read(rows)
        if not any(name in known for name in part):
            raise SystemExit(f"no case of the batch was run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        print(f"{sum(name in known for name in wanted)} of {len(wanted)}", file=sys.stderr, flush=True)
    return {name: row for name, row in read(rows).items() if name in wanted}


def summary(known: dict[str, dict[str, Any]]) -> str:
    """Counts, and what was not passed by the words that say why."""
    counts = collections.Counter(row["outcome"] for row in known.values())
    lines = [f"{len(known)} cases: " + ", ".join(f"{n} {word}" for word, n in counts.most_common())]
    kinds: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for name, row in known.items():
        if row["outcome"] not in ("passed", "skipped"):
            words = re.sub(r"'[^']*'|\d+", "…", f"{row.get('error')}: {row.get('message')} {row.get('where', '')}")[:150]
            kinds[row["outcome"], words].append(name)
    for (outcome, words), names in sorted(kinds.items(), key=lambda item: -len(item[1])):
        lines.append(f"{len(names):4} {outcome} {words}\n     {names[0]}: {known[names[0]].get('message', '')[:250]}")
    return "\n".join(lines)


def main() -> None:
    """Run, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path, required=True, help="unpacked source archive of hls4ml")
    parser.add_argument("--cases", type=Path, help="file of case ids, one a row; default all")
    parser.add_argument("--sample", type=int, help="so many cases, spread evenly over the list")
    parser.add_argument("--match", help="only ids that this regular expression finds")
    parser.add_argument("--batch", type=int, default=40, help="cases a process")
    parser.add_argument("--limit", type=int, default=120, help="seconds a case")
    parser.add_argument("--list", action="store_true", help="print the ids and what was left out, run nothing")
    parser.add_argument("--output", type=Path, default=Path("hls4ml_suite.json"))
    options = parser.parse_args()
    left: dict[str, int] = {}
    if options.cases:
        wanted = options.cases.read_text(encoding="utf-8").split("\n")
        wanted = [name for name in wanted if name]
    else:
        wanted, left = cases(options.suite)
    if options.match:
        wanted = [name for name in wanted if re.search(options.match, name)]
    if options.sample:
        wanted = wanted[:: max(1, len(wanted) // options.sample)]
    if options.list:
        print("\n".join(wanted), *(f"{n} left out: {reason}" for reason, n in left.items()), sep="\n")
        return
    rows = options.output.with_suffix(".rows").absolute()
    known = run(options.suite.absolute(), wanted, rows, options.batch, options.limit)
    print(summary(known))
    options.output.write_text(json.dumps({"left_out": left, "cases": known}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
