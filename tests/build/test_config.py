# SPDX-License-Identifier: Apache-2.0
"""The YAML is checked whole: every misspelling gets one clear error before anything runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dietcnn_hls.build import config, stage_names
from dietcnn_hls.build.config import ChecksConfig, DatasetConfig, HardwareConfig, Hls4mlConfig, NetworkConfig, ProjectConfig, load
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec

GOOD = {"design": "lenet", "network": "lenet5", "dataset": "mnist", "method": "dietcnn"}


def test_short_and_long_spellings_agree() -> None:
    long = GOOD | {"network": {"name": "lenet5"}, "method": {"name": "dietcnn"}, "dataset": {"name": "mnist"}}
    assert config.parse(GOOD) == config.parse(long)


@pytest.mark.parametrize(
    "change, text",
    [
        ({"method": "dietcn"}, "unknown method 'dietcn'. Did you mean 'dietcnn'?"),
        ({"metod": "dietcnn"}, "unknown key 'metod'. Did you mean 'method'?"),
        ({"hardware": {"prt": "x"}}, "unknown key 'hardware.prt'. Did you mean 'part'?"),
        ({"hardware": {"part": "xc7z020x"}}, "nknown part 'xc7z020x'"),
        ({"hardware": {"clock_period": "fast"}}, "hardware.clock_period: Input should be a valid number"),
        ({"hardware": {"folding": {"target_intervall": 3}}}, "Did you mean 'target_interval'?"),
        ({"hardware": {"folding": {"target_interval": 3, "unroll": True}}}, "give one of target_interval, lut_budget and unroll"),
        ({"method": {"name": "dietcnn", "weight_symbols": 1}}, "weight_symbols: Input should be greater than or equal to 2"),
        (
            {"method": {"name": "dietcnn", "activation_symbols": 2**20}},
            "activation_symbols: Input should be less than or",
        ),
        ({"method": {"name": "dietcnn", "weight_symbol": 4}}, "unknown key 'weight_symbol'. Did you mean 'weight_symbols'?"),
        ({"method": {"weight_symbols": 4}}, "give the name of a method"),
        ({"design": "../outside"}, "design: String should match pattern"),
        ({"dataset": "none"}, "dataset: `name: none` needs shape and classes, and takes no pad"),
        ({"dataset": {"name": "mnist", "classes": 10}}, "dataset: shape and classes follow from the dataset"),
        ({"dataset": {"name": "none", "shape": [0, 32, 3], "classes": 10}}, "dataset: a shape holds numbers from 1 on"),
        ({"synthesis": "vivado"}, "synthesis: Input should be 'auto', 'vitis', 'yosys' or 'none'"),
        ({"synthesis": "yosis"}, "Did you mean 'yosys'?"),
        ({"seed": 99999999999}, "seed: Input should be less than 4294967296 (got 99999999999)"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"seed": True}, "seed: Input should be a valid integer"),
        ({"seed": "7"}, "seed: Input should be a valid integer (got '7')"),
        ({"seed": None}, "seed: Input should be a valid integer (got None)"),
        ({"flows": ["foo"]}, "flows.0: Input should be 'default' or 'carry' (got 'foo')"),
        ({"flows": "carry"}, "flows: Input should be a valid tuple (got 'carry')"),
        ({"flows": ["carry", "carry"]}, "flows: flow 'carry' is given twice"),
        ({"dsp": 1}, "dsp: Input should be a valid boolean"),
        ({"hardware": {"clock_period": 0.0}}, "hardware.clock_period: Input should be greater than or equal to 0.1"),
        ({"hardware": {"clock_period": float("nan")}}, "hardware.clock_period: nan is no number"),
        (
            {"hardware": {"folding": {"input_pixels": 0}}},
            "hardware.folding.input_pixels: Input should be greater than or equal to 1",
        ),
        ({"hardware": {"folding": {"unroll": "yes"}}}, "hardware.folding.unroll: Input should be a valid boolean"),
        ({"hardware": [1]}, "hardware: Input should be a valid dictionary"),
        ({"checks": {"csim_samples": 1.5}}, "checks.csim_samples: Input should be a valid integer"),
        ({"network": {"name": "lenet5", "width": "1"}}, "network.width: Input should be a valid number"),
        ({"network": 5}, "network: Input should be a valid dictionary"),
        ({"method": {"name": "tabconv", "seed": 2**32}}, "seed: Input should be less than 4294967296"),
        ({"method": {"name": "dietcnn", "weight_symbols": True}}, "weight_symbols: Input should be a valid integer"),
        ({"design": "module"}, "design: 'module' cannot name a design: it is a keyword of SystemVerilog; 'module_net' would do"),
        ({"design": "stream_fifo"}, "generated projects hold a module or header of that name"),
        ({"design": 5}, "design: Input should be a valid string"),
        ({3: 4}, "keys are text (got 3)"),
    ],
)
def test_bad_configurations_say_what_and_where(change: dict, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(GOOD | change)
    assert text in str(caught.value)


def test_overrides_reach_into_groups(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text("{design: lenet, network: lenet5, dataset: mnist, method: dietcnn}")
    loaded = config.load(file, ["method.weight_symbols=4", "hardware.folding.target_interval=99", "seed=7"])
    assert (loaded.method["weight_symbols"], loaded.hardware.folding.target_interval, loaded.seed) == (4, 99, 7)


@pytest.mark.parametrize("override", ["seed", "=3", "a..b=1"])
def test_malformed_overrides(override: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text("{design: lenet, network: lenet5, dataset: mnist, method: dietcnn}")
    with pytest.raises(ConfigError, match="--set takes key"):
        config.load(file, [override])


@pytest.mark.parametrize("text, message", [("a: [", "is not YAML"), ("- a", "must hold a mapping")])
def test_files_that_are_no_configuration(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(tmp_path / "c.yml")


def test_yaml_cannot_execute(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("design: !!python/object/apply:os.system ['touch pwned']")
    with pytest.raises(ConfigError, match="is not YAML"):
        config.load(tmp_path / "c.yml")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "path", sorted(set(Path("projects").glob("*/*.yml")) - set(Path("projects").glob("*/explore.yml"))), ids=str
)
def test_every_shipped_project_is_valid(path: Path) -> None:
    config.load(path)


DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
SECTIONS = {
    "network": NetworkConfig,
    "dataset": DatasetConfig,
    "hls4ml": Hls4mlConfig,
    "hardware": HardwareConfig,
    "folding": FoldingSpec,
    "checks": ChecksConfig,
}


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_every_key_is_documented(section: str) -> None:
    keys = SECTIONS[section].model_fields if section else ProjectConfig.model_fields
    text = DOCUMENT.read_text()
    assert [key for key in keys if f"`{section}.{key}`".replace("`.", "`") not in text] == []


def test_every_stage_is_documented() -> None:
    table = DOCUMENT.read_text().partition("## Stages")[2]
    names = [name for line in table.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(names) == sorted(stage_names())


def test_the_smallest_documented_configuration_is_one(tmp_path: Path) -> None:
    text = DOCUMENT.read_text()
    start = text.index("```yaml\n") + len("```yaml\n")
    (tmp_path / "config.yml").write_text(text[start : text.index("```", start)])
    assert load(tmp_path / "config.yml").design == "my_net"
