# SPDX-License-Identifier: Apache-2.0
"""Writes the C++ HLS project of a lowered graph. Same graph and options, same bytes."""

from __future__ import annotations

import importlib.resources
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jinja2
import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.errors import ConfigError, DatasetError, OutputError
from dietcnn_hls.hardware.parts import DEFAULT_PART, check_clock, lookup
from dietcnn_hls.hls import arithmetic, arrangement  # noqa: F401  # registers its spellings, as layers does
from dietcnn_hls.hls.cpp import Constant, IntType
from dietcnn_hls.hls.layers import LayerCode, layer_code
from dietcnn_hls.hls.network import Edge, Network, build_network
from dietcnn_hls.lowered import Fold, LoweredGraph, Stream
from dietcnn_hls.lowered.storage import save_graph
from dietcnn_hls.names import check_design_name, tcl_word

GRAPH_FILE = "lowered_graph.npz"
"""The lowered graph, beside the sources that were made from it."""

CXX_FLAGS = (
    *("-std=c++14", "-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-fwrapv", "-fvisibility=hidden"),
    *("-Wall", "-Wno-unknown-pragmas", "-Wno-unused-label"),
)
"""Flags of C simulation: -O2 with all vectorisation, half the compile time of -O3 and no slower; -fwrapv because partial sums
may wrap around where final ones fit, as they do in hardware."""

_TEMPLATES = Path(str(importlib.resources.files("dietcnn_hls.templates")))
_COMMON_HEADERS = ("nnet_types.h", "nnet_ports.h", "nnet_load.h")
_COMPLETE = 1024
"""Largest array that io_parallel splits into registers; larger ones become memories, a pixel wide."""


def generate(
    graph: LoweredGraph,
    folder: Path,
    *,
    io_type: str = "io_stream",
    part: str = DEFAULT_PART,
    clock_period: float = 5.0,
    folding: Mapping[str, Fold] | None = None,
    namespace: str | None = None,
    emulator: bool = False,
) -> None:
    """Write a complete project: ``firmware/``, test bench with a few samples, bridge, ``Makefile`` and ``build_prj.tcl``.

    Args:
        graph: what to compute; ``graph.name`` names the top function.
        folder: where to write; made if missing. Files of other names are left alone.
        io_type: 'io_parallel' (arrays) or 'io_stream' (one pixel a beat).
        part: Xilinx part, for Vitis.
        clock_period: ns, for Vitis.
        folding: fold by linear layer; one lane where none is given.
        namespace: of the top function, an identifier; None: the global one.
        emulator: also declare ``<name>_emulator(inputs_t &, outputs_t &)``, hls4ml's door for emulators.

    Raises:
        ConfigError: a name that cannot name a design, unknown part, io_type or layer, a clock that is no period, illegal fold.
        LoweringError: a graph that cannot be written.
        OutputError: `folder` cannot be written.
    """
    name = check_design_name(graph.name)
    lookup(part)
    check_clock(clock_period)
    network = build_network(graph, io_type, dict(folding or {}))
    layers = [layer_code(network, call) for call in network.calls]
    context = _context(name, network, layers) | {"part": part, "clock_period": f"{clock_period:g}"}
    context["top_namespace"] = None if namespace is None else check_design_name(namespace, "namespace")
    context["emulator"] = _emulator(name, network) if emulator else None
    try:
        _write(folder, name, context, layers)
        save_graph(graph, folder / GRAPH_FILE)
        codes = _sample_codes(graph)
        write_testbench(folder, codes, reference.predict(graph, codes))
    except OSError as error:
        raise OutputError(f"cannot write the HLS project into {folder}: {error}; choose another folder") from error


def write_testbench(folder: Path, codes: reference.Arrays, expected: reference.Arrays) -> None:
    """Samples of the test bench: ``tb_data/input.txt`` and ``tb_data/expected.txt``, integer codes, one sample a line.

    Several inputs or outputs, given as lists of arrays, stand one behind the other in a line.

    Args:
        folder: a generated project.
        codes: (N, *input shape) integers.
        expected: (N, *output shape) integers.
    """
    codes, expected = _flat(codes), _flat(expected)
    if len(codes) != len(expected) or not len(codes):
        raise DatasetError(f"a test bench needs as many inputs as outputs, got {len(codes)} and {len(expected)}")
    data = folder / "tb_data"
    data.mkdir(parents=True, exist_ok=True)
    for file, values in (("input.txt", codes), ("expected.txt", expected)):
        lines = (" ".join(map(str, sample.ravel().tolist())) for sample in values)
        (data / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _flat(arrays: reference.Arrays) -> np.ndarray:
    """(N, codes of all arrays)."""
    if isinstance(arrays, np.ndarray):
        return arrays.reshape(len(arrays), -1)
    return np.concatenate([np.asarray(array).reshape(len(array), -1) for array in arrays], axis=1)


def _sample_codes(graph: LoweredGraph, count: int = 3) -> list[np.ndarray]:
    """Lowest, highest and random codes of each input: enough to see a broken build without measured data."""
    rng, found = np.random.default_rng(0), []
    for stream in (node.stream for node in graph.inputs):
        codes = rng.integers(stream.lo, stream.hi + 1, (count, *stream.shape))
        codes[0], codes[1] = stream.lo, stream.hi
        found.append(codes)
    return found


def _context(name: str, network: Network, layers: list[LayerCode]) -> dict[str, object]:
    constants = [constant for layer in layers for constant in layer.constants]
    _check_unique(network, constants)
    ports = [*((edge, not network.streaming) for edge in network.inputs), *((edge, False) for edge in network.outputs)]
    return {
        "banner": f"Generated by dietcnn_hls {version('dietcnn_hls')} from network '{name}'; changes here are lost.",
        "name": name,
        "guard": name.upper(),
        "network": network,
        "layers": layers,
        "headers": sorted({Path(header).name for layer in layers for header in layer.headers}),
        "constants": constants,
        "loaded": [constant for constant in constants if constant.loaded],
        "placements": [pragma for constant in constants for pragma in constant.placement],
        "inputs": _numbered(network.inputs, "codes"),
        "outputs": _numbered(network.outputs, "results"),
        "arguments": ", ".join(edge.variable for edge in (*network.inputs, *network.outputs)),
        "ports": ", ".join(_port(name, network, edge, const) for edge, const in ports),
        "port_pragmas": _port_pragmas(network),
        "declaration": lambda edge: f"DIETCNN_BUFFER {_variable(network, edge)}",
        "edge_pragmas": lambda edge: _edge_pragmas(network, edge),
        "code_type": lambda stream: IntType.holding(stream.lo, stream.hi).cpp,
        "describe": describe,
        "flags": " ".join(CXX_FLAGS),
    }


def _emulator(name: str, network: Network) -> dict[str, str]:
    """Types of all inputs and all outputs as tuples, and how the top function is called with them."""

    def kind(edge: Edge) -> str:
        code = f"{name}_net::{edge.code_type}"
        return f"nnet::stream<nnet::beat<{code}, {edge.lanes}>>" if network.streaming else f"std::array<{code}, {edge.size}>"

    ports = {"inputs": network.inputs, "outputs": network.outputs}
    data = "" if network.streaming else ".data()"
    arguments = [f"std::get<{number}>({word}){data}" for word, edges in ports.items() for number in range(len(edges))]
    return {word: ", ".join(map(kind, edges)) for word, edges in ports.items()} | {"arguments": ", ".join(arguments)}


def _numbered(edges: list[Edge], word: str) -> list[tuple[Edge, str, int]]:
    """Ports, what their arrays of codes are called, and where each begins in the codes of all of them."""
    starts = np.cumsum([0, *(edge.size for edge in edges)])[:-1].tolist()
    names = [word] if len(edges) == 1 else [f"{word}{number}" for number in range(len(edges))]
    return list(zip(edges, names, starts, strict=True))


def _check_unique(network: Network, constants: list[Constant]) -> None:
    """ConfigError where a kernel's array has the name of another layer's part."""
    variables = [*(edge.variable for edge in (*network.edges, *network.inputs, *network.outputs))]
    names = Counter(name.lower() for name in (*network.code_types, *variables, *(constant.name for constant in constants)))
    name, count = names.most_common(1)[0]
    if count > 1:
        raise ConfigError(f"network '{network.graph.name}': two parts of layers are called '{name}' in C++; rename a layer")


def describe(stream: Stream) -> str:
    """One line about a stream: shape, codes and what they stand for."""
    shape = "x".join(map(str, stream.shape))
    if stream.levels is None:
        return f"{shape} integers {stream.lo}..{stream.hi} / 2^{stream.fraction}"
    shown = ", ".join(map(str, stream.levels if len(stream.levels) <= 16 else stream.levels[:16]))
    return f"{shape} symbols of {{{shown}{', ...' if len(stream.levels) > 16 else ''}}} / 2^{stream.fraction}"


def _variable(network: Network, edge: Edge) -> str:
    if network.streaming:
        return f"nnet::stream<nnet::beat<{edge.code_type}, {edge.lanes}>> {edge.variable}"
    return f"{edge.code_type} {edge.variable}[{edge.size}]"


def _port(name: str, network: Network, edge: Edge, const: bool) -> str:
    scope = f"{name}_net::"
    if network.streaming:
        return f"nnet::stream<nnet::beat<{scope}{edge.code_type}, {edge.lanes}>> &{edge.variable}"
    return f"{'const ' if const else ''}{scope}{edge.code_type} {edge.variable}[{edge.size}]"


def _port_pragmas(network: Network) -> list[str]:
    ports = (*network.inputs, *network.outputs)
    names = ",".join(port.variable for port in ports)
    if network.streaming:
        return [f"INTERFACE axis port={names}"]
    return [*(_array_pragma(port) for port in ports), f"INTERFACE ap_vld port={names}"]


def _array_pragma(edge: Edge) -> str:
    if edge.size <= _COMPLETE:
        return f"ARRAY_PARTITION variable={edge.variable} complete"
    return f"ARRAY_RESHAPE variable={edge.variable} cyclic factor={edge.stream.channels}"


def _edge_pragmas(network: Network, edge: Edge) -> list[str]:
    return [f"STREAM variable={edge.variable} depth={edge.depth}"] if network.streaming else [_array_pragma(edge)]


def _write(folder: Path, name: str, context: dict[str, object], layers: list[LayerCode]) -> None:
    firmware = folder / "firmware"
    for part in ("nnet_utils", "weights"):
        shutil.rmtree(firmware / part, ignore_errors=True)
        (firmware / part).mkdir(parents=True)
    for template, path in (
        ("firmware.cpp.j2", firmware / f"{name}.cpp"),
        ("firmware.h.j2", firmware / f"{name}.h"),
        ("defines.h.j2", firmware / "defines.h"),
        ("parameters.h.j2", firmware / "parameters.h"),
        ("bridge.cpp.j2", folder / f"{name}_bridge.cpp"),
        ("test.cpp.j2", folder / f"{name}_test.cpp"),
        ("Makefile.j2", folder / "Makefile"),
        ("build_prj.tcl.j2", folder / "build_prj.tcl"),
    ):
        path.write_text(_render(template, context), encoding="utf-8")
    for header in _needed_headers(header for layer in layers for header in layer.headers):
        shutil.copyfile(header, firmware / "nnet_utils" / header.name)
    for layer in layers:
        for constant in layer.constants:
            _write_constant(firmware / "weights", constant, context)


def _write_constant(folder: Path, constant: Constant, context: dict[str, object]) -> None:
    text = _render("weights.h.j2", context | {"constant": constant})
    (folder / f"{constant.name}.h").write_text(text, encoding="utf-8")
    if constant.loaded:
        (folder / f"{constant.name}.bin").write_bytes(constant.binary())
        (folder / f"{constant.name}.inc").write_text(constant.initialiser() + "\n", encoding="utf-8")


def _needed_headers(wanted: Iterable[str | Path]) -> list[Path]:
    """Headers with everything that they include, in alphabetical order.

    A name is a file of our own; a path is one elsewhere, which finds what it includes beside itself before it finds ours.

    Raises:
        ConfigError: two headers of one name.
    """
    own = _TEMPLATES / "hls"
    found: dict[str, Path] = {}
    todo = [header.absolute() if isinstance(header, Path) else own / header for header in (*_COMMON_HEADERS, *wanted)]
    while todo:
        header = todo.pop()
        known = found.setdefault(header.name, header)
        if known is not header:
            if known != header:
                raise ConfigError(f"the headers {known} and {header} have one name; rename one")
            continue
        for name in _included(header):  # a file that is in neither place is the tool's
            todo += [path for path in (header.parent / name, own / name) if path.exists()][:1]
    return [found[name] for name in sorted(found)]


def _included(header: Path) -> list[str]:
    """Names of the files that a header includes with quotes."""
    try:
        lines = header.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"the header {header} cannot be read ({error.strerror})") from error
    return [line.split('"')[1] for line in lines if line.startswith('#include "')]


def _render(template: str, context: dict[str, object]) -> str:
    return _environment().get_template(template).render(context)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES / "project"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["tcl"] = tcl_word
    return environment


__all__ = ["CXX_FLAGS", "GRAPH_FILE", "describe", "generate", "write_testbench"]
