# SPDX-License-Identifier: Apache-2.0
"""Event files of TensorBoard hold what the layers look up, by epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import OutputError
from dietcnn_hls.training import CodebookBoard, fit_codebooks, train
from dietcnn_hls.training.board import arrays_of
from dietcnn_hls.training.tf import tf

from . import nets


def read(folder: Path) -> dict[str, dict[int, float]]:
    """Scalars by name and step, and the names of histograms with no values."""
    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                tensor = tf.make_ndarray(value.tensor)
                found.setdefault(value.tag, {})
                if tensor.ndim == 0:
                    found[value.tag][event.step] = float(tensor)
    return found


def test_each_epoch_has_its_curves(tmp_path: Path) -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(60), weight_symbols=4)
    recipe = nets.QUICK.model_copy(update={"epochs": 2, "refits": 1})
    history = train(model, nets.split(64), recipe, seed=0, board=CodebookBoard(tmp_path / "board"))
    found = read(tmp_path / "board")
    assert [found["accuracy"][number] for number in range(2)] == [np.float32(epoch.accuracy) for epoch in history.epochs]
    for name, values in arrays_of(model):
        assert name in found
        assert {f"{name}/{entry}" for entry in range(len(values))} <= found.keys()
    weights = model.get_layer("conv2").kernel.shape.num_elements()
    assert sum(round(found[f"conv2/shares/{symbol}"][1] * weights) for symbol in range(4)) == weights
    assert found["conv2/codebook/0"][1] < found["conv2/codebook/3"][1]
    assert found["image_encode/thresholds/0"].keys() == {0, 1}


def test_as_a_callback_of_fit(tmp_path: Path) -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(30))
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(nets.calibration(32), np.zeros(32), verbose=0, callbacks=[CodebookBoard(tmp_path)])
    assert {"loss", "conv1/codebook", "dense1/codebook/0", "conv1_relu/levels/1"} <= read(tmp_path).keys()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"the folder .*file/board of TensorBoard's files cannot be written"):
        CodebookBoard(tmp_path / "file" / "board")
