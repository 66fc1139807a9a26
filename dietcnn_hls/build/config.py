# SPDX-License-Identifier: Apache-2.0
"""A project's ``config.yml``: documented keys, checked in full before anything runs, with suggestions for misspelt ones.

The file is data: names select built-in networks, datasets and methods; nothing in it is executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from dietcnn_hls.build import reading
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.hardware.parts import DEFAULT_PART, lookup
from dietcnn_hls.methods.choice import MethodChoice, method_choice
from dietcnn_hls.names import check_design_name
from dietcnn_hls.validation import check_plain, validate

Synthesis = Literal["auto", "vitis", "yosys", "none"]
IoType = Literal["io_stream", "io_parallel"]
Flow = Literal["default", "carry"]

SEEDS = 2**32
"""Seeds lie below this, as numpy's and TensorFlow's do."""


class _Section(BaseModel):
    """Base of all groups of keys: no unknown keys, no text or truth value where a number is due, no NaN or infinity."""

    model_config = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}


class NetworkConfig(_Section):
    """``network:`` a built-in builder and its arguments."""

    name: str = Field(description="lenet5, digits_lenet, ...; `dietcnn-hls methods` lists them")
    width: float = Field(1.0, gt=0, le=4, description="multiplier of the hidden layers' channels")


class DatasetConfig(_Section):
    """``dataset:`` where images come from."""

    name: str = Field(
        description="digits, mnist, fashion_mnist, cifar10, svhn, the path of an .npz, or none: hardware figures only"
    )
    pad: int | None = Field(None, ge=1, le=4096, description="pad images with zeros to this height and width")
    shape: tuple[int, int, int] | None = Field(None, strict=False, description="(H, W, C) of the images, with `name: none`")
    classes: int | None = Field(None, ge=2, le=1_000_000, description="how many there are, with `name: none`")

    @property
    def absent(self) -> bool:
        """No images: the network stays untrained, and no accuracy is reported."""
        return self.name == "none"

    @model_validator(mode="after")
    def _one_source_of_shape(self) -> DatasetConfig:
        if self.absent and (self.shape is None or self.classes is None or self.pad is not None):
            raise ValueError("`name: none` needs shape and classes, and takes no pad")
        if not self.absent and (self.shape is not None or self.classes is not None):
            raise ValueError("shape and classes follow from the dataset; give them with `name: none` only")
        if self.shape is not None and not all(1 <= size <= 4096 for size in self.shape):
            raise ValueError("a shape holds numbers from 1 on, to 4096")
        return self


class HardwareConfig(_Section):
    """``hardware:`` the target and its folding."""

    part: str = Field(DEFAULT_PART, description="Xilinx part")
    clock_period: float = Field(5.0, ge=0.1, le=1e6, description="nanoseconds; the RTL has the registers that it asks for")
    io_type: IoType = "io_stream"
    folding: FoldingSpec = Field(default_factory=FoldingSpec)

    @field_validator("part")
    @classmethod
    def _known(cls, part: str) -> str:
        try:
            lookup(part)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return part


class ChecksConfig(_Section):
    """``checks:`` how many test images each simulation sees; None means all."""

    csim_samples: int | None = Field(None, ge=1)
    rtl_samples: int | None = Field(1000, ge=1)
    rtl_stalls: bool = Field(True, description="also simulate under random bubbles and back-pressure")
    activity: bool = Field(True, description="count toggles in RTL simulation")
    netlist_samples: int = Field(0, ge=0, description="images for the mapped netlist of the whole design; slow to compile")
    layer_resources: bool = Field(True, description="synthesise with the layers kept apart as well")
    whole_resources: bool = Field(True, description="synthesise the design as a whole; false: the layers' sum stands for it")
    hls4ml_samples: int = Field(
        100, ge=0, description="images for hls4ml's stock Vitis backend, where it converts the model too; 0: none"
    )
    vivado: bool = Field(False, description="implement the SystemVerilog with Vivado as well, which then heads the resources")

    @model_validator(mode="after")
    def _resources_and_netlist(self) -> ChecksConfig:
        if self.netlist_samples and not self.whole_resources:
            raise ValueError("netlist_samples needs the netlist of the whole design; leave whole_resources on")
        if not (self.layer_resources or self.whole_resources):
            raise ValueError("layer_resources and whole_resources are both false; keep one, or set synthesis: none")
        return self


class MeasureConfig(_Section):
    """What is checked and measured, and by which tools."""

    checks: ChecksConfig = Field(default_factory=ChecksConfig)
    synthesis: Synthesis = "none"
    flows: tuple[Flow, ...] = Field(
        ("carry",),
        strict=False,
        description="Yosys flows; the first one heads the report; with none the RTL is simulated only",
    )
    dsp: bool = Field(False, description="let multipliers use DSP blocks (fixed_point)")

    @field_validator("flows")
    @classmethod
    def _each_once(cls, flows: tuple[Flow, ...]) -> tuple[Flow, ...]:
        for flow in flows:
            if flows.count(flow) > 1:
                raise ValueError(f"flow '{flow}' is given twice")
        return flows


class ProjectConfig(MeasureConfig):
    """One design: what to train, how to compute it, on what hardware, and what to measure."""

    design: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name of the design: letters, digits and '_', no word of a generated language",
    )
    network: NetworkConfig
    dataset: DatasetConfig
    method: dict[str, Any] = Field(description="name of the method and its options; `layers` gives single layers others")
    training: dict[str, Any] = Field(default_factory=dict, description="recipe, see docs/training.md")
    hardware: HardwareConfig = Field(default_factory=HardwareConfig)
    seed: int = Field(1, ge=0, lt=SEEDS)

    @field_validator("design")
    @classmethod
    def _usable(cls, design: str) -> str:
        try:
            return check_design_name(design)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @property
    def method_choice(self) -> MethodChoice:
        """The methods of the design, checked."""
        return method_choice(self.method, "method")


def load(path: Path, overrides: Iterable[str] = ()) -> ProjectConfig:
    """Read a YAML file, apply ``key.path=value`` overrides, validate.

    Raises:
        ConfigError: unreadable file, bad YAML, unknown key, wrong type or value, unknown method or part.
    """
    return parse(reading.read(path, overrides), str(path))


def parse(data: Mapping[str, Any], source: str = "config") -> ProjectConfig:
    """Validate a mapping; `source` names it in errors."""
    check_plain(data, source)
    config: ProjectConfig = validate(ProjectConfig, reading.expanded(dict(data)), source)
    method_choice(config.method, f"{source}: method")
    return config


__all__ = ["ProjectConfig", "load", "method_choice", "parse", "validate"]
