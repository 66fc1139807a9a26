# SPDX-License-Identifier: Apache-2.0
"""The LUT model's features are those of the generated design, and its coefficients cover what it claims."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.hardware import cost
from dietcnn_hls.hardware.folding import choices
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.verilog import Packed
from tests.graphs import random_graph
from tests.kernels import with_hardware


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_features_are_those_of_the_generated_kernel_array(seed: int) -> None:
    graph = random_graph(seed, with_hardware())
    folds = {name: layer.folds[seed % len(layer.folds)] for name, layer in choices(graph).items()}
    kernels = {i.layer: i for i in generate(graph, folds).instances if i.module.startswith("kernel_")}
    for node in graph.linear_nodes:
        found, parameters = cost.features(graph, node, folds[node.name]), kernels[node.name].parameters
        packed = parameters.get("NODE_BITS")  # symbols have no sums
        assert isinstance(packed, Packed) or parameters["RESULT_BITS"] == node.stream.bits
        widths = packed.value.to_bytes(packed.bits // 8, "little") if isinstance(packed, Packed) else ()
        assert found["sum_bits"] == (sum(widths) or folds[node.name].lanes * node.stream.bits)
        assert found["result_bits"] == folds[node.name].pe * int(parameters["RESULT_BITS"])  # type: ignore[arg-type]


def test_more_lanes_cost_more() -> None:
    graph = random_graph(7)
    price = cost.lut_cost(graph)
    for layer in choices(graph).values():
        assert price(layer.node, layer.folds[-1]) >= price(layer.node, layer.folds[0])


def test_coefficients_name_every_feature() -> None:
    for weights in (cost.GENERIC, *cost.coefficients().values()):
        assert tuple(weights) == cost.FEATURES
