# SPDX-License-Identifier: Apache-2.0
"""C simulation of LeNet-5: ours against hls4ml's own, in one run on one core.

Ours is the 8 x 4 codebook design; hls4ml's is its stock Vitis backend on the same network quantised to 8 bits with QKeras.
Prints images a second, compile times and their ratios, and writes them as JSON:

    python -m tests.benchmarks.csim_speed --output csim_speed.json
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# before NumPy and TensorFlow come in: one core means one thread
os.environ.update({"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"})

import hls4ml
import numpy as np

from dietcnn_hls import hls, methods, reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.data.networks import lenet5


@dataclass
class Speed:
    """One side: CPU seconds to compile, CPU seconds for the images, and whether its outputs were checked."""

    compile_cpu_s: float
    images: int
    predict_cpu_s: float

    @property
    def images_per_s(self) -> float:
        return self.images / self.predict_cpu_s


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def timed(who: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process or of its children, and the result."""
    before = cpu(who)
    result = work()
    return cpu(who) - before, result


def measure_ours(model: Any, x: np.ndarray, folder: Path, io_type: str, repeats: int) -> Speed:
    """Compile, run, and check against Keras."""
    graph = lower_keras(model, "lenet5")
    hls.generate(graph, folder, io_type=io_type)
    compile_s, simulation = timed(resource.RUSAGE_CHILDREN, lambda: hls.compile(folder))
    codes = reference.quantize_input(graph, x).astype(np.uint8)
    simulation.predict(codes[:8], threads=1)  # spreads the tables
    runs = [timed(resource.RUSAGE_SELF, lambda: simulation.predict(codes, threads=1)) for _ in range(repeats)]
    keras = model.predict(x[:64], verbose=0)
    if not np.array_equal(reference.output_values(graph, runs[0][1][:64]), keras):
        raise SystemExit("C simulation and Keras differ; no speed counts")
    return Speed(compile_s, len(x), min(seconds for seconds, _ in runs))


def measure_hls4ml(model: Any, x: np.ndarray, folder: Path, io_type: str, repeats: int) -> Speed:
    """hls4ml's fixed-point C simulation, with the strategy that can be synthesised at this size."""
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis", default_reuse_factor=64)
    config["Model"]["Strategy"] = "Resource"
    with contextlib.redirect_stdout(io.StringIO()):
        converted = hls4ml.converters.convert_from_keras_model(
            model, output_dir=str(folder), project_name="lenet5", backend="Vitis", io_type=io_type, hls_config=config
        )
        compile_s, _ = timed(resource.RUSAGE_CHILDREN, converted.compile)
    converted.predict(x[:2])
    runs = [timed(resource.RUSAGE_SELF, lambda: converted.predict(x))[0] for _ in range(repeats)]
    return Speed(compile_s, len(x), min(runs))


def quantised(name: str, images: np.ndarray, **options: int) -> Any:
    method = methods.get(name)
    return method.quantize(lenet5(), images, method.options(**options))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--io-type", choices=["io_parallel", "io_stream"], default="io_stream")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    x = (np.random.default_rng(0).integers(0, 256, (arguments.images, 32, 32, 1)) / 256).astype(np.float32)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        common = (Path(folder) / "ours", arguments.io_type, arguments.repeats)
        ours = measure_ours(quantised("dietcnn", x[:200], activation_symbols=8, weight_symbols=4), x, *common)
        theirs_model = quantised("fixed_point", x[:200])
        theirs = measure_hls4ml(theirs_model, x, Path(folder) / "hls4ml", arguments.io_type, 1)
    result = {
        "network": "lenet5 32x32x1, 416520 MACs",
        "io_type": arguments.io_type,
        "ours": asdict(ours) | {"images_per_s": ours.images_per_s},
        "hls4ml": asdict(theirs) | {"images_per_s": theirs.images_per_s, "version": hls4ml.__version__},
        "speedup": ours.images_per_s / theirs.images_per_s,
        "compile_ratio": theirs.compile_cpu_s / ours.compile_cpu_s,
        "wall_s": time.perf_counter() - started,
    }
    for name, side in (("ours", ours), ("hls4ml", theirs)):
        print(f"{name:>8}: compile {side.compile_cpu_s:6.2f} s CPU, {side.images_per_s:8.0f} images/s on one core")
    print(f"C simulation {result['speedup']:.1f} times as fast (goal 20), compiled in 1/{result['compile_ratio']:.1f} (goal 1/5)")
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
