# SPDX-License-Identifier: Apache-2.0
"""The verdict awards titles where designs were measured alike, says what each gives up, and leaves open what is not fair."""

from __future__ import annotations

from dietcnn_hls.reports.compare import compare
from dietcnn_hls.reports.model import Accuracy, Latency, Timing
from dietcnn_hls.reports.verdict import verdict
from tests.reports.test_compare import design, twin


def test_titles_and_what_they_cost() -> None:
    found = verdict(compare([design(), twin()]))
    assert found.summary == (
        "twin is the most accurate.",
        "lookup is the smallest and the least switching.",
        "All have the same interval, cycles (1,500).",
    )
    lookup, other = found.standings
    assert lookup.titles == ("the smallest", "the least switching")
    assert lookup.gives_up == ("accuracy: 0.12 points, 12 of 10,000 images (98.91 % against 99.03 % of twin)",)
    assert other.gives_up == (
        "4 times the LUTs (28,000 against 7,000 of lookup)",
        "4 times the toggles (4,000,000 against 1,000,000 of lookup)",
    )
    assert found.unawarded == ()


def test_unfair_titles_are_left_open_with_the_reason() -> None:
    found = verdict(compare([design(), twin(part="xc7z010clg400-1")]))
    assert found.standings[0].titles == ("the least switching",)
    assert found.unawarded == (
        "Which is the smallest is left open: lookup and twin differ in part.",
        "Which is the fastest is left open: lookup and twin differ in part.",
    )
    images = verdict(compare([design(), twin(accuracy=Accuracy(csim=0.99, n_test=500, images={"csim": 500}))]))
    assert "Which is the most accurate is left open: lookup and twin differ in test images." in images.unawarded


def test_time_counts_where_all_clocks_are_known() -> None:
    fast = Timing(period_ns=4.0, fmax_mhz=250.0, interval_ns=6000.0, source="sta yosys 0.70/xc7-1.0")
    slow = fast.model_copy(update={"interval_ns": 12_000.0})
    found = verdict(compare([design(timing=slow), twin(timing=fast)]))
    assert found.standings[1].titles == ("the most accurate", "the fastest")
    assert "2 times the time between inferences (12,000 against 6,000 of twin)" in found.standings[0].gives_up
    cycles = Latency(cycles=9, interval=750, source="rtl_simulation")
    assert verdict(compare([design(), twin(latency=cycles)])).standings[1].titles == ("the most accurate", "the fastest")


def test_two_of_three_share_a_title() -> None:
    found = verdict(compare([design(), design(design="same"), twin()]))
    assert [one.titles[0] for one in found.standings] == ["the smallest, with others"] * 2 + ["the most accurate"]
    assert "lookup and same are the smallest and the least switching." in found.summary


def test_of_a_single_design_nothing_is_said_and_absent_figures_award_nothing() -> None:
    alone = verdict(compare([design()]))
    assert (alone.summary, alone.unawarded, alone.standings[0].titles) == ((), (), ())
    bare = verdict(compare([design(resources=None, latency=None, activity=None, timing=None), twin()]))
    assert bare.summary == ("twin is the most accurate.",)
