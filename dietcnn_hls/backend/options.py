# SPDX-License-Identifier: Apache-2.0
"""hls4ml's configuration, every key of it: honoured, or refused by its name. Nothing in it does nothing.

`check_config` looks at the dictionary alone, before any layer is made. `remember` takes down what each layer is while hls4ml's
layers stand, and `check_layers` compares what is asked with the design behind them.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dietcnn_hls.arguments import Only
from dietcnn_hls.backend import precisions
from dietcnn_hls.backend.asked import Seen, asked, mapping, model_entry
from dietcnn_hls.backend.asked import precisions as precisions_of
from dietcnn_hls.backend.asked import seen as layers_seen
from dietcnn_hls.backend.graphs import folding_of
from dietcnn_hls.backend.precision import parse
from dietcnn_hls.backend.trained import trained
from dietcnn_hls.errors import ConfigError, ConfigWarning, suggest
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.hardware.parts import DEFAULT_PART, check_clock, lookup
from dietcnn_hls.hls.network import IO_TYPES
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.names import check_design_name

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph

ANY = None
_READ_AS_DATA = (
    *("LookupOnly", "OutputDir", "ProjectName", "Backend", "Part", "ClockPeriod", "IOType", "Metadata", "InputGrid", "HLSConfig"),
    *("KerasModel", "KerasH5", "KerasJson", "InputData", "OutputPredictions", "InputShapes", "OutputShapes"),
)
_PROJECT: Mapping[str, Only | None] = {
    **dict.fromkeys(_READ_AS_DATA, ANY),
    "Version": Only(("1.0.0", None), "leave it out: generated files name the version of this package"),
    "TraceOutput": Only((False, True)),
    "WriterConfig": ANY,
}
_WRITER: Mapping[str, Only | None] = {
    "Namespace": ANY,
    "WriteWeightsTxt": Only((False, True, None)),
    "WriteTar": Only((False, True, None)),
    "WriteEmulationConstants": Only((False, True, None)),
    "TBOutputStream": Only(("both", None), "leave it out: the test bench compares and says what differs"),
}
CALL: Mapping[str, Only | None] = {
    **dict.fromkeys(("part", "clock_period", "io_type", "metadata", "input_grid"), ANY),
    "namespace": _WRITER["Namespace"],
    "write_weights_txt": _WRITER["WriteWeightsTxt"],
    "write_tar": _WRITER["WriteTar"],
    "tb_output_stream": _WRITER["TBOutputStream"],
    "write_emulation_constants": _WRITER["WriteEmulationConstants"],
    "clock_uncertainty": Only((None,), "leave it out, or give a shorter clock_period"),
    "board": Only((None,), "give its part"),
}
"""Options of hls4ml's calls."""

_HLS = ("Model", "LayerType", "LayerName", "Flows", "Optimizers", "SkipOptimizers")
_ALWAYS: Mapping[str, Only | None] = {
    "Precision": ANY,
    "ReuseFactor": ANY,
    "Strategy": ANY,
    "Trace": Only((False, True)),
    "TargetCycles": Only((None,), "set ReuseFactor, or use convert_and_build(folding={'target_interval': ...})"),
    "ConvImplementation": Only(("LineBuffer", "Encoded"), "use 'LineBuffer'"),
    "ParallelizationFactor": ANY,
    "Compression": Only((False,), "choose a method that compresses, such as deepchip"),
    "TableSize": ANY,
    "Implementation": ANY,
    "Algorithm": Only(("nearest",), "enlarge by 'nearest'"),
    "DepthwiseReuseFactor": ANY,
    "PointwiseReuseFactor": ANY,
    "TimeStepLoopParallelism": ANY,
    "Skip": Only((False, True)),
}
_MODEL: Mapping[str, Only | None] = {
    **{key: rule for key, rule in _ALWAYS.items() if key != "Trace"},
    "BramFactor": ANY,
    "TraceOutput": Only((False, True)),
    "BitExact": Only((None, False, True)),
    "PipelineStyle": Only(("auto", "dataflow", "pipeline", None), "leave it out: designs are dataflows"),
    "PipelineInterval": Only((None,), "set ReuseFactor, or use convert_and_build(folding={'target_interval': ...})"),
}
_LOOKUP: Mapping[str, Only] = {
    "TableSize": Only((1024,), "leave it out: activations are exact thresholds, not tables of samples"),
    "Implementation": Only(("stable",), "leave it out: a final softmax is left to the host"),
    "DepthwiseReuseFactor": Only((1,), "set ReuseFactor"),
    "PointwiseReuseFactor": Only((1,), "set ReuseFactor"),
    "ConvImplementation": Only(("LineBuffer", "linebuffer"), "designs buffer lines; use 'LineBuffer'"),
    "ParallelizationFactor": Only((1,), "set ReuseFactor, which alone sets parallelism"),
    "PipelineStyle": Only(("auto", "dataflow", None), "leave it out: designs are dataflows"),
}
"""What an entry may say beside layers of ours or QKeras'; in stock models these change how hls4ml writes C++, not the numbers, or
its tables, which are ours then."""

_STRATEGIES = ("latency", "resource")
_STOCK_STRATEGIES = (
    *(*_STRATEGIES, "resource_unrolled", "distributed_arithmetic", "compressed", "unrolled"),
    *("stable", "legacy", "argmax"),
)
"""hls4ml's words for how C++ is written, which leave the numbers alone; those of a softmax are read as its implementation."""


def check_target(part: object, clock_period: object, io_type: object) -> None:
    """ConfigError for a part, a clock period (ns) or an io_type that no design can have."""
    if not isinstance(part, str):
        raise ConfigError(f"part must be a name such as 'xc7z020clg400-1', got {part!r}")
    lookup(part)
    check_clock(clock_period)
    if io_type not in IO_TYPES:
        raise ConfigError(f"unknown io_type '{io_type}'.{suggest(str(io_type), IO_TYPES)}")


def check_options(options: Mapping[str, object]) -> None:
    """ConfigError for an option of hls4ml's calls that this backend does not have, or not with this value."""
    for name in options:
        if name not in CALL:
            raise ConfigError(f"backend DietCNN has no option '{name}'.{suggest(name, CALL)}")
    _check_keys("options", options, CALL)


def check_config(config: dict[str, Any]) -> None:
    """Check the whole dictionary as far as it says something without the model.

    Raises:
        ConfigError: a key or value that would do nothing, or something else than it says; named with the remedy.
    """
    config.setdefault("Part", DEFAULT_PART)
    config.setdefault("ClockPeriod", 5.0)
    config.setdefault("IOType", "io_parallel")
    _check_keys("configuration", config, _PROJECT)
    check_design_name(config.get("ProjectName"))
    if not isinstance(config.get("OutputDir"), str | Path) or "\0" in str(config["OutputDir"]):
        raise ConfigError(f"output_dir must be the path of a folder, got {config.get('OutputDir')!r}")
    check_target(config["Part"], config["ClockPeriod"], config["IOType"])
    for key, option in (("InputData", "input_data_tb"), ("OutputPredictions", "output_data_tb")):
        if not isinstance(config.get(key), str | Path | None):
            raise ConfigError(f"{option} must be the path of a .npy file, got {config[key]!r}")
    if config.get("OutputPredictions") and not config.get("InputData"):
        raise ConfigError("output_data_tb without input_data_tb: give the inputs as well, or leave it out")
    _check_metadata(config.get("Metadata"))
    writer = mapping("WriterConfig", config.get("WriterConfig"))
    _check_keys("WriterConfig", writer, _WRITER)
    if writer.get("Namespace") is not None:
        check_design_name(writer["Namespace"], "namespace")
    hls = mapping("HLSConfig", config.get("HLSConfig"))
    for key, value in hls.items():
        if key not in _HLS:
            raise ConfigError(f"hls_config: unknown key '{key}'.{suggest(str(key), _HLS)}")
        if key in ("Optimizers", "SkipOptimizers") and value is not None:
            raise ConfigError(
                f"hls_config.{key}: a design needs all of this backend's passes; leave it out (hls4ml's profiling.numerical sets "
                "it: profile the Keras model alone, or look at what trace() gives)"
            )
        if key == "Flows" and value not in (None, ["dietcnn:ip"]):
            raise ConfigError(f"hls_config.Flows: {value!r} would leave layers that have no lowering; leave it out")
    for level in ("LayerType", "LayerName"):
        if level in hls and hls[level] is None:
            config["HLSConfig"][level] = {}  # hls4ml itself would stumble over it
    for where, entry in _entries(hls):
        _check_entry(where, entry, _MODEL if where == "hls_config.Model" else _ALWAYS)


def _entries(hls: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entry of a configuration, and what it is called."""
    yield "hls_config.Model", mapping("hls_config.Model", hls.get("Model"))
    for level in ("LayerType", "LayerName"):
        for name, entry in mapping(f"hls_config.{level}", hls.get(level)).items():
            yield f"hls_config.{level}.{name}", mapping(f"hls_config.{level}.{name}", entry)


def _check_lookup(hls: Mapping[str, Any]) -> None:
    """What only stock layers honour, refused where there are none."""
    for where, entry in _entries(hls):
        _check_keys(where, {key: entry[key] for key in _LOOKUP if key in entry}, _LOOKUP)
        types = [key for key in entry if _is_type(key)]
        if types:
            raise ConfigError(f"{where}: unknown key '{types[0]}'; types stand under Precision")
        for name in precisions_of(entry):
            if name not in precisions.NAMES:
                raise ConfigError(f"{where}.Precision: unknown type '{name}'.{suggest(str(name), precisions.NAMES)}")
        strategy = str(entry.get("Strategy", "latency"))
        if strategy.lower() not in _STRATEGIES:
            raise ConfigError(
                f"{where}: asks for Strategy {strategy!r}, which lookup layers do not have; parallelism is set by ReuseFactor "
                f"alone ({' and '.join(_STRATEGIES)} are accepted and mean the same)"
            )


def _flat(word: str) -> str:
    """A word of hls4ml's without regard to its spelling: it takes PascalCase and snake_case alike."""
    return word.replace("_", "").lower()


def _spelled(key: object, rules: Mapping[str, Only | None]) -> object:
    """The key among `rules` that is another spelling of this one, else the key itself."""
    return next((known for known in rules if _flat(known) == _flat(str(key))), key) if isinstance(key, str) else key


def _is_type(key: object) -> bool:
    """Whether hls4ml takes a key of a layer for one of its types, beside those under Precision."""
    return isinstance(key, str) and key.endswith("_t")


def _check_metadata(metadata: Any) -> None:
    try:
        json.dumps(mapping("metadata", metadata))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metadata must be JSON data: {error}") from error


def _check_keys(where: str, given: Mapping[str, Any], rules: Mapping[str, Only | None]) -> None:
    for key, value in given.items():
        if key not in rules:
            raise ConfigError(f"{where}: unknown key '{key}'.{suggest(str(key), rules)}")
        rule = rules[key]
        if rule is not None and not rule.allows(value):
            remedy = rule.remedy or f"use {' or '.join(repr(v) for v in rule.values)}"
            raise ConfigError(f"{where}.{key}: {value!r} cannot be honoured: {remedy}")


def _check_entry(where: str, entry: Mapping[str, Any], rules: Mapping[str, Only | None]) -> None:
    for name in filter(_is_type, entry):
        parse(entry[name], f"{where}.{name}")
    _check_keys(where, {_spelled(key, rules): value for key, value in entry.items() if not _is_type(key)}, rules)  # type: ignore[misc]
    reuse, strategy = entry.get("ReuseFactor", 1), entry.get("Strategy", "latency")
    if not isinstance(reuse, int) or isinstance(reuse, bool) or reuse < 1:
        raise ConfigError(f"{where}: asks for ReuseFactor {reuse!r}; use a whole number from 1 on")
    if not isinstance(strategy, str) or _flat(strategy) not in map(_flat, _STOCK_STRATEGIES):
        raise ConfigError(f"{where}: asks for Strategy {strategy!r}, which is none.{suggest(str(strategy), _STOCK_STRATEGIES)}")
    for name, words in precisions_of(entry).items():
        if name not in precisions.STOCK_NAMES:
            raise ConfigError(f"{where}.Precision: unknown type '{name}'.{suggest(str(name), precisions.STOCK_NAMES)}")
        parse(words, f"{where}.Precision.{name}")


def remember(model: ModelGraph) -> None:
    """Take down what each layer is, and refuse names of layers and types that the model does not have."""
    seen = {}
    for node in model.graph.values():
        generated = {
            name.removesuffix("_quantizer"): str(kind.hls_type)
            for name, kind in node.attributes.items()
            if name.endswith("_quantizer") and hasattr(kind, "hls_type")
        }
        for attribute in node.expected_attributes:
            if type(attribute).__name__ == "TypeAttribute" and attribute.default is not None:
                generated[attribute.name.removesuffix("_t")] = str(attribute.default)
        kinds = tuple(dict.fromkeys((str(node.get_attr("class_name", node.class_name)), node.class_name)))
        seen[node.name] = Seen(kinds, generated, trained(node), node.name)
    model.dietcnn_seen = seen
    _check_names(model, set(seen), {kind for layer in seen.values() for kind in layer.kinds})
    _check_lookup(model.config.config["HLSConfig"])


def check_names(model: ModelGraph) -> None:
    """Refuse names of layers and types that a stock model, as hls4ml has parsed it, does not have."""
    kinds = {str(kind) for node in model.graph.values() for kind in (node.class_name, node.get_attr("class_name"))}
    _check_names(model, set(model.graph), kinds)


def _check_names(model: ModelGraph, layers: set[str], types: set[str]) -> None:
    hls = model.config.config["HLSConfig"]
    for level, known in (("LayerName", layers), ("LayerType", types)):
        for name in mapping(level, hls.get(level)):
            if name not in known:
                what = "layer" if level == "LayerName" else "layer of type"
                raise ConfigError(f"hls_config.{level}: the model has no {what} '{name}'.{suggest(str(name), known)}")


def reuse_factor(model: ModelGraph, name: str) -> int:
    """The reuse factor that the configuration asks of a layer."""
    seen = layers_seen(model)
    wanted = asked(model, name, seen[name].kinds) if name in seen else {}
    return int(wanted["ReuseFactor"][1] if "ReuseFactor" in wanted else model_entry(model).get("ReuseFactor", 1))


def check_layers(model: ModelGraph, graph: LoweredGraph) -> None:
    """Compare what the configuration asks of each layer with the design.

    Raises:
        ConfigError: a precision that does not hold what the layer computes, or a reuse factor that it cannot have.
    """
    layers = layers_seen(model)
    if not layers:
        return
    precisions.check(model, graph, layers)
    _check_reuse(model, graph, layers)
    _check_bram_factor(model, graph)


def _check_reuse(model: ModelGraph, graph: LoweredGraph, layers: Mapping[str, Seen]) -> None:
    common = int(model_entry(model).get("ReuseFactor", 1))
    others = {}
    for name, seen in layers.items():
        where, reuse = asked(model, name, seen.kinds).get("ReuseFactor", ("hls_config.Model.ReuseFactor", common))
        if name not in {node.name for node in graph.linear_nodes}:
            if reuse not in (1, common):
                raise ConfigError(f"{where}: layer '{name}' multiplies nothing, so nothing is reused; leave it out")
            continue
        legal = _legal_reuse(graph, name)
        if reuse not in legal and reuse > 1:  # 1 is as parallel as the layer's kernel can be
            near = ", ".join(map(str, sorted(legal, key=lambda n: (abs(n - reuse), n))[:4]))
            text = f"layer '{name}' cannot share a unit {reuse} times; legal near it are {near}"
            if reuse != common:
                raise ConfigError(f"{where}: {text}")
            others[name] = text
    if others and len(others) == len(graph.linear_nodes):
        raise ConfigError(f"hls_config.Model.ReuseFactor: {'; '.join(others.values())}")
    for name, text in others.items():
        used = folding_of(model, graph)[name]
        kernel = graph[name].op.kernel
        assert kernel is not None
        reuse = used.reuse_factor(kernel.outputs, kernel.taps)
        warnings.warn(f"hls_config.Model.ReuseFactor: {text}; it has {reuse}", ConfigWarning, stacklevel=2)


def _legal_reuse(graph: LoweredGraph, name: str) -> set[int]:
    kernel = graph[name].op.kernel
    assert kernel is not None
    folds = legal_folds(graph, graph[name], streamed=False)
    return {fold.reuse_factor(kernel.outputs, kernel.taps) for fold in folds}


def _check_bram_factor(model: ModelGraph, graph: LoweredGraph) -> None:
    """hls4ml moves weights of larger layers out of the design; ours stay in it."""
    factor = model_entry(model).get("BramFactor", math.inf)
    sizes = {node.name: node.op.kernel.outputs * node.op.kernel.taps for node in graph.linear_nodes if node.op.kernel is not None}
    if not isinstance(factor, int | float) or isinstance(factor, bool):
        raise ConfigError(f"hls_config.Model.BramFactor: {factor!r} is no number")
    for name, size in sizes.items():
        if size > factor:
            raise ConfigError(
                f"hls_config.Model.BramFactor: {factor} would put the {size} weights of layer '{name}' outside the design, where "
                "no lookup finds them; leave it out: memories are placed by their size"
            )


__all__ = ["check_config", "check_layers", "check_options", "check_target", "remember", "reuse_factor"]
