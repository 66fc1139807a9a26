# SPDX-License-Identifier: Apache-2.0
"""TabConv in Keras: layers of product quantisation, trained straight through the encoder, and the conversion of a float model.

In training the hard choice of a leaf is kept in the forward pass; its gradient is that of a soft choice (`soft`). Tables and
thresholds are the trained variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.methods.tabconv.fit import (
    fit_table,
    kmeans,
    learn_trees,
    means,
    nearest_prototypes,
    nearest_size,
    subspace_taps,
    table_sums,
)
from dietcnn_hls.methods.tabconv.lowering import table_fractions
from dietcnn_hls.methods.tabconv.soft import hard_leaves, straight_leaves
from dietcnn_hls.tf import tf
from dietcnn_hls.training.linear import from_taps, lookup_layer, sample_windows, tap_weights
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.quantizers import KernelQuantizer
from dietcnn_hls.training.rebuild import FloatNetwork, Signal, run_layer
from dietcnn_hls.training.uniform import UniformRebuilder

if TYPE_CHECKING:
    from dietcnn_hls.methods.tabconv import TabConvOptions
    from dietcnn_hls.training.layers import LookupLayer

_TABLE_STRENGTH = 4.0
"""How many samples a table entry's start value counts for when tables are fitted."""


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class ProductQuantizer(KernelQuantizer):
    """A layer's product quantiser; the layer's latent kernel rests, tables and thresholds are trained.

    Args:
        outputs: output channels.
        window: rows and columns of the window, (1, 1) for a dense layer.
        channels: input channels, or inputs of a dense layer.
        subspace: V, inputs of a subspace; see `subspace_taps`.
        prototypes: K; a power of two with the tree encoder.
        encoder: 'tree' or 'exact'.
        table_bits: bits of a table entry.
        input_fraction: inputs are integers times ``2**-input_fraction``.
        temperature: of the soft choice in training, in steps of the input grid.
    """

    latent = False

    def __init__(
        self,
        outputs: int,
        window: Sequence[int],
        channels: int,
        subspace: int,
        prototypes: int,
        encoder: str,
        table_bits: int,
        input_fraction: int,
        temperature: float = 8.0,
    ) -> None:
        self.outputs, self.channels, self.subspace = int(outputs), int(channels), int(subspace)
        self.window = (int(window[0]), int(window[1]))
        self.members = subspace_taps(self.window, self.channels, self.subspace)
        self.prototypes, self.encoder, self.table_bits = int(prototypes), encoder, int(table_bits)
        self.input_fraction, self.temperature = int(input_fraction), float(temperature)
        self.trainable = ("table", "thresholds") if encoder == "tree" else ("table",)

    @property
    def subspaces(self) -> int:
        """C."""
        return len(self.members)

    def state(self) -> dict[str, np.ndarray]:
        count, symbols = self.subspaces, self.prototypes
        shapes: dict[str, tuple[int, ...]] = {"table": (self.outputs, count, symbols), "fractions": (self.outputs,)}
        if self.encoder == "tree":
            shapes |= {"elements": (count, symbols - 1), "thresholds": (count, symbols - 1)}
        else:
            shapes |= {"prototypes": (count, symbols, self.subspace)}
        return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}

    def fit(self, kernel: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {}

    def quantize(self, kernel: Any, state: Mapping[str, Any]) -> Any:
        return tf.convert_to_tensor(kernel)

    def linear(self, layer: LookupLayer, x: Any, kernel: Any, state: Mapping[str, Any], training: bool) -> Any:
        rows = layer.columns(x)[:, :, 0]
        choose = self._leaves if self.encoder == "tree" else self._nearest
        # entries of up to 8 bits, selected by ones and zeros, sum exactly in float32, TF32 and whatever order included
        dtype = tf.float32 if training or self.table_bits <= 8 else tf.float64
        choice = tf.reshape(tf.cast(choose(rows, state, training), dtype), (self.prototypes * self.subspaces, -1))
        table = tf.reshape(tf.transpose(self._decoded_table(state), (2, 1, 0)), (-1, self.outputs))
        sums = tf.linalg.matmul(choice, tf.cast(table, dtype), transpose_a=True)
        return tf.reshape(sums, (-1, *layer.compute_output_shape(x.shape)[1:]))  # type: ignore[attr-defined]

    def _decoded_table(self, state: Mapping[str, Any]) -> Any:
        limit = 1 << (self.table_bits - 1)

        @tf.custom_gradient
        def decode(table: Any, fractions: Any) -> Any:
            # powers of two by ldexp in float64 are exact, and so is the division by them
            scale = tf.pow(tf.constant(2.0, tf.float64), tf.cast(fractions, tf.float64))[:, None, None]
            codes = tf.clip_by_value(tf.floor(tf.cast(table, tf.float64) * scale + 0.5), -float(limit), float(limit - 1))
            return tf.cast(codes / scale, tf.float32), lambda g: (g, None)

        return decode(tf.convert_to_tensor(state["table"]), tf.convert_to_tensor(state["fractions"]))

    def _leaves(self, rows: Any, state: Mapping[str, Any], training: bool) -> Any:
        """(R, taps) inputs -> (K, C, R): one at the leaf that each subspace reaches; rows are innermost, which is fast."""
        seen = tf.linalg.matmul(self._selection(state), rows, transpose_a=True, transpose_b=True)
        seen = tf.reshape(seen, (self.prototypes - 1, self.subspaces, -1))
        thresholds = tf.transpose(state["thresholds"])[..., None]
        if not training:
            return hard_leaves(seen, thresholds)
        return straight_leaves(seen, thresholds, 2.0**self.input_fraction / self.temperature)

    def _selection(self, state: Mapping[str, Any]) -> Any:
        """(taps, (K - 1) * C) zeros and ones: a column has its one at the input that the node looks at."""
        taps = tf.gather(tf.constant(self.members), tf.cast(state["elements"], tf.int32), batch_dims=1)
        return tf.one_hot(tf.reshape(tf.transpose(taps), [-1]), self.members.size, axis=0)

    def _nearest(self, rows: Any, state: Mapping[str, Any], training: bool) -> Any:
        """(R, taps) inputs -> (K, C, R): one at the nearest prototype, the first of equals; exact integers in float64."""
        scale = 2.0**self.input_fraction
        vectors = tf.gather(rows, tf.constant(self.members), axis=1)
        x, p = (tf.cast(v, tf.float64) * scale for v in (vectors, state["prototypes"]))
        distance = tf.reduce_sum(p * p, axis=-1) - 2.0 * tf.einsum("rcv,ckv->rck", x, p)
        order = distance * self.prototypes + tf.range(self.prototypes, dtype=tf.float64)
        hard = tf.one_hot(tf.argmin(order, axis=-1), self.prototypes, dtype=rows.dtype)
        if not training:
            return tf.transpose(hard, (2, 1, 0))
        soft = tf.cast(tf.nn.softmax(-distance / (self.temperature**2 * self.subspace)), rows.dtype)
        return tf.transpose(soft + tf.stop_gradient(hard - soft), (2, 1, 0))

    def get_config(self) -> dict[str, Any]:
        names = ("outputs", "channels", "subspace", "prototypes", "encoder", "table_bits", "input_fraction", "temperature")
        return {"window": list(self.window), **{name: getattr(self, name) for name in names}}


class TabRebuilder(UniformRebuilder):
    """Tabularises linear layers, one after another, each fitted on what the layers before it really yield.

    Batch-norms are folded into tables and biases. The paper fits on about 1,000 training images.

    Attributes:
        similarity: for every tabularised layer, the cosine between its exact and its approximated sums on the calibration
            data, both from the same, already approximated inputs: the damage that this layer itself does.
    """

    def __init__(self, network: FloatNetwork, options: TabConvOptions) -> None:
        super().__init__(network, options.activation_bits)
        self.options = options
        self.similarity: dict[str, float] = {}

    def check(self, step: Step) -> None:
        if step.depthwise:
            raise UnsupportedLayerError(
                f"layer {step.words}: a depthwise convolution has too few inputs an output for product quantisation; "
                "give it another method under `layers:`"
            )

    def linear(self, step: Step, signal: Signal) -> Signal:
        assert signal.fraction is not None
        quantizer, wanted = self._quantizer(step, signal.fraction), tap_weights(step)
        weights = wanted * signal.scale
        windows = _flat_windows(step, signal.data)
        codes = np.rint(windows * 2.0**signal.fraction).astype(np.int64)[:, quantizer.members]
        exact = windows @ weights.T
        targets = exact + self.options.follow_float * (self._float_windows(step) @ wanted.T - exact)
        state, symbols = self._fitted(codes, targets, weights[:, quantizer.members], signal.fraction)
        self.similarity[step.name] = cosine(exact, table_sums(symbols, state["table"]))
        layer = lookup_layer(step, quantizer, int(state["fractions"].max()))
        layer.build(signal.data.shape)
        layer.kernel.assign(from_taps(step, weights))
        layer.bias.assign(step.gain_and_shift()[1])
        layer.set_state(state)
        return self.apply(layer, signal)

    def _quantizer(self, step: Step, fraction: int) -> ProductQuantizer:
        options, shape = self.options, step.input_shape
        window = tuple(step.layer.kernel_size) if len(shape) == 3 else (1, 1)
        size = nearest_size(window, shape[-1], options.subspace)
        outputs = step.output_shape[-1]
        return ProductQuantizer(
            outputs, window, shape[-1], size, options.prototypes, options.encoder, options.table_bits, fraction
        )

    def _float_windows(self, step: Step) -> np.ndarray:
        """The windows that the step sees in the float network, in the order of `_flat_windows`."""
        network = tf.keras.Model(self.network.model.inputs, step.tensor)
        return _flat_windows(step, run_layer(network, [self.images]))

    def _fitted(
        self, codes: np.ndarray, targets: np.ndarray, weights: np.ndarray, fraction: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The layer's variables (encoder, table and the table's grids), and the symbols of `codes`."""
        options = self.options
        if options.encoder == "tree":
            trees = learn_trees(codes, options.prototypes, weights if options.output_aware else None)
            symbols = trees.encode(codes)
            centres = means(codes, symbols, options.prototypes)
            state = {"elements": trees.elements, "thresholds": trees.thresholds * 2.0**-fraction}
        else:
            centres = kmeans(codes, options.prototypes, options.seed).astype(np.float64)
            symbols = nearest_prototypes(codes, centres)
            state = {"prototypes": centres * 2.0**-fraction}
        start = np.einsum("ckv,ocv->ock", centres * 2.0**-fraction, weights)
        table = fit_table(symbols, targets, start, _TABLE_STRENGTH)
        return state | {"table": table, "fractions": table_fractions(table, options.table_bits)}, symbols


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Cosine of the angle between two arrays of one shape, taken as vectors."""
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float((left * right).sum()) / norms if norms else 1.0


def _flat_windows(step: Step, data: np.ndarray) -> np.ndarray:
    """(N', taps) windows of `sample_windows`, float64."""
    windows = sample_windows(step, data)
    return windows.reshape(len(windows), -1).astype(np.float64)
