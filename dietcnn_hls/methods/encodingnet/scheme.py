# SPDX-License-Identifier: Apache-2.0
"""Weights of encoded products, as a front end tells them."""

from __future__ import annotations

from dataclasses import dataclass

from dietcnn_hls.methods.base import Scheme
from dietcnn_hls.methods.encodingnet.netlist import Netlist


@dataclass(frozen=True)
class EncodedScheme(Scheme):
    """Products of signed 8-bit integers as an encoder of gates makes them.

    Attributes:
        netlist: the encoder.
        fraction: grid of the weights, which are rounded half up and clipped to +-127.
        input_fraction: grid of the inputs that the layer was made for.
    """

    netlist: Netlist
    fraction: int
    input_fraction: int
