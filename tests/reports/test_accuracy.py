# SPDX-License-Identifier: Apache-2.0
"""Accuracies name their images; designs are compared on the largest set that both have, or not at all."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.reports import accuracy
from dietcnn_hls.reports.compare import Comparison, compare
from dietcnn_hls.reports.model import Accuracy, BitExact, Report


def report(design: str, given: Accuracy | None, bit_exact: dict[str, BitExact] | None = None) -> Report:
    return Report(design=design, network="n", method="m", dataset="fashion_mnist", accuracy=given, bit_exact=bit_exact)


def exact(**samples: int) -> dict[str, BitExact]:
    return {pair: BitExact(samples=count, mismatches=0) for pair, count in samples.items()}


def taken(n_test: int = 10_000, **figures: tuple[float, int]) -> Accuracy:
    values: dict[str, Any] = {form: value for form, (value, _) in figures.items()}
    return Accuracy(**values, n_test=n_test, images={form: images for form, (_, images) in figures.items()})


def verdict(design: Accuracy, twin: Accuracy) -> Comparison:
    return compare([report("design", design), report("twin", twin)], twin="twin")


# As a build with checks.rtl_samples = 200 left them: on its 200 images the design is ahead, on all images it is behind.
DESIGN = taken(rtl=(0.93, 200), csim=(0.8952, 10_000), reference=(0.8952, 10_000))
TWIN = taken(rtl=(0.925, 200), csim=(0.9086, 10_000), reference=(0.9086, 10_000))


def test_the_verdict_of_all_images_is_not_reversed_by_a_subset() -> None:
    comparison = verdict(DESIGN, TWIN)
    figure = comparison.rows[0].figures["accuracy"]
    assert (figure.value, figure.source) == (0.8952, "csim, 10,000 images")
    assert comparison.rows[0].ratios["accuracy"] == -0.0134 and not comparison.differences
    line = next(line for line in comparison.render("md").splitlines() if line.startswith("| Accuracy |"))
    assert line == "| Accuracy | 89.52 % (csim, 10,000 images) | -1.34 points | 90.86 % (csim, 10,000 images) |"


def test_a_difference_on_another_set_than_the_figures_says_so_in_every_form() -> None:
    comparison = verdict(DESIGN, taken(rtl=(0.925, 200), csim=(0.91, 1000)))
    row = comparison.rows[0]
    assert row.ratios["accuracy"] == 0.005 and row.sources == {"accuracy": "rtl, 200 images"}
    assert "| 89.52 % (csim, 10,000 images) | +0.50 points (rtl, 200 images) | 91.00 % (csim, 1,000 images) |" in (
        comparison.render("md")
    )
    line = next(iter(csv.DictReader(io.StringIO(comparison.render("csv")))))
    assert (line["accuracy_source"], line["accuracy_difference"], line["accuracy_difference_source"]) == (
        "csim, 10,000 images", "0.005", "rtl, 200 images",
    )  # fmt: skip
    data = json.loads(comparison.render("json"))["designs"][0]["figures"]["accuracy"]
    assert (data["difference"], data["difference_source"]) == (0.005, "rtl, 200 images")
    assert "+0.50 points (rtl, 200 images)" in comparison.render("html")


@pytest.mark.parametrize(
    "design, twin, said",
    [
        (taken(csim=(0.9, 200)), taken(csim=(0.9, 10_000)), "test images (200 against 10000)"),
        (taken(csim=(0.9, 200)), taken(rtl=(0.9, 200)), "test images, which are others (200 against 200)"),
        (Accuracy(csim=0.9, n_test=10_000), taken(csim=(0.9, 10_000)), "test images (not stated against 10000)"),
        (Accuracy(csim=0.9, n_test=100), Accuracy(csim=0.8, n_test=100), "test images (not stated against not stated)"),
    ],
)
def test_without_a_common_set_the_difference_is_withheld(design: Accuracy, twin: Accuracy, said: str) -> None:
    comparison = verdict(design, twin)
    assert "accuracy" not in comparison.rows[0].ratios
    assert said in str(comparison.differences[0])
    with pytest.raises(ConfigError, match="Not a fair comparison"):
        compare([report("design", design), report("twin", twin)], strict=True)


def test_equal_counts_of_other_images_are_no_common_set() -> None:
    one, two = (taken(csim=(0.9, 200)).model_copy(update={"digests": {"csim": digest}}) for digest in ("aa", "bb"))
    assert "accuracy" not in verdict(one, two).rows[0].ratios
    assert verdict(one, one).rows[0].ratios["accuracy"] == 0


def test_float_accuracies_are_compared_on_their_own_images() -> None:
    whole, part = taken(float=(0.9, 100), csim=(0.8, 100)), taken(float=(0.9, 50), csim=(0.8, 100))
    assert verdict(whole, whole).rows[0].ratios == {"accuracy": 0, "accuracy_float": 0}
    comparison = verdict(whole, part)
    assert comparison.rows[0].ratios == {"accuracy": 0}
    assert "test images of the float network (100 against 50): no ratio of float accuracy" in str(comparison.differences[0])
    assert comparison.rows[0].figures["accuracy_float"].source == "float model, 100 images"


def test_reports_of_before_have_the_images_of_their_comparisons() -> None:
    """Such a report states the size of its test set; how many images a form saw stands in its bit-exact comparisons."""
    given = Accuracy(reference=0.8952, csim=0.9, rtl=0.93, n_test=10_000)
    found = report("d", given, exact(csim_vs_reference=1000, rtl_vs_csim=200))
    assert [(item.form, item.images) for item in accuracy.taken(found, accuracy.CONVERTED)] == [
        ("rtl", 200), ("csim", 1000), ("reference", 10_000),
    ]  # fmt: skip
    best = accuracy.best(found)
    assert best is not None and best.source == "reference, 10,000 images"
    unknown = accuracy.best(report("d", Accuracy(rtl=0.93, n_test=10_000)))
    assert unknown is not None and unknown.source == "rtl, number of images not stated"


def test_a_form_behind_a_mismatch_does_not_speak_for_the_hardware() -> None:
    found = report("d", DESIGN, {"rtl_vs_csim": BitExact(samples=200, mismatches=3)})
    best = accuracy.best(found)
    assert best is not None and best.source == "rtl, 200 images"


@pytest.mark.parametrize(
    "change, text",
    [
        ({"images": {"rtl": 10}}, "images names 'rtl', of which no accuracy is stated"),
        ({"images": {"csim": 101}}, "an accuracy on 101 images of a test set of 100"),
        ({"images": {"csim": 0}}, "greater than 0"),
        ({"digests": {"cism": "ab"}}, "digests names 'cism'"),
    ],
)
def test_images_that_cannot_be_are_refused(change: dict[str, Any], text: str) -> None:
    data = {"schema": 1, "design": "d", "network": "n", "method": "m", "accuracy": {"csim": 0.9, "n_test": 100} | change}
    with pytest.raises(ConfigError, match=text):
        Report.from_data(data)
