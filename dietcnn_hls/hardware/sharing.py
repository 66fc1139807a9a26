# SPDX-License-Identifier: Apache-2.0
"""A constant matrix times a vector as sums that share their common parts.

Every weight becomes signed powers of two in its canonical form, so each output is a sum of shifted inputs. Two terms that stand
in several sums at the same distance and with the same relation of signs are added once and take one place in each: the pair that
saves most first, until none stands twice. This is common subexpression elimination of constant matrix-vector products, as da4ml
and its successor alkaid have it; parts that end up in one sum only are taken back into it, because the adders behind
(`hardware.adders`) add three terms for the price of two.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dietcnn_hls.integers import signed_digits

BLOCK_PAIRS = 2_000_000
"""Pairs of terms that are looked at together; wider matrices are cut into blocks of inputs, whose sums are added."""


class Term(NamedTuple):
    """``sign * 2**shift *`` a source: an input by its number, or behind the inputs a shared sum."""

    source: int
    shift: int
    sign: int


@dataclass(frozen=True)
class Sums:
    """Shared sums, each of inputs and of those before it, and the sums that are wanted; a sum may be empty.

    Attributes:
        inputs: number of inputs.
        shared: terms of each shared sum.
        outputs: terms of each output.
    """

    inputs: int
    shared: tuple[tuple[Term, ...], ...]
    outputs: tuple[tuple[Term, ...], ...]

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        """(N, inputs) int64 -> (N, outputs) int64."""
        columns = [values[:, number].astype(np.int64) for number in range(self.inputs)]
        for terms in self.shared:
            columns.append(_total(terms, columns, len(values)))
        return np.stack([_total(terms, columns, len(values)) for terms in self.outputs], axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays for a file, from which `from_arrays` makes the same value."""
        sums = (*self.shared, *self.outputs)
        return {
            "inputs": np.array(self.inputs),
            "shared": np.array(len(self.shared)),
            "lengths": np.array([len(terms) for terms in sums], np.int64),
            "terms": np.array([term for terms in sums for term in terms], np.int64).reshape(-1, 3),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Sums:
        """What `arrays` made."""
        terms = [Term(*values) for values in arrays["terms"].tolist()]
        ends = np.cumsum(arrays["lengths"]).tolist()
        sums = [tuple(terms[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        shared = int(arrays["shared"])
        return cls(int(arrays["inputs"]), tuple(sums[:shared]), tuple(sums[shared:]))


def _digits(weight: int) -> list[tuple[int, int]]:
    """(shift, sign) of an integer's canonical signed digits."""
    return [(shift, digit) for shift, digit in enumerate(signed_digits(weight)) if digit]


def _canonical(terms: Sequence[Term]) -> list[Term]:
    """The same sum with as few terms of each source as can be."""
    factors: Counter[int] = Counter()
    for term in terms:
        factors[term.source] += term.sign << term.shift
    return [Term(source, shift, sign) for source, factor in sorted(factors.items()) for shift, sign in _digits(factor)]


def _total(terms: Sequence[Term], columns: Sequence[np.ndarray], count: int) -> np.ndarray:
    total = np.zeros(count, np.int64)
    for term in terms:
        total += (columns[term.source] << term.shift) * term.sign
    return total


class Pair(NamedTuple):
    """Two terms by what they have in common wherever they stand: the one of the smaller shift first."""

    first: int
    second: int
    distance: int
    sign: int


Score = Callable[[int, int], int]
"""(how often a pair stands, distance of its terms) -> how much it is worth."""

SCORES: tuple[Score, ...] = (
    lambda count, distance: 64 * count - distance,
    lambda count, distance: (count - 1) * max(1, 12 - distance),
)
"""Near terms overlap in more bits, so that their sum is narrower: as the tie-breaker, and weighed against the count."""


def share(matrix: np.ndarray, score: Score = SCORES[0]) -> Sums:
    """Shared sums of ``matrix @ values``.

    Args:
        matrix: (outputs, inputs) integers.
        score: which pair comes first.
    """
    outputs, inputs = matrix.shape
    shared: list[tuple[Term, ...]] = []
    rows: list[list[Term]] = [[] for _ in range(outputs)]
    for block in _blocks(matrix):
        search = _Search(matrix, block, inputs, shared, score)
        search.run()
        for row, found in zip(rows, search.rows, strict=True):
            row.extend(Term(source, shift, sign) for (source, shift), sign in sorted(found.items()))
    return _taken_back(Sums(inputs, tuple(shared), tuple(map(tuple, rows))))


def _blocks(matrix: np.ndarray) -> Iterator[range]:
    """Ranges of inputs whose pairs of terms are few enough."""
    digits = np.array([[len(_digits(int(weight))) for weight in row] for row in matrix]).reshape(matrix.shape)
    start, filled = 0, np.zeros(len(matrix), np.int64)
    for number in range(matrix.shape[1]):
        more = filled + digits[:, number]
        if number > start and int((more * (more - 1) // 2).sum()) > BLOCK_PAIRS:
            yield range(start, number)
            start, more = number, digits[:, number].astype(np.int64)
        filled = more
    yield range(start, matrix.shape[1])


class _Search:
    """The pairs of one block of inputs. `rows`: by output, (source, shift) -> sign."""

    def __init__(self, matrix: np.ndarray, block: range, inputs: int, shared: list[tuple[Term, ...]], score: Score) -> None:
        self.inputs, self.shared, self.score = inputs, shared, score
        self.rows: list[dict[tuple[int, int], int]] = [
            {(number, shift): sign for number in block for shift, sign in _digits(int(row[number]))} for row in matrix
        ]
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, Counter[int]] = defaultdict(Counter)
        self.heap: list[tuple[int, Pair, int]] = []
        for output, row in enumerate(self.rows):
            terms = list(row.items())
            for place, (term, sign) in enumerate(terms):
                for other, its_sign in terms[place + 1 :]:
                    pair = _pair(term, sign, other, its_sign)
                    self.counts[pair] += 1
                    self.places[pair][output] += 1
        self.heap = [self._entry(pair, count) for pair, count in self.counts.items() if count > 1]
        heapq.heapify(self.heap)

    def _entry(self, pair: Pair, count: int) -> tuple[int, Pair, int]:
        return -self.score(count, pair.distance), pair, count

    def run(self) -> None:
        """Share pairs until none stands twice."""
        while self.heap:
            _, pair, count = heapq.heappop(self.heap)
            known = self.counts[pair]
            if known != count:  # it has changed since: an entry of its own tells, unless it became rarer
                if 1 < known < count:
                    heapq.heappush(self.heap, self._entry(pair, known))
                continue
            found = list(self._occurrences(pair))
            if len(found) < 2:
                continue  # all others overlap with the first
            source = self.inputs + len(self.shared)
            self.shared.append((Term(pair.first, 0, 1), Term(pair.second, pair.distance, pair.sign)))
            for output, first, second, sign in found:
                self._remove(output, first)
                self._remove(output, second)
                self._add(output, (source, first[1]), sign)

    def _occurrences(self, pair: Pair) -> Iterator[tuple[int, tuple[int, int], tuple[int, int], int]]:
        """Where a pair stands, none of its terms twice: output, both terms, sign of the first."""
        for output in sorted(self.places[pair]):
            row, used = self.rows[output], set()
            for term in sorted(key for key in row if key[0] == pair.first):
                other, sign = (pair.second, term[1] + pair.distance), row[term]
                if term in used or other in used or other == term or row.get(other, 0) * sign != pair.sign:
                    continue
                used |= {term, other}
                yield output, term, other, sign

    def _remove(self, output: int, term: tuple[int, int]) -> None:
        sign = self.rows[output].pop(term)
        for other, its_sign in self.rows[output].items():
            pair = _pair(term, sign, other, its_sign)
            self.counts[pair] -= 1
            places = self.places[pair]
            places[output] -= 1
            if not places[output]:
                del places[output]

    def _add(self, output: int, term: tuple[int, int], sign: int) -> None:
        for other, its_sign in self.rows[output].items():
            pair = _pair(term, sign, other, its_sign)
            self.counts[pair] += 1
            self.places[pair][output] += 1
            if self.counts[pair] > 1:
                heapq.heappush(self.heap, self._entry(pair, self.counts[pair]))
        self.rows[output][term] = sign


def _pair(term: tuple[int, int], sign: int, other: tuple[int, int], its_sign: int) -> Pair:
    (first, low), (second, high) = (term, other) if (term[1], term[0]) <= (other[1], other[0]) else (other, term)
    return Pair(first, second, high - low, sign * its_sign)


def _taken_back(sums: Sums) -> Sums:
    """Shared sums that are used once stand in their user's place."""
    uses = Counter(term.source for terms in (*sums.shared, *sums.outputs) for term in terms)

    def opened(terms: Sequence[Term]) -> list[Term]:
        """The terms, those that are used once in the place of their sum; deep chains are taken apart step by step."""
        done, stack = [], list(terms)
        while stack:
            term = stack.pop()
            if term.source < sums.inputs or uses[term.source] > 1:
                done.append(term)
                continue
            inner = sums.shared[term.source - sums.inputs]
            stack.extend(Term(part.source, part.shift + term.shift, part.sign * term.sign) for part in inner)
        return _canonical(done)

    kept = [number for number in range(len(sums.shared)) if uses[sums.inputs + number] > 1]
    names = {number: number for number in range(sums.inputs)}
    names |= {sums.inputs + number: sums.inputs + place for place, number in enumerate(kept)}

    def renamed(terms: Sequence[Term]) -> tuple[Term, ...]:
        return tuple(Term(names[term.source], term.shift, term.sign) for term in opened(terms))

    return Sums(sums.inputs, tuple(renamed(sums.shared[number]) for number in kept), tuple(map(renamed, sums.outputs)))


__all__ = ["SCORES", "Score", "Sums", "Term", "share"]
