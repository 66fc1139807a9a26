# SPDX-License-Identifier: Apache-2.0
"""Which images an accuracy was taken on, which of a design's accuracies speaks for it, and which two designs may be set apart.

All forms of a converted network are compared bit for bit, so where they agree the figure on the most images is the best
supported one. Two designs are compared on one form and one set of images, the largest that both have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dietcnn_hls.reports.model import Accuracy, Report

CONVERTED = ("rtl", "csim", "reference", "trained")
"""Forms of the converted network, the one nearest to hardware first."""

FLOAT = ("float",)

# By which comparisons a report of the time before `Accuracy.images` shows how many images a form has seen.
_SEEN_IN = {
    "rtl": ("rtl_vs_csim",),
    "csim": ("csim_vs_reference", "csim_vs_keras"),
    "trained": ("csim_vs_keras",),
}

# Forms between which a mismatch says that the two are not one computation.
_AGREEMENT = {"csim": "rtl_vs_csim", "reference": "csim_vs_reference", "trained": "csim_vs_keras"}


@dataclass(frozen=True, slots=True)
class Taken:
    """One accuracy of one form of a network.

    Attributes:
        images: the first so many of the test set; None where the report does not say.
        digest: of those images and their labels; None likewise.
    """

    form: str
    value: float
    images: int | None
    digest: str | None

    @property
    def source(self) -> str:
        """The form and its images, for people."""
        name = "float model" if self.form in FLOAT else self.form
        return f"{name}, {'number of images not stated' if self.images is None else f'{self.images:,} images'}"

    def same_images(self, other: Taken) -> bool:
        """Whether both were surely taken on the same images of one data set."""
        if self.digest is not None and other.digest is not None:
            return self.digest == other.digest
        return self.images is not None and self.images == other.images


def taken(report: Report, forms: Sequence[str]) -> list[Taken]:
    """The accuracies of a report in these forms, in their order."""
    found = []
    for form in forms:
        value = None if report.accuracy is None else report.accuracy.of(form)
        if value is not None:
            found.append(Taken(form, value, _images(report, form), _digest(report.accuracy, form)))
    return found


def best(report: Report, forms: Sequence[str] = CONVERTED) -> Taken | None:
    """The accuracy on the most images, of equals the one nearest to hardware; forms behind a mismatch do not speak for it."""
    found = _agreeing(report, taken(report, forms))
    return max(found, key=lambda item: item.images or 0, default=None)


def shared(report: Report, other: Report, forms: Sequence[str] = CONVERTED) -> tuple[Taken, Taken] | None:
    """One form of two designs on the largest set of images that both have; None where they have none in common."""
    others = {item.form: item for item in taken(other, forms)}
    pairs = [(item, others[item.form]) for item in taken(report, forms) if item.form in others]
    pairs = [(one, two) for one, two in pairs if one.same_images(two)]
    return max(pairs, key=lambda pair: pair[0].images or 0, default=None)


def _agreeing(report: Report, found: list[Taken]) -> list[Taken]:
    """The forms down to the first that is known to differ from the ones nearer to hardware."""
    by_form = {item.form: item for item in found}
    agreeing: list[Taken] = []
    for form in CONVERTED + FLOAT:
        pair = (report.bit_exact or {}).get(_AGREEMENT.get(form, ""))
        if agreeing and pair is not None and pair.mismatches:
            break
        agreeing += [by_form[form]] if form in by_form else []
    return agreeing


def _images(report: Report, form: str) -> int | None:
    accuracy = report.accuracy
    if accuracy is None or accuracy.images is not None:
        return None if accuracy is None else (accuracy.images or {}).get(form)
    if form == "reference":
        return accuracy.n_test
    seen = [report.bit_exact[pair].samples for pair in _SEEN_IN.get(form, ()) if report.bit_exact and pair in report.bit_exact]
    known = [count for count in (*seen[:1], accuracy.n_test) if count is not None]
    return min(known) if seen else None


def _digest(accuracy: Accuracy | None, form: str) -> str | None:
    return None if accuracy is None or accuracy.digests is None else accuracy.digests.get(form)


__all__ = ["CONVERTED", "FLOAT", "Taken", "best", "shared", "taken"]
