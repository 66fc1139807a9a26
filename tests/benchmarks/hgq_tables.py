# SPDX-License-Identifier: Apache-2.0
"""An HGQ2 network of table layers on scikit-learn's digits: unrolled and folded here, against alkaid's RTL of the same model.

    python -m tests.benchmarks.hgq_tables --output hgq_tables [--model saved.keras]

Wants an environment with HGQ2, JAX, scikit-learn and alkaid (``pip install 'dietcnn_hls[hgq,rtl]' alkaid scikit-learn``). Trains
the model in minutes unless one is given. On all test images Keras' prediction, the reference, the C-simulation and the RTL are
compared for equality before anything is counted; alkaid's network is, too, and what it differs in is told of. The same Yosys flow
maps all designs, without DSP blocks. Writes ``hgq_tables.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDenseT
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs, PieceWiseSchedule

from dietcnn_hls import convert, hls, reference
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.memories import MemoryRules
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate
from dietcnn_hls.tools.yosys.synthesis import SynthesisResult, synthesise

CUTOFF = 5
"""alkaid's delay between two registers, in its unit."""


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images / 16 in a fixed order: 1,437 to train on, 360 to test."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x, y = (data.images / 16).reshape(-1, 64).astype(np.float32)[order], data.target[order]
    return x[:1437], y[:1437], x[1437:], y[1437:]


def trained(epochs: int, beta: float) -> Any:
    """64 -> 16 -> 10 tables, whose bits are trained with the weights under HGQ2's resource loss."""
    x, y, _, _ = digits()
    keras.utils.set_random_seed(0)
    with (
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP", round_mode="RND", i0=1, f0=3),
        QuantizerConfigScope(place="table", default_q_type="kbi", overflow_mode="SAT_SYM", b0=6, i0=2),
        LayerConfigScope(enable_ebops=True, beta0=1e-6),
    ):
        entry = keras.Input((64,), name="pixels")
        at = QDenseT(16, n_hl=1, d_hl=8, batch_norm=True, name="hidden")(entry)
        model = keras.Model(entry, QDenseT(10, n_hl=1, d_hl=8, batch_norm=True, name="logits")(at), name="digits_tables")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-len(x) // 64))
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    schedule = PieceWiseSchedule([(0, 1e-6, "linear"), (epochs // 2, 3e-6, "log"), (epochs, beta, "constant")])
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0, callbacks=[BetaScheduler(schedule), FreeEBOPs()])
    trace_minmax(model, x, verbose=False)
    return model


def exact(model: Any, graph: LoweredGraph, x: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """Input codes, and how many outputs differ from Keras' prediction: of the reference and of the C-simulation."""
    wanted = np.asarray(model.predict(x, batch_size=len(x), verbose=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values beyond the input's range wrap around, as in the model
        codes = reference.quantize_input(graph, x)
    found = {"reference": reference.predict(graph, codes)}
    for io_type in ("io_stream", "io_parallel"):
        with tempfile.TemporaryDirectory() as folder:
            hls.generate(graph, Path(folder), io_type=io_type)
            found[f"csim_{io_type}"] = hls.compile(Path(folder)).predict(codes)
    return codes, {who: int((reference.output_values(graph, out) != wanted).sum()) for who, out in found.items()}


def ours(graph: LoweredGraph, codes: np.ndarray, interval: int | None, in_luts: bool) -> dict[str, Any]:
    """One design, simulated and synthesised; `interval` None: unrolled."""
    spec = FoldingSpec(unroll=True) if interval is None else FoldingSpec(target_interval=interval)
    folding: dict[str, Fold] = solve(graph, spec)
    rules = MemoryRules(luts_per_bram=10**9) if in_luts else MemoryRules()
    wide = graph.input.stream.size if interval is None else None
    design = generate(graph, folding, RtlOptions(input_codes=wide, memories=rules))
    simulated = simulate(design, codes)
    with tempfile.TemporaryDirectory() as folder:
        files = design.write(Path(folder))
        result = synthesise(files, design.name, dsp=False, include_files=design.memories_in(Path(folder)))
    return {
        "design": "unrolled" if interval is None else f"interval {interval}",
        "folds": {name: [fold.pe, fold.simd] for name, fold in folding.items()},
        "rtl_mismatches": int((simulated.outputs != reference.predict(graph, codes)).sum()),
        "interval": simulated.interval,
        "latency": simulated.latency,
        **figures(result),
    }


def figures(result: SynthesisResult) -> dict[str, Any]:
    found = result.resources()
    return {"lut": result.lut, "ff": result.ff, "bram18": found.bram18, "levels": result.logic_levels, "source": result.source}


def alkaid(model: Any, x: np.ndarray) -> dict[str, Any]:
    """alkaid's RTL, fully unrolled, pipelined by itself."""
    from alkaid.codegen import RTLModel
    from alkaid.converter import trace_model
    from alkaid.trace import trace

    network = trace(*trace_model(model))
    wanted = np.asarray(model.predict(x, batch_size=len(x), verbose=0))
    differing = int((np.asarray(network.predict(x)).reshape(wanted.shape) != wanted).sum())
    with tempfile.TemporaryDirectory() as folder:
        RTLModel(network, Path(folder), "digits_alkaid", latency_cutoff=CUTOFF, print_latency=False).write()
        sources = sorted(path for path in Path(folder, "src").rglob("*.v") if "wrapper" not in path.name)
        result = synthesise(sources, "digits_alkaid", dsp=False)
    return {"design": "alkaid, unrolled", "outputs_unlike_keras": differing, "interval": 1, **figures(result)}


def markdown(report: dict[str, Any]) -> str:
    lines = ["| design | cycles an image | latency | LUT | FF | BRAM18 | logic levels |", "|" + "---|" * 7]
    for row in report["designs"]:
        lines.append(
            f"| {row['design']} | {row['interval']} | {row.get('latency', '–')} | {row['lut']:,} | {row['ff']:,} | "
            f"{row['bram18'] or 0} | {row['levels']} |"
        )
    return "\n".join([*lines, "", f"Source: {report['designs'][0]['source']}.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a saved model on 64 inputs, in place of training one")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--beta", type=float, default=1e-5, help="weight of HGQ2's resource loss at the end")
    parser.add_argument("--intervals", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--output", type=Path, default=Path("hgq_tables"))
    arguments = parser.parse_args()
    start = time.monotonic()
    model = (
        keras.models.load_model(arguments.model, compile=False) if arguments.model else trained(arguments.epochs, arguments.beta)
    )
    _, _, x, y = digits()
    graph = convert(model, name="digits_tables")
    codes, mismatches = exact(model, graph, x)
    hits = reference.predict(graph, codes).reshape(len(x), -1).argmax(axis=1) == y
    kernels = {node.name: node.kernel for node in graph.linear_nodes}
    report: dict[str, Any] = {
        "accuracy": float(hits.mean()),
        "images": len(x),
        "mismatches": mismatches,
        "tables": {name: int((kernel.index_bits > 0).sum()) for name, kernel in kernels.items()},  # type: ignore[attr-defined]
        "index_bits": {name: np.bincount(kernel.index_bits.ravel()).tolist() for name, kernel in kernels.items()},  # type: ignore[attr-defined]
        "seconds": round(time.monotonic() - start),
        "versions": {"keras": keras.__version__},
        "designs": [],
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    print(json.dumps(report), flush=True)
    jobs = [(None, True), *((interval, False) for interval in arguments.intervals)]
    for make in [*(lambda job=job: ours(graph, codes, *job) for job in jobs), lambda: alkaid(model, x)]:  # type: ignore[misc]
        report["designs"].append(make())
        print(json.dumps(report["designs"][-1]), flush=True)
        (arguments.output / "hgq_tables.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "hgq_tables.md").write_text(markdown(report), encoding="utf-8")


if __name__ == "__main__":
    main()
