# SPDX-License-Identifier: Apache-2.0
"""Networks of hls4ml's example models; those with stock outputs are the benchmark's, tests/benchmarks/example_models.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import hls4ml
import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.errors import UnsupportedLayerError
from tests.benchmarks.example_models import converted

SMALL = ("KERAS_1layer", "KERAS_3layer_batch_norm", "KERAS_conv1d_small", "KERAS_conv2d_model", "qkeras_3layer")


@pytest.mark.parametrize("name", SMALL)
def test_networks_of_the_collection_are_taken(name: str, tmp_path: Path) -> None:
    graph = lowered_graph(converted(name, "DietCNN", tmp_path, None))
    x = np.zeros((2, *graph.input.stream.shape))
    assert reference.predict(graph, reference.quantize_input(graph, x)).shape == (2, *graph.output.stream.shape)


def files_of_signs(folder: Path, kind: str, **options: Any) -> tuple[dict[str, Any], np.ndarray]:
    """A network of one layer from before QKeras, in the two files that its users have, and its weights."""
    config = {"name": "fc", "units": 3, "activation": "linear", "use_bias": False, "batch_input_shape": [None, 5], "H": 1}
    layer = {"class_name": kind, "config": config | options}
    (folder / "net.json").write_text(json.dumps({"class_name": "Sequential", "config": [layer]}))
    weights = np.random.default_rng(1).uniform(-1, 1, (5, 3)).astype(np.float32)
    with h5py.File(folder / "net.h5", "w") as file:
        file.attrs["layer_names"] = [b"fc"]
        group = file.create_group("fc")
        group.attrs["weight_names"] = [b"fc/kernel:0"]
        group.create_dataset("fc/kernel:0", data=weights)
    call = hls4ml.utils.config.create_config(str(folder / "out"), "net", "DietCNN")
    hls = {"HLSConfig": {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1}}}
    return call | hls | {"KerasJson": str(folder / "net.json"), "KerasH5": str(folder / "net.h5")}, weights


def test_dense_layers_of_signs_add_and_subtract(tmp_path: Path) -> None:
    config, weights = files_of_signs(tmp_path, "BinaryDense")
    graph = lowered_graph(hls4ml.converters.keras_v2_to_hls(config))
    x = np.arange(-10, 10).reshape(4, 5) / 8
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(found, x @ np.where(weights >= 0, 1, -1))


def test_a_scale_of_signs_is_refused(tmp_path: Path) -> None:
    config, _ = files_of_signs(tmp_path, "TernaryDense", H=2.0)
    with pytest.raises(UnsupportedLayerError, match=r"layer 'fc' \(TernaryDense\): H=2\.0 .*put the factor into the batch-norm"):
        hls4ml.converters.keras_v2_to_hls(config)
