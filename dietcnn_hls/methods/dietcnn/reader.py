# SPDX-License-Identifier: Apache-2.0
"""Keras' `Codebook` quantiser to a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.methods.base import QuantizerReader, grid_integers
from dietcnn_hls.methods.dietcnn.scheme import CodebookScheme, SymbolicSums


def read_codebook(layer: str, config: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> CodebookScheme:
    """The config holds the grids, ``accumulate`` and ``order``; the state ``codebook`` and, when symbolic, ``sum_codebook``.

    Raises:
        LoweringError: a codebook off its grid.
    """
    fraction, sums = int(config["fraction"]), None
    if config["accumulate"] != "exact":
        sum_fraction = int(config["sum_fraction"])
        sums = SymbolicSums(_levels(layer, state["sum_codebook"], sum_fraction), sum_fraction, str(config["order"]))
    return CodebookScheme(_levels(layer, state["codebook"], fraction), fraction, sums)


def _levels(layer: str, values: np.ndarray, fraction: int) -> tuple[int, ...]:
    return tuple(int(v) for v in grid_integers(values, fraction, layer, f"the centroids {np.asarray(values).tolist()}"))


QUANTIZERS: Mapping[str, QuantizerReader] = {"Codebook": read_codebook}
