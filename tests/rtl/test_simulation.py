# SPDX-License-Identifier: Apache-2.0
"""What RTL simulation reports of a design: cycles, streams, activity, mapped netlists, and each way of failing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import DatasetError, ToolError
from dietcnn_hls.lowered import Fold, Window
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl.design import Port, RtlDesign, generate
from dietcnn_hls.rtl.simulation import SimulationError, Stalls, gate_level, pack, simulate, unpack
from dietcnn_hls.tools.yosys.synthesis import synthesise
from tests import graphs
from tests.cases import exhaustive
from tests.graphs import one_conv


def tiny(name: str = "tiny") -> RtlDesign:
    graph = one_conv(name, Window((2, 2)), (4, 4), 1, 2)
    return generate(graph, {"conv": Fold(1, 2)})


def test_latency_and_interval_are_counted_exactly(programs: Path) -> None:
    """9 windows of 2 passes and 2 beats make 36 cycles; the first output word waits for two rows of pixels."""
    design = tiny()
    result = simulate(design, graphs.random_codes(design.graph, 12, 0), workers=1, cache_dir=programs)
    assert result.interval == 36
    one = simulate(design, graphs.random_codes(design.graph, 2, 0)[:1], workers=1, cache_dir=programs)
    assert one.latency == result.latency and one.interval is None
    assert result.latency is not None and 36 < result.latency <= 36 + 8 + 10
    stalled = simulate(design, graphs.random_codes(design.graph, 12, 0), stalls=Stalls(), workers=1, cache_dir=programs)
    assert (stalled.latency, stalled.interval) == (None, None)
    assert stalled.cycles > result.cycles


def test_stalls_repeat_with_their_seed(programs: Path) -> None:
    design, codes = tiny(), graphs.random_codes(tiny().graph, 6, 0)
    runs = [simulate(design, codes, stalls=Stalls(seed=s), workers=1, cache_dir=programs).cycles for s in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


def test_workers_share_the_images_in_order(programs: Path) -> None:
    design, codes = tiny(), graphs.random_codes(tiny().graph, 9, 0)
    seen: list[tuple[int, int]] = []
    result = simulate(design, codes, workers=2, cache_dir=programs, progress=lambda done, total: seen.append((done, total)))
    assert np.array_equal(result.outputs, predict(design.graph, codes))
    assert seen == [(4, 9), (9, 9)]
    assert simulate(design, codes[:3], workers=2, cache_dir=programs).interval == 36, "three images stay together"


def test_streams_tell_the_bottleneck(programs: Path) -> None:
    """The convolution takes 36 cycles an image for 16 pixels: words wait in front of its window, none behind it."""
    design = tiny()
    streams = simulate(design, graphs.random_codes(design.graph, 12, 0), workers=1, cache_dir=programs).streams
    assert streams["conv_window"] == (12 * 36, 0)
    assert streams["image_pixels"][0] == 12 * 16 and streams["image_pixels"][1] > 12 * 10


def test_activity_grows_with_what_changes(programs: Path) -> None:
    """Equal images toggle less than random ones; a design that is fed zeros still counts, clock apart."""
    design = tiny()
    codes = graphs.random_codes(design.graph, 8, 0)
    still = simulate(design, np.zeros_like(codes), activity=True, cache_dir=programs)
    noisy = simulate(design, codes, activity=True, cache_dir=programs)
    assert np.array_equal(noisy.outputs, predict(design.graph, codes))
    assert still.toggles is not None and noisy.toggles is not None
    assert 0 < still.toggles < noisy.toggles
    assert simulate(design, codes, cache_dir=programs).toggles is None


@exhaustive
def test_mapped_netlist_runs_in_the_designs_place(programs: Path, tmp_path: Path) -> None:
    """What Yosys made of the design yields the same outputs in the same cycles, under stalls too; its nets toggle."""
    design = tiny("mapped")
    codes = graphs.random_codes(design.graph, 6, 0)
    files = design.write(tmp_path)
    memories = design.memories_in(tmp_path)
    made = synthesise(files, design.name, include_files=memories, dsp=False, engine="yowasp", cache_dir=programs)
    gates = gate_level(design, made)
    free = simulate(design, codes, workers=1, cache_dir=programs)
    mapped = simulate(gates, codes, activity=True, cache_dir=programs)
    assert np.array_equal(mapped.outputs, free.outputs)
    assert (mapped.latency, mapped.interval) == (free.latency, free.interval)
    assert mapped.toggles is not None and mapped.toggles > 0 and mapped.streams == {}
    stalled = simulate(gates, codes, stalls=Stalls(), workers=1, cache_dir=programs)
    assert np.array_equal(stalled.outputs, free.outputs)


def test_dead_lock_names_the_stalled_stream(programs: Path) -> None:
    """A top in which the stream between encoder and window is cut."""
    design = tiny("locked")
    text = design.files["locked.sv"]
    broken = text.replace(".in_ready(encoder_codes_ready)", ".in_ready()").replace(
        ".in_valid(encoder_codes_valid)", ".in_valid(1'b0)"
    )
    broken = broken.replace("endmodule", "  assign encoder_codes_ready = 1'b0;\nendmodule")
    design = dataclasses.replace(design, files=dict(design.files) | {"locked.sv": broken})
    with pytest.raises(SimulationError) as error:
        simulate(design, graphs.random_codes(design.graph, 2, 0), timeout=50, workers=1, cache_dir=programs)
    message = str(error.value)
    assert "design 'locked' is dead-locked at cycle" in message and "after 1 input and 0 output words" in message
    assert "Stalled streams, a word waits: image_pixels (layer 'image'), encoder_codes (layer 'encoder')" in message
    assert "Starved streams, nobody sends: conv_window" in message


def test_codes_are_checked() -> None:
    design = tiny()
    with pytest.raises(DatasetError, match=r"shape \(4, 3, 1\) for design 'tiny' of input shape \(4, 4, 1\)"):
        simulate(design, np.zeros((1, 4, 3, 1), np.int64))
    with pytest.raises(DatasetError, match=r"input codes of design 'tiny' must lie in \[0, 255\]"):
        simulate(design, np.full((1, 4, 4, 1), 256))


def test_designs_that_do_not_compile_show_the_tools_words(programs: Path) -> None:
    design = tiny("wrong")
    design = dataclasses.replace(design, files=dict(design.files) | {"wrong.sv": design.files["wrong.sv"] + "module"})
    with pytest.raises(ToolError, match=r"verilator failed: .*wrong\.sv"):
        simulate(design, graphs.random_codes(design.graph, 2, 0), cache_dir=programs)


@pytest.mark.parametrize("seed", range(5))
def test_pack_and_unpack_are_inverse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    port = Port(int(rng.integers(1, 9)), int(rng.integers(2, 24)), bool(seed % 2), 3)
    low = -(1 << (port.bits - 1)) if port.signed else 0
    codes = rng.integers(low, low + (1 << port.bits), (4, 3 * port.codes))
    codes[0, :2] = low, low + (1 << port.bits) - 1
    words = pack(port, codes)
    assert words.shape == (12, -(-port.width // 32))
    assert np.array_equal(unpack(port, words, codes.shape[1:]), codes)
