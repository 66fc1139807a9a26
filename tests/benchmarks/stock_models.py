# SPDX-License-Identifier: Apache-2.0
"""Random models through stock hls4ml and through this backend: its Vitis C-simulation = reference = our C++ = RTL, bit for bit.

    python -m tests.benchmarks.stock_models --models 500 --output stock [--no-rtl]
    python -m tests.benchmarks.stock_models --output stock --record tests/recorded/stock_outputs.npz --models 0

What is known stands in ``<output>/rows.json``, one JSON object a model, and is not done again. A model that the backend refuses
by a typed error is counted, its words are kept, and so is one that hls4ml's Vitis backend itself cannot build. Where its streams
run dry or over, of which its simulation warns, or its C++ of streams or of the strategy Resource disagrees with its own of arrays
and Latency, the latter stands for it, and the row says so. ``--record`` packs the first stock outputs of those that agree, with
which the test suite compares.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
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
from tests.backend import stock_networks
from tests.backend.stock_models import ours, stock
from tests.backend.stock_networks import configuration, random_network, samples

RTL_IMAGES = 3
RECORDED = 30
"""Models in the record of the test suite."""


def flat(outputs: Any) -> np.ndarray:
    """(N, all values of all outputs)."""
    arrays = outputs if isinstance(outputs, list) else [outputs]
    return np.concatenate([np.asarray(array).reshape(len(array), -1) for array in arrays], axis=1)


def compare(seed: int, folder: Path) -> tuple[dict[str, Any], LoweredGraph | None]:
    """The row of one model, and its graph; the stock outputs go into the folder ``outputs``."""
    model, io_type = random_network(seed), stock_networks.io_type(seed)
    x = samples(model, seed)
    row: dict[str, Any] = {"seed": seed, "io_type": io_type, "layers": [type(layer).__name__ for layer in model.layers]}
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = ours(model, configuration(model, seed), Path(work) / "ours", io_type)
            found = flat(made.predict(x))
        except DietError as error:
            return row | {"outcome": "refused", "words": f"{type(error).__name__}: {error}"}, None
        try:
            theirs, whole = _predicted(stock(model, configuration(model, seed), Path(work) / "stock", io_type), x, Path(work))
            if not whole or not np.array_equal(found, theirs):
                row["apart"] = _plainest(model, seed, theirs if whole else None, found, Path(work))
                theirs = row["apart"].pop("outputs")
        except Exception as error:  # whatever hls4ml, or the compiler on what it wrote, makes of a model
            return row | {"outcome": "not built by Vitis", "words": f"{type(error).__name__}: {error}"[:300]}, None
        graph = lowered_graph(made)
        own = flat(reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x))))
    (folder / "outputs").mkdir(exist_ok=True)
    np.save(folder / "outputs" / f"{seed}.npy", theirs)
    row |= {"outputs": int(theirs.size), "cpp": int((found != theirs).sum()), "reference": int((own != theirs).sum())}
    return row | {"outcome": "equal" if not row["cpp"] and not row["reference"] else "differs"}, graph


def _plainest(model: Any, seed: int, theirs: np.ndarray | None, found: np.ndarray, work: Path) -> dict[str, Any]:
    """Outputs of hls4ml's arrays by the strategy Latency, where these agree with ours and disagree with its own others."""
    plain = configuration(model, seed)
    plain["Model"]["Strategy"] = "Latency"
    arrays, _ = _predicted(stock(model, plain, work / "arrays"), samples(model, seed), work)
    if theirs is not None and not np.array_equal(arrays, found):
        return {"outputs": theirs}
    differs = "streams ran dry or over" if theirs is None else int((theirs != arrays).sum())
    return {"outputs": arrays, "stock": "io_parallel, Latency", "stock_differs_from_itself": differs}


def _predicted(made: Any, x: Any, folder: Path) -> tuple[np.ndarray, bool]:
    """What stock C++ computes, and whether its streams held what was read of them; in a process of its own: some of it aborts."""

    def child() -> None:
        with (folder / "said.txt").open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            np.save(folder / "outputs.npy", flat(made.predict(x)).astype(np.float64))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"its C-simulation ends with {process.exitcode}")
    return np.asarray(np.load(folder / "outputs.npy")), "Hls::stream" not in (folder / "said.txt").read_text()


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


def batch(seeds: list[int], folder: Path, simulated: bool) -> dict[int, dict[str, Any]]:
    """Rows of models whose RTL is simulated by one program."""
    rows, graphs = {}, {}
    for seed in seeds:
        rows[seed], graph = compare(seed, folder)
        if graph is not None:
            graphs[seed] = graph
        print({key: value for key, value in rows[seed].items() if key != "layers"}, flush=True)
    for seed, differs in rtl(graphs if simulated else {}).items():
        rows[seed]["rtl"] = differs
        if isinstance(differs, int) and differs:
            rows[seed]["outcome"] = "differs"
    return rows


def main() -> None:
    """Run what is not known, print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--output", type=Path, default=Path("stock_models"))
    parser.add_argument("--batch", type=int, default=10, help="designs a simulation program")
    parser.add_argument("--no-rtl", action="store_true")
    parser.add_argument("--record", type=Path, help="pack the stock outputs of some models there")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "rows.json"
    rows = {row["seed"]: row for row in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
    wanted = [seed for seed in range(options.models) if seed not in rows]
    for start in range(0, len(wanted), options.batch):
        part = batch(wanted[start : start + options.batch], options.output, not options.no_rtl)
        with file.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in part.values())
        rows |= part
        print(f"{len(rows)} models", file=sys.stderr, flush=True)
    print(dict(Counter(row["outcome"] for row in rows.values())))
    for row in rows.values():
        if row["outcome"] == "differs":
            print("differs:", row)
    if options.record:
        equal = [seed for seed, row in sorted(rows.items()) if row["outcome"] == "equal"][:RECORDED]
        outputs = {str(seed): np.load(options.output / "outputs" / f"{seed}.npy") for seed in equal}
        np.savez_compressed(options.record, **outputs)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
