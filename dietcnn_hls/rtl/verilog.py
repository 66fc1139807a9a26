# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog text: packed constants, memory files, module instances, names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from dietcnn_hls.names import unique_identifiers

_LINE_BITS = 384  # of a long constant, so that generated lines stay within the width of a page


@dataclass(frozen=True)
class Packed:
    """A packed vector constant of `bits` bits; item 0 in the low bits."""

    value: int
    bits: int

    def __str__(self) -> str:
        if self.bits <= _LINE_BITS:
            return f"{self.bits}'h{self.value:x}"
        pieces = []
        for low in range(0, self.bits, _LINE_BITS):
            width = min(_LINE_BITS, self.bits - low)
            pieces.append(f"{width}'h{(self.value >> low) & ((1 << width) - 1):x}")
        return "{\n        " + ",\n        ".join(reversed(pieces)) + "}"


Parameter = int | str | Packed
"""Value of a module parameter; a string is a quoted string in SystemVerilog."""


def packed(values: np.ndarray | Iterable[int], bits: int) -> Packed:
    """Integers, row-major, as one vector; each is taken modulo ``2**bits``."""
    flat = np.asarray(values, dtype=np.int64).reshape(1, -1)
    return Packed(words(flat, bits)[0], max(1, flat.size * bits))


def words(values: np.ndarray, bits: int) -> list[int]:
    """(n, lanes) integers as n memory words, lane 0 in the low bits; each integer is taken modulo ``2**bits``.

    Arrays of Python integers may hold more than 63 bits.
    """
    large = values.dtype == object
    values = values if large else values.astype(np.int64)
    pieces = []
    for low in range(0, bits, 32):
        piece = ((values >> (low if large else min(low, 63))) & 0xFFFFFFFF).astype(np.int64)
        pieces.append((piece[:, :, None] >> np.arange(min(32, bits - low)) & 1).astype(np.uint8))
    rows = np.packbits(np.concatenate(pieces, axis=2).reshape(len(values), -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def memory_file(words: Iterable[int], bits: int) -> str:
    """Text for ``$readmemh``: one word a line."""
    digits = -(-bits // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


_PARTS = frozenset(
    """pixels window lines weights kernel sums values codes gathered held split unshifted shifted pooled thresholds biases branch
    fork a b add fed taken array results feed queue kept chosen offered""".split()
)
"""First words of what is appended to a layer's identifier."""


def layer_identifiers(names: Iterable[str]) -> dict[str, str]:
    """Each layer's name -> what the names of its wires, instances and memory files begin with."""
    return unique_identifiers(names, parts=_PARTS)


@dataclass(frozen=True)
class Instance:
    """One module instance of a generated top.

    Attributes:
        name: instance name, unique in the top; begins with the layer's name.
        layer: name of the graph's node that it belongs to.
        module: the module, a file of that name below ``templates/rtl``.
        parameters: values that differ from the module's defaults, and some that do not.
        ports: port -> expression in the top.
        cycles: of a kernel array, from the last beat of a pass to its result; None for other modules.
    """

    name: str
    layer: str
    module: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    cycles: int | None = None

    def render(self) -> str:
        """The instance as text, with long constants in the lines after their parameter's name."""
        parameters = ",\n".join(f"      .{key}({_text(value)})" for key, value in self.parameters.items())
        ports = ",\n".join(f"      .{key}({value})" for key, value in self.ports.items())
        head = f"  {self.module} #(\n{parameters}\n  ) {self.name}" if parameters else f"  {self.module} {self.name}"
        return f"{head} (\n{ports}\n  );\n"


def _text(value: Parameter) -> str:
    return f'"{value}"' if isinstance(value, str) else str(int(value) if isinstance(value, bool) else value)


__all__ = ["Instance", "Packed", "Parameter", "layer_identifiers", "memory_file", "packed", "words"]
