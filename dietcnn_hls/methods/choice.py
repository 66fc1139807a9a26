# SPDX-License-Identifier: Apache-2.0
"""What a user chose under ``method:``: one method for the model, and others for layers named under ``layers:``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dietcnn_hls.methods.base import Method, MethodOptions


@dataclass(frozen=True)
class MethodChoice:
    """A method with its options, and those of single layers.

    Attributes:
        method: for every conv and dense layer that `layers` does not name.
        options: its options.
        layers: (method, options) by layer name.
    """

    method: Method
    options: MethodOptions
    layers: Mapping[str, tuple[Method, MethodOptions]] = field(default_factory=dict)

    def quantize(self, model: Any, x_calibration: np.ndarray) -> Any:
        """Float Keras model -> the model of these methods; see `Method.quantize`.

        Raises:
            ConfigError: a layer that the model lacks, or a method that takes whole models only.
        """
        if not self.layers:
            return self.method.quantize(model, x_calibration, self.options)
        from dietcnn_hls.training.mixed import MixedRebuilder
        from dietcnn_hls.training.plan import read_plan

        plan = read_plan(model)
        default = self.method.rebuilder(model, plan, x_calibration, self.options)
        owners = {name: method.rebuilder(model, plan, x_calibration, options) for name, (method, options) in self.layers.items()}
        return MixedRebuilder(plan, model.input_shape[1:], x_calibration, model.name, default, owners).build()


__all__ = ["MethodChoice"]
