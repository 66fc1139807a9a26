# SPDX-License-Identifier: Apache-2.0
"""Keras' `EncodedProducts` quantiser to a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.methods.base import QuantizerReader
from dietcnn_hls.methods.encodingnet.netlist import Netlist
from dietcnn_hls.methods.encodingnet.scheme import EncodedScheme


def read_encoded_products(layer: str, config: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> EncodedScheme:
    """The config holds ``encoder`` (a netlist's JSON form), ``fraction`` and ``input_fraction``; there is no state."""
    return EncodedScheme(Netlist.from_dict(config["encoder"]), int(config["fraction"]), int(config["input_fraction"]))


QUANTIZERS: Mapping[str, QuantizerReader] = {"EncodedProducts": read_encoded_products}
