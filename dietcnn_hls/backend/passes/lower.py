# SPDX-License-Identifier: Apache-2.0
"""Passes that replace each layer by a lowered one, inputs first."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from hls4ml.model.layers import Layer
from hls4ml.model.optimizer import OptimizerPass

from dietcnn_hls.backend import layers as ir
from dietcnn_hls.backend.activations import Before, Codebook, Uniform, lower_activation, qkeras_uniform, symbol_bias
from dietcnn_hls.backend.edit import consumers, insert_after, replace_by_op, source
from dietcnn_hls.backend.linear import TrainedLinear, bias_fraction, bias_integers, lower_kernel
from dietcnn_hls.backend.passes.prepare import is_activation, is_linear, is_pool
from dietcnn_hls.backend.readers.keras.schemes import read_scheme
from dietcnn_hls.backend.support import as_grid, unsupported
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import ConfigError, DietError, ExactnessWarning, LoweringError
from dietcnn_hls.lowered import (
    Add,
    Grid,
    Kernel,
    Linear,
    MaxPool,
    Operation,
    Reshape,
    Source,
    Stream,
    SumPool,
    Window,
    infer_stream,
)

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph

EXACT_FLOAT32 = 2**24
"""Integers below it are exact in float32."""


class Lowering(OptimizerPass):
    """Base: matches layers of its kind whose inputs are lowered already."""

    def wants(self, node: Layer) -> bool:
        raise NotImplementedError

    def match(self, node: Layer) -> bool:
        if isinstance(node, ir.LoweredLayer) or not self.wants(node):
            return False
        return all(isinstance(node.get_input_node(name), ir.LoweredLayer) for name in node.inputs if name != ir.INPUT)

    def lower(self, model: ModelGraph, node: Layer, op: Operation, declared: Stream | None = None, **attributes: object) -> Layer:
        """Replace `node` by `op`; errors of shapes and ranges get the layer's name."""
        streams = [node.get_input_node(name).stream for name in node.inputs if name != ir.INPUT]
        try:
            stream = infer_stream(op, streams, declared)
        except DietError as error:
            raise type(error)(f"layer '{node.name}': {error}") from error
        return replace_by_op(model, node, op, stream, **attributes)


class LowerInput(Lowering):
    def wants(self, node: Layer) -> bool:
        return node.class_name == "Input"

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        shape = tuple(int(n) for n in node.get_attr("input_shape"))
        self.lower(model, node, Source(), _input_grid(model, node).stream(shape))
        return True


def _input_grid(model: ModelGraph, node: Layer) -> Grid:
    """What the caller says, else what the model says, else that of images; ConfigError where the first two differ."""
    given, own = model.config.get_config_value("InputGrid"), node.get_attr("input_grid")
    if given is not None and own is not None and as_grid(given) != as_grid(own):
        raise ConfigError(
            f"input_grid: the model was made for inputs of {as_grid(own)}, not of {as_grid(given)}; leave input_grid out, or "
            "convert the float model for the other grid"
        )
    said = given if given is not None else own
    return IMAGE if said is None else as_grid(said)


class LowerLinear(Lowering):
    """Kernel by the method of the quantiser. The bias goes into the activation's thresholds where there are any."""

    def wants(self, node: Layer) -> bool:
        return is_linear(node)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        trained, read = trained_linear(node), source(node)
        kernel = lower_kernel(trained, read.stream)
        if not isinstance(node, ir.LookupLinear):
            _warn_of_float32(node, kernel)
        symbols, bias = kernel.output.levels is not None, trained.bias
        readers = _activations_behind(model, node)
        absorbed = _absorb_shifts(kernel, bias, readers)
        if absorbed is not None:
            kernel, bias = absorbed
        if bias is not None and readers and (symbols or all(_has_thresholds(reader) for reader in readers)):
            for reader in readers:
                reader.set_attr("bias_values", bias)
            bias = None
        integers = None if bias is None or symbols else bias_integers(bias, kernel.output.fraction, node.name)
        reuse = int(model.config.get_reuse_factor(node))
        new = self.lower(model, node, Linear(kernel, integers, trained.window), reuse_factor=reuse)
        if bias is not None and symbols:
            op = symbol_bias(node.name, new.stream, bias)
            values = {"op": op, "stream": infer_stream(op, [new.stream])}
            name = f"{node.name}_bias"
            insert_after(
                model, new, model.make_node(ir.LAYERS.of(op, node.name).__name__, name, values, list(new.outputs), [name])
            )
        return True


class LowerActivation(Lowering):
    def wants(self, node: Layer) -> bool:
        return is_activation(node)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        before = Before(node.get_attr("bias_values"), node.get_attr("scale"), node.get_attr("shift"))
        self.lower(model, node, lower_activation(node.name, source(node).stream, _activation(node), before))
        return True


class LowerMaxPool(Lowering):
    def wants(self, node: Layer) -> bool:
        return is_pool(node)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        self.lower(model, node, MaxPool(_window(node, "pool", 1)))
        return True


class LowerSumPool(Lowering):
    def wants(self, node: Layer) -> bool:
        return node.class_name == "SumPooling2D"

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        new = self.lower(model, node, SumPool(_window(node, "pool", 1), int(node.get_attr("shift"))))
        if max(-new.stream.lo, new.stream.hi) >= EXACT_FLOAT32:
            raise LoweringError(
                f"layer '{node.name}': sums from {new.stream.lo} to {new.stream.hi} exceed 2^24, up to which float32 is exact; "
                "put a CodebookActivation before it"
            )
        return True


class LowerReshape(Lowering):
    def wants(self, node: Layer) -> bool:
        return node.class_name == "Reshape"

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        shape = tuple(int(n) for n in node.get_attr("target_shape"))
        if len(shape) not in (1, 3):
            raise unsupported(node.name, "Reshape", f"{shape} is neither an image (H, W, C) nor a vector (N,)")
        self.lower(model, node, Reshape(shape))
        return True


class LowerAdd(Lowering):
    """Both operands are shifted to the finer of their grids."""

    def wants(self, node: Layer) -> bool:
        return node.class_name == "Merge"

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        left, right = (node.get_input_node(name).stream for name in node.inputs)
        fraction = max(left.fraction, right.fraction)
        self.lower(model, node, Add((fraction - left.fraction, fraction - right.fraction)))
        return True


class CheckLowered(OptimizerPass):
    """Whatever no pass has lowered is refused by name; this pass comes last."""

    def match(self, node: Layer) -> bool:
        return not isinstance(node, ir.LoweredLayer)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        if node.class_name == "ExactBatchNormalization":
            readers = ", ".join(f"'{reader.name}'" for reader in consumers(model, node)) or "the model's output"
            raise unsupported(
                node.name, node.class_name, f"it feeds {readers}; put a CodebookActivation directly behind it, it folds into one"
            )
        raise unsupported(node.name, node.class_name)


def trained_linear(node: Layer) -> TrainedLinear:
    """What the front end read of a linear layer, ours or QKeras'."""
    if isinstance(node, ir.LookupLinear):
        kernel, bias = node.get_attr("kernel"), node.get_attr("bias_values")
        scheme, depthwise = node.get_attr("scheme"), node.class_name == "LookupDepthwiseConv2D"
    else:
        depthwise = node.class_name == "DepthwiseConv2D"
        kernel = node.get_attr("depthwise_data" if depthwise else "weight_data")
        quantizer = node.get_attr("depthwise_quantizer" if depthwise else "weight_quantizer")
        scheme = read_scheme(node.name, quantizer.qkeras_config, {})
        bias = _qkeras_bias(node, kernel.shape[-2] * kernel.shape[-1] if depthwise else kernel.shape[-1])
    window = None if kernel.ndim == 2 else _window(node, "filt", kernel.shape[2] if depthwise else 1)
    return TrainedLinear(node.name, np.asarray(kernel), scheme, bias, window)


def _warn_of_float32(node: Layer, kernel: Kernel) -> None:
    """QKeras' layers sum in float32, whose partial sums are exact only below 2^24; our own take float64 where need be."""
    reach = max(int(np.abs(bound).max()) for bound in kernel.bounds())
    if reach >= EXACT_FLOAT32:
        warnings.warn(
            f"layer '{node.name}' ({node.class_name}): sums may reach {reach} steps of their grid, beyond the 2^24 that float32 "
            "holds exactly, so Keras itself may round; use fewer bits, or a Lookup layer",
            ExactnessWarning,
            stacklevel=2,
        )


def _qkeras_bias(node: Layer, outputs: int) -> np.ndarray | None:
    """The bias as QKeras quantises it; without a bias quantiser as it is."""
    data, quantizer = node.get_attr("bias_data"), node.get_attr("bias_quantizer")
    if data is None or not node.get_attr("use_bias", True):
        return None
    if data.shape != (outputs,):
        raise LoweringError(
            f"layer '{node.name}': hls4ml read a bias of shape {data.shape} for {outputs} outputs, because the layer's name "
            "holds the name of a variable; rename the layer"
        )
    values = data.astype(np.float64)
    if quantizer is not None:
        config: dict[str, Any] = quantizer.qkeras_config
        if config["class_name"] != "quantized_bits":
            raise unsupported(node.name, node.class_name, f"its bias_quantizer is {config['class_name']}; use quantized_bits")
        values = qkeras_uniform(node.name, config, relu=False).values(data)
    return values if values.any() else None


def _window(node: Layer, prefix: str, groups: int) -> Window:
    def pair(word: str) -> tuple[int, int]:
        return int(node.get_attr(f"{word}_height")), int(node.get_attr(f"{word}_width"))

    top, bottom, left, right = (int(node.get_attr(f"pad_{side}")) for side in ("top", "bottom", "left", "right"))
    return Window(pair(prefix), pair("stride"), (top, bottom, left, right), groups)


def _activation(node: Layer) -> Codebook | Uniform:
    if node.class_name == "CodebookActivation":
        return Codebook(node.get_attr("levels"), node.get_attr("fraction"), node.get_attr("thresholds"))
    if node.class_name == "UniformActivation":
        return Uniform(*node.get_attr("uniform"))
    return qkeras_uniform(node.name, node.get_attr("activation_quantizer"), node.get_attr("activation") == "relu")


def _absorb_shifts(kernel: Kernel, bias: np.ndarray | None, readers: list[Layer]) -> tuple[Kernel, np.ndarray] | None:
    """A batch-norm of shifts before a uniform activation moves into the kernel and its bias, which leaves a plain shift.

    None where the kernel has no such form, or float32 could round what Keras computes.
    """
    if len(readers) != 1 or readers[0].get_attr("scale") is None or not isinstance(_activation(readers[0]), Uniform):
        return None
    scale, shift = readers[0].get_attr("scale").astype(np.float64), readers[0].get_attr("shift").astype(np.float64)
    mantissas, exponents = np.frexp(scale)
    if (mantissas != 0.5).any() or kernel.output.levels is not None:
        return None
    total = shift + (0.0 if bias is None else bias * scale)
    exponents = exponents - 1
    lowest = min(int(exponents.min()), kernel.output.fraction - bias_fraction(total, readers[0].name))
    try:
        scaled = kernel.scaled(exponents, lowest)
    except LoweringError:  # no shifts in this kernel: thresholds take the batch-norm
        return None
    lows, highs = (np.abs(bound + total * 2.0**scaled.output.fraction).max() for bound in scaled.bounds())
    if max(lows, highs) >= EXACT_FLOAT32:
        return None
    readers[0].set_attr("scale", None)
    readers[0].set_attr("shift", None)
    return scaled, total


def _has_thresholds(activation: Layer) -> bool:
    """Whether an activation becomes thresholds, which take a bias for nothing."""
    return activation.class_name == "CodebookActivation" or activation.get_attr("scale") is not None


def _activations_behind(model: ModelGraph, node: Layer) -> list[Layer]:
    """The activations that read a linear layer, through pools too; none where anything else reads it."""
    found = []
    for reader in consumers(model, node):
        behind = consumers(model, reader) if is_pool(reader) else [reader]
        if not behind or not all(is_activation(activation) for activation in behind):
            return []
        found += behind
    return found
