# SPDX-License-Identifier: Apache-2.0
"""Layers of product quantisation to kernels: thresholds to input codes, tables to integers on power-of-two grids."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.tabconv.fit import subspace_taps
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel


def table_integers(table: np.ndarray, fractions: np.ndarray, width: int) -> np.ndarray:
    """(outputs, C, K) floats to int64 on each output's grid ``2**-fractions[m]``: rounded half up, clipped to `width` bits."""
    scaled = np.floor(np.ldexp(table.astype(np.float32).astype(np.float64), fractions[:, None, None]) + 0.5)
    return np.clip(scaled, -(1 << (width - 1)), (1 << (width - 1)) - 1).astype(np.int64)


def table_fractions(table: np.ndarray, width: int) -> np.ndarray:
    """(outputs,) int64 fractional bits with the least squared error of each output's entries in `width` signed bits."""
    largest = np.abs(table).max(axis=(1, 2))
    covering = np.floor(np.log2(((1 << (width - 1)) - 1) / np.where(largest > 0, largest, 1.0))).astype(np.int64)
    tries = covering + np.arange(3)[:, None]
    errors = [((np.ldexp(table_integers(table, f, width), -f[:, None, None]) - table) ** 2).sum(axis=(1, 2)) for f in tries]
    return np.take_along_axis(tries, np.array(errors).argmin(axis=0)[None], axis=0)[0]


def code_thresholds(thresholds: np.ndarray, inputs: Stream) -> np.ndarray:
    """The input code from which on ``value >= threshold`` holds, hi + 1 where none does; int64 of the same shape."""
    values = inputs.integers * 2.0**-inputs.fraction
    return inputs.lo + np.searchsorted(values, thresholds.astype(np.float32).astype(np.float64), side="left")


def lower(spec: LinearSpec) -> ProductQuantKernel:
    """LinearSpec with quantiser `ProductQuantizer` -> kernel.

    The quantiser's config holds ``encoder``, ``table_bits``, ``input_fraction`` and how the window is cut (``window``,
    ``channels``, ``subspace``); its state holds ``table`` (outputs, C, K),
    ``fractions`` (outputs,) and either ``elements`` and ``thresholds`` (C, K - 1) or ``prototypes`` (C, K, V).

    Raises:
        LoweringError: NaN or Inf in the tables, or prototypes that are off the input's grid.
    """
    config, state = spec.quantizer["config"], spec.state
    if not all(np.isfinite(value).all() for value in state.values()):
        raise LoweringError(f"layer '{spec.name}': tables hold NaN or Inf; the training diverged")
    fractions = np.rint(state["fractions"]).astype(np.int64)
    width, common = int(config["table_bits"]), int(fractions.max())
    table = table_integers(state["table"], fractions, width)
    count, symbols = table.shape[1:]
    tree = config["encoder"] == "tree"
    return ProductQuantKernel(
        encoder=config["encoder"],
        members=subspace_taps(tuple(config["window"]), int(config["channels"]), int(config["subspace"])),
        elements=np.rint(state["elements"]).astype(np.uint16) if tree else np.zeros((count, 0), np.uint16),
        thresholds=code_thresholds(state["thresholds"], spec.inputs) if tree else np.zeros((count, 0), np.int64),
        prototypes=np.zeros((count, symbols, 0), np.int64) if tree else _prototypes(spec),
        table=table,
        shifts=common - fractions,
        table_width=width,
        fraction=common,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )


def _prototypes(spec: LinearSpec) -> np.ndarray:
    scaled = spec.state["prototypes"].astype(np.float64) * 2.0**spec.inputs.fraction
    low, high = int(spec.inputs.integers.min()), int(spec.inputs.integers.max())
    if (scaled != np.rint(scaled)).any() or scaled.min() < low or scaled.max() > high:
        raise LoweringError(f"layer '{spec.name}': prototypes are off the input's grid 2^-{spec.inputs.fraction}; fit them anew")
    return scaled.astype(np.int64)
