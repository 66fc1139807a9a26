# SPDX-License-Identifier: Apache-2.0
"""The kinds of random networks: each is a function from a seed to a lowered graph or to a Keras model.

The generators are those of the equality suites; here they meet seeds without end, and methods meet options off their defaults.
TensorFlow is imported by the kinds that need it.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import annotated_types
import numpy as np
from pydantic.fields import FieldInfo

from dietcnn_hls import methods
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.methods.base import MethodOptions
from dietcnn_hls.methods.choice import MethodChoice
from tests import graphs, kernels
from tests.arithmetic_graphs import arithmetic_graph
from tests.free_graphs import free_graph

CALIBRATION_IMAGES = 64
FOR_ANY_LAYER = ("conlocnn", "deepchip", "dietcnn", "fixed_point")
"""Methods that take depthwise convolutions too; the others are given few of them, which they refuse."""


@dataclass(frozen=True)
class Kind:
    """One kind of network.

    Attributes:
        make: from a seed to a lowered graph or a Keras model; a DietError is a refusal of what the generator drew.
        batch: networks that are compiled together.
    """

    make: Callable[[int], Any]
    batch: int


def _some_kernels(seed: int) -> tuple[str, ...]:
    """One to four examples of kernels, one of which takes negative codes; nearly always of those that have hardware."""
    rng = np.random.default_rng([seed, 1])
    names = kernels.every() if seed % 16 == 0 else kernels.with_hardware()
    signed = [name for name in names if graphs.takes_negative_codes((name,))]
    return tuple(sorted({str(name) for name in rng.choice(names, int(rng.integers(1, 4)))} | {str(rng.choice(signed))}))


def _limits(seed: int) -> graphs.Shape:
    """Small shapes; every tenth network has many symbols, every seventh a large image."""
    return graphs.Shape(side=17 if seed % 7 == 3 else 9, channels=5, symbols=64 if seed % 10 == 9 else 12)


def _graph(make: Callable[..., LoweredGraph], seed: int) -> LoweredGraph:
    return make(seed, _some_kernels(seed), _limits(seed))


def _lookup(seed: int, symbolic: bool = False) -> Any:
    from tests.backend.keras_models import RandomModel

    return RandomModel(seed, symbolic=symbolic).build()


def _shifts(seed: int) -> Any:
    from tests.backend.keras_models import shift_norm_model

    return shift_norm_model(seed)


def _qkeras(seed: int) -> Any:
    from tests.backend.random_qkeras import RandomQKeras

    return RandomQKeras(seed).build()


def _quantized(method: str, seed: int) -> Any:
    """A float network, converted by a method with random options."""
    model = _float_network(seed, depthwise=method in FOR_ANY_LAYER or seed % 8 == 0)
    chosen = methods.get(method)
    return MethodChoice(chosen, _options(chosen.options, seed)).quantize(model, images(model, CALIBRATION_IMAGES, seed))


def _mixed(seed: int) -> Any:
    """A float network, every layer with a method of its own."""
    model, rng = _float_network(seed), np.random.default_rng([seed, 2])
    names = {"kernel": list(methods.available()), "depthwise_kernel": list(FOR_ANY_LAYER)}
    layers = {}
    for layer in model.layers:
        for attribute in names:
            if hasattr(layer, attribute):
                method = methods.get(str(rng.choice(names[attribute])))
                layers[layer.name] = (method, method.options())
    default = methods.get(str(rng.choice(FOR_ANY_LAYER)))
    return MethodChoice(default, _options(default.options, seed), layers).quantize(model, images(model, CALIBRATION_IMAGES, seed))


def _float_network(seed: int, depthwise: bool = True) -> Any:
    from tests.training.nets import branching
    from tests.training.random_nets import RandomNetwork

    return branching(seed) if seed % 4 == 0 and depthwise else RandomNetwork(seed, depthwise).build()


def images(model: Any, count: int, seed: int) -> np.ndarray:
    """Noise of different brightness on the grid of 1/256, (count, H, W, C) float32."""
    rng = np.random.RandomState(seed)
    bright = rng.randint(1, 257, (count, 1, 1, 1))
    return (rng.randint(0, 256, (count, *model.input_shape[1:])) * bright // 256 / 256).astype(np.float32)


def _options(options: type[MethodOptions], seed: int) -> MethodOptions:
    """A method's options, some of them off their defaults, as far as their types tell what they may be."""
    rng = np.random.default_rng([seed, 3])
    drawn = {}
    for name, entry in options.model_fields.items():
        choices = _choices(entry)
        if choices and rng.random() < 0.3:
            drawn[name] = choices[int(rng.integers(len(choices)))]
    return options(**drawn)


def _choices(entry: FieldInfo) -> list[Any]:
    """Other values of an option: all of a Literal or a bool; integers near the default, within bounds."""
    kind = entry.annotation
    if typing.get_origin(kind) is typing.Literal:
        return list(typing.get_args(kind))
    if kind is bool:
        return [True, False]
    if kind is int:
        bounds = {type(m): m for m in entry.metadata}
        low = bounds[annotated_types.Ge].ge if annotated_types.Ge in bounds else 0
        high = bounds[annotated_types.Le].le if annotated_types.Le in bounds else 2**31
        near = (entry.default // 2, entry.default - 1, entry.default + 1, entry.default * 2, low, min(high, 16))
        return [n for n in near if low <= n <= high]
    return []


KINDS: Mapping[str, Kind] = {
    "free": Kind(lambda seed: free_graph(seed, _some_kernels(seed)), 24),
    "plain": Kind(partial(_graph, graphs.random_graph), 24),
    "branching": Kind(partial(_graph, graphs.branching_graph), 12),
    "pooling": Kind(partial(_graph, graphs.pooling_graph), 12),
    "arithmetic": Kind(arithmetic_graph, 24),
    "lookup": Kind(_lookup, 12),
    "symbolic": Kind(partial(_lookup, symbolic=True), 8),
    "shifts": Kind(_shifts, 4),
    "qkeras": Kind(_qkeras, 16),
    **{f"method_{name}": Kind(partial(_quantized, name), 8) for name in methods.available()},
    "mixed": Kind(_mixed, 8),
}
"""All kinds by name, graphs first."""


__all__ = ["KINDS", "Kind", "images"]
