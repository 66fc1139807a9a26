# SPDX-License-Identifier: Apache-2.0
"""What holds for every kernel, over all examples: it is what plain loops say, stays in its bounds, counts and fits its arrays."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls import methods
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.hls.cpp import IntType
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import Kernel, Stream
from tests.kernels import every, examples, folders, of_folder, plain
from tests.streams import stream

seeds = st.integers(0, 2**32 - 1)


def source_of(name: str, rng: np.random.Generator) -> Stream:
    """A stream that an example's kernels take."""
    source = stream(rng)
    return source if examples()[name].accepts(source) else source_of(name, rng)


def random_kernel(name: str, seed: int) -> tuple[Kernel, np.ndarray]:
    """A kernel of an example, and (6, taps) codes of its input, the lowest and the highest among them."""
    rng = np.random.default_rng(seed)
    source, sizes = source_of(name, rng), (int(rng.integers(1, 6)), int(rng.integers(1, 12)), int(rng.integers(2, 17)))
    kernel = examples()[name].draw(rng, source, *sizes)
    codes = rng.integers(source.lo, source.hi + 1, (6, kernel.taps))
    codes[0], codes[1] = source.lo, source.hi
    return kernel, codes


def test_every_method_has_examples_of_all_its_kernels() -> None:
    """A folder of ``dietcnn_hls/methods`` needs ``tests/methods/<folder>/examples.py``, and no kernel class goes undrawn."""
    for folder in folders():
        own = of_folder(folder)
        assert own, f"tests/methods/{folder}/examples.py with EXAMPLES is missing; docs/adding_a_method.md says what it holds"
        method = importlib.import_module(f"{methods.__name__}.{folder}").METHOD
        assert {example.kernel for example in own.values()} == set(method.kernels), f"EXAMPLES of '{folder}' draw other kernels"


@pytest.mark.parametrize("name", every())
@settings(max_examples=25, deadline=None)
@given(seeds)
def test_results_are_those_of_plain_loops(name: str, seed: int) -> None:
    kernel, codes = random_kernel(name, seed)
    assert type(kernel) is examples()[name].kernel
    expected = [[plain(kernel, window, output) for output in range(kernel.outputs)] for window in codes.tolist()]
    assert kernel.accumulate(codes).tolist() == expected
    assert kernel.accumulate(codes, slice(1, 3)).tolist() == [row[1:3] for row in expected]
    assert kernel.accumulate(codes[:0]).shape == (0, kernel.outputs)


@pytest.mark.parametrize("name", every())
@settings(max_examples=15, deadline=None)
@given(seeds)
def test_results_stay_in_the_bounds(name: str, seed: int) -> None:
    kernel, codes = random_kernel(name, seed)
    results, (lows, highs) = kernel.accumulate(codes), kernel.bounds()
    assert lows.shape == highs.shape == (kernel.outputs,)
    assert (results >= lows).all() and (results <= highs).all()
    assert kernel.output.lo <= lows.min() and highs.max() <= kernel.output.hi
    assert kernel.output.fraction == kernel.fraction


@pytest.mark.parametrize("name", every())
@settings(max_examples=15, deadline=None)
@given(seeds)
def test_counts_and_stored_bits(name: str, seed: int) -> None:
    """Counts say whether a kernel multiplies; widths for the energy model are those of something that is there."""
    kernel, _ = random_kernel(name, seed)
    counts = kernel.operations()
    assert (counts.multiplications > 0) == examples()[name].multiplies
    assert kernel.table_bits >= 0 and kernel.weight_bits >= 0 and kernel.table_bits + kernel.weight_bits > 0
    assert kernel.addition_bits >= 1
    assert (counts.lookups == 0) or kernel.lookup_bits is not None


@pytest.mark.parametrize("name", every())
@settings(max_examples=15, deadline=None)
@given(seeds)
def test_arrays_of_both_spellings_fit_their_stated_widths(name: str, seed: int) -> None:
    kernel, _ = random_kernel(name, seed)
    for member, array in kernel.hls().arrays.items():
        assert IntType(array.bits, array.signed).fits(np.asarray(array.values)), member
    if not examples()[name].hardware:
        with pytest.raises(LoweringError, match=r"has no (parallel )?hardware: build with `"):
            kernel.rtl()
        return
    for rtl in (kernel.rtl(), kernel.rtl_with_dsp()):
        assert rtl.weights.shape == (kernel.outputs, kernel.taps)
        assert rtl.weights.min() >= 0 and int(rtl.weights.max()) < 1 << rtl.weight_bits
        for table, (values, bits) in rtl.tables.items():
            assert bits_for(int(values.min()), int(values.max())) <= bits, table


@pytest.mark.parametrize("name", [name for name, example in examples().items() if example.hardware])
@settings(max_examples=15, deadline=None)
@given(seeds)
def test_lanes_reach_no_further_than_the_kernel(name: str, seed: int) -> None:
    """What the lanes may sum to, with what the engine adds and shifts, are the kernel's own bounds; so no bit is wasted."""
    kernel, _ = random_kernel(name, seed)
    for rtl in (kernel.rtl(), kernel.rtl_with_dsp()):
        if rtl.lane_bounds is None:
            continue
        shifts = np.zeros(kernel.outputs, np.int64) if rtl.shifts is None else rtl.shifts
        offsets = np.zeros(kernel.outputs, np.int64) if rtl.offsets is None else rtl.offsets
        lows, highs = ((bound.reshape(kernel.outputs, -1).sum(axis=1) + offsets) << shifts for bound in rtl.lane_bounds)
        assert (lows <= kernel.bounds()[0]).all() and (highs >= kernel.bounds()[1]).all()


DAMAGED: dict[str, Callable[[np.ndarray], Any]] = {
    "fractions": lambda values: values.astype(float) + 0.5,
    "not a number": lambda values: np.full(values.shape, np.nan),
    "text": lambda values: values.astype(str),
    "objects": lambda values: values.astype(object),
    "a list": lambda values: values.tolist(),
    "one axis more": lambda values: values[None],
    "no axis": lambda values: values.sum(),
    "nothing": lambda values: values[:0],
    "beyond all sums": lambda values: values.astype(np.int64) + 2**62,
}


@pytest.mark.parametrize("name", every())
def test_damaged_fields_are_refused_when_the_kernel_is_made(name: str) -> None:
    """Whatever `check` allows must be computable; what no kernel can mean never gets that far."""
    for seed in range(4):
        kernel, _ = random_kernel(name, seed)
        for field in dataclasses.fields(kernel):  # type: ignore[arg-type]
            value = getattr(kernel, field.name)
            if isinstance(value, np.ndarray):
                damaged = {what: damage(value) for what, damage in DAMAGED.items() if value.size}
            else:
                damaged = {"none": None, "a list": [value], "half": value + 0.5 if isinstance(value, int) else 0.5}
            for what, bad in damaged.items():
                with pytest.raises(LoweringError):
                    dataclasses.replace(kernel, **{field.name: bad})
                    pytest.fail(f"{type(kernel).__name__}.{field.name} took {what}")


@pytest.mark.parametrize("name", every())
@settings(max_examples=10, deadline=None)
@given(seeds)
def test_a_kernel_reads_the_stream_that_it_was_made_for(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = source_of(name, rng)
    kernel = examples()[name].draw(rng, source, 2, 3, 4)
    kernel.check_input(source)
    for other in (Stream((1,), source.lo, source.hi + 1, 0), Stream((1,), source.lo - 1, source.hi, 0)):
        with pytest.raises(LoweringError):
            kernel.check_input(other)
