# SPDX-License-Identifier: Apache-2.0
"""Architectures of Keras 3 as Keras 2 writes the same model, but for initialisers and functions' names."""

from __future__ import annotations

from typing import Any

import pytest

from dietcnn_hls.backend.readers.keras.modern import translated

FLOAT32 = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def tensor(layer: str) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [layer, 0, 0]}}


def layer(kind: str, name: str, *calls: Any, **config: Any) -> dict[str, Any]:
    nodes = [{"args": [call], "kwargs": {"mask": None}} for call in calls]
    return {"class_name": kind, "name": name, "config": {"name": name, "dtype": FLOAT32, **config}, "inbound_nodes": nodes}


def functional(*layers: Any, **config: Any) -> dict[str, Any]:
    return {"class_name": "Functional", "config": {"name": "net", "layers": list(layers), **config}}


def test_inputs_calls_and_types() -> None:
    entry = {"class_name": "InputLayer", "config": {"name": "a", "batch_shape": [None, 4], "sparse": False, "optional": False}}
    found = translated(
        functional(
            {**entry, "inbound_nodes": []},
            layer("Add", "join", [tensor("a"), tensor("b")]),
            layer("Dense", "d", tensor("join"), activation="silu", lora_rank=None, units=3),
            input_layers=["a", 0, 0],
            output_layers=[["join", 0, 0], ["d", 0, 0]],
        )
    )["config"]
    first, join, dense = found["layers"]
    assert first["config"] == {"name": "a", "batch_input_shape": [None, 4]}
    assert join["inbound_nodes"] == [[["a", 0, 0, {}], ["b", 0, 0, {}]]]
    assert dense["inbound_nodes"] == [[["join", 0, 0, {}]]]
    assert dense["config"] == {"name": "d", "dtype": "float32", "activation": "swish", "units": 3}
    assert found["input_layers"] == [["a", 0, 0]] and found["output_layers"] == [["join", 0, 0], ["d", 0, 0]]


def test_models_and_layers_inside() -> None:
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [layer("LeakyReLU", "bent", negative_slope=0.2)]}}
    wrapped = layer("TimeDistributed", "each", layer=layer("Dense", "d", units=2))
    found = translated(functional({**inner, "inbound_nodes": []}, wrapped))["config"]["layers"]
    assert found[0]["config"]["layers"][0]["config"]["alpha"] == 0.2
    assert found[1]["config"]["layer"]["config"]["dtype"] == "float32"


@pytest.mark.parametrize(("argument", "value"), [("renorm", True), ("lora_rank", 4), ("sparse", True)])
def test_what_keras_2_does_not_have_stays_where_it_says_something(argument: str, value: Any) -> None:
    assert translated(layer("Dense", "d", **{argument: value}))["config"][argument] == value


def test_arguments_of_calls_stay() -> None:
    called = {**layer("Dense", "d"), "inbound_nodes": [{"args": [tensor("a")], "kwargs": {"training": True, "mask": None}}]}
    assert translated(called)["inbound_nodes"] == [[["a", 0, 0, {"training": True}]]]
