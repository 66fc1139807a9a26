# SPDX-License-Identifier: Apache-2.0
"""Reads our Keras layers for hls4ml: configs and variables become the attributes of `dietcnn_hls.backend.layers`.

hls4ml finds variables by a part of their name, which confuses ``codebook`` with ``sum_codebook`` and a layer's name with
its variables; here they are found by their exact name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dietcnn_hls.backend.linear import snapped_bias
from dietcnn_hls.backend.readers.keras.schemes import read_scheme
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import grid_integers

Parsed = tuple[dict[str, Any], list[int | None]]
_PREFIX = "dietcnn_hls>"


def register_handlers() -> None:
    """Tell hls4ml's Keras front end about our layers; harmless when done twice. Needs a fully imported hls4ml."""
    from hls4ml.converters.keras_v2_to_hls import get_layer_handlers, register_keras_v2_layer_handler

    for name, handler in _HANDLERS.items():
        for spelling in (name, f"{_PREFIX}{name}"):
            if spelling not in get_layer_handlers():
                register_keras_v2_layer_handler(spelling, handler)


def variables(reader: Any, layer: str) -> dict[str, np.ndarray]:
    """All variables of a layer by their own name, from a model or from an HDF5 file."""
    if hasattr(reader, "model"):
        return {w.name.split("/")[-1].split(":")[0]: w.numpy() for w in reader.model.get_layer(layer).weights}
    root = reader.h5file["model_weights"] if "model_weights" in reader.h5file else reader.h5file
    found: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "shape"):
            found[name.split("/")[-1].split(":")[0]] = item[()]

    root[layer].visititems(visit)
    return found


def _start(keras_layer: dict[str, Any], input_names: list[str] | None) -> dict[str, Any]:
    """What every layer has; no 'activation', because hls4ml would add a layer for it."""
    layer = {"name": keras_layer["config"]["name"], "class_name": keras_layer["class_name"].removeprefix(_PREFIX)}
    return layer if input_names is None else layer | {"inputs": input_names}


def _finish(layer: dict[str, Any], shape: list[int | None]) -> Parsed:
    return layer | {"output_shape": shape[1:]}, shape


def _linear(layer: dict[str, Any], config: dict[str, Any], found: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    """Kernel, bias on its grid and weight scheme."""
    kernel, bias = found.pop(f"{prefix}kernel"), found.pop("bias", None)
    if not np.isfinite(kernel).all() or (bias is not None and not np.isfinite(bias).all()):
        raise LoweringError(f"layer '{layer['name']}': weights hold NaN or Inf; the training diverged")
    return layer | {
        "kernel": kernel,
        "bias_values": snapped_bias(bias, config["bias_fraction"]),
        "scheme": read_scheme(layer["name"], config[f"{prefix or 'kernel_'}quantizer"], found),
    }


def _parse_conv2d(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    from hls4ml.converters.utils import compute_padding_2d

    config = keras_layer["config"]
    layer = _start(keras_layer, input_names)
    prefix = "depthwise_" if layer["class_name"] == "LookupDepthwiseConv2D" else ""
    layer = _linear(layer, config, variables(reader, layer["name"]), prefix)
    (height, width, channels), size, stride = input_shapes[0][1:], config["kernel_size"], config["strides"]
    out_height, out_width, *pads = compute_padding_2d(config["padding"], height, width, *stride, *size)
    layer |= dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), pads, strict=True))
    layer |= {"filt_height": size[0], "filt_width": size[1], "stride_height": stride[0], "stride_width": stride[1]}
    filters = layer["kernel"].shape[2] * layer["kernel"].shape[3] if prefix else layer["kernel"].shape[3]
    return _finish(layer | {"n_chan": channels}, [input_shapes[0][0], out_height, out_width, filters])


def _parse_dense(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    layer = _start(keras_layer, input_names)
    layer = _linear(layer, keras_layer["config"], variables(reader, layer["name"]), "")
    return _finish(layer, [*input_shapes[0][:-1], layer["kernel"].shape[1]])


def _parse_activation(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    layer = _start(keras_layer, input_names)
    found, fraction = variables(reader, layer["name"]), int(keras_layer["config"]["fraction"])
    thresholds = found["thresholds"].astype(np.float32)
    if not np.isfinite(thresholds).all():
        raise LoweringError(f"layer '{layer['name']}': thresholds hold NaN or Inf; fit the codebooks again")
    levels = tuple(int(v) for v in grid_integers(found["levels"], fraction, layer["name"], "levels"))
    return _finish(layer | {"levels": levels, "fraction": fraction, "thresholds": thresholds}, list(input_shapes[0]))


def _parse_uniform(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    layer, config = _start(keras_layer, input_names), keras_layer["config"]
    bits = int(config["bits"])
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if config["signed"] else (0, (1 << bits) - 1)
    return _finish(layer | {"uniform": (lo, hi, int(config["fraction"]), "half_up")}, list(input_shapes[0]))


def _parse_input_grid(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    layer, config = _start(keras_layer, input_names), keras_layer["config"]
    grid = tuple(int(config[key]) for key in ("lo", "hi", "fraction"))
    return _finish(layer | {"input_grid": grid}, list(input_shapes[0]))


def _parse_sum_pool(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    layer, config = _start(keras_layer, input_names), keras_layer["config"]
    batch, height, width, channels = input_shapes[0]
    (kh, kw), (sh, sw) = config["pool_size"], config["strides"]
    layer |= {"pool_height": kh, "pool_width": kw, "stride_height": sh, "stride_width": sw, "shift": int(config["shift"])}
    layer |= {f"pad_{side}": 0 for side in ("top", "bottom", "left", "right")}
    return _finish(layer, [batch, (height - kh) // sh + 1, (width - kw) // sw + 1, channels])


def _parse_batch_norm(keras_layer: dict[str, Any], input_names: Any, input_shapes: Any, reader: Any) -> Parsed:
    layer = _start(keras_layer, input_names)
    found = {name: value.astype(np.float64) for name, value in variables(reader, layer["name"]).items()}
    variance = found["moving_variance"] + float(keras_layer["config"]["epsilon"])
    gain = found.get("gamma", np.float64(1.0)) / np.sqrt(variance)
    if layer["class_name"] == "ShiftBatchNormalization":
        layer["class_name"] = "ExactBatchNormalization"
        gain, shift = _powers_of_two(gain, found, keras_layer["config"])
    else:
        shift = found.get("beta", np.float64(0.0)) - found["moving_mean"] * gain
    scale, shift = gain.astype(np.float32), shift.astype(np.float32)
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise LoweringError(f"layer '{layer['name']}': batch-norm holds NaN, Inf or a variance below zero; the training diverged")
    return _finish(layer | {"scale": scale, "shift": shift}, list(input_shapes[0]))


def _powers_of_two(gain: np.ndarray, found: dict[str, np.ndarray], config: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of a shift batch-norm: the nearest power of two, compared at 1.5 times the lower one."""
    lowest, highest = int(config["lowest"]), int(config["highest"])
    steps = np.ldexp(1.5, np.arange(lowest, highest))
    scale = np.ldexp(1.0, lowest + np.searchsorted(steps, gain, side="right"))
    grid = 2.0 ** int(config["fraction"])
    return scale, np.floor((found.get("beta", np.float64(0.0)) - found["moving_mean"] * scale) * grid + 0.5) / grid


_HANDLERS: dict[str, Callable[[dict[str, Any], Any, Any, Any], Parsed]] = {
    "LookupConv2D": _parse_conv2d,
    "LookupDepthwiseConv2D": _parse_conv2d,
    "LookupDense": _parse_dense,
    "CodebookActivation": _parse_activation,
    "UniformActivation": _parse_uniform,
    "ExactBatchNormalization": _parse_batch_norm,
    "ShiftBatchNormalization": _parse_batch_norm,
    "SumPooling2D": _parse_sum_pool,
    "InputGrid": _parse_input_grid,
}


__all__ = ["register_handlers", "variables"]
