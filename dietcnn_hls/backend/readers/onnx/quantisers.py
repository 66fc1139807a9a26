# SPDX-License-Identifier: Apache-2.0
"""QONNX' own operations: Quant, BipolarQuant, Trunc, computed by the functions with which qonnx executes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.onnx.attributes import attributes
from dietcnn_hls.backend.readers.onnx.builder import Builder
from dietcnn_hls.backend.readers.onnx.functions import by_channel
from dietcnn_hls.backend.readers.onnx.tensors import EXACT_FLOAT32, Step, Tensor, quantised
from dietcnn_hls.lowered import Requantize, Source, Stream

_SHIFTS = {
    "ROUND": "half_even",
    "HALF_EVEN": "half_even",
    "FLOOR": "floor",
    "DOWN": "toward_zero",
    "HALF_UP": "half_from_zero",
    "HALF_DOWN": "half_to_zero",
}
"""What Quant's rounding is called where it drops bits; its other roundings become thresholds."""


@dataclass(frozen=True)
class Grid:
    """A quantiser as a plain shift: codes lo to hi on ``2**-fraction``."""

    lo: int
    hi: int
    fraction: int
    rounding: str

    def stream(self, shape: tuple[int, ...]) -> Stream:
        return Stream(shape, self.lo, self.hi, self.fraction)


def _numbers(make: Builder, node: Any, names: tuple[str, ...]) -> list[np.ndarray]:
    """The constant inputs of a quantiser, float32; all but the scale are single numbers."""
    found = []
    for place, name in enumerate(names, start=1):
        if node.input[place] not in make.constants:
            raise make.refuse(f"its {name} must be a constant")
        values = by_channel(make, make.constants[node.input[place]], node.input[0])
        if place > 1 and len(values) > 1:
            raise make.refuse(f"its {name} differs by channel; only one for all has a lowering")
        found.append(values)
    if not (found[0] > 0).all():
        raise make.refuse("its scale must be above zero")
    return found


def quant(make: Builder, node: Any) -> Tensor:
    from qonnx.custom_op.general.quant import quant as compute

    given = attributes(make, node, signed=None, narrow=None, rounding_mode="ROUND")
    scale, zero, bits = _numbers(make, node, ("scale", "zero point", "bit width"))
    signed, narrow, rounding = int(given["signed"]), int(given["narrow"]), str(given["rounding_mode"]).upper()
    width = bits.reshape(())
    if rounding not in (*_SHIFTS, "CEIL", "UP"):
        raise make.refuse(f"rounding_mode='{rounding}' is not known; known are {', '.join(_SHIFTS)}, CEIL, UP")
    if width < 1 or width != np.rint(width) or (width == 1 and signed and narrow):
        raise make.refuse(f"a bit width of {width:g} has no lowering")

    def applied(x: np.ndarray, channels: np.ndarray) -> np.ndarray:
        own = scale[channels] if len(scale) > 1 else scale
        return np.asarray(compute(x, own, zero, width, signed, narrow, rounding), np.float32)

    return _quantise(make, node, Step(make.what, applied, len(scale)), _grid(scale, zero, int(width), signed, narrow, rounding))


def _grid(scale: np.ndarray, zero: np.ndarray, bits: int, signed: int, narrow: int, rounding: str) -> Grid | None:
    """A Quant as a plain shift, where it is one."""
    mantissa, exponent = np.frexp(scale[0])
    if len(scale) > 1 or mantissa != 0.5 or zero[0] != 0 or rounding not in _SHIFTS or (bits == 1 and signed) or bits > 24:
        return None
    lo = -(1 << (bits - 1)) + narrow if signed else 0
    hi = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 - narrow
    return Grid(lo, hi, 1 - int(exponent), _SHIFTS[rounding])


def bipolar_quant(make: Builder, node: Any) -> Tensor:
    attributes(make, node)
    (scale,) = _numbers(make, node, ("scale",))

    def applied(x: np.ndarray, channels: np.ndarray) -> np.ndarray:
        own = scale[channels] if len(scale) > 1 else scale
        return np.where(x >= 0, own, -own)

    return _quantise(make, node, Step(make.what, applied, len(scale)), None)


def trunc(make: Builder, node: Any) -> Tensor:
    """Both versions: with the output's width alone (five inputs), and with the output's scale too (six)."""
    from qonnx.custom_op.general import trunc as versions

    given = attributes(make, node, rounding_mode="FLOOR", narrow=0, signed=1)
    rounding = str(given["rounding_mode"]).upper()
    if len(node.input) == 5:
        scale, zero, bits, out_bits = _numbers(make, node, ("scale", "zero point", "input width", "output width"))

        def applied(x: np.ndarray, channels: np.ndarray) -> np.ndarray:
            own = scale[channels] if len(scale) > 1 else scale
            return np.asarray(versions.trunc_v1(x, own, zero, bits, out_bits, rounding), np.float32)
    else:
        names = ("scale", "zero point", "input width", "output scale", "output width")
        scale, zero, bits, out_scale, out_bits = _numbers(make, node, names)
        narrow, signed, width = int(given["narrow"]), int(given["signed"]), out_bits.reshape(())

        def applied(x: np.ndarray, channels: np.ndarray) -> np.ndarray:
            own = scale[channels] if len(scale) > 1 else scale
            return np.asarray(versions.trunc_v2(x, own, zero, bits, narrow, signed, out_scale, width, rounding), np.float32)

    return _quantise(make, node, Step(make.what, applied, len(scale)), None)


def _quantise(make: Builder, node: Any, step: Step, grid: Grid | None) -> Tensor:
    """A quantiser behind what a tensor has gone through: a shift where it can be one, else thresholds."""
    name = node.input[0]
    tensor = make.tensors[name]
    source = tensor.node
    if source is make.nodes[0] and grid is not None and _first(make, name, tensor):
        return _entry(make, tensor, grid)
    if max(step.channels, tensor.channels) > 1 and tensor.order is not None:
        tensor = make.exact(name, "functions by channel take integers in order")
    plain = grid is not None and source.stream.levels is None
    if plain and all(one.clip is not None and one.clip[0] == 0 and one.clip[1] == np.inf for one in tensor.steps):
        assert grid is not None
        lo = 0 if tensor.steps else grid.lo
        op: Any = Requantize(source.stream.fraction - grid.fraction, grid.rounding, lo, grid.hi, grid.fraction)
    else:
        op = quantised(replace(tensor, steps=(*tensor.steps, step)), make.what)
    made = make.add(op, source)
    if max(abs(end) for end in made.stream.range) >= EXACT_FLOAT32:
        raise make.refuse("its values reach beyond the 2^24 steps that float32 holds exactly; use fewer bits")
    return Tensor(made, order=tensor.order)


def _first(make: Builder, name: str, tensor: Tensor) -> bool:
    """Whether a quantiser alone reads the model's input, and nobody has said what enters: then it says so."""
    return not tensor.steps and make.single(name) and make.open_input


def _entry(make: Builder, tensor: Tensor, grid: Grid) -> Tensor:
    """The model's input with the quantiser's codes; what lies between them is rounded as it would be."""
    made = replace(tensor.node, op=Source(grid.rounding), stream=grid.stream(tensor.stream.shape))
    make.nodes[0] = made
    return replace(tensor, node=made)


__all__ = ["bipolar_quant", "quant", "trunc"]
