# SPDX-License-Identifier: Apache-2.0
"""Kernel quantisers: what a method puts into a lookup layer, as an object that Keras can save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.tf import tf

if TYPE_CHECKING:
    from dietcnn_hls.training.layers import LookupLayer


class KernelQuantizer:
    """Base of the kernel quantisers of lookup layers.

    A subclass states which variables the layer keeps for it (`state`), how they follow from a latent kernel (`fit`) and what
    the layer multiplies with (`quantize`). One whose layers are not plain convolutions of decoded values overrides `linear`.
    Subclasses are registered with ``tf.keras.utils.register_keras_serializable(package="dietcnn_hls")`` and named in their
    method's ``quantizers``.
    """

    alpha = "fixed"
    """QKeras rescales initial kernels by a quantiser's range unless `alpha` is a word; ours are fitted to the kernel instead."""

    def __call__(self, kernel: Any) -> Any:
        """QKeras recognises quantisers by being callable; without the layer's variables ours cannot answer."""
        raise LoweringError(f"{type(self).__name__} needs its layer's codebook; call the layer's decoded_kernel()")

    def max(self) -> float:
        """Largest magnitude of a latent weight; QKeras clips to it, and never below 1."""
        return 1.0

    def initializer(self) -> Any:
        """Initial latent kernels that reach over the codebook, for layers that state none; None leaves QKeras' default."""
        return None

    trainable: tuple[str, ...] = ()
    """Names of those variables that the optimiser trains; the others follow from `fit`."""

    latent = True
    """Whether the optimiser trains the layer's latent kernel, or only the variables named in `trainable`."""

    def state(self) -> dict[str, np.ndarray]:
        """Names and initial values of the layer's variables, float32."""
        raise NotImplementedError

    def fit(self, kernel: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """New values of the variables for this latent kernel; `state` holds the present ones.

        Raises:
            LoweringError: the kernel holds NaN or Inf.
        """
        raise NotImplementedError

    def quantize(self, kernel: Any, state: Mapping[str, Any]) -> Any:
        """Latent kernel tensor -> decoded values of its symbols, with a straight-through gradient."""
        raise NotImplementedError

    def linear(self, layer: LookupLayer, x: Any, kernel: Any, state: Mapping[str, Any], training: bool) -> Any:
        """The layer's linear operation without bias: decoded inputs and the latent kernel to sums.

        Args:
            layer: gives `correlate`, the plain convolution or matrix product.
            x: (N, ...) float32 decoded inputs.
            kernel: the latent kernel tensor.
            state: the variables of `state` by name.
            training: False asks for the exact result as float64 (every sum of grid values below 2^53 is); True may round.
        """
        decoded = self.quantize(kernel, state)
        if training:
            return layer.correlate(x, decoded)
        # float64 convolutions are direct sums: no Winograd, no TF32, and exact far beyond float32's 2^24
        return layer.correlate(tf.cast(x, tf.float64), tf.cast(decoded, tf.float64))

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KernelQuantizer:
        return cls(**config)
