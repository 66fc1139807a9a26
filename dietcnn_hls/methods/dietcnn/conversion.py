# SPDX-License-Identifier: Apache-2.0
"""Float model to codebook model: where codebooks go, how they are calibrated, and what scales are free.

Three freedoms cost nothing in hardware and are all used. Batch-norm lives in thresholds, so each output channel's kernel may
be scaled to share one codebook with the others. Thresholds take any scale, so every activation spans the same range [0, 1).
And the weight grid's own scale is chosen for the best codebook on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.dietcnn import DietOptions
from dietcnn_hls.methods.dietcnn.quantizer import Codebook
from dietcnn_hls.methods.dietcnn.sums import fit_sums
from dietcnn_hls.tf import tf
from dietcnn_hls.training.codebooks import ScaledLevels, fit_levels, fit_scale, fit_scaled, midpoints, quantisation_error
from dietcnn_hls.training.functions import RELU, Scalar
from dietcnn_hls.training.layers import CodebookActivation, ExactBatchNormalization, LookupLayer
from dietcnn_hls.training.linear import lookup_layer
from dietcnn_hls.training.moments import Moments, float_moments, moments
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.rebuild import FloatNetwork, Rebuilder, Signal, run_layer

LATENT_SPREAD = 0.1
"""About the standard deviation of latent hidden weights: that of trained float layers, so that usual learning rates suit."""

SAMPLES = 100_000
"""Activation values that fit one codebook."""

WINDOWS = 1500
"""Windows that choose a codebook of sums."""


def convert(network: FloatNetwork, options: DietOptions) -> Any:
    """Float network -> codebook model whose inference is what the hardware computes.

    Raises:
        ConfigError: codebooks that do not fit their grids.
    """
    first = rebuilder(network, options)
    built = first.build()
    if options.codebooks == "per_layer" and not first.ties:
        return built
    return rebuilder(network, options, _joined(first)).build()


def rebuilder(network: FloatNetwork, options: DietOptions, fixed: Mapping[str, ScaledLevels] | None = None) -> CodebookRebuilder:
    """A `CodebookRebuilder` for a network; ConfigError for codebooks that do not fit their grids."""
    _check(options)
    return CodebookRebuilder(network, options, float_moments(network.model, network.plan, network.images), fixed or {})


def _check(options: DietOptions) -> None:
    for what, symbols, bits in (
        ("activation", max(options.activation_symbols, options.encoder_symbols or 0), options.activation_bits),
        ("weight", max(options.weight_symbols, options.dense_symbols or 0), options.weight_bits),
    ):
        if symbols > 2**bits:
            need = (symbols - 1).bit_length()
            raise ConfigError(f"{symbols} {what} symbols do not fit a grid of {bits} bits; set {what}_bits to {need} or more")


class CodebookRebuilder(Rebuilder):
    """Rebuilds a plan with lookup layers.

    Args:
        wanted: moments of the float model's linear layers.
        fixed: codebooks that are given, by the activation's name; the others follow their own samples. Their scale is that of
            the float model's values.
    """

    def __init__(
        self,
        network: FloatNetwork,
        options: DietOptions,
        wanted: Mapping[str, Moments],
        fixed: Mapping[str, ScaledLevels],
    ) -> None:
        super().__init__(network)
        self.moments = wanted
        self.options = options
        self.fixed = fixed
        self.samples: dict[str, np.ndarray] = {}
        self.layers: dict[str, CodebookActivation] = {}
        self.scales: dict[str, float] = {}  # of the float model's values
        self.ties: list[set[str]] = []  # activations whose streams meet in adds and must have one scale

    # ---- activations

    def input(self, signal: Signal) -> Signal:
        return self.coded(signal, self.fresh(f"{self.entry}_encode"))

    def coded(self, signal: Signal, name: str) -> Signal:
        return self._encode(signal, name, bool(signal.data.min() < 0), self._encoder_symbols)

    def activation(self, step: Step, signal: Signal) -> Signal:
        if step.function == RELU:
            return self._encode(signal, step.name, False, self.options.activation_symbols)
        return self._encode_function(signal, step.name, step.function)

    def takes(self, signal: Signal) -> bool:
        return signal.symbols or signal.bounds[0] >= 0

    @property
    def _encoder_symbols(self) -> int:
        return self.options.encoder_symbols or self.options.activation_symbols

    def add(self, step: Step, signals: list[Signal]) -> Signal:
        names = {str(signal.encoder) for signal in signals}
        self.ties = [names.union(*(t for t in self.ties if t & names)), *(t for t in self.ties if not t & names)]
        if len({signal.scale for signal in signals}) == 1:
            return super().add(step, signals)
        # first pass, the scales are still apart: the tensor is thrown away, the data goes on with what it stands for
        whole = super().add(step, signals)
        return Signal(whole.tensor, sum(s.data * np.float32(s.scale) for s in signals))  # type: ignore[arg-type]

    def _encode(self, signal: Signal, name: str, signed: bool, symbols: int) -> Signal:
        layer = self._codebook_activation(signal, name, signed, symbols)
        values = _thinned(signal.data if signed else np.maximum(signal.data, 0))
        given = self.fixed.get(name)
        if given is None:
            fit = fit_scaled(values, layer.symbols, layer.grid, layer.fraction)
        else:
            fit = ScaledLevels(given.levels, given.scale / signal.scale)
        levels = fit.levels * 2.0**-layer.fraction
        layer.set_codebook(levels, midpoints(levels, fit.scale))
        whole = signal.scale * fit.scale if given is None else given.scale
        return self._encoded(layer, signal, values * np.float32(signal.scale), whole)

    def _encode_function(self, signal: Signal, name: str, function: Scalar) -> Signal:
        """An activation other than ReLU: its codebook is fitted to the function's values, in the float model's units."""
        values = _thinned(function.values(signal.data, signal.scale).astype(np.float32))
        signed, symbols = bool(values.min() < 0), self.options.activation_symbols
        fit = self.fixed.get(name)
        if fit is None:
            plain = self._codebook_activation(signal, name, signed, symbols)
            fit = fit_scaled(values, plain.symbols, plain.grid, plain.fraction)
        more = {"function": function.to_dict(), "gain": signal.scale, "scale": fit.scale}
        layer = self._codebook_activation(signal, name, signed, symbols, **more)
        layer.set_levels(fit.levels * 2.0**-layer.fraction)
        return self._encoded(layer, signal, values, fit.scale)

    def _codebook_activation(self, signal: Signal, name: str, signed: bool, symbols: int, **more: Any) -> CodebookActivation:
        """The unfitted layer."""
        bits, shared = self.options.activation_bits, self.options.codebooks == "shared"
        word = "signed" if signed else "unsigned"
        group = word if symbols == self.options.activation_symbols else f"{word} {symbols}"
        layer = CodebookActivation(symbols, bits - signed, bits, signed, group if shared else None, name=name, **more)
        layer.build(signal.data.shape)
        return layer

    def _encoded(self, layer: CodebookActivation, signal: Signal, samples: np.ndarray, scale: float) -> Signal:
        """The fitted layer applied; what it was fitted to, and its scale, are kept for a second pass."""
        self.samples[layer.name], self.layers[layer.name], self.scales[layer.name] = samples, layer, scale
        return self.apply(layer, signal, scale=scale, fraction=layer.fraction)

    # ---- linear layers

    def linear(self, step: Step, signal: Signal) -> Signal:
        return self._logits(step, signal) if step.final else self._hidden(step, signal)

    def _hidden(self, step: Step, signal: Signal) -> Signal:
        """Kernel channels of one spread, then a batch-norm that gives each the float model's mean and spread back."""
        kernel = step.kernel.reshape(-1, len(step.bias)).astype(np.float64)
        spread = np.sqrt(np.mean(kernel**2, axis=0))
        kernel = kernel / np.where(spread > 0, spread, 1.0)
        quantizer, gain = self._free_scale(kernel, step)
        raw = self.apply(self._lookup(step, quantizer, kernel * gain, None, signal), signal)
        found, wanted = moments(raw.data), self.moments[step.name]
        norm = self._norm_layer(step)
        norm.build(raw.data.shape)
        direction = np.where(step.gain_and_shift()[0] < 0, -1.0, 1.0)
        gamma = direction * wanted.deviation * np.sqrt(1 + norm.epsilon / np.maximum(found.deviation**2, 1e-6))
        for variable, value in zip(norm.weights, (gamma, wanted.mean, found.mean, found.deviation**2), strict=True):
            variable.assign(value.astype(np.float32))
        return self.apply(norm, raw)

    def _norm_layer(self, step: Step) -> ExactBatchNormalization:
        if step.norm is None:
            return ExactBatchNormalization(name=self.fresh(f"{step.name}_norm"))
        config = step.norm.get_config()
        return ExactBatchNormalization(name=step.norm.name, momentum=config["momentum"], epsilon=config["epsilon"])

    def _free_scale(self, kernel: np.ndarray, step: Step) -> tuple[Codebook, float]:
        """Quantiser and gain for a kernel of spread 1 whose scale is free: where its best codebook on the grid loses least."""
        top = 2 ** (self.options.weight_bits - 1) - 1
        gains = np.geomspace(max(top / 6, 0.5), top, 24)
        best = min(gains, key=lambda gain: self._loss(kernel * gain, step) / gain**2)
        fraction = round(float(np.log2(best / LATENT_SPREAD)))
        return self._codebook(step, fraction), float(best) * 2.0**-fraction

    def _logits(self, step: Step, signal: Signal) -> Signal:
        """The last layer keeps its scale, but for powers of two: nothing behind it could take a factor back."""
        gain, shift = step.gain_and_shift()
        kernel = step.kernel.astype(np.float64)
        kernel = kernel * signal.scale * gain.reshape(kernel.shape[2:] if step.depthwise else -1)
        top = 2 ** (self.options.weight_bits - 1) - 1
        covering = int(np.floor(np.log2(top / (np.abs(kernel).max() or 1.0))))
        fraction = min(range(covering, covering + 5), key=lambda f: self._loss(kernel * 2.0**f, step) * 4.0**-f)
        assert signal.fraction is not None
        layer = self._lookup(step, self._codebook(step, fraction), kernel, signal.fraction + fraction, signal)
        layer.bias.assign(shift.astype(np.float32))
        missing = self.moments[step.name].mean - moments(run_layer(layer, [signal.data])).mean
        layer.bias.assign(layer.bias.numpy() + missing.astype(np.float32))
        return self.apply(layer, signal)

    def _symbols(self, step: Step) -> int:
        dense = self.options.dense_symbols
        return dense if dense is not None and isinstance(step.layer, tf.keras.layers.Dense) else self.options.weight_symbols

    def _codebook(self, step: Step, fraction: int, **sums: Any) -> Codebook:
        return Codebook(self._symbols(step), fraction, self.options.weight_bits, self.options.weight_zero, **sums)

    def _loss(self, kernel: np.ndarray, step: Step) -> float:
        levels = fit_levels(kernel, self._symbols(step), self._codebook(step, 0).grid, self.options.weight_zero)
        return quantisation_error(kernel, levels)

    def _lookup(self, step: Step, quantizer: Codebook, kernel: np.ndarray, bias_fraction: int | None, signal: Signal) -> Any:
        """The lookup layer that stands for a step, its kernel and codebooks set; `bias_fraction` None: no bias."""
        layer = _layer(step, quantizer, kernel, bias_fraction)
        if self.options.accumulate == "exact":
            return layer
        columns, weights = _sampled_windows(layer, signal.data)
        sums = fit_sums(columns, weights, self.options.activation_symbols, self.options.order)
        symbolic = self._codebook(
            step,
            quantizer.fraction,
            accumulate="symbolic",
            order=self.options.order,
            sum_symbols=len(sums.levels),
            sum_fraction=sums.fraction,
        )
        layer = _layer(step, symbolic, kernel, None if bias_fraction is None else sums.fraction)
        layer.set_state({"sum_codebook": sums.levels * 2.0**-sums.fraction})
        return layer


def _layer(step: Step, quantizer: Codebook, kernel: np.ndarray, bias_fraction: int | None) -> Any:
    """A lookup layer with its kernel and codebook set; without a bias where that has no grid."""
    layer = lookup_layer(step, quantizer, bias_fraction, bias=bias_fraction is not None)
    layer.build((None, *step.input_shape))
    layer.kernel.assign(kernel.astype(np.float32).reshape(layer.kernel.shape))
    layer.refit()
    return layer


def _sampled_windows(layer: LookupLayer, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some input windows and, for each, the decoded weights of one output: (n, taps) both."""
    rng = np.random.RandomState(0)
    images = data[rng.choice(len(data), min(len(data), 64), replace=False)]
    columns = np.asarray(layer.columns(tf.convert_to_tensor(images)))
    kernel = np.asarray(layer.kernel_columns(layer.decoded_kernel()))
    row, group, output = (rng.randint(0, n, WINDOWS) for n in (len(columns), *kernel.shape[1:]))
    return columns[row, :, group], kernel[:, group, output].T


def _thinned(values: np.ndarray) -> np.ndarray:
    """At most `SAMPLES` values, evenly chosen."""
    flat = values.ravel()
    return flat[:: -(-len(flat) // SAMPLES)]


def _joined(first: CodebookRebuilder) -> dict[str, ScaledLevels]:
    """Codebooks after a first pass: one scale for streams that meet in an add and, when shared, one set of levels for all."""
    scales = dict(first.scales)
    for tie in first.ties:
        widest = max(scales[name] for name in tie)
        scales |= dict.fromkeys(tie, widest)
    if first.options.codebooks == "shared":
        return _shared(first, scales)
    tied = set().union(*first.ties)
    return {
        name: ScaledLevels(_levels(first.layers[name], first.samples[name] / scales[name]), scales[name]) for name in sorted(tied)
    }


def _levels(layer: CodebookActivation, values: np.ndarray) -> np.ndarray:
    return fit_levels(values * 2.0**layer.fraction, layer.symbols, layer.grid)


def _shared(first: CodebookRebuilder, scales: dict[str, float]) -> dict[str, ScaledLevels]:
    """One set of levels for the unsigned activations and one for the signed; each keeps a scale of its own."""
    result = {}
    tied = set().union(*first.ties) if first.ties else set()
    for group in sorted({str(layer.group) for layer in first.layers.values()}):
        names = [name for name, layer in first.layers.items() if layer.group == group]
        each = SAMPLES // len(names)
        pool = [first.samples[n][:: max(1, len(first.samples[n]) // each)] / scales[n] for n in names]
        levels = _levels(first.layers[names[0]], np.concatenate(pool))
        for name in names:
            values = levels * 2.0 ** -first.layers[name].fraction
            scale = scales[name] if name in tied else fit_scale(first.samples[name], values, scales[name])
            result[name] = ScaledLevels(levels, scale)
    return result
