# SPDX-License-Identifier: Apache-2.0
"""hls4ml's writer for this backend: the lowered graph goes to `dietcnn_hls.hls`, which writes the project."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hls4ml.writer.writers import Writer

from dietcnn_hls import hls, reference
from dietcnn_hls.backend.graphs import folding_of, lowered_graph, stock_lowering
from dietcnn_hls.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


class _WholeModelWriter(Writer):
    """What hls4ml asks for the stitched project of a model that it has cut into several."""

    def write_hls(self, model: ModelGraph, is_multigraph: bool = False) -> None:
        """Refused: a design is one dataflow.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"model '{model.config.get_project_name()}' is cut into several graphs, which this backend does not stitch: compile "
            "the whole model, whose layers work at once as a dataflow, or each of its `graphs` by itself"
        )


class DietCNNWriter(_WholeModelWriter):
    def write_hls(self, model: ModelGraph, is_multigraph: bool = False) -> None:
        """Write the project into the model's output folder, with the test bench's samples where they are configured."""
        graph, config = lowered_graph(model), model.config
        folder = Path(config.get_output_dir()).absolute()
        hls.generate(
            graph,
            folder,
            io_type=config.get_config_value("IOType"),
            part=config.get_config_value("Part"),
            clock_period=float(config.get_config_value("ClockPeriod")),
            folding=folding_of(model, graph),
            namespace=config.get_writer_config().get("Namespace"),
            emulator=bool(config.get_writer_config().get("WriteEmulationConstants")),
        )
        if config.get_config_value("InputData"):
            codes = reference.quantize_input(graph, _load(config.get_config_value("InputData")))
            results = reference.predict(graph, codes)
            if config.get_config_value("OutputPredictions"):
                _compare(config.get_config_value("OutputPredictions"), reference.output_values(graph, results))
            hls.write_testbench(folder, codes, results)
        for target, file in self.backend_sources(model).items():
            (folder / "firmware" / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / "firmware" / target)
        if config.get_writer_config().get("WriteWeightsTxt", True) and stock_lowering(model) is not None:
            _write_weights(model, folder / "firmware" / "weights")
        if config.get_writer_config().get("WriteTar", False):
            with tarfile.open(folder.with_name(f"{folder.name}.tar.gz"), "w:gz") as archive:
                archive.add(folder, recursive=True, arcname="")

    def backend_sources(self, model: ModelGraph) -> dict[str, Path]:
        """What users added by ``backend.register_source()``: place below ``firmware/`` -> file."""
        return {str(target): Path(file) for target, file in model.config.backend.get_custom_source().items()}


def _write_weights(model: ModelGraph, folder: Path) -> None:
    """The weights of a stock model's layers as text, in hls4ml's files and words."""
    for layer in model.get_layers():
        for weights in layer.get_weights():
            (folder / f"{weights.name}.txt").write_text(", ".join(weights) + "\n", encoding="utf-8")


def _compare(path: str, values: np.ndarray) -> None:
    """DatasetError where expected outputs of a test bench are not what the design computes."""
    expected = _load(path)
    if expected.size != values.size:
        raise DatasetError(f"test bench data {path} holds {expected.size} outputs, the design computes {values.size}")
    wrong = int((expected.reshape(values.shape) != values).reshape(len(values), -1).any(axis=1).sum())
    if wrong:
        raise DatasetError(
            f"test bench data {path} differs from what the design computes in {wrong} of {len(values)} samples; give Keras' "
            "outputs (logits, where a final softmax is left to the host), or leave output_data_tb out"
        )


def _load(path: str) -> np.ndarray:
    """Test bench inputs; DatasetError when the file is no .npy array."""
    try:
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError) as error:
        raise DatasetError(f"test bench data {path} cannot be read: {error}; save it with numpy.save") from error


__all__ = ["DietCNNWriter"]
