# SPDX-License-Identifier: Apache-2.0
"""`Report`, the content of a build's ``report.json`` (schema 1): what was measured, on what, by which tool.

Absent means not measured. No key of the file is ever null, so a figure that stands in a report, zero included, was
measured, or is called ``estimate`` or ``model`` by the ``source`` beside it. Accuracies are fractions in [0, 1].
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    model_validator,
)

from dietcnn_hls.errors import ConfigError, OutputError, suggest
from dietcnn_hls.lowered import Operations

SCHEMA = 1
FILE_NAME = "report.json"
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
_PAIR = r"^[a-z][a-z0-9_]*_vs_[a-z][a-z0-9_]*$"

Count = Annotated[int, Field(ge=0, strict=True)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(min_length=1)]


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
    """Base of all parts of a report: immutable, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


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
    output_shape: tuple[Count, ...] | None = None
    folding: dict[str, JsonValue] | None = None
    operations: OperationCounts | None = None
    memory: Memory | None = None
    latency: Latency | None = None
    resources: Resources | None = None
    activity: Activity | None = None
    details: dict[str, JsonValue] | None = None


class Report(Section):
    """One build of one design. See DESIGN's "Interfaces" for the stable keys.

    Attributes:
        schema_version: ``schema`` in the file, 1.
        design: name of this build; `network`: the network it computes; `method`: what stands in its linear layers.
        folding: how the hardware is folded: PE/SIMD or reuse factors by layer, and the target they were solved for.
        bit_exact: by pair, such as ``csim_vs_keras`` and ``rtl_vs_csim``.
        other_resources: the same design through further flows, printed where flows disagree.
        timings_s: wall-clock seconds of the build's stages.
    """

    schema_version: Annotated[int, Field(strict=True)] = Field(default=SCHEMA, alias="schema")
    design: Name
    network: Name
    method: Name
    dataset: Name | None = None
    part: Name | None = None
    clock_ns: Positive | None = None
    io_type: Name | None = None
    folding: dict[str, JsonValue] | None = None
    accuracy: Accuracy | None = None
    bit_exact: dict[Annotated[str, Field(pattern=_PAIR)], BitExact] | None = None
    operations: OperationCounts | None = None
    memory: Memory | None = None
    latency: Latency | None = None
    timing: Timing | None = None
    resources: Resources | None = None
    other_resources: tuple[Resources, ...] | None = None
    activity: Activity | None = None
    energy_model: EnergyModel | None = None
    layers: tuple[LayerReport, ...] | None = None
    timings_s: dict[str, NotNegative] | None = None
    versions: dict[str, Name] | None = None
    seed: int | None = None

    def to_json(self) -> str:
        """Text of ``report.json``: keys in the order of the schema, nothing null, nothing empty."""
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        data["layers"] = [_without_empty(entry) for entry in data.get("layers", ())]
        data = _without_empty(data)
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: Path) -> Path:
        """Write to `path`, or to ``report.json`` in the folder `path`; beside first, then renamed.

        Raises:
            OutputError: when it cannot be written.
        """
        target = path / FILE_NAME if path.is_dir() else path
        partial = target.with_name(f".{target.name}.partial")
        try:
            partial.write_text(self.to_json(), encoding="utf-8")
            os.replace(partial, target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(f"Cannot write the report {target}: {error.strerror}.") from error
        return target

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report file, or the ``report.json`` of a build folder.

        Raises:
            ConfigError: when it is missing, malformed or of a newer schema; the message names file and key.
        """
        file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"No report at {file}. Build the design first, or name a folder that has one.") from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file} is no readable report: {error}.") from error
        return cls.from_data(data, str(file))

    @classmethod
    def from_data(cls, data: object, where: str = "report") -> Report:
        """Validate the parsed JSON of a report; `where` names it in errors. Raises as :meth:`load`."""
        _check_schema(data, where)
        _refuse_nulls(data, where)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{where} is not a valid report: {describe(error)}") from error

    def layer(self, name: str) -> LayerReport:
        """The entry of one layer; ConfigError with the nearest name when there is none."""
        for entry in self.layers or ():
            if entry.name == name:
                return entry
        raise ConfigError(f"Report {self.design} has no layer '{name}'.{suggest(name, _names(self.layers))}")


def describe(error: ValidationError) -> str:
    """All failures of a pydantic validation in one line: key paths and reasons."""
    parts = []
    for item in error.errors(include_url=False):
        key = ".".join(str(step) for step in item["loc"]) or "(whole)"
        reason = "unknown key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        parts.append(f"{key}: {reason}")
    return "; ".join(parts)


def _names(layers: Iterable[LayerReport] | None) -> list[str]:
    return [entry.name for entry in layers or ()]


def _check_schema(data: object, where: str) -> None:
    if not isinstance(data, Mapping) or "schema" not in data:
        raise ConfigError(f"{where} is not a dietcnn_hls report: it has no 'schema'.")
    schema = data["schema"]
    if schema == SCHEMA and not isinstance(schema, bool):
        return
    if isinstance(schema, int) and schema > SCHEMA:
        raise ConfigError(f"{where} has schema {schema}; this version reads {SCHEMA}. Update dietcnn_hls to read it.")
    raise ConfigError(f"{where} has schema {schema!r}; this version reads {SCHEMA}. Build the design again.")


def _refuse_nulls(value: object, where: str, key: str = "") -> None:
    """Null would read as "measured, but nothing"; the format leaves such a key out."""
    if value is None:
        raise ConfigError(f"{where}: '{key}' is null. A figure that was not measured is left out of a report.")
    if isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_nulls(item, where, f"{key}.{name}" if key else str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            _refuse_nulls(item, where, f"{key}.{index}")


def _without_empty(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Drop sections in which nothing was measured."""
    return {key: value for key, value in data.items() if value != {} and value != []}
