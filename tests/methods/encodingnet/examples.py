# SPDX-License-Identifier: Apache-2.0
"""Random kernels of encoded products."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.encodingnet.netlist import Gate, Netlist, gate_array
from tests.kernels import Example

PLAIN_GATES = {
    Gate.NOT: lambda a, b: 1 - a,
    Gate.AND: lambda a, b: a * b,
    Gate.NAND: lambda a, b: 1 - a * b,
    Gate.OR: lambda a, b: max(a, b),
    Gate.NOR: lambda a, b: 1 - max(a, b),
    Gate.XOR: lambda a, b: (a + b) % 2,
    Gate.XNOR: lambda a, b: (a + b + 1) % 2,
}


def eight_bits(source: Stream) -> bool:
    """An encoder's operands have 8 signed bits."""
    return bool(source.integers.min() >= -128 and source.integers.max() <= 127)


def random_netlist(seed: int, gates: int = 30, bits: int = 12) -> Netlist:
    rng = np.random.default_rng(seed)
    rows = [(int(rng.integers(7)), *(int(v) for v in rng.integers(0, 16 + g, 2))) for g in range(gates)]
    outputs = rng.integers(0, 16 + gates, bits).astype(np.int32)
    return Netlist(gate_array(rows), outputs, rng.integers(-9000, 9000, bits).astype(np.int32), int(rng.integers(-500, 500)))


def netlist_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> NetlistKernel:
    """Random gates, some of them dead, bits that are operand bits or equal."""
    count, bits = int(rng.integers(1, 25)), int(rng.integers(1, 13))
    gates = [(int(rng.integers(7)), *(int(v) for v in rng.integers(0, 16 + g, 2))) for g in range(count)]
    return NetlistKernel(
        gates=np.array(gates, np.int32),
        positions=rng.choice([*(1 << np.arange(15)), *rng.integers(-(2**15) + 1, 2**15, 15)], bits).astype(np.int32),
        bits=rng.integers(0, 16 + count, bits).astype(np.int32),
        constant=int(rng.integers(-300, 300)),
        weights=rng.integers(-127, 128, (outputs, taps)).astype(np.int8),
        fraction=source.fraction + 7,
        integers=source.integers,
        lo=source.lo,
    )


def plain_product(netlist: Netlist, x: int, w: int) -> int:
    """One product in plain Python, from the netlist's lists."""
    values = [(x >> i) & 1 for i in range(8)] + [(w >> i) & 1 for i in range(8)]
    for kind, left, right in netlist.gates.tolist():
        values.append(PLAIN_GATES[Gate(kind)](values[left], values[right]))
    weighted = zip(netlist.outputs.tolist(), netlist.positions.tolist(), strict=True)
    return netlist.constant + sum(values[net] * position for net, position in weighted)


def plain(kernel: NetlistKernel, codes: list[int], output: int) -> int:
    values = [int(kernel.integers[code - kernel.lo]) for code in codes]
    pairs = zip(values, kernel.weights[output].tolist(), strict=True)
    return sum(plain_product(kernel.netlist, x, w) for x, w in pairs)


EXAMPLES = {"netlist": Example(NetlistKernel, netlist_kernel, plain, eight_bits)}
