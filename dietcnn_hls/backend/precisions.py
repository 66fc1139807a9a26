# SPDX-License-Identifier: Apache-2.0
"""Types that hls4ml's configuration asks for, against those that a design has: they follow from the model's quantisers.

A type that holds every value of a layer exactly changes nothing and is accepted, and so is what hls4ml itself writes into a
configuration; any other is refused by its key. The input's type sets the design's input grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.backend.asked import Seen, asked, model_entry, precisions
from dietcnn_hls.backend.precision import holds, parse
from dietcnn_hls.backend.trained import TrainedLinear
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered import LoweredGraph, Stream

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph

GENERATED = "fixed<16,6>"
"""The type of a whole model that hls4ml writes where nobody asks for one."""

NAMES = (
    *("default", "result", "weight", "bias", "accum", "depthwise", "pointwise", "table", "exp_table", "inv_table", "inv_inp"),
    *("slope", "shift", "maximum"),
)
"""Types of hls4ml's layers that a configuration may name."""

STOCK_NAMES = (
    *(*NAMES, "scale", "param", "inp_norm", "beta", "gamma", "mean", "variance", "embeddings", "dw_output"),
    *(f"{part}_{name}" for part in ("depthwise", "pointwise") for name in ("weight", "bias", "accum", "result")),
)
"""The same for layers that have hls4ml's own types."""


def of_input(model: ModelGraph, name: str, kinds: tuple[str, ...]) -> tuple[str, Any] | None:
    """(where, type) that the configuration asks for the model's input; None where it leaves that to the model."""
    wanted = asked(model, name, kinds)
    for key in ("Precision.result", "Precision.default"):
        if key in wanted:
            where, words = wanted[key]
            kind = parse(words, where)
            if kind is not None:
                return where, kind
    return None


def check(model: ModelGraph, graph: LoweredGraph, layers: Mapping[str, Seen]) -> None:
    """ConfigError for a type that would change what a layer computes."""
    checker = _Checker(graph, layers)
    for kind, words in precisions(model_entry(model)).items():
        checker.check_model(f"hls_config.Model.Precision.{kind}", kind, words)
    for name, seen in layers.items():
        if name != graph.input.name:
            for key, (where, words) in asked(model, name, seen.kinds).items():
                if key.startswith("Precision."):
                    checker.check_layer(where, key.removeprefix("Precision."), words, name)


class _Checker:
    def __init__(self, graph: LoweredGraph, layers: Mapping[str, Seen]) -> None:
        self.graph, self.layers = graph, layers
        self.names = {node.name for node in graph.nodes}

    def check_model(self, where: str, kind: str, words: Any) -> None:
        """A type asked of all layers."""
        wanted = parse(words, where)
        if wanted is None or (kind == "default" and wanted == parse(GENERATED, where)):
            return
        for node in self.graph.nodes[1:]:
            if kind == "maximum":
                if node.stream.bits > wanted.width:
                    raise ConfigError(
                        f"{where}: layer '{node.name}' needs {node.stream.bits} bits, above the {wanted.width} of '{words}'; "
                        "designs compute exactly: leave it out"
                    )
                continue
            for what, values in self._values(node.name, kind).items():
                self._check(where, wanted, words, node.name, what, values)

    def check_layer(self, where: str, kind: str, words: Any, name: str) -> None:
        """A type asked of one layer, by its name or its type."""
        wanted, seen = parse(words, where), self.layers[name]
        by_type = ".LayerType." in where
        alike = [other for other in self.layers.values() if set(other.kinds) & set(seen.kinds)] if by_type else [seen]
        if wanted is None or any(kind in other.generated and wanted == parse(other.generated[kind], where) for other in alike):
            return
        lowered = self._lowered(name)
        if lowered is None:
            raise ConfigError(
                f"{where}: '{words}' cannot be honoured: {seen.dropped or 'no result of the layer exists'}; leave it out"
            )
        values = self._values(name, kind) if lowered == name else {"the results": self.graph[lowered].stream}
        if not values or (lowered != name and kind not in ("result", "default")):
            raise ConfigError(f"{where}: layer '{name}' has no type '{kind}' in this design; leave it out, or 'auto'")
        for what, held in values.items():
            self._check(where, wanted, words, name, what, held)

    def _lowered(self, name: str) -> str | None:
        """The lowered layer whose results are those of layer `name`; None where no such results exist."""
        seen = self.layers[name]
        while seen.via is not None and seen.norm is None:
            seen = self.layers[seen.via]
        return seen.result if seen.via is None and seen.result in self.names else None

    def _values(self, name: str, kind: str) -> dict[str, Stream | np.ndarray]:
        """What a type of a lowered layer must hold, with the words for it; none where the layer has no such type."""
        node = self.graph[name]
        found: dict[str, tuple[str, Stream | np.ndarray]] = {"result": ("the results", node.stream)}
        layer, kernel = self.layers[name].layer if name in self.layers else None, node.op.kernel
        if isinstance(layer, TrainedLinear) and kernel is not None:
            sums = kernel.output
            found["accum"] = "the sums", Stream((1,), sums.lo, sums.hi, sums.fraction, sums.levels)
            found["bias"] = "the bias", np.zeros(1) if layer.bias is None else layer.bias
            weights = layer.scheme.weight_range
            if weights is not None:
                found["depthwise" if layer.window is not None and layer.window.groups > 1 else "weight"] = (
                    "the weights",
                    Stream((1,), *weights),
                )
        return dict(found.values()) if kind == "default" else dict([found[kind]]) if kind in found else {}

    def _check(self, where: str, wanted: Any, words: Any, name: str, what: str, values: Stream | np.ndarray) -> None:
        if not holds(wanted, values, where):
            shown = ""
            if isinstance(values, Stream):
                low, high = values.range
                shown = f", {low} to {high} / 2^{values.fraction}"
            raise ConfigError(
                f"{where}: '{words}' does not hold {what} of layer '{name}'{shown}: precisions follow from the model's "
                "quantisers; leave it 'auto', or change the quantiser"
            )


__all__ = ["GENERATED", "NAMES", "STOCK_NAMES", "check", "of_input"]
