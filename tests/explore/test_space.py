# SPDX-License-Identifier: Apache-2.0
"""Spaces: every variable is checked against the configuration before anything runs, and refused by its own name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.explore.figures import measured, wanted
from dietcnn_hls.explore.space import Constraint, load, parse_space
from tests.explore.spaces import BASE, space_data


def test_a_design_has_the_variables_that_apply() -> None:
    space = parse_space(space_data())
    assert space.filled({}, "start") == {
        "method": "dietcnn",
        "method.weight_symbols": 2,
        "hardware.folding.target_interval": 288,
    }
    point = space.filled({"method": "fixed_point", "method.weight_bits": 6}, "start")
    assert point == {"method": {"name": "fixed_point"}, "method.weight_bits": 6, "hardware.folding.target_interval": 288}
    config = space.config(point)
    assert (config.method, config.hardware.folding.target_interval) == ({"name": "fixed_point", "weight_bits": 6}, 288)
    assert space.base["method"] == "dietcnn", "designs do not change the base"


def test_a_key_may_vary_otherwise_in_other_designs() -> None:
    bits = [{"choices": [4, 5], "when": {"method": "dietcnn"}}, {"low": 6, "high": 9, "when": {"method": ["fixed_point"]}}]
    methods = {"choices": ["dietcnn", "fixed_point"]}
    space = parse_space(space_data(variables={"method": methods, "method.activation_bits": bits}))
    assert space.filled({}, "start")["method.activation_bits"] == 4
    assert space.filled({"method": "fixed_point"}, "start")["method.activation_bits"] == 6


def test_layers_and_set_reach_the_configuration() -> None:
    variables = {"method.layers.conv1": {"choices": ["fixed_point", {"name": "dietcnn", "weight_symbols": 16}]}}
    space = parse_space(space_data(variables=variables, set={"hardware.clock_period": 4.0, "network.width": 0.5}))
    config = space.config(space.filled({}, "start"))
    assert config.method_choice.name == "dietcnn+fixed_point"
    assert (config.hardware.clock_period, config.network.width) == (4.0, 0.5)


METHODS = {"method": {"choices": ["dietcnn", "fixed_point"]}}


@pytest.mark.parametrize(
    "change, text",
    [
        ({"variables": {"metod": {"choices": [1]}}}, "variables.metod = 1: unknown key 'metod'. Did you mean 'method'?"),
        ({"variables": {"method.symbols": {"choices": [4]}}}, "variables.method.symbols = 4: method: unknown key 'symbols'"),
        ({"variables": {"method.weight_symbols": {"low": 2, "high": 1000}}}, "variables.method.weight_symbols = 1000: method"),
        ({"variables": {"hardware.clock_period": {"choices": ["fast"]}}}, "clock_period: Input should be a valid number"),
        ({"variables": {"seed.deep": {"choices": [1]}}}, "seed.deep = 1: seed: Input should be a valid integer"),
        ({"variables": {"design": {"choices": ["a"]}}}, "'design' is no key that can vary"),
        ({"variables": {"a..b": {"choices": [1]}}}, "'a..b' is no key that can vary"),
        ({"variables": {}}, "variables: Dictionary should have at least 1 item"),
        ({"variables": {"seed": {"choices": []}}}, "variables.seed.0.choices: List should have at least 1 item"),
        ({"variables": {"seed": {"choices": [1, 1]}}}, "variables.seed.0: the choice 1 is given twice"),
        ({"variables": {"seed": {"low": 3}}}, "a range needs low and high"),
        ({"variables": {"seed": {"low": 3, "high": 1}}}, "low is not above high"),
        ({"variables": {"seed": {"low": 0, "high": 9, "log": True}}}, "log: true takes no step, and a low above 0"),
        ({"variables": {"seed": {"low": 0, "high": 9, "step": 0.5}}}, "a range of whole numbers has a step that is one"),
        ({"variables": {"seed": {"choices": [1], "low": 1, "high": 2}}}, "give either choices, or low and high"),
        ({"variables": {"seed": {"choice": [1]}}}, "unknown key 'variables.seed.0.choice'"),
        (
            {"variables": METHODS | {"method.weight_bits": {"choices": [4], "when": {"methods": 1}}}},
            "variables.method.weight_bits.when: no variable 'methods' stands above it. Did you mean 'method'?",
        ),
        (
            {"variables": METHODS | {"method.weight_bits": {"choices": [4], "when": {"method": "deepchip"}}}},
            "variables.method.weight_bits.when: 'method' is never method 'deepchip'",
        ),
        (
            {"variables": {"method.weight_bits": {"choices": [4]}, **METHODS}},
            "variables: 'method' replaces all below it; put it above 'method.weight_bits'",
        ),
        ({"objectives": {"lut": "least"}}, "objectives.lut: Input should be 'minimize' or 'maximize'"),
        ({"objectives": {}}, "objectives: Dictionary should have at least 1 item"),
        ({"constraints": {"lut": {"below": 3}}}, "unknown key 'constraints.lut.below'"),
        ({"constraints": {"lut": {}}}, "constraints.lut: give at_least or at_most"),
        ({"set": {"hardware.clok": 3}}, "base and set: unknown key 'hardware.clok'"),
        ({"base": BASE | {"metod": 1}}, "base and set: unknown key 'metod'"),
        ({"start": [{"metod": 1}]}, "start: no variable 'metod'. Did you mean 'method'?"),
        ({"start": [{"method": "deepchip"}]}, "start.0.method: 'deepchip' is none of the choices"),
        ({"start": [{"method.weight_bits": 4}]}, "start.0: 'method.weight_bits' is for method 'fixed_point' only"),
        ({"start": [{"method.weight_symbols": 17}]}, "17 is outside the range from 2 to 16"),
        ({"start": [{"method.weight_symbols": True}]}, "True is outside the range from 2 to 16"),
        ({"trials": 0}, "trials: Input should be greater than or equal to 1"),
        ({"sampler": "grid"}, "sampler: Input should be 'tpe', 'nsga2' or 'random'"),
        ({"study": "../up"}, "study: String should match pattern"),
        ({"objectiv": {}}, "unknown key 'objectiv'. Did you mean 'objectives'?"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_space(space_data(**change))
    assert text in str(caught.value)


def test_a_file_names_its_base_relative_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "config.yml").write_text(yaml.safe_dump(BASE))
    (tmp_path / "project" / "space.yml").write_text(yaml.safe_dump(space_data(base="config.yml")))
    monkeypatch.chdir(tmp_path)
    space = load(Path("project/space.yml"), ["trials=5"])
    assert (space.trials, space.base["design"]) == (5, "tiny")
    with pytest.raises(ConfigError, match="cannot read project/other"):
        load(Path("project/space.yml"), ["base=other.yml"])


@pytest.mark.parametrize("path", sorted(Path("projects").glob("*/explore.yml")), ids=str)
def test_every_shipped_space_is_valid(path: Path) -> None:
    space = load(path)
    assert set(measured([*space.objectives, *space.constraints]))


def test_a_violation_is_a_share_of_the_bound() -> None:
    both = Constraint(at_least=100, at_most=200)
    assert [both.violation(value) for value in (50, 100, 150, 200, 300)] == [0.5, 0.0, -0.25, 0.0, 0.5]
    assert Constraint(at_least=0).violation(-2) == 2.0
    assert str(both) == "at least 100 and at most 200"


@pytest.mark.parametrize(
    "key, text",
    [
        ("luts", "no figure 'luts' of a report can be wanted. Did you mean 'lut'?"),
        ("latency.cycle", "no figure 'latency.cycle' of a report can be wanted. Did you mean 'cycles'?"),
        ("accuracy.images", "no figure 'accuracy.images'"),
        ("timing.from", "no figure 'timing.from'"),
        ("versions.yosys", "no figure 'versions.yosys'"),
    ],
)
def test_figures_that_no_report_has_are_refused(key: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wanted(key)
    assert text in str(caught.value)


def test_a_figure_knows_the_stage_that_finds_it() -> None:
    space = parse_space(space_data())
    config = space.config({})
    yosys = config.model_copy(update={"synthesis": "yosys"})
    assert wanted("lut").stages(yosys) == ("synthesis",) and wanted("lut").stages(config) == ("folding",)
    assert wanted("resources.lut").stages(yosys) == ("synthesis",)
    assert wanted("latency_ns").stages(yosys) == ("rtl_simulation", "timing")
    assert wanted("weight_bits").stages(yosys) == wanted("memory.weight_bits").stages(yosys) == ("lowered",)
    assert wanted("accuracy.rtl").section == "accuracy" and wanted("accuracy.rtl").share
    for key, text in (("toggles", "is not found with `synthesis: none`"), ("accuracy", "no accuracy with `dataset: none`")):
        with pytest.raises(ConfigError, match=text):
            wanted(key).stages(config)
