# SPDX-License-Identifier: Apache-2.0
"""Operation energy as a *model*: cited energies of single operations times counts, in units of one 8-bit addition.

The figures are those of M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, for a 45 nm
process at 0.9 V. They rank schemes by their arithmetic; they know nothing of an FPGA's routing, clock or idle parts, so
the model yields no joules and no watts, and its figures are only to be divided by each other.

Between and beyond the cited widths: energy of an addition and of a multiplication follows the power law through the two
cited points; a memory read scales with the bits read and the square root of the capacity, which meets the cited 32 KB
figure exactly and the 1 MB figure within 14 %. Horowitz gives no comparison and no shift: a comparison counts as the
subtraction that it is, a run-time shift as an addition of its width (a barrel shifter has about as many cells).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered import Operations, Widths
from dietcnn_hls.reports.model import MODEL, EnergyModel

# picojoules, Horowitz 2014; only their ratios leave this module
_ADD = {8: 0.03, 32: 0.1}
_MULTIPLY = {8: 0.2, 32: 3.1}
_READ_64_BITS = {8 * 1024 * 8: 10.0, 32 * 1024 * 8: 20.0, 1024 * 1024 * 8: 100.0}

_ADD_EXPONENT = math.log(_ADD[32] / _ADD[8]) / math.log(32 / 8)
_MULTIPLY_EXPONENT = math.log(_MULTIPLY[32] / _MULTIPLY[8]) / math.log(32 / 8)
_CAPACITY = 8 * 1024 * 8


def addition(bits: int) -> float:
    """Relative energy of a `bits`-wide addition; 1 for 8 bits."""
    return (_width("add", bits) / 8) ** _ADD_EXPONENT


def multiplication(bits: int, other: int) -> float:
    """Relative energy of a `bits` x `other` multiplication; the law is that of equal widths in their geometric mean."""
    mean = math.sqrt(_width("multiply", bits) * _width("multiply", other))
    return _MULTIPLY[8] / _ADD[8] * (mean / 8) ** _MULTIPLY_EXPONENT


def lookup(bits: int, table: int) -> float:
    """Relative energy of reading `bits` from a memory that holds `table` bits."""
    read, capacity = _width("lookup", bits), _width("table", table)
    return _READ_64_BITS[_CAPACITY] / _ADD[8] * (read / 64) * math.sqrt(capacity / _CAPACITY)


def energy(operations: Operations, widths: Widths) -> float:
    """Relative energy of one layer's operations, in 8-bit additions.

    Raises:
        ConfigError: when the width of an operation that occurs is missing or below 1.
    """
    total = 0.0
    if operations.multiplications:
        bits, other = widths.multiply or (None, None)
        total += operations.multiplications * multiplication(_width("multiply", bits), _width("multiply", other))
    if operations.additions:
        total += operations.additions * addition(_width("add", widths.add))
    if operations.lookups:
        each = lookup(_width("lookup", widths.lookup), _width("table", widths.table))
        total += operations.lookups * each
    if operations.shifts:
        total += operations.shifts * addition(_width("shift", widths.shift))
    if operations.comparisons:
        total += operations.comparisons * addition(_width("compare", widths.compare))
    return total


def energy_model(layers: Iterable[tuple[Operations, Widths]]) -> EnergyModel:
    """A design's ``energy_model`` section: the sum over its layers, labelled ``model``. Raises as :func:`energy`."""
    return EnergyModel(relative=math.fsum(energy(operations, widths) for operations, widths in layers), source=MODEL)


def _width(name: str, bits: int | None) -> int:
    if bits is None:
        raise ConfigError(f"The energy model needs the '{name}' width of a layer that performs such operations.")
    if bits < 1:
        raise ConfigError(f"The energy model's '{name}' width must be at least 1 bit, got {bits}.")
    return bits
