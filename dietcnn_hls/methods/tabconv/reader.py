# SPDX-License-Identifier: Apache-2.0
"""Keras' `ProductQuantizer` to a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import QuantizerReader
from dietcnn_hls.methods.tabconv.fit import subspace_taps
from dietcnn_hls.methods.tabconv.scheme import ProductQuantScheme


def read_product_quantizer(layer: str, config: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> ProductQuantScheme:
    """The config says how the window is cut (``window``, ``channels``, ``subspace``), ``encoder`` and ``table_bits``.

    Its state holds ``table`` (outputs, C, K), ``fractions`` (outputs,) and either ``elements`` and ``thresholds`` (C, K - 1) or
    ``prototypes`` (C, K, V).

    Raises:
        LoweringError: NaN or Inf among them.
    """
    if not all(np.isfinite(value).all() for value in state.values()):
        raise LoweringError(f"layer '{layer}': tables hold NaN or Inf; the training diverged")
    tree = config["encoder"] == "tree"
    return ProductQuantScheme(
        members=subspace_taps(tuple(config["window"]), int(config["channels"]), int(config["subspace"])),
        table=state["table"],
        fractions=np.rint(state["fractions"]).astype(np.int64),
        table_bits=int(config["table_bits"]),
        elements=np.rint(state["elements"]).astype(np.uint16) if tree else None,
        thresholds=state["thresholds"] if tree else None,
        prototypes=None if tree else state["prototypes"],
    )


QUANTIZERS: Mapping[str, QuantizerReader] = {"ProductQuantizer": read_product_quantizer}
