# SPDX-License-Identifier: Apache-2.0
"""What each method would cost in each layer: the network with that layer alone computed by the method, all others near float.

Accuracy is that of calibration images, converted without training, by the integer reference; LUTs are the cost model's for the
layer's array at its fold, bits are counted. Drops of single layers add up roughly, which is enough to choose methods by layer
within a budget (`choice`); what the whole design then reaches, its build says.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from dietcnn_hls import methods, reference
from dietcnn_hls.errors import ConfigError, LoweringError, ResourceError, UnsupportedLayerError
from dietcnn_hls.hardware.cost import lut_cost
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.sums import CHAIN
from dietcnn_hls.lowered import Grid, LoweredGraph
from dietcnn_hls.methods.choice import MethodChoice, method_choice
from dietcnn_hls.reports.measure import top1
from dietcnn_hls.reports.metrics import ABSENT

NEUTRAL = {"name": "fixed_point", "activation_bits": 8, "weight_bits": 12}
"""How the other layers are computed."""

HEADINGS = ("layer", "method", "accuracy", "drop", "lut", "weight bits", "table bits")

Candidate = Mapping[str, Any]
"""A method and its options, as in a configuration."""


@dataclass(frozen=True)
class Entry:
    """A layer with one method.

    Attributes:
        layer, method: names; `options` as in a configuration.
        accuracy: of the network with this layer so; `drop`: what is lost against all layers near float.
        lut: of the layer's array by the cost model; None for kernels without SystemVerilog.
        weight_bits, table_bits: stored.
        refused: why the layer cannot have the method; the rest is absent then.
    """

    layer: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    accuracy: float | None = None
    drop: float | None = None
    lut: int | None = None
    weight_bits: int | None = None
    table_bits: int | None = None
    refused: str = ""

    @property
    def label(self) -> str:
        """The method with its options, for tables."""
        return " ".join((self.method, *(f"{key}={value}" for key, value in self.options.items())))

    def cells(self) -> tuple[str, ...]:
        """The entry under `HEADINGS`."""
        shares = (ABSENT if share is None else f"{100 * share:.2f} %" for share in (self.accuracy, self.drop))
        counts = (ABSENT if count is None else f"{count:,}" for count in (self.lut, self.weight_bits, self.table_bits))
        return self.layer, self.label + (f" ({self.refused})" if self.refused else ""), *shares, *counts


@dataclass(frozen=True)
class Sensitivity:
    """All layers with all candidates.

    Attributes:
        network: its name.
        images: how many accuracies are taken on.
        accuracy: with all layers near float.
        entries: layers in the network's order.
    """

    network: str
    images: int
    accuracy: float
    entries: Sequence[Entry]

    @property
    def layers(self) -> list[str]:
        """Names of the linear layers, in order."""
        return list(dict.fromkeys(entry.layer for entry in self.entries))

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "images": self.images,
            "accuracy": self.accuracy,
            "others": dict(NEUTRAL),
            "layers": [{key: value for key, value in asdict(entry).items() if value not in (None, "")} for entry in self.entries],
        }

    def choice(self, drop: float) -> dict[str, Any] | None:
        """The methods by layer of the fewest LUTs whose drops come to `drop` at most, as `method:` of a configuration.

        None where there is none. Exact over sums of drops; that drops add up is the assumption.
        """
        budget = int(drop * self.images + 1e-9)
        best: dict[int, tuple[int, tuple[Entry, ...]]] = {0: (0, ())}
        for layer in self.layers:
            found: dict[int, tuple[int, tuple[Entry, ...]]] = {}
            for spent, (luts, chosen) in best.items():
                for entry in self._usable(layer):
                    total = spent + max(0, round((entry.drop or 0) * self.images))
                    cost = luts + (entry.lut or 0)
                    if total <= budget and (total not in found or cost < found[total][0]):
                        found[total] = cost, (*chosen, entry)
            best = found
        if not best:
            return None
        _, entries = min(best.values(), key=lambda one: one[0])
        return {
            "name": entries[0].method,
            **entries[0].options,
            "layers": {entry.layer: {"name": entry.method, **entry.options} for entry in entries[1:]},
        }

    def _usable(self, layer: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.layer == layer and entry.lut is not None and entry.drop is not None]


def candidates(given: Sequence[Candidate] = ()) -> list[MethodChoice]:
    """Methods to look at: those given, else what every method names of itself (`Method.sweep`).

    Raises:
        ConfigError: an unknown method or option, or a candidate that has layers of its own.
    """
    listed = given or [{"name": name, **options} for name in methods.available() for options in methods.get(name).sweep]
    chosen = [method_choice(dict(one), f"candidates.{index}") for index, one in enumerate(listed)]
    for index, one in enumerate(chosen):
        if one.layers:
            raise ConfigError(f"candidates.{index}: a candidate is one method with its options; leave layers out")
    return chosen


def analyze(
    model: Any,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    folding: FoldingSpec | None = None,
    given: Sequence[Candidate] = (),
    network: str = "",
    grid: Grid | None = None,
    each: Callable[[list[tuple[str, MethodChoice]]], Any] = iter,
) -> Sensitivity:
    """Compute a float Keras model's layers by each candidate in turn.

    Args:
        model: float Keras model, (N, *shape) -> (N, classes).
        images: float32 calibration images on the input grid; accuracies are taken on them.
        labels: their classes.
        folding: by which arrays are costed; default one lane a layer.
        given: see `candidates`.
        network: its name; default the model's.
        grid: values that may enter; default images.
        each: goes through the work, to show progress.

    Raises:
        DietError: a model or images that cannot be converted.
    """
    from dietcnn_hls.training.rebuild import FloatNetwork

    chosen, spec = candidates(given), folding or FoldingSpec()
    neutral = method_choice(NEUTRAL, "others")
    plan = FloatNetwork.read(model, images, grid).plan
    layers = [step.name for step in plan if step.kind == "linear"]
    _, baseline = _made(model, images, labels, neutral, grid)
    entries = [
        _entry(model, images, labels, layer, one, baseline, spec, grid)
        for layer, one in each([(layer, one) for layer in layers for one in chosen])
    ]
    return Sensitivity(network or str(model.name), len(images), baseline, entries)


def _entry(
    model: Any,
    images: np.ndarray,
    labels: np.ndarray,
    layer: str,
    one: MethodChoice,
    baseline: float,
    spec: FoldingSpec,
    grid: Grid | None,
) -> Entry:
    neutral = method_choice(NEUTRAL, "others")
    options = {key: value for key, value in one.options.model_dump(exclude_defaults=True).items()}
    mixed = MethodChoice(neutral.method, neutral.options, {layer: (one.method, one.options)})
    try:
        graph, accuracy = _made(model, images, labels, mixed, grid)
    except (ConfigError, LoweringError, ResourceError, UnsupportedLayerError) as error:
        return Entry(layer, one.method.name, options, refused=str(error))
    node = graph[layer]
    return Entry(
        layer,
        one.method.name,
        options,
        accuracy=accuracy,
        drop=baseline - accuracy,
        lut=_luts(graph, layer, spec),
        weight_bits=node.op.weight_bits,
        table_bits=graph.table_bits(node),
    )


def _made(
    model: Any, images: np.ndarray, labels: np.ndarray, choice: MethodChoice, grid: Grid | None
) -> tuple[LoweredGraph, float]:
    """The network by these methods, and its accuracy on the images."""
    from dietcnn_hls.backend.convert import lower_keras

    graph = lower_keras(choice.quantize(model, images, grid), "analysis")
    codes = np.rint(images * 2.0**graph.input.stream.fraction).astype(np.int64)
    outputs = reference.predict(graph, codes)
    return graph, top1(outputs, labels)


def _luts(graph: LoweredGraph, layer: str, spec: FoldingSpec) -> int | None:
    """LUTs of a layer's array at the fold that the specification comes to."""
    try:
        cost = lut_cost(graph, spec.chain or CHAIN)
        return round(cost(graph[layer], solve(graph, spec, cost)[layer]))
    except (LoweringError, ConfigError):  # a kernel without SystemVerilog, a target that it cannot reach
        return None


def csv_text(found: Sensitivity) -> str:
    """All entries as CSV, figures unrounded, options as JSON."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("layer", "method", "options", "accuracy", "drop", "lut", "weight_bits", "table_bits", "refused"))
    for entry in found.entries:
        values = (entry.accuracy, entry.drop, entry.lut, entry.weight_bits, entry.table_bits, entry.refused)
        writer.writerow((entry.layer, entry.method, json.dumps(dict(entry.options)), *("" if v is None else v for v in values)))
    return table.getvalue()


__all__ = ["HEADINGS", "NEUTRAL", "Entry", "Sensitivity", "analyze", "candidates", "csv_text"]
