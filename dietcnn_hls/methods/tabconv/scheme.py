# SPDX-License-Identifier: Apache-2.0
"""Tables of product quantisation, as a front end tells them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.methods.base import Scheme


@dataclass(frozen=True, eq=False)
class ProductQuantScheme(Scheme):
    """Outputs are sums of table entries, one a subspace of the taps; the layer's weights play no part any more.

    Attributes:
        members: taps of each subspace, (C, V).
        table: (outputs, C, K) floats; rounded half up on each output's grid, clipped to `table_bits` bits.
        fractions: (outputs,) grids of the outputs' entries.
        table_bits: see `table`.
        elements: decision trees: which tap of its subspace each node compares, (C, K - 1); None with prototypes.
        thresholds: with what, floats of the same shape.
        prototypes: (C, K, V) floats on the input's grid, of which the nearest is chosen; None with trees.
    """

    members: np.ndarray
    table: np.ndarray
    fractions: np.ndarray
    table_bits: int
    elements: np.ndarray | None = None
    thresholds: np.ndarray | None = None
    prototypes: np.ndarray | None = None
