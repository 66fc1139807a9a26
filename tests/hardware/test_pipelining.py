# SPDX-License-Identifier: Apache-2.0
"""What a clock asks of a design: nothing where it is slow, and never less where it is faster."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.pipelining import Pipelining, Sums, result_places

PART = "xc7z020clg400-1"
CLOCKS = (40.0, 14.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0)


def asked(pipelining: Pipelining) -> dict[str, Any]:
    """Every decision, as numbers that grow with the registers that it takes."""
    found: dict[str, Any] = {"short": pipelining.short, "split": pipelining.split(4, 12)}
    for addends, beats, bits, logic in (
        (1, 84, 9, 1),
        (10, 12, 12, 1),
        (25, 1, 10, 1),
        (30, 5, 14, 1),
        (50, 8, 14, 3),
        (120, 8, 18, 0),
    ):
        sums = pipelining.sums(addends, beats, bits, logic)
        found[f"sums of {addends}"] = (sums.products, -sums.chain, sums.apart)
    for bits, index in ((8, 2), (13, 5), (13, 9)):
        found[f"steps of {bits}"] = max(found.get(f"steps of {bits}", -3), -pipelining.steps(bits, index))
        found[f"lookup of {bits}, {index}"] = pipelining.lookup(bits, index)
        found[f"serial of {bits}"] = pipelining.serial_cycles(bits)
        found[f"requantiser of {bits}"] = pipelining.requantize_stages(bits, True, True)
        found[f"pool of {bits}"] = pipelining.pool_breaks(bits, (2, 2), True)
        for sums in (True, False):
            found[f"rows of {bits}, {sums}"] = not pipelining.rows_in_blocks(bits, (2, 2), sums)
    return found | {"constants": not pipelining.constants_in_blocks}


def test_a_slow_clock_asks_for_nothing() -> None:
    assert asked(Pipelining.of(PART, 40.0)) == asked(Pipelining())
    assert Pipelining().sums(30, 5, 14) == Sums(8)
    assert not Pipelining().short


def test_a_faster_clock_asks_for_no_less() -> None:
    found = [asked(Pipelining.of(PART, clock)) for clock in CLOCKS]
    for slower, faster in itertools.pairwise(found):
        for what, value in faster.items():
            assert value >= slower[what], what
    assert found[0] != found[-1]


def test_a_chain_is_as_long_as_the_clock_allows_it() -> None:
    chains = [Pipelining.of(PART, clock).sums(30, 5, 14).chain for clock in CLOCKS]
    assert chains[0] == 8
    assert chains[-1] == 2
    assert len(set(chains)) > 3


def test_margin_and_grade_are_a_faster_and_a_slower_clock() -> None:
    assert Pipelining.of(PART, 5.0, margin=0.2).period < Pipelining.of(PART, 5.0).period  # type: ignore[operator]
    chains = [Pipelining.of(f"xc7a100tcsg324-{grade}", 6.0).sums(30, 5, 14).chain for grade in (1, 2, 3)]
    assert chains == sorted(chains)
    assert chains[0] < chains[-1]
    with pytest.raises(ConfigError, match=r"^the margin of a clock must be at least 0 and below 1, got 1"):
        Pipelining.of(PART, 5.0, margin=1)


@pytest.mark.parametrize("part", ["xczu7ev-ffvc1156-2-e", "xc7a100tlcsg324-2l", "xcvu13p-flga2577-2-e"])
def test_parts_without_a_table_have_one_lent(part: str) -> None:
    assert asked(Pipelining.of(part, 2.0)) != asked(Pipelining())


@pytest.mark.parametrize("beats", [1, 2, 3, 5, 8, 12, 84])
@pytest.mark.parametrize("stages", [1, 2, 4, 9])
def test_places_cover_the_way_of_a_result(beats: int, stages: int) -> None:
    """As many passes begin as there are places before the first place is free again."""
    places, memory = result_places(beats, stages)
    way = 1 + stages + (2 if memory else places) + beats + 2
    assert places * beats >= way
    assert not memory or places & (places - 1) == 0
