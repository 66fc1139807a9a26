# SPDX-License-Identifier: Apache-2.0
"""The plugin as hls4ml's users meet it: stock converters, hls_config, compile, predict, build, and no TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest

from dietcnn_hls import backend, hls, reference
from dietcnn_hls.errors import ConfigError, DatasetError, ToolError
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.lowered import Fold, Linear
from dietcnn_hls.lowered.storage import load_graph, save_graph
from tests.backend.keras_models import RandomModel, images, tf
from tests.graphs import branching_graph, random_codes
from tests.kernels import every

WITHOUT_TENSORFLOW = """
import sys
for name in ("tensorflow", "keras", "qkeras"):
    sys.modules[name] = None
from pathlib import Path
import numpy as np
from dietcnn_hls import reference
from dietcnn_hls.backend import convert
from dietcnn_hls.lowered.storage import load_graph
from tests.graphs import random_codes
graph = load_graph(Path(sys.argv[1]))
model = convert(graph, sys.argv[2])
model.compile()
codes = random_codes(graph, 9, 0)
values = model.predict(codes / 256)
assert np.array_equal(values, reference.output_values(graph, reference.predict(graph, codes)))
print("equal without TensorFlow")
"""


def reachable_model(seed: int = 11) -> Any:
    return RandomModel(seed).build()


def stock(model: Any, folder: Path, **options: Any) -> Any:
    return hls4ml.converters.convert_from_keras_model(model, output_dir=str(folder), backend="DietCNN", **options)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_stock_conversion_equals_keras(tmp_path: Path, io_type: str) -> None:
    model = reachable_model()
    converted = stock(model, tmp_path / "out", io_type=io_type, project_name="stock", hls_config={"Model": {"ReuseFactor": 6}})
    assert not (tmp_path / "out").exists(), "conversion alone writes nothing"
    converted.compile()
    x = images(model, 10, 0)
    keras = np.asarray(model(x, training=False))
    for values in (converted.predict(x), converted.predict(x.astype(np.float64)), converted.predict(x, threads=1)):
        assert np.array_equal(values, keras)
    assert converted.predict(x).dtype == np.float32
    assert np.array_equal(converted.predict(x[3]), keras[3])
    assert load_graph(tmp_path / "out" / hls.GRAPH_FILE).name == "stock"
    assert f"Top function: {len(converted.graph)} operations, {io_type}" in (tmp_path / "out/firmware/stock.cpp").read_text()


def test_a_sequential_model_with_softmax_ends_at_the_logits(tmp_path: Path) -> None:
    grower = RandomModel(5)
    inputs = grower.input((6, 6, 2))
    x = grower.block(grower.activation(inputs), "conv")
    x = grower.lookup(grower.apply(tf.keras.layers.Flatten(name="flatten"), x), "dense")
    logits = tf.keras.Model(inputs, x)
    model = tf.keras.Sequential([*logits.layers, tf.keras.layers.Activation("softmax", name="probabilities")])
    converted = stock(model, tmp_path)
    assert [node.name for node in backend.lowered_graph(converted).nodes][-1] == logits.layers[-1].name
    converted.compile()
    x = images(model, 6, 1)
    assert np.array_equal(converted.predict(x), np.asarray(logits(x, training=False)))


def test_node_names_are_the_layers_names(tmp_path: Path) -> None:
    model = reachable_model()
    names = {node.name for node in backend.lowered_graph(stock(model, tmp_path)).nodes}
    assert names <= {layer.name for layer in model.layers}


def test_config_from_keras_model_knows_the_layers_before_any_conversion() -> None:
    code = (
        "import numpy as np, hls4ml, tensorflow as tf\n"
        "from dietcnn_hls.training import fit_codebooks\n"
        "model = tf.keras.Sequential([tf.keras.layers.Input((6,)), tf.keras.layers.Dense(3, name='logits')])\n"
        "model = fit_codebooks(model, np.random.randint(0, 256, (64, 6)) / 256, activation_symbols=4, weight_symbols=4)\n"
        "print(*hls4ml.utils.config_from_keras_model(model, granularity='name', backend='DietCNN')['LayerName'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.split()[-1] == "logits"


def test_config_from_keras_model_sets_reuse_by_layer(tmp_path: Path) -> None:
    model = reachable_model()
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="DietCNN", default_reuse_factor=4)
    name = next(n.name for n in backend.lowered_graph(stock(model, tmp_path)).linear_nodes)
    config["LayerName"][name]["ReuseFactor"] = 1
    converted = stock(model, tmp_path, hls_config=config)
    converted.write()
    sizes = {n.name: n.op.kernel.outputs * n.op.kernel.taps for n in backend.lowered_graph(converted).linear_nodes}
    text = (tmp_path / "firmware" / "parameters.h").read_text()
    for layer, work in sizes.items():
        reuse = int(text.split(f"struct {layer}_config")[1].split("reuse_factor = ")[1].split(";")[0])
        assert reuse == 1 if layer == name else 1 <= reuse <= 4 and work % reuse == 0


def test_convert_takes_folds_specifications_and_metadata(tmp_path: Path) -> None:
    model = reachable_model()
    graph = backend.lowered_graph(backend.convert(model, tmp_path, name="folded", metadata={"seed": 3}))
    assert graph.name == "folded" and graph.metadata == {"seed": 3}
    layer = graph.linear_nodes[-1]
    assert isinstance(layer.op, Linear)
    full = Fold(layer.op.kernel.outputs, layer.op.kernel.taps)
    for folding, reuse in (({layer.name: full}, 1), (FoldingSpec(unroll=True), 1), (None, full.lanes)):
        converted = backend.convert(model, tmp_path, folding=folding)
        converted.write()
        config = (tmp_path / "firmware" / "parameters.h").read_text().split(f"struct {layer.name}_config")[1]
        assert f"reuse_factor = {reuse};" in config.split("};")[0]
    with pytest.raises(ConfigError, match="no linear layer 'nope'"):
        backend.convert(model, tmp_path, folding={"nope": full})


def test_test_bench_data_come_from_a_file(tmp_path: Path) -> None:
    model = reachable_model()
    x = images(model, 7, 2)
    np.save(tmp_path / "x.npy", x)
    stock(model, tmp_path / "out", input_data_tb=str(tmp_path / "x.npy")).write()
    assert len((tmp_path / "out/tb_data/input.txt").read_text().splitlines()) == 7
    done = subprocess.run(["make", "-s", "-C", str(tmp_path / "out"), "csim"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "0 of 7 samples differ" in done.stdout
    (tmp_path / "x.npy").write_text("no array")
    with pytest.raises(DatasetError, match=r"x\.npy cannot be read"):
        stock(model, tmp_path / "out", input_data_tb=str(tmp_path / "x.npy")).write()


def test_a_saved_graph_converts_without_tensorflow(tmp_path: Path) -> None:
    save_graph(branching_graph(4, every()), tmp_path / "graph.npz")
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, str(tmp_path / "graph.npz"), str(tmp_path / "out")]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "equal without TensorFlow" in done.stdout


def test_a_lowered_graph_survives_the_round_trip(tmp_path: Path) -> None:
    graph = branching_graph(9, every())
    back = backend.lowered_graph(backend.model_graph_from_lowered(graph, str(tmp_path)))
    assert [(n.name, n.inputs, n.stream, n.op) for n in back.nodes] == [(n.name, n.inputs, n.stream, n.op) for n in graph.nodes]
    assert back.name == graph.name and back.metadata == graph.metadata
    codes = random_codes(graph, 3, 0)
    assert np.array_equal(reference.predict(back, codes), reference.predict(graph, codes))


def test_the_backend_is_registered_by_its_entry_point() -> None:
    code = "import hls4ml, sys; print('dietcnn' in hls4ml.backends.get_available_backends(), 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"] and "WARN" not in done.stdout


@pytest.mark.parametrize("module", ["graphs", "passes.lower", "writer", "thresholds"])
def test_any_module_may_be_imported_first(module: str) -> None:
    code = f"import dietcnn_hls.backend.{module}, hls4ml; print('dietcnn' in hls4ml.backends.get_available_backends())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]


def test_predict_wants_a_compiled_model_and_inputs_on_the_grid(tmp_path: Path) -> None:
    model = reachable_model()
    converted = stock(model, tmp_path)
    with pytest.raises(ToolError, match=r"not compiled; call compile\(\) first"):
        converted.predict(images(model, 2, 0))
    converted.compile()
    with pytest.raises(DatasetError, match="lie on the grid 2\\^-8"):
        converted.predict(images(model, 2, 0) + 0.001)


def test_build_runs_vitis_on_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("dietcnn_hls.tools.vitis.run", lambda folder, steps, timeout_s: asked.append((folder, steps)))
    stock(reachable_model(), tmp_path / "out").build(export=True, csim=False)
    assert asked == [(tmp_path / "out", ["csynth", "export"])]
    assert (tmp_path / "out" / "build_prj.tcl").exists()


def test_build_without_vitis_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"Vitis HLS synthesis needs .*, which was not found"):
        stock(reachable_model(), tmp_path / "out").build()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_in_an_hdf5_file_converts_alike(tmp_path: Path) -> None:
    model = RandomModel(64, symbolic=True).build()
    model.save(tmp_path / "model.h5")
    config = hls4ml.utils.config.create_config(str(tmp_path / "out"), "from_file", "DietCNN")
    config |= {"KerasH5": str(tmp_path / "model.h5"), "HLSConfig": {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}}}
    graph = backend.lowered_graph(hls4ml.converters.keras_v2_to_hls(config))
    x = images(model, 6, 0)
    values = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(values, np.asarray(model(x, training=False)))
