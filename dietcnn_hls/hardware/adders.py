# SPDX-License-Identifier: Apache-2.0
"""Adders of two and three operands for shared sums (`hardware.sharing`): which terms meet, when, and how wide.

A LUT6 with two outputs and its carry bit add one bit of three operands: one output is their parity, the other their majority,
which enters the carry chain a bit higher. That costs one LUT a bit, as an adder of two operands does. The majority leaves the
slice by the output that an unregistered sum would need, so a register stands behind every adder, in the same slice: every adder
is a stage.
What waits for others goes through registers, from three on a shift register of a LUT a bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from dietcnn_hls.hardware.sharing import Sums, Term
from dietcnn_hls.integers import bits_for

WINDOW = 8
"""Terms, the narrowest first, of which the next adder takes its operands."""

SHIFT_REGISTER = 3
"""Registers in a row from which on a LUT takes their place."""


@dataclass(frozen=True)
class Value:
    """An input or the result of an adder.

    Attributes:
        lo: least value; `hi`: greatest.
        zeros: low bits that are always 0.
        stage: registers between the inputs and it.
    """

    lo: int
    hi: int
    zeros: int
    stage: int

    @property
    def bits(self) -> int:
        return bits_for(self.lo, self.hi)

    @property
    def signed(self) -> bool:
        return self.lo < 0


@dataclass(frozen=True)
class Adder:
    """``result = sum of terms``, two or three, in a register; at most two are negative.

    Attributes:
        terms: of inputs (by number) and earlier adders (behind the inputs), the lowest has shift 0.
        result: what it yields.
        start: the lowest bit that is added; those below are the one term's that has any.
    """

    terms: tuple[Term, ...]
    result: Value
    start: int

    @property
    def luts(self) -> int:
        return max(0, self.result.bits - self.start)

    def lowest(self, values: Sequence[Value]) -> Term:
        """The term whose bits pass where no other has any."""
        return min(self.terms, key=lambda term: term.shift + values[term.source].zeros)


@dataclass(frozen=True)
class Output:
    """One wanted sum: a term, or None for 0, and what must still be added to it."""

    term: Term | None
    offset: int = 0


@dataclass
class AdderNetwork:
    """Adders of shared sums.

    Attributes:
        inputs: values of the inputs.
        adders: in the order in which they wait for each other.
        outputs: the wanted sums, all after `stages` registers.
    """

    inputs: tuple[Value, ...]
    adders: list[Adder] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    @property
    def values(self) -> list[Value]:
        """Of inputs and adders."""
        return [*self.inputs, *(adder.result for adder in self.adders)]

    @property
    def stages(self) -> int:
        """Registers between inputs and outputs, at least one."""
        return max([1, *(adder.result.stage for adder in self.adders)])

    def reads(self) -> dict[int, set[int]]:
        """By value, after how many registers adders and outputs read it."""
        values, stages = self.values, self.stages
        adders = [(term.source, adder.result.stage - 1) for adder in self.adders for term in adder.terms]
        outputs = [(output.term.source, stages) for output in self.outputs if output.term is not None]
        found: defaultdict[int, set[int]] = defaultdict(set)
        for source, stage in (*adders, *outputs):
            found[source].add(stage - values[source].stage)
        return found

    def delays(self) -> dict[int, int]:
        """Registers that each value waits in: as many as its last reader needs."""
        waits = {source: max(delays) for source, delays in sorted(self.reads().items())}
        return {source: wait for source, wait in waits.items() if wait}

    @property
    def luts(self) -> int:
        """LUTs of the adders and of long waits."""
        values = self.values
        waiting = sum(values[source].bits for source, wait in self.delays().items() if wait >= SHIFT_REGISTER)
        return sum(adder.luts for adder in self.adders) + waiting

    def range_of(self, output: Output) -> tuple[int, int]:
        """Least and greatest value of a term of an output, without its offset."""
        return (0, 0) if output.term is None else _reach([output.term], self.values)


def build_adders(sums: Sums, lo: int, hi: int) -> AdderNetwork:
    """Adders for sums of inputs that lie between `lo` and `hi`."""
    network = AdderNetwork(tuple(Value(lo, hi, 0, 0) for _ in range(sums.inputs)))
    known = {number: Term(number, 0, 1) for number in range(sums.inputs)}
    for place, terms in enumerate(sums.shared):
        known[sums.inputs + place] = _tree(network, _placed(terms, known), final=False)
    for terms in sums.outputs:
        network.outputs.append(_finished(network, _placed(terms, known)))
    return network


def _placed(terms: Sequence[Term], known: dict[int, Term]) -> list[Term]:
    """Terms of sums as terms of values."""
    found = []
    for term in terms:
        base = known[term.source]
        found.append(Term(base.source, base.shift + term.shift, base.sign * term.sign))
    return found


def _reach(terms: Sequence[Term], values: Sequence[Value]) -> tuple[int, int]:
    least = most = 0
    for term in terms:
        ends = [(end << term.shift) * term.sign for end in (values[term.source].lo, values[term.source].hi)]
        least, most = least + min(ends), most + max(ends)
    return least, most


def _tree(network: AdderNetwork, terms: list[Term], final: bool) -> Term:
    """Add terms up, what is ready first, three at a time; `final`: the last sum must not be negated."""
    values = network.values
    while len(terms) > 1:
        count = min(3, len(terms))
        stage = sorted(values[term.source].stage for term in terms)[count - 1]
        ready = [term for term in terms if values[term.source].stage <= stage]
        ready.sort(key=lambda term: (values[term.source].bits + term.shift, term))
        last = count == len(terms)
        chosen = min(
            combinations(ready[:WINDOW], count),
            key=lambda some: (_adder(some, values, final and last)[0].luts, _top(some, values)),
        )
        adder, term = _adder(chosen, values, final and last)
        network.adders.append(adder)
        values.append(adder.result)
        for used in chosen:
            terms.remove(used)
        terms.append(Term(len(values) - 1, term.shift, term.sign))
    return terms[0]


def _top(terms: Sequence[Term], values: Sequence[Value]) -> int:
    return bits_for(*_reach(terms, values))


def _adder(terms: Sequence[Term], values: Sequence[Value], positive: bool) -> tuple[Adder, Term]:
    """The adder of some terms, and how its result stands for their sum (source still to be filled in).

    The result may be the negated sum: where that leaves fewer negative operands, or a positive one in the lowest place, whose
    bits below all others need no adder.
    """
    shift = min(term.shift for term in terms)
    lows = sorted((term.shift + values[term.source].zeros, term.sign) for term in terms)
    low, alone = lows[0][0], lows[1][0] > lows[0][0]
    negative = sum(term.sign < 0 for term in terms)
    if positive:
        flip = negative == len(terms)
    else:
        flip = lows[0][1] < 0 if alone else 2 * negative > len(terms)
    sign = -1 if flip else 1
    placed = tuple(Term(term.source, term.shift - shift, term.sign * sign) for term in terms)
    least, most = _reach(placed, values)
    copied = alone and lows[0][1] * sign > 0
    start = (lows[1][0] if copied else low) - shift
    stage = 1 + max(values[term.source].stage for term in terms)
    return Adder(placed, Value(least, most, low - shift, stage), start), Term(-1, shift, sign)


def _finished(network: AdderNetwork, terms: list[Term]) -> Output:
    """An output's sum; a negative one is left as its complement, which lacks a constant."""
    if not terms:
        return Output(None)
    term = _tree(network, terms, final=True)
    # -x is ~x + 1: the one is left to what follows
    return Output(term, 1 << term.shift if term.sign < 0 else 0)


__all__ = ["Adder", "AdderNetwork", "Output", "Value", "build_adders"]
