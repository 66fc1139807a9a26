# SPDX-License-Identifier: Apache-2.0
"""Operation counts add, scale, convert and refuse what is not a count."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered import Operations


def test_add_scale_and_total() -> None:
    one = Operations(multiplications=1, additions=2, lookups=3, shifts=4, comparisons=5)
    assert one + one * 2 == 3 * one == Operations(3, 6, 9, 12, 15)
    assert (3 * one).total == 45
    assert Operations.sum([one, one]) == one * 2
    assert Operations.sum([]) == Operations()


def test_dict_round_trip_keeps_counted_zeros() -> None:
    counts = Operations(additions=7)
    assert counts.as_dict() == {"multiplications": 0, "additions": 7, "lookups": 0, "shifts": 0, "comparisons": 0}
    assert Operations.from_dict(counts.as_dict()) == counts


def test_numpy_counts_become_plain_ints() -> None:
    assert type((Operations(lookups=np.int64(3)) * np.int32(2)).lookups) is int


@pytest.mark.parametrize("bad", [1.5, "3", True, None])
def test_non_integer_counts_are_refused(bad: object) -> None:
    with pytest.raises(ConfigError, match=r"operations\.shifts must be an integer"):
        Operations(shifts=bad)  # type: ignore[arg-type]


def test_negative_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="must not be negative, got -1"):
        Operations(additions=-1)
    with pytest.raises(ConfigError, match="Did you mean 'multiplications'"):
        Operations.from_dict({"multiplication": 1})


def test_wrong_operands_are_type_errors() -> None:
    with pytest.raises(TypeError):
        Operations() + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        Operations() * 1.5  # type: ignore[operator]
