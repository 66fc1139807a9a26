# SPDX-License-Identifier: Apache-2.0
"""Layer calls to C++: the CONFIG struct, the constant arrays and the call of each operation.

One function an operation, in the registry `SPELLINGS`. What a linear layer's kernel needs comes from ``kernel.hls()`` and is
passed on unread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.hls.cpp import Constant, IntType
from dietcnn_hls.hls.network import Call, Edge, Network
from dietcnn_hls.lowered import (
    Add,
    Encode,
    Fold,
    HlsArray,
    Linear,
    MaxPool,
    Registry,
    Requantize,
    Reshape,
    Stream,
    SumPool,
    SymbolMap,
    Window,
)

STORAGE = {"lutrom": "type=rom_1p impl=lutram", "bram": "type=rom_1p impl=bram"}


_BEYOND = {"saturate": "clip to", "wrap": "wrap around"}


@dataclass
class LayerCode:
    """C++ of one call.

    Attributes:
        call: what is called.
        title: comment line.
        function: qualified name of the function template.
        headers: files that it needs: names below ``templates/hls``, or paths of files elsewhere.
        members: lines of the CONFIG struct.
        constants: constant arrays.
    """

    call: Call
    title: str
    function: str
    headers: list[str | Path]
    members: list[str] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.call.name

    @property
    def statement(self) -> str:
        arguments = ", ".join(edge.variable for edge in (*self.call.inputs, *self.call.outputs))
        return f"{self.function}<{self.name}_config>({arguments});"

    def integers(self, **members: int | bool) -> None:
        """Members that are compile-time numbers."""
        for name, value in members.items():
            kind, text = ("bool", str(value).lower()) if isinstance(value, bool | np.bool_) else ("int", str(int(value)))
            if kind == "int" and not -(2**31) < int(value) < 2**31:
                kind, text = "long long", f"{text}LL"
            self.members.append(f"static const {kind} {name} = {text};")

    def types(self, **members: str) -> None:
        self.members.extend(f"typedef {spelling} {name};" for name, spelling in members.items())

    def array(
        self, member: str, values: np.ndarray, what: str, element: IntType | None = None, pragmas: Sequence[str] = ()
    ) -> None:
        """A constant array ``<layer>_<member>`` of the narrowest type (or `element`), as a member that refers to it."""
        element = element or IntType.holding(int(values.min()), int(values.max()))
        constant = Constant(f"{self.name}_{member}", values, element, f"{self.name}: {what}", tuple(pragmas))
        self.constants.append(constant)
        self.types(**{f"{member}_t": element.cpp})
        self.members.append(f"static constexpr const {member}_t (&{member}){constant.dimensions} = {constant.name};")

    def function_member(self, signature: str, body: str) -> None:
        self.members.append(f"static {signature} {{ return {body}; }}")


Spelling = Callable[[Network, Call, Any], LayerCode]
"""(network, call, the call's operation) -> its C++."""

SPELLINGS: Registry[Spelling] = Registry("the HLS project")


def layer_code(network: Network, call: Call) -> LayerCode:
    """The C++ of one call of `network`; UnsupportedLayerError where an operation has none."""
    if call.plumbing is not None:
        return _PLUMBING[call.plumbing](network, call)
    return SPELLINGS.of(call.node.op, call.node.name)(network, call, call.node.op)


def source_of(network: Network, call: Call) -> Stream:
    """The stream a node reads, in the shape that the node sees."""
    return network.graph[call.node.inputs[0]].stream


def sizes(stream: Stream) -> str:
    return "x".join(map(str, stream.shape))


@SPELLINGS.register(Linear)
def _linear(network: Network, call: Call, op: Linear) -> LayerCode:
    source, fold = source_of(network, call), network.folding[call.node.name]
    kernel = op.kernel.hls()
    groups = op.window.groups if op.window else 1
    kind, function = ("convolution", "nnet::conv2d") if op.window else ("dense layer", "nnet::dense")
    title = f"{call.name}: {kind} {sizes(source)} -> {sizes(call.node.stream)}, {op.kernel.taps} taps, method {op.kernel.method}"
    code = LayerCode(call, title, function, [f"nnet_{'conv2d' if op.window else 'dense'}.h", kernel.header])
    if op.window:
        _geometry(code, op.window, source, call.node.stream, source.zero_code if any(op.window.padding) else 0)
    else:
        code.integers(in_lanes=call.inputs[0].lanes)
    pe = math.gcd(fold.pe, op.kernel.outputs // groups)
    code.integers(n_in=op.kernel.taps, n_out=op.kernel.outputs // groups, groups=groups)
    code.integers(parallel_groups=fold.pe // pe, pe=pe, simd=fold.simd)
    code.integers(reuse_factor=fold.reuse_factor(op.kernel.outputs, op.kernel.taps))
    acc, out = op.kernel.output, call.node.stream
    code.types(input_t=call.inputs[0].code_type, acc_t=IntType.holding(acc.lo, acc.hi, out.lo, out.hi).cpp)
    code.types(output_t=call.outputs[0].code_type)
    code.integers(**kernel.constants)
    for member, array in kernel.arrays.items():
        _kernel_array(code, member, array, groups, Fold(pe, fold.simd))
    _bias(code, op, fold)
    code.types(kernel=f"nnet::{kernel.struct}<{call.name}_config>")
    return code


def _kernel_array(code: LayerCode, member: str, array: HlsArray, groups: int, fold: Fold) -> None:
    """A kernel's array; lane arrays are stored [group][tap][output], so that a beat's lanes lie side by side."""
    values, what, pragmas = np.asarray(array.values), member, []
    if array.lanes:
        values = values.reshape(groups, -1, values.shape[1]).transpose(0, 2, 1)
        what += ", [group][tap][output]"
        pragmas += [f"ARRAY_RESHAPE variable={{name}} cyclic factor={fold.simd} dim=2"] if fold.simd > 1 else []
        pragmas += [f"ARRAY_RESHAPE variable={{name}} cyclic factor={fold.pe} dim=3"] if fold.pe > 1 else []
    if array.placement in STORAGE:
        pragmas.append(f"BIND_STORAGE variable={{name}} {STORAGE[array.placement]}")
    element = IntType(array.bits, array.signed)
    if not element.fits(values):
        raise LoweringError(f"layer '{code.name}': array '{member}' does not fit the {element.bits} bits that its kernel states")
    code.array(member, values, what, element, pragmas)


def _bias(code: LayerCode, op: Linear, fold: Fold) -> None:
    if op.bias is None:
        code.function_member("int bias(int)", "0")
        return
    how = f"cyclic factor={fold.pe}" if fold.pe < op.kernel.outputs else "complete"
    code.array("biases", op.bias, "bias, [output]", pragmas=[f"ARRAY_PARTITION variable={{name}} {how}"])
    code.function_member("biases_t bias(int output)", "biases[output]")


def _geometry(code: LayerCode, window: Window, source: Stream, result: Stream, pad_code: int) -> None:
    (kernel_height, kernel_width), (stride_height, stride_width) = window.size, window.stride
    top, bottom, left, right = window.padding
    code.integers(in_height=source.shape[0], in_width=source.shape[1], n_chan=source.channels)
    code.integers(kernel_height=kernel_height, kernel_width=kernel_width)
    code.integers(stride_height=stride_height, stride_width=stride_width)
    code.integers(pad_top=top, pad_bottom=bottom, pad_left=left, pad_right=right, pad_code=pad_code)
    code.integers(out_height=result.shape[0], out_width=result.shape[1], n_filt=result.channels)


@SPELLINGS.register(MaxPool)
def _max_pool(network: Network, call: Call, op: MaxPool) -> LayerCode:
    source = source_of(network, call)
    title = f"{call.name}: maximum over {op.window.size[0]}x{op.window.size[1]}, {sizes(source)} -> {sizes(call.node.stream)}"
    code = LayerCode(call, title, "nnet::max_pool2d", ["nnet_pool2d.h"])
    _geometry(code, op.window, source, call.node.stream, source.lo)
    code.types(input_t=call.inputs[0].code_type, output_t=call.outputs[0].code_type)
    return code


@SPELLINGS.register(SumPool)
def _sum_pool(network: Network, call: Call, op: SumPool) -> LayerCode:
    source = source_of(network, call)
    title = f"{call.name}: sum over {op.window.size[0]}x{op.window.size[1]}, {sizes(source)} -> {sizes(call.node.stream)}"
    code = LayerCode(call, title, "nnet::sum_pool2d", ["nnet_pool2d.h"])
    _geometry(code, op.window, source, call.node.stream, 0)
    code.types(input_t=call.inputs[0].code_type, output_t=call.outputs[0].code_type)
    if source.levels is None:
        code.function_member("input_t integer(input_t code)", "code")
        return code
    code.array("integers", source.integers, "integers, [symbol]")
    code.function_member("integers_t integer(input_t code)", "integers[int(code)]")
    return code


def elementwise(
    network: Network, call: Call, function: str, params: int, title: str, header: str | Path | None = None
) -> LayerCode:
    """A call on each code by itself, in vectors of lanes (``nnet_elementwise.h``).

    Args:
        network: the network.
        call: one of its calls.
        function: name of the function template in the name space nnet.
        params: channels that have parameters of their own, or 1.
        title: what it does, for a comment.
        header: where the function stands; default ``nnet_<function>.h``.
    """
    stream = call.node.stream
    code = LayerCode(call, f"{call.name}: {title}, {sizes(stream)}", f"nnet::{function}", [header or f"nnet_{function}.h"])
    lanes = call.inputs[0].lanes if network.streaming else stream.size if params == 1 else stream.channels
    code.integers(n_elem=stream.size, lanes=lanes, parallel=math.gcd(lanes, call.parallel), n_params=params)
    code.types(input_t=call.inputs[0].code_type, output_t=call.outputs[0].code_type)
    return code


@SPELLINGS.register(Encode)
def _encode(network: Network, call: Call, op: Encode) -> LayerCode:
    channels = network.graph[call.node.name].stream.channels if len(op.thresholds) > 1 else 1
    code = elementwise(network, call, "encode", channels, f"thresholds to {len(op.levels)} symbols")
    flips = bool(op.flip.any())
    code.integers(n_levels=len(op.levels), has_flip=flips)
    pragmas = ["ARRAY_PARTITION variable={name} complete dim=1"]
    if channels > 1 and call.parallel > 1:
        pragmas.append(f"ARRAY_RESHAPE variable={{name}} cyclic factor={math.gcd(channels, call.parallel)} dim=2")
    source = source_of(network, call)
    # thresholds out of reach move to the ends of what can be reached; signed where the input is: C++ would compare a negative
    # sum of 32 native bits with an unsigned threshold as unsigned, and the other way round
    thresholds = np.clip(op.thresholds, source.lo, source.hi + 1)
    element = IntType.holding(max(min(source.lo, 0), -1), int(thresholds.min()), int(thresholds.max()))
    code.array("thresholds", thresholds.T, "thresholds, [level][channel]", element, pragmas)
    if flips:
        code.array("flip", op.flip.astype(np.uint8), "mirrored channels", IntType(1, False))
    return code


@SPELLINGS.register(Requantize)
def _requantize(network: Network, call: Call, op: Requantize) -> LayerCode:
    source = source_of(network, call)
    code = elementwise(
        network, call, "requantize", 1, f"shift by {op.shift}, {op.rounding}, {_BEYOND[op.overflow]} {op.lo}..{op.hi}"
    )
    left = max(-op.shift, 0)
    reach = 1 << max(op.shift, 0)
    wide = IntType.holding((source.lo << left) - reach, (source.hi << left) + reach, op.lo, op.hi)
    code.types(wide_t=wide.cpp)
    code.integers(shift=op.shift, lowest=op.lo, highest=op.hi, wraps=op.overflow == "wrap")
    rounding = "round_floor" if op.rounding == "floor" else op.rounding
    code.members.append(f"static const nnet::rounding_mode rounding = nnet::{rounding};")
    return code


@SPELLINGS.register(SymbolMap)
def _symbol_map(network: Network, call: Call, op: SymbolMap) -> LayerCode:
    code = elementwise(network, call, "symbol_map", len(op.table), f"table of {op.table.shape[1]} symbols")
    pragmas = [f"ARRAY_RESHAPE variable={{name}} cyclic factor={math.gcd(len(op.table), call.parallel)} dim=1"]
    pragmas.append(f"BIND_STORAGE variable={{name}} {STORAGE['lutrom']}")
    code.array("table", op.table, "symbols, [channel][symbol]", IntType.holding(0, len(op.levels) - 1), pragmas)
    return code


@SPELLINGS.register(Add)
def _add(network: Network, call: Call, op: Add) -> LayerCode:
    stream = call.node.stream
    code = LayerCode(call, f"{call.name}: sum of two streams, {sizes(stream)}", "nnet::add", ["nnet_add.h"])
    code.integers(n_elem=stream.size, lanes=call.inputs[0].lanes if network.streaming else stream.channels)
    code.types(output_t=call.outputs[0].code_type)
    for side, edge, shift in zip(("left", "right"), call.inputs, op.shifts, strict=True):
        operand(code, side, edge, shift)
    return code


def operand(code: LayerCode, side: str, edge: Edge, shift: int) -> None:
    """Member ``<side>(code)`` of an operation on two streams: the operand's integer, shifted left."""
    code.types(**{f"{side}_t": edge.code_type})
    if edge.stream.levels is None:
        aligned = IntType.holding(*(end << shift for end in edge.stream.range))
        code.types(**{f"{side}_aligned_t": aligned.cpp})
        code.function_member(f"{side}_aligned_t {side}({side}_t code)", f"{side}_aligned_t(code) << {shift}")
        return
    code.array(f"{side}_integers", edge.stream.integers << shift, f"{side} operand's integers, [symbol]")
    code.function_member(f"{side}_integers_t {side}({side}_t code)", f"{side}_integers[int(code)]")


@SPELLINGS.register(Reshape)
def _reshape(network: Network, call: Call, op: Reshape) -> LayerCode:
    return _repack(network, call)


def _repack(network: Network, call: Call) -> LayerCode:
    source, result = call.inputs[0], call.outputs[0]
    title = f"{call.name}: {sizes(source.stream)} -> {sizes(result.stream)}, same codes"
    code = LayerCode(call, title, "nnet::reshape", ["nnet_reshape.h"])
    code.integers(n_elem=source.size, in_lanes=source.lanes, out_lanes=result.lanes)
    code.types(code_t=source.code_type)
    return code


def _fork(network: Network, call: Call) -> LayerCode:
    source = call.inputs[0]
    code = LayerCode(call, f"{call.name}: a copy for each of two readers", "nnet::fork", ["nnet_fork.h"])
    code.integers(n_elem=source.size, lanes=source.lanes)
    code.types(code_t=source.code_type)
    return code


_PLUMBING: Mapping[str, Callable[[Network, Call], LayerCode]] = {"repack": _repack, "fork": _fork}


__all__ = ["SPELLINGS", "STORAGE", "LayerCode", "Spelling", "elementwise", "layer_code", "operand", "sizes", "source_of"]
