# SPDX-License-Identifier: Apache-2.0
"""Which folds the HLS templates can have, and the one that honours a reuse factor.

PE must divide the outputs and SIMD the taps; that is more than the RTL engine serves, whose folds (`rtl.folding`) fit here too.
"""

from __future__ import annotations

from collections.abc import Mapping

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.integers import divisors
from dietcnn_hls.lowered import Fold, LoweredGraph, Node


def possible_folds(node: Node) -> list[Fold]:
    """All folds of a linear layer, by lanes, then by SIMD descending."""
    kernel = node.kernel
    folds = [Fold(pe, simd) for pe in divisors(kernel.outputs) for simd in divisors(kernel.taps)]
    return sorted(folds, key=lambda fold: (fold.lanes, -fold.simd))


def fold_for_reuse(node: Node, reuse_factor: int) -> Fold:
    """hls4ml's reuse factor: the fewest lanes that are each used at most `reuse_factor` times a position."""
    folds = possible_folds(node)
    return next(fold for fold in folds if fold.lanes * reuse_factor >= folds[-1].lanes)


def check_folding(graph: LoweredGraph, folding: Mapping[str, Fold]) -> dict[str, Fold]:
    """Folds of all linear layers, one lane where none is given; ConfigError for an unknown layer or one that does not divide."""
    nodes = {node.name: node for node in graph.linear_nodes}
    for name, fold in folding.items():
        if name not in nodes:
            raise ConfigError(f"folding: no linear layer '{name}'.{suggest(name, nodes)}")
        kernel = nodes[name].kernel
        if fold.pe < 1 or fold.simd < 1 or kernel.outputs % fold.pe or kernel.taps % fold.simd:
            raise ConfigError(
                f"folding: layer '{name}' has {kernel.outputs} outputs and {kernel.taps} taps; "
                f"PE {fold.pe} and SIMD {fold.simd} must divide them"
            )
    return {name: folding.get(name, Fold(1, 1)) for name in nodes}


__all__ = ["check_folding", "fold_for_reuse", "possible_folds"]
