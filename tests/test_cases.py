# SPDX-License-Identifier: Apache-2.0
"""The part of a suite's cases that an ordinary run takes."""

from __future__ import annotations

from tests.cases import spread


def test_an_ordinary_run_takes_cases_at_even_distances() -> None:
    assert spread(range(9), 3, everything=False) == [0, 3, 6]
    assert spread("abc", 5, everything=False) == ["a", "b", "c"]


def test_every_trait_occurs() -> None:
    assert spread(range(10), 2, lambda n: n % 3, lambda n: n > 8, everything=False) == [0, 1, 5, 9]
    assert {word[0] for word in spread(["ab", "ac", "bc", "cd"], 1, lambda word: word[0], everything=False)} == set("abc")


def test_an_exhaustive_run_takes_them_all() -> None:
    assert spread(range(9), 3, everything=True) == list(range(9))
