# SPDX-License-Identifier: Apache-2.0
"""A Keras 3 model as a list of calls in order; models within it are opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dietcnn_hls.backend.readers.origin import package_of
from dietcnn_hls.errors import UnsupportedLayerError


@dataclass(frozen=True)
class Call:
    """One use of a layer.

    Attributes:
        name: the layer's; a second use of the same layer has a number behind it.
        layer: Keras' layer or operation.
        inputs: keys of the tensors that it reads.
        outputs: keys of those that it yields.
        shape: of its first result, without the batch.
    """

    name: str
    layer: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def class_name(self) -> str:
        """Its class; with the package where it is none of HGQ2's, QKeras' and Keras'."""
        kind, package = type(self.layer).__name__, package_of(self.layer)
        return kind if package in ("hgq", "keras", "qkeras") else f"{package}'s {kind}"

    @property
    def ours(self) -> bool:
        """Whether it is one of HGQ2's."""
        return package_of(self.layer) == "hgq"

    def refuse(self, why: str) -> UnsupportedLayerError:
        return UnsupportedLayerError(f"layer '{self.name}' ({package_of(self.layer)}'s {type(self.layer).__name__}): {why}")


@dataclass(frozen=True)
class Calls:
    """A model's calls, the keys of its inputs and outputs, and its name."""

    name: str
    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def calls_of(model: Any) -> Calls:
    """The calls of a model in the order in which they can be made.

    Raises:
        UnsupportedLayerError: a model that is not built, or whose layers are called by code.
    """
    if not getattr(model, "built", False):
        raise UnsupportedLayerError(
            f"model '{model.name}' is not built; build it as a Sequential or functional model with an Input"
        )
    walk = _Walk()
    inside = _functional(model)
    outputs = walk.through(model, {})
    inputs = tuple(call.outputs[0] for call in walk.calls if not call.inputs)
    if len(inputs) != len(inside.inputs):
        raise UnsupportedLayerError(f"model '{model.name}': {len(inputs)} of its {len(inside.inputs)} inputs are read")
    return Calls(str(model.name), tuple(walk.calls), inputs, outputs)


def _functional(model: Any) -> Any:
    """The functional model that a model is, or has within it."""
    inside = getattr(model, "_functional", None) or model
    if not hasattr(inside, "_nodes_by_depth"):
        raise UnsupportedLayerError(
            f"model '{model.name}' calls its layers by code; build it as a Sequential or functional model with an Input"
        )
    return inside


class _Walk:
    """Calls in order, their tensors under keys of their own, so that a model that is called twice yields different ones."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._count = 0
        self._uses: dict[str, int] = {}

    def through(self, model: Any, known: dict[int, int]) -> tuple[int, ...]:
        """Walk a model; `known` has the keys of its inputs where another model calls it. Returns the keys of its outputs."""
        inside, keys = _functional(model), dict(known)
        for depth in sorted(inside._nodes_by_depth, reverse=True):
            for node in inside._nodes_by_depth[depth]:
                ends = [id(tensor) for tensor in node.output_tensors]
                if not node.input_tensors and ends[0] in keys:
                    continue  # what another model gives
                reads = tuple(keys[id(tensor)] for tensor in node.input_tensors)
                if hasattr(node.operation, "_nodes_by_depth") or hasattr(node.operation, "_functional"):
                    entries = [id(tensor) for tensor in _functional(node.operation).inputs]
                    yields = self.through(node.operation, dict(zip(entries, reads, strict=True)))
                else:
                    yields = self._call(node, reads)
                keys |= dict(zip(ends, yields, strict=True))
        return tuple(keys[id(tensor)] for tensor in inside.outputs)

    def _call(self, node: Any, reads: tuple[int, ...]) -> tuple[int, ...]:
        name = str(node.operation.name)
        self._uses[name] = self._uses.get(name, 0) + 1
        name = name if self._uses[name] == 1 else f"{name}_{self._uses[name]}"
        yields = tuple(range(self._count, self._count + len(node.output_tensors)))
        self._count += len(yields)
        shape = tuple(node.output_tensors[0].shape[1:])
        self.calls.append(Call(name, node.operation, reads, yields, shape))
        return yields


__all__ = ["Call", "Calls", "calls_of"]
