# SPDX-License-Identifier: Apache-2.0
"""Ternary weights as a Huffman-coded stream, and the entropy bound that it is measured against.

Weights are cut into strings that a dictionary numbers: blocks of a fixed length, or runs of zeros ended by a nonzero weight
(an index code). The strings' numbers are coded with a canonical Huffman code of limited length. A stream is decoded by
reading one code after the other and writing its string, until all weights are there; the header
``nnet_ternary_huffman.h`` does the same in C++.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dietcnn_hls.errors import LoweringError

MAX_LENGTH = 15
"""Longest code, so that a length takes four bits."""

LENGTH_BITS = 4

_BLOCKS = (1, 2, 3, 4, 5)
_RUNS = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Dictionary:
    """Strings of weights by number.

    Attributes:
        kind: 'block', all strings of `size` weights; 'run', 0 to ``size - 1`` zeros and a nonzero weight, or `size` zeros.
        size: see kind.
    """

    kind: str
    size: int

    def __post_init__(self) -> None:
        if self.kind not in ("block", "run") or self.size < 1:
            raise LoweringError(f"unknown dictionary '{self.kind}' of size {self.size}: use 'block' or 'run' and a size >= 1")

    @property
    def symbols(self) -> int:
        return 3**self.size if self.kind == "block" else 2 * self.size + 1

    def string(self, symbol: int) -> list[int]:
        """The weights that a symbol stands for."""
        if self.kind == "block":
            return [symbol // 3**place % 3 - 1 for place in reversed(range(self.size))]
        gap, minus = divmod(symbol, 2)
        return [0] * gap + ([] if gap == self.size else [-1 if minus else 1])

    def split(self, weights: np.ndarray) -> np.ndarray:
        """Flat weights to symbols; the last string may reach beyond the end, with zeros."""
        if self.kind == "block":
            padded = np.pad(weights, (0, -len(weights) % self.size)).reshape(-1, self.size).astype(np.int64)
            return (padded + 1) @ 3 ** np.arange(self.size)[::-1]
        places = np.append(np.flatnonzero(weights), len(weights))
        gaps = np.diff(places, prepend=-1) - 1
        escapes, rest = np.divmod(gaps, self.size)
        ends = 2 * rest + (np.append(weights[places[:-1]], 1) < 0)
        # behind the last nonzero weight come escapes only, one of them perhaps reaching beyond the end
        escapes[-1] = -(-gaps[-1] // self.size)
        symbols = np.full(int(escapes.sum()) + len(places), 2 * self.size, dtype=np.int64)
        symbols[np.cumsum(escapes + 1) - 1] = ends
        return symbols[:-1]


@dataclass(frozen=True, eq=False)
class Compressed:
    """A layer's weights as a stream.

    Attributes:
        dictionary: the strings.
        lengths: (symbols,) uint8 code lengths, 0 for strings that do not occur.
        stream: (bytes,) uint8 codes one after the other, first bit highest, padded with zeros.
        payload_bits: bits of codes.
        shape: shape of the weights.
    """

    dictionary: Dictionary
    lengths: np.ndarray
    stream: np.ndarray
    payload_bits: int
    shape: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Codes and code lengths together."""
        return self.payload_bits + LENGTH_BITS * len(self.lengths)

    def decode(self) -> np.ndarray:
        """The weights again, int8; LoweringError when the stream ends too early or holds no code."""
        count = int(np.prod(self.shape))
        table = {(length, code): symbol for symbol, (length, code) in enumerate(self._codes) if length}
        bits = iter(np.unpackbits(self.stream).tolist())
        weights: list[int] = []
        while len(weights) < count:
            length = code = 0
            while (length, code) not in table:
                bit = next(bits, None)
                if bit is None or length == MAX_LENGTH:
                    raise LoweringError("the compressed weights are damaged: no code fits")
                length, code = length + 1, 2 * code + bit
            weights += self.dictionary.string(table[length, code])
        return np.array(weights[:count], dtype=np.int8).reshape(self.shape)

    @cached_property
    def _codes(self) -> list[tuple[int, int]]:
        return canonical_codes(self.lengths)


def compress(weights: np.ndarray, dictionary: Dictionary | None = None) -> Compressed:
    """Ternary weights to a stream, by the given dictionary or by the one with the fewest bits."""
    if dictionary is None:
        choices = [Dictionary("block", n) for n in _BLOCKS] + [Dictionary("run", n) for n in _RUNS]
        return min((compress(weights, d) for d in choices), key=lambda c: c.bits)
    symbols = dictionary.split(np.asarray(weights).ravel())
    lengths = code_lengths(np.bincount(symbols, minlength=dictionary.symbols))
    codes = canonical_codes(lengths)
    text = [np.array([code >> place & 1 for place in reversed(range(length))], np.uint8) for length, code in codes]
    bits = np.concatenate([text[symbol] for symbol in symbols]) if len(symbols) else np.zeros(0, np.uint8)
    return Compressed(dictionary, lengths, np.packbits(bits), len(bits), np.shape(weights))


def code_lengths(counts: np.ndarray) -> np.ndarray:
    """Lengths of an optimal prefix code of at most `MAX_LENGTH` bits for symbols that occur `counts` times, uint8.

    Package-merge (Larmore and Hirschberg, 1990). A lone symbol gets one bit.
    """
    lengths = np.zeros(len(counts), dtype=np.uint8)
    items: list[tuple[int, tuple[int, ...]]] = sorted((int(n), (symbol,)) for symbol, n in enumerate(counts) if n)
    if len(items) == 1:
        lengths[items[0][1]] = 1
    packages = items
    for _ in range(MAX_LENGTH - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(packages[::2], packages[1::2], strict=False)]
        packages = sorted(items + pairs)
    for symbol in itertools.chain.from_iterable(p[1] for p in packages[: 2 * len(items) - 2]):
        lengths[symbol] += 1
    return lengths


def canonical_codes(lengths: np.ndarray) -> list[tuple[int, int]]:
    """(length, code) of every symbol: codes ascend with length, then with the symbol's number; (0, 0) where unused."""
    codes = [(0, 0)] * len(lengths)
    code = previous = 0
    for length, symbol in sorted((int(n), s) for s, n in enumerate(lengths) if n):
        code <<= length - previous
        codes[symbol] = (length, code)
        code, previous = code + 1, length
    return codes


def entropy_bits(weights: np.ndarray) -> float:
    """Bits of the weights under the best code for independent weights of these frequencies."""
    _, counts = np.unique(weights, return_counts=True)
    return float(-(counts * np.log2(counts / counts.sum())).sum()) if counts.size else 0.0
