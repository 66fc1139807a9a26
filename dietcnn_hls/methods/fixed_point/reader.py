# SPDX-License-Identifier: Apache-2.0
"""QKeras' ``quantized_bits`` kernels to a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.methods.base import QuantizerReader
from dietcnn_hls.methods.fixed_point.scheme import UniformScheme
from dietcnn_hls.methods.qkeras_reader import quantized_bits


def read_quantized_bits(layer: str, config: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> UniformScheme:
    """Arguments as QKeras has them; there is no state.

    Raises:
        UnsupportedLayerError: an argument that is not lowered, for example a trained scale (``alpha``).
    """
    return UniformScheme(*quantized_bits(layer, config))


QUANTIZERS: Mapping[str, QuantizerReader] = {"quantized_bits": read_quantized_bits}
