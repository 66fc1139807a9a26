# SPDX-License-Identifier: Apache-2.0
"""QONNX models for tests, made as Brevitas exports them: weights behind Quant nodes, images channels first."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

OPSET = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]


class Net:
    """A model that grows node by node; every method takes and returns names of tensors."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = shape
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        name = f"const{len(self.constants)}"
        array = np.asarray(value)
        kind = TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
        array = array if array.dtype == np.int64 else array.astype(np.float32)
        self.constants.append(helper.make_tensor(name, kind, array.shape, array.reshape(-1)))
        return name

    def node(self, kind: str, inputs: list[str], domain: str = "", name: str | None = None, **attributes: Any) -> str:
        out = f"t{len(self.nodes)}"
        word = f"{kind}_{len(self.nodes)}" if name is None else name
        self.nodes.append(helper.make_node(kind, inputs, [out], name=word, domain=domain, **attributes))
        return out

    def quant(
        self,
        x: str,
        bits: float = 4,
        scale: Any = 0.25,
        zero: float = 0,
        signed: int = 1,
        narrow: int = 0,
        rounding: str = "ROUND",
    ) -> str:
        inputs = [x, self.constant(scale), self.constant(zero), self.constant(bits)]
        domain = "qonnx.custom_op.general"
        return self.node("Quant", inputs, domain, signed=signed, narrow=narrow, rounding_mode=rounding)

    def bipolar(self, x: str, scale: float = 1.0) -> str:
        return self.node("BipolarQuant", [x, self.constant(scale)], "qonnx.custom_op.general")

    def trunc(self, x: str, scale: float, bits: int, out_bits: int, rounding: str = "FLOOR") -> str:
        inputs = [x, *(self.constant(float(value)) for value in (scale, 0, bits, out_bits))]  # as Brevitas writes them
        return self.node("Trunc", inputs, "qonnx.custom_op.general", rounding_mode=rounding)

    def weights(self, shape: tuple[int, ...], bits: int = 4, scale: float = 0.125) -> str:
        return self.quant(self.constant(self.rng.normal(0, 3 * scale, shape)), bits, scale, narrow=1)

    def conv(self, x: str, channels: int, filters: int, size: int = 3, groups: int = 1, **attributes: Any) -> str:
        weights = self.weights((filters, channels // groups, size, size))
        return self.node("Conv", [x, weights], kernel_shape=[size, size], group=groups, **attributes)

    def norm(self, x: str, channels: int) -> str:
        draw = self.rng.normal
        parts = [draw(1, 0.6, channels), draw(0, 1, channels), draw(0, 1, channels), self.rng.uniform(0.3, 3, channels)]
        return self.node("BatchNormalization", [x, *map(self.constant, parts)], epsilon=1e-5)

    def model(self, output: str, name: str = "net") -> Any:
        """The model; shapes of results are qonnx's to infer."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=OPSET, ir_version=8)


def execute(model: Any, x: np.ndarray) -> np.ndarray:
    """What qonnx computes: (N, outputs) for (N, ...) inputs, channels first; one image a call, as shapes are fixed."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    wrapped = ModelWrapper(model, make_deepcopy=True).transform(InferShapes())
    out = wrapped.graph.output[0].name
    return np.stack([execute_onnx(wrapped, {"x": one[None].astype(np.float32)})[out][0] for one in x])


def random_model(seed: int) -> Any:
    """A small network of what the reader takes, in random order."""
    rng = np.random.default_rng(seed)
    if seed % 4 == 3:
        return _dense_net(rng, seed)
    channels, side = int(rng.integers(1, 4)), int(rng.integers(6, 9))
    net = Net((1, channels, side, side), seed)
    at = net.quant("x", 6, 0.0625, signed=int(rng.integers(2)))
    for _ in range(int(rng.integers(1, 3))):
        groups = channels if rng.random() < 0.3 else 1
        filters = channels * int(rng.integers(1, 3)) if groups > 1 else int(rng.integers(2, 5))
        pad = 0 if "Bipolar" in net.nodes[-1].op_type else 1  # which has no zero to pad with
        at = net.conv(at, channels, filters, 3, groups, pads=[pad] * 4, strides=[1, int(rng.integers(1, 3))])
        channels = filters
        at = _activation(net, rng, at, channels)
        if rng.random() < 0.4:
            at = _branch(net, rng, at, channels)
            at = net.quant(at, 4, 0.5)
    at = _pool(net, rng, at)
    at = net.node("Flatten", [at]) if rng.random() < 0.6 else net.node("Reshape", [at, net.constant(np.array([1, -1]))])
    return _head(net, rng, at)


def _activation(net: Net, rng: Any, at: str, channels: int) -> str:
    kind = int(rng.integers(5))
    if kind == 0:
        return net.quant(net.node("Relu", [net.norm(at, channels)]), 3, 0.5, signed=0)
    if kind == 1:
        return net.bipolar(net.norm(at, channels), 0.5)
    if kind == 2:
        rounding = str(rng.choice(["ROUND", "FLOOR", "CEIL", "DOWN", "UP", "HALF_UP", "HALF_DOWN"]))
        return net.quant(at, 4, 0.5, narrow=int(rng.integers(2)), rounding=rounding)
    if kind == 3:
        shifted = net.node("Add", [at, net.constant(net.rng.normal(0, 1, (1, channels, 1, 1)))])
        scaled = net.node("Mul", [shifted, net.constant(net.rng.normal(0.6, 0.5, (channels, 1, 1)))])
        return net.quant(net.node("LeakyRelu", [scaled], alpha=0.1), 4, 0.25, zero=3, signed=0)
    return net.quant(net.node("Relu", [at]), 4, 0.25, signed=0)


def _branch(net: Net, rng: Any, at: str, channels: int) -> str:
    other = net.conv(at, channels, channels, 1)
    other = net.quant(other, 5, 0.25)
    return (
        net.node("Add", [at, other])
        if rng.random() < 0.5
        else net.node("Add", [net.node("Relu", [at]), net.quant(net.node("Concat", [other], axis=1), 3, 1.0)])
    )


def _pool(net: Net, rng: Any, at: str) -> str:
    kind = int(rng.integers(4))
    if kind == 0:
        return net.node("MaxPool", [at], kernel_shape=[2, 2], strides=[2, 2])
    if kind == 1:
        mean = net.node("AveragePool", [at], kernel_shape=[2, 2], strides=[1, 1])
        return net.trunc(mean, 0.125, 8, 5)
    if kind == 2:
        return net.quant(net.node("GlobalAveragePool", [at]), 5, 0.125)
    joined = net.node("Concat", [at, net.quant(at, 3, 1.0)], axis=int(rng.integers(1, 4)))
    return net.node("MaxPool", [joined], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def _dense_net(rng: Any, seed: int) -> Any:
    inputs, hidden = int(rng.integers(5, 12)), int(rng.integers(3, 8))
    net = Net((1, inputs), seed)
    at = net.quant("x", 8, 0.0625)
    at = net.node("MatMul", [at, net.weights((inputs, hidden))])
    at = net.node("Add", [at, net.quant(net.constant(net.rng.normal(0, 1, hidden)), 8, 0.0078125)])
    at = net.bipolar(at) if rng.random() < 0.3 else net.quant(net.norm(at, hidden), 4, 0.25)
    return _head(net, rng, at, hidden)


def _head(net: Net, rng: Any, at: str, inputs: int | None = None) -> Any:
    inputs = inputs or _size(net, at)
    if rng.random() < 0.5:
        given = {"transB": 1} if rng.random() < 0.5 else {}
        weights = net.weights((3, inputs) if given else (inputs, 3), 5, 0.0625)
        at = net.node("Gemm", [at, weights, net.quant(net.constant(net.rng.normal(0, 1, 3)), 8, 0.015625)], **given)
    else:
        at = net.node("MatMul", [at, net.weights((inputs, 3))])
        at = net.node("Add", [at, net.constant([0.5, -1.25, 3.0])])
        at = net.node("Mul", [at, net.constant(0.75)])
    return net.model(at)


def _size(net: Net, at: str) -> int:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    return int(ModelWrapper(net.model(at)).transform(InferShapes()).get_tensor_shape(at)[1])
