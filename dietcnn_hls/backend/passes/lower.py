# SPDX-License-Identifier: Apache-2.0
"""Passes that replace each layer by a lowered one, inputs first. They see neutral trained layers only."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from hls4ml.model.layers import Layer
from hls4ml.model.optimizer import ModelOptimizerPass, OptimizerPass

from dietcnn_hls.backend import options, precisions, tracing
from dietcnn_hls.backend.activations import Before, lower_activation, symbol_bias
from dietcnn_hls.backend.asked import seen
from dietcnn_hls.backend.edit import consumers, insert_after, make_lowered, replace_by_op, source
from dietcnn_hls.backend.graphs import lowered_graph
from dietcnn_hls.backend.layers import LoweredLayer
from dietcnn_hls.backend.linear import bias_fraction, bias_integers, lower_kernel
from dietcnn_hls.backend.passes.prepare import before_of
from dietcnn_hls.backend.passes.stock import is_stock
from dietcnn_hls.backend.precision import grid_of
from dietcnn_hls.backend.refusals import unsupported
from dietcnn_hls.backend.trained import (
    Activation,
    Addition,
    BatchNorm,
    Codebook,
    MaxPooling,
    ModelInput,
    Reshaping,
    SumPooling,
    TrainedLinear,
    Uniform,
    is_activation,
    is_pool,
    trained,
)
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import ConfigError, DietError, ExactnessWarning, LoweringError
from dietcnn_hls.lowered import Add, Grid, Kernel, Linear, MaxPool, Operation, Reshape, Source, Stream, SumPool, infer_stream

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph

EXACT_FLOAT32 = 2**24
"""Integers below it are exact in float32."""


class Lowering(OptimizerPass):
    """Base: matches layers of its kind whose inputs are lowered already."""

    reads: ClassVar[Any]

    def match(self, node: Layer) -> bool:
        if not isinstance(trained(node), self.reads):
            return False
        return all(isinstance(layer, LoweredLayer) for layer in _sources(node))

    def lower(self, model: ModelGraph, node: Layer, op: Operation, declared: Stream | None = None, **attributes: object) -> Layer:
        """Replace `node` by `op`; errors of shapes and ranges get the layer's name."""
        try:
            stream = infer_stream(op, [layer.stream for layer in _sources(node)], declared)
        except DietError as error:
            raise type(error)(f"layer '{node.name}': {error}") from error
        if node.get_attr("left_to_host"):
            attributes["left_to_host"] = node.get_attr("left_to_host")
        return replace_by_op(model, node, op, stream, **attributes)


class LowerInput(Lowering):
    reads = ModelInput

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        entry = trained(node)
        self.lower(model, node, Source(), _input_grid(model, node, entry).stream(entry.shape))
        return True


class LowerLinear(Lowering):
    """Kernel by the method of the scheme. The bias goes into the activation's thresholds where there are any."""

    reads = TrainedLinear

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        layer = trained(node)
        kernel, bias = lower_kernel(layer, source(node).stream), layer.bias
        if layer.float32:
            _warn_of_float32(node, kernel, bias)
        symbols = kernel.output.levels is not None
        if not symbols:
            bias_integers(layer, kernel.output.fraction)  # where it is finer than the sums, nothing below is exact
        readers = _activations_behind(model, node)
        absorbed = _absorb_shifts(kernel, bias, readers)
        if absorbed is not None:
            kernel, bias = absorbed
            _part_of_norm(model, node)
        if bias is not None and readers and (symbols or all(_has_thresholds(reader) for reader in readers)):
            for reader in readers:
                before = before_of(reader)
                reader.set_attr("before", Before(bias, before.scale, before.shift))
            seen(model)[node.name].bias = bias
            bias = None
        integers = None if bias is None or symbols else np.rint(bias * 2.0**kernel.output.fraction).astype(np.int64)
        reuse = options.reuse_factor(model, node.name)
        new = self.lower(model, node, Linear(kernel, integers, layer.window), reuse_factor=reuse)
        if bias is not None and symbols:
            _add_symbol_bias(model, new, bias)
        return True


def _add_symbol_bias(model: ModelGraph, node: Layer, bias: np.ndarray) -> None:
    op = symbol_bias(node.name, node.stream, bias)
    name = f"{node.name}_bias"
    new = make_lowered(model, name, op, infer_stream(op, [node.stream]), list(node.outputs), [name])
    left = node.get_attr("left_to_host")
    if left:
        new.set_attr("left_to_host", left)
    insert_after(model, node, new)
    seen(model)[node.name].result = name


class LowerActivation(Lowering):
    reads = Activation

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        activation, stream, before = trained(node), source(node).stream, before_of(node)
        _warn_of_straight_through(node, activation, stream)
        self.lower(model, node, lower_activation(node.name, stream, activation, before))
        return True


class LowerMaxPool(Lowering):
    reads = MaxPooling

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        self.lower(model, node, MaxPool(trained(node).window))
        return True


class LowerSumPool(Lowering):
    reads = SumPooling

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        pool = trained(node)
        new = self.lower(model, node, SumPool(pool.window, pool.shift))
        if max(-new.stream.lo, new.stream.hi) >= EXACT_FLOAT32:
            raise LoweringError(
                f"layer '{node.name}': sums from {new.stream.lo} to {new.stream.hi} exceed 2^24, up to which float32 is exact; "
                "put a CodebookActivation before it"
            )
        return True


class LowerReshape(Lowering):
    reads = Reshaping

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        self.lower(model, node, Reshape(trained(node).shape))
        return True


class LowerAdd(Lowering):
    """Both operands are shifted to the finer of their grids."""

    reads = Addition

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        left, right = (layer.stream for layer in _sources(node))
        fraction = max(left.fraction, right.fraction)
        self.lower(model, node, Add((fraction - left.fraction, fraction - right.fraction)))
        return True


class CheckLowered(ModelOptimizerPass):
    """Whatever no pass has lowered is refused by name, and the design is held against hls4ml's configuration."""

    name = "check_lowered"

    def __init__(self) -> None:
        """Nothing to configure; the base class would want a function."""

    def transform(self, model: ModelGraph) -> bool:
        if is_stock(model):
            return False
        for node in model.graph.values():
            if isinstance(node, LoweredLayer):
                continue
            if isinstance(trained(node), BatchNorm):
                readers = ", ".join(f"'{reader.name}'" for reader in consumers(model, node)) or "the model's output"
                raise unsupported(node, f"it feeds {readers}; put a CodebookActivation directly behind it, it folds into one")
            raise unsupported(node, "nothing is known of it")
        options.check_layers(model, lowered_graph(model))
        return True


class TransformTypes(ModelOptimizerPass):
    """Gives the model this backend's trace(). hls4ml applies a pass of this name once more to a model that it has loaded."""

    name = "transform_types"

    def __init__(self) -> None:
        """Nothing to configure; the base class would want a function."""

    def transform(self, model: ModelGraph) -> bool:
        tracing.bind(model)
        return True


def _sources(node: Layer) -> list[Any]:
    """The layers that a layer reads; none for the model's input."""
    if isinstance(trained(node), ModelInput):
        return []
    return [node.get_input_node(name) for name in node.inputs]


def _input_grid(model: ModelGraph, node: Layer, entry: ModelInput) -> Grid:
    """What the caller or the configuration says, else what the model says, else that of images.

    Raises:
        ConfigError: two of them differ.
    """
    said: dict[str, Grid] = {}
    given = model.config.get_config_value("InputGrid")
    if given is not None:
        said["input_grid"] = Grid.given(given)
    asked = precisions.of_input(model, node.name, seen(model)[node.name].kinds)
    if asked is not None:
        said[asked[0]] = grid_of(asked[1], asked[0])
    if entry.grid is not None:
        said["the model"] = entry.grid
    if len(set(said.values())) > 1:
        words = ", ".join(f"{where} says {grid}" for where, grid in said.items())
        raise ConfigError(
            f"input_grid: {words}; leave out all but the model's, or convert the float model for inputs of the other grid"
            if entry.grid is not None
            else f"input_grid: {words}; leave one of them out"
        )
    return next(iter(said.values()), IMAGE)


def _warn_of_float32(node: Layer, kernel: Kernel, bias: np.ndarray | None) -> None:
    """The front end's layers sum in float32, whose partial sums are exact only below 2^24; our own take float64 where need be."""
    reach = max(int(np.abs(bound).max()) for bound in kernel.bounds())
    reach += 0 if bias is None else int(np.abs(bias * 2.0**kernel.output.fraction).max())
    if reach >= EXACT_FLOAT32:
        warnings.warn(
            f"layer '{node.name}' ({node.class_name}): sums may reach {reach} steps of their grid, beyond the 2^24 that float32 "
            "holds exactly, so Keras itself may round; use fewer bits, or a Lookup layer",
            ExactnessWarning,
            stacklevel=2,
        )


def _warn_of_straight_through(node: Layer, activation: Codebook | Uniform, stream: Stream) -> None:
    """QKeras adds the rounding error to its input, in float32: exact where both fit 24 bits of the finer grid."""
    if not isinstance(activation, Uniform) or activation.rounding != "half_even" or activation.fraction <= stream.fraction:
        return
    low, high = stream.range
    reach = max(-low, high) << (activation.fraction - stream.fraction)
    if reach >= EXACT_FLOAT32:
        warnings.warn(
            f"layer '{node.name}' ({node.class_name}): its input reaches {reach} steps of its grid, beyond the 2^24 that float32 "
            "holds exactly, so Keras itself may round; use a coarser grid, or a CodebookActivation",
            ExactnessWarning,
            stacklevel=2,
        )


def _absorb_shifts(kernel: Kernel, bias: np.ndarray | None, readers: list[Layer]) -> tuple[Kernel, np.ndarray] | None:
    """A batch-norm of shifts before a uniform activation moves into the kernel and its bias, which leaves a plain shift.

    None where the kernel has no such form, or float32 could round what Keras computes.
    """
    if len(readers) != 1 or not isinstance(trained(readers[0]), Uniform):
        return None
    before = before_of(readers[0])
    if before.scale is None or before.shift is None:
        return None
    scale, shift = before.scale.astype(np.float64), before.shift.astype(np.float64)
    mantissas, exponents = np.frexp(scale)
    if (mantissas != 0.5).any() or kernel.output.levels is not None:
        return None
    total = shift + (0.0 if bias is None else bias * scale)
    exponents = exponents - 1
    try:
        lowest = min(int(exponents.min()), kernel.output.fraction - bias_fraction(total, readers[0].name))
        scaled = kernel.scaled(exponents, lowest)
    except LoweringError:  # no shifts in this kernel, or too fine a grid: thresholds take the batch-norm
        return None
    lows, highs = (np.abs(bound + total * 2.0**scaled.output.fraction).max() for bound in scaled.bounds())
    if max(lows, highs) >= EXACT_FLOAT32:
        return None
    readers[0].set_attr("before", Before())
    return scaled, total


def _part_of_norm(model: ModelGraph, node: Layer) -> None:
    """A linear layer now yields what the batch-norm behind it did."""
    layers = seen(model)
    for layer in layers.values():
        if layer.norm is not None and layer.via == node.name:
            layer.via, layer.norm, layer.result = None, None, node.name
    layers[node.name].result, layers[node.name].dropped = None, "the batch-norm of shifts behind it is part of its weights"


def _has_thresholds(activation: Layer) -> bool:
    """Whether an activation becomes thresholds, which take a bias for nothing."""
    return isinstance(trained(activation), Codebook) or before_of(activation).scale is not None


def _activations_behind(model: ModelGraph, node: Layer) -> list[Layer]:
    """The activations that read a linear layer, through pools too; none where anything else reads it."""
    found = []
    for reader in consumers(model, node):
        behind = consumers(model, reader) if is_pool(reader) else [reader]
        if not behind or not all(is_activation(activation) for activation in behind):
            return []
        found += behind
    return found
