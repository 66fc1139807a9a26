# SPDX-License-Identifier: Apache-2.0
"""Random networks of all layer kinds in any order: what a method takes converts and is exact, the rest is refused by name."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.build.config import method_choice
from dietcnn_hls.errors import DietError, ExactnessWarning
from dietcnn_hls.training import logits
from tests.cases import spread
from tests.training.architectures import Architecture, images

SYMBOLIC = {"name": "dietcnn", "accumulate": "symbolic", "activation_symbols": 16}
CHOICES: tuple[Any, ...] = ("dietcnn", {"name": "dietcnn", "codebooks": "shared"}, "conlocnn", "deepchip", "fixed_point")
CHOICES += ("dietcnn", SYMBOLIC, "encodingnet", "tabconv")
SEEDS = spread(range(54), 12, lambda seed: seed % len(CHOICES))

OUTCOMES: Counter[str] = Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_accepted_and_exact_or_refused_by_name(seed: int) -> None:
    model = Architecture(seed).build()
    try:
        quantised = method_choice(CHOICES[seed % len(CHOICES)], "method").quantize(model, images(model, 24))
    except DietError as error:
        named = [layer.name for layer in model.layers if f"'{layer.name}'" in str(error)]
        assert named or "model 'random' has no Conv2D" in str(error), f"names no layer of the model: {error}"
        OUTCOMES["refused"] += 1
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", ExactnessWarning)
        graph = lower_keras(quantised, "net")
    x = images(model, 12, 1)
    found, codes = logits(quantised, x), reference.predict(graph, reference.quantize_input(graph, x))
    np.testing.assert_array_equal(reference.output_values(graph, codes).reshape(found.shape), found)
    OUTCOMES["exact"] += 1
    OUTCOMES["varied"] += bool(found.std() > 0)


def test_most_are_accepted_and_none_is_constant() -> None:
    """Runs behind the others: a suite of refusals would prove nothing."""
    total = OUTCOMES["refused"] + OUTCOMES["exact"]
    if total == len(SEEDS):
        assert OUTCOMES["exact"] > 0.55 * total and OUTCOMES["varied"] > 0.9 * OUTCOMES["exact"]
