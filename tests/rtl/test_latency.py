# SPDX-License-Identifier: Apache-2.0
"""What the latency of a design says where no simulation stands beside it; `test_equality` holds it equal to simulations."""

from __future__ import annotations

import dataclasses

from dietcnn_hls.lowered import Fold, LoweredGraph, Reshape, Source, Stream, Window, node
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.latency import latency
from tests.graphs import one_conv


def test_without_modules_words_pass_at_once() -> None:
    image = node("image", Source(), [], Stream((6, 2), 0, 7, 3))
    assert latency(generate(LoweredGraph("wires", (image, node("flat", Reshape((12,)), [image]))), {})) == 6


def test_a_module_of_the_users_own_is_left_to_simulation() -> None:
    design = generate(one_conv("conv_net", Window((3, 3)), (5, 6), 2, 4), {"conv": Fold(4, 18)})
    assert latency(design) is not None
    own = dataclasses.replace(design.instances[-1], module="mine", cycles=None)
    assert latency(dataclasses.replace(design, instances=(*design.instances[:-1], own))) is None


def test_the_last_window_of_a_whole_image_decides() -> None:
    """30 pixels, then the window's register and one cycle of the array."""
    design = generate(one_conv("conv_net", Window((3, 3)), (5, 6), 2, 4), {"conv": Fold(4, 18)})
    (array,) = [instance for instance in design.instances if instance.cycles is not None]
    assert array.cycles == array.parameters["LEVELS"]
    found = latency(design)
    assert found is not None and found >= 30 + 1 + array.cycles


def test_many_beats_take_no_longer_to_tell_than_few() -> None:
    """Fifteen million beats of one lane: what passes are told by their ends alone."""
    side, channels = 20, 64
    design = generate(one_conv("slow", Window((3, 3)), (side, side), channels, 80), {"conv": Fold(1, 1)})
    cycles = (side - 2) ** 2 * 9 * channels * 80
    found = latency(design)
    assert found is not None and cycles < found < cycles + side * side * channels
