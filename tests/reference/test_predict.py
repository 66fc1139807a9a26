# SPDX-License-Identifier: Apache-2.0
"""What the reference takes: codes of the design's shape that its input can have, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.errors import DatasetError
from dietcnn_hls.reference import predict
from tests.graphs import random_codes, random_graph

GRAPH = random_graph(3)
CODES = random_codes(GRAPH, 3, 0)


def beyond(value: float) -> np.ndarray:
    codes = CODES.astype(np.float64 if isinstance(value, float) else np.int64)
    codes.flat[0] = value
    return codes


@pytest.mark.parametrize("codes", [beyond(-1), beyond(256), beyond(0.5), beyond(float("nan")), CODES[0], CODES.astype(str)])
def test_codes_that_the_input_cannot_have(codes: np.ndarray) -> None:
    with pytest.raises(DatasetError):
        predict(GRAPH, codes)


def test_batches_change_nothing() -> None:
    whole = predict(GRAPH, CODES)
    assert np.array_equal(predict(GRAPH, CODES, batch=1), whole) and predict(GRAPH, CODES[:0]).shape == (0, *whole.shape[1:])
