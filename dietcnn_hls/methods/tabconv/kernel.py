# SPDX-License-Identifier: Apache-2.0
"""TabConv's kernel: product quantisation. Subspaces of the input are encoded to symbols, outputs are sums of table entries.

``result[m] = (sum_c table[m, c, k_c]) << shifts[m]`` with k_c the symbol of subspace c, found once for all outputs: by a balanced
binary decision tree (``tree``: comparisons only) or as the nearest prototype (``exact``: it multiplies, and its multiplications
are counted; it has no hardware). Gupta, Kannan, Zhang, Prasanna, TabConv, CF 2024, arXiv 2404.05872.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import HlsArray, HlsKernel, Kernel, Operations, RtlKernel, Stream, checks
from dietcnn_hls.lowered.decoding import check_decoded, check_decoding
from dietcnn_hls.methods.tabconv.fit import Trees, nearest_prototypes, table_sums

Encoder = Literal["tree", "exact"]


@dataclass(frozen=True, eq=False)
class ProductQuantKernel(Kernel):
    """Sum of C table entries an output.

    Attributes:
        encoder: 'tree' or 'exact'.
        members: (C, V) taps of each subspace.
        elements: (C, K - 1) inputs of the subspace that the trees' nodes look at; (C, 0) with `exact`.
        thresholds: (C, K - 1) input codes at which the trees' nodes turn right; (C, 0) with `exact`.
        prototypes: (C, K, V) grid integers; (C, K, 0) with `tree`.
        table: (outputs, C, K) signed integers of `table_width` bits.
        shifts: (outputs,) left shift of each output's sum onto the common grid.
        table_width: bits of a table entry.
        fraction: grid of the results.
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
    """

    method: ClassVar[str] = "tabconv"
    encoder: Encoder
    members: np.ndarray
    elements: np.ndarray
    thresholds: np.ndarray
    prototypes: np.ndarray
    table: np.ndarray
    shifts: np.ndarray
    table_width: int
    fraction: int
    integers: np.ndarray
    lo: int

    def check(self) -> None:
        checks.choice("encoder", self.encoder, ("tree", "exact"))
        check_decoding(self.integers, self.lo)
        checks.array("the taps of subspaces", self.members, (None, None))
        if not np.array_equal(np.sort(self.members, axis=None), np.arange(self.members.size)):
            raise LoweringError(f"subspaces must share {self.members.size} taps among them, each tap in one")
        count, size = self.members.shape
        checks.integer("the width of table entries", self.table_width, 1, 32)
        reach = 1 << (self.table_width - 1)
        checks.array("the table of a product quantiser", self.table, (None, count, None), -reach, reach - 1)
        checks.array("the shifts of a product quantiser", self.shifts, (self.outputs,), 0, checks.MAX_SHIFT)
        checks.reach("shifted sums of table entries", reach << int(self.shifts.max()), count, bits=54)
        self._check_encoder(count, size, self.symbols)

    def _check_encoder(self, count: int, size: int, symbols: int) -> None:
        """Trees or prototypes, and nothing of the other."""
        tree = self.encoder == "tree"
        if tree and (symbols < 2 or symbols & (symbols - 1)):
            raise LoweringError(f"a balanced tree has 2, 4, 8, ... leaves, not {symbols}")
        nodes, sides = (symbols - 1, 0) if tree else (0, size)
        checks.array("the inputs that trees look at", self.elements, (count, nodes), 0, size - 1)
        checks.array("the thresholds of trees", self.thresholds, (count, nodes), self.lo, self.lo + len(self.integers))
        ends = int(self.integers.min()), int(self.integers.max())
        checks.array("the prototypes of subspaces", self.prototypes, (count, symbols, sides), *ends)

    def check_input(self, stream: Stream) -> None:
        check_decoded(self.integers, self.lo, stream)

    @property
    def outputs(self) -> int:
        return self.table.shape[0]

    @property
    def subspaces(self) -> int:
        """C."""
        return self.table.shape[1]

    @property
    def symbols(self) -> int:
        """K."""
        return self.table.shape[2]

    @property
    def subspace(self) -> int:
        """V."""
        return self.members.shape[1]

    @property
    def taps(self) -> int:
        return self.members.size

    @property
    def trees(self) -> Trees:
        return Trees(self.elements, self.thresholds)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.table.astype(np.int64)
        return table.min(axis=2).sum(axis=1) << self.shifts, table.max(axis=2).sum(axis=1) << self.shifts

    def encode(self, windows: np.ndarray) -> np.ndarray:
        """(N, taps) input codes -> (N, C) symbols; a tie between prototypes goes to the first."""
        vectors = windows[:, self.members]
        if self.encoder == "tree":
            return self.trees.encode(vectors)
        return nearest_prototypes(self.integers[vectors - self.lo], self.prototypes)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        return table_sums(self.encode(windows), self.table[rows].astype(np.int64)) << self.shifts[rows]

    def operations(self) -> Operations:
        """Work of one output position, encoding included; a tree's node is one look-up and one comparison."""
        entries, sums = self.outputs * self.subspaces, self.outputs * (self.subspaces - 1)
        if self.encoder == "tree":
            nodes = self.subspaces * self.trees.depth
            return Operations(lookups=entries + nodes, comparisons=nodes, additions=sums)
        distances = self.symbols * self.taps
        return Operations(
            multiplications=distances,
            additions=distances + sums,
            comparisons=self.subspaces * (self.symbols - 1),
            lookups=entries,
        )

    @property
    def encoding(self) -> Operations:
        """The encoder's share of `operations`."""
        sums = self.outputs * (self.subspaces - 1)
        whole = self.operations().as_dict()
        own = {"lookups": self.outputs * self.subspaces, "additions": sums}
        return Operations(**{kind: count - own.get(kind, 0) for kind, count in whole.items()})

    @property
    def _element_bits(self) -> int:
        return bits_for(0, self.subspace - 1)

    @property
    def _threshold_bits(self) -> tuple[int, bool]:
        low, high = int(self.thresholds.min(initial=0)), int(self.thresholds.max(initial=0))
        return bits_for(low, high), low < 0

    @property
    def table_bits(self) -> int:
        """Output tables and whatever the encoder stores."""
        nodes = self.thresholds.size * (self._element_bits + self._threshold_bits[0])
        return self.table.size * self.table_width + nodes + self.prototypes.size * self._integer_bits

    @property
    def _integer_bits(self) -> int:
        return bits_for(int(self.integers.min()), int(self.integers.max()))

    @property
    def weight_bits(self) -> int:
        return 0

    @property
    def lookup_bits(self) -> tuple[int, int]:
        return self.table_width, self.table_bits

    def hls(self) -> HlsKernel:
        tree = self.encoder == "tree"
        arrays = {"table": HlsArray(self.table.transpose(1, 2, 0), self.table_width, True)}
        arrays["shifts"] = HlsArray(self.shifts, bits_for(0, int(self.shifts.max())), False, "lutrom")
        if tree:
            seen = np.take_along_axis(self.members, self.elements.astype(np.int64), axis=1)
            arrays["elements"] = HlsArray(seen, bits_for(0, self.taps - 1), False, "lutrom")
            arrays["thresholds"] = HlsArray(self.thresholds, *self._threshold_bits, "lutrom")
        else:
            signed = bool(self.integers.min() < 0)
            arrays["members"] = HlsArray(self.members, bits_for(0, self.taps - 1), False, "lutrom")
            arrays["prototypes"] = HlsArray(self.prototypes, self._integer_bits, signed)
            arrays["integers"] = HlsArray(self.integers, self._integer_bits, signed, "lutrom")
        return HlsKernel(
            header="nnet_kernel_pq.h",
            struct="pq_kernel",
            constants={
                "tree": tree,
                "n_subspaces": self.subspaces,
                "n_subspace": self.subspace,
                "n_symbols": self.symbols,
                "depth": self.trees.depth if tree else 0,
                "decode": not tree,
                "first_code": self.lo,
            },
            arrays=arrays,
        )

    def rtl(self) -> RtlKernel:
        if self.encoder != "tree":
            raise LoweringError("the encoder 'exact' multiplies and has no hardware: build with `encoder: tree`")
        low, high = (self._first_taps(bound) for bound in (self.table.min(axis=2), self.table.max(axis=2)))
        words, weight_bits = self._weight_words
        return RtlKernel(
            module="kernel_pq",
            parameters={
                "SUBSPACE": self.subspace,
                "DEPTH": self.trees.depth,
                "TABLE_BITS": self.table_width,
                "ELEMENT_BITS": self._element_bits,
                "THRESHOLD_BITS": self._signed_threshold_bits,
            },
            tables={},
            weights=words,
            weight_bits=weight_bits,
            lane_bounds=(low, high),
            shifts=self.shifts,
            blocks=self.members,
            beat_tables=self._beat_tables,
            logic=0,
            stages=self.trees.depth,
            fast={"STEP": 1, "AHEAD": 1},
            plain_stages=-(-self.trees.depth // 2),
        )

    @property
    def _signed_threshold_bits(self) -> int:
        return bits_for(min(self.lo, -1), self.lo + len(self.integers))

    def _beat_tables(self, taps: np.ndarray) -> dict[str, tuple[np.ndarray, int]]:
        """Lanes of the subspaces of a beat, and their trees beat by beat, for (beats, SIMD) taps.

        Raises:
            LoweringError: the subspaces lie differently in different beats.
        """
        place = {tap: divmod(i, taps.shape[1]) for i, tap in enumerate(taps.ravel().tolist())}
        spots = np.array([[place[tap] for tap in block] for block in self.members.tolist()])  # (C, V, beat and lane)
        by_beat = np.lexsort((spots[:, 0, 1], spots[:, 0, 0])).reshape(len(taps), -1)
        lanes = spots[by_beat][..., 1]
        if (lanes != lanes[0]).any():
            raise LoweringError("the subspaces lie differently in different beats; choose another SIMD")
        thresholds = self.thresholds & ((1 << self._signed_threshold_bits) - 1)
        nodes = self.elements.astype(np.int64) | thresholds << self._element_bits
        return {
            "LANES": (lanes[0], 16),
            "TREES": (nodes[by_beat], self._element_bits + self._signed_threshold_bits),
        }

    def _first_taps(self, values: np.ndarray) -> np.ndarray:
        """(outputs, C) values, each at the first tap of its subspace, zero elsewhere: (outputs, taps) int64."""
        spread = np.zeros((self.outputs, self.taps), np.int64)
        spread[:, self.members[:, 0]] = values
        return spread

    @cached_property
    def _weight_words(self) -> tuple[np.ndarray, int]:
        """The entries of an output and a subspace as one word, cut into V lane codes: (outputs, taps) objects, and their bits."""
        mask, each = (1 << self.table_width) - 1, -(-self.symbols * self.table_width // self.subspace)
        words = np.zeros((self.outputs, self.taps), dtype=object)
        for output in range(self.outputs):
            for c, taps in enumerate(self.members):
                entries = enumerate(self.table[output, c].tolist())
                whole = sum((entry & mask) << (k * self.table_width) for k, entry in entries)
                words[output, taps] = [(whole >> (v * each)) & ((1 << each) - 1) for v in range(self.subspace)]
        return words, each
