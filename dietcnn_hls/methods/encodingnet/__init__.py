# SPDX-License-Identifier: Apache-2.0
"""EncodingNet: products encoded by gates into weighted bits that are counted, not added (Liu et al., arXiv 2402.18595)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.encodingnet.lowering import lower
from dietcnn_hls.methods.encodingnet.netlist import Netlist
from dietcnn_hls.methods.encodingnet.scheme import EncodedScheme


class EncodingOptions(MethodOptions):
    """Keys of ``method: {name: encodingnet, ...}``."""

    bits: int = Field(
        32,
        ge=1,
        le=64,
        description="M, width of the encoded product; shipped: 64, 56, 48, 40, 36, of carry_cones 40, 36, 32, 28, 24",
    )
    objective: library.ObjectiveName = Field(
        "carry_cones", description="encoders searched for LUTs that also add, for LUTs, or for NAND2-equivalent gates"
    )
    encoder: Path | None = Field(None, strict=False, description="file of an encoder of your own, instead of a shipped one")
    correct_bias: bool = Field(True, description="fold the encoder's mean error on calibration images into the biases")

    def netlist(self) -> Netlist:
        """The encoder that these options name; ConfigError when there is none."""
        return library.shipped(self.bits, self.objective) if self.encoder is None else library.load(self.encoder)


@dataclass(frozen=True)
class EncodingNet(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        return lower(spec)


METHOD = EncodingNet(
    name="encodingnet",
    title="products encoded by gates into weighted bits, counted over the taps",
    citation="Liu et al.: EncodingNet, TCASAI 2024, arXiv 2402.18595",
    kernels=(NetlistKernel,),
    schemes=(EncodedScheme,),
    options=EncodingOptions,
    sweep=({}, {"bits": 24}),
)
