# SPDX-License-Identifier: Apache-2.0
"""TabConv's priority masking: which layers are tabularised, and which stay exact, so that a network keeps its classes.

Layers are ranked by the cosine similarity that tabularising each of them costs, measured with all of them tabularised; the worst
ones are made exact (8-bit fixed point), one after another, until enough held-out calibration images keep the class that the
float network gives them. No labels are needed. After Gupta et al., TabConv, CF 2024, arXiv 2404.05872.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls import progress
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.fixed_point import FixedPointOptions
from dietcnn_hls.methods.fixed_point.training import FixedPointRebuilder
from dietcnn_hls.methods.tabconv import TabConvOptions
from dietcnn_hls.methods.tabconv.conversion import TabRebuilder
from dietcnn_hls.training.design import accuracy, logits
from dietcnn_hls.training.mixed import MixedRebuilder
from dietcnn_hls.training.rebuild import FloatNetwork

_HELD_OUT = 4
"""Every so many calibration images judge, the others fit."""


@dataclass(frozen=True)
class Point:
    """A partly tabularised network.

    Attributes:
        exact: layers in fixed point, in the order in which they were given up.
        tabularised: share of the conv and dense layers that hold tables.
        model: the Keras model.
        score: what the caller measured on it.
    """

    exact: tuple[str, ...]
    tabularised: float
    model: Any
    score: float


def partly(network: FloatNetwork, options: TabConvOptions, exact: Collection[str]) -> tuple[Any, TabRebuilder]:
    """A network with all conv and dense layers tabularised but those named in `exact`; and what tabularised them."""
    tables = TabRebuilder(network, options)
    fixed = FixedPointRebuilder(network, FixedPointOptions(activation_bits=options.activation_bits))
    return MixedRebuilder(network, tables, dict.fromkeys(exact, fixed)).build(), tables


def ranking(network: FloatNetwork, options: TabConvOptions) -> dict[str, float]:
    """Cosine drop (1 - similarity of exact and approximated sums) of every conv and dense layer, the worst first.

    Depthwise convolutions have no tables; they lead with a drop of 1.
    """
    never = _depthwise(network)
    _, tables = partly(network, options, never)
    drops = {name: 1.0 - similarity for name, similarity in tables.similarity.items()}
    return dict.fromkeys(never, 1.0) | dict(sorted(drops.items(), key=lambda item: -item[1]))


def curve(
    network: FloatNetwork, options: TabConvOptions, score: Callable[[Any], float], order: Collection[str]
) -> Iterator[Point]:
    """Networks with ever fewer tabularised layers, all first, none last, and the `score` of each.

    Args:
        order: layers in the order in which they are given up, see `ranking`; depthwise ones never hold tables.
    """
    names, shown = tuple(order), ""
    for count in range(len(_depthwise(network)), len(names) + 1):
        left = len(names) - count
        with progress.step(f"tabconv: {left} of {len(names)} layers tabularised{shown}"):
            built, _ = partly(network, options, names[:count])
            point = Point(names[:count], left / len(names), built, score(built))
        shown = f" ({left} reached {point.score:.4f})"
        yield point


def _depthwise(network: FloatNetwork) -> list[str]:
    return [step.name for step in network.plan if step.kind == "linear" and step.depthwise]


def mask(network: FloatNetwork, options: TabConvOptions) -> Any:
    """The Keras model with as many layers tabularised as ``options.agreement`` allows, fitted on all calibration images.

    Raises:
        ConfigError: not even the network in fixed point keeps so many classes, or too few images to judge.
    """
    assert options.agreement is not None
    images = network.images
    if len(images) < _HELD_OUT:
        raise ConfigError(f"method.agreement is judged on every {_HELD_OUT}th calibration image; only {len(images)} are there")
    held = np.arange(len(images)) % _HELD_OUT == _HELD_OUT - 1
    judged, fitted = images[held], images[~held]
    wanted = logits(network.model, judged).argmax(axis=1)

    def agreement(candidate: Any) -> float:
        return accuracy(candidate, judged, wanted)

    fitting = network.calibrated_on(fitted)
    for point in curve(fitting, options, agreement, ranking(fitting, options)):
        if point.score >= options.agreement:
            return partly(network, options, point.exact)[0]
    raise ConfigError(
        f"method.agreement: {options.agreement:.4f} is out of reach: with every layer in {options.activation_bits}-bit fixed "
        f"point {point.score:.4f} of {len(judged)} held-out images keep their class; lower it or raise activation_bits"
    )
