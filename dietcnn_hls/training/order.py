# SPDX-License-Identifier: Apache-2.0
"""Brings the steps of a network into an order in which every threshold has a place, without changing what they compute.

A linear layer's sums, with the batch-norm behind it, must meet an encoder before anything but dropout and one maximum pooling.
So batch-norms fold into linear layers, activations move ahead of reshapes and poolings (a function that never falls commutes
with them), and an encoder is put where there is no activation. What ends a network must be in the float model's units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod

from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.tf import tf
from dietcnn_hls.training.functions import LINEAR
from dietcnn_hls.training.plan import INPUT, Plan, Step, readers

_layers = tf.keras.layers


def ordered(steps: Iterable[Step]) -> Plan:
    """The steps of a network, the last one its output, as a plan that can be rebuilt.

    Raises:
        UnsupportedLayerError: a shape that no stream has, or an end of the network that has no thresholds; names the layer.
    """
    order = _Order(list(steps))
    order.skip_spare_reshapes()
    order.fold_norms()
    order.hoist_activations()
    order.mark_end()
    order.insert_encoders()
    return tuple(order.steps)


class _Order:
    """The steps while they are moved; the last one is the output."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    # ---- the parts of `ordered`

    def skip_spare_reshapes(self) -> None:
        """Drop reshapes that only reshapes read, where their own shape is neither an image nor a vector."""
        for step in [s for s in self.steps if _is_reshape(s) and len(s.output_shape) not in (1, 3)]:
            behind, passed = self._only_reader(step), []
            while behind is not None and (is_dropout(behind) or behind.kind == "activation"):
                passed.append(behind)
                behind = self._only_reader(behind)
            if behind is None or not _is_reshape(behind):
                image = f" {(1, *step.output_shape)}" if len(step.output_shape) == 2 else ""
                raise UnsupportedLayerError(
                    f"layer '{step.name}': shape {step.output_shape} has no lowering; reshape to an image (H, W, C){image} "
                    "or to a vector (N,)"
                )
            shape = self._named(step.name).input_shape
            for other in passed:
                if is_dropout(other):
                    self._drop(other)
                else:
                    self._set(other, input_shape=shape, output_shape=shape, tensor=None)
            self._set(behind, input_shape=shape, tensor=None)
            self._drop(step)

    def fold_norms(self) -> None:
        """Make each batch-norm part of the linear layer before it; a positive gain passes dropout and maximum pooling."""
        for name in [s.name for s in self.steps if s.kind == "batch_norm"]:
            norm = self._named(name)
            gains, _ = norm.gain_and_shift()
            source: Step | None = self._made(norm.inputs[0])
            while source is not None and len(readers(self.steps, source.name)) == 1:
                if source.kind == "linear" and source.norm is None:
                    self._set(source, norm=norm.layer)
                    self._drop(norm)
                    break
                if not (is_dropout(source) or (is_pool(source) and (gains >= 0).all())):
                    break
                source = self._made(source.inputs[0])

    def hoist_activations(self) -> None:
        """Move activations ahead of what may not stand between a linear layer and its thresholds."""
        for name in [s.name for s in self.steps if s.kind == "activation"]:
            step, chain = self._named(name), list[Step]()
            source = self._made(step.inputs[0])
            while source is not None and source.kind == "keep" and len(readers(self.steps, source.name)) == 1:
                chain.insert(0, source)
                source = self._made(source.inputs[0])
            if source is None or source.kind not in ("linear", "batch_norm"):
                continue
            offending = next((s for i, s in enumerate(chain) if not _may_wait(s, chain[:i])), None)
            if offending is not None and (not _is_pad(offending) or step.function.values(0.0) == 0):
                self._move_before(step, offending)

    def mark_end(self) -> None:
        """Mark what makes the output: its values must be in the float model's units. Refuses ends without thresholds."""
        for step in self.steps[:-1]:
            if step.kind == "softmax":
                raise UnsupportedLayerError(f"layer '{step.name}': softmax has a lowering as the last layer only; use relu")
        factor, name = 1.0, self.steps[-1].name
        while (step := self._named(name)).kind in ("softmax", "keep", "mean"):
            if step.kind == "mean":
                factor *= missing_factor(step)
                self._set(step, final=True)
            name = step.inputs[0]
        if step.kind == "batch_norm":
            raise UnsupportedLayerError(
                f"layer '{step.name}': a batch-norm lies in the thresholds of an activation; put one behind it"
            )
        if step.kind == "add":
            raise UnsupportedLayerError(
                f"layer '{step.name}': a sum at the end of a model has no thresholds; put an activation or dense layer behind it"
            )
        self._set(step, final=True, factor=factor)

    def insert_encoders(self) -> None:
        """Put an encoder where a linear layer's sums would meet anything but an activation."""
        state = {INPUT: "coded"}
        for step in list(self.steps):
            found = state[step.inputs[0]]
            if self._needs_encoder(step, found):
                self._insert_before(step)
                found = "coded"
            state[step.name] = _yields(step, found)

    def _needs_encoder(self, step: Step, source: str) -> bool:
        if step.kind == "batch_norm":
            return source in ("raw", "pooled")
        if step.kind != "keep" or is_dropout(step):
            return False
        if _is_pad(step):
            self._check_pad(step)
            return source != "coded"
        if is_pool(step) and source == "raw":
            behind = self._effective_readers(step)
            return len(behind) != 1 or behind[0].kind not in ("activation", "linear", "add", "mean")
        return source in ("raw", "pooled")

    def _check_pad(self, step: Step) -> None:
        found = readers(self.steps, step.name)
        if not found or any(s.kind != "linear" or s.layer.padding != "valid" for s in found):
            raise UnsupportedLayerError(
                f"layer '{step.name}': zero padding has a lowering right before convolutions with padding='valid' only; use "
                "padding='same', or move it there"
            )

    # ---- questions and edits

    def _named(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def _made(self, name: str) -> Step | None:
        return self._named(name) if name != INPUT else None

    def _only_reader(self, step: Step) -> Step | None:
        found = readers(self.steps, step.name)
        return found[0] if len(found) == 1 else None

    def _effective_readers(self, step: Step) -> list[Step]:
        """Readers of a step, past dropouts."""
        found = []
        for reader in readers(self.steps, step.name):
            found += self._effective_readers(reader) if is_dropout(reader) else [reader]
        return found

    def _set(self, step: Step, **values: object) -> None:
        self.steps[self._index(step.name)] = replace(self._named(step.name), **values)  # type: ignore[arg-type]

    def _index(self, name: str) -> int:
        return next(i for i, step in enumerate(self.steps) if step.name == name)

    def _redirect(self, old: str, new: str) -> None:
        """Whoever reads `old` reads `new`."""
        self.steps = [
            replace(s, inputs=tuple(new if name == old else name for name in s.inputs)) if old in s.inputs else s
            for s in self.steps
        ]

    def _drop(self, step: Step) -> None:
        source = self._named(step.name).inputs[0]
        del self.steps[self._index(step.name)]
        self._redirect(step.name, source)

    def _move_before(self, step: Step, target: Step) -> None:
        """``target -> ... -> last -> step`` becomes ``step -> target -> ... -> last``."""
        last, source = step.inputs[0], target.inputs[0]
        del self.steps[self._index(step.name)]
        self._redirect(step.name, last)
        shape = target.input_shape
        moved = replace(step, inputs=(source,), input_shape=shape, output_shape=shape, tensor=None)
        self._set(target, inputs=(step.name,))
        self.steps.insert(self._index(target.name), moved)

    def _insert_before(self, step: Step) -> None:
        taken = {s.name for s in self.steps} | {s.norm.name for s in self.steps if s.norm is not None}
        name = fresh(f"{step.name}_encode", taken)
        shape = step.input_shape
        encoder = Step(name, "activation", None, step.inputs, shape, shape, function=LINEAR)
        self._set(step, inputs=(name,))
        self.steps.insert(self._index(step.name), encoder)


def fresh(name: str, taken: Iterable[str]) -> str:
    """`name`, or one like it that is not among those taken."""
    while name in taken:
        name += "_"
    return name


def missing_factor(mean: Step) -> float:
    """What a mean over windows lacks when its sum is divided by a power of two only: 2**shift / values."""
    count = prod(mean_window(mean))
    return 2.0 ** (count.bit_length() - 1) / count


def mean_window(mean: Step) -> tuple[int, int]:
    """Rows and columns that a mean takes in: a window's, or the whole image's."""
    size: tuple[int, int] = tuple(getattr(mean.layer, "pool_size", mean.input_shape[:2]))
    return size


def _yields(step: Step, source: str) -> str:
    """What a step makes of its source: 'coded' values, 'whole' sums, or 'raw' sums behind a batch-norm, perhaps 'pooled'."""
    if step.kind == "linear":
        return "whole" if step.final else "raw"
    by_kind = {"activation": "coded", "add": "whole", "mean": "whole", "batch_norm": "raw"}
    if step.kind in by_kind:
        return by_kind[step.kind]
    return "pooled" if is_pool(step) and source == "raw" else source


def _may_wait(step: Step, before: list[Step]) -> bool:
    """Whether `step` may stand between a linear layer and its activation, the steps in `before` preceding it."""
    return is_dropout(step) or (is_pool(step) and not any(is_pool(s) for s in before))


def _of(*kinds: type) -> Callable[[Step], bool]:
    return lambda step: isinstance(step.layer, kinds)


is_dropout, is_pool = _of(_layers.Dropout), _of(_layers.MaxPooling2D)
_is_reshape, _is_pad = _of(_layers.Flatten, _layers.Reshape), _of(_layers.ZeroPadding2D)
