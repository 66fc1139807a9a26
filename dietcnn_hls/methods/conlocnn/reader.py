# SPDX-License-Identifier: Apache-2.0
"""Keras' `SignedDigits` quantiser to a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.methods.base import QuantizerReader
from dietcnn_hls.methods.conlocnn.scheme import SignedDigitScheme


def read_signed_digits(layer: str, config: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> SignedDigitScheme:
    """The config holds ``positions`` (for each digit its shifts) and ``fraction``; there is no state."""
    positions = tuple(tuple(int(p) for p in shifts) for shifts in config["positions"])
    return SignedDigitScheme(positions, int(config["fraction"]))


QUANTIZERS: Mapping[str, QuantizerReader] = {"SignedDigits": read_signed_digits}
