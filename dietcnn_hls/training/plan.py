# SPDX-License-Identifier: Apache-2.0
"""A float network as a plan: the steps of its evaluation, which methods dress one after another.

`reader.read_plan` makes a plan of a Keras model; what has no lowering is refused there, before any long work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dietcnn_hls.training.functions import LINEAR, Scalar

Kind = Literal["linear", "activation", "softmax", "add", "mean", "batch_norm", "keep"]


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the network.

    Attributes:
        name: the Keras layer's name, or one made of it that no layer has.
        kind: 'linear' (convolution, dense layer), 'activation' (any function that never falls), 'softmax', 'add', 'mean' (average
            pooling), 'batch_norm' (one that stands alone) or 'keep' (maximum pooling, reshaping, dropout: rebuilt as it is).
        layer: the Keras layer; None for an activation.
        inputs: names of the steps it reads; the network's input is called ``INPUT``.
        input_shape: of what it reads first, without the batch.
        output_shape: of what it yields, without the batch.
        tensor: the Keras tensor that it reads first in the float model, for probes; None where there is none.
        norm: the batch-norm behind a linear layer, or None.
        function: of an activation; `LINEAR` stands for an encoder alone.
        final: its values leave the design, so that they must be in the float model's units.
        factor: what a final step's values are multiplied by, because a mean behind it lacks that factor.
        part_of: the user's layer that this is a part of, where it has a name of its own.
    """

    name: str
    kind: Kind
    layer: Any
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    tensor: Any = None
    norm: Any = None
    function: Scalar = LINEAR
    final: bool = False
    factor: float = 1.0
    part_of: str | None = None

    @property
    def words(self) -> str:
        """The user's layer, for messages; and the step's own name, where it differs."""
        return f"'{self.name}'" if self.part_of is None else f"'{self.part_of}' (its part '{self.name}')"

    @property
    def kernel(self) -> np.ndarray:
        """A linear step's kernel in Keras' layout."""
        return (self.layer.depthwise_kernel if self.depthwise else self.layer.kernel).numpy()

    @property
    def bias(self) -> np.ndarray:
        """A linear step's bias, zeros where it has none; shape (channels,)."""
        return self.layer.bias.numpy() if self.layer.bias is not None else np.zeros(self.output_shape[-1], np.float32)

    @property
    def depthwise(self) -> bool:
        """Whether a linear step convolves each channel on its own."""
        return hasattr(self.layer, "depthwise_kernel")

    def gain_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        """The affine map behind a linear step's products (bias, batch-norm and factor together), or that of a batch-norm that
        stands alone: float64, (channels,) each."""
        norm = self.layer if self.kind == "batch_norm" else self.norm
        bias = np.zeros(self.output_shape[-1]) if self.kind == "batch_norm" else self.bias.astype(np.float64)
        gain, shift = np.ones_like(bias), bias
        if norm is not None:
            gain = 1 / np.sqrt(norm.moving_variance.numpy().astype(np.float64) + norm.epsilon)
            if norm.gamma is not None:
                gain = gain * norm.gamma.numpy()
            shift = (bias - norm.moving_mean.numpy()) * gain
            shift = shift if norm.beta is None else shift + norm.beta.numpy()
        return (gain, shift) if self.factor == 1 else (gain * self.factor, shift * self.factor)


INPUT = ""
"""What stands for the network's input among a step's inputs; no layer can be called so."""

Plan = tuple[Step, ...]


def readers(plan: Plan | list[Step], name: str) -> list[Step]:
    """The steps that read `name`, each once."""
    return [step for step in plan if name in step.inputs]
