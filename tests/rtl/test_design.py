# SPDX-License-Identifier: Apache-2.0
"""Generated designs: legal folds, weight order, widths, names, and a clean bill from ``verilator --lint-only -Wall``."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.hardware.geometry import check_fold, geometry, legal_folds, legal_simd, window_shape
from dietcnn_hls.hardware.lanes import lane_order
from dietcnn_hls.hardware.memories import MemoryRules
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.hardware.sums import sum_widths
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import Encode, Fold, Linear, LoweredGraph, MaxPool, Reshape, Source, Stream, Window, node
from dietcnn_hls.methods.dietcnn.kernel import TableKernel
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import TEMPLATES, generate, library
from dietcnn_hls.rtl.verilog import Packed, layer_identifiers
from dietcnn_hls.tools import verilator
from tests import graphs
from tests.methods.dietcnn.examples import symbolic_kernel, table_kernel


def small_net(window: Window | None = None, side: int = 5, channels: int = 4, outputs: int = 6) -> LoweredGraph:
    """Encoder, one convolution of 8 x 4 symbols, one dense layer."""
    rng = np.random.default_rng(5)
    nodes = [node("image", Source(), [], Stream((side, side, channels), 0, 255, 8))]
    nodes.append(graphs.encode(rng, "encoder", nodes[-1], 8))
    window = window or Window((3, 3), (1, 1))
    taps = window.size[0] * window.size[1] * channels // window.groups
    nodes.append(node("conv", Linear(table_kernel(rng, nodes[-1].stream, outputs, taps, 4), None, window), [nodes[-1]]))
    nodes.append(graphs.encode(rng, "act", nodes[-1], 8))
    nodes.append(node("flatten", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    nodes.append(node("logits", Linear(table_kernel(rng, nodes[-1].stream, 3, nodes[-1].stream.size, 4)), [nodes[-1]]))
    return LoweredGraph("small_net", tuple(nodes))


def folds_of(graph: LoweredGraph, **given: Fold) -> dict[str, Fold]:
    """The given folds, and one lane for the other layers."""
    return {n.name: given.get(n.name, Fold(1, 1)) for n in graph.linear_nodes}


class TestFolds:
    def test_the_three_window_forms(self) -> None:
        graph = small_net()
        shape = geometry(graph, graph["conv"])
        # 4 channels under 3 x 3: S, 3 S, and 9 S (S = 1, 2 only without replay)
        assert legal_simd(shape, pe=6) == [1, 2, 3, 4, 6, 9, 12, 18, 36]
        assert legal_simd(shape, pe=2) == [1, 2, 3, 4, 6, 12, 36]

    @pytest.mark.parametrize("pe", [1, 2, 6])
    def test_every_weight_has_one_lane_in_one_beat(self, pe: int) -> None:
        graph = small_net()
        shape = geometry(graph, graph["conv"])
        for simd in legal_simd(shape, pe):
            fold = Fold(pe, simd)
            outputs, taps = lane_order(shape, check_fold("conv", shape, fold), fold)
            assert outputs.shape == (216 // fold.lanes, pe, simd)
            assert sorted((outputs * 36 + taps).reshape(-1).tolist()) == list(range(216))

    def test_memory_file_holds_the_weights_in_that_order(self) -> None:
        graph, fold = small_net(), Fold(2, 6)
        design = generate(graph, folds_of(graph, conv=fold))
        shape = geometry(graph, graph["conv"])
        order = lane_order(shape, check_fold("conv", shape, fold), fold)
        words = [int(line, 16) for line in design.files["small_net_conv_weights.mem"].split()]
        read = np.array([[(word >> (2 * lane)) & 3 for lane in range(12)] for word in words]).reshape(-1, 2, 6)
        assert np.array_equal(read, graph["conv"].op.kernel.weights[order])  # type: ignore[union-attr]

    def test_groups_limit_pe_and_simd(self) -> None:
        graph = small_net(Window((3, 3), (1, 1), (1, 1, 1, 1), groups=2))
        shape = geometry(graph, graph["conv"])
        assert {fold.pe for fold in legal_folds(graph, graph["conv"])} == {1, 3}
        assert legal_simd(shape) == [1, 2, 3, 6]

    def test_ordered_kernels_take_powers_of_two_or_everything(self) -> None:
        graph = small_net()
        shape = dataclasses.replace(geometry(graph, graph["conv"]), ordered=True)
        assert legal_simd(shape) == [1, 2, 4, 36]


class TestErrors:
    def test_pe(self) -> None:
        graph = small_net()
        text = r"layer 'conv': PE 4 must divide its 6 outputs. PE: \[1, 2, 3, 6\]"
        with pytest.raises(ConfigError, match=text):
            generate(graph, folds_of(graph, conv=Fold(4, 1)))

    def test_pe_of_a_group(self) -> None:
        graph = small_net(Window((3, 3), groups=2))
        with pytest.raises(ConfigError, match="layer 'conv': PE 6 must divide its 3 outputs of a group"):
            generate(graph, folds_of(graph, conv=Fold(6, 1)))

    def test_simd(self) -> None:
        graph = small_net()
        with pytest.raises(ConfigError) as error:
            generate(graph, folds_of(graph, conv=Fold(1, 8)))
        assert str(error.value) == (
            "layer 'conv': SIMD 8 cannot be streamed from 4 channels under a 3 x 3 window at PE 1. SIMD: [1, 2, 3, 4, 6, 12, 36]"
        )

    def test_simd_of_a_dense_layer(self) -> None:
        graph = small_net()
        with pytest.raises(ConfigError, match="layer 'logits': SIMD 4 cannot be streamed from 54 inputs at PE 1"):
            generate(graph, folds_of(graph, logits=Fold(1, 4)))

    def test_missing_and_unknown_layers(self) -> None:
        graph = small_net()
        with pytest.raises(ConfigError, match="layer 'conv' has no fold; give it pe and simd"):
            generate(graph, {"logits": Fold(1, 1)})
        with pytest.raises(ConfigError, match=r"no linear layer 'convv'\. Did you mean 'conv'"):
            generate(graph, folds_of(graph) | {"convv": Fold(1, 1)})

    def test_input_codes(self) -> None:
        graph = small_net()
        for codes in (3, 8, 16):  # no divisor; pixels that do not divide a row of five
            text = f"input_codes: {codes} must divide the 4 channels of the input 'image', or be whole pixels"
            with pytest.raises(ConfigError, match=text):
                generate(graph, folds_of(graph), RtlOptions(input_codes=codes))

    def test_ripple_order_has_no_hardware(self) -> None:
        rng = np.random.default_rng(0)
        image = node("image", Source(), [], Stream((6,), 0, 7, 3))
        kernel = symbolic_kernel(rng, image.stream, 2, 6, 4, order="ripple")
        graph = LoweredGraph("ripple", (image, node("fc", Linear(kernel), [image])))
        with pytest.raises(LoweringError, match=r"^layer 'fc': symbolic accumulation in 'ripple' order has no parallel hardware"):
            generate(graph, {"fc": Fold(1, 1)})

    def test_chain(self) -> None:
        with pytest.raises(ConfigError, match="chain must be at least 2, got 1"):
            RtlOptions(chain=1)

    def test_modules_check_their_parameters(self) -> None:
        """An impossible parameter set stops elaboration with the offending values."""
        file = str(TEMPLATES / "window_ring.sv")
        command = [str(verilator.find().path), "--lint-only", "-Wall", "-y", str(TEMPLATES), file]
        done = subprocess.run([*command, "-GKERNEL_W=3", "-GWIDTH=8", "-GDEPTH=2"], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "DEPTH=2 must be a power of two that holds the SPAN=3 of a window" in done.stderr


class TestWidths:
    @pytest.mark.parametrize("seed", range(6))
    def test_sums_reach_their_widths_and_no_further(self, seed: int) -> None:
        """Against all inputs at their extremes: no running sum overflows, and each needs its bits in some beat."""
        rng = np.random.default_rng(seed)
        beats, chain = int(rng.integers(1, 4)), int(rng.integers(2, 5))
        low = rng.integers(-9, 1, (2 * beats, 3, 7)) * (seed % 2)
        high = rng.integers(0, 30, (2 * beats, 3, 7))
        widths = sum_widths(low, high, beats, chain)
        totals = [a.sum(axis=2).reshape(2, beats, 3).sum(axis=1) for a in (low, high)]
        assert widths.hi == totals[1].max()
        assert widths.lo == (min(int(totals[0].min()), -1) if (low < 0).any() else 0)
        assert widths.bits == bits_for(widths.lo, widths.hi)
        for pe in range(3):
            for lane in range(7):
                first = lane - lane % chain
                lo = int(low[:, pe, first : lane + 1].sum(axis=1).min())
                hi = int(high[:, pe, first : lane + 1].sum(axis=1).max())
                wanted = bits_for(min(lo, -1) if widths.signed else 0, hi)
                assert widths.nodes[pe, lane] == min(widths.bits, wanted)

    def test_narrow_weights_make_narrow_sums(self) -> None:
        """Entries are stored less the least of their weight symbol, so a sum of n lanes of 0..3 needs 2 bits more, not 3."""
        image = node("image", Source(), [], Stream((4,), 0, 3, 0))
        kernel = TableKernel(np.array([[-3], [-2], [-1], [0]], np.int32), np.zeros((1, 4), np.uint8), 0)
        graph = LoweredGraph("narrow", (image, node("fc", Linear(kernel), [image])))
        design = generate(graph, {"fc": Fold(1, 4)})
        parameters = next(i for i in design.instances if i.module == "kernel_table").parameters
        assert (parameters["PRODUCT_BITS"], parameters["RESULT_BITS"], parameters["SIGNED"]) == (2, 4, False)


class TestText:
    def test_the_top_says_what_it_is(self) -> None:
        graph = small_net()
        design = generate(graph, folds_of(graph, conv=Fold(3, 4)))
        text = design.files["small_net.sv"]
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n// small_net: streaming design")
        assert re.search(r"^// conv +3 +4 +162$", text, re.MULTILINE)
        assert "  sliding_window #(" in text and ") conv_window_unit (" in text
        assert max(len(line) for line in text.splitlines()) < 140

    def test_text_does_not_grow_with_weights(self) -> None:
        """Sixteen times the weights: they are in memory files, and the top is hardly longer."""
        narrow, wide = (small_net(channels=c, outputs=o) for c, o in ((16, 24), (64, 96)))
        tops = [len(generate(g, folds_of(g, conv=Fold(1, 4))).files["small_net.sv"]) for g in (narrow, wide)]
        assert tops[0] < tops[1] < 1.15 * tops[0]

    def test_the_same_graph_makes_the_same_files(self) -> None:
        assert generate(small_net(), folds_of(small_net())).files == generate(small_net(), folds_of(small_net())).files

    def test_write_puts_everything_in_one_folder(self, tmp_path: Path) -> None:
        design = generate(small_net(), folds_of(small_net()))
        files = design.write(tmp_path)
        assert {f.name for f in tmp_path.iterdir()} == {f.name for f in files} | set(design.memory_files)
        assert all(f"{name}.sv" in {f.name for f in files} for name in ("kernel_table", "lane_sum", "lookup", "rom"))


class TestLint:
    @pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.sv")), ids=lambda path: path.stem)
    def test_module(self, path: Path) -> None:
        """Clean as users read it, and with assertions where it has some."""
        command = [str(verilator.find().path), "--lint-only", "-Wall", "-y", str(TEMPLATES), str(path)]
        for defines in [[], ["+define+DIETCNN_ASSERT"]] if "DIETCNN_ASSERT" in path.read_text() else [[]]:
            done = subprocess.run([*command, *defines], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.sv")), ids=lambda path: path.stem)
    def test_module_has_a_header(self, path: Path) -> None:
        text = path.read_text()
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n// ")
        assert "string" not in re.findall(r"parameter (\w+)", text)  # Yosys 0.23 cannot read it
        assert max(len(line) for line in text.splitlines()) <= 130

    def test_library_follows_instances(self) -> None:
        names = library({"kernel_table"})
        assert names == ("kernel_flow", "kernel_table", "lane_sum", "table_2d")


def test_window_shape_prefers_the_simplest_form() -> None:
    graph = small_net(side=5, channels=9)
    shape = geometry(graph, graph["conv"])
    chosen = {simd: window_shape(shape, Fold(6, simd)) for simd in (3, 9, 27, 81)}
    assert {simd: (s.form, s.codes) for simd, s in chosen.items() if s} == {3: (0, 3), 9: (0, 9), 27: (1, 9), 81: (2, 9)}


def test_encoder_thresholds_take_over_what_the_kernel_leaves_out() -> None:
    """The search tree holds the graph's thresholds less the kernel's offsets, clipped to what sums can reach."""
    graph = small_net()
    design = generate(graph, folds_of(graph, conv=Fold(6, 36)))
    conv, act = graph["conv"].op, graph["act"].op
    assert isinstance(conv, Linear) and isinstance(act, Encode)
    encoder = next(i for i in design.instances if i.layer == "act")
    lanes, bits, table = (encoder.parameters[key] for key in ("LANES", "THRESHOLD_BITS", "THRESHOLDS"))
    assert isinstance(lanes, int) and isinstance(bits, int) and isinstance(table, Packed)
    assert (encoder.module, lanes) == ("encode_tree", 6)
    read = [[table.value >> ((lane * 7 + node) * bits) & ((1 << bits) - 1) for node in range(7)] for lane in range(6)]
    kernel = conv.kernel.rtl()
    assert kernel.lane_bounds is not None and kernel.offsets is not None
    highest = int(kernel.lane_bounds[1].sum(axis=1).max())
    wanted = np.clip(act.thresholds - kernel.offsets[:, None], 0, highest + 1)
    assert np.array_equal(read, np.broadcast_to(wanted, (6, 7))[:, [3, 1, 5, 0, 2, 4, 6]])


def test_rows_of_a_pool_leave_block_ram_where_it_is_too_late() -> None:
    """2.45 ns until its data, a comparison of 8 bits and a choice take more than 5 ns; long rows stay, whatever the clock."""
    rules = MemoryRules(luts_per_bram=0)
    found = {}
    for width, clock in ((80, 20.0), (80, 5.0), (800, 5.0)):
        image = node("image", Source(), [], Stream((4, width, 2), 0, 255, 8))
        graph = LoweredGraph("pooled", (image, node("pool", MaxPool(Window((2, 2), (2, 2))), [image])))
        options = RtlOptions(memories=rules, pipelining=Pipelining.of("xc7z020clg400-1", clock))
        (pool,) = [instance for instance in generate(graph, {}, options).instances if instance.module == "max_pool"]
        found[width, clock] = pool.parameters["BLOCK"]
    assert found == {(80, 20.0): True, (80, 5.0): False, (800, 5.0): True}


def test_a_top_goes_layer_by_layer() -> None:
    """Wires, assignments and instances of a layer stand together behind its name, and nothing is used before it is declared."""
    graph = graphs.branching_graph(4, ("table", "ternary"))
    design = generate(graph, {n.name: legal_folds(graph, n)[0] for n in graph.linear_nodes})
    head, body = re.sub(r'"[^"]*"', "", design.files[design.top_file]).split(");\n", 1)  # without names of memory files
    parts = re.split(r"^  // (.*)$", body, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    titles = [f"{name}: {graph[layer].op.kind}" for layer, name in layer_identifiers(n.name for n in graph.nodes).items()]
    assert list(sections)[:-1] == [title for title in titles if title in sections] and len(sections) > 12
    assert list(sections)[-1] == "output" and parts[0] == ""
    declared = set(re.findall(r"\b(?:input|output) +logic (?:\[\d+:0\] )?(\w+)", head))
    instances = []
    for title, text in sections.items():
        wires = re.findall(r"^  wire (?:\[\d+:0\] )?(\w+)(?:, (\w+))?;", text, re.MULTILINE)
        own = {wire for pair in wires for wire in pair if wire}
        assert all(wire.startswith(title.split(":")[0] + "_") for wire in own)
        declared |= own
        assert set(re.findall(r"\b\w+_(?:valid|ready|data|last|weights)\b(?!\()", text)) <= declared, title
        instances += re.findall(r"^  \)? ?(\w+_unit) \($", text, re.MULTILINE)
    assert sorted(instances) == sorted(instance.name for instance in design.instances)
