# SPDX-License-Identifier: Apache-2.0
"""Folding: how many output channels (PE) and taps (SIMD) each linear layer computes a cycle.

A fold is legal when the streaming engine can serve it (`geometry`); the HLS project takes the same folds, so both designs
agree, and `check_folding` lets it have more where it stands alone. A layer then needs the cycles that `cycles` states, at least
``positions * outputs/PE * taps/SIMD`` an inference; the slowest layer sets the design's interval. The user gives folds, reuse
factors, an interval to reach or a LUT budget; the solver picks the cheapest legal folds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field, model_validator

from dietcnn_hls.errors import ConfigError, LoweringError, suggest
from dietcnn_hls.hardware.cycles import linear_cycles
from dietcnn_hls.hardware.geometry import Geometry, check_fold, geometry, legal_folds, legal_pe, legal_simd, reads_input
from dietcnn_hls.lowered import Fold, LoweredGraph, Node

Cost = Callable[[Node, Fold], float]
"""LUTs of one layer at one fold."""


class LayerFold(BaseModel):
    """One layer's fold in YAML: ``{pe: 4, simd: 5}`` or ``{reuse_factor: 30}``."""

    model_config = {"extra": "forbid", "strict": True}
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

    model_config = {"extra": "forbid", "strict": True}
    target_interval: int | None = Field(None, ge=1, description="cycles between inferences to reach")
    lut_budget: int | None = Field(None, ge=1, description="LUTs of all kernel arrays together")
    unroll: bool = Field(False, description="one lane a weight everywhere (reuse factor 1)")
    input_pixels: int = Field(1, ge=1, description="whole pixels a beat of the RTL's input; a divisor of the image's width")
    chain: int | None = Field(
        None, ge=2, description="sums in a row between two registers of the RTL's kernel arrays, where not as the clock asks"
    )
    layers: dict[str, LayerFold] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_target(self) -> FoldingSpec:
        if sum([self.target_interval is not None, self.lut_budget is not None, self.unroll]) > 1:
            raise ValueError("give one of target_interval, lut_budget and unroll")
        return self

    @property
    def leaves_folds_open(self) -> bool:
        """True where nothing is said about lanes: each layer then has as few as it can."""
        return not (self.target_interval or self.lut_budget or self.unroll or self.layers)

    def input_codes(self, graph: LoweredGraph) -> int | None:
        """Codes a beat at the design's input, None for one pixel; ConfigError where its rows do not come to whole beats."""
        self.check_pixels(graph.input.name, graph.input.stream.shape)
        return None if self.input_pixels == 1 else self.input_pixels * graph.input.stream.channels

    def check_pixels(self, name: str, shape: tuple[int, ...]) -> None:
        """ConfigError where rows of an input `name` of this shape do not come to whole beats."""
        columns = math.prod(shape[-2:-1])
        if columns % self.input_pixels:
            raise ConfigError(f"folding.input_pixels: {self.input_pixels} must divide the width of the input '{name}', {columns}")


@dataclass(frozen=True)
class Choice:
    """A linear layer and every fold it can have, by lanes, then by SIMD descending (wide SIMD shares one accumulator)."""

    node: Node
    geometry: Geometry
    folds: tuple[Fold, ...]
    pixels: int = 1

    def cycles(self, fold: Fold) -> int:
        return linear_cycles(self.geometry, fold, self.pixels)

    @property
    def slowest(self) -> int:
        return max(self.cycles(fold) for fold in self.folds)


def choices(graph: LoweredGraph, input_pixels: int = 1) -> dict[str, Choice]:
    """The choices of all linear layers by name; those that read the input see `input_pixels` of it a cycle.

    Raises:
        ConfigError: a layer that no fold of the engine serves.
        LoweringError: a kernel that has no SystemVerilog.
    """
    found = {}
    for node in graph.linear_nodes:
        folds = tuple(legal_folds(graph, node))
        if not folds:
            raise ConfigError(
                f"layer '{node.name}': no fold of the streaming engine serves it: its kernel wants taps together that no beat of "
                f"a window holds. Give the layer another method or other blocks, or build without a target for the folds and "
                f"without RTL (synthesis: vitis or none)."
            )
        found[node.name] = Choice(node, geometry(graph, node), folds, input_pixels if reads_input(graph, node) else 1)
    return found


def solve(graph: LoweredGraph, spec: FoldingSpec | None = None, cost: Cost | None = None) -> dict[str, Fold]:
    """Folds of all linear layers.

    Raises:
        ConfigError: unknown layer, a fold that does not divide, an interval or budget out of reach, input pixels that do not
            fit, a layer that no fold serves.
    """
    spec, cost = spec or FoldingSpec(), cost or lanes_cost
    spec.input_codes(graph)
    if spec.leaves_folds_open:
        return {node.name: _smallest(graph, node) for node in graph.linear_nodes}
    layers = choices(graph, spec.input_pixels)
    for name in spec.layers:
        if name not in layers:
            raise ConfigError(f"folding.layers: no linear layer '{name}'.{suggest(name, layers)}")
    fixed = {name: _explicit(layers[name], given) for name, given in spec.layers.items()}
    if spec.unroll:
        return {name: fixed.get(name, layer.folds[-1]) for name, layer in layers.items()}
    if spec.target_interval is not None:
        return _for_interval(layers, fixed, spec.target_interval, cost)
    if spec.lut_budget is not None:
        return _for_budget(layers, fixed, spec.lut_budget, cost)
    return {name: fixed.get(name, layer.folds[0]) for name, layer in layers.items()}


def _smallest(graph: LoweredGraph, node: Node) -> Fold:
    """The fold with the fewest lanes; one lane for layers that only the HLS project has."""
    try:
        return next(iter(legal_folds(graph, node)), Fold(1, 1))
    except LoweringError:
        return Fold(1, 1)


def lanes_cost(node: Node, fold: Fold) -> float:
    """Cost without a fitted model: lanes, plus a little for each PE's accumulator and encoder."""
    return fold.lanes + 0.5 * fold.pe


def _explicit(layer: Choice, given: LayerFold) -> Fold:
    if given.reuse_factor is not None:
        return _by_reuse(layer.node, layer.folds, given.reuse_factor)
    fold = Fold(given.pe or 1, given.simd or 1)
    check_fold(layer.node.name, layer.geometry, fold)
    return fold


def _by_reuse(node: Node, folds: Sequence[Fold], reuse: int) -> Fold:
    """hls4ml's reuse factor: of `folds`, the one with the fewest lanes that are each used at most `reuse` times a position."""
    work = node.kernel.outputs * node.kernel.taps
    for fold in folds:
        if fold.lanes * reuse >= work:
            return fold
    least = work // max(fold.lanes for fold in folds)
    raise ConfigError(f"folding.layers.{node.name}: a reuse factor of {reuse} cannot be built; the least is {least}")


def fold_for_reuse(graph: LoweredGraph, node: Node, reuse: int) -> Fold:
    """The fold by which the HLS project, where it stands alone, honours hls4ml's reuse factor."""
    return _by_reuse(node, legal_folds(graph, node, streamed=False), reuse)


def check_folding(graph: LoweredGraph, folding: Mapping[str, Fold]) -> dict[str, Fold]:
    """Folds of all linear layers for an HLS project, one lane where none is given.

    Raises:
        ConfigError: an unknown layer, or a fold that does not divide.
    """
    nodes = {node.name: node for node in graph.linear_nodes}
    for name, fold in folding.items():
        if name not in nodes:
            raise ConfigError(f"folding: no linear layer '{name}'.{suggest(name, nodes)}")
        shape = geometry(graph, nodes[name], streamed=False)
        if fold.pe not in legal_pe(shape, streamed=False) or fold.simd not in legal_simd(shape, streamed=False):
            raise ConfigError(
                f"folding: layer '{name}' has {shape.outputs} outputs and {shape.taps} taps; "
                f"PE {fold.pe} and SIMD {fold.simd} must divide them"
            )
    return {name: folding.get(name, Fold(1, 1)) for name in nodes}


def _cheapest(layer: Choice, interval: int, cost: Cost) -> Fold | None:
    """Among folds of at most twice the lanes that the interval needs: more cannot pay, and wide layers have hundreds of folds."""
    fast = [fold for fold in layer.folds if layer.cycles(fold) <= interval]
    fast = [fold for fold in fast if fold.lanes <= 2 * fast[0].lanes]
    return min(fast, key=lambda fold: (cost(layer.node, fold), fold.lanes)) if fast else None


def _for_interval(layers: Mapping[str, Choice], fixed: Mapping[str, Fold], interval: int, cost: Cost) -> dict[str, Fold]:
    folds = {}
    for name, layer in layers.items():
        fold = fixed.get(name) or _cheapest(layer, interval, cost)
        if fold is None:
            fastest = min(layer.cycles(fold) for fold in layer.folds)
            raise ConfigError(
                f"folding.target_interval: layer '{name}' takes at least {fastest} cycles; it cannot reach {interval}"
            )
        folds[name] = fold
    return folds


def _for_budget(layers: Mapping[str, Choice], fixed: Mapping[str, Fold], budget: int, cost: Cost) -> dict[str, Fold]:
    """The shortest interval whose folds cost at most `budget`, by bisection over the intervals that any fold can have."""

    def total(folds: Mapping[str, Fold]) -> float:
        return sum(cost(layers[name].node, fold) for name, fold in folds.items())

    floor = max((min(map(layer.cycles, layer.folds)) for layer in layers.values()), default=1)
    steps = sorted({c for layer in layers.values() for c in map(layer.cycles, layer.folds) if c >= floor})
    low, high, best = 0, len(steps) - 1, None
    while low <= high:
        middle = (low + high) // 2
        folds = _for_interval(layers, fixed, steps[middle], cost)
        if total(folds) <= budget:
            best, high = folds, middle - 1
        else:
            low = middle + 1
    if best is None:
        least = total(_for_interval(layers, fixed, steps[-1], cost))
        raise ConfigError(f"folding.lut_budget: one lane a layer already takes {least:.0f} LUTs, the budget is {budget}")
    return best


__all__ = [
    "Choice",
    "Cost",
    "FoldingSpec",
    "LayerFold",
    "check_folding",
    "choices",
    "fold_for_reuse",
    "lanes_cost",
    "solve",
]
