# SPDX-License-Identifier: Apache-2.0
"""Train a small network of 4-bit weights and activations with Brevitas on scikit-learn's digits, and export it as QONNX.

    pip install torch brevitas==0.13.0 qonnx==1.0.0 'onnx<1.18' scikit-learn
    python train.py            # a minute on one core; writes network.onnx beside this file, and digits_test.npz

All scales are powers of two, so that every sum lies on a fixed-point grid.
"""

from __future__ import annotations

from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.core.restrict_val import RestrictValueType
from brevitas.export import export_qonnx
from brevitas.quant import Int8WeightPerTensorFloat, Uint8ActPerTensorFloat
from sklearn.datasets import load_digits
from torch import nn

HERE = Path(__file__).parent


class Weights(Int8WeightPerTensorFloat):
    bit_width = 4
    restrict_scaling_type = RestrictValueType.POWER_OF_TWO


class Activations(Uint8ActPerTensorFloat):
    bit_width = 4
    restrict_scaling_type = RestrictValueType.POWER_OF_TWO


def network() -> nn.Module:
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        conv = qnn.QuantConv2d(inputs, outputs, 3, bias=False, weight_quant=Weights)
        return [conv, nn.BatchNorm2d(outputs), qnn.QuantReLU(act_quant=Activations)]

    return nn.Sequential(
        qnn.QuantIdentity(act_quant=Activations),
        *block(1, 8),
        *block(8, 16),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.QuantLinear(64, 10, bias=False, weight_quant=Weights),
    )


def main() -> None:
    torch.manual_seed(0)
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images, labels = (data.images / 16).astype(np.float32)[order], data.target[order]
    x, y = torch.from_numpy(images[:, None]), torch.from_numpy(labels)
    model, epochs = network(), 30
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(1437).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        logits = model(x[1437:])
    print(f"{float((logits.argmax(1) == y[1437:]).float().mean()):.4f} on 360 test images")
    export_qonnx(model, args=x[:1], export_path=str(HERE / "network.onnx"))
    test = {"x": images[1437:, :, :, None], "y": labels[1437:], "logits": logits.numpy()}
    np.savez_compressed(HERE / "digits_test.npz", **test)


if __name__ == "__main__":
    main()
