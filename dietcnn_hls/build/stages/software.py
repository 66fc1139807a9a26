# SPDX-License-Identifier: Apache-2.0
"""Stages that compute test images in software: the reference, the C++ project, the trained model, stock hls4ml."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from dietcnn_hls import hls, reference
from dietcnn_hls.build import samples
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.stage import Stage, no_images, outputs_of
from dietcnn_hls.reports.activations import FILE_NAME, IMAGES, Activations

if TYPE_CHECKING:
    from dietcnn_hls.build.request import Request
    from dietcnn_hls.build.state import State

TESTBENCH_SAMPLES = 32
"""Test images that Vitis' own C-simulation and co-simulation see."""

COMPILER = ("g++", "C-simulation")


def _reference(state: State) -> Facts:
    return Facts(outputs=reference.predict(state.graph, state.codes))


def _activations(state: State) -> Facts:
    """Histograms of what each layer yields, in a file beside the report."""
    graph = state.graph
    codes = state.codes[: min(IMAGES, reference.batch_size(graph))]
    yielded = reference.run(graph, codes, keep=True)
    names = [node.name for node in graph.nodes if not node.op.keeps_codes]
    Activations.of({name: yielded[name] for name in names}).save(state.workspace.resolve(FILE_NAME))
    return Facts()


def _hls(state: State) -> Facts:
    """Write and compile the project; a few test images become its test bench."""
    hardware, folder = state.request.hardware, state.folder
    hls.generate(
        state.graph,
        folder,
        io_type=hardware.io_type,
        part=hardware.part,
        clock_period=hardware.clock_period,
        folding=state.folds,
    )
    if state.request.x_test is not None:
        few = state.codes[:TESTBENCH_SAMPLES]
        hls.write_testbench(folder, few, reference.predict(state.graph, few))
    hls.compile(folder)
    return Facts()


def _testbench(request: Request) -> np.ndarray | None:
    return None if request.x_test is None else request.x_test[:TESTBENCH_SAMPLES]


def _csim_count(request: Request) -> int:
    return request.count(request.checks.csim_samples)


def _csim(state: State) -> Facts:
    return Facts(outputs=state.simulator.predict(state.codes[: _csim_count(state.request)]))


def _more_count(request: Request) -> int:
    """Images of which hardware simulations need C-simulation's outputs."""
    checks = request.checks
    return max(request.count(checks.rtl_samples), request.count(checks.netlist_samples))


def _csim_more(state: State) -> Facts:
    """What C-simulation makes of images that `checks.csim_samples` leaves out and hardware simulations see."""
    count = _more_count(state.request)
    return Facts(outputs=None if count <= _csim_count(state.request) else state.simulator.predict(state.codes[:count]))


def csim_expected(state: State, count: int) -> np.ndarray:
    """C-simulation's outputs of the first images, for hardware to equal."""
    more = state.found["csim_more"].outputs
    return (state.outputs("csim") if more is None else more)[:count]


def _keras(state: State) -> Facts:
    from dietcnn_hls.training.design import logits

    stream = state.graph.input.stream
    codes = state.codes[: _csim_count(state.request)]
    values = stream.decode(codes).astype(np.float32) * np.float32(2.0**-stream.fraction)
    return Facts(outputs=logits(state.model, values))


def _csim_values(state: State, count: int) -> np.ndarray:
    """C-simulation's outputs as the real values that the trained model gives."""
    return reference.output_values(state.graph, state.outputs("csim")[:count])


def _no_keras(request: Request) -> str:
    if not request.origin.keras:
        return "it needs a trained Keras model; the network comes as a lowered graph"
    return no_images(request)


def _hls4ml_count(request: Request) -> int:
    return min(request.count(request.checks.hls4ml_samples), _csim_count(request))


def _no_hls4ml(request: Request) -> str:
    return _no_keras(request) or ("" if request.checks.hls4ml_samples else "checks.hls4ml_samples is 0")


def _hls4ml_title(state: State) -> str:
    from dietcnn_hls.backend import stock

    text = f"hls4ml's stock C-simulation of {_hls4ml_count(state.request)} images"
    return text if stock.convertible(state.model) else ""


def _hls4ml(state: State) -> Facts:
    """Fixed-point designs alone consist of layers that stock hls4ml reads."""
    from dietcnn_hls.backend import stock

    if not stock.convertible(state.model):
        return Facts()
    hardware = state.request.hardware
    outputs = stock.stock_outputs(
        state.model,
        state.graph,
        state.codes[: _hls4ml_count(state.request)],
        folding=state.folds,
        io_type=hardware.io_type,
        part=hardware.part,
        clock_period=hardware.clock_period,
    )
    return Facts(outputs=outputs)


def _stock_count(request: Request) -> int:
    return min(request.count(request.checks.hls4ml_samples), _csim_count(request))


def _no_stock(request: Request) -> str:
    if request.origin.stock is None:
        return "only a float network at hls4ml's precisions has hls4ml's numbers"
    return no_images(request) or ("" if request.checks.hls4ml_samples else "checks.hls4ml_samples is 0")


def _stock(state: State) -> Facts:
    """What hls4ml's Vitis backend computes of the same model and data, which the design must equal."""
    from dietcnn_hls.backend import stock

    request, count = state.request, _stock_count(state.request)
    assert request.origin.stock is not None and request.x_test is not None
    model, config = state.model, copy.deepcopy(dict(request.origin.stock))
    hardware = request.hardware
    outputs = stock.vitis_outputs(
        model,
        samples.values(request.x_test[:count]),
        config,
        name=request.name,
        io_type=hardware.io_type,
        part=hardware.part,
        clock_period=hardware.clock_period,
    )
    return Facts(outputs=outputs.reshape(count, *state.graph.output.stream.shape).astype(np.float64))


def _target(request: Request) -> tuple[object, ...]:
    """What of the hardware the C++ project states."""
    return request.hardware.io_type, request.hardware.part, request.hardware.clock_period


REFERENCE = Stage(
    "reference",
    _reference,
    needs=("lowered", "images"),
    after=("folding",),
    unfit=no_images,
    title=lambda state: f"reference on {state.request.count()} images",
    form="reference",
)
ACTIVATIONS = Stage(
    "activations",
    _activations,
    needs=("lowered", "images"),
    after=("folding",),
    unfit=no_images,
    leaves=(FILE_NAME,),
)
HLS = Stage(
    "hls",
    _hls,
    needs=("lowered", "folding"),
    inputs=lambda request: (_target(request), _testbench(request)),
    title=lambda state: "generate and compile the HLS project",
    tools=(COMPILER,),
    files=lambda request: True,
    timing="csim_compile",
)
CSIM = Stage(
    "csim",
    _csim,
    needs=("hls", "images", "reference"),
    inputs=_csim_count,
    unfit=no_images,
    title=lambda state: f"C-simulation of {_csim_count(state.request)} images",
    tools=(COMPILER,),
    form="csim",
    compared={"csim_vs_reference": outputs_of("reference")},
)
CSIM_MORE = Stage(
    "csim_more",
    _csim_more,
    needs=("csim",),
    inputs=_more_count,
    wanted=lambda request: False,
    unfit=no_images,
    tools=(COMPILER,),
)
KERAS = Stage(
    "keras",
    _keras,
    needs=("model", "csim"),
    unfit=_no_keras,
    title=lambda state: f"Keras on {_csim_count(state.request)} images",
    form="trained",
    compared={"csim_vs_keras": _csim_values},
)
STOCK = Stage(
    "stock",
    _stock,
    needs=("csim",),
    inputs=lambda request: (_target(request), _stock_count(request)),
    unfit=_no_stock,
    wanted=lambda request: request.origin.stock is not None,
    title=lambda state: f"hls4ml's Vitis C-simulation of {_stock_count(state.request)} samples",
    tools=(COMPILER,),
    compared={"hls4ml_vs_csim": _csim_values},
)
HLS4ML = Stage(
    "hls4ml",
    _hls4ml,
    needs=("keras", "folding"),
    inputs=lambda request: (_target(request), _hls4ml_count(request)),
    unfit=_no_hls4ml,
    wanted=lambda request: request.checks.hls4ml_samples > 0,
    title=_hls4ml_title,
    tools=(COMPILER,),
    compared={"hls4ml_vs_keras": outputs_of("keras")},
)
