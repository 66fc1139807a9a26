# SPDX-License-Identifier: Apache-2.0
"""Random models against recorded outputs of hls4ml's Vitis C-simulation, which takes longest to compile.

``python -m tests.benchmarks.stock_models --models 40 --no-rtl --record tests/recorded/stock_outputs.npz`` makes the record.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import hls4ml
import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.backend.readers.stock.arguments import ARGUMENTS, QUANTISED
from tests.backend.stock_networks import BEYOND, MERGES, PIECES, configuration, io_type, random_network, samples
from tests.benchmarks.stock_models import flat


def test_every_kind_of_layer_is_drawn() -> None:
    """Those of several inputs, and what begins a network, are the walk's own."""
    begins = {"InputLayer", "Embedding", *MERGES}
    assert {*PIECES, *begins, *BEYOND} == {*ARGUMENTS, *QUANTISED}


RECORD = dict(np.load(Path(__file__).parents[1] / "recorded" / "stock_outputs.npz"))


@pytest.mark.parametrize("seed", sorted(map(int, RECORD)))
def test_the_reference_computes_what_hls4ml_did(seed: int, tmp_path: Path) -> None:
    model = random_network(seed)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        made = hls4ml.converters.convert_from_keras_model(
            model, hls_config=configuration(model, seed), backend="DietCNN", output_dir=str(tmp_path), io_type=io_type(seed)
        )
        graph = lowered_graph(made)
        found = flat(
            reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, samples(model, seed))))
        )
    assert np.array_equal(found, RECORD[str(seed)])
