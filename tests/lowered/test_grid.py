# SPDX-License-Identifier: Apache-2.0
"""The input grid: which values enter a design, exactly, and what is said of those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import ConfigError, DatasetError
from dietcnn_hls.lowered import Grid, LoweredGraph, Source, Stream, node


@pytest.mark.parametrize("signed, bits, fraction", [(False, 1, 0), (False, 8, 8), (True, 2, -3), (True, 8, 5), (True, 16, 10)])
def test_every_code_comes_back_from_its_value(signed: bool, bits: int, fraction: int) -> None:
    grid = Grid.of(signed, bits, fraction)
    codes = np.arange(grid.lo, grid.hi + 1).reshape(-1, 1)
    assert (grid.signed, grid.bits, len(codes)) == (signed, bits, 2**bits)
    assert np.array_equal(grid.values(codes).astype(np.float64), codes * 2.0**-fraction)
    assert np.array_equal(grid.codes(grid.values(codes)), codes) and grid.codes(grid.values(codes)).dtype == np.int64
    assert grid.stream((4, 4, 2)) == Stream((4, 4, 2), grid.lo, grid.hi, fraction)


def test_images_are_bytes_over_256() -> None:
    assert Grid.of(False, 8, 8) == IMAGE and str(IMAGE) == "unsigned 8 bits / 2^8"
    assert IMAGE.codes(np.array([0.0, 0.5, 255 / 256])).tolist() == [0, 128, 255]


def test_nearest_rounds_to_even_and_clips() -> None:
    grid = Grid(-2, 3, 1)
    moved = grid.nearest(np.array([-9, -0.75, 0.25, 0.75, 1.6, 9]))
    assert moved.tolist() == [-1.0, -1.0, 0.0, 1.0, 1.5, 1.5] and moved.dtype == np.float32
    assert grid.codes(moved).tolist() == [-2, -2, 0, 2, 3, 3]


@pytest.mark.parametrize(
    "x, text",
    [
        (
            np.array([-1.0, 0.5, 2.0, 0.25]),
            r"lie on the grid 2\^-8 between 0 and 0.996094 \(codes 0 to 255\); these range from -1 to 2, and 50 % of them cannot "
            r"enter: choose an input_grid that covers them, or scale them and give numpy.clip\(numpy.rint\(x \* 256\), 0, 255\)",
        ),
        (np.array([0.3, 0.5]), r"range from 0.3 to 0.5, and 50 % .*: give numpy.clip"),
        (np.arange(256), r"range from 0 to 255, and 100 % .*integers are taken as values, not as codes; give x / 256"),
        (np.r_[np.zeros(999), 1.0], "under 1 % of them"),
        (np.array([np.nan, np.inf, 0.5]), "inputs hold NaN or Inf: 2 of 3 values"),
        (np.array(["a"]), "inputs are of type <U1; give numbers"),
        (np.array([1j]), "of type complex128; give numbers"),
        (np.array([2.0**70]), "100 % of them cannot enter"),
    ],
)
def test_what_cannot_enter_is_told_range_share_and_remedy(x: np.ndarray, text: str) -> None:
    with pytest.raises(DatasetError, match=text):
        IMAGE.codes(x)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((0, 255.0, 8), "hi must be an integer, got 255.0"),
        ((0, True, 8), "hi must be an integer, got True"),
        ((1, 255, 8), "codes 1 to 255 must hold zero"),
        ((0, 0, 8), "must hold zero and at least one more"),
        ((5, -5, 0), "must hold zero"),
        ((0, 65536, 8), "take 17 bits; a design takes up to 16"),
        ((-32769, 0, 8), "take 17 bits"),
        ((0, 1, 65), "fraction 65 is beyond"),
    ],
)
def test_grids_that_are_none_are_refused(arguments: tuple[int, int, int], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Grid(*arguments)
    with pytest.raises(ConfigError, match="bits must be a whole number from 1 on, got 0"):
        Grid.of(False, 0, 0)


def test_symbols_enter_by_their_values() -> None:
    """A source of symbols takes the values of its codebook and no others."""
    source = Stream((4,), 0, 3, 2, (-3, 0, 1, 4))
    graph = LoweredGraph("symbols", (node("x", Source(), [], source),))
    assert reference.quantize_input(graph, np.array([[-0.75, 0.0, 0.25, 1.0]])).tolist() == [[0, 1, 2, 3]]
    for x in (0.5, -1.0, 1.25, 0.1):
        with pytest.raises(DatasetError):
            reference.quantize_input(graph, np.full((1, 4), x))
