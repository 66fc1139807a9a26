# SPDX-License-Identifier: Apache-2.0
"""Converted and trained networks mean what the reference computes: Keras' logits equal its integers, all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dietcnn_hls import methods, reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.data import datasets
from dietcnn_hls.training import fit_codebooks, logits, train
from tests.cases import spread

from . import nets

SYMBOLIC = {
    "activation_symbols": 32,
    "weight_symbols": 16,
    "weight_bits": 6,
    "activation_bits": 6,
    "accumulate": "symbolic",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "8x4": {"weight_symbols": 4},
    "shared": {"codebooks": "shared"},
    "tree": SYMBOLIC,
    "ripple": {**SYMBOLIC, "order": "ripple"},
}
ORDERS = ((nets.trained, nets.residual), (nets.residual, nets.trained))
CASES = spread([(name, network) for number, name in enumerate(OPTIONS) for network in ORDERS[number % 2]], 3)
"""An ordinary run takes each option with one of the networks, in turn."""


def mismatches(model: Any) -> int:
    """Test images on which any logit differs."""
    graph = lower_keras(model, "net")
    x = datasets.to_float(nets.digits().x_test[:80])
    outputs = reference.predict(graph, reference.quantize_input(graph, x))
    assert len(np.unique(outputs)) > 20
    return int((reference.output_values(graph, outputs) != logits(model, x)).any(axis=1).sum())


@pytest.mark.parametrize(("name", "network"), CASES)
def test_codebook_models(name: str, network: Any) -> None:
    assert mismatches(fit_codebooks(network(), nets.calibration(), **OPTIONS[name])) == 0


@pytest.mark.parametrize("network", spread([nets.residual, nets.trained], 1))
def test_fixed_point_models(network: Any) -> None:
    method = methods.get("fixed_point")
    assert mismatches(method.quantize(network(), nets.calibration(), method.options())) == 0


def test_after_training() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4)
    train(model, nets.split(400), nets.QUICK, seed=1, teacher=nets.trained())
    assert mismatches(model) == 0
