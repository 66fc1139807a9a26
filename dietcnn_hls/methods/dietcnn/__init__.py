# SPDX-License-Identifier: Apache-2.0
"""DietCNN: codebooks for activations and weights, products from a table (Dey et al., IJCNN 2023, arXiv 2305.05274)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from dietcnn_hls.lowered import Kernel
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions
from dietcnn_hls.methods.dietcnn.kernel import SymbolicKernel, TableKernel
from dietcnn_hls.methods.dietcnn.lowering import lower
from dietcnn_hls.methods.dietcnn.scheme import CodebookScheme


class DietOptions(MethodOptions):
    """Keys of ``method: {name: dietcnn, ...}``."""

    activation_symbols: int = Field(8, ge=2, le=256, description="centroids of each activation codebook")
    encoder_symbols: int | None = Field(
        None, ge=2, le=256, description="the same where no ReLU precedes: image, operands of residual adds, means"
    )
    weight_symbols: int = Field(8, ge=2, le=256, description="centroids of each conv layer's weight codebook")
    dense_symbols: int | None = Field(None, ge=2, le=256, description="the same for dense layers; default weight_symbols")
    codebooks: Literal["shared", "per_layer"] = Field("per_layer", description="one activation codebook, or one a layer")
    accumulate: Literal["exact", "symbolic"] = Field("exact", description="integer sums, or sums through the add table")
    order: Literal["tree", "ripple"] = Field("tree", description="tap order of symbolic accumulation")
    activation_bits: int = Field(5, ge=1, le=8, description="bits of the activation centroids' grid")
    weight_bits: int = Field(4, ge=2, le=8, description="bits of the weight centroids' grid, sign included")
    weight_zero: bool = Field(True, description="force an exact zero into weight codebooks")


@dataclass(frozen=True)
class DietCNN(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        return lower(spec)


METHOD = DietCNN(
    name="dietcnn",
    title="codebook symbols; products (and, in symbolic mode, sums) read from tables",
    citation="Dey, Dasgupta, Chakrabarti: DietCNN, IJCNN 2023, arXiv 2305.05274",
    kernels=(TableKernel, SymbolicKernel),
    schemes=(CodebookScheme,),
    options=DietOptions,
    sweep=(
        {"activation_symbols": 16, "weight_symbols": 16},
        {},
        {"weight_symbols": 4},
        {"weight_symbols": 2},
        {"activation_symbols": 4, "weight_symbols": 4},
    ),
)
