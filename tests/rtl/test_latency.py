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
    own = dataclasses.replace(design.instances[-1], module="mine", passes=None)
    assert latency(dataclasses.replace(design, instances=(*design.instances[:-1], own))) is None


def test_the_last_window_of_a_whole_image_decides() -> None:
    """30 pixels, then the window's register and one cycle of the array."""
    design = generate(one_conv("conv_net", Window((3, 3)), (5, 6), 2, 4), {"conv": Fold(4, 18)})
    arrays = [instance for instance in design.instances if instance.passes]
    assert [instance.passes for instance in arrays] == [(1, arrays[0].parameters["LEVELS"])]
    found = latency(design)
    assert found is not None and found >= 30 + 1 + int(str(arrays[0].parameters["LEVELS"]))
