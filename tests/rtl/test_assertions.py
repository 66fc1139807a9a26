# SPDX-License-Identifier: Apache-2.0
"""Assertions of streams and cores: on in all simulations of the suite, and a broken core is caught by what it breaks."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, Window, node
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl.design import TEMPLATES, RtlDesign, generate
from dietcnn_hls.rtl.simulation import SimulationError, Stalls, simulate_many
from tests import graphs
from tests.methods.dietcnn.examples import table_kernel

WAITING = Stalls(seed=2, input=0.3, output=0.97)
BROKEN = {
    "a word is withdrawn": ("encode_tree", "if (advance) valid <= in_valid", "valid <= in_valid && advance", "was withdrawn"),
    "a word changes": (
        "stream_repeat",
        "if (in_ready && in_valid)",
        "if (in_valid)",
        "a word changed from .* before it was taken",
    ),
    "a buffer overruns": ("stream_fifo", "in_ready = !count[BITS]", "in_ready = 1'b1", "words in a buffer of DEPTH="),
    "a buffer underruns": ("stream_fifo", "read = count != '0 &&", "read =", "words (in a buffer|counted)"),
    "credit overruns": ("window_ring", "in_ready = lead != LEAD_BITS'(ROOM)", "in_ready = 1'b1", "lead .*: words overwritten"),
    "a word is read early": (
        "window_ring",
        "go = !lead[LEAD_BITS-1]",
        "go = 1'b1",
        "behind the write pointer|windows left twice",
    ),
    "a counter leaves its range": ("loop_counter", "rst || (step && last)", "rst", r"value \d+ of COUNT="),
    "a result is overwritten": (
        "kernel_flow",
        "enable = !(complete && out_valid && !out_ready)",
        "enable = 1'b1",
        "result was over",
    ),
    "a pass has other beats": (
        "window_ring",
        "out_last <= ends_pass",
        "out_last <= row_end",
        r"beat \d+ of BEATS=\d+ has last=1",
    ),
}


@pytest.fixture(scope="module")
def block() -> RtlDesign:
    """A residual block: a ring a convolution, and a buffer in front of the add."""
    graph = graphs.residual("block", blocks=1, height=4)
    return generate(graph, {n.name: Fold(1, 1) for n in graph.linear_nodes})


@pytest.fixture(scope="module")
def chain() -> RtlDesign:
    """A slow convolution, which fills the ring in front of it, and a fast one, whose results wait for the output."""
    rng = np.random.default_rng(6)
    nodes = [node("image", Source(), [], Stream((4, 5, 1), 0, 255, 8))]
    graphs.encode_node(nodes, rng, "encoder", nodes[-1], 8)
    nodes.append(node("slow", Linear(table_kernel(rng, nodes[-1].stream, 6, 6, 4), None, Window((2, 3))), [nodes[-1]]))
    graphs.encode_node(nodes, rng, "act", nodes[-1], 3)
    nodes.append(node("fast", Linear(table_kernel(rng, nodes[-1].stream, 2, 6, 4), None, Window((1, 1))), [nodes[-1]]))
    graph = LoweredGraph("chain", tuple(nodes))
    assert Fold(2, 6) in legal_folds(graph, graph["fast"])
    return generate(graph, {"slow": Fold(1, 1), "fast": Fold(2, 6)})


def with_core(made: RtlDesign, core: str, old: str, new: str) -> RtlDesign:
    """The design with one core of the library changed."""
    texts = {path.name: path.read_text() for path in made.sources}
    assert texts[f"{core}.sv"].count(old) == 1, f"{core}.sv has changed: update BROKEN"
    texts[f"{core}.sv"] = texts[f"{core}.sv"].replace(old, new)
    return dataclasses.replace(made, library=(), files={**made.files, **texts})


def simulated(made: RtlDesign, images: int, stalls: Stalls | None, programs: Path) -> np.ndarray:
    codes = graphs.random_codes(made.graph, images, 1)
    return simulate_many([made], [codes], stalls=stalls, timeout=5000, cache_dir=programs, optimize="-O0")[0].outputs


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_core_is_caught(what: str, block: RtlDesign, chain: RtlDesign, programs: Path) -> None:
    core, old, new, message = BROKEN[what]
    made = with_core(block if core == "stream_fifo" else chain, core, old, new)
    with pytest.raises(
        SimulationError, match=rf"(?s)the simulation of '{made.name}' failed: .*Assertion failed in .*({message})"
    ):
        simulated(made, 30, WAITING, programs)


def test_users_simulate_without_assertions_unless_they_ask(
    chain: RtlDesign, programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken core then shows in its outputs; no file of the checks lies among a user's, and no synthesis reads them."""
    assert os.environ["DIETCNN_ASSERT"] == "1", "tests/conftest.py asks for them"
    made = with_core(chain, *BROKEN["a result is overwritten"][:3])
    monkeypatch.delenv("DIETCNN_ASSERT")
    with pytest.raises(SimulationError, match="is dead-locked"):  # the words that were overwritten never come
        simulated(made, 30, WAITING, programs)
    assert np.array_equal(simulated(chain, 2, None, programs), predict(chain.graph, graphs.random_codes(chain.graph, 2, 1)))
    assert "stream_check" not in chain.library and not (tmp_path / "stream_check.sv").exists()


def test_cores_that_hold_words_or_count_check_themselves() -> None:
    """What has a counter, a pointer or a stream register; kernel arrays are watched as streams of the design."""
    asserting = {path.stem for path in TEMPLATES.glob("*.sv") if "DIETCNN_ASSERT" in path.read_text()}
    counting = {path.stem for path in TEMPLATES.glob("*.sv") if "== BITS'(" in path.read_text() or "+ 1'b1" in path.read_text()}
    in_register = {"stream_add", "stream_combine", "stream_join"}  # they end in a stream_repeat
    streaming = {path.stem for path in TEMPLATES.glob("stream_*.sv")} - in_register - {"stream_check"}
    assert counting | streaming <= asserting | {"stream_check"}, (counting | streaming) - asserting
