# SPDX-License-Identifier: Apache-2.0
"""What a method is: the protocol that every folder of `methods/` fulfils.

A *method* is one published way of computing linear layers without multipliers. It owns: the Keras quantisers and
procedures that train or fit it (imported lazily, they need TensorFlow), the *kernel* values that the lowered graph
carries, and for each kernel its integer meaning, its costs, its C++ and its SystemVerilog. A kernel is one immutable
parameter object: the reference, both kinds of hardware and the cost all read the same fields, so they cannot drift.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from pydantic import BaseModel

from dietcnn_hls.errors import LoweringError

if TYPE_CHECKING:
    from dietcnn_hls.lowered import Grid, Kernel, Stream


class Scheme:
    """Base of weight schemes: what a method must know of a trained layer beside its weights, in no front end's words.

    Frozen dataclasses of numbers, tuples and arrays. Each method has its own (``methods/<name>/scheme.py``); readers of front
    ends make them, for Keras those in ``methods/<name>/reader.py``.
    """

    @property
    def weight_range(self) -> tuple[int, int, int] | None:
        """(lowest integer, highest integer, fraction) of the weights; None where they lie on no one grid."""
        return None


@dataclass(frozen=True)
class LinearSpec:
    """A trained linear layer as a front end hands it to its method.

    Attributes:
        name: the model's layer name, for messages.
        weights: latent float weights (outputs, taps), taps in (kh, kw, channel) order.
        scheme: how the weights are coded; its type selects the method.
        inputs: the stream that the layer reads.
    """

    name: str
    weights: np.ndarray
    scheme: Scheme
    inputs: Stream


QuantizerReader = Callable[[str, Mapping[str, Any], Mapping[str, np.ndarray]], Scheme]
"""A layer's name, the config of its kernel quantiser and the quantiser's variables by short name -> its scheme."""


def grid_integers(values: np.ndarray, fraction: int, layer: str, what: str) -> np.ndarray:
    """Floats to int64 on the grid ``2**-fraction``; LoweringError when one is off it or not finite."""
    scaled = np.asarray(values, np.float64) * 2.0**fraction
    if not np.isfinite(scaled).all() or (scaled != np.rint(scaled)).any():
        raise LoweringError(f"layer '{layer}': {what} are not on the grid 2^-{fraction}; fit the codebooks again")
    return scaled.astype(np.int64)


class MethodOptions(BaseModel):
    """Base of a method's keys under ``method:`` in a project's YAML."""

    model_config = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}


@dataclass(frozen=True)
class Method(ABC):
    """One scheme. Its package exposes the single instance as ``METHOD``.

    Attributes:
        name: the word used in YAML and reports.
        title: one line for ``dietcnn-hls methods``.
        citation: paper, or why it is here.
        kernels: Kernel classes that it owns (for loading saved graphs).
        schemes: classes of weight schemes that it lowers.
        options: pydantic class of its YAML keys.
        sweep: options to look at where the method is tried on a layer, the dearest first.
    """

    name: str
    title: str
    citation: str
    kernels: tuple[type[Kernel], ...]
    schemes: tuple[type[Scheme], ...]
    options: type[MethodOptions] = field(default=MethodOptions)
    sweep: tuple[Mapping[str, Any], ...] = ({},)

    @abstractmethod
    def lower(self, spec: LinearSpec) -> Kernel:
        """Trained layer -> kernel. LoweringError names the layer when it cannot be exact."""

    @property
    def keras(self) -> KerasSide:
        """The method in Keras: ``KERAS`` of the module ``training`` beside it. ToolError without the qkeras extra."""
        return import_module(f"{type(self).__module__}.training").KERAS  # type: ignore[no-any-return]

    def quantize(self, model: Any, x_calibration: np.ndarray, options: MethodOptions, input_grid: Grid | None = None) -> Any:
        """Float Keras model -> Keras model whose forward pass is what the hardware computes (needs the qkeras extra).

        Args:
            model: built ``tf.keras`` model, Sequential or functional.
            x_calibration: float32 images on the input grid, (N, H, W, C) or (N, features).
            options: an instance of ``self.options``.
            input_grid: the values that may enter the design; default uint8 images / 256.

        Raises:
            DietError: a layer, argument or wiring without a lowering, by name; data that cannot enter; options that do not fit.
        """
        return self.keras.quantize(model, x_calibration, options, input_grid)


class KerasSide(Protocol):
    """What a method's ``training`` module says of it; `dietcnn_hls.training.rebuild.Quantization` is the base to derive from."""

    objects: Mapping[str, type]
    """Custom objects for ``tf.keras.models.load_model``."""

    def quantize(self, model: Any, x_calibration: np.ndarray, options: Any, input_grid: Grid | None) -> Any:
        """See `Method.quantize`."""

    def rebuilder(self, network: Any, options: Any) -> Any:
        """The `Rebuilder` by which the method dresses a `FloatNetwork`'s layers, alone or beside others' in one model.

        Raises:
            ConfigError: the method, or one of its options, concerns whole models only.
        """
