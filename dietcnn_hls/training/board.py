# SPDX-License-Identifier: Apache-2.0
"""Codebooks, levels, thresholds and tables of a model in TensorBoard, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.errors import OutputError
from dietcnn_hls.tf import tf
from dietcnn_hls.training.layers import CodebookActivation, LookupLayer

_CURVES = 64
"""Entries of an array that have a curve each; larger arrays are histograms alone."""


class CodebookBoard(tf.keras.callbacks.Callback):
    """Writes event files of TensorBoard: what each codebook layer looks up, after every epoch.

    A callback of ``model.fit``; `train` takes one as well. An array of up to 64 entries has a curve for each entry, every array a
    histogram; weights have the share of each of their symbols.

    Args:
        log_dir: folder of the event files, made if it is not there.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, log_dir: str | Path) -> None:
        super().__init__()
        try:
            Path(log_dir).mkdir(parents=True, exist_ok=True)
            self._writer = tf.summary.create_file_writer(str(log_dir))
        except (OSError, tf.errors.OpError) as error:
            raise OutputError(f"the folder {log_dir} of TensorBoard's files cannot be written: {error}") from error

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.write(self.model, epoch, logs or {})

    def write(self, model: Any, epoch: int, scalars: Mapping[str, float]) -> None:
        """One epoch's arrays of a model, and further figures by name."""
        with self._writer.as_default(step=epoch):
            for name, value in scalars.items():
                tf.summary.scalar(name, float(value))
            for name, values in arrays_of(model):
                tf.summary.histogram(name, values)
                for entry, value in enumerate(values if len(values) <= _CURVES else ()):
                    tf.summary.scalar(f"{name}/{entry}", float(value))
        self._writer.flush()


def arrays_of(model: Any) -> Iterator[tuple[str, np.ndarray]]:
    """What the codebook layers of a model look up: ``layer/array`` and its values, flat."""
    for layer in model.layers:
        label = str(layer.name)
        if isinstance(layer, CodebookActivation):
            yield f"{label}/levels", layer.levels.numpy()
            yield f"{label}/thresholds", layer.thresholds.numpy()
        elif isinstance(layer, LookupLayer):
            for name, values in layer.state.items():
                yield f"{label}/{name}", np.asarray(values, np.float64).ravel()
            if "codebook" in layer.state:
                found = np.searchsorted(np.sort(layer.state["codebook"]), layer.decoded_kernel().ravel())
                yield f"{label}/shares", np.bincount(found, minlength=len(layer.state["codebook"])) / found.size


__all__ = ["CodebookBoard", "arrays_of"]
