# SPDX-License-Identifier: Apache-2.0
"""The compressed form of ternary weights: exact for any weights, optimal for its strings, never below the entropy bound."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.deepchip.huffman import (
    LENGTH_BITS,
    MAX_LENGTH,
    Compressed,
    Dictionary,
    canonical_codes,
    code_lengths,
    compress,
    entropy_bits,
)

dictionaries = st.one_of(
    st.builds(Dictionary, st.just("block"), st.integers(1, 5)), st.builds(Dictionary, st.just("run"), st.integers(1, 70))
)


def ternary(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    zeros = rng.random()
    return rng.choice([0, 1, -1], count, p=[zeros, 0.7 * (1 - zeros), 0.3 * (1 - zeros)]).astype(np.int8)


def huffman_cost(counts: list[int]) -> int:
    """Total bits of an unlimited Huffman code: the sum of all merged counts."""
    heap = [n for n in counts if n]
    heapq.heapify(heap)
    total = heap[0] if len(heap) == 1 else 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 200), dictionaries)
def test_decoding_inverts_encoding(seed: int, count: int, dictionary: Dictionary) -> None:
    weights = ternary(seed, count)
    compressed = compress(weights, dictionary)
    assert compressed.decode().tolist() == weights.tolist()
    symbols = dictionary.split(weights)
    flat = list(itertools.chain.from_iterable(dictionary.string(int(s)) for s in symbols))
    assert flat[:count] == weights.tolist() and not any(flat[count:])


@pytest.mark.parametrize("fill", [-1, 0, 1])
def test_constant_weights_survive(fill: int) -> None:
    for dictionary in (Dictionary("block", 3), Dictionary("run", 4), Dictionary("run", 64)):
        weights = np.full((5, 7), fill, np.int8)
        assert np.array_equal(compress(weights, dictionary).decode(), weights)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_code_lengths_cost_what_huffman_costs(counts: list[int]) -> None:
    lengths = code_lengths(np.array(counts))
    assert ((lengths > 0) == (np.array(counts) > 0)).all()
    assert int(lengths.max()) <= MAX_LENGTH
    cost = int((lengths * np.array(counts)).sum())
    assert cost == huffman_cost(counts) or int(lengths.max()) == MAX_LENGTH  # shorter is impossible, longer only by the limit


def test_the_length_limit_holds_and_the_code_stays_complete() -> None:
    counts = np.array([1, 1])
    while len(counts) < 30:  # Fibonacci numbers make Huffman's worst case
        counts = np.append(counts, counts[-1] + counts[-2])
    lengths = code_lengths(counts)
    assert lengths.max() == MAX_LENGTH
    assert sum(2 ** (MAX_LENGTH - int(n)) for n in lengths) == 2**MAX_LENGTH


def test_canonical_codes_are_prefix_free_and_ordered() -> None:
    assert canonical_codes(np.array([2, 0, 1, 3, 3])) == [(2, 0b10), (0, 0), (1, 0), (3, 0b110), (3, 0b111)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bits_count_codes_and_lengths_and_single_weights_obey_the_entropy_bound(seed: int) -> None:
    weights = ternary(seed, 500)
    single = compress(weights, Dictionary("block", 1))
    assert single.payload_bits >= entropy_bits(weights)
    assert single.bits == single.payload_bits + 3 * LENGTH_BITS
    assert len(single.stream) == -(-single.payload_bits // 8)
    assert compress(weights).bits <= single.bits


def test_entropy_of_known_frequencies() -> None:
    assert entropy_bits(np.array([0, 0, 1, -1])) == 6.0
    assert entropy_bits(np.zeros(9, np.int8)) == 0.0
    assert entropy_bits(np.zeros(0, np.int8)) == 0.0


def test_damage_is_noticed() -> None:
    whole = compress(np.array([0, 1, -1, 1, 0, -1, 1, 1], np.int8), Dictionary("block", 1))
    short = Compressed(whole.dictionary, whole.lengths, whole.stream[:1], whole.payload_bits, whole.shape)
    with pytest.raises(LoweringError, match="damaged"):
        short.decode()
    with pytest.raises(LoweringError, match="unknown dictionary 'trie'"):
        Dictionary("trie", 2)
