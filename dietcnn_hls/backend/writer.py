# SPDX-License-Identifier: Apache-2.0
"""hls4ml's writer for this backend: the lowered graph goes to `dietcnn_hls.hls`, which writes the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hls4ml.writer.writers import Writer

from dietcnn_hls import hls, reference
from dietcnn_hls.backend.graphs import folding_of, lowered_graph
from dietcnn_hls.errors import DatasetError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


class DietCNNWriter(Writer):
    def write_hls(self, model: ModelGraph) -> None:
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
        )
        if config.get_config_value("InputData"):
            codes = reference.quantize_input(graph, _load(config.get_config_value("InputData")))
            hls.write_testbench(folder, codes, reference.predict(graph, codes))


def _load(path: str) -> np.ndarray:
    """Test bench inputs; DatasetError when the file is no .npy array."""
    try:
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError) as error:
        raise DatasetError(f"test bench data {path} cannot be read: {error}; save it with numpy.save") from error


__all__ = ["DietCNNWriter"]
