# SPDX-License-Identifier: Apache-2.0
"""The linear operation: convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.kernel import Kernel
from dietcnn_hls.lowered.operation import Operation, register_operation
from dietcnn_hls.lowered.stream import Stream, Window


@register_operation
@dataclass(frozen=True, eq=False)
class Linear(Operation):
    """Convolution (``window`` set) or dense layer: kernel over taps, plus bias.

    One output position sees the codes of its window flattened in (kh, kw, channel) order (the whole input in memory
    order for dense) and yields ``kernel.accumulate(window) + bias``. Padded pixels carry the input's zero code.

    Attributes:
        kernel: its arithmetic.
        bias: (outputs,) integers on the accumulator's grid, or None.
        window: geometry of a convolution, or None.
    """

    kernel: Kernel = field()
    bias: np.ndarray | None = None
    window: Window | None = None
    kind: ClassVar[str] = "linear"

    def check(self) -> None:
        checks.instance("the kernel of a linear layer", self.kernel, Kernel)
        checks.instance("the window of a linear layer", self.window, (Window, type(None)))
        outputs = checks.integer("the outputs of a kernel", self.kernel.outputs, 1)
        checks.integer("the taps of a kernel", self.kernel.taps, 1)
        lows, highs = self.kernel.bounds()
        for what, bound in (("lowest", lows), ("highest", highs)):
            checks.array(f"the {what} results of a kernel", bound, (outputs,))
        if (lows > highs).any():
            raise LoweringError("the lowest results of a kernel exceed its highest")
        if self.window is not None and outputs % self.window.groups:
            raise LoweringError(f"{self.window.groups} groups do not divide {outputs} outputs")
        if self.bias is not None:
            checks.array("a bias", self.bias, (outputs,))
            if self.kernel.output.levels is not None:
                raise LoweringError("an accumulator of symbols takes its bias in a SymbolMap")

    def result(self, *inputs: Stream) -> Stream:
        (source,), kernel = inputs, self.kernel
        if self.window is None:
            shape: tuple[int, ...] = (kernel.outputs,)
            taps = source.size
        else:
            rows, columns, channels = self.window.over(source)
            if channels % self.window.groups:
                raise LoweringError(f"{self.window.groups} groups do not divide {channels} channels")
            if any(self.window.padding):
                source.zero_code  # noqa: B018  # what padded pixels carry must exist
            shape = (rows, columns, kernel.outputs)
            taps = self.window.area * channels // self.window.groups
        if taps != kernel.taps:
            raise LoweringError(f"kernel of {kernel.taps} taps on a window of {taps}")
        kernel.check_input(source)
        output = kernel.output
        if self.bias is None:
            return Stream(shape, output.lo, output.hi, output.fraction, output.levels)
        lows, highs = kernel.bounds()
        return Stream(shape, int((lows + self.bias).min()), int((highs + self.bias).max()), output.fraction)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        positions = result.size // result.channels
        return self.kernel.operations() * positions + Operations(additions=0 if self.bias is None else result.size)

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return self.kernel.table_bits

    @property
    def weight_bits(self) -> int:
        bias = 0 if self.bias is None else self.bias.size * bits_for(int(self.bias.min()), int(self.bias.max()))
        return self.kernel.weight_bits + bias

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        kernel, operand = self.kernel, inputs[0].bits
        weight = max(1, round(kernel.weight_bits / (kernel.outputs * kernel.taps)))
        entry, table = kernel.lookup_bits or (None, None)
        return Widths((operand, weight), kernel.addition_bits, entry, table, operand, kernel.addition_bits)


__all__ = ["Linear"]
