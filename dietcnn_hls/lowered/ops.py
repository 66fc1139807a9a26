# SPDX-License-Identifier: Apache-2.0
"""All operations in one place, and the stream that each produces."""

from __future__ import annotations

from collections.abc import Sequence

from dietcnn_hls.lowered.elementwise import Encode, Requantize, SymbolMap
from dietcnn_hls.lowered.linear import Linear
from dietcnn_hls.lowered.operation import Operation
from dietcnn_hls.lowered.pooling import MaxPool, SumPool
from dietcnn_hls.lowered.stream import Stream
from dietcnn_hls.lowered.structure import Add, Reshape, Source


def infer_stream(op: Operation, inputs: Sequence[Stream], declared: Stream | None = None) -> Stream:
    """The stream that `op` produces from `inputs`; `declared` is what an operation without inputs produces.

    Raises:
        LoweringError: as `Operation.stream`.
    """
    return declared if op.arity == 0 and not inputs and declared is not None else op.stream(inputs)


__all__ = ["Add", "Encode", "Linear", "MaxPool", "Requantize", "Reshape", "Source", "SumPool", "SymbolMap", "infer_stream"]
