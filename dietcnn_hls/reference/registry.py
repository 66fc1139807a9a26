# SPDX-License-Identifier: Apache-2.0
"""The reference's registry: how each operation is evaluated on a batch of codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dietcnn_hls.lowered import Registry, Stream

Evaluator = Callable[[Any, Sequence[Stream], Sequence[np.ndarray]], np.ndarray]
"""(operation, streams that it reads, their codes (N, *shape)) -> (N, ...) int64 codes in the memory order of the result."""

EVALUATORS: Registry[Evaluator] = Registry("the reference")

__all__ = ["EVALUATORS", "Evaluator"]
