# SPDX-License-Identifier: Apache-2.0
"""Layers of product quantisation to kernels: thresholds to input codes, tables to integers on power-of-two grids."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel
from dietcnn_hls.methods.tabconv.scheme import ProductQuantScheme


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
    """A layer of `ProductQuantScheme` -> kernel.

    Raises:
        LoweringError: prototypes that are off the input's grid.
    """
    scheme = spec.scheme
    assert isinstance(scheme, ProductQuantScheme)
    common = int(scheme.fractions.max())
    table = table_integers(scheme.table, scheme.fractions, scheme.table_bits)
    count, symbols = table.shape[1:]
    tree = scheme.elements is not None and scheme.thresholds is not None
    return ProductQuantKernel(
        encoder="tree" if tree else "exact",
        members=scheme.members,
        elements=scheme.elements if scheme.elements is not None else np.zeros((count, 0), np.uint16),
        thresholds=code_thresholds(scheme.thresholds, spec.inputs)
        if scheme.thresholds is not None
        else np.zeros((count, 0), np.int64),
        prototypes=np.zeros((count, symbols, 0), np.int64) if scheme.prototypes is None else _prototypes(spec, scheme.prototypes),
        table=table,
        shifts=common - scheme.fractions,
        table_width=scheme.table_bits,
        fraction=common,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )


def _prototypes(spec: LinearSpec, prototypes: np.ndarray) -> np.ndarray:
    scaled = prototypes.astype(np.float64) * 2.0**spec.inputs.fraction
    low, high = int(spec.inputs.integers.min()), int(spec.inputs.integers.max())
    if (scaled != np.rint(scaled)).any() or scaled.min() < low or scaled.max() > high:
        raise LoweringError(f"layer '{spec.name}': prototypes are off the input's grid 2^-{spec.inputs.fraction}; fit them anew")
    return scaled.astype(np.int64)
