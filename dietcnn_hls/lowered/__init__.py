# SPDX-License-Identifier: Apache-2.0
"""The lowered graph: a converted network as a list of integer operations on coded streams.

This is the contract between the rooms. Front ends and methods produce it; `reference`, `hls`, `rtl` and `reports`
read it and nothing else. It needs numpy alone, so a saved graph can be converted without hls4ml's front ends or TensorFlow.

Every edge is a `Stream` of integer *codes*. A code is either an integer on a fixed-point grid (``levels is None``) or a
symbol, the index of a codebook entry (``levels`` holds the sorted centroids as integers on the grid). In both cases the
real value is ``integer * 2**-fraction``. Images are channels-last, (H, W, C); dense data is (N,).
"""

from __future__ import annotations

from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.arithmetic import Combine, Divide, Reduce, ValueMap
from dietcnn_hls.lowered.arrangement import Gather, Join
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.decoding import DecodingKernel
from dietcnn_hls.lowered.graph import Fold, LoweredGraph, Node, node
from dietcnn_hls.lowered.kernel import (
    Constants,
    HlsArray,
    HlsKernel,
    Kernel,
    KernelOutput,
    LaneKernel,
    RtlKernel,
    forget_kernel,
    register_kernel,
)
from dietcnn_hls.lowered.operation import OPERATIONS, ChannelTable, Operation, forget_operation, register_operation
from dietcnn_hls.lowered.ops import (
    Add,
    Encode,
    Linear,
    MaxPool,
    Requantize,
    Reshape,
    Source,
    SumPool,
    SymbolMap,
    infer_stream,
)
from dietcnn_hls.lowered.registry import Registry
from dietcnn_hls.lowered.stream import Grid, Stream, Window

__all__ = [
    "OPERATIONS",
    "Add",
    "ChannelTable",
    "Combine",
    "Constants",
    "DecodingKernel",
    "Divide",
    "Encode",
    "Fold",
    "Gather",
    "Grid",
    "HlsArray",
    "HlsKernel",
    "Join",
    "Kernel",
    "KernelOutput",
    "LaneKernel",
    "Linear",
    "LoweredGraph",
    "MaxPool",
    "Node",
    "Operation",
    "Operations",
    "Reduce",
    "Registry",
    "Requantize",
    "Reshape",
    "RtlKernel",
    "Source",
    "Stream",
    "SumPool",
    "SymbolMap",
    "ValueMap",
    "Widths",
    "Window",
    "checks",
    "forget_kernel",
    "forget_operation",
    "infer_stream",
    "node",
    "register_kernel",
    "register_operation",
]
