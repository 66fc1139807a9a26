# SPDX-License-Identifier: Apache-2.0
"""Activations of stock hls4ml: clips, shifts, and tables filled as hls4ml fills them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dietcnn_hls.backend.functions import TABLE_BITS, find_function, known_functions
from dietcnn_hls.backend.readers.stock import tables
from dietcnn_hls.backend.readers.stock.chain import Chain, aligned, refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.quantisers import FUNCTION, of_layer
from dietcnn_hls.backend.readers.stock.weights import constants
from dietcnn_hls.lowered import Add, Combine, Encode, Gather, Node, Reduce, Requantize, ValueMap

_CENTRED: Mapping[str, tuple[tables.Function, int]] = {
    "sigmoid": (tables.sigmoid, 8),
    "tanh": (tables.tanhf, 4),
    "softplus": (tables.softplus, 8),
    "softsign": (tables.softsign, 8),
}
"""Function and reach of the tables that are centred on zero."""

_SPELLINGS = {"leakyrelu": "leaky_relu", "thresholdedrelu": "thresholded_relu"}
"""Keras' class names, which hls4ml takes for names of functions."""


def activation(chain: Chain) -> None:
    """Layers that hls4ml calls Activation, by the function's name."""
    word = str(chain.layer.get_attr("activation"))
    word = _SPELLINGS.get(word.lower(), word.lower())
    if word in _CENTRED:
        _centred(chain, *_CENTRED[word])
    elif word in _OTHERS:
        _OTHERS[word](chain)
    else:
        _listed(chain, str(chain.layer.get_attr("activation")))


def _listed(chain: Chain, word: str) -> None:
    """A table of a function that hls4ml has none of its own for."""
    function = of_layer(chain.layer, word) or find_function(word)
    if function is None:
        known = ", ".join(sorted({*_CENTRED, *_OTHERS, *known_functions()}))
        raise refuse(
            chain.layer,
            f"the activation '{word}' has no lowering; known are {known}; register_activation() adds functions of one value",
        )
    result, fraction = chain.type("result"), chain.stream.fraction
    if chain.stream.hi - chain.stream.lo >= 1 << TABLE_BITS:
        words = (
            f"a table of '{word}' for the {chain.stream.bits} bits of its input, and tables have up to {TABLE_BITS} index bits"
        )
        raise refuse(chain.layer, f"{words}; give the layer before it a result of fewer")

    def codes(given: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            values = np.asarray(function(given * 2.0**-fraction), np.float64)
        if values.shape != given.shape or np.isnan(values).any():
            where = "" if values.shape != given.shape else f" at {given[np.isnan(values)][0] * 2.0**-fraction:g}"
            raise refuse(chain.layer, f"'{word}' gives no number{where}; register a function of one value that is one everywhere")
        return result.of_floats(values)

    chain.table("table", codes, result)


def linear(chain: Chain) -> None:
    chain.cast(chain.type("result"))


def relu(chain: Chain) -> None:
    chain.clip("positive", 0, max(0, chain.stream.hi))
    chain.cast(chain.type("result"))


def _relu_up_to(bound: int) -> Callable[[Chain], None]:
    def capped(chain: Chain) -> None:
        chain.clip("capped", 0, int(bound * 2.0**chain.stream.fraction))
        chain.cast(chain.type("result"))

    return capped


def _rectify(chain: Chain) -> None:
    """Keras' ReLU with its arguments: a clip where it is one, else a table."""
    given = chain.layer.get_attr(FUNCTION)["arguments"]
    bound = None if given["max_value"] is None else given["max_value"] * 2.0**chain.stream.fraction
    if given["negative_slope"] or given["threshold"] or bound is None or bound != int(bound):
        _listed(chain, "rectify")
        return
    chain.clip("capped", 0, int(bound))
    chain.cast(chain.type("result"))


def _centred(chain: Chain, function: tables.Function, reach: int) -> None:
    """``table[trunc(x * size / (2 reach)) + size / 2]``, the index clipped."""
    size = _table_size(chain)
    step = size.bit_length() - 1 - (2 * reach).bit_length() + 1
    _index(chain, step, -(size // 2), size // 2 - 1)
    table = chain.type("table")
    codes = tables.centred(function, size, float(reach), table)[None]
    chain.add(
        "table",
        ValueMap(codes[:, chain.stream.lo + size // 2 : chain.stream.hi + size // 2 + 1], chain.stream.lo, table.fraction),
    )
    chain.cast(chain.type("result"))


def _index(chain: Chain, step: int, lo: int, hi: int, role: str = "index") -> None:
    """``trunc(x * 2**step)``, as an int of C++ drops a fraction, clipped to lo..hi."""
    shift = chain.stream.fraction - step
    chain.add(role, Requantize(shift, "toward_zero", lo, hi, step))


def _table_size(chain: Chain) -> int:
    size = int(chain.layer.get_attr("table_size"))
    if size < 2 or size & (size - 1):
        raise refuse(chain.layer, f"TableSize {size} is no power of two; use {1 << max(1, size - 1).bit_length()}")
    return size


def elu(chain: Chain) -> None:
    """The positive part, cast, plus ``alpha * table[trunc(x * size / -8)]`` of the negative part: one of them is zero."""
    alpha, kind = _parameter(chain)
    _two_sided(chain, tables.elu, alpha, kind)


def selu(chain: Chain) -> None:
    """The positive part times 1.05..., plus the table of the negative part.

    The gain is an ap_ufixed<16, 1> in hls4ml's C++ of arrays, and of the input's own type in that of streams.
    """
    streams = chain.layer.model.config.get_config_value("IOType") == "io_stream"
    given = FixedType.of(chain.layer.get_input_variable().type.precision, chain.name, "its input")
    kind = given if streams else FixedType(16, 15, False)
    gain = kind.of_floats(np.array([1.0507009873554805]))
    _two_sided(chain, tables.selu, np.array([1]), FixedType(2, 0, True), (gain, kind.fraction))


def _two_sided(
    chain: Chain, function: tables.Function, alpha: np.ndarray, kind: FixedType, gain: tuple[np.ndarray, int] | None = None
) -> None:
    source, size, result = chain.last, _table_size(chain), chain.type("result")
    chain.clip("positive", 0, max(0, source.stream.hi))
    if gain is not None:
        chain.scale("gained", *gain)
    chain.cast(result, "positive_cast")
    positive = chain.last
    chain.last = source
    chain.clip("negative", min(0, source.stream.lo), 0)
    _index(chain, size.bit_length() - 1 - 3, 1 - size, 0)
    table = chain.type("table")
    entries = tables.negative(function, size, table)
    codes = result.codes(entries * int(alpha[0]), table.fraction + kind.fraction)
    count = chain.stream.hi - chain.stream.lo + 1
    chain.add("table", ValueMap(codes[:count][::-1][None], chain.stream.lo, result.fraction))
    _sum_of_sides(chain, positive, result)


def _sum_of_sides(chain: Chain, positive: Node, result: FixedType) -> None:
    chain.add("sides", Add(aligned(chain.stream, positive.stream)), positive)
    chain.cast(result)


def _parameter(chain: Chain) -> tuple[np.ndarray, FixedType]:
    """Codes of an activation's parameter: a weight, or a number of the type ``param_t``."""
    kind = chain.type("param")
    text = np.array([float(chain.layer.get_attr("activ_param"))])
    return kind.of_floats(text), kind


def leaky_relu(chain: Chain) -> None:
    alpha, kind = _parameter(chain)
    _scaled_negative(chain, alpha, kind)


def prelu(chain: Chain) -> None:
    alpha, kind = constants(chain.layer, "param")
    shape = chain.stream.shape
    if alpha.size not in (1, chain.stream.channels):  # a slope for each value: each is a channel of its own
        alpha = np.broadcast_to(alpha, shape)
        chain.reshape("values", (1, 1, chain.stream.size))
    _scaled_negative(chain, alpha.ravel(), kind)
    chain.reshape("shape", shape)


def _scaled_negative(chain: Chain, alpha: np.ndarray, kind: FixedType) -> None:
    """``x > 0 ? x : alpha * x``, each cast to the result: one of the two is zero."""
    source, result = chain.last, chain.type("result")
    chain.clip("positive", 0, max(0, source.stream.hi))
    chain.cast(result, "positive_cast")
    positive = chain.last
    chain.last = source
    chain.clip("negative", min(0, source.stream.lo), 0)
    chain.scale("scaled", alpha, kind.fraction)
    chain.cast(result, "negative_cast")
    _sum_of_sides(chain, positive, result)


def thresholded_relu(chain: Chain) -> None:
    """``x > theta ? x : 0``: x, not below the first value above theta, less that value where x is not above it."""
    theta, kind = _parameter(chain)
    first = (int(theta[0]) << max(0, chain.stream.fraction - kind.fraction) >> max(0, kind.fraction - chain.stream.fraction)) + 1
    source = chain.last
    if not source.stream.lo < first <= source.stream.hi or first <= 0:
        raise refuse(chain.layer, f"theta {theta[0] * 2.0**-kind.fraction} lies outside of the values that it sees")
    step = chain.add("step", Encode(np.array([[first]]), np.array([True]), (0, first), source.stream.fraction))
    chain.last = source
    chain.clip("raised", first, source.stream.hi)
    chain.add("above", Combine("subtract"), step)
    chain.cast(chain.type("result"))


def hard(chain: Chain) -> None:
    """``clip(slope * x + shift, 0, 1)``; hard_tanh is twice that, less one."""
    slope_kind, shift_kind = chain.type("slope"), chain.type("shift")
    slope = slope_kind.of_floats(np.array([float(chain.layer.get_attr("slope"))]))
    shift = shift_kind.of_floats(np.array([float(chain.layer.get_attr("shift"))]))
    fraction = max(chain.stream.fraction + slope_kind.fraction, shift_kind.fraction)
    lift = fraction - chain.stream.fraction - slope_kind.fraction
    offsets = np.broadcast_to(shift, chain.stream.channels).copy()
    chain.scale("line", slope << lift, slope_kind.fraction + lift, (offsets, shift_kind.fraction))
    chain.clip("clipped", 0, 1 << fraction)
    if str(chain.layer.get_attr("activation")) == "hard_tanh":
        minus_one = np.full(chain.stream.channels, -(1 << fraction), np.int64)
        chain.scale("centred", np.array([2]), 0, (minus_one, fraction))
    chain.cast(chain.type("result"))


def softmax(chain: Chain) -> None:
    """hls4ml's implementations, over the axis that Keras takes it over: hls4ml's io_parallel takes all values for one vector."""
    how, shape = str(chain.layer.get_attr("implementation")), chain.stream.shape
    axes = np.ravel(chain.layer.get_attr("axis", -1))
    axis = int(axes[0])
    axis = axis - 1 if axis > 0 else axis + len(shape)
    slices = int(chain.layer.get_attr("n_inner", 1)) * int(chain.layer.get_attr("n_outer", 1))
    if len(axes) > 1 or not 0 <= axis < len(shape) or (slices > 1 and int(chain.layer.get_attr("n_in")) // slices != shape[axis]):
        raise refuse(chain.layer, "a softmax over several axes has no lowering; take it over one")
    if how not in _SOFTMAX:
        raise refuse(chain.layer, f"the softmax implementation '{how}' has no lowering; use {', '.join(map(repr, _SOFTMAX))}")
    order = [*(each for each in range(len(shape)) if each != axis), axis]
    numbers = np.arange(chain.stream.size).reshape(shape)
    if axis != order[axis]:
        moved = numbers.transpose(order)
        chain.add("turned", Gather(moved.reshape(-1), moved.shape))
    _SOFTMAX[how](chain)
    if axis != order[axis]:
        back = np.argsort(numbers.transpose(order).reshape(-1))
        chain.add("turned_back", Gather(back, shape))


def _legacy(chain: Chain) -> None:
    """``1 / sum of exp(x_j - x_i)``: both by tables of a type of their own, which hls4ml lets wrap around."""
    shape, channels, size, kind = chain.stream.shape, chain.stream.channels, _table_size(chain), FixedType(18, 10, True)
    numbers = np.arange(chain.stream.size).reshape(-1, channels)
    pairs = (1, chain.stream.size, channels)
    whole = chain.last
    own = chain.add("own", Gather(np.repeat(numbers.reshape(-1), channels), pairs))
    chain.last = whole
    chain.add("others", Gather(np.repeat(numbers, channels, axis=0).reshape(-1), pairs))
    chain.add("gaps", Combine("subtract", aligned(chain.stream, own.stream)), own)
    _index(chain, size.bit_length() - 1 - 4, -(size // 2), size // 2 - 1)
    powers = tables.centred(tables.expf, size, 8.0, kind)
    seen = powers[chain.stream.lo + size // 2 : chain.stream.hi + size // 2 + 1]
    chain.add("powers", ValueMap(seen[None], chain.stream.lo, kind.fraction))
    chain.add("total", Reduce("sum"))
    chain.cast(kind, "total_held")
    _index(chain, size.bit_length() - 1 - 6, 0, size - 1, "total_index")
    entries = tables.reciprocals(size, kind)[chain.stream.lo : chain.stream.hi + 1]
    chain.add("shares", ValueMap(entries[None], chain.stream.lo, kind.fraction))
    chain.reshape("shape", shape)
    chain.cast(chain.type("result"))


def _argmax(chain: Chain) -> None:
    """One in the first greatest channel, zero in the others."""
    shape, result = chain.stream.shape, chain.type("result")
    chain.add("place", Reduce("argmax"))
    pixels = np.repeat(np.arange(chain.stream.size), shape[-1])
    chain.add("places", Gather(pixels, shape))
    here = np.arange(shape[-1])[:, None] == np.arange(chain.stream.hi + 1)
    chain.add("chosen", ValueMap(result.codes(here.astype(np.int64), 0), 0, result.fraction))


def _latency(chain: Chain) -> None:
    _softmax(chain, stable=False)


def _stable(chain: Chain) -> None:
    _softmax(chain, stable=True)


_SOFTMAX: Mapping[str, Callable[[Chain], None]] = {
    "stable": _stable,
    "latency": _latency,
    "argmax": _argmax,
    "legacy": _legacy,
}


def _softmax(chain: Chain, stable: bool) -> None:
    given = FixedType.of(chain.layer.get_input_variable().type.precision, chain.name, "its input")
    inputs = given
    if stable:
        source = chain.last
        greatest = chain.add("greatest", Reduce("maximum"))
        chain.last = source
        # greatest - x is what hls4ml takes; its negative is what streams of unlike channels can give
        chain.add("below", Combine("subtract"), greatest)
        chain.scale("distance", np.array([-1]), 0)
        # of the width of the input less its sign, in which large distances wrap around
        inputs = FixedType(given.bits - given.signed, given.fraction, False)
        chain.cast(inputs, "normal")
    accum, table = chain.type("accum"), chain.type("exp_table")
    size = min(_table_size(chain), 1 << inputs.bits) if stable and given.signed else _table_size(chain)
    scale = np.float32(chain.layer.get_attr("exp_scale", 1.0))
    x = _central(inputs, size) * scale
    exponentials = table.of_floats(tables.expf(-x if stable else x))
    _top_bits(chain, "exp", inputs, accum.codes(exponentials, table.fraction), accum.fraction)
    powers = chain.last
    chain.add("total", Reduce("sum"))
    _held(chain, accum)
    untyped = chain.layer.get_attr("inv_inp_t").name == "model_default_t"
    inverse_input, inverse = table if untyped else chain.type("inv_inp"), chain.type("inv_table")
    chain.cast(inverse_input, "total_cast")
    size = _table_size(chain)
    with np.errstate(divide="ignore"):
        reciprocals = (np.float32(1) / _central(inverse_input, size)).astype(np.float32)
    _top_bits(chain, "inverse", inverse_input, inverse.of_floats(reciprocals), inverse.fraction)
    share = chain.last
    chain.last = powers
    chain.add("shares", Combine("multiply"), share)
    chain.cast(chain.type("result"))


def _held(chain: Chain, accum: FixedType) -> None:
    """The sum in its accumulator.

    hls4ml adds in a tree whose partial sums saturate; where no term is negative only the total matters.
    """
    if chain.stream.lo < 0:
        chain.wrap(accum)
    else:
        chain.cast(accum, "total_held")


def _central(kind: FixedType, size: int) -> np.ndarray:
    """(size,) float32 values of the codes whose top bits are the index and whose other bits are zero."""
    bits = size.bit_length() - 1
    patterns = np.arange(size, dtype=np.int64) << max(0, kind.bits - bits)
    signed = np.where(patterns >> (kind.bits - 1) & 1, patterns - (1 << kind.bits), patterns) if kind.signed else patterns
    return (signed * 2.0**-kind.fraction).astype(np.float32)


def _top_bits(chain: Chain, role: str, kind: FixedType, entries: np.ndarray, fraction: int) -> None:
    """A table indexed by the top bits of a code of `kind`; the stream holds such values, on a grid of its own."""
    bits = len(entries).bit_length() - 1
    if kind.bits < bits:
        raise refuse(chain.layer, f"a table of {len(entries)} entries for codes of {kind.bits} bits; use a smaller TableSize")
    drop = kind.bits - bits
    shift = chain.stream.fraction - (kind.fraction - drop)
    if shift:
        chain.add(f"{role}_index", Requantize(shift, "floor", kind.lo >> drop, kind.hi >> drop, kind.fraction - drop))
    first, last = chain.stream.lo, chain.stream.hi
    values = entries[np.arange(first, last + 1) & (len(entries) - 1)]
    chain.add(role, ValueMap(values[None], first, fraction))


def binary_tanh(chain: Chain) -> None:
    """1 from zero on, else -1."""
    _levels(chain, np.array([[0]]), (-1, 1))


def ternary_tanh(chain: Chain) -> None:
    """1 above a half, -1 up to minus a half, else 0; twice the input is taken in the input's own type."""
    given = FixedType.of(chain.layer.get_input_variable().type.precision, chain.name, "its input")
    chain.scale("twice", np.array([2]), 0)
    chain.cast(given, "twice_held")
    one = 1 << max(0, chain.stream.fraction)
    if chain.stream.fraction < 0:
        raise refuse(chain.layer, "a ternary_tanh of an input without units has no lowering; give it integer bits from 0 on")
    _levels(chain, np.array([[1 - one, 1 + one]]), (-1, 0, 1))


def normalised_tanh(chain: Chain) -> None:
    """A batch-norm and the binary or ternary tanh behind it, which hls4ml makes one layer: thresholds for each channel."""
    layer = chain.layer
    levels: tuple[int, ...] = (-1, 1)
    if int(layer.get_attr("quantize")) == 2:
        thresholds, kind = constants(layer, "threshold")
        rows = thresholds.reshape(-1, 1)
    else:
        (low, kind), (high, _) = constants(layer, "threshold_lo"), constants(layer, "threshold_hi")
        rows, levels = np.stack([low.ravel(), high.ravel()], axis=1) + 1, (-1, 0, 1)
        if (rows[:, 0] > rows[:, 1]).any():
            raise refuse(layer, "the batch-norm before it has a negative scale, for which hls4ml's thresholds are exchanged")
    lift = chain.stream.fraction - kind.fraction
    if lift > 0 and len(levels) == 3:
        raise refuse(layer, "its thresholds are coarser than its input; give the input its own precision")
    rows = rows << lift if lift >= 0 else -(-rows >> -lift)
    shape = chain.stream.shape
    if len(rows) not in (1, chain.stream.channels):  # a threshold for each value: each is a channel of its own
        chain.reshape("values", (1, 1, chain.stream.size))
    _levels(chain, rows, levels, shape)


def _levels(chain: Chain, thresholds: np.ndarray, levels: tuple[int, ...], shape: tuple[int, ...] | None = None) -> None:
    """Integers `levels` by thresholds, (channels or 1, levels - 1), in a `shape` of its own."""
    chain.add("level", Encode(thresholds, np.zeros(len(thresholds), bool), levels, 0))
    chain.reshape("shape", shape or chain.stream.shape)
    chain.add("value", ValueMap(np.array([levels]), 0, 0))
    chain.cast(chain.type("result"))


_OTHERS: Mapping[str, Callable[[Chain], None]] = {
    "linear": linear,
    "relu": relu,
    "relu6": _relu_up_to(6),
    "relu1": _relu_up_to(1),
    "rectify": _rectify,
    "selu": selu,
    "elu": elu,
    "leaky_relu": leaky_relu,
    "thresholded_relu": thresholded_relu,
    "hard_sigmoid": hard,
    "hard_tanh": hard,
    "binary_tanh": binary_tanh,
    "ternary_tanh": ternary_tanh,
}

__all__ = [
    *("activation", "elu", "hard", "leaky_relu", "normalised_tanh", "prelu", "softmax", "ternary_tanh", "thresholded_relu"),
]
