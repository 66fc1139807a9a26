# SPDX-License-Identifier: Apache-2.0
"""LUTs of a folded linear layer before any tool runs: widths of its running sums, weighted by coefficients fitted to Yosys.

The adders of a kernel array take one LUT a bit of every running sum, and these widths are known exactly from the weights
(`sums`). What a lane costs beside its adder depends on the kernel module and on the bits that index its table or enter its
multiplier; what a PE costs, on its result. The coefficients in ``lut_model.json`` are least squares over whole designs,
made by ``python -m tests.benchmarks.lenet5_sweep``, which prints the model's error.
"""

from __future__ import annotations

import importlib.resources
import json
from functools import cache

import numpy as np

from dietcnn_hls.hardware.folding import Cost
from dietcnn_hls.hardware.geometry import check_fold, geometry, rtl_kernel
from dietcnn_hls.hardware.lanes import addend_bounds, lane_order
from dietcnn_hls.hardware.sums import CHAIN, sum_widths
from dietcnn_hls.lowered import Fold, LoweredGraph, Node

FEATURES = ("sum_bits", "lane_bits", "result_bits", "layer")
"""Bits of running sums; lanes times (code + weight) bits; PE times result bits; 1."""

SAMPLE = 65_536
"""Weights of a layer that the model looks at, at least one output pass; exact for layers of fewer than twice as many."""

GENERIC = {"sum_bits": 1.0, "lane_bits": 1.0, "result_bits": 4.0, "layer": 60.0}
"""For kernel modules that nobody fitted: adders and inputs at one LUT a bit."""


def features(graph: LoweredGraph, node: Node, fold: Fold, chain: int = CHAIN) -> dict[str, float]:
    """What the cost of a linear layer is made of; keys as `FEATURES`. `chain`: sums in a row between two registers."""
    shape = geometry(graph, node)
    kernel = rtl_kernel(node.kernel)
    outputs, taps = lane_order(shape, check_fold(node.name, shape, fold), fold)
    order = _sample(outputs, shape.taps // fold.simd), _sample(taps, shape.taps // fold.simd)
    source = graph.input_streams(node)[0]
    lane_bits = fold.lanes * (source.bits + kernel.weight_bits)
    if kernel.lane_bounds is None:
        result, sums = node.stream.bits, fold.lanes * node.stream.bits
    else:
        widths = sum_widths(*addend_bounds(kernel, order), shape.taps // fold.simd, chain)
        result, sums = widths.bits, int(widths.nodes.sum())
    return {"sum_bits": float(sums), "lane_bits": float(lane_bits), "result_bits": float(fold.pe * result), "layer": 1.0}


def _sample(order: np.ndarray, beats: int) -> np.ndarray:
    """Evenly spaced output passes where a layer has far more weights than `SAMPLE`: a maximum over thousands is met early."""
    passes = len(order) // beats
    step = max(1, min(passes, order.size // SAMPLE))
    return order.reshape(passes, beats, *order.shape[1:])[::step].reshape(-1, *order.shape[1:])


def lut_cost(graph: LoweredGraph, chain: int = CHAIN) -> Cost:
    """The cost of a layer's fold in LUTs, for the folding solver; `chain`: sums in a row between two registers."""

    @cache
    def by_name(name: str, fold: Fold) -> float:
        node = graph[name]
        weights = coefficients().get(rtl_kernel(node.kernel).module, GENERIC)
        return sum(weights[key] * value for key, value in features(graph, node, fold, chain).items())

    return lambda node, fold: by_name(node.name, fold)


@cache
def coefficients() -> dict[str, dict[str, float]]:
    """Fitted coefficients by kernel module."""
    text = importlib.resources.files("dietcnn_hls.hardware").joinpath("lut_model.json").read_text()
    fitted: dict[str, dict[str, float]] = json.loads(text)["modules"]
    return fitted


__all__ = ["FEATURES", "coefficients", "features", "lut_cost"]
