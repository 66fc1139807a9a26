# SPDX-License-Identifier: Apache-2.0
"""Random models through stock hls4ml and through this backend: its Vitis C-simulation = reference = our C++ = RTL, bit for bit.

    python -m tests.benchmarks.stock_models --models 500 --output stock [--no-rtl] [--record FILE]

What is known stands in ``<output>/rows.json``, one JSON object a model, and is not done again. A model that the backend refuses
by a typed error is counted, its words are kept. ``--record`` writes the stock outputs that the test suite compares with.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.errors import DietError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.backend.stock_models import configuration, ours, stock
from tests.backend.stock_networks import random_network, samples

RTL_IMAGES = 3


def flat(outputs: Any) -> np.ndarray:
    """(N, all values of all outputs)."""
    arrays = outputs if isinstance(outputs, list) else [outputs]
    return np.concatenate([np.asarray(array).reshape(len(array), -1) for array in arrays], axis=1)


def compare(seed: int, folder: Path) -> tuple[dict[str, Any], np.ndarray | None, LoweredGraph | None]:
    """The row of one model, the stock outputs, and its graph."""
    model = random_network(seed)
    x = samples(model, seed)
    row: dict[str, Any] = {"seed": seed, "layers": [type(layer).__name__ for layer in model.layers]}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = ours(model, configuration(model, seed), folder / f"{seed}", ["io_parallel", "io_stream"][seed % 2])
            found = flat(made.predict(x))
    except DietError as error:
        return row | {"outcome": "refused", "words": f"{type(error).__name__}: {error}"}, None, None
    theirs = flat(stock(model, configuration(model, seed), folder / f"stock{seed}").predict(x)).astype(np.float64)
    graph = lowered_graph(made)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = flat(reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x))))
    row |= {"outputs": int(theirs.size), "cpp": int((found != theirs).sum()), "reference": int((own != theirs).sum())}
    return row | {"outcome": "equal" if not row["cpp"] and not row["reference"] else "differs"}, theirs, graph


def rtl(graphs: dict[int, LoweredGraph]) -> dict[int, Any]:
    """Codes in which RTL and reference differ, by seed; or why there is no design."""
    designs: dict[int, RtlDesign] = {}
    found: dict[int, Any] = {}
    for seed, graph in graphs.items():
        named = LoweredGraph(f"net{seed}", graph.nodes, graph.metadata, graph.results)
        try:
            designs[seed] = generate(named, {node.name: legal_folds(named, node)[0] for node in named.linear_nodes})
        except DietError as error:
            found[seed] = f"{type(error).__name__}: {error}"
    codes = [_codes(design.graph, seed) for seed, design in designs.items()]
    for (seed, design), given, result in zip(designs.items(), codes, _simulated(designs, codes), strict=True):
        found[seed] = int((flat(result.outputs) != flat(reference.predict(design.graph, given))).sum())
    return found


def _simulated(designs: dict[int, RtlDesign], codes: list[Any]) -> list[Any]:
    return simulate_many(list(designs.values()), codes, optimize="-O0") if designs else []


def _codes(graph: LoweredGraph, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(n.stream.lo, n.stream.hi + 1, (RTL_IMAGES, *n.stream.shape)) for n in graph.inputs]


def main() -> None:
    """Run what is not known, print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--output", type=Path, default=Path("stock_models"))
    parser.add_argument("--batch", type=int, default=10, help="designs a simulation program")
    parser.add_argument("--no-rtl", action="store_true")
    parser.add_argument("--record", type=Path, help="write the stock outputs of these models there")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "rows.json"
    rows = {row["seed"]: row for row in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
    recorded: dict[str, np.ndarray] = {}
    wanted = [seed for seed in range(options.models) if seed not in rows or options.record]
    for start in range(0, len(wanted), options.batch):
        graphs: dict[int, LoweredGraph] = {}
        part: dict[int, dict[str, Any]] = {}
        for seed in wanted[start : start + options.batch]:
            part[seed], theirs, graph = compare(seed, options.output / "work")
            if theirs is not None and graph is not None:
                recorded[str(seed)], graphs[seed] = theirs, graph
            print({key: value for key, value in part[seed].items() if key != "layers"}, flush=True)
        for seed, differs in rtl({} if options.no_rtl else graphs).items():
            part[seed]["rtl"] = differs
            part[seed]["outcome"] = "differs" if isinstance(differs, int) and differs else part[seed]["outcome"]
        with file.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in part.values())
        rows |= part
        print(f"{len(rows)} models", file=sys.stderr, flush=True)
        if options.record:
            np.savez_compressed(options.record, **recorded)  # type: ignore[arg-type]
    print(dict(Counter(row["outcome"] for row in rows.values())))
    for row in rows.values():
        if row["outcome"] == "differs":
            print("differs:", row)


if __name__ == "__main__":
    main()
