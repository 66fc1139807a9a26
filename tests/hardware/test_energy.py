# SPDX-License-Identifier: Apache-2.0
"""The energy model meets the figures it cites, stays relative, and asks for the widths it needs."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.energy import addition, energy, energy_model, lookup, multiplication
from dietcnn_hls.lowered import Operations, Source, Stream, ValueMap, Widths, node
from tests.arithmetic_graphs import arithmetic_graph

KIB = 8 * 1024


def test_cited_points_in_units_of_an_8_bit_addition() -> None:
    """Horowitz, ISSCC 2014: 0.03 and 0.1 pJ, 0.2 and 3.1 pJ, 10 and 20 pJ for 64 bits of 8 KB and 32 KB."""
    pico = 0.03
    assert addition(8) == 1.0
    assert round(pico * addition(32), 12) == 0.1
    assert round(pico * multiplication(8, 8), 12) == 0.2
    assert round(pico * multiplication(32, 32), 12) == 3.1
    assert round(pico * lookup(64, 8 * KIB), 12) == 10.0
    assert round(pico * lookup(64, 32 * KIB), 12) == 20.0
    assert round(pico * lookup(64, 1024 * KIB)) == 113  # cited: 100


def test_wider_costs_more() -> None:
    assert addition(16) > addition(15)
    assert multiplication(4, 9) > multiplication(4, 8) == multiplication(8, 4)
    assert lookup(8, 256) > lookup(7, 256) and lookup(8, 512) > lookup(8, 256)


def test_energy_is_the_sum_over_kinds() -> None:
    widths = Widths(multiply=(8, 8), add=32, lookup=8, table=512, shift=16, compare=12)
    kinds = ("multiplications", "additions", "lookups", "shifts", "comparisons")
    each = [energy(Operations(**{kind: 1}), widths) for kind in kinds]
    assert each == [multiplication(8, 8), addition(32), lookup(8, 512), addition(16), addition(12)]
    assert round(energy(Operations(1, 2, 3, 4, 5), widths), 9) == round(
        sum(factor * value for factor, value in enumerate(each, start=1)), 9
    )
    assert energy(Operations(), Widths()) == 0.0


def test_model_section_is_labelled_and_relative() -> None:
    small = energy_model([(Operations(additions=10), Widths(add=8)), (Operations(comparisons=5), Widths(compare=8))])
    assert (small.relative, small.source) == (15.0, "model")


@pytest.mark.parametrize(
    ("operations", "widths", "text"),
    [
        (Operations(multiplications=1), Widths(), "needs the 'multiply' width"),
        (Operations(additions=1), Widths(lookup=8), "needs the 'add' width"),
        (Operations(lookups=1), Widths(lookup=8), "needs the 'table' width"),
        (Operations(lookups=1), Widths(table=8), "needs the 'lookup' width"),
        (Operations(shifts=1), Widths(), "needs the 'shift' width"),
        (Operations(comparisons=1), Widths(compare=0), "'compare' width must be at least 1 bit, got 0"),
    ],
)
def test_missing_widths_are_named(operations: Operations, widths: Widths, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        energy(operations, widths)


@pytest.mark.parametrize("seed", range(12))
def test_plain_arithmetic_has_a_width_for_all_that_it_counts(seed: int) -> None:
    graph = arithmetic_graph(seed)
    assert energy_model((graph.counts(node), graph.widths(node)) for node in graph.nodes).relative > 0


def test_tables_of_values_are_memories_of_values() -> None:
    """A table of 1,024 values of 18 bits is one block, not a word of 18,432 bits."""
    source = node("x", Source(), [], Stream((4,), 0, 1023, 0))
    table = ValueMap(np.arange(1024)[None] << 8, 0, 0)
    memory = table.channel_table([source.stream])
    assert memory is not None and (memory.channels, memory.bits) == (1024, 18)
