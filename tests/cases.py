# SPDX-License-Identifier: Apache-2.0
"""How much of its many cases a suite runs: a fixed part in `make test`, all of them in `make test-all`."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")

EXHAUSTIVE = os.environ.get("DIETCNN_EXHAUSTIVE") == "1"

exhaustive = pytest.mark.exhaustive
"""Of tests that only an exhaustive run takes: long ones whose claim shorter ones make on fewer cases."""


def spread(cases: Sequence[T], count: int, *traits: Callable[[T], Hashable], everything: bool = EXHAUSTIVE) -> list[T]:
    """`count` cases at even distances, and the first case of each value of a trait that these lack; with `everything` all."""
    if everything or count >= len(cases):
        return list(cases)
    chosen = {len(cases) * number // count for number in range(count)}
    for trait in traits:
        shown = {trait(cases[number]) for number in chosen}
        for number, case in enumerate(cases):
            if trait(case) not in shown:
                shown.add(trait(case))
                chosen.add(number)
    return [cases[number] for number in sorted(chosen)]
