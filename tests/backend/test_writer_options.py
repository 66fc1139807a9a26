# SPDX-License-Identifier: Apache-2.0
"""What hls4ml's options of its writers ask for stands in the project."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.tf import tf
from tests.backend.test_stock_models import small


def converted(model: Any, folder: Path, **options: Any) -> Any:
    config = {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 4, "Strategy": "ResourceUnrolled"}}
    return hls4ml.converters.convert_from_keras_model(
        model, backend="DietCNN", output_dir=str(folder), hls_config=config, **options
    )


def test_a_namespace_an_archive_and_weights_as_text(tmp_path: Path) -> None:
    made = converted(small(), tmp_path / "net", namespace="mine", write_tar=True)
    made.compile()
    assert "namespace mine {" in (tmp_path / "net" / "firmware" / "myproject.h").read_text(encoding="utf-8")
    with tarfile.open(tmp_path / "net.tar.gz") as archive:
        assert "firmware/myproject.cpp" in {name.removeprefix("./") for name in archive.getnames()}
    weights = np.loadtxt(tmp_path / "net" / "firmware" / "weights" / "w2.txt", delimiter=",")
    assert weights.size == 12
    assert made.predict(np.zeros((2, 4))).shape == (2, 3)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_an_emulator_has_all_ports_in_two_objects(io_type: str, tmp_path: Path) -> None:
    """It compiles, and calls the top function."""
    converted(small(), tmp_path, write_emulation_constants=True, io_type=io_type).write()
    text = (tmp_path / "firmware" / "myproject.h").read_text(encoding="utf-8")
    assert "inline void myproject_emulator(inputs_t &inputs, outputs_t &outputs)" in text
    (tmp_path / "firmware" / "use.cpp").write_text(
        '#include "myproject.h"\nvoid (*door)(inputs_t &, outputs_t &) = myproject_emulator;\n'
    )
    subprocess.run(["g++", "-std=c++14", "-fsyntax-only", "use.cpp"], cwd=tmp_path / "firmware", check=True)


def test_a_model_in_several_graphs_is_refused(tmp_path: Path) -> None:
    made = hls4ml.converters.convert_from_keras_model(
        small(tf.keras.layers.Dense(2, name="e")),
        backend="DietCNN",
        output_dir=str(tmp_path),
        hls_config={"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}},
    )
    parts = hls4ml.model.to_multi_model_graph(made, ["e"])
    with pytest.raises(ConfigError, match=r"cut into several graphs.*compile the whole model"):
        parts.compile()


def test_neither_where_not_asked_for(tmp_path: Path) -> None:
    converted(small(), tmp_path / "net", write_weights_txt=False).write()
    assert not (tmp_path / "net.tar.gz").exists()
    assert not list((tmp_path / "net" / "firmware" / "weights").glob("*.txt"))


def test_layers_of_a_stock_model_are_hls4mls(tmp_path: Path) -> None:
    """Their number, classes and strategy, as its users look at them; a saved model computes the same."""
    made = converted(small(tf.keras.layers.Activation("tanh", name="t")), tmp_path / "net")
    assert [layer.class_name for layer in made.get_layers()] == ["Input", "Dense", "Activation"]
    assert list(made.get_layers())[1].attributes["strategy"] == "resource_unrolled"
    x = np.random.default_rng(0).normal(0, 1, (5, 4))
    made.compile()
    made.save(str(tmp_path / "model.fml"))
    loaded = hls4ml.converters.load_saved_model(str(tmp_path / "model.fml"), output_dir=str(tmp_path / "again"))
    loaded.compile()
    assert np.array_equal(loaded.predict(x), made.predict(x))
    assert list(made.trace(x)[1]) == ["d", "t"]
