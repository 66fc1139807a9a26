# SPDX-License-Identifier: Apache-2.0
"""DietCNN's kernels: products read from a table indexed by activation symbol and weight symbol.

`TableKernel` (``accumulate: exact``) sums table entries as integers; it is exact whatever the order. `SymbolicKernel`
(``accumulate: symbolic``, the paper's form) keeps every partial sum a symbol and adds through a second table, so its
result depends on the stated tap order. Dey, Dasgupta, Chakrabarti, IJCNN 2023, arXiv 2305.05274.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for, exact_float
from dietcnn_hls.lowered import Constants, HlsArray, HlsKernel, KernelOutput, LaneKernel, Operations, RtlKernel, Stream, checks
from dietcnn_hls.lowered.kernel import check_rows


def _symbol_bits(count: int) -> int:
    return bits_for(0, count - 1)


@dataclass(frozen=True, eq=False)
class TableKernel(LaneKernel):
    """sum over taps of ``table[activation symbol, weight symbol]``.

    Attributes:
        table: (Ka, Kw) int32 products on the grid ``2**-fraction``.
        weights: (outputs, taps) uint8/uint16 weight symbols.
        fraction: grid of table entries and sums.
    """

    method: ClassVar[str] = "dietcnn"
    table: np.ndarray
    weights: np.ndarray
    fraction: int

    def check(self) -> None:
        checks.array("a product table", self.table, (None, None))
        self.check_weights(0, self.table.shape[1] - 1)
        checks.reach("sums of table entries", checks.largest(self.table), self.taps, bits=54)  # a float64 holds them exactly

    def check_input(self, stream: Stream) -> None:
        check_rows("a product table", len(self.table), stream)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.table.astype(np.int64)
        return table.min(axis=0)[self.weights].sum(axis=1), table.max(axis=0)[self.weights].sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        weights = self.weights[rows]
        kind = exact_float(int(np.abs(self.table).max(initial=0)) * self.taps)
        total = np.zeros((len(windows), len(weights)), dtype=kind)
        for symbol, products in enumerate(self.table.T.astype(kind)):
            total += products[windows] @ (weights == symbol).T.astype(kind)  # one matrix product: entries where it occurs
        return total.astype(np.int64)

    def operations(self) -> Operations:
        return Operations(lookups=self.outputs * self.taps, additions=self.outputs * (self.taps - 1))

    @property
    def product_bits(self) -> int:
        return bits_for(int(self.table.min()), int(self.table.max()))

    @property
    def table_bits(self) -> int:
        return self.table.size * self.product_bits

    @property
    def weight_bits(self) -> int:
        return self.weights.size * _symbol_bits(self.table.shape[1])

    def hls(self) -> HlsKernel:
        symbols = self.table.shape[1]
        return HlsKernel(
            header="nnet_kernel_table.h",
            struct="table_kernel",
            constants={"n_activation_symbols": self.table.shape[0], "n_weight_symbols": symbols},
            arrays={
                "table": HlsArray(self.table, self.product_bits, bool(self.table.min() < 0), "lutrom"),
                "weights": HlsArray(self.weights, _symbol_bits(symbols), False, lanes=True),
            },
        )

    def rtl(self) -> RtlKernel:
        """Entries are stored less the least one of their weight symbol: unsigned, narrower, and exact thanks to `offsets`."""
        table = self.table.astype(np.int64)
        lowest = table.min(axis=0)
        stored = table - lowest
        highest = stored.max(axis=0)[self.weights]
        bits = bits_for(0, int(stored.max()))
        return RtlKernel(
            module="kernel_table",
            parameters={"SYMBOLS": table.shape[1], "PRODUCT_BITS": bits},
            tables={"TABLE": (stored, bits)},
            weights=self.weights,
            weight_bits=_symbol_bits(table.shape[1]),
            lane_bounds=(np.zeros_like(highest), highest),
            offsets=lowest[self.weights].sum(axis=1),
            logic=1 + max(0, bits_for(0, table.shape[0] - 1) + _symbol_bits(table.shape[1]) - 5) // 2,
        )

    def constants(self) -> Constants | None:
        """Where the table is that of exact products, its rows are multiples of one and the same row of integers."""
        table = self.table.astype(np.int64)
        row, column = np.unravel_index(np.argmax(np.abs(table)), table.shape)
        common = int(np.gcd.reduce(table[:, column])) or 1
        levels = table[:, column] // common
        factors = table[row] // levels[row] if levels[row] else np.zeros(table.shape[1], np.int64)
        if not np.array_equal(np.multiply.outer(levels, factors), table):
            return None
        return Constants(0, levels, factors[self.weights])


@dataclass(frozen=True, eq=False)
class SymbolicKernel(LaneKernel):
    """Products and partial sums are symbols of one signed codebook; sums go through ``add[s, t]``.

    Attributes:
        product: (Ka, Kw) symbols, ``q(c_a * c_w)``.
        add: (Ks, Ks) symbols, ``q(c_s + c_t)``.
        weights: (outputs, taps) weight symbols.
        levels: the Ks sorted centroids as grid integers.
        fraction: grid of the levels.
        order: 'ripple' (left to right) or 'tree' (neighbours pairwise, an odd one out passes to the next round).
    """

    method: ClassVar[str] = "dietcnn"
    product: np.ndarray
    add: np.ndarray
    weights: np.ndarray
    levels: tuple[int, ...]
    fraction: int
    order: str

    def check(self) -> None:
        checks.choice("tap order", self.order, ("ripple", "tree"))
        sums = len(checks.increasing("the codebook of sums", self.levels))
        checks.array("a product table", self.product, (None, None), 0, sums - 1)
        checks.array("an add table", self.add, (sums, sums), 0, sums - 1)
        self.check_weights(0, self.product.shape[1] - 1)

    def check_input(self, stream: Stream) -> None:
        check_rows("a product table", len(self.product), stream)

    @property
    def output(self) -> KernelOutput:
        return KernelOutput(0, len(self.levels) - 1, self.fraction, self.levels)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(self.outputs, np.int64), np.full(self.outputs, len(self.levels) - 1, np.int64)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        weights = self.weights[rows]
        chunk = max(1, 4_000_000 // max(1, weights.size))  # keeps the (N, outputs, taps) gather in a few MB
        parts = [self._reduce(self.product[w[:, None, :], weights[None]]) for w in _chunks(windows, chunk)]
        return np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, len(weights)), np.int64)

    def _reduce(self, symbols: np.ndarray) -> np.ndarray:
        """(N, outputs, taps) product symbols -> (N, outputs), in the stated order."""
        if self.order == "ripple":
            total = symbols[..., 0]
            for tap in range(1, symbols.shape[-1]):
                total = self.add[total, symbols[..., tap]]
            return total
        while symbols.shape[-1] > 1:
            even = symbols.shape[-1] // 2 * 2
            pairs = self.add[symbols[..., 0:even:2], symbols[..., 1:even:2]]
            symbols = np.concatenate([pairs, symbols[..., even:]], axis=-1)
        return symbols[..., 0]

    def operations(self) -> Operations:
        return Operations(lookups=self.outputs * (2 * self.taps - 1))

    @property
    def table_bits(self) -> int:
        return (self.product.size + self.add.size) * _symbol_bits(len(self.levels))

    @property
    def weight_bits(self) -> int:
        return self.weights.size * _symbol_bits(self.product.shape[1])

    def hls(self) -> HlsKernel:
        bits = _symbol_bits(len(self.levels))
        ka, kw = self.product.shape
        return HlsKernel(
            header="nnet_kernel_symbolic.h",
            struct="symbolic_kernel",
            constants={
                "n_activation_symbols": ka,
                "n_weight_symbols": kw,
                "n_sum_symbols": len(self.levels),
                "tree_order": self.order == "tree",
            },
            arrays={
                "product": HlsArray(self.product, bits, False, "bram"),
                "add": HlsArray(self.add, bits, False, "bram"),
                "weights": HlsArray(self.weights, _symbol_bits(kw), False, lanes=True),
            },
        )

    def rtl(self) -> RtlKernel:
        if self.order != "tree":
            raise LoweringError("symbolic accumulation in 'ripple' order has no parallel hardware: build with `order: tree`")
        bits = _symbol_bits(len(self.levels))
        return RtlKernel(
            module="kernel_symbolic",
            parameters={"SYMBOLS": self.product.shape[1], "SUM_SYMBOLS": len(self.levels)},
            tables={"PRODUCT": (self.product, bits), "ADD": (self.add, bits)},
            weights=self.weights,
            weight_bits=_symbol_bits(self.product.shape[1]),
            ordered=True,
        )


def _chunks(windows: np.ndarray, size: int) -> list[np.ndarray]:
    return [windows[i : i + size] for i in range(0, len(windows), size)]
