# SPDX-License-Identifier: Apache-2.0
"""The example network that Brevitas trained: its own logits = the reference = C++ = RTL."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import convert, hls, reference
from dietcnn_hls.hardware.folding import solve
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many

pytest.importorskip("qonnx", reason="the extra onnx is not installed: pip install 'dietcnn_hls[onnx]'")

PROJECT = Path(__file__).parents[3] / "projects" / "brevitas_digits"


def test_brevitas_own_logits(tmp_path: Path) -> None:
    test, graph = np.load(PROJECT / "digits_test.npz"), convert(PROJECT / "network.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a pixel of full ink saturates, as in the model
        codes = reference.quantize_input(graph, test["x"])
    outputs = reference.predict(graph, codes)
    logits = reference.output_values(graph, outputs).reshape(len(codes), -1)
    assert np.array_equal(logits, test["logits"])
    assert int((logits.argmax(axis=1) == test["y"]).sum()) == 355
    hls.generate(graph, tmp_path)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), outputs)
    (found,) = simulate_many([generate(graph, solve(graph))], [codes[:4]], optimize="-O0")
    assert np.array_equal(found.outputs, outputs[:4])
