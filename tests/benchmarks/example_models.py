# SPDX-License-Identifier: Apache-2.0
"""Networks of hls4ml's collection of example models, with one word changed, the backend's name: stock C-simulation and ours.

    python -m tests.benchmarks.example_models [--archive DIR] [--only NAME ...] [--page docs/example_models.md]

Without an archive the networks are rebuilt by their published layer lists, with weights by seed. ``--archive`` names a checkout
of the collection, whose JSON and weights hls4ml then reads itself, by the configuration that comes with it (ap_fixed<16,6>).
``--page`` writes the table of what was found; models of the archive and rebuilt ones have rows of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.errors import DietError
from dietcnn_hls.tf import tf
from tests.backend.stock_networks import filled

L = tf.keras.layers
SAMPLES = 50
BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"


def _dense(inputs: int, *widths: int, last: str = "softmax", dropout: bool = False) -> Any:
    layers: list[Any] = [L.InputLayer((inputs,))]
    for number, width in enumerate(widths[:-1], start=1):
        layers.append(L.Dense(width, activation="relu", name=f"fc{number}_relu"))
        layers += [L.Dropout(0.25)] if dropout else []
    return tf.keras.Sequential([*layers, L.Dense(widths[-1], activation=last, name=f"output_{last}")])


def _batch_norm() -> Any:
    layers: list[Any] = [L.InputLayer((16,))]
    for number, (width, function) in enumerate(((64, "relu"), (32, "relu"), (32, "relu"), (5, "softmax")), start=1):
        layers += [L.Dense(width, name=f"fc{number}"), L.BatchNormalization(name=f"bn{number}"), L.Activation(function)]
    return tf.keras.Sequential(layers)


def _conv1d(shape: tuple[int, int], filters: tuple[int, ...], size: int, units: int) -> Any:
    layers: list[Any] = [L.InputLayer(shape)]
    layers += [L.Conv1D(n, size, padding="same", activation="relu", name=f"conv{i}_relu") for i, n in enumerate(filters, 1)]
    return tf.keras.Sequential([*layers, L.Flatten(), L.Dense(units, activation="relu"), L.Dense(5, activation="softmax")])


def _conv2d() -> Any:
    conv = L.Conv2D(2, 3, padding="same", activation="relu")
    return tf.keras.Sequential([L.InputLayer((8, 8, 1)), conv, L.Dropout(0.25), L.Flatten(), L.Dense(10, activation="softmax")])


def _jet_tagger(norm: bool) -> Any:
    layers: list[Any] = [L.InputLayer((25, 25, 1))]
    for filters, size, strides in ((5, 3, 3), (2, 5, 2)):
        layers += [L.BatchNormalization()] if norm else []
        layers.append(L.Conv2D(filters, size, strides=strides, padding="same", activation="relu"))
        layers.append(L.Dropout(0.1))
    layers += [L.Flatten(), L.Dense(10, activation="relu"), L.Dropout(0.1)]
    return tf.keras.Sequential([*layers, L.Dense(5, activation="softmax")])


def _qdense(inputs: int, widths: tuple[int, ...], bits: int, *quantisers: str) -> Any:
    import qkeras

    layers: list[Any] = [L.InputLayer((inputs,))]
    for number, (width, quantiser) in enumerate(zip(widths, (*quantisers, ""), strict=True), start=1):
        weights = qkeras.quantized_bits(bits, 0, alpha=1)
        layers.append(qkeras.QDense(width, kernel_quantizer=weights, bias_quantizer=weights, name=f"fc{number}"))
        layers.append(qkeras.QActivation(quantiser) if quantiser else L.Activation("softmax"))
    return tf.keras.Sequential(layers)


def _qkeras_cnn() -> Any:
    import qkeras

    weights = {f"{what}_quantizer": qkeras.quantized_bits(6, 0, alpha=1) for what in ("kernel", "bias")}
    layers: list[Any] = [L.InputLayer((28, 28, 1))]
    for _ in range(2):
        layers += [qkeras.QConv2D(16, 3, activation="relu", **weights), qkeras.QActivation("quantized_relu(6)"), L.MaxPooling2D()]
    return tf.keras.Sequential([*layers, L.Flatten(), L.Dropout(0.5), qkeras.QDense(10, **weights), L.Activation("softmax")])


EXAMPLES: Mapping[str, Callable[[], Any]] = {
    "KERAS_1layer": lambda: _dense(10, 32, 1, last="sigmoid"),
    "KERAS_3layer": lambda: _dense(16, 64, 32, 32, 5),
    "KERAS_3layer_batch_norm": _batch_norm,
    "KERAS_conv1d": lambda: _conv1d((100, 7), (32, 32, 32), 40, 50),
    "KERAS_conv1d_small": lambda: _conv1d((10, 4), (3, 2, 1), 4, 5),
    "KERAS_conv2d_model": _conv2d,
    "KERAS_dense_16x100x100x100x100x100x5": lambda: _dense(16, 100, 100, 100, 100, 100, 5, dropout=True),
    "KERAS_dense_16x200x200x200x200x200x5": lambda: _dense(16, 200, 200, 200, 200, 200, 5, dropout=True),
    "jetTagger_Conv2D_Small": lambda: _jet_tagger(True),
    "jetTagger_Conv2D_Small_NoBatchNorm": lambda: _jet_tagger(False),
    "qkeras_3layer": lambda: _qdense(16, (64, 32, 32, 5), 6, *["quantized_relu(6)"] * 3),
    "qkeras_mnist_cnn": _qkeras_cnn,
    "qkeras_mnist_dense": lambda: _qdense(784, (20, 10), 4, "quantized_relu(3,1)"),
}
"""Layer lists as the collection publishes them."""


def rebuilt(name: str) -> Any:
    """The network with weights by seed, of the size that training leaves."""
    tf.keras.utils.set_random_seed(1)
    model = EXAMPLES[name]()
    filled(model, np.random.default_rng(1))
    for layer in model.layers:
        kernels = [weight for weight in layer.weights if "kernel" in weight.name]
        for kernel in kernels:
            kernel.assign(kernel * (1.0 / np.sqrt(np.prod(kernel.shape[:-1]))))
    return model


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 1, (SAMPLES, *shape)).astype(np.float32)


def converted(name: str, backend: str, folder: Path, archive: Path | None) -> Any:
    """A model by hls4ml's own call, which differs in one word."""
    hls: dict[str, Any] = {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1}}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if archive is None:
            return hls4ml.converters.convert_from_keras_model(
                rebuilt(name), hls_config=hls, backend=backend, output_dir=str(folder), project_name="net"
            )
        files = {"KerasJson": str(archive / f"{name}.json"), "KerasH5": str(archive / f"{name}_weights.h5")}
        config = hls4ml.utils.config.create_config(str(folder), "net", backend)
        # what convert_from_config of hls4ml 1.3 would call, if it looked for these two keys
        return hls4ml.converters.keras_v2_to_hls(config | files | {"HLSConfig": hls})


def values(made: Any, x: np.ndarray) -> np.ndarray:
    """Our reference's outputs, (N, outputs)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = lowered_graph(made)
        found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    return np.asarray(found).reshape(len(x), -1)


def compare(name: str, archive: Path | None) -> str:
    """One row's last cell."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            ours = converted(name, "DietCNN", Path(folder) / "ours", archive)
            x = inputs(tuple(next(iter(ours.get_input_variables())).shape))
            found = values(ours, x)
        except DietError as error:
            return f"refused: {str(error).splitlines()[0].partition(': known with')[0]}"
        theirs = converted(name, "Vitis", Path(folder) / "stock", archive)
        with contextlib.redirect_stdout(io.StringIO()):
            theirs.write()
            script = Path(folder) / "stock" / "build_lib.sh"
            script.write_text(script.read_text().replace("-O3", "-O0"))
            theirs._compile()
            expected = theirs.predict(x).reshape(len(x), -1)
    differs = int((found != expected).sum())
    return f"{found.size - differs} of {found.size} outputs equal" if differs else f"equal, {found.size} outputs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, help="folder of the collection's Keras models (JSON and weights)")
    parser.add_argument("--only", nargs="+", help="names of models")
    parser.add_argument("--page", type=Path, help="write the table there")
    options = parser.parse_args()
    there = EXAMPLES if options.archive is None else [path.stem for path in options.archive.glob("*.json")]
    names = options.only or sorted(there)
    kind = "rebuilt" if options.archive is None else "archived"
    rows: list[str] = []
    for name in names:
        rows.append(f"| `{name}` | {kind} | {compare(name, options.archive)} |")
        print(rows[-1], flush=True)
    if options.page is not None:
        before, rest = options.page.read_text(encoding="utf-8").split(BEGIN)
        old, after = rest.split(END)
        kept = [line for line in old.splitlines()[2:] if not any(line.startswith(row[: row.index("|", 3) + 12]) for row in rows)]
        table = ["| model | weights | stock C-simulation and ours |", "|---|---|---|", *sorted([*kept, *rows])]
        options.page.write_text(before + BEGIN + "\n".join(table) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
