# SPDX-License-Identifier: Apache-2.0
"""`Report`, the content of a build's ``report.json`` (schema 1): what was measured, on what, by which tool.

Absent means not measured. No key of the file is ever null, so a figure that stands in a report, zero included, was
measured, or is called ``estimate`` or ``model`` by the ``source`` beside it. Accuracies are fractions in [0, 1].
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.reports.files import write_file
from dietcnn_hls.reports.sections import (
    ESTIMATE,
    FORMS,
    MEASURED,
    MODEL,
    PAIR,
    RTL_ACTIVITY,
    RTL_SIMULATION,
    VITIS_CSYNTH,
    VIVADO,
    Accuracy,
    Activity,
    BitExact,
    EnergyModel,
    Latency,
    LayerReport,
    Memory,
    Name,
    NotNegative,
    OperationCounts,
    Positive,
    Resources,
    Section,
    Timing,
    sta_source,
    yosys_source,
)
from dietcnn_hls.validation import check_plain, parse_json

SCHEMA = 1
FILE_NAME = "report.json"
LARGEST = 2**26
"""Bytes of the largest file that is read as a report; one of a thousand layers has a megabyte."""


class Report(Section):
    """One build of one design. See DESIGN's "Interfaces" for the stable keys.

    Attributes:
        schema_version: ``schema`` in the file, 1.
        design: name of this build; `network`: the network it computes; `method`: what stands in its linear layers.
        folding: how the hardware is folded: PE/SIMD or reuse factors by layer, and the target they were solved for.
        bit_exact: by pair, such as ``csim_vs_keras`` and ``rtl_vs_csim``.
        pipelining: ``margin``, the share of the clock that the RTL's registers hold back, where a design without missed it.
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
    bit_exact: dict[Annotated[str, Field(pattern=PAIR)], BitExact] | None = None
    operations: OperationCounts | None = None
    memory: Memory | None = None
    latency: Latency | None = None
    timing: Timing | None = None
    pipelining: dict[str, JsonValue] | None = None
    resources: Resources | None = None
    other_resources: tuple[Resources, ...] | None = Field(default=None, strict=False)
    activity: Activity | None = None
    energy_model: EnergyModel | None = None
    layers: tuple[LayerReport, ...] | None = Field(default=None, strict=False)
    timings_s: dict[str, NotNegative] | None = None
    versions: dict[str, Name] | None = None
    seed: int | None = None

    @model_validator(mode="after")
    def _layers_have_names_of_their_own(self) -> Self:
        names = _names(self.layers)
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"two layers are named '{twice[:80]}'")
        return self

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
        write_file(target, self.to_json().encode(), f"the report {target}")
        return target

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report file, or the ``report.json`` of a build folder.

        Raises:
            ConfigError: when it is missing, malformed or of a newer schema; the message names file and key.
        """
        file = Path(path)
        try:
            file = file / FILE_NAME if file.is_dir() else file
            if file.stat().st_size > LARGEST:
                raise ConfigError(f"{file} is no readable report: it has {file.stat().st_size:,} bytes, of at most {LARGEST:,}.")
            text = file.read_bytes()
        except FileNotFoundError:
            raise ConfigError(f"No report at {file}. Build the design first, or name a folder that has one.") from None
        except (OSError, ValueError) as error:  # ValueError: no path at all
            raise ConfigError(f"{file} is no readable report: {error}.") from error
        try:
            data = parse_json(text, "it")
        except ConfigError as error:
            raise ConfigError(f"{file} is no readable report: {error}.") from error
        return cls.from_data(data, str(file))

    @classmethod
    def from_data(cls, data: object, where: str = "report") -> Report:
        """Validate the parsed JSON of a report; `where` names it in errors. Raises as :meth:`load`."""
        _check_schema(data, where)
        check_plain(data, where)
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
    """The failures of a pydantic validation in one line, at most five: key paths and reasons."""
    parts = []
    failures = error.errors(include_url=False)
    for item in failures[:5]:
        key = ".".join(str(step)[:80] for step in item["loc"]) or "(whole)"
        reason = "unknown key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        parts.append(f"{key}: {reason}")
    return "; ".join(parts) + (f"; and {len(failures) - 5} more" if len(failures) > 5 else "")


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


__all__ = [
    "ESTIMATE",
    "FILE_NAME",
    "FORMS",
    "LARGEST",
    "MEASURED",
    "MODEL",
    "RTL_ACTIVITY",
    "RTL_SIMULATION",
    "SCHEMA",
    "VITIS_CSYNTH",
    "VIVADO",
    "Accuracy",
    "Activity",
    "BitExact",
    "EnergyModel",
    "Latency",
    "LayerReport",
    "Memory",
    "Report",
    "Resources",
    "Timing",
    "describe",
    "sta_source",
    "yosys_source",
]
