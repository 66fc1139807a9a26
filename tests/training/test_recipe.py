# SPDX-License-Identifier: Apache-2.0
"""Recipes: what images look like before a step, which keys decide what, optimisers and learning rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.explore import rungs
from dietcnn_hls.training import Recipe
from dietcnn_hls.training.optimizers import optimizer, schedule
from dietcnn_hls.training.recipe import FLOAT_KEYS, augment
from dietcnn_hls.training.tf import tf
from dietcnn_hls.validation import validate

EARLIER = (
    *("float_epochs", "float_learning_rate", "epochs", "learning_rate", "mixed_precision", "batch", "shift", "flip"),
    *("label_smoothing", "distillation", "temperature", "refits", "validation", "calibration"),
)
"""Keys of recipes whose results may lie about: their content keys have all of them."""
SECOND = {"epochs", "learning_rate", "optimizer", "weight_decay", "distillation", "temperature", "refits"}
DATA = {"validation", "calibration", "mixed_precision"}
OTHER = {
    **{"float_optimizer": "sgd", "float_weight_decay": 0.1, "optimizer": "sgd", "weight_decay": 0.1, "warmup": 0.1},
    **{"border": "reflect", "cutout": 2, "ema": 0.9, "batch_norm_images": 64},
}


def test_shifts_bring_in_the_mirror_image() -> None:
    images = np.arange(1, 1 + 50 * 16, dtype=np.uint16).reshape(50, 4, 4, 1)
    moved = augment(images, 2, False, np.random.RandomState(0), "reflect")
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), "reflect")
    for before, after in zip(padded, moved, strict=True):
        assert any(np.array_equal(before[y : y + 4, x : x + 4], after) for y in range(5) for x in range(5))
    assert moved.min() > 0, "no zero comes in"


@pytest.mark.parametrize("side", [1, 2, 3])
def test_cutouts_blank_one_square_of_each_image(side: int) -> None:
    images = np.full((400, 5, 6, 2), 9, np.uint8)
    cut = augment(images, 0, False, np.random.RandomState(1), cutout=side)
    assert cut.dtype == np.uint8 and set(np.unique(cut)) == {0, 9}
    assert np.array_equal(cut[..., 0], cut[..., 1])
    rows, columns = (cut[..., 0] == 0).any(axis=2).sum(axis=1), (cut[..., 0] == 0).any(axis=1).sum(axis=1)
    assert np.array_equal((cut[..., 0] == 0).sum(axis=(1, 2)), rows * columns), "a rectangle each"
    assert rows.max() == columns.max() == side and min(rows.min(), columns.min()) == (side + 1) // 2
    assert (cut == 0).any(axis=(0, 3)).all(), "any place may be blank"


def test_what_is_drawn_for_shifts_and_flips_does_not_depend_on_later_keys() -> None:
    images = np.random.default_rng(0).integers(1, 255, (30, 6, 6, 3)).astype(np.uint8)
    plain = augment(images, 1, True, np.random.RandomState(3))
    cut = augment(images, 1, True, np.random.RandomState(3), cutout=2)
    assert np.array_equal(np.where(cut == 0, 0, plain), cut) and not np.array_equal(plain, cut)


def test_each_key_belongs_to_a_stage_and_searches_know_them() -> None:
    assert set(Recipe.model_fields) == FLOAT_KEYS | SECOND | DATA
    assert set(rungs._FLOAT) == (FLOAT_KEYS | DATA) - {"calibration"} and set(rungs._SECOND_STAGE) == SECOND
    assert set(Recipe.model_fields) == set(EARLIER) | set(OTHER)


def test_keys_that_do_nothing_leave_kept_results_valid() -> None:
    assert Recipe().key() == Recipe().model_dump(include=set(EARLIER)) and list(Recipe().key()) == list(EARLIER)
    for name, value in OTHER.items():
        changed = Recipe().model_copy(update={name: value})
        assert changed.key() == Recipe().key() | {name: value}
        assert (changed.key(FLOAT_KEYS) != Recipe().key(FLOAT_KEYS)) is (name in FLOAT_KEYS)


def test_each_key_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    found: dict[str, str] = {}
    for names, defaults in rows:
        each = [name.strip().strip("`") for name in names.split(",")]
        if set(each) <= set(Recipe.model_fields):
            found |= dict(zip(each, (default.strip() for default in defaults.split(",")), strict=True))
    assert set(found) == set(Recipe.model_fields)
    words = {"true": True, "false": False}
    for name, default in Recipe().model_dump().items():
        stated = words.get(found[name], found[name].strip("`"))
        assert stated == default if isinstance(default, str | bool) else float(stated) == default, name


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("optimizer", "adamw", "Input should be 'adam' or 'sgd'"),
        ("warmup", 1.0, "less than 1"),
        ("ema", 1.0, "less than 1"),
        ("weight_decay", -0.1, "greater than or equal to 0"),
        ("border", "wrap", "Input should be 'zero' or 'reflect'"),
        ("cutout", 1.5, "valid integer"),
        ("mixed_precision", "sometimes", "Input should be False, True or 'always'"),
        ("mixed_precision", 1, "Input should be False, True or 'always'"),
        ("batch_norm_image", 3, "'batch_norm_images'"),
    ],
)
def test_refusals(key: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"training: .*{key}.*{said}"):
        validate(Recipe, {key: value}, "training")


def test_learning_rates_rise_on_a_line_and_fall_on_a_cosine() -> None:
    plain = [float(schedule(0.5, 10, 0.0)(step)) for step in range(11)]
    assert plain == [float(tf.keras.optimizers.schedules.CosineDecay(0.5, 10)(step)) for step in range(11)]
    rates = [float(schedule(0.5, 10, 0.4)(step)) for step in range(11)]
    assert rates[:4] == [0.0, 0.125, 0.25, 0.375] and rates[4] == 0.5 and rates[10] == 0.0
    assert sorted(rates[4:], reverse=True) == rates[4:] and len(set(rates[4:])) == 7
    assert float(schedule(0.5, 1, 0.9)(0)) == 0.0 == float(schedule(0.5, 0, 0.0)(1))


def variables() -> list[tf.Variable]:
    return [tf.Variable([[4.0, -2.0]]), tf.Variable([8.0])]


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_decay_pulls_at_kernels_and_leaves_gains_and_biases(kind: str) -> None:
    found = variables()
    optimizer(kind, 0.5, 0.25, found).apply_gradients([(tf.zeros_like(v), v) for v in found])
    assert found[0].numpy().tolist() == [[3.5, -1.75]] and found[1].numpy().tolist() == [8.0]
    still = variables()
    optimizer(kind, 0.5, 0.0, still).apply_gradients([(tf.zeros_like(v), v) for v in still])
    assert still[0].numpy().tolist() == [[4.0, -2.0]]


def test_sgd_has_nesterov_momentum() -> None:
    (kernel, bias), ones = variables(), tf.ones((1, 2))
    made = optimizer("sgd", 1.0, 0.0, [kernel, bias])
    for _ in range(2):
        made.apply_gradients([(ones, kernel), (tf.zeros(1), bias)])
    velocity, expected, one, momentum = (np.full((1, 2), value, np.float32) for value in (0, 0, 1, 0.9))
    expected += np.float32([[4, -2]])
    for _ in range(2):
        velocity = momentum * velocity - one
        expected += momentum * velocity - one
    assert np.array_equal(kernel.numpy(), expected)
