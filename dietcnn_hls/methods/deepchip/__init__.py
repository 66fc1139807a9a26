# SPDX-License-Identifier: Apache-2.0
"""DeepChip: asymmetric ternary weights, trained, and compressed storage (Schindler et al., ECML PKDD 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.deepchip.lowering import lower
from dietcnn_hls.methods.deepchip.scheme import TernaryScheme


class DeepChipOptions(MethodOptions):
    """Keys of ``method: {name: deepchip, ...}``."""

    threshold: float = Field(0.05, gt=0, lt=1, description="weights up to this fraction of the layer's largest are zero")
    scale_bits: int = Field(4, ge=1, le=8, description="bits of the two scales of a layer")
    power_of_two_scales: bool = Field(False, description="scales are powers of two: no constant scaling remains")
    activation_bits: int = Field(8, ge=2, le=8, description="bits of activations, on power-of-two grids")


@dataclass(frozen=True)
class DeepChip(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        return lower(spec)


METHOD = DeepChip(
    name="deepchip",
    title="weights of three trained values, two accumulations, scales once per output; compressed storage",
    citation="Schindler et al.: Towards Efficient Forward Propagation on Resource-Constrained Systems, ECML PKDD 2018",
    kernels=(TernaryKernel,),
    schemes=(TernaryScheme,),
    options=DeepChipOptions,
)
