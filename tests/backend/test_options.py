# SPDX-License-Identifier: Apache-2.0

"""hls4ml's configuration, every key of it: honoured, or refused by its name. Whatever hls4ml itself generates works unchanged."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest

from dietcnn_hls import backend, reference
from dietcnn_hls.backend.graphs import folding_of
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import ConfigError, ConfigWarning, DatasetError
from dietcnn_hls.lowered import Grid
from tests.backend.keras_models import keras_layers as L
from tests.backend.keras_models import qkeras, tf

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
BIAS = qkeras.quantized_bits(8, 2, alpha=1)


@pytest.fixture(scope="module")
def model() -> Any:
    """Convolutions, depthwise too, pools, activations as layers and as arguments, a softmax at the end."""
    kernel = qkeras.quantized_bits(6, 0, alpha=1)
    layers = [
        L.InputLayer((8, 8, 1), name="image"),
        qkeras.QConv2D(4, 3, kernel_quantizer=kernel, bias_quantizer=BIAS, name="c1"),
        qkeras.QActivation("quantized_relu(6,2)", name="a1"),
        L.MaxPooling2D(name="p1"),
        qkeras.QDepthwiseConv2D(2, depthwise_quantizer=kernel, use_bias=False, name="dw"),
        qkeras.QActivation(qkeras.quantized_bits(6, 1, alpha=1), name="a2"),
        L.Flatten(name="flat"),
        qkeras.QDense(6, kernel_quantizer=kernel, bias_quantizer=BIAS, activation=qkeras.quantized_relu(8, 4), name="d1"),
        qkeras.QDense(3, kernel_quantizer=kernel, use_bias=False, name="d2"),
        L.Softmax(name="sm"),
    ]
    model = tf.keras.Sequential(layers)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(-1, 1, weight.shape))
    return model


def convert(model: Any, folder: Path, config: Any = None, **options: Any) -> Any:
    return hls4ml.converters.convert_from_keras_model(
        model, output_dir=str(folder), backend="DietCNN", hls_config=copy.deepcopy(config), **options
    )


def exact(converted: Any, model: Any, grid: Grid = IMAGE) -> bool:
    graph = backend.lowered_graph(converted)
    codes = np.random.default_rng(1).integers(grid.lo, grid.hi + 1, (6, 8, 8, 1))
    logits = tf.keras.Model(model.inputs, model.layers[-2].output)
    values = reference.output_values(graph, reference.predict(graph, codes))
    return graph.input.stream == grid.stream((8, 8, 1)) and np.array_equal(values, np.asarray(logits(grid.values(codes))))


@pytest.mark.parametrize("granularity", ["model", "type", "name"])
@pytest.mark.parametrize("for_backend", [None, "DietCNN", "Vivado", "Vitis"])
def test_generated_configurations_work_unchanged(model: Any, tmp_path: Path, granularity: str, for_backend: str | None) -> None:
    config = hls4ml.utils.config_from_keras_model(model, granularity=granularity, backend=for_backend)
    assert exact(convert(model, tmp_path, config), model)


def layer(name: str, **entry: Any) -> dict[str, Any]:
    return {"LayerName": {name: entry}}


def types(name: str, **kinds: str) -> dict[str, Any]:
    return layer(name, Precision=kinds)


def whole(**entry: Any) -> dict[str, Any]:
    return {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1} | entry}


HONOURED: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("empty parts", {"Model": None, "LayerName": None, "LayerType": {}}),
    ("resource", whole(Strategy="Resource")),
    ("dataflow", whole(PipelineStyle="dataflow")),
    ("the result's own type", types("a1", result="ap_ufixed<6,2>")),
    ("a wider result", types("a1", result="ap_fixed<12,4>")),
    ("an accumulator that holds the sums", types("c1", accum="ap_fixed<32,8>")),
    ("weights that hold the quantiser's", types("c1", weight="ap_fixed<10,2>", bias="ap_fixed<12,4>")),
    ("a depthwise kernel", types("dw", depthwise="fixed<6,1>")),
    ("a single type for a layer", layer("c1", Precision="ap_fixed<40,12>")),
    ("a type for all layers", whole(Precision="ap_fixed<40,16>")),
    ("a maximum that is wide enough", whole(Precision={"default": "fixed<16,6>", "maximum": "ap_fixed<64,32>"})),
    ("a result of a layer that only passes on", types("c1_linear", result="ap_fixed<40,12>")),
    ("a layer of no consequence", layer("flat", Trace=True)),
    ("type by Keras' class", {"LayerType": {"QConv2D": {"ReuseFactor": 4}}}),
    ("type by hls4ml's class", {"LayerType": {"Dense": {"ReuseFactor": 3}}}),
    ("skipped softmax", layer("sm", Skip=True)),
    ("weights inside the design", whole(BramFactor=500)),
]


@pytest.mark.parametrize("title, config", HONOURED, ids=[title for title, _ in HONOURED])
def test_what_equals_the_design_is_accepted(model: Any, tmp_path: Path, title: str, config: dict[str, Any]) -> None:
    assert exact(convert(model, tmp_path, config), model)


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        types("c1", result="ap_fixed<8,3>"),
        r"LayerName\.c1\.Precision\.result: 'ap_fixed<8,3>' does not hold the results of layer 'c1'",
    ),
    (types("a1", result="ap_ufixed<5,2>"), r"LayerName\.a1\.Precision\.result: .*0 to 63 / 2\^4.*change the quantiser"),
    (types("c1_linear", result="ap_fixed<8,3>"), r"c1_linear\.Precision\.result: .*does not hold the results"),
    (types("c1", accum="ap_fixed<8,3>"), r"c1\.Precision\.accum: .*does not hold the sums of layer 'c1'"),
    (types("c1", weight="ap_fixed<4,1>"), r"c1\.Precision\.weight: .*does not hold the weights"),
    (types("c1", bias="ap_fixed<4,1>"), r"c1\.Precision\.bias: .*does not hold the bias"),
    (types("dw", depthwise="ap_fixed<4,1>"), r"dw\.Precision\.depthwise: .*does not hold the weights"),
    (types("a1", table="ap_fixed<10,4>"), r"a1\.Precision\.table: layer 'a1' has no type 'table'"),
    (types("p1", accum="ap_fixed<10,4>"), r"p1\.Precision\.accum: layer 'p1' has no type 'accum'"),
    (types("c1", resutl="ap_fixed<8,3>"), r"c1\.Precision: unknown type 'resutl'\. Did you mean 'result'"),
    (types("c1", result="fixd<8,3>"), r"c1\.Precision\.result: 'fixd<8,3>' is no precision"),
    (types("c1", result="ap_fixed<a,b>"), r"c1\.Precision\.result: 'ap_fixed<a,b>' is no precision"),
    (types("c1", result="float"), r"c1\.Precision\.result: .*is no fixed-point type"),
    (types("sm", result="ap_fixed<16,6>"), r"sm\.Precision\.result: .*left to the host"),
    (layer("c1", Precision="ap_fixed<8,3>"), r"c1\.Precision\.default: "),
    (whole(Precision="ap_fixed<8,3>"), r"hls_config\.Model\.Precision\.default: 'ap_fixed<8,3>' does not hold"),
    (whole(Precision={"default": "fixed<16,6>", "maximum": "ap_fixed<8,3>"}), r"Model\.Precision\.maximum: layer 'c1' needs"),
    (
        whole(Precision={"default": "fixed<16,6>", "weight": "ap_fixed<4,1>"}),
        r"Model\.Precision\.weight: .*weights of layer 'c1'",
    ),
    (
        {"LayerType": {"QDense": {"Precision": {"weight": "ap_fixed<3,1>"}}}},
        r"LayerType\.QDense\.Precision\.weight: .*layer 'd1'",
    ),
    (
        layer("c1", ReuseFactor=5),
        r"LayerName\.c1\.ReuseFactor: layer 'c1' cannot share a unit 5 times; legal near it are 4, 6, 3, 2",
    ),
    (layer("c1", ReuseFactor=1000), r"c1\.ReuseFactor: .*cannot share a unit 1000 times; legal near it are 36"),
    (layer("a1", ReuseFactor=4), r"a1\.ReuseFactor: layer 'a1' multiplies nothing"),
    (layer("c1", ReuseFactor="4"), r"LayerName\.c1: asks for ReuseFactor '4'"),
    (layer("c1", ReuseFactor=True), r"asks for ReuseFactor True"),
    (layer("c1", ReuseFactor=2.0), r"asks for ReuseFactor 2\.0"),
    (whole(ReuseFactor=7), r"hls_config\.Model\.ReuseFactor: layer 'c1' cannot share a unit 7 times"),
    (whole(ReuseFactor=-1), "hls_config.Model: asks for ReuseFactor -1"),
    (whole(Strategy="compressed"), "hls_config.Model: asks for Strategy 'compressed'"),
    (layer("c1", Strategy=None), "LayerName.c1: asks for Strategy None"),
    (layer("c1", Resuefactor=4), r"LayerName\.c1: unknown key 'Resuefactor'\. Did you mean 'ReuseFactor'"),
    ({"LayerNam": {"c1": {"ReuseFactor": 4}}}, r"unknown key 'LayerNam'|hls_config"),
    (whole(BramFactor=10), r"Model\.BramFactor: 10 would put the 36 weights of layer 'c1' outside"),
    (whole(BramFactor="big"), "BramFactor: 'big' is no number"),
    (whole(Compression=True), r"Model\.Compression: True cannot be honoured: choose a method that compresses"),
    (whole(PipelineStyle="pipeline"), r"Model\.PipelineStyle: 'pipeline' cannot be honoured"),
    (whole(PipelineInterval=4), r"Model\.PipelineInterval"),
    (whole(TargetCycles=100), r"Model\.TargetCycles: 100 cannot be honoured: set ReuseFactor"),
    (whole(ConvImplementation="Encoded"), r"ConvImplementation: 'Encoded' cannot be honoured"),
    (whole(ParallelizationFactor=2), r"ParallelizationFactor: 2 cannot be honoured"),
    (layer("c1", ParallelizationFactor=2), r"c1\.ParallelizationFactor"),
    (layer("a1", TableSize=2048), r"a1\.TableSize: 2048 cannot be honoured"),
    (layer("a1", TableT="ap_fixed<8,3>"), r"a1: unknown key 'TableT'"),
    (layer("sm", Implementation="latency"), r"sm\.Implementation: 'latency' cannot be honoured"),
    (layer("nope", ReuseFactor=1), r"LayerName: the model has no layer 'nope'"),
    (layer("c2", ReuseFactor=1), r"LayerName: the model has no layer 'c2'\. Did you mean"),
    ({"LayerType": {"QConv3D": {"ReuseFactor": 1}}}, r"LayerType: the model has no layer of type 'QConv3D'\. Did you mean"),
    (layer("c1", Trace="yes"), r"c1\.Trace: 'yes' cannot be honoured"),
    ({"Optimizers": ["x"]}, r"hls_config\.Optimizers"),
    ({"SkipOptimizers": ["fuse_bias_add"]}, r"hls_config\.SkipOptimizers"),
    ({"Flows": ["convert"]}, r"hls_config\.Flows"),
]


@pytest.mark.parametrize("config, text", REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_would_do_nothing_is_refused_by_its_key(model: Any, tmp_path: Path, config: dict[str, Any], text: str) -> None:
    if "LayerNam" in config:  # hls4ml's call drops unknown parts before any backend sees them; its configuration by file does not
        raw = hls4ml.utils.config.create_config(str(tmp_path), "net", "DietCNN")
        raw |= {"KerasModel": model, "HLSConfig": whole() | config}
        with pytest.raises(ConfigError, match=text):
            hls4ml.converters.convert_from_config(raw)
        return
    with pytest.raises(ConfigError, match=text):
        convert(model, tmp_path, config)


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"part": "x; exec touch /tmp/owned"}, "Unknown part 'x; exec"),
    ({"part": "xc7z020clg400-1; exec ls"}, "Unknown part"),
    ({"part": "xc7z020clg400-1\nexec ls"}, "Unknown part"),
    ({"part": 7}, "part must be a name"),
    ({"clock_period": -3}, "clock_period must be a number of nanoseconds above 0, got -3"),
    ({"clock_period": 0}, "clock_period must be"),
    ({"clock_period": float("nan")}, "clock_period must be"),
    ({"clock_period": float("inf")}, "clock_period must be"),
    ({"clock_period": "5; exec ls"}, "clock_period must be"),
    ({"clock_period": True}, "clock_period must be"),
    ({"io_type": "io_serial"}, "unknown io_type 'io_serial'"),
    ({"io_type": ["io_stream"]}, "unknown io_type"),
    ({"project_name": "x; exec ls"}, "cannot name a design"),
    ({"project_name": "module"}, "'module' cannot name a design: it is a keyword of SystemVerilog"),
    ({"project_name": "../up"}, "cannot name a design"),
    ({"output_dir": 5}, "output_dir must be the path of a folder"),
    ({"output_dir": "a\0b"}, "output_dir must be the path of a folder"),
    ({"write_tar": "yes"}, "write_tar: 'yes' cannot be honoured"),
    ({"namespace": "my-own"}, "'my-own' cannot name a namespace"),
    ({"write_weights_txt": 2}, "write_weights_txt: 2 cannot be honoured"),
    ({"write_emulation_constants": 1.5}, "write_emulation_constants: 1.5 cannot be honoured"),
    ({"clock_uncertainty": "12%"}, "clock_uncertainty: '12%' cannot be honoured"),
    ({"board": "pynq-z2"}, "board: 'pynq-z2' cannot be honoured: give its part"),
    ({"version": "2.0"}, "configuration.Version: '2.0' cannot be honoured"),
    ({"clock_peroid": 5}, "no option 'clock_peroid'. Did you mean 'clock_period'"),
    ({"metadata": ["no mapping"]}, "metadata must hold keys and values"),
    ({"metadata": {"x": object()}}, "metadata must be JSON"),
    ({"output_data_tb": 7}, "output_data_tb must be the path"),
    ({"bit_exact": "yes"}, "BitExact: 'yes' cannot be honoured"),
]


@pytest.mark.parametrize("options, text", OPTIONS, ids=[str(n) for n in range(len(OPTIONS))])
def test_options_are_checked_as_at_every_other_door(model: Any, tmp_path: Path, options: dict[str, Any], text: str) -> None:
    arguments = {"output_dir": str(tmp_path)} | options
    with pytest.raises(ConfigError, match=text):
        hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", **arguments).write()
    assert not (tmp_path / "build_prj.tcl").exists()


def test_defaults_of_hls4mls_writers_are_accepted(model: Any, tmp_path: Path) -> None:
    options = {"write_tar": False, "namespace": None, "write_weights_txt": True, "tb_output_stream": "both", "part": None}
    assert exact(convert(model, tmp_path, **options), model)


def test_a_reuse_factor_for_all_layers_is_kept_where_it_divides_and_told_where_not(model: Any, tmp_path: Path) -> None:
    with pytest.warns(ConfigWarning, match=r"Model\.ReuseFactor: layer 'dw' cannot share a unit 9 times; .*it has \d+"):
        converted = convert(model, tmp_path, whole(ReuseFactor=9))
    graph = backend.lowered_graph(converted)
    folds = folding_of(converted, graph)
    kernel = graph["c1"].op.kernel
    assert kernel is not None and folds["c1"].reuse_factor(kernel.outputs, kernel.taps) == 9


@pytest.mark.parametrize(
    "words, grid",
    [
        ("ap_ufixed<8,0>", IMAGE),
        ("ap_fixed<8,3>", Grid.of(True, 8, 5)),
        ("ap_fixed<16,6>", Grid.of(True, 16, 10)),
        ("uint<4>", Grid.of(False, 4, 0)),
        ("auto", IMAGE),
    ],
)
def test_the_inputs_precision_sets_the_input_grid(model: Any, tmp_path: Path, words: str, grid: Grid) -> None:
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="DietCNN")
    config["LayerName"]["image"]["Precision"]["result"] = words
    assert exact(convert(model, tmp_path, config), model, grid)


def test_grids_of_the_input_that_differ_are_refused(model: Any, tmp_path: Path) -> None:
    config = types("image", result="ap_fixed<8,3>")
    with pytest.raises(
        ConfigError, match=r"input_grid says unsigned 8 bits / 2\^8, .*image\.Precision\.result says signed 8 bits"
    ):
        convert(model, tmp_path, config, input_grid=IMAGE)
    for words, text in (("ap_fixed<20,3>", "take 20 bits"), ("float", "is no fixed-point type")):
        with pytest.raises(ConfigError, match=text):
            convert(model, tmp_path, types("image", result=words))


def test_expected_outputs_of_a_test_bench_are_compared(model: Any, tmp_path: Path) -> None:
    x = IMAGE.values(np.random.default_rng(3).integers(0, 256, (5, 8, 8, 1)))
    np.save(tmp_path / "x.npy", x)
    logits = np.asarray(tf.keras.Model(model.inputs, model.layers[-2].output)(x))
    np.save(tmp_path / "y.npy", logits)
    files = {"input_data_tb": str(tmp_path / "x.npy"), "output_data_tb": str(tmp_path / "y.npy")}
    convert(model, tmp_path / "out", **files).write()
    np.save(tmp_path / "y.npy", logits + 0.5)
    with pytest.raises(DatasetError, match=r"y\.npy differs from what the design computes in 5 of 5 samples"):
        convert(model, tmp_path / "out", **files).write()
    with pytest.raises(ConfigError, match="output_data_tb without input_data_tb"):
        convert(model, tmp_path / "out", output_data_tb=str(tmp_path / "y.npy"))


def test_nothing_of_the_configuration_warns(model: Any, tmp_path: Path) -> None:
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="DietCNN")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConfigWarning)
        convert(model, tmp_path, config)
