# SPDX-License-Identifier: Apache-2.0
"""What an operation is: one step of a network as one immutable value, which answers for whatever is true in every spelling.

How a target evaluates or spells it stands in that target's `Registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, TypeVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.kernel import Kernel
from dietcnn_hls.lowered.stream import Stream, Window


@dataclass(frozen=True)
class ChannelTable:
    """Constants of an operation that differ by channel, as hardware stores them: `channels` words of `bits` bits."""

    role: str
    channels: int
    bits: int


class Operation(ABC):
    """One step of a network. Subclasses are frozen dataclasses (``eq=False``) that `register_operation` decorates.

    A subclass declares `window` or `kernel` as a field of its own, ``window: Window = field()``, where it has one.

    Attributes:
        kind: the word for it in reports.
        arity: how many streams it reads; 0 for the network's input alone.
        pointwise: whether code i of the result needs code i of every input and no later one.
        keeps_codes: whether the result is the input, code by code, under another shape.
        passes_pixels: whether hardware takes several whole pixels a beat as they come.
        window: the window that it slides over its input, or None.
        kernel: the arithmetic of a linear layer, or None.
    """

    kind: ClassVar[str]
    arity: ClassVar[int] = 1
    pointwise: ClassVar[bool] = False
    keeps_codes: ClassVar[bool] = False
    passes_pixels: ClassVar[bool] = False
    window: Window | None = None
    kernel: Kernel | None = None

    def __post_init__(self) -> None:
        checks.plain_fields(self, (Window, Kernel))
        self.check()

    def check(self) -> None:  # noqa: B027  # an operation without fields has nothing to check
        """Check the fields; called when the operation is made.

        Raises:
            LoweringError: a field of the wrong type, shape or range.
        """

    def stream(self, inputs: Sequence[Stream]) -> Stream:
        """What the operation produces from these streams.

        Raises:
            LoweringError: it cannot read them, or the result has no exact form.
        """
        if len(inputs) != self.arity:
            raise LoweringError(f"'{self.kind}' reads {self.arity} stream(s), not {len(inputs)}")
        return self.result(*inputs)

    @abstractmethod
    def result(self, *inputs: Stream) -> Stream:
        """`stream` for as many inputs as `arity` says."""

    @abstractmethod
    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        """Run-time operations of one inference, from what it reads to what it produces."""

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        """Bits of constant tables and thresholds."""
        return 0

    @property
    def weight_bits(self) -> int:
        """Bits of stored weights and biases."""
        return 0

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        """Widths of the operations that `counts` counts, for the operation-energy model; by default the operand's."""
        operand = inputs[0].bits if inputs else result.bits
        return Widths(add=operand, compare=operand)

    def whole_reads(self, inputs: Sequence[Stream]) -> tuple[int | None, ...]:
        """Codes of each operand that are read at a time, so that beats must be parts of them; None: any beats do."""
        return (None,) * len(inputs)

    def last_reads(self, inputs: Sequence[Stream], result: Stream) -> tuple[np.ndarray, ...]:
        """For each input the number of the last of its codes that each code of the result needs, (result.size,), not decreasing.

        It follows from how the codes of a stream follow each other; buffers of branches that meet are sized by it.
        """
        if self.window is not None:
            return tuple(self.window.last_reads(source, result) for source in inputs)
        own = np.arange(result.size)
        return tuple(own if self.pointwise else np.full(result.size, source.size - 1) for source in inputs)

    @property
    def boundaries(self) -> np.ndarray | None:
        """Stored input codes at which the result becomes its next code, (C or 1, n), one row a channel; None without such."""
        return None

    def channel_table(self, inputs: Sequence[Stream]) -> ChannelTable | None:
        """The memory of constants that a layer of several channels reads channel by channel; None where there is none."""
        return None


AnyOperation = TypeVar("AnyOperation", bound=type[Operation])

_OPERATIONS: dict[str, type[Operation]] = {}
OPERATIONS: Mapping[str, type[Operation]] = MappingProxyType(_OPERATIONS)
"""All operations by class name, the name that saved graphs give them."""


def register_operation(operation: AnyOperation) -> AnyOperation:
    """Make an operation known to saved graphs; a decorator.

    Raises:
        LoweringError: another class of that name is registered; `forget_operation` that first.
    """
    if _OPERATIONS.setdefault(operation.__name__, operation) is not operation:
        raise LoweringError(f"an operation '{operation.__name__}' is registered already; forget it first")
    return operation


def forget_operation(operation: type[Operation]) -> None:
    """Undo `register_operation`; nothing happens where it is not registered."""
    if _OPERATIONS.get(operation.__name__) is operation:
        del _OPERATIONS[operation.__name__]


__all__ = ["OPERATIONS", "ChannelTable", "Operation", "forget_operation", "register_operation"]
