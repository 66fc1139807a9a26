# SPDX-License-Identifier: Apache-2.0
"""Memory words: every width against plain Python, also beyond the 63 bits of an int64."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dietcnn_hls.rtl.verilog import words


@given(st.integers(1, 140), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_words_are_lanes_side_by_side(bits: int, lanes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wide = [[int.from_bytes(rng.bytes(20), "little") >> 1 for _ in range(lanes)] for _ in range(3)]
    narrow = rng.integers(-(2**63), 2**63 - 1, (3, lanes))
    for values in (np.array(wide, dtype=object), narrow):
        expected = [sum((v % 2**bits) << (i * bits) for i, v in enumerate(row)) for row in values.tolist()]
        assert words(values, bits) == expected
