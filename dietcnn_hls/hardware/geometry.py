# SPDX-License-Identifier: Apache-2.0
"""Which folds a linear layer can have in the streaming engine, and what its sliding window then looks like.

PE divides the output channels (of a group). SIMD takes one of three forms, so that line buffers alone can serve it; S divides the
input channels (of a group):

===  =================  ==========================================================================================
0    S                  a beat holds S channels of one pixel
1    kh * S             a beat holds S channels of a column of kh pixels
2    kh * kw * S        a beat holds S channels of the whole window; one group, and S = channels unless PE = outputs
===  =================  ==========================================================================================

A dense layer is a 1 x 1 window over one pixel, so every divisor of its taps is legal.

Functions that take `streamed` answer for the engine by default. ``streamed=False`` is what the HLS project can have beyond it:
there a window lies whole in registers and groups may work side by side, so PE is any divisor of the outputs and SIMD any of
the taps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.integers import divisors, power_of_two
from dietcnn_hls.lowered import Fold, Kernel, LoweredGraph, Node, RtlKernel, Window


@dataclass(frozen=True)
class Geometry:
    """A linear layer as a convolution. Sizes are those of the input image before padding; dense layers see one pixel.

    ``blocks`` are sets of taps that must come in one beat, or None.
    """

    channels: int
    height: int
    width: int
    window: Window
    outputs: int
    ordered: bool
    blocks: tuple[frozenset[int], ...] | None = None

    @property
    def group_channels(self) -> int:
        return self.channels // self.window.groups

    @property
    def group_outputs(self) -> int:
        return self.outputs // self.window.groups

    @property
    def taps(self) -> int:
        return self.window.size[0] * self.window.size[1] * self.group_channels

    @property
    def positions(self) -> int:
        """Output pixels."""
        return int(np.prod(self.window.output_hw(self.height, self.width)))

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width with padding."""
        top, bottom, left, right = self.window.padding
        return self.height + top + bottom, self.width + left + right


@dataclass(frozen=True)
class WindowShape:
    """How a fold reads its window: `form` as in the module's table, `codes` channels of a pixel at a time."""

    form: int
    codes: int
    simd: int

    def tap(self, geometry: Geometry) -> np.ndarray:
        """(beats, simd) tap index, in (kh, kw, channel) order, of every lane in every beat of a pass."""
        (kh, kw), channels, codes = geometry.window.size, geometry.group_channels, self.codes
        taps = np.arange(geometry.taps).reshape(kh, kw, channels // codes, codes)
        order = {0: (0, 1, 2, 3), 1: (1, 2, 0, 3), 2: (2, 0, 1, 3)}[self.form]
        return taps.transpose(order).reshape(-1, self.simd)

    def whole(self, geometry: Geometry) -> bool:
        """Whether a beat holds all channels of a whole window."""
        return self.form == 2 and self.codes == geometry.channels

    def keeps(self, geometry: Geometry, blocks: tuple[frozenset[int], ...]) -> bool:
        """Whether every one of these sets of taps comes in one beat."""
        beat = {tap: number for number, taps in enumerate(self.tap(geometry).tolist()) for tap in taps}
        return all(len({beat[tap] for tap in block}) == 1 for block in blocks)


@lru_cache(maxsize=2)
def rtl_kernel(kernel: Kernel, use_dsp: bool = False) -> RtlKernel:
    """``kernel.rtl()`` or ``rtl_with_dsp()``, kept while one layer is looked at.

    Either walks over all weights, and folds are tried by the hundred.
    """
    return kernel.rtl_with_dsp() if use_dsp else kernel.rtl()


def geometry(graph: LoweredGraph, node: Node, streamed: bool = True) -> Geometry:
    """The convolution that a linear node is; LoweringError where it is to be `streamed` and its kernel has no SystemVerilog."""
    source, window = graph.input_streams(node)[0], node.op.window
    ordered, blocks = _tap_order(node) if streamed else (False, None)
    height, width, channels = (1, 1, source.size) if window is None else source.shape
    return Geometry(channels, height, width, window or Window((1, 1)), node.kernel.outputs, ordered, blocks)


def _tap_order(node: Node) -> tuple[bool, tuple[frozenset[int], ...] | None]:
    """What a layer's kernel asks of the order in which its taps come, as in `Geometry`."""
    try:
        spelling = rtl_kernel(node.kernel)
    except LoweringError as error:
        raise LoweringError(f"layer '{node.name}': {error}") from error
    return spelling.ordered, None if spelling.blocks is None else tuple(map(frozenset, spelling.blocks.tolist()))


def window_shape(geometry: Geometry, fold: Fold) -> WindowShape | None:
    """The simplest window unit of the engine that serves this fold, or None."""
    (kh, kw), channels = geometry.window.size, geometry.group_channels
    if geometry.group_outputs % fold.pe:
        return None
    for form, block in ((0, 1), (1, kh), (2, kh * kw)):
        codes, rest = divmod(fold.simd, block)
        if rest or codes == 0 or channels % codes:
            continue
        whole = codes == channels
        if form == 2 and (geometry.window.groups > 1 or (fold.pe != geometry.outputs and not whole)):
            continue
        if geometry.ordered and not (form == 0 and power_of_two(fold.simd) == fold.simd) and fold.simd != geometry.taps:
            continue
        shape = WindowShape(form, codes, fold.simd)
        if geometry.blocks is None or shape.keeps(geometry, geometry.blocks):
            return shape
    return None


def taken_pixels(geometry: Geometry, shape: WindowShape, pixels: int) -> int:
    """Whole pixels a beat that a window takes as they come, of the `pixels` that its source offers; else 1."""
    fit = shape.whole(geometry) and not any(geometry.window.padding) and geometry.width % pixels == 0
    return pixels if fit else 1


def legal_pe(geometry: Geometry, streamed: bool = True) -> list[int]:
    """All PE that this layer can have."""
    return divisors(geometry.group_outputs if streamed else geometry.outputs)


def legal_simd(geometry: Geometry, pe: int = 1, streamed: bool = True) -> list[int]:
    """All SIMD that this layer can have at this PE."""
    return [simd for simd in divisors(geometry.taps) if not streamed or window_shape(geometry, Fold(pe, simd))]


def legal_folds(graph: LoweredGraph, node: Node, streamed: bool = True) -> list[Fold]:
    """All folds of a linear layer that can be built, by lanes, then by SIMD descending."""
    shape = geometry(graph, node, streamed)
    folds = [Fold(pe, simd) for pe in legal_pe(shape, streamed) for simd in legal_simd(shape, pe, streamed)]
    return sorted(folds, key=lambda fold: (fold.lanes, -fold.simd))


def check_fold(name: str, geometry: Geometry, fold: Fold) -> WindowShape:
    """The engine's window unit of a fold; ConfigError naming the layer and what would be legal."""
    if fold.pe not in legal_pe(geometry):
        of = f"{geometry.group_outputs} outputs" + (" of a group" if geometry.window.groups > 1 else "")
        raise ConfigError(f"layer '{name}': PE {fold.pe} must divide its {of}. PE: {legal_pe(geometry)}")
    shape = window_shape(geometry, fold)
    if shape is None:
        (kh, kw), channels = geometry.window.size, geometry.group_channels
        reason = f"{channels} channels under a {kh} x {kw} window" if kh * kw > 1 else f"{channels} inputs"
        order = " whose tap order is fixed" if geometry.ordered else " whose taps come in blocks" if geometry.blocks else ""
        raise ConfigError(
            f"layer '{name}': SIMD {fold.simd} cannot be streamed from {reason}{order} at PE {fold.pe}. "
            f"SIMD: {legal_simd(geometry, fold.pe)}"
        )
    return shape


def reads_input(graph: LoweredGraph, node: Node) -> bool:
    """Whether pixels come to this layer as the design's input gives them, encoded at most."""
    before = graph[node.inputs[0]]
    return before is graph.input or (before.op.passes_pixels and reads_input(graph, before))


__all__ = [
    "Geometry",
    "WindowShape",
    "check_fold",
    "geometry",
    "legal_folds",
    "legal_pe",
    "legal_simd",
    "reads_input",
    "rtl_kernel",
    "taken_pixels",
    "window_shape",
]
