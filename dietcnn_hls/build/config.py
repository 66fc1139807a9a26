# SPDX-License-Identifier: Apache-2.0
"""A project's ``config.yml``: documented keys, checked in full before anything runs, with suggestions for misspelt ones.

The file is data: names select built-in networks, datasets and methods; nothing in it is executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, PrivateAttr, field_validator, model_validator

from dietcnn_hls.build import reading
from dietcnn_hls.data.datasets import names
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.hardware.parts import DEFAULT_PART, lookup
from dietcnn_hls.methods.choice import MethodChoice, method_choice
from dietcnn_hls.names import check_design_name
from dietcnn_hls.validation import check_plain, validate

Synthesis = Literal["auto", "vitis", "yosys", "none"]
IoType = Literal["io_stream", "io_parallel"]
Flow = Literal["default", "carry"]

MODEL_FILES = (".keras", ".h5", ".hdf5")
"""Endings of saved Keras models."""

SEEDS = 2**32
"""Seeds lie below this, as numpy's and TensorFlow's do."""


class _Section(BaseModel):
    """Base of all groups of keys: no unknown keys, no text or truth value where a number is due, no NaN or infinity."""

    model_config = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}


class NetworkConfig(_Section):
    """``network:`` a built-in builder and its arguments, or a file beside the configuration."""

    name: str = Field(
        description="lenet5, digits_lenet, ...; `dietcnn-hls methods` lists them. Or a .keras or .h5 file, or model.py:function"
    )
    width: float = Field(1.0, gt=0, le=4, description="multiplier of the hidden layers' channels")

    @property
    def own(self) -> bool:
        """Whether it is a file of the user's."""
        return self.name.lower().endswith(MODEL_FILES) or ".py" in self.name

    @model_validator(mode="after")
    def _width_of_built_in(self) -> NetworkConfig:
        if self.own and self.width != 1.0:
            raise ValueError("width is for built-in networks; a file's network has the width that it has")
        return self


class DatasetConfig(_Section):
    """``dataset:`` where images come from."""

    name: str = Field(
        description="digits, mnist, fashion_mnist, cifar10, svhn, none (hardware figures only), or an .npz or folder of .npy"
    )
    pad: int | None = Field(None, ge=1, le=4096, description="pad images with zeros to this height and width")
    precision: str | None = Field(
        None, description="fixed-point type that values of your own data are rounded to before a method trains on them"
    )
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
        if self.precision is not None and (self.absent or self.name in names() or self.pad is not None):
            raise ValueError("precision is for values of your own data that are no pixels, and goes without pad")
        if not self.absent and (self.shape is not None or self.classes is not None):
            raise ValueError("shape and classes follow from the dataset; give them with `name: none` only")
        if self.shape is not None and not all(1 <= size <= 4096 for size in self.shape):
            raise ValueError("a shape holds numbers from 1 on, to 4096")
        return self


class Hls4mlConfig(_Section):
    """``hls4ml:`` precisions of a float network, in hls4ml's own words."""

    model_config = {**_Section.model_config, "populate_by_name": True}
    granularity: Literal["model", "type", "name"] = Field("name", description="of what hls4ml infers types for")
    precision: str = Field("ap_fixed<16,6>", description="type of all that no entry states")
    reuse_factor: int = Field(1, ge=1, description="of all layers")
    strategy: Literal["Latency", "Resource"] = Field("Latency", description="how hls4ml writes its own C++")
    layer_type: dict[str, dict[str, Any]] = Field(default_factory=dict, alias="LayerType", description="entries by class")
    layer_name: dict[str, dict[str, Any]] = Field(default_factory=dict, alias="LayerName", description="entries by layer")


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
    method: dict[str, Any] | None = Field(
        None, description="name of the method and its options; `layers` gives single layers others"
    )
    hls4ml: Hls4mlConfig | None = Field(None, description="precisions of a float network in hls4ml's words, instead of a method")
    training: dict[str, Any] = Field(default_factory=dict, description="recipe, see docs/training.md")
    hardware: HardwareConfig = Field(default_factory=HardwareConfig)
    seed: int = Field(1, ge=0, lt=SEEDS)
    _folder: Path = PrivateAttr(default_factory=Path)

    @field_validator("design")
    @classmethod
    def _usable(cls, design: str) -> str:
        try:
            return check_design_name(design)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _one_arithmetic(self) -> ProjectConfig:
        if self.trains and self.hls4ml is not None:
            raise ValueError("method and hls4ml both say how the network is computed; give one")
        if not self.network.own and not self.trains:
            raise ValueError("method is missing: a built-in network is trained for one; `dietcnn-hls methods` lists them")
        if self.training and not self.trains:
            raise ValueError("training is for a method; a network that comes trained is taken as it is")
        if self.dataset.precision is not None and not self.trains:
            raise ValueError(
                "dataset.precision goes with a method; under hls4ml it is the input's, or an InputGrid layer says it"
            )
        return self

    @property
    def method_choice(self) -> MethodChoice:
        """The methods of the design, checked."""
        return method_choice(self.method or {}, "method")

    @property
    def trains(self) -> bool:
        """Whether a network is trained for a method; else one that comes trained is taken as it is."""
        return bool(self.method)

    @property
    def folder(self) -> Path:
        """Where the configuration stands, to which its files are relative."""
        return self._folder


def load(path: Path, overrides: Iterable[str] = ()) -> ProjectConfig:
    """Read a YAML file, apply ``key.path=value`` overrides, validate.

    Raises:
        ConfigError: unreadable file, bad YAML, unknown key, wrong type or value, unknown method or part.
    """
    config = parse(reading.read(path, overrides), str(path))
    config._folder = Path(path).parent
    return config


def parse(data: Mapping[str, Any], source: str = "config") -> ProjectConfig:
    """Validate a mapping; `source` names it in errors."""
    check_plain(data, source)
    config: ProjectConfig = validate(ProjectConfig, reading.expanded(dict(data)), source)
    if config.trains:
        method_choice(config.method or {}, f"{source}: method")
    return config


__all__ = ["ProjectConfig", "load", "method_choice", "parse", "validate"]
