# SPDX-License-Identifier: Apache-2.0
"""Sections of a report: what can be stated of a design, each with the source of its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.lowered import Operations

FORMS = ("float", "trained", "reference", "csim", "rtl")
"""Forms of a network of which an accuracy can be stated."""
MEASURED = ("reference", "csim", "rtl")
"""Those that a build itself makes; the models may have been judged on more images than it is given."""

RTL_SIMULATION = "rtl_simulation"
VITIS_CSYNTH = "vitis_csynth"
VIVADO = "vivado"
ESTIMATE = "estimate"
RTL_ACTIVITY = "rtl_activity"
MODEL = "model"

_YOSYS = re.compile(r"yosys \d[\w.+-]*/[a-z][\w+-]*(/per-module)?")
_STA = re.compile(r"sta yosys \d[\w.+-]*/[\w.+-]+")
PAIR = r"^[a-z][a-z0-9_]*_vs_[a-z][a-z0-9_]*$"

Count = Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(min_length=1, max_length=10_000)]


def yosys_source(version: str, flow: str) -> str:
    """The ``source`` of figures synthesised by Yosys, ``yosys <version>/<flow>``; ConfigError when malformed."""
    source = f"yosys {version}/{flow}"
    if not _YOSYS.fullmatch(source):
        raise ConfigError(f"'{version}' and '{flow}' are no Yosys version and flow; expected such as '0.23', 'carry'.")
    return source


def sta_source(version: str, table: str) -> str:
    """The ``source`` of a timing analysis of Yosys' netlist, ``sta yosys <version>/<delay table>``."""
    return f"sta yosys {version}/{table}"


def _timing_source(source: str) -> str:
    if source == VIVADO or _STA.fullmatch(source):
        return source
    raise ValueError(f"unknown source '{source}'.{suggest(source, [VIVADO, 'sta yosys <version>/<delay table>'])}")


def _one_of(*names: str, yosys: bool = False) -> AfterValidator:
    def check(source: str) -> str:
        if source in names or (yosys and _YOSYS.fullmatch(source)):
            return source
        known = [*names, *(["yosys <version>/<flow>"] if yosys else [])]
        raise ValueError(f"unknown source '{source}'.{suggest(source, known)}")

    return AfterValidator(check)


LatencySource = Annotated[str, _one_of(RTL_SIMULATION, VITIS_CSYNTH, VIVADO, ESTIMATE)]
TimingSource = Annotated[str, AfterValidator(_timing_source)]
ResourceSource = Annotated[str, _one_of(VITIS_CSYNTH, VIVADO, ESTIMATE, yosys=True)]


def _read_operations(value: object) -> Operations:
    if isinstance(value, Operations):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("expected counts by kind")
    try:
        return Operations.from_dict(value)
    except ConfigError as error:
        raise ValueError(str(error)) from error


OperationCounts = Annotated[
    Operations, PlainValidator(_read_operations), PlainSerializer(Operations.as_dict, return_type=dict[str, int])
]


class Section(BaseModel):
    """Base of all parts of a report: immutable, no unknown keys, no NaN, no text or truth value where a number is due."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True, allow_inf_nan=False)


class Accuracy(Section):
    """Top-1 of the float model, the trained model, and the converted one in each of its forms.

    Attributes:
        n_test: images of the whole test set.
        images: by figure, the images it was taken on: the first so many of the test set.
        digests: by figure, a digest of those images and their labels; equal digests, equal images.
    """

    float_: Fraction | None = Field(default=None, alias="float")
    trained: Fraction | None = None
    reference: Fraction | None = None
    csim: Fraction | None = None
    rtl: Fraction | None = None
    n_test: Count | None = None
    images: dict[str, Annotated[Count, Field(gt=0)]] | None = None
    digests: dict[str, Name] | None = None

    def of(self, form: str) -> float | None:
        """The figure of one form by its key in the file."""
        value: float | None = getattr(self, "float_" if form == "float" else form)
        return value

    @model_validator(mode="after")
    def _images_belong_to_figures(self) -> Self:
        for key, entries in (("images", self.images), ("digests", self.digests)):
            for form in entries or {}:
                if form not in FORMS or self.of(form) is None:
                    raise ValueError(f"{key} names '{form}', of which no accuracy is stated")
        most = max((count for form, count in (self.images or {}).items() if form in MEASURED), default=0)
        if self.n_test is not None and most > self.n_test:
            raise ValueError(f"an accuracy on {most} images of a test set of {self.n_test}")
        return self


class BitExact(Section):
    """Samples compared in all outputs, and how many differed anywhere."""

    samples: Count
    mismatches: Count

    @model_validator(mode="after")
    def _not_more_than_all(self) -> Self:
        if self.mismatches > self.samples:
            raise ValueError(f"{self.mismatches} mismatches among {self.samples} samples")
        return self


class Memory(Section):
    """Stored bits: look-up tables, weights (or weight symbols), and buffers in which branches of the RTL wait for each other."""

    table_bits: Count | None = None
    weight_bits: Count | None = None
    fifo_bits: Count | None = None


class Latency(Section):
    """Cycles from first input to last output of one inference, and cycles between inferences."""

    cycles: Count | None = None
    interval: Count | None = None
    source: LatencySource


class Timing(Section):
    """The clock that a design reaches, and what its cycles then take.

    Attributes:
        period_ns, fmax_mhz: shortest clock period at which the slowest path works, and its frequency.
        slack_ns: asked period less `period_ns`; negative where the clock is missed.
        logic_ns, net_ns: shares of cells (clock-to-output, setup and clock uncertainty included) and nets in `period_ns`.
        levels: of logic on that path, which runs from `from_` (``from`` in the file) to `to`.
        clock_ns: the period that the following figures stand on: the asked one, or `period_ns` where that is longer.
        latency_ns, interval_ns, inferences_per_s: of one inference at that clock.
        error: how far figures of this source lay from routed designs where those were known.
    """

    period_ns: Positive
    fmax_mhz: Positive
    slack_ns: float | None = None
    logic_ns: NotNegative | None = None
    net_ns: NotNegative | None = None
    levels: Count | None = None
    from_: Name | None = Field(default=None, alias="from")
    to: Name | None = None
    clock_ns: Positive | None = None
    latency_ns: NotNegative | None = None
    interval_ns: NotNegative | None = None
    inferences_per_s: NotNegative | None = None
    source: TimingSource
    error: Name | None = None

    def with_cycles(self, latency: Latency | None) -> Self:
        """The same with the time that a design's cycles take."""
        if self.clock_ns is None or latency is None:
            return self
        interval = None if not latency.interval else round(latency.interval * self.clock_ns, 3)
        return self.model_copy(
            update={
                "latency_ns": None if latency.cycles is None else round(latency.cycles * self.clock_ns, 3),
                "interval_ns": interval,
                "inferences_per_s": interval and round(1e9 / interval, 1),
            }
        )


class Resources(Section):
    """What the part spends. ``lut`` sums LUT1..LUT6; ``levels`` is logic levels between registers."""

    lut: Count | None = None
    ff: Count | None = None
    dsp: Count | None = None
    bram18: Count | None = None
    uram: Count | None = None
    muxf: Count | None = None
    carry: Count | None = None
    levels: Count | None = None
    source: ResourceSource
    flow: Name | None = None

    @model_validator(mode="after")
    def _flow_agrees(self) -> Self:
        named = self.source.partition("/")[2]
        if named and self.flow is not None and self.flow != named:
            raise ValueError(f"flow '{self.flow}' contradicts source '{self.source}'")
        return self


class Activity(Section):
    """Bit toggles of one inference, averaged over `samples` inputs; `weight` says how nets were weighted."""

    toggles_per_inference: NotNegative
    source: Annotated[str, _one_of(RTL_ACTIVITY)]
    samples: Count | None = None
    weight: Name | None = None


class EnergyModel(Section):
    """Operation energy in units of one 8-bit addition: a model to compare designs with, no measurement, no watts."""

    relative: NotNegative
    source: Annotated[str, _one_of(MODEL)]


class LayerReport(Section):
    """One layer's share. `details` holds what only its kind or method knows."""

    name: Name
    kind: Name
    method: Name | None = None
    output_shape: tuple[Count, ...] | None = Field(default=None, strict=False)
    folding: dict[str, JsonValue] | None = None
    operations: OperationCounts | None = None
    memory: Memory | None = None
    latency: Latency | None = None
    resources: Resources | None = None
    activity: Activity | None = None
    details: dict[str, JsonValue] | None = None
