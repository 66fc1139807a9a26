# SPDX-License-Identifier: Apache-2.0
"""Networks and data of the user's own in a project: files beside the configuration, code by leave only, hls4ml's own numbers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.build import build, config
from dietcnn_hls.build.opening import load_keras
from dietcnn_hls.build.training import project_request
from dietcnn_hls.errors import ConfigError, DatasetError, OutputError, SaturationWarning
from dietcnn_hls.tf import tf

L = tf.keras.layers
CODE = """
import shutil
import subprocess
import sys
from pathlib import Path
Path(__file__).with_name("ran").touch()

def net(shape, classes):
    import tensorflow as tf
    L = tf.keras.layers
    layers = [L.InputLayer(shape), L.Dense(6, use_bias=False, name="a"), L.BatchNormalization(name="n"), L.ReLU(name="r")]
    return tf.keras.Sequential([*layers, L.Dense(classes, name="b")])

def wide(shape, classes):
    return net((9,), classes)

def nothing(shape, classes):
    return None

def broken(shape, classes):
    raise RuntimeError("no GPU")
"""
STOCK = """
design: mine
network: net.keras
dataset: data.npz
hls4ml:
  precision: ap_fixed<12,5>
  LayerName: {a: {Precision: {result: "ap_fixed<10,4,RND,SAT>"}, ReuseFactor: 4}}
hardware: {io_type: io_parallel}
"""
LOOKUP = """
design: mine
network: model.py:net
dataset: {name: data.npz, precision: "ap_fixed<6,3,RND,SAT>"}
method: {name: dietcnn, activation_symbols: 8, weight_symbols: 8}
training: {float_epochs: 1, epochs: 1, shift: 0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder: data of six features and three classes, a float network, a file of code."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1.5, (90, 6)).astype(np.float32)
    y = np.arange(90) % 3
    np.savez(tmp_path / "data.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    layers = [
        L.InputLayer((6,), name="features"),
        L.Dense(8, activation="relu", name="a"),
        L.Dense(3, name="b"),
        L.Activation("softmax", name="s"),
    ]
    tf.keras.Sequential(layers).save(tmp_path / "net.keras")
    (tmp_path / "model.py").write_text(CODE)
    (tmp_path / "stock.yml").write_text(STOCK)
    (tmp_path / "lookup.yml").write_text(LOOKUP)
    return tmp_path


def run(folder: Path, name: str = "stock", *overrides: str, upto: str = "report", **options: Any) -> Any:
    return build(config.load(folder / f"{name}.yml", overrides), upto, output=folder / "out", **options)


def test_a_float_network_has_hls4mls_numbers(folder: Path) -> None:
    """By its own C-simulation of all test data; folds follow from its reuse factors; a second build makes nothing anew."""
    with pytest.warns(SaturationWarning, match="lie beyond"):
        report = run(folder, "stock", "hls4ml.LayerName.features={Precision: {result: 'ap_fixed<6,2>'}}")
    assert report.bit_exact["hls4ml_vs_csim"].samples == 30 and report.bit_exact["hls4ml_vs_csim"].mismatches == 0
    assert {"float", "reference", "csim"} <= set(report.accuracy.model_dump(by_alias=True, exclude_none=True))
    assert report.folding["layers"]["a_sum"] == {"pe": 2, "simd": 6} and report.network == "net"


def test_keys_follow_the_content_of_the_file(folder: Path) -> None:
    run(folder, upto="lowered")
    first = (folder / "out/lowered/graph.npz").read_bytes()
    (folder / "moved").mkdir()
    for name in ("net.keras", "data.npz", "stock.yml"):
        (folder / name).rename(folder / "moved" / name)
    stamp = (folder / "out/lowered/graph.npz").stat().st_mtime_ns
    build(config.load(folder / "moved/stock.yml"), "lowered", output=folder / "out")
    assert (folder / "out/lowered/graph.npz").stat().st_mtime_ns == stamp
    model = tf.keras.models.load_model(folder / "moved/net.keras")
    model.set_weights([weight + 0.5 for weight in model.get_weights()])
    model.save(folder / "moved/net.keras")
    build(config.load(folder / "moved/stock.yml"), "lowered", output=folder / "out")
    assert (folder / "out/lowered/graph.npz").read_bytes() != first


def test_code_runs_by_leave_only(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"'model\.py:net' is code, which building would run .* pass --trust"):
        run(folder, "lookup")
    assert not (folder / "ran").exists() and not (folder / "out").exists()
    with pytest.warns(SaturationWarning, match=r"values of x_train lie beyond ap_fixed<6,3,RND,SAT> and saturate"):
        report = run(folder, "lookup", upto="csim", trust=True)
    assert (folder / "ran").exists()
    assert report.bit_exact["csim_vs_reference"].mismatches == 0 and report.method == "dietcnn"


def test_a_file_with_a_method_is_trained_on(folder: Path) -> None:
    layers = [L.InputLayer((6,)), L.Dense(6, use_bias=False, name="a"), L.ReLU(name="r"), L.Dense(3, name="b")]
    tf.keras.Sequential(layers).save(folder / "net.h5")
    with pytest.warns(SaturationWarning):
        report = run(folder, "lookup", "network=net.h5", upto="keras")
    assert report.bit_exact["csim_vs_keras"].mismatches == 0


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("../net.keras", "leads out of the configuration's folder"),
        ("sub/../../net.keras", "leads out of the configuration's folder"),
        ("/etc/net.keras", "leads out of the configuration's folder"),
        ("link.keras", "leads out of the configuration's folder"),
        ("gone.keras", "there is no file 'gone.keras' beside the configuration"),
        ("model.py", "is no function of a file; write model.py:function"),
        ("model.py:a.b", "is no function of a file"),
        ("../model.py:net", "leads out of the configuration's folder"),
        ("model.py:absent", "has no function 'absent'"),
        ("model.py:nothing", "returns a NoneType; return a built Keras model"),
        ("model.py:broken", r"broken\(\(6,\), 3\) fails \(RuntimeError: no GPU\)"),
        ("model.py:wide", r"is of \(9,\) and \(3,\), and the data ask for one input of \(6,\)"),
    ],
)
def test_names_that_lead_nowhere(folder: Path, network: str, words: str) -> None:
    inner = folder / "project"
    inner.mkdir()
    for name in ("data.npz", "model.py", "stock.yml"):
        (folder / name).rename(inner / name)
    (inner / "link.keras").symlink_to(folder / "net.keras")
    with pytest.raises(ConfigError, match=words):
        build(config.load(inner / "stock.yml", [f"network={network}"]), "lowered", output=folder / "out", trust=True)


def test_files_that_hold_code_are_refused(folder: Path) -> None:
    tf.keras.Sequential([L.InputLayer((6,)), L.Lambda(lambda x: x * 2, name="twice"), L.Dense(3)]).save(folder / "net.keras")
    with pytest.raises(OutputError, match=r"layer 'twice' \(Lambda\) holds code"):
        run(folder, trust=True)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["method=dietcnn"], "method and hls4ml both say how the network is computed"),
        (["network=lenet5", "hls4ml=null"], "method is missing: a built-in network is trained for one"),
        (["network.width=2.0"], "width is for built-in networks"),
        (["training={epochs: 1}"], "training is for a method"),
        (["dataset={name: data.npz, precision: 'ap_fixed<6,3>'}"], "dataset.precision goes with a method"),
        (["dataset={name: mnist, precision: 'ap_fixed<6,3>'}"], "precision is for values of your own data"),
        (["hls4ml.granularity=layer"], "granularity: Input should be 'model', 'type' or 'name'"),
        (["hls4ml.Precision=fixed"], "unknown key 'hls4ml.Precision'"),
    ],
)
def test_keys_that_contradict(folder: Path, overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(folder, "stock", *overrides)


def test_layers_that_the_network_lacks_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no layer 'c'"):
        run(folder, "stock", "hls4ml.LayerName.c={ReuseFactor: 2}", upto="lowered")


def test_data_of_other_kinds_are_refused(folder: Path) -> None:
    arrays = dict(np.load(folder / "data.npz"))
    np.savez(folder / "data.npz", **arrays | {"x_test": np.full((30, 6), np.nan)})
    with pytest.raises(DatasetError, match="x_test holds 180 value"):
        run(folder)
    np.savez(folder / "data.npz", **arrays | {"x_test": np.zeros((30, 2, 2, 2, 2))})
    with pytest.raises(DatasetError, match="one to three dimensions"):
        run(folder)
    with pytest.raises(ConfigError, match=r"set training\.shift to 0"):
        run(folder, "lookup", "training.shift=1", trust=True)


def test_a_folder_of_arrays_is_a_dataset(folder: Path) -> None:
    """Beside the configuration; it is what an .npz of the same arrays is."""
    (folder / "arrays").mkdir()
    for key, array in np.load(folder / "data.npz").items():
        np.save(folder / "arrays" / f"{key}.npy", array)
    wanted, found = (
        project_request(config.load(folder / "lookup.yml", [f"dataset.name={name}"]), trust=True)
        for name in ("data.npz", "arrays")
    )
    assert found.labels.dataset == "arrays" and wanted.labels.dataset == "data"
    assert np.array_equal(found.x_test, wanted.x_test) and np.array_equal(found.y_test, wanted.y_test)


def test_the_template_builds(tmp_path: Path) -> None:
    """Copied elsewhere, by the commands that its README states."""
    copy = tmp_path / "copy"
    shutil.copytree(Path(__file__).parents[2] / "projects" / "template", copy, ignore=shutil.ignore_patterns("*.npz"))
    subprocess.run([sys.executable, str(copy / "data.py")], check=True)
    loaded = config.load(copy / "config.yml", ["training={float_epochs: 2, epochs: 2, shift: 0}"])
    report = build(loaded, "csim", output=tmp_path / "out", trust=True)
    assert report.bit_exact["csim_vs_reference"].mismatches == 0 and report.dataset == "data"


def test_what_qkeras_cannot_load_has_a_remedy(tmp_path: Path) -> None:
    qkeras = pytest.importorskip("qkeras")
    model = tf.keras.Sequential([L.InputLayer((4,)), qkeras.QActivation(qkeras.quantized_relu(6))])
    model.save(tmp_path / "net.keras")
    with pytest.raises(OutputError, match=r"save the model as that"):
        load_keras(tmp_path / "net.keras")
