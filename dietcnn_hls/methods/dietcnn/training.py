# SPDX-License-Identifier: Apache-2.0
"""DietCNN in Keras: its kernel quantiser, and the conversion of a float model."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered import Grid
from dietcnn_hls.methods.dietcnn import DietOptions
from dietcnn_hls.methods.dietcnn.conversion import CodebookRebuilder, convert, rebuilder
from dietcnn_hls.methods.dietcnn.quantizer import Codebook
from dietcnn_hls.training.rebuild import FloatNetwork, Quantization


class _DietCNN(Quantization):
    objects = {"Codebook": Codebook}

    def rebuilder(self, network: FloatNetwork, options: DietOptions) -> CodebookRebuilder:
        if options.codebooks == "shared":
            raise ConfigError("dietcnn's `codebooks: shared` concerns whole models; use per_layer where methods share a model")
        return rebuilder(network, options)

    def quantize(self, model: Any, x_calibration: np.ndarray, options: DietOptions, input_grid: Grid | None = None) -> Any:
        return convert(FloatNetwork.read(model, x_calibration, input_grid), options)


KERAS = _DietCNN()

__all__ = ["KERAS", "Codebook"]
