# SPDX-License-Identifier: Apache-2.0
"""DietCNN's weight codebook as a kernel quantiser for Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.dietcnn.sums import symbolic_sums
from dietcnn_hls.tf import tf
from dietcnn_hls.training.codebooks import fit_levels
from dietcnn_hls.training.layers import check_symbols
from dietcnn_hls.training.lookups import nearest_level
from dietcnn_hls.training.quantizers import KernelQuantizer

if TYPE_CHECKING:
    from dietcnn_hls.training.layers import LookupLayer


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class Codebook(KernelQuantizer):
    """Weights are symbols of one codebook a layer; sums are exact, or (`symbolic`) go through an add table.

    Args:
        symbols: Kw, weight centroids.
        fraction: the centroids are integers times ``2**-fraction``.
        bits: width of those integers, sign included.
        zero: an exact zero is among them.
        accumulate: 'exact' or 'symbolic'.
        order: tap order of symbolic sums, 'tree' (neighbours pairwise) or 'ripple'.
        sum_symbols: Ks, centroids of products and partial sums (symbolic).
        sum_fraction: their grid (symbolic).
    """

    def __init__(
        self,
        symbols: int,
        fraction: int,
        bits: int = 4,
        zero: bool = True,
        accumulate: str = "exact",
        order: str = "tree",
        sum_symbols: int | None = None,
        sum_fraction: int | None = None,
    ) -> None:
        self.symbols = check_symbols(symbols, "a weight codebook")
        self.fraction, self.bits, self.zero = int(fraction), int(bits), bool(zero)
        if self.symbols > 2**self.bits:
            raise ConfigError(f"{symbols} weight symbols do not fit a grid of {bits} bits; use more weight bits")
        if accumulate not in ("exact", "symbolic") or order not in ("tree", "ripple"):
            raise ConfigError(f"accumulate is 'exact' or 'symbolic' and order 'tree' or 'ripple', got '{accumulate}', '{order}'")
        self.accumulate, self.order = accumulate, order
        self.sum_symbols, self.sum_fraction = sum_symbols, sum_fraction
        if accumulate == "symbolic":
            if sum_symbols is None or sum_fraction is None:
                raise ConfigError("symbolic accumulation needs sum_symbols and sum_fraction")
            check_symbols(sum_symbols, "a codebook of partial sums")

    def max(self) -> float:
        return float(2.0 ** (self.bits - 1 - self.fraction))

    def initializer(self) -> Any:
        return tf.keras.initializers.TruncatedNormal(stddev=self.max() / 3)

    @property
    def grid(self) -> tuple[int, int]:
        """Smallest and largest integer of a centroid."""
        return -(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1

    def state(self) -> dict[str, np.ndarray]:
        lo, hi = self.grid
        first = {"codebook": _spread(self.symbols, lo, hi) * np.float32(2.0**-self.fraction)}
        if self.accumulate == "symbolic":
            assert self.sum_symbols is not None and self.sum_fraction is not None
            half = self.sum_symbols // 2
            first["sum_codebook"] = np.arange(-half, self.sum_symbols - half) * np.float32(2.0**-self.sum_fraction)
        return {name: value.astype(np.float32) for name, value in first.items()}

    def fit(self, kernel: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        levels = fit_levels(kernel.astype(np.float64) * 2.0**self.fraction, self.symbols, self.grid, self.zero)
        return {**state, "codebook": (levels * 2.0**-self.fraction).astype(np.float32)}

    def quantize(self, kernel: Any, state: Mapping[str, Any]) -> Any:
        @tf.custom_gradient
        def decode(weights: Any, levels: Any) -> Any:
            return nearest_level(weights, levels), lambda g: (g, None)

        return decode(tf.convert_to_tensor(kernel), tf.convert_to_tensor(state["codebook"]))

    def linear(self, layer: LookupLayer, x: Any, kernel: Any, state: Mapping[str, Any], training: bool) -> Any:
        exact = super().linear(layer, x, kernel, state, training)
        if self.accumulate == "exact":
            return exact
        assert self.sum_fraction is not None
        columns, decoded = layer.columns(x), layer.kernel_columns(self.quantize(kernel, state))
        sums = symbolic_sums(columns, decoded, tf.convert_to_tensor(state["sum_codebook"]), self.sum_fraction, self.order)
        return _in_place_of(exact, tf.reshape(tf.stop_gradient(sums), tf.shape(exact)))

    def get_config(self) -> dict[str, Any]:
        names = ("symbols", "fraction", "bits", "zero", "accumulate", "order", "sum_symbols", "sum_fraction")
        return {name: getattr(self, name) for name in names}


@tf.custom_gradient
def _in_place_of(exact: Any, symbolic: Any) -> Any:
    """The symbolic sums, with the gradient of the exact ones."""
    return tf.cast(symbolic, exact.dtype), lambda g: (g, None)


def _spread(symbols: int, lo: int, hi: int) -> np.ndarray:
    """`symbols` distinct integers over [lo, hi], zero among them: the codebook before any fit."""
    levels = np.rint(np.linspace(lo, hi, symbols)).astype(np.int64)
    levels[np.abs(levels).argmin()] = 0
    return levels.astype(np.float32)
