# SPDX-License-Identifier: Apache-2.0
"""Memories of generated designs: counted before synthesis as Yosys builds them, and refused where a part cannot hold them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import ResourceError
from dietcnn_hls.hardware.blocks import yosys_bram18
from dietcnn_hls.hardware.memories import DesignMemory, MemoryRules, check_fits
from dietcnn_hls.lowered import Add, Fold, Linear, LoweredGraph, MaxPool, Reshape, Source, Stream, SumPool, Window, node
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.tools.yosys.synthesis import synthesise
from tests import graphs
from tests.cases import exhaustive
from tests.methods.dietcnn.examples import table_kernel


def every_memory() -> LoweredGraph:
    """A small network with each kind of memory: weights, thresholds, windows, lines of windows and pools, a waiting branch."""
    rng = np.random.default_rng(2)
    nodes = [node("image", Source(), [], Stream((8, 8, 3), 0, 255, 8))]

    def linear(name: str, outputs: int, window: Window | None) -> None:
        source = nodes[-1].stream
        taps = source.size if window is None else 9 * source.channels
        nodes.append(node(name, Linear(table_kernel(rng, source, outputs, taps, 8), None, window), [nodes[-1]]))

    nodes.append(graphs.encode(rng, "encoder", nodes[-1], 8))
    linear("conv", 3, Window.same((3, 3), (1, 1), 8, 8))
    nodes.append(graphs.encode(rng, "act", nodes[-1], 8))
    nodes.append(node("pool", MaxPool(Window((2, 2), (1, 1), (0, 1, 0, 1))), [nodes[-1]]))
    nodes.append(node("add", Add((0, 0)), [nodes[-1], nodes[1]]))
    nodes.append(node("average", SumPool(Window((4, 4), (4, 4))), [nodes[-1]]))
    nodes.append(graphs.encode(rng, "average_act", nodes[-1], 8))
    nodes.append(node("flatten", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    linear("logits", 50, None)
    return LoweredGraph("every_memory", tuple(nodes))


@pytest.mark.parametrize("part", ["xc7z020clg400-1", pytest.param("xczu9eg-ffvb1156-2-e", marks=exhaustive)])
def test_yosys_builds_as_many_blocks_as_were_counted(part: str, tmp_path: Path) -> None:
    """All memories in blocks, at folds whose depths are no powers of two."""
    folding = {"conv": Fold(1, 3), "logits": Fold(1, 1)}
    design = generate(every_memory(), folding, RtlOptions(memories=MemoryRules(luts_per_bram=0)))
    assert {m.role for m in design.memories} >= {"weights", "window", "lines", "pixels", "b_waiting"}
    counted: Counter[str] = Counter()
    for memory in design.memories:
        counted[memory.layer] += memory.bram18
    sources = design.write(tmp_path / "rtl")
    files = design.memories_in(tmp_path / "rtl")
    options = {"part": part, "dsp": False, "include_files": files, "hierarchy": True}
    apart = synthesise(sources, design.name, engine="yowasp", cache_dir=tmp_path / "cache", **options)  # type: ignore[arg-type]
    built: Counter[str] = Counter()
    for instance in design.instances:
        built[instance.layer] += apart.parts[instance.name].bram18 if instance.name in apart.parts else 0
    assert {layer: count for layer, count in built.items() if count} == {k: v for k, v in counted.items() if v}


@pytest.mark.parametrize(
    ("words", "bits", "blocks"),
    [(1000, 36, 2), (1536, 36, 3), (3072, 24, 4), (600, 50, 3), (2304, 96, 14), (4608, 48, 12), (1728, 24, 3), (12288, 72, 48)],
)
def test_blocks_as_yosys_0_23_and_0_70_were_seen_to_build_them(words: int, bits: int, blocks: int) -> None:
    assert yosys_bram18(words, bits) == blocks


def wide_layer() -> LoweredGraph:
    """One 3 x 3 convolution of 512 to 512 channels, 2.4 million weights of three bits."""
    rng = np.random.default_rng(0)
    image = node("image", Source(), [], Stream((3, 3, 512), 0, 7, 0, tuple(range(8))))
    kernel = table_kernel(rng, image.stream, 512, 9 * 512, 8)
    conv = node("wide", Linear(kernel, None, Window((3, 3))), [image])
    return LoweredGraph("wide_net", (image, conv))


def test_memories_beyond_the_part_end_a_build_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ResourceError) as caught:
        convert_and_build(
            wide_layer(), tmp_path, part="xc7z020clg400-1", folding={"layers": {"wide": {"simd": 12}}}, synthesis="yosys"
        )
    text = str(caught.value)
    assert text.startswith("the design's memories need 388 BRAM18 and xc7z020clg400-1 has 280; most for 'wide' 388.")
    assert "The largest is the weights of 'wide', 196,608 words of 36 bits: 384 BRAM18. Remedies: fewer weight symbols" in text
    assert "UltraRAM (48 blocks for the largest memory) or memory off the chip" in text
    assert not (tmp_path / "hls").exists() and not (tmp_path / "rtl").exists()


def test_another_fold_is_a_remedy_where_words_do_not_fill_blocks() -> None:
    wasteful = [DesignMemory("narrow", "weights", 513, 36 * 400, 800), DesignMemory("other", "window", 600, 2, 0)]
    with pytest.raises(ResourceError, match=r"Remedies: a fold of 'narrow' whose words fill blocks \(401 BRAM18 at best\)"):
        check_fits(wasteful, "xc7a200t")
    assert check_fits(wasteful[1:], "xc7a200t") == 0


def test_a_pool_of_one_row_keeps_no_lines() -> None:
    """A window of one row has nothing to wait for, so its line buffer has no bits, wherever memories go."""
    image = node("image", Source(), [], Stream((1, 8, 2), 0, 7, 0))
    nodes = [image, node("pool", MaxPool(Window((1, 2), (1, 2))), [image])]
    nodes.append(node("flatten", Reshape((8,)), [nodes[-1]]))
    kernel = table_kernel(np.random.default_rng(0), nodes[-1].stream, 2, 8, 4)
    nodes.append(node("logits", Linear(kernel), [nodes[-1]]))
    for rules in (MemoryRules(), MemoryRules(luts_per_bram=0)):
        design = generate(LoweredGraph("flat", tuple(nodes)), {"logits": Fold(1, 1)}, RtlOptions(memories=rules))
        assert [memory.role for memory in design.memories if memory.layer == "pool"] == []
