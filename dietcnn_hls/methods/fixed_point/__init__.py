# SPDX-License-Identifier: Apache-2.0
"""The baseline: uniform fixed-point activations and weights and ordinary multipliers, trained with QKeras."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.methods.fixed_point.lowering import lower
from dietcnn_hls.methods.fixed_point.rounded import RoundedMultiplyKernel
from dietcnn_hls.methods.fixed_point.scheme import UniformScheme


class FixedPointOptions(MethodOptions):
    """Keys of ``method: {name: fixed_point, ...}``."""

    activation_bits: int = Field(8, ge=1, le=16, description="unsigned bits of activations")
    weight_bits: int = Field(8, ge=2, le=16, description="bits of weights, sign included")


@dataclass(frozen=True)
class FixedPoint(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        return lower(spec)


METHOD = FixedPoint(
    name="fixed_point",
    title="uniform fixed point with multipliers: the twin that others are compared with",
    citation="baseline; trained with QKeras (Coelho et al., Nature Machine Intelligence 3, 2021)",
    kernels=(MultiplyKernel, RoundedMultiplyKernel),
    schemes=(UniformScheme,),
    options=FixedPointOptions,
    sweep=({}, {"weight_bits": 6}, {"activation_bits": 6, "weight_bits": 4}),
)
