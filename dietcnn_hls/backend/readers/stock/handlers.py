# SPDX-License-Identifier: Apache-2.0
"""What hls4ml's Keras parser has no handler for, or drops arguments of, in its own words.

Each handler gets hls4ml's, where it has one, and what that gets; only models that are to be ours are parsed by them. Attributes
that hls4ml has no word for are read by the layer's lowering: ``dilation_height``, ``dilation_width``, ``groups``, ``spaced``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from hls4ml.model.quantizers import Quantizer

from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.stock.quantisers import FUNCTION, GivenScales, scales, tabled

Parsed = tuple[dict[str, Any], list[int]]
Handler = Callable[..., Parsed]


def convolution(theirs: Handler, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """Convolutions with dilation and groups: padding and sizes are those of a window as large as the dilated one."""
    config = entry["config"]
    kernel, rates = config["kernel_size"], config.get("dilation_rate", 1)
    rates = [rates] * len(kernel) if isinstance(rates, int) else rates
    reach = [(size - 1) * rate + 1 for size, rate in zip(kernel, rates, strict=True)]
    layer, shape = theirs({**entry, "config": {**config, "kernel_size": reach}}, names, shapes, reader)
    for axis, size, rate in zip(("height", "width")[-len(kernel) :], kernel, rates, strict=True):
        layer[f"filt_{axis}"] = size
        layer[f"dilation_{axis}"] = rate
    if config.get("groups", 1) != 1:
        layer["groups"] = config["groups"]
    return layer, shape


def transposed(theirs: None, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """A transposed convolution is a convolution with the kernel turned round, over pixels spaced out by zeros."""
    from hls4ml.converters.keras_v2_to_hls import get_weights_data, parse_default_keras_layer

    config, layer = entry["config"], parse_default_keras_layer(entry, names)
    kernel, bias = get_weights_data(reader, layer["name"], ["kernel", "bias"])
    axes = ("height", "width")[-(kernel.ndim - 2) :]
    layer["class_name"] = f"Conv{len(axes)}D"
    layer["weight_data"] = np.swapaxes(np.flip(kernel, tuple(range(len(axes)))), -1, -2)
    layer |= {"bias_data": bias, "weight_quantizer": None, "bias_quantizer": None, "spaced": []}
    layer |= {"n_chan": shapes[0][-1], "n_filt": config["filters"]}
    for axis, given, size, stride in zip(axes, shapes[0][1:], config["kernel_size"], config["strides"], strict=False):
        whole = (given - 1) * stride + size
        same = str(config["padding"]).lower() == "same"
        out = given * stride + (0 if same else max(size - stride, 0))
        layer |= {f"in_{axis}": given, f"out_{axis}": out, f"filt_{axis}": size, f"stride_{axis}": 1}
        before = (max(whole - out, 0) // 2) if same else 0
        layer["spaced"].append([stride, size - 1 - before])
    layer |= dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0)
    return layer, [shapes[0][0], *(layer[f"out_{axis}"] for axis in axes), layer["n_filt"]]


def merge(theirs: Handler, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """Merges of tensors of unlike shapes have the shape to which both are spread."""
    layer, _ = theirs(entry, names, shapes, reader)
    if entry["class_name"] == "Dot":
        return layer, [shapes[0][0], 1]
    try:
        spread = np.broadcast_shapes(*(tuple(shape[1:]) for shape in shapes))
    except ValueError:
        raise unsupported(layer["name"], entry["class_name"], f"it cannot join tensors of shapes {shapes}") from None
    if list(spread) not in (list(shape[1:]) for shape in shapes):
        words = f"it spreads tensors of shapes {[tuple(shape[1:]) for shape in shapes]} to {spread}; give one of them this shape"
        raise unsupported(layer["name"], entry["class_name"], words)
    return layer, [shapes[0][0], *spread]


def repeat(theirs: None, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """RepeatVector."""
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer

    count = int(entry["config"]["n"])
    return {**parse_default_keras_layer(entry, names), "n_copies": count}, [shapes[0][0], count, shapes[0][-1]]


def einsum(theirs: None, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """EinsumDense where it is a Dense layer: the last axis against a matrix."""
    from hls4ml.converters.keras_v2_to_hls import get_weights_data, parse_default_keras_layer

    config, layer = entry["config"], parse_default_keras_layer(entry, names)
    terms, _, result = str(config["equation"]).replace(" ", "").partition("->")
    given, _, weight = terms.partition(",")
    if (
        len(weight) != 2
        or given[-1:] != weight[0]
        or result != given[:-1] + weight[1]
        or config.get("bias_axes") not in (None, weight[1])
    ):
        words = f"equation={config['equation']!r} is no product of the last axis with a matrix, such as '...x,xy->...y'"
        raise unsupported(layer["name"], "EinsumDense", f"{words} with bias_axes='y'; use Permute, Reshape and Dense")
    layer["weight_data"], layer["bias_data"] = get_weights_data(reader, layer["name"], ["kernel", "bias"])
    layer |= {"class_name": "Dense", "weight_quantizer": None, "bias_quantizer": None}
    layer["n_in"], layer["n_out"] = layer["weight_data"].shape
    return layer, [*shapes[0][:-1], layer["n_out"]]


def slopes(theirs: Handler, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """PReLU whose slopes are shared along axes."""
    return theirs({**entry, "config": {**entry["config"], "shared_axes": None}}, names, shapes, reader)


def scaled(theirs: Handler, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """Layers of QKeras: scales of channels that a quantiser is given as an array, which hls4ml can apply and cannot read."""
    config, given = dict(entry["config"]), {}
    for key, saved in config.items():
        if key.endswith("_quantizer") and isinstance(saved, Mapping):
            alpha = scales((saved.get("config") or {}).get("alpha"))
            if alpha is not None:
                config[key] = {**saved, "config": {**saved["config"], "alpha": alpha}}
                given[key.replace("kernel", "weight") if key == "kernel_quantizer" else key] = alpha
    layer, shape = (convolution if entry["class_name"] in _CONVOLUTIONS else _as_it_is)(
        theirs, {**entry, "config": config}, names, shapes, reader
    )
    for key, alpha in given.items():
        if not isinstance(layer.get(key), Quantizer) or key != "weight_quantizer":
            raise unsupported(
                layer["name"], entry["class_name"], f"{key} has an alpha by channel; give it a number, or the kernel's"
            )
        layer[key].quantizer_fn, layer[key].alpha = GivenScales(layer[key].quantizer_fn, alpha), "given"
    return layer, shape


def _as_it_is(theirs: Handler, *given: Any) -> Parsed:
    return theirs(*given)


def quantiser(theirs: Handler, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """QActivation; what hls4ml has no words for becomes a table."""
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer

    found = tabled(str(entry["config"]["name"]), "QActivation", entry["config"]["activation"])
    if found is None:
        return theirs(entry, names, shapes, reader)
    layer = parse_default_keras_layer(entry, names)
    layer |= {"class_name": "Activation", "activation": found["class_name"], FUNCTION: {"kind": "quantise", "arguments": found}}
    return layer, list(shapes[0])


def rectifier(theirs: Handler, entry: Mapping[str, Any], names: Any, shapes: list[list[int]], reader: Any) -> Parsed:
    """ReLU, whose arguments hls4ml drops."""
    layer, shape = theirs(entry, names, shapes, reader)
    given = {key: entry["config"].get(key) for key in ("max_value", "negative_slope", "threshold")}
    if given["max_value"] is not None or given["negative_slope"] or given["threshold"]:
        arguments = {key: value if key == "max_value" else value or 0.0 for key, value in given.items()}
        layer |= {"activation": "rectify", FUNCTION: {"kind": "rectify", "arguments": arguments}}
    return layer, shape


_CONVOLUTIONS = (
    *("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "QConv1D", "QConv2D"),
    *("QDepthwiseConv2D", "QSeparableConv1D", "QSeparableConv2D", "QConv2DBatchnorm"),
)
_HANDLERS: Mapping[str, Callable[..., Parsed]] = {
    **{kind: scaled if kind.startswith("Q") else convolution for kind in (*_CONVOLUTIONS, "QDense")},
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose"), transposed),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Dot"), merge),
    "RepeatVector": repeat,
    "EinsumDense": einsum,
    "PReLU": slopes,
    "ReLU": rectifier,
    "QActivation": quantiser,
}


def handlers(theirs: Mapping[str, Handler]) -> dict[str, Handler]:
    """Ours by Keras' class, each on top of hls4ml's own, if it has one."""
    return {kind: partial(ours, theirs.get(kind)) for kind, ours in _HANDLERS.items()}


__all__ = ["handlers"]
