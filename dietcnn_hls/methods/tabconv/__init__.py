# SPDX-License-Identifier: Apache-2.0
"""TabConv: product quantisation; outputs are sums of table entries (Gupta et al., CF 2024, arXiv 2404.05872)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel
from dietcnn_hls.methods.tabconv.lowering import lower
from dietcnn_hls.methods.tabconv.scheme import ProductQuantScheme
from dietcnn_hls.methods.tabconv.taps import TapTableKernel


class TabConvOptions(MethodOptions):
    """Keys of ``method: {name: tabconv, ...}``."""

    prototypes: int = Field(16, ge=2, le=8192, description="K, prototypes of a subspace; a power of two with the tree encoder")
    subspace: int = Field(8, ge=1, description="inputs of a subspace aimed at; the taps of a layer are divided evenly")
    encoder: Literal["tree", "exact"] = Field("tree", description="decision tree, or nearest prototype (multiplies; no hardware)")
    table_bits: int = Field(8, ge=2, le=16, description="bits of a table entry, with a power-of-two scale an output")
    activation_bits: int = Field(8, ge=2, le=8, description="bits of activations, on power-of-two grids")
    output_aware: bool = Field(True, description="grow trees by the error of the layer's outputs instead of its inputs")
    follow_float: float = Field(
        0.5, ge=0, le=1, description="1: tables aim at the float network's sums; 0: at those of their own inputs"
    )
    agreement: float | None = Field(
        None, gt=0, le=1, description="keep the worst layers exact until so many held-out images keep the float network's class"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of k-means")


@dataclass(frozen=True)
class TabConv(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        return lower(spec)


METHOD = TabConv(
    name="tabconv",
    title="product quantisation: subspaces are encoded by decision trees, outputs are sums of table entries",
    citation="Gupta, Kannan, Zhang, Prasanna: TabConv, CF 2024, arXiv 2404.05872",
    kernels=(ProductQuantKernel, TapTableKernel),
    schemes=(ProductQuantScheme,),
    options=TabConvOptions,
    sweep=({}, {"prototypes": 8}),
)
