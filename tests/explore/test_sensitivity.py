# SPDX-License-Identifier: Apache-2.0
"""Sensitivity of layers: each by each method alone, the choice within a budget, and what the command prints and writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dietcnn_hls import methods
from dietcnn_hls.build.config import parse
from dietcnn_hls.data import datasets
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.explore import analysis
from dietcnn_hls.explore.heatmap import heat_map
from dietcnn_hls.explore.sensitivity import Entry, Sensitivity, analyze, candidates
from tests.explore.spaces import BASE


def entry(layer: str, method: str, drop: float, lut: int | None, **options: Any) -> Entry:
    return Entry(layer, method, options, 0.95 - drop, drop, lut, 8, 0)


FOUND = Sensitivity(
    "net",
    100,
    0.95,
    [
        entry("a", "dietcnn", 0.0, 100, weight_symbols=8),
        entry("a", "dietcnn", 0.02, 60, weight_symbols=4),
        entry("a", "tabconv", 0.0, None),
        Entry("a", "deepchip", refused="layer 'a' cannot"),
        entry("b", "dietcnn", -0.01, 50, weight_symbols=8),
        entry("b", "deepchip", 0.03, 5),
    ],
)


def test_the_choice_is_the_cheapest_within_the_budget() -> None:
    def luts(drop: float) -> tuple[Any, ...]:
        choice = FOUND.choice(drop)
        assert choice is not None
        return choice["name"], choice.get("weight_symbols"), choice["layers"]["b"]["name"]

    assert luts(0) == ("dietcnn", 8, "dietcnn"), "a gain does not pay for a loss"
    assert luts(0.02) == ("dietcnn", 4, "dietcnn")
    assert luts(0.03) == luts(0.04) == ("dietcnn", 8, "deepchip")
    assert luts(0.05) == ("dietcnn", 4, "deepchip")
    assert Sensitivity("net", 100, 0.95, [entry("a", "dietcnn", 0.5, 3)]).choice(0.1) is None
    assert parse(BASE | {"method": FOUND.choice(0.05)}).method_choice.name == "deepchip+dietcnn"


def test_what_methods_name_of_themselves_can_be_asked_for() -> None:
    named = candidates()
    assert {one.method.name for one in named} == set(methods.available())
    assert len({str(one.key()) for one in named}) == len(named)
    with pytest.raises(ConfigError, match="a candidate is one method"):
        candidates([{"name": "dietcnn", "layers": {"a": "deepchip"}}])
    with pytest.raises(ConfigError, match="unknown key 'symbols'"):
        candidates([{"name": "dietcnn", "symbols": 4}])


def network() -> Any:
    """Two layers for the digits, with the weights that they begin with."""
    from dietcnn_hls.tf import tf

    tf.keras.utils.set_random_seed(1)
    layers = [
        tf.keras.layers.Input((8, 8, 1), name="image"),
        tf.keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="conv"),
        tf.keras.layers.Flatten(name="flatten"),
        tf.keras.layers.Dense(10, name="logits"),
    ]
    return tf.keras.Sequential(layers, name="small")


def test_one_layer_changes_at_a_time() -> None:
    images = datasets.to_float(datasets.load("digits", None).x_train[:64])
    model = network()
    labels = model.predict(images, verbose=0).argmax(axis=1)
    given = [{"name": "dietcnn", "activation_symbols": 16, "weight_symbols": 16}, {"name": "dietcnn", "weight_symbols": 2}]
    found = analyze(model, images, labels, given=given)
    assert found.layers == ["conv", "logits"] and found.images == 64
    assert found.accuracy > 0.9, "the others are near float"
    for layer in found.layers:
        fine, coarse = (one for one in found.entries if one.layer == layer)
        assert fine.accuracy is not None and coarse.accuracy is not None and not fine.refused
        assert fine.accuracy >= coarse.accuracy and (fine.weight_bits or 0) > (coarse.weight_bits or 0)
        assert fine.drop == found.accuracy - fine.accuracy and fine.lut is not None


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a picture's name ends in \.png or \.svg \(got map\.pdf\)"):
        heat_map(FOUND, tmp_path / "map.pdf")
    nothing = Sensitivity("net", 9, 0.9, [Entry("a", "deepchip", refused="no")])
    with pytest.raises(ConfigError, match="no layer can have any of the methods"):
        heat_map(nothing, tmp_path / "map.png")
    assert heat_map(FOUND, tmp_path / "one.svg").read_bytes() == heat_map(FOUND, tmp_path / "two.svg").read_bytes()


def test_the_command_takes_a_model_or_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dietcnn_hls.cli import cli

    model = network()
    model.save(tmp_path / "net.keras")
    only = ["--method", "{name: dietcnn, weight_symbols: 4}", "--images", "32"]
    command = ["analyze", str(tmp_path / "net.keras"), "--dataset", "digits", *only]
    cli([*command, "--json", "--drop", "1", "--output", str(tmp_path / "out")], standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    assert [one["layer"] for one in printed["layers"]] == ["conv", "logits"]
    assert printed["choice"]["method"]["name"] == "dietcnn"
    assert json.loads((tmp_path / "out" / "analysis.json").read_text()) == printed
    with (tmp_path / "out" / "analysis.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["lut"]) for row in rows] == [one["lut"] for one in printed["layers"]]
    assert (tmp_path / "out" / "analysis.png").read_bytes().startswith(b"\x89PNG")
    config = BASE | {"dataset": "digits", "network": {"name": "digits_lenet", "width": 0.25}}
    (tmp_path / "c.yml").write_text(yaml.safe_dump(config))
    cli(["analyze", str(tmp_path / "c.yml"), *only, "--csv", "--output", str(tmp_path / "config")], standalone_mode=False)
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"source": "net.keras"}, "is a model, which is calibrated on images: name a dataset"),
        ({"source": "net.keras", "dataset": "digits", "overrides": ["seed=2"]}, "--set is for a configuration"),
        ({"source": "c.yml", "dataset": "digits"}, "--dataset is for a model"),
        ({"source": "c.yml"}, "dataset: there is no accuracy with `none`"),
        ({"source": "c.yml", "given": ["{name: diet}"]}, "unknown method 'diet'"),
    ],
)
def test_what_cannot_be_analysed_is_refused(arguments: dict[str, Any], text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(yaml.safe_dump(BASE))
    (tmp_path / "net.keras").touch()
    with pytest.raises(ConfigError) as caught:
        analysis.analyzed(tmp_path / arguments.pop("source"), **arguments)
    assert text in str(caught.value)
    assert np.array_equal(sorted(path.name for path in tmp_path.iterdir()), ["c.yml", "net.keras"])
