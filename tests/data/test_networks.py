# SPDX-License-Identifier: Apache-2.0
"""The built-in networks: shapes, work and weights as their documentation states them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dietcnn_hls.data.networks import _SMALLEST, NETWORKS, check, get, names, resnet8, resnet18, vgg11, vgg11_pooled
from dietcnn_hls.errors import ConfigError


def work(model: Any) -> tuple[int, int]:
    """Multiply-accumulates an image, and weights of conv and dense layers."""
    linear = [layer for layer in model.layers if hasattr(layer, "kernel")]
    macs = sum(int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output_shape[1:-1])) for layer in linear)
    return macs, sum(int(np.prod(layer.kernel.shape)) for layer in linear)


@pytest.mark.parametrize(
    ("build", "shape", "macs", "weights"),
    [
        (vgg11, (32, 32, 3), 236_692_160, 9_222_848),
        (vgg11_pooled, (32, 32, 3), 152_769_536, 9_222_848),
        (resnet8, (32, 32, 3), 12_501_632, 77_360),
        (resnet18, (32, 32, 3), 555_422_720, 11_164_352),
        (resnet18, (64, 64, 3), 140_825_600, 11_172_032),
    ],
)
def test_full_width(build: Any, shape: tuple[int, int, int], macs: int, weights: int) -> None:
    assert work(build(shape)) == (macs, weights)


def test_vgg11_has_the_sides_of_the_published_design() -> None:
    sides = [layer.output_shape[1] for layer in vgg11().layers if layer.name.startswith("conv") and layer.name[4:].isdigit()]
    assert sides == [15, 13, 11, 9, 7, 5, 3, 1]


def test_resnet18_has_eight_adds_of_which_three_project() -> None:
    kinds = [(type(layer).__name__, layer.name) for layer in resnet18(width=0.125).layers]
    assert sum(kind == "Add" for kind, _ in kinds) == 8
    assert sum(kind == "Conv2D" and name.endswith("_side") for kind, name in kinds) == 3


def test_resnet8_has_three_adds_of_which_two_project() -> None:
    kinds = [(type(layer).__name__, layer.name) for layer in resnet8().layers]
    assert sum(kind == "Add" for kind, _ in kinds) == 3
    assert [name for kind, name in kinds if kind == "Conv2D" and name.endswith("_side")] == ["stage2_side", "stage3_side"]


@pytest.mark.parametrize("name", names())
def test_every_network_takes_shape_classes_and_width(name: str) -> None:
    model = get(name)((32, 32, 3), 7, width=0.125)
    assert model.output_shape == (None, 7) and model.input_shape == (None, 32, 32, 3)
    assert sum(w.shape.num_elements() for w in model.weights) < sum(
        w.shape.num_elements() for w in get(name)((32, 32, 3), 7, width=0.25).weights
    )


def test_unknown_names_get_a_suggestion() -> None:
    assert names() == sorted(NETWORKS)
    with pytest.raises(ConfigError, match=r"unknown network 'resnet9'.*resnet"):
        get("resnet9")


@pytest.mark.parametrize("name", names())
def test_what_is_too_small_is_said_without_building_it(name: str) -> None:
    side, channels = _SMALLEST[name]
    check(name, (side, side + 1, 3), 1.0)
    get(name)((side, side, 3), 2, width=0.51 / channels)
    with pytest.raises(ConfigError, match=rf"{name} no channels; use 0\.\d+ or more"):
        check(name, (64, 64, 1), 0.0001)
    if side > 1:
        with pytest.raises(ConfigError, match=f"{name} needs images of at least {side}x{side}, these are {side - 1}x40; pad"):
            check(name, (side - 1, 40, 1), 1.0)
        with pytest.raises(ValueError):
            get(name)((side - 1, side - 1, 3), 2, width=0.51 / channels)
