# SPDX-License-Identifier: Apache-2.0
"""What became of each layer: said of Keras and ONNX models, and of files of either kind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from dietcnn_hls.build.account import account
from dietcnn_hls.build.opening import kind_of, open_model
from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.lowered.storage import save_graph
from tests.graphs import random_graph


def test_every_layer_of_a_keras_model_is_accounted_for(tmp_path: Path) -> None:
    from dietcnn_hls.training import fit_codebooks
    from tests.training import nets

    model = fit_codebooks(nets.trained(), nets.calibration(64))
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "model.h5")
    found = account(model, "net")
    assert {layer.name for layer in model.layers} <= {row.layer for row in found.rows}
    norms = [row for row in found.rows if row.kind == "ExactBatchNormalization"]
    assert norms and all("thresholds of the activation" in row.became for row in norms)
    assert any(row.became.startswith("linear (dietcnn)") for row in found.rows)
    (tmp_path / "renamed").write_bytes((tmp_path / "model.keras").read_bytes())
    assert kind_of(tmp_path / "renamed") == kind_of(tmp_path / "model.h5") == "keras"


def test_every_node_of_an_onnx_model_is_accounted_for() -> None:
    pytest.importorskip("qonnx", reason="the extra onnx is not installed: pip install 'dietcnn_hls[onnx]'")
    from tests.backend.onnx.models import Net

    net = Net((1, 2, 6, 6), 7)
    at = net.norm(net.conv(net.quant("x", 6, 0.0625), 2, 3), 3)
    rows = account(net.model(net.quant(net.node("Relu", [at], name="r"), 3, 0.5, signed=0)), "net").rows
    became = {row.kind: row.became for row in rows}
    assert became["Conv"].startswith("linear (fixed_point) 4x4x3") and became["Quant"].startswith("encode 4x4x3")
    assert became["Relu"] == became["BatchNormalization"] == f"part of '{rows[-1].layer}'"
    assert [row.kind for row in rows] == ["input", "Quant", "Conv", "BatchNormalization", "Relu", "Quant"]


def test_a_model_of_keras_3_is_known_by_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    for version, kind in (("3.15.1", "keras3"), ("2.14.0", "keras")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        assert kind_of(path) == kind
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", '{"keras_version": "3.0"}')
    with pytest.raises((ToolError, OutputError), match=r"model\.keras is (a model of Keras 3, which needs HGQ2|no model that)"):
        open_model(path)


def test_a_file_of_no_kind_is_refused(tmp_path: Path) -> None:
    save_graph(random_graph(3), tmp_path / "graph")
    assert kind_of(tmp_path / "graph") == "lowered" and account(open_model(tmp_path / "graph")).rows
    (tmp_path / "text").write_text("text")
    with pytest.raises(ConfigError, match="is of no kind that is known; give a Keras model"):
        open_model(tmp_path / "text")
