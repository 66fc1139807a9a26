# SPDX-License-Identifier: Apache-2.0
"""Stages that establish what is built: the trained model, the lowered graph, its folds, the test images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dietcnn_hls.build import samples
from dietcnn_hls.build.code import training_key
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.stage import Stage, no_images
from dietcnn_hls.build.state import GRAPH, State
from dietcnn_hls.hardware import estimate
from dietcnn_hls.hardware.cycles import layer_cycles
from dietcnn_hls.hardware.energy import energy_model
from dietcnn_hls.lowered import LoweredGraph, Operations
from dietcnn_hls.lowered.storage import save_graph
from dietcnn_hls.reports.model import ESTIMATE, Latency, LayerReport, Memory

if TYPE_CHECKING:
    from dietcnn_hls.build.request import Request


def _train(state: State) -> Facts:
    return state.request.origin.train(state.folder, state.workspace.root)


def _trains(request: Request) -> bool:
    return request.origin.trains


def _lower(state: State) -> Facts:
    state.graph = graph = state.request.origin.lower(state.workspace.resolve("model"), state.request.name)
    save_graph(graph, state.folder / GRAPH)
    counts = {node.name: graph.counts(node) for node in graph.nodes}
    return Facts.of(
        method="+".join(sorted({node.kernel.method for node in graph.linear_nodes})),
        operations=Operations.sum(counts.values()).as_dict(),
        memory=Memory(
            table_bits=sum(graph.table_bits(node) for node in graph.nodes),
            weight_bits=sum(node.op.weight_bits for node in graph.nodes),
        ),
        energy_model=energy_model((counts[node.name], graph.widths(node)) for node in graph.nodes),
        layers=_layers(graph, counts),
    )


def _layers(graph: LoweredGraph, counts: dict[str, Operations]) -> dict[str, LayerReport]:
    return {
        node.name: LayerReport(
            name=node.name,
            kind=node.op.kind,
            method=None if node.op.kernel is None else node.op.kernel.method,
            output_shape=node.stream.shape,
            operations=counts[node.name],
            memory=Memory(table_bits=graph.table_bits(node), weight_bits=node.op.weight_bits),
        )
        for node in graph.nodes
    }


def _fold(state: State) -> Facts:
    """Folds, and what loop structure says of the design; memories beyond the part end a build of the HLS project here."""
    request, graph = state.request, state.graph
    spec, io_type, part = request.hardware.folding, request.hardware.io_type, request.hardware.part
    if request.synthesis != "yosys":  # the RTL counts its own memories
        estimate.check_fits(graph, state.folds, part)
    codes = spec.input_codes(graph)
    busy = layer_cycles(graph, state.folds, codes)
    cycles, interval = estimate.latency(graph, state.folds, io_type, codes)
    target = spec.model_dump(exclude_none=True, exclude_defaults=True, exclude={"layers"})
    layers: dict[str, Any] = {name: {"latency": Latency(interval=taken, source=ESTIMATE)} for name, taken in busy.items()}
    for node in graph.linear_nodes:
        fold = state.folds[node.name]
        reuse = fold.reuse_factor(node.kernel.outputs, node.kernel.taps)
        layers[node.name]["folding"] = {"pe": fold.pe, "simd": fold.simd, "reuse_factor": reuse}
    return Facts.of(
        folding={**target, "layers": {name: {"pe": fold.pe, "simd": fold.simd} for name, fold in state.folds.items()}},
        latency=Latency(cycles=cycles, interval=interval, source=ESTIMATE),
        resources=estimate.resources(graph, state.folds, part),
        layers=layers,
    )


def _take_images(state: State) -> Facts:
    """Images are quantised and labels compared with the network's outputs, before anything long."""
    count = len(state.codes)
    if state.request.y_test is None:
        return Facts()
    samples.check_range(state.request.y_test, state.graph.output.stream.size)
    return Facts.of(accuracy={"n_test": count})


MODEL = Stage(
    "model",
    _train,
    inputs=lambda request: request.origin.key(),
    code=training_key,
    title=lambda state: state.request.origin.title,
    timing="training",
    files=_trains,
)
LOWERED = Stage(
    "lowered",
    _lower,
    needs=("model",),
    inputs=lambda request: request.name,
    title=lambda state: "lowered graph",
    files=lambda request: True,
)
FOLDING = Stage(
    "folding",
    _fold,
    needs=("lowered",),
    inputs=lambda request: request.hardware.folding.model_dump(),
    kept=False,
)
IMAGES = Stage(
    "images",
    _take_images,
    needs=("lowered",),
    inputs=lambda request: request.x_test,
    unfit=no_images,
    kept=False,
)
