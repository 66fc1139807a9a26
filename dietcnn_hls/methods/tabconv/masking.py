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
from dietcnn_hls.methods.tabconv import TabConvOptions
from dietcnn_hls.methods.tabconv.training import TabRebuilder
from dietcnn_hls.training.design import accuracy, logits
from dietcnn_hls.training.mixed import MixedRebuilder
from dietcnn_hls.training.plan import read_plan
from dietcnn_hls.training.rebuild import check_calibration
from dietcnn_hls.training.uniform import is_depthwise

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


def partly(model: Any, x_calibration: np.ndarray, options: TabConvOptions, exact: Collection[str]) -> tuple[Any, TabRebuilder]:
    """The float `model` with all conv and dense layers tabularised but those named in `exact`; and what tabularised them."""
    from dietcnn_hls import methods

    plan, fixed_point = read_plan(model), methods.get("fixed_point")
    tables = TabRebuilder(model, plan, x_calibration, options)
    bits = fixed_point.options.model_validate({"activation_bits": options.activation_bits})
    fixed = fixed_point.rebuilder(model, plan, x_calibration, bits)
    owners = dict.fromkeys(exact, fixed)
    return MixedRebuilder(plan, model.input_shape[1:], x_calibration, model.name, tables, owners).build(), tables


def ranking(model: Any, x_calibration: np.ndarray, options: TabConvOptions) -> dict[str, float]:
    """Cosine drop (1 - similarity of exact and approximated sums) of every conv and dense layer, the worst first.

    Depthwise convolutions have no tables; they lead with a drop of 1.
    """
    linear = [step for step in read_plan(model) if step.kind == "linear"]
    never = [step.name for step in linear if is_depthwise(step)]
    _, tables = partly(model, x_calibration, options, never)
    drops = {name: 1.0 - similarity for name, similarity in tables.similarity.items()}
    return dict.fromkeys(never, 1.0) | dict(sorted(drops.items(), key=lambda item: -item[1]))


def curve(
    model: Any, x_calibration: np.ndarray, options: TabConvOptions, score: Callable[[Any], float], order: Collection[str]
) -> Iterator[Point]:
    """Networks with ever fewer tabularised layers, all first, none last, and the `score` of each.

    Args:
        order: layers in the order in which they are given up, see `ranking`; depthwise ones never hold tables.
    """
    names, shown = tuple(order), ""
    never = sum(is_depthwise(step) for step in read_plan(model) if step.kind == "linear")
    for count in range(never, len(names) + 1):
        left = len(names) - count
        with progress.step(f"tabconv: {left} of {len(names)} layers tabularised{shown}"):
            built, _ = partly(model, x_calibration, options, names[:count])
            point = Point(names[:count], left / len(names), built, score(built))
        shown = f" ({left} reached {point.score:.4f})"
        yield point


def mask(model: Any, x_calibration: np.ndarray, options: TabConvOptions) -> Any:
    """The Keras model with as many layers tabularised as ``options.agreement`` allows, fitted on all calibration images.

    Raises:
        ConfigError: not even the network in fixed point keeps so many classes, or too few images to judge.
    """
    assert options.agreement is not None
    images = check_calibration(x_calibration, model.input_shape[1:])
    if len(images) < _HELD_OUT:
        raise ConfigError(f"method.agreement is judged on every {_HELD_OUT}th calibration image; only {len(images)} are there")
    held = np.arange(len(images)) % _HELD_OUT == _HELD_OUT - 1
    judged, fitted = images[held], images[~held]
    wanted = logits(model, judged).argmax(axis=1)

    def agreement(candidate: Any) -> float:
        return accuracy(candidate, judged, wanted)

    for point in curve(model, fitted, options, agreement, ranking(model, fitted, options)):
        if point.score >= options.agreement:
            return partly(model, images, options, point.exact)[0]
    raise ConfigError(
        f"method.agreement: {options.agreement:.4f} is out of reach: with every layer in {options.activation_bits}-bit fixed "
        f"point {point.score:.4f} of {len(judged)} held-out images keep their class; lower it or raise activation_bits"
    )
