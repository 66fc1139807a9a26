# SPDX-License-Identifier: Apache-2.0
"""Folding: how many output channels (PE) and taps (SIMD) each linear layer computes a cycle.

A fold is legal when PE divides the outputs and SIMD divides the taps, so that every pass is full. A layer then needs
``positions * outputs/PE * taps/SIMD`` cycles an inference; the slowest layer sets the design's interval. The user gives
folds, reuse factors, an interval to reach or a LUT budget; the solver picks the cheapest legal folds by `lane_cost`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import BaseModel, Field, model_validator

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Node

Cost = Callable[[Node, Fold], float]
"""LUTs of one layer at one fold."""


class LayerFold(BaseModel):
    """One layer's fold in YAML: ``{pe: 4, simd: 5}`` or ``{reuse_factor: 30}``."""

    model_config = {"extra": "forbid"}
    pe: int | None = Field(None, ge=1)
    simd: int | None = Field(None, ge=1)
    reuse_factor: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one_spelling(self) -> LayerFold:
        if (self.reuse_factor is None) == (self.pe is None and self.simd is None):
            raise ValueError("give either pe and simd, or reuse_factor")
        return self


class FoldingSpec(BaseModel):
    """``folding:`` in YAML. Named layers are fixed; the rest follows `target_interval`, `lut_budget` or one lane each."""

    model_config = {"extra": "forbid"}
    target_interval: int | None = Field(None, ge=1, description="cycles between inferences to reach")
    lut_budget: int | None = Field(None, ge=1, description="LUTs of all kernel arrays together")
    unroll: bool = Field(False, description="one lane a weight everywhere (reuse factor 1)")
    layers: dict[str, LayerFold] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_target(self) -> FoldingSpec:
        if sum([self.target_interval is not None, self.lut_budget is not None, self.unroll]) > 1:
            raise ValueError("give one of target_interval, lut_budget and unroll")
        return self


def positions(node: Node) -> int:
    """Output positions of a linear layer: H' * W', or 1 for dense."""
    return node.stream.size // node.stream.channels


def cycles(node: Node, fold: Fold) -> int:
    """Cycles that a linear layer needs for one inference."""
    kernel = _kernel(node)
    return positions(node) * (kernel.outputs // fold.pe) * (kernel.taps // fold.simd)


def legal_folds(node: Node) -> list[Fold]:
    """All folds of a layer, by lanes, then by SIMD descending (wide SIMD shares one accumulator)."""
    kernel = _kernel(node)
    folds = [Fold(pe, simd) for pe in divisors(kernel.outputs) for simd in divisors(kernel.taps)]
    return sorted(folds, key=lambda f: (f.lanes, -f.simd))


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def solve(graph: LoweredGraph, spec: FoldingSpec | None = None, cost: Cost | None = None) -> dict[str, Fold]:
    """Folds of all linear layers.

    Raises:
        ConfigError: unknown layer, a fold that does not divide, an interval or budget out of reach.
    """
    spec, cost = spec or FoldingSpec(), cost or lanes_cost
    nodes = {node.name: node for node in graph.linear_nodes}
    for name in spec.layers:
        if name not in nodes:
            raise ConfigError(f"folding.layers: no linear layer '{name}'.{suggest(name, nodes)}")
    fixed = {name: _explicit(nodes[name], given) for name, given in spec.layers.items()}
    if spec.unroll:
        return {name: fixed.get(name, Fold(_kernel(n).outputs, _kernel(n).taps)) for name, n in nodes.items()}
    if spec.target_interval is not None:
        return _for_interval(nodes, fixed, spec.target_interval, cost)
    if spec.lut_budget is not None:
        return _for_budget(nodes, fixed, spec.lut_budget, cost)
    return {name: fixed.get(name, Fold(1, 1)) for name in nodes}


def lanes_cost(node: Node, fold: Fold) -> float:
    """Cost without a fitted model: lanes, plus a little for each PE's accumulator and encoder."""
    return fold.lanes + 0.5 * fold.pe


def _kernel(node: Node):  # type: ignore[no-untyped-def]
    assert isinstance(node.op, Linear)
    return node.op.kernel


def _explicit(node: Node, given: LayerFold) -> Fold:
    kernel = _kernel(node)
    if given.reuse_factor is not None:
        return _by_reuse(node, given.reuse_factor)
    fold = Fold(given.pe or 1, given.simd or 1)
    if kernel.outputs % fold.pe or kernel.taps % fold.simd:
        raise ConfigError(
            f"layer '{node.name}': PE {fold.pe} must divide {kernel.outputs} outputs and SIMD {fold.simd} must divide "
            f"{kernel.taps} taps. PE: {divisors(kernel.outputs)}; SIMD: {divisors(kernel.taps)}"
        )
    return fold


def _by_reuse(node: Node, reuse: int) -> Fold:
    """hls4ml's reuse factor: the fold with the fewest lanes that reuses each at most `reuse` times."""
    kernel = _kernel(node)
    work = kernel.outputs * kernel.taps
    return next(f for f in legal_folds(node) if f.lanes * reuse >= work)


def _cheapest(node: Node, interval: int, cost: Cost) -> Fold | None:
    fast = [fold for fold in legal_folds(node) if cycles(node, fold) <= interval]
    return min(fast, key=lambda fold: (cost(node, fold), fold.lanes)) if fast else None


def _for_interval(nodes: Mapping[str, Node], fixed: Mapping[str, Fold], interval: int, cost: Cost) -> dict[str, Fold]:
    folds = {}
    for name, node in nodes.items():
        fold = fixed.get(name) or _cheapest(node, interval, cost)
        if fold is None:
            raise ConfigError(
                f"folding.target_interval: layer '{name}' has {positions(node)} output positions and takes at least as many "
                f"cycles; it cannot reach an interval of {interval}"
            )
        folds[name] = fold
    return folds


def _for_budget(nodes: Mapping[str, Node], fixed: Mapping[str, Fold], budget: int, cost: Cost) -> dict[str, Fold]:
    """The shortest interval whose folds cost at most `budget`, by bisection over the intervals that any fold can have."""

    def total(folds: Mapping[str, Fold]) -> float:
        return sum(cost(nodes[name], fold) for name, fold in folds.items())

    floor = max((positions(n) for n in nodes.values()), default=1)
    steps = sorted({cycles(n, f) for n in nodes.values() for f in legal_folds(n) if cycles(n, f) >= floor})
    low, high, best = 0, len(steps) - 1, None
    while low <= high:
        middle = (low + high) // 2
        folds = _for_interval(nodes, fixed, steps[middle], cost)
        if total(folds) <= budget:
            best, high = folds, middle - 1
        else:
            low = middle + 1
    if best is None:
        least = total(_for_interval(nodes, fixed, steps[-1], cost))
        raise ConfigError(f"folding.lut_budget: one lane a layer already takes {least:.0f} LUTs, the budget is {budget}")
    return best


__all__ = ["Cost", "FoldingSpec", "LayerFold", "cycles", "divisors", "lanes_cost", "legal_folds", "positions", "solve"]
