# SPDX-License-Identifier: Apache-2.0
"""What conversion costs against the number of weights, from LeNet-5 to full ResNet-18: time, memory and size of each step.

    python -m tests.benchmarks.scaling --output scaling                 # convert, C++, C simulation, SystemVerilog
    python -m tests.benchmarks.scaling --output scaling --synthesis     # and Yosys, whose results are cached

Networks are untrained: their accuracy means nothing and is not looked at. Every step runs in a process of its own on one core;
seconds are CPU seconds of it and its children, memory is the largest resident set of any of them. A finished step is taken up
from ``scaling.json``. Writes ``scaling.json``, ``scaling.md`` and ``scaling.png``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# before NumPy and TensorFlow come in: one core means one thread
os.environ.update({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"})

import numpy as np

from dietcnn_hls import hls, reference
from dietcnn_hls.hardware.cost import lut_cost
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.lowered import Linear, LoweredGraph
from dietcnn_hls.lowered.storage import load_graph, save_graph

PART = "xc7vx485tffg1157-1"
IMAGES = 4


@dataclass(frozen=True)
class Case:
    """A network at a width, and the interval in cycles that its RTL is folded for."""

    network: str
    width: float
    shape: tuple[int, int, int]
    interval: int

    @property
    def name(self) -> str:
        return self.network if self.width == 1 else f"{self.network}_{self.width:g}"


COLOUR = (32, 32, 3)
CASES = (
    Case("lenet5", 1, (32, 32, 1), 1_024),
    Case("vgg11", 0.25, COLOUR, 55_296),
    Case("vgg11", 0.5, COLOUR, 110_592),
    Case("vgg11", 1, COLOUR, 221_184),
    Case("resnet18", 0.25, COLOUR, 196_608),
    Case("resnet18", 0.5, COLOUR, 393_216),
    Case("resnet18", 1, COLOUR, 786_432),
)


def images(case: Case, count: int) -> np.ndarray:
    return (np.random.default_rng(0).integers(0, 256, (count, *case.shape)) / 256).astype(np.float32)


def graph_of(folder: Path) -> LoweredGraph:
    return load_graph(folder / "graph.npz")


def convert(case: Case, folder: Path) -> dict[str, Any]:
    """Keras model, untrained, with codebooks of 8 x 8 symbols; lowered and saved."""
    from dietcnn_hls import methods
    from dietcnn_hls.backend.convert import lower_keras
    from dietcnn_hls.data import networks

    method = methods.get("dietcnn")
    model = networks.get(case.network)(case.shape, 10, width=case.width)
    quantized = method.quantize(model, images(case, 64), method.options(activation_symbols=8, weight_symbols=8))
    graph = lower_keras(quantized, case.network)
    save_graph(graph, folder / "graph.npz")
    kernels = [node.op.kernel for node in graph.linear_nodes if isinstance(node.op, Linear)]
    return {"weights": sum(k.outputs * k.taps for k in kernels), "layers": len(kernels), "operations": len(graph.nodes)}


def generate_cpp(case: Case, folder: Path) -> dict[str, Any]:
    """The HLS project; code is counted without weights and tables."""
    hls.generate(graph_of(folder), folder / "hls", part=PART)
    files = [path for path in (folder / "hls").rglob("*") if path.suffix in (".cpp", ".h") and path.parent.name != "weights"]
    return {"code_bytes": sum(path.stat().st_size for path in files)}


def compile_cpp(case: Case, folder: Path) -> dict[str, Any]:
    hls.compile(folder / "hls")
    return {}


def simulate_cpp(case: Case, folder: Path) -> dict[str, Any]:
    """C simulation, checked against the reference afterwards."""
    graph = graph_of(folder)
    codes = reference.quantize_input(graph, images(case, IMAGES))
    simulation = hls.compile(folder / "hls")
    before = used()
    outputs = simulation.predict(codes, threads=1)
    seconds, memory = used() - before, peak()
    if not np.array_equal(outputs, reference.predict(graph, codes)):
        raise SystemExit(f"{case.name}: C simulation and reference differ; no figure counts")
    return {"cpu_s": seconds, "peak_mib": memory, "images": IMAGES}


def generate_rtl(case: Case, folder: Path) -> dict[str, Any]:
    """Folding and SystemVerilog; the text is counted apart from the memory files."""
    design = rtl_design(case, folder)
    design.write(folder / "rtl")
    memories = sum(len(design.files[name]) for name in design.memory_files)
    return {
        "code_bytes": sum(map(len, design.files.values())) - memories,
        "bram18": sum(memory.bram18 for memory in design.memories),
        "fifo_bits": design.fifo_bits(),
    }


def rtl_design(case: Case, folder: Path) -> Any:
    from dietcnn_hls.rtl.design import generate

    graph = graph_of(folder)
    return generate(graph, solve(graph, FoldingSpec(target_interval=case.interval), lut_cost(graph)))


def synthesise(case: Case, folder: Path) -> dict[str, Any]:
    """Yosys, module by module; seconds are those of the runs, also where the cache remembers them."""
    from dietcnn_hls.rtl.synthesis import synthesise_apart

    apart = synthesise_apart(rtl_design(case, folder), folder / "rtl", PART, False, "carry")
    return {
        "cpu_s": apart.cpu_s,
        "lut": apart.lut,
        "ff": apart.ff,
        "bram18": apart.bram18,
        "dsp": apart.dsp,
        "source": apart.source,
    }


STEPS: dict[str, Callable[[Case, Path], dict[str, Any]]] = {
    "convert": convert,
    "generate_cpp": generate_cpp,
    "compile_cpp": compile_cpp,
    "simulate_cpp": simulate_cpp,
    "generate_rtl": generate_rtl,
    "synthesise": synthesise,
}


def used() -> float:
    """CPU seconds of this process and its finished children."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in both)


def peak() -> float:
    """Largest resident set of this process or one of its finished children, MiB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def measured(step: str, case: Case, folder: Path) -> dict[str, Any]:
    """One step in this process, which does nothing else."""
    start = time.perf_counter()
    found = STEPS[step](case, folder)
    return {"cpu_s": used(), "peak_mib": peak(), "wall_s": time.perf_counter() - start} | found


def run(case: Case, steps: list[str], output: Path, results: dict[str, Any]) -> None:
    """All steps of a case that are not in `results` yet."""
    done = results.setdefault(case.name, {})
    folder = output / case.name
    folder.mkdir(parents=True, exist_ok=True)
    for step in steps:
        if step not in done:
            with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                done[step] = pool.apply(measured, (step, case, folder))
            (output / "scaling.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(f"{case.name}: {step} {done[step]['cpu_s']:.1f} s CPU, {done[step]['peak_mib']:.0f} MiB", flush=True)


def table(results: dict[str, Any]) -> str:
    """Markdown: a row a network, by weights."""
    titles = ["network", "layers", "weights", "convert", "C++", "compile", "C-sim, an image", "SystemVerilog", "peak memory"]
    titles += ["C++ text", "SV text", "Yosys", "its memory"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for name, case in sorted(results.items(), key=lambda item: item[1]["convert"]["weights"]):
        seconds = [f"{case[step]['cpu_s']:.1f} s" for step in ("convert", "generate_cpp", "compile_cpp")]
        seconds.append(f"{case['simulate_cpp']['cpu_s'] / case['simulate_cpp']['images']:.4f} s")
        seconds.append(f"{case['generate_rtl']['cpu_s']:.1f} s")
        memory = max(case[step]["peak_mib"] for step in case if step != "synthesise")
        yosys = case.get("synthesise")
        last = [f"{yosys['cpu_s']:,.0f} s", f"{yosys['peak_mib']:,.0f} MiB"] if yosys else ["—", "—"]
        texts = [f"{case[step]['code_bytes'] / 1024:.0f} KiB" for step in ("generate_cpp", "generate_rtl")]
        head = [name, str(case["convert"]["layers"]), f"{case['convert']['weights']:,}"]
        cells = [*head, *seconds, f"{memory:.0f} MiB", *texts, *last]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(results: dict[str, Any], path: Path) -> None:
    """Seconds and memory of each step against weights, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    cases = sorted(results.values(), key=lambda case: case["convert"]["weights"])
    for axis, key, title in zip(axes, ("cpu_s", "peak_mib"), ("CPU seconds", "peak memory, MiB"), strict=True):
        for step in STEPS:
            points = [(case["convert"]["weights"], case[step][key]) for case in cases if step in case]
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", label=step.replace("_", " "))
        axis.set(xscale="log", yscale="log", xlabel="weights", ylabel=title)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(STEPS), frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=[case.name for case in CASES], default=[case.name for case in CASES])
    parser.add_argument("--synthesis", action="store_true", help="run Yosys as well")
    parser.add_argument("--output", type=Path, default=Path("scaling"))
    arguments = parser.parse_args()
    found = arguments.output / "scaling.json"
    results: dict[str, Any] = json.loads(found.read_text(encoding="utf-8")) if found.exists() else {}
    steps = [step for step in STEPS if step != "synthesise" or arguments.synthesis]
    for case in CASES:
        if case.name in arguments.cases:
            run(case, steps, arguments.output, results)
    text = table(results)
    (arguments.output / "scaling.md").write_text(text, encoding="utf-8")
    plot(results, arguments.output / "scaling.png")
    print(text)


if __name__ == "__main__":
    main()
