# SPDX-License-Identifier: Apache-2.0
"""Layers of encoded products to kernels: 8-bit weights on a power-of-two grid, and the encoder's netlist."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.encodingnet.scheme import EncodedScheme

WEIGHT_LIMIT = 127
"""Weights are signed, symmetric 8-bit integers."""


def weight_integers(weights: np.ndarray, fraction: int) -> np.ndarray:
    """Latent weights of any shape to int8 on the grid ``2**-fraction``: rounded half up, clipped to +-127.

    The paper's own conversion truncates, which puts 5 % of the codes one too low; rounding does not.
    """
    scaled = np.floor(weights.astype(np.float32).astype(np.float64) * 2.0**fraction + 0.5)
    return np.clip(scaled, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)


def lower(spec: LinearSpec) -> NetlistKernel:
    """A layer of `EncodedScheme` -> kernel.

    Raises:
        LoweringError: NaN or Inf weights, inputs beyond 8 signed bits or on another grid than the layer was trained for.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    scheme = spec.scheme
    assert isinstance(scheme, EncodedScheme)
    if spec.inputs.fraction != scheme.input_fraction:
        raise LoweringError(
            f"layer '{spec.name}' encodes inputs on the grid 2^-{scheme.input_fraction} but reads 2^-{spec.inputs.fraction}; "
            "put its activation back, or rebuild the model with quantize()"
        )
    if spec.inputs.integers[0] < -128 or spec.inputs.integers[-1] > 127:
        raise LoweringError(
            f"layer '{spec.name}' reads integers {spec.inputs.integers[0]}..{spec.inputs.integers[-1]}; an encoder takes signed "
            "8-bit operands: put a quantized_bits(8) or quantized_relu(7) activation before it"
        )
    netlist = scheme.netlist
    return NetlistKernel(
        gates=netlist.gates,
        positions=netlist.positions,
        bits=netlist.outputs,
        constant=netlist.constant,
        weights=weight_integers(spec.weights, scheme.fraction),
        fraction=spec.inputs.fraction + scheme.fraction,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )
