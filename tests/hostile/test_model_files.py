# SPDX-License-Identifier: Apache-2.0
"""Files of Keras models that would run code when they are loaded: refused unloaded, and nothing of them runs."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dietcnn_hls import convert_and_build
from dietcnn_hls.errors import OutputError
from dietcnn_hls.tf import tf
from dietcnn_hls.training import load_model

L = tf.keras.layers
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def lambda_model(trace: Path, nested: bool) -> Any:
    """A model whose Lambda leaves a trace where it runs."""
    code = L.Lambda(lambda x, t=str(trace): (open(t, "w").close(), x)[1], name="code")
    inner = tf.keras.Sequential([L.InputLayer((4, 4, 1)), code], name="inner") if nested else code
    model = tf.keras.Sequential([L.InputLayer((4, 4, 1)), inner, L.Flatten(), L.Dense(3)])
    trace.unlink()
    return model


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_lambda_in_a_file_is_not_run(suffix: str, nested: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / f"model.{suffix}", tmp_path / "trace"
    lambda_model(trace, nested).save(path)
    trace.unlink(missing_ok=True)
    with pytest.raises(OutputError, match=r"layer 'code' \(Lambda\) holds code"):
        load_model(path)
    with pytest.raises(OutputError, match=r"layer 'code' \(Lambda\) holds code"):
        convert_and_build(path, tmp_path / "out")
    assert not trace.exists() and not (tmp_path / "out").exists()


def test_a_file_that_names_a_module_to_import(tmp_path: Path) -> None:
    """As a layer's class and as an activation, at any depth."""
    model = tf.keras.Sequential([L.InputLayer((4, 4, 1)), L.Flatten(), L.Dense(3, activation="relu", name="last")])
    model.save(tmp_path / "model.keras")
    (tmp_path / "trap.py").write_text("open('trace', 'w').close()\n")
    trap = {"module": "trap", "class_name": "function", "config": "system", "registered_name": "system"}
    for place in ("activation", "kernel_constraint"):
        crafted = tmp_path / f"{place}.keras"
        shutil.copy(tmp_path / "model.keras", crafted)
        with zipfile.ZipFile(tmp_path / "model.keras") as source, zipfile.ZipFile(crafted, "w") as target:
            for name in source.namelist():
                content = source.read(name)
                if name == "config.json":
                    description = json.loads(content)
                    description["config"]["layers"][-1]["config"][place] = trap
                    content = json.dumps(description).encode()
                target.writestr(name, content)
        with pytest.raises(OutputError, match="layer 'last' names 'function' of the module 'trap'"):
            load_model(crafted)
    assert not (tmp_path / "trace").exists()


def test_a_folder_of_tensorflow_is_refused(tmp_path: Path) -> None:
    tf.keras.Sequential([L.InputLayer((4,)), L.Dense(2)]).save(tmp_path / "model")
    with pytest.raises(OutputError, match=r"is a folder; save the model as \.keras or \.h5"):
        load_model(tmp_path / "model")
