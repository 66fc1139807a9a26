# SPDX-License-Identifier: Apache-2.0
"""Writes what the configurations beside this file name: synthetic data, and the float and the 6-bit network trained on them.

    python projects/jets/prepare.py [--data FILE.npz] [--epochs N]

The data are made up by a seed: 16 standardised features of 5 classes that overlap, in the shape of the jet substructure data of
hls4ml's tutorial and with none of its physics. ``--data`` takes your own instead: x_train, y_train, x_test, y_test.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from model import float_network, quantised_network  # beside this file

HERE = Path(__file__).parent
FEATURES, CLASSES, SEED = 16, 5, 7


def synthetic(train: int = 12000, test: int = 2000) -> dict[str, np.ndarray]:
    """Features that curve with a few hidden variables whose means differ by class."""
    rng = np.random.default_rng(SEED)
    means, mixing = rng.normal(0, 1.1, (CLASSES, 6)), rng.normal(0, 1, (6, FEATURES))
    y = rng.integers(0, CLASSES, train + test)
    hidden = means[y] + rng.normal(0, 1, (len(y), 6))
    x = np.tanh(hidden @ mixing / 2) + 0.15 * (hidden @ mixing) + rng.normal(0, 0.4, (len(y), FEATURES))
    x = ((x - x[:train].mean(0)) / x[:train].std(0)).astype(np.float32)
    return {"x_train": x[:train], "y_train": y[:train], "x_test": x[train:], "y_test": y[train:]}


def trained(model: Any, data: dict[str, np.ndarray], epochs: int, prune: bool = False) -> Any:
    """The model, trained; with half of its weights pruned away from the second third of the epochs on."""
    import tensorflow as tf

    masks: list[np.ndarray] = []
    for epoch in range(epochs):
        rate = 0.002 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        model.compile(tf.keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(data["x_train"], data["y_train"], batch_size=128, epochs=1, verbose=0)
        if prune and epoch >= epochs // 3:
            kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
            if epoch == epochs // 3:
                masks = [np.abs(kernel.numpy()) >= np.median(np.abs(kernel.numpy())) for kernel in kernels]
            for kernel, mask in zip(kernels, masks, strict=True):
                kernel.assign(kernel.numpy() * mask)
    return model


def main() -> None:
    """Write jets.npz, float.keras and quantised.h5 beside this file: QKeras loads its activations from .h5 alone."""
    import tensorflow as tf

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="your own .npz instead of synthetic data")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    data = synthetic() if options.data is None else dict(np.load(options.data))
    np.savez(HERE / "jets.npz", **data)  # type: ignore[arg-type]
    for name, network, prune in (("float.keras", float_network, False), ("quantised.h5", quantised_network, True)):
        tf.keras.utils.set_random_seed(SEED)
        model = trained(network(data["x_train"].shape[1:], int(data["y_train"].max()) + 1), data, options.epochs, prune)
        model.save(HERE / name)
        print(f"{name}: {model.evaluate(data['x_test'], data['y_test'], verbose=0)[1]:.4f} of the test data")


if __name__ == "__main__":
    main()
