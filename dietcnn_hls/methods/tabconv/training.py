# SPDX-License-Identifier: Apache-2.0
"""TabConv in Keras: its kernel quantiser, and the conversion of a float model, whole or masked."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered import Grid
from dietcnn_hls.methods.tabconv import TabConvOptions
from dietcnn_hls.methods.tabconv.conversion import ProductQuantizer, TabRebuilder
from dietcnn_hls.methods.tabconv.masking import mask
from dietcnn_hls.training.rebuild import FloatNetwork, Quantization


class _TabConv(Quantization):
    objects = {"ProductQuantizer": ProductQuantizer}

    def rebuilder(self, network: FloatNetwork, options: TabConvOptions) -> TabRebuilder:
        if options.agreement is not None:
            raise ConfigError("method.agreement chooses among all layers of a model: it does not go together with `layers:`")
        return TabRebuilder(network, options)

    def quantize(self, model: Any, x_calibration: np.ndarray, options: TabConvOptions, input_grid: Grid | None = None) -> Any:
        network = FloatNetwork.read(model, x_calibration, input_grid)
        return TabRebuilder(network, options).build() if options.agreement is None else mask(network, options)


KERAS = _TabConv()

__all__ = ["KERAS", "ProductQuantizer"]
