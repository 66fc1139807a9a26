# SPDX-License-Identifier: Apache-2.0
"""Arguments of functions are checked as strictly as keys of files, each by its own name, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.api import convert, convert_and_build
from dietcnn_hls.build import make_request
from dietcnn_hls.errors import ConfigError, DatasetError, OutputError
from dietcnn_hls.hardware.folding import FoldingSpec
from tests.graphs import random_codes, random_graph

GRAPH = random_graph(11)
X = random_codes(GRAPH, 12, 1).astype(np.uint8)
Y = reference.predict(GRAPH, X.astype(np.int64)).argmax(axis=1)
NAN = float("nan")


@pytest.mark.parametrize(
    "change, text",
    [
        ({"folding": True}, "folding: give a mapping of keys (got True)"),
        ({"folding": "fast"}, "folding: give a mapping of keys (got 'fast')"),
        ({"folding": 0}, "folding: target_interval: Input should be greater than or equal to 1"),
        ({"folding": {"layers": 5}}, "folding: layers: Input should be a valid dictionary"),
        ({"folding": {"layers": {"logits": {"pe": True}}}}, "folding: layers.logits.pe: Input should be a valid integer"),
        ({"folding": {"target_interval": "50"}}, "folding: target_interval: Input should be a valid integer (got '50')"),
        ({"folding": 10**30}, "folding: target_interval: a number of more than 64 bits"),
        ({"checks": 5}, "checks: give a mapping of keys (got 5)"),
        ({"checks": {"csim_samples": True}}, "checks: csim_samples: Input should be a valid integer (got True)"),
        ({"checks": {"csim_samples": 0}}, "checks: csim_samples: Input should be greater than or equal to 1"),
        ({"checks": {"rtl_stalls": 1}}, "checks: rtl_stalls: Input should be a valid boolean"),
        ({"checks": {"csim": 1}}, "checks: unknown key 'csim'"),
        ({"part": 5}, "part: Input should be a valid string (got 5)"),
        ({"part": "xc7z020; exec rm"}, "nknown part 'xc7z020; exec rm'"),
        ({"clock_period": 0}, "clock_period: Input should be greater than or equal to 0.1 (got 0)"),
        ({"clock_period": -1}, "clock_period: Input should be greater than or equal to 0.1"),
        ({"clock_period": 1e-9}, "clock_period: Input should be greater than or equal to 0.1"),
        ({"clock_period": NAN}, "clock_period: Input should be a finite number"),
        ({"clock_period": float("inf")}, "clock_period: Input should be a finite number"),
        ({"clock_period": "5"}, "clock_period: Input should be a valid number (got '5')"),
        ({"clock_period": True}, "clock_period: Input should be a valid number"),
        ({"flows": ("foo",)}, "flows.0: Input should be 'default' or 'carry' (got 'foo')"),
        ({"flows": "carry"}, "flows: Input should be a valid tuple (got 'carry')"),
        ({"flows": ("carry", "carry")}, "flows: flow 'carry' is given twice"),
        ({"flows": None}, "flows: Input should be a valid tuple"),
        ({"dsp": "yes"}, "dsp: Input should be a valid boolean"),
        ({"synthesis": None}, "unknown synthesis None"),
        ({"synthesis": ["yosys"]}, "unknown synthesis ['yosys']. Did you mean 'yosys'?"),
        ({"io_type": 5}, "unknown io_type 5. Known: io_parallel, io_stream."),
        ({"name": 5}, "a design needs a name"),
        ({"name": "always"}, "'always' cannot name a design: it is a keyword of SystemVerilog"),
        ({"name": "../outside"}, "'../outside' cannot name a design"),
        ({"labels": 5}, "labels: give a mapping of keys"),
        ({"labels": {"accuracy": {"float": 98.0}}}, "labels: accuracy.float: Input should be less than or equal to 1"),
        ({"labels": {"accuracy": {"float": NAN}}}, "labels: accuracy.float: nan is no number"),
        ({"labels": {"accuracy": {"rtl": 1.0}}}, "labels: accuracy: rtl: what a build measures itself is not given"),
        ({"labels": {"dataset": ""}}, "labels: dataset: String should have at least 1 character"),
        ({"labels": {"timings_s": {"training": -1.0}}}, "labels: timings_s.training: Input should be greater than or equal to 0"),
        ({"labels": {"sead": 1}}, "labels: unknown key 'sead'. Did you mean 'seed'?"),
        ({"method": 5}, "method: give a method's name"),
        ({"method": {"name": "dietcnn", "weight_symbols": "4"}}, "method: weight_symbols: Input should be a valid integer"),
        ({"method": {"name": "deepchip", "threshold": NAN}}, "method: threshold: nan is no number"),
        ({"method": "dietcnn", "x_calibration": X}, "method: 'random_net' is a lowered graph, whose arithmetic is settled"),
        ({"method": "dietcnn", "x_calibration": "images"}, "x_calibration is a str; pass a numpy array"),
        ({"x_calibration": X}, "x_calibration is for method, and no method is named"),
        ({"input_grid": 5}, "input_grid: give a Grid"),
        ({"upto": "rtl_simulatoin"}, "upto: a build has no stage 'rtl_simulatoin'. Did you mean 'rtl_simulation'?"),
        ({"upto": 3}, "upto: a build has no stage 3"),
        ({"y_test": Y + 99}, "y_test holds labels from"),
        ({"y_test": Y[:3]}, "x_test holds 12 samples and y_test 3"),
        ({"x_test": None}, "y_test without x_test"),
        ({"x_test": X.astype(np.int64), "y_test": None}, "integers are taken as values, not as codes; give x / 256"),
        ({"x_test": X / 255, "y_test": None}, "x_test: inputs must lie on the grid 2^-8"),
        ({"folding": {"input_pixels": 7}}, "folding.input_pixels: 7 must divide the width of the input 'image', 2"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_each_argument_is_refused_by_its_name(change: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, DatasetError)) as caught:
        convert_and_build(GRAPH, tmp_path / "out", **({"x_test": X, "y_test": Y, "synthesis": "none"} | change))
    assert text in str(caught.value)
    assert not (tmp_path / "out" / "hls").exists() and not (tmp_path / "out" / "report.json").exists()


@pytest.mark.parametrize("given", [None, 5, [1], {}, b"graph.npz", object()])
def test_what_is_no_model_is_told_what_one_is(given: Any, tmp_path: Path) -> None:
    for use in (lambda: convert_and_build(given, tmp_path, synthesis="none"), lambda: convert(given)):
        with pytest.raises(ConfigError, match=r"model: give a Keras model, a saved one \(.keras, .h5\), a LoweredGraph"):
            use()


@pytest.mark.parametrize("given", ["nowhere.npz", "nowhere.keras"])
def test_a_file_that_is_not_there_is_named(given: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=f"model: .*{given} does not exist; give a Keras model"):
        convert_and_build(str(tmp_path / given), tmp_path / "out", synthesis="none")


@pytest.mark.parametrize("given", [None, 5, "", b"out", "a\0b"])
def test_a_folder_is_a_path(given: Any) -> None:
    with pytest.raises(ConfigError, match="output_dir: give the path of a folder"):
        convert_and_build(GRAPH, given, synthesis="none")


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    request = make_request(
        GRAPH,
        tmp_path,
        folding={"target_interval": np.int64(50)},
        clock_period=np.float32(4),
        checks={"csim_samples": np.int32(3), "rtl_stalls": np.bool_(False)},
        dsp=np.bool_(True),
        flows=["carry", "default"],
        labels={"seed": np.int64(3), "accuracy": {"float": np.float64(0.5), "images": {"float": 500}}},
        x_test=X,
        synthesis="none",
    )
    assert request.hardware.folding == FoldingSpec(target_interval=50) and request.hardware.clock_period == 4.0
    assert (request.checks.csim_samples, request.checks.rtl_stalls, request.measure.dsp) == (3, False, True)
    assert request.measure.flows == ("carry", "default") and request.labels.seed == 3


def test_a_graph_whose_name_no_design_can_have_needs_another(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(ConfigError, match="'module' cannot name a design"):
        make_request(replace(GRAPH, name="module"), tmp_path, synthesis="none")
    assert make_request(replace(GRAPH, name="module"), tmp_path, name="mine", synthesis="none").name == "mine"
    assert convert(GRAPH, "mine").name == "mine" and convert(GRAPH) is GRAPH
