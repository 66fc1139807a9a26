# SPDX-License-Identifier: Apache-2.0
"""Facts about integers that several rooms rely on."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dietcnn_hls.integers import signed_digits


@given(st.integers(-(2**40), 2**40))
def test_signed_digits_are_canonical_and_the_fewest(value: int) -> None:
    digits = signed_digits(value)
    assert sum(digit * 2**place for place, digit in enumerate(digits)) == value
    assert set(digits) <= {-1, 0, 1} and not any(a and b for a, b in itertools.pairwise(digits))
    assert sum(digit != 0 for digit in digits) == ((3 * abs(value)) ^ abs(value)).bit_count()
