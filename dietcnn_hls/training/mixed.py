# SPDX-License-Identifier: Apache-2.0
"""Models in which each linear layer has a method of its own.

A `MixedRebuilder` walks the plan once and lets the owner of each layer act: a linear layer is built by its method, and an
activation (or the image) is coded by the method of the first linear layer that reads it. Every kernel reads integers and
symbols alike, so any two methods can be neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping

from dietcnn_hls.errors import ConfigError, UnsupportedLayerError, suggest
from dietcnn_hls.training.plan import INPUT, Step
from dietcnn_hls.training.rebuild import FloatNetwork, Rebuilder, Signal


class MixedRebuilder(Rebuilder):
    """A `Rebuilder` that delegates.

    Args:
        network: what is rebuilt.
        default: acts for every layer that `owners` does not name, and for residual adds.
        owners: rebuilders of the same network by names of linear layers.

    Raises:
        ConfigError: a name that is no linear layer of the plan.
    """

    def __init__(self, network: FloatNetwork, default: Rebuilder, owners: Mapping[str, Rebuilder]) -> None:
        super().__init__(network)
        linear = [step.name for step in self.plan if step.kind == "linear"]
        for layer in owners:
            if layer not in linear:
                raise ConfigError(f"method.layers: the network has no conv or dense layer '{layer}'.{suggest(layer, linear)}")
        self.default, self.owners = default, owners

    def check(self, step: Step) -> None:
        self._owner(step).check(step)

    def input(self, signal: Signal) -> Signal:
        return self._reader(INPUT).input(signal)

    def coded(self, signal: Signal, name: str) -> Signal:
        return self.default.coded(signal, name)

    def linear(self, step: Step, signal: Signal) -> Signal:
        return self._owner(step).linear(step, signal)

    def activation(self, step: Step, signal: Signal) -> Signal:
        return self._reader(step.name).activation(step, signal)

    def encoder(self, step: Step, signal: Signal) -> Signal:
        return self._reader(step.name).encoder(step, signal)

    def add(self, step: Step, signals: list[Signal]) -> Signal:
        if len({signal.scale for signal in signals}) > 1:
            raise UnsupportedLayerError(
                f"layer '{step.name}' adds streams of different scales; in a mixed model use methods without codebooks before it"
            )
        return super().add(step, signals)

    def _linear(self, step: Step, inputs: list[Signal]) -> Signal:
        return self._owner(step)._linear(step, inputs)

    def _owner(self, step: Step) -> Rebuilder:
        return self.owners.get(step.name, self.default)

    def _reader(self, name: str) -> Rebuilder:
        """The owner of the first linear layer behind the step (or input) called `name`."""
        behind = {name}
        for step in self.plan:
            if behind.intersection(step.inputs):
                if step.kind == "linear":
                    return self._owner(step)
                behind.add(step.name)
        return self.default
