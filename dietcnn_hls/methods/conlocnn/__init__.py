# SPDX-License-Identifier: Apache-2.0
"""ConLoCNN: signed-digit weights with correlation-based rounding, no retraining (Hanif et al., arXiv 2208.00331)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.conlocnn.lowering import lower
from dietcnn_hls.methods.conlocnn.scheme import SignedDigitScheme


class ConLoOptions(MethodOptions):
    """Keys of ``method: {name: conlocnn, ...}``."""

    weight_bits: int = Field(4, ge=2, le=8, description="bit budget of an encoded weight; the format is searched per layer")
    digit_positions: int = Field(7, ge=1, le=7, description="most positions of a digit; with two, choice and adder share LUTs")
    activation_bits: int = Field(8, ge=2, le=8, description="bits of activations, on power-of-two grids")
    rounding: Literal["compensated", "nearest"] = Field("compensated", description="four-step error compensation, or none")


@dataclass(frozen=True)
class ConLoCNN(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        return lower(spec)


METHOD = ConLoCNN(
    name="conlocnn",
    title="weights of one or two signed powers of two, rounded so that errors cancel; no retraining",
    citation="Hanif et al.: CoNLoCNN, IJCNN 2022, arXiv 2208.00331",
    kernels=(SignedDigitKernel,),
    schemes=(SignedDigitScheme,),
    options=ConLoOptions,
    sweep=({}, {"weight_bits": 3}),
)
