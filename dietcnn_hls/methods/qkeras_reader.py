# SPDX-License-Identifier: Apache-2.0
"""QKeras' uniform quantisers by their configs: which integers of which grid they yield. For the readers of Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dietcnn_hls.arguments import READ, Only, Rules, check_arguments
from dietcnn_hls.errors import UnsupportedLayerError

_PLAIN: Rules = {
    "bits": READ,
    "integer": READ,
    "use_stochastic_rounding": Only((False,)),
    "qnoise_factor": Only((1,), "use qnoise_factor=1.0: with less, part of the values passes unquantised"),
    # how gradients pass, and whether the quantiser's own numbers are variables
    "var_name": READ,
    "use_ste": READ,
    "use_variables": READ,
}
_SCALE: Rules = {
    "alpha": Only((1, None), "use alpha=1: another scale needs a multiplication"),
    # how a scale is found where alpha says 'auto'
    "scale_axis": READ,
    "elements_per_scale": READ,
    "min_po2_exponent": READ,
    "max_po2_exponent": READ,
    "post_training_scale": Only((None,), "leave post_training_scale out, and use alpha=1"),
}
QUANTIZED_BITS: Rules = {**_PLAIN, **_SCALE, "symmetric": READ, "keep_negative": READ}
"""Arguments of ``quantized_bits``."""

QUANTIZED_RELU: Rules = {
    **_PLAIN,
    "use_sigmoid": Only((False,)),
    "negative_slope": Only((0,), "use negative_slope=0"),
    "relu_upper_bound": READ,
    "is_quantized_clip": READ,
}
"""Arguments of ``quantized_relu``."""


def quantized_bits(layer: str, config: Mapping[str, Any]) -> tuple[int, int, int]:
    """(lowest integer, highest integer, fraction) of ``quantized_bits``, which rounds half to even and clips.

    Raises:
        UnsupportedLayerError: an argument that is not lowered.
    """
    check_arguments(layer, "quantized_bits", config, QUANTIZED_BITS)
    bits, integer = _whole(layer, "quantized_bits", config, "bits", 8), _whole(layer, "quantized_bits", config, "integer", 0)
    signed = bool(config.get("keep_negative", True))
    unsigned = bits - signed
    if unsigned < 1:
        raise UnsupportedLayerError(
            f"layer '{layer}' (quantized_bits): bits={bits} is a sign, which has no lowering; use bits=2, or ternary weights"
        )
    symmetric = _whole(layer, "quantized_bits", config, "symmetric", 0)
    low = -(2**unsigned) + symmetric if signed else 0
    return low, 2**unsigned - 1, unsigned - integer


def quantized_relu(layer: str, config: Mapping[str, Any]) -> tuple[int, int, int]:
    """The same of ``quantized_relu``. A bound of the ReLU counts where ``is_quantized_clip`` is off, as in QKeras.

    Raises:
        UnsupportedLayerError: an argument that is not lowered, or a bound off the grid.
    """
    check_arguments(layer, "quantized_relu", config, QUANTIZED_RELU)
    bits, integer = _whole(layer, "quantized_relu", config, "bits", 8), _whole(layer, "quantized_relu", config, "integer", 0)
    highest, fraction, bound = 2**bits - 1, bits - integer, config.get("relu_upper_bound")
    if bound is not None and not config.get("is_quantized_clip", True):
        steps = float(bound) * 2.0**fraction
        if steps < 1 or steps != int(steps):
            raise UnsupportedLayerError(
                f"layer '{layer}' (quantized_relu): relu_upper_bound={bound!r} has no lowering: the bound must be a multiple "
                f"of the step 2^-{fraction} of its values"
            )
        highest = min(highest, int(steps))
    return 0, highest, fraction


def _whole(layer: str, kind: str, config: Mapping[str, Any], name: str, default: int) -> int:
    value = config.get(name, default)
    if value != int(value) or (name == "bits" and value < 1):
        raise UnsupportedLayerError(f"layer '{layer}' ({kind}): {name}={value!r} has no lowering: use a whole number")
    return int(value)


__all__ = ["QUANTIZED_BITS", "QUANTIZED_RELU", "quantized_bits", "quantized_relu"]
