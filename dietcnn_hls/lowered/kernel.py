# SPDX-License-Identifier: Apache-2.0
"""What a kernel is: the arithmetic of one linear layer as one immutable value.

Its integer meaning, its costs, its C++ and its SystemVerilog are methods of that value: the reference, both kinds of
hardware and the cost all read the same fields, so they cannot drift.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from dietcnn_hls import finders
from dietcnn_hls.errors import LoweringError, suggest
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations
from dietcnn_hls.lowered.stream import Stream


@dataclass(frozen=True)
class KernelOutput:
    """Range and grid of what a kernel yields, over all output channels, before bias."""

    lo: int
    hi: int
    fraction: int
    levels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class HlsKernel:
    """A kernel's C++ side.

    Attributes:
        header: the file that implements it: a name below ``templates/hls``, or the path of a file elsewhere. It may include
            headers that lie beside it, and those of ``templates/hls``.
        struct: the C++ class template, ``template <class CONFIG_T> struct <struct>``; ``templates/hls/README.md`` states
            what it must offer and what CONFIG_T offers.
        constants: ``static const`` members for the layer's CONFIG_T (ints, bools) in order.
        arrays: constant arrays of the layer (weights, tables); array ``x`` is CONFIG_T's member ``x`` of element type ``x_t``.
    """

    header: str | Path
    struct: str
    constants: Mapping[str, int | bool]
    arrays: Mapping[str, HlsArray]


@dataclass(frozen=True)
class HlsArray:
    """One constant array of generated C++: integer values, width and where it goes.

    Attributes:
        values: integers of any shape, stored row-major.
        bits: width of an element.
        signed: whether elements are two's complement.
        placement: 'lutrom' | 'bram' | 'auto'.
        lanes: values are (outputs, taps), one a lane; they are stored ``[group][tap][output of the group]``.
    """

    values: np.ndarray
    bits: int
    signed: bool
    placement: str = "auto"
    lanes: bool = False


@dataclass(frozen=True)
class RtlKernel:
    """A kernel's SystemVerilog side: one kernel-array module with PE x SIMD lanes behind the common port contract.

    The engine supplies SIMD input codes a beat and one weight word a beat; after the last beat of a window the module
    presents PE accumulators (see ``templates/rtl/README.md`` for the port contract).

    Attributes:
        module: module name, file ``<module>.sv`` below ``templates/rtl`` or among `sources`.
        parameters: extra parameters beside the common ones (PE, SIMD, widths).
        tables: named small tables passed as packed-vector parameters: name -> (values, bits).
        weights: (outputs, taps) unsigned lane codes.
        weight_bits: bits of one lane code.
        sources: files outside ``templates/rtl`` that hold the module or modules that it instantiates, each named after the
            module.
        lane_bounds: (lowest, highest) contribution of every lane to the module's sums, each (outputs, taps), or (outputs,
            taps, addends) where a lane adds several: the engine derives the widths of all running sums. None where the
            module does not sum integers; its results are then codes in the kernel's output range.
        by_addend: the module adds the first addends of all lanes, then the second ones, and so on; otherwise lane after lane.
        offsets: (outputs,) constants that the engine adds to the module's results (inside thresholds or biases, for free)
            to get the kernel's; None for zeros.
        shifts: (outputs,) left shifts that the engine applies after adding the offsets; None for zeros.
        ordered: True where the result depends on the order of the taps.
        blocks: (blocks, taps a block) taps that the module must get in one beat, where it cannot take them singly; None where any
            SIMD will do.
        beat_tables: further tables that depend on the fold: called with the taps of all beats of a pass, (beats, SIMD).
        logic: LUTs in a row between a beat's codes and weights, or the module's own registers, and the first sum; one in front
            counts as 2. Where they are more than 1, the module has lane_sum's parameter REGISTER.
        stages: most pipeline stages that the module has beside those of its sums, with `fast`.
        fast: parameters beside, or instead of, `parameters` where the clock asks for short paths.
        plain_stages: those stages without `fast`; None: as many.
    """

    module: str
    parameters: Mapping[str, int | str]
    tables: Mapping[str, tuple[np.ndarray, int]]
    weights: np.ndarray
    weight_bits: int
    sources: tuple[Path, ...] = ()
    lane_bounds: tuple[np.ndarray, np.ndarray] | None = None
    by_addend: bool = False
    offsets: np.ndarray | None = None
    shifts: np.ndarray | None = None
    ordered: bool = False
    blocks: np.ndarray | None = None
    beat_tables: Callable[[np.ndarray], Mapping[str, tuple[np.ndarray, int]]] | None = None
    logic: int = 1
    stages: int = 0
    fast: Mapping[str, int | str] = field(default_factory=dict)
    plain_stages: int | None = None

    @property
    def unhurried(self) -> int:
        """Stages beside those of the sums where no clock presses."""
        return self.stages if self.plain_stages is None else self.plain_stages


def decodes(integers: np.ndarray, lo: int) -> bool:
    """Whether the integers of the codes from `lo` on differ from the codes, so that they take a decoding table."""
    return not np.array_equal(integers, np.arange(lo, lo + len(integers)))


@dataclass(frozen=True)
class Constants:
    """A kernel as a constant matrix: ``matrix @ integers[codes - lo]``.

    Attributes:
        lo: the first input code.
        integers: of the input codes, in order; of `ends_only` the first and the last, the codes being the integers themselves.
        matrix: (outputs, taps) int64.
        ends_only: see `integers`.
    """

    lo: int
    integers: np.ndarray
    matrix: np.ndarray
    ends_only: bool = False

    @property
    def decodes(self) -> bool:
        """False where the codes are the integers themselves and need no decoding table."""
        return not self.ends_only and decodes(self.integers, self.lo)


class Kernel(ABC):
    """Arithmetic of one linear layer. Subclasses are frozen dataclasses of ints, strings, tuples and numpy arrays."""

    method: ClassVar[str]
    fraction: int
    """Grid of the results: integers over ``2**fraction``."""

    def __post_init__(self) -> None:
        checks.plain_fields(self)
        checks.integer(f"{type(self).__name__}.fraction", self.fraction, -checks.MAX_FRACTION, checks.MAX_FRACTION)
        self.check()

    def check(self) -> None:  # noqa: B027  # fields of the right types may be all that there is to check
        """Check the fields beyond their types; called when the kernel is made.

        Raises:
            LoweringError: a field of the wrong shape or range, for example a weight beyond its table.
        """

    @abstractmethod
    def check_input(self, stream: Stream) -> None:
        """Check that the kernel was made for the codes of this stream.

        Raises:
            LoweringError: its tables have other rows, or its integers are others.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Output channels."""

    @property
    @abstractmethod
    def taps(self) -> int:
        """Inputs of one output position (kh * kw * channels / groups, or the dense input size)."""

    @property
    def output(self) -> KernelOutput:
        """Range, grid and codebook of the result, before bias; by default integers from the least to the greatest bound."""
        lows, highs = self.bounds()
        return KernelOutput(int(lows.min()), int(highs.max()), self.fraction)

    @abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Exact worst-case (lowest, highest) result per output channel over all input codes, int64 (outputs,)."""

    @abstractmethod
    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """The meaning of the kernel. (N, taps) input codes -> (N, outputs[rows]) int64 results."""

    @abstractmethod
    def operations(self) -> Operations:
        """Run-time operations of one output position, all output channels together."""

    @property
    @abstractmethod
    def table_bits(self) -> int:
        """Bits of look-up tables stored once for the layer."""

    @property
    @abstractmethod
    def weight_bits(self) -> int:
        """Bits of stored weights of the layer."""

    @property
    def addition_bits(self) -> int:
        """Width of the additions that `operations` counts, for the operation-energy model; by default the accumulator's."""
        return bits_for(self.output.lo, self.output.hi)

    @property
    def lookup_bits(self) -> tuple[int, int] | None:
        """(bits of an entry, bits of the table that it is read from) of the look-ups that `operations` counts, likewise.

        By default the widest entry of the C++ side's tables, read from all of them; None where there are none.
        """
        entries = [array.bits for name, array in self.hls().arrays.items() if name != "weights"]
        return (max(entries), self.table_bits) if entries and self.table_bits else None

    def scaled(self, exponents: np.ndarray, lowest: int) -> Kernel:
        """The kernel with result c times ``2**exponents[c]``, on a grid finer by ``-lowest`` bits: a batch-norm of shifts.

        Raises:
            LoweringError: the method has no per-channel shift.
        """
        raise LoweringError(f"method '{self.method}' has no shifts per channel; put a CodebookActivation behind the batch-norm")

    @abstractmethod
    def hls(self) -> HlsKernel:
        """The C++ spelling."""

    @abstractmethod
    def rtl(self) -> RtlKernel:
        """The SystemVerilog spelling; LoweringError where a variant has none."""

    def constants(self) -> Constants | None:
        """The kernel as a constant matrix, where that is all it is; designs with a lane a weight can then share sums."""
        return None

    def rtl_with_dsp(self) -> RtlKernel:
        """The SystemVerilog spelling where DSP blocks may be used; by default the same."""
        return self.rtl()


class LaneKernel(Kernel):
    """A kernel with one stored weight for every output and tap: a field ``weights``, (outputs, taps)."""

    weights: np.ndarray

    def check_weights(self, low: int, high: int) -> None:
        """Check that the weights are (outputs, taps) integers between `low` and `high`."""
        checks.array(f"{type(self).__name__}.weights", self.weights, (None, None), low, high)

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def taps(self) -> int:
        return self.weights.shape[1]


def check_rows(what: str, rows: int, stream: Stream) -> None:
    """Check that a table of `rows` rows can be read with the codes of `stream`; LoweringError otherwise."""
    if (stream.lo, stream.hi) != (0, rows - 1):
        raise LoweringError(f"{what} of {rows} rows cannot be read with codes {stream.lo}..{stream.hi}")


AnyKernel = TypeVar("AnyKernel", bound=type[Kernel])

_KERNELS: dict[str, type[Kernel]] = {}


def register_kernel(kernel: AnyKernel) -> AnyKernel:
    """Make a kernel class known to saved graphs, which name it.

    Raises:
        LoweringError: another class of that name is registered; `forget_kernel` that first.
    """
    if _KERNELS.setdefault(kernel.__name__, kernel) is not kernel:
        raise LoweringError(f"a kernel '{kernel.__name__}' is registered already; forget it first")
    return kernel


def forget_kernel(kernel: type[Kernel]) -> None:
    """Undo `register_kernel`; nothing happens where it is not registered."""
    if _KERNELS.get(kernel.__name__) is kernel:
        del _KERNELS[kernel.__name__]


def kernel_type(name: str) -> type[Kernel]:
    """The kernel class of this name; LoweringError with a suggestion where there is none."""
    if name not in _KERNELS:
        finders.find()
    try:
        return _KERNELS[name]
    except KeyError:
        raise LoweringError(f"no installed method has a kernel '{name}'.{suggest(name, _KERNELS)}") from None


__all__ = [
    "Constants",
    "HlsArray",
    "HlsKernel",
    "Kernel",
    "KernelOutput",
    "LaneKernel",
    "RtlKernel",
    "check_rows",
    "decodes",
    "forget_kernel",
    "kernel_type",
    "register_kernel",
]
