# SPDX-License-Identifier: Apache-2.0
"""From a lowered graph and a folding to a SystemVerilog design: one readable top, memory files, library modules.

The design streams: pixels enter with valid/ready, every layer works on several images at once, results leave with
valid/ready. The top instantiates the plain cores of ``templates/rtl`` and holds no logic of its own; its instances and memory
files are named after the model's layers. The same instances are what synthesis measures module by module.
"""

from __future__ import annotations

import importlib.resources
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.errors import ConfigError, LoweringError, suggest
from dietcnn_hls.hardware.cycles import layer_cycles
from dietcnn_hls.hardware.memories import DesignMemory
from dietcnn_hls.lowered import Fold, LoweredGraph, Node
from dietcnn_hls.names import check_design_name
from dietcnn_hls.rtl import arithmetic, arrangement, encoders, linear  # noqa: F401  # each registers what it builds, as branches and operators do
from dietcnn_hls.rtl.branches import build_fork
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Builder, RtlOptions, Site
from dietcnn_hls.rtl.operators import add_offsets, narrow
from dietcnn_hls.rtl.top import Port, top_module
from dietcnn_hls.rtl.verilog import Instance, layer_identifiers

TEMPLATES = Path(str(importlib.resources.files("dietcnn_hls.templates"))) / "rtl"


@dataclass(frozen=True)
class RtlDesign:
    """A generated design.

    Attributes:
        name: the top module.
        graph: what it computes.
        folding: parallelism by layer.
        options: how it was generated.
        instances: all module instances of the top, in the order of the data.
        streams: prefix of a stream's ``_valid``/``_ready``/``_data`` wires -> layer.
        inputs: the input ports, in the graph's order.
        outputs: the output ports, likewise.
        memories: all memories of more than one word, and where they are.
        files: generated files, name -> text: ``<name>.sv``, modules of single layers, and the memory files. Tools must run in
            their folder.
        library: names of the modules that it needs from ``templates/rtl`` or elsewhere.
        elsewhere: modules of the library that do not lie in ``templates/rtl``, name -> file.
        mapped: True for a mapped netlist in a design's place (`simulation.gate_level`); it has no streams and no library.
    """

    name: str
    graph: LoweredGraph
    folding: Mapping[str, Fold]
    options: RtlOptions
    instances: tuple[Instance, ...]
    streams: Mapping[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    memories: tuple[DesignMemory, ...]
    files: Mapping[str, str]
    library: tuple[str, ...]
    elsewhere: Mapping[str, Path] = field(default_factory=dict)
    mapped: bool = False

    @property
    def input(self) -> Port:
        """The input port, or the first of several."""
        return self.inputs[0]

    @property
    def output(self) -> Port:
        """The output port, or the first of several."""
        return self.outputs[0]

    @property
    def top_file(self) -> str:
        return f"{self.name}.sv"

    @property
    def memory_files(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if name.endswith(".mem"))

    @property
    def sources(self) -> tuple[Path, ...]:
        """The library's files, in the installed package or where their operation or kernel keeps them."""
        return tuple(_file(name, self.elsewhere) for name in self.library)

    def library_in(self, folder: Path) -> list[Path]:
        """The library's files, and modules of single layers, as `write` puts them into `folder`."""
        own = [name for name in self.files if name.endswith(".sv") and name != self.top_file]
        return [*(folder / name for name in own), *(folder / source.name for source in self.sources)]

    def sources_in(self, folder: Path) -> list[Path]:
        """All SystemVerilog files as `write` puts them into `folder`, the top first."""
        return [folder / self.top_file, *self.library_in(folder)]

    def memories_in(self, folder: Path) -> list[Path]:
        """The memory files as `write` puts them into `folder`."""
        return [folder / name for name in self.memory_files]

    def write(self, folder: Path) -> list[Path]:
        """Write top, memory files and the library's files to `folder`; returns the SystemVerilog files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            atomic_write_text(folder / name, text)
        for source in self.sources:
            atomic_write_text(folder / source.name, source.read_text())
        return self.sources_in(folder)

    def fifo_bits(self) -> int:
        """Bits of the buffers in which branches wait for each other."""
        return sum(memory.words * memory.bits for memory in self.memories if memory.role.endswith("waiting"))

    def layer_cycles(self) -> dict[str, int]:
        """Cycles that each node needs for one inference; the largest bounds the interval from below."""
        return layer_cycles(self.graph, self.folding, self.input.codes)


def generate(graph: LoweredGraph, folding: Mapping[str, Fold], options: RtlOptions | None = None) -> RtlDesign:
    """Generate the design of a lowered graph.

    Args:
        graph: the network.
        folding: a fold for every linear layer, by name.
        options: see `RtlOptions`.

    Raises:
        ConfigError: a name that cannot name a design, a layer without fold, a fold for an unknown layer, an illegal fold.
        UnsupportedLayerError: an operation that has no module.
        LoweringError: a kernel that has no SystemVerilog.
    """
    options = options or RtlOptions()
    _check_folding(graph, folding)
    name = check_design_name(graph.name)
    builder = Builder(name, options, layer_identifiers(node.name for node in graph.nodes))
    sources, ends = _walk(builder, graph, folding)
    results = [
        narrow(builder, node.name, add_offsets(builder, node.name, node.stream, beats))
        for node, beats in zip(graph.outputs, ends, strict=True)
    ]
    ports = _ports(builder, "in", graph.inputs, sources), _ports(builder, "out", graph.outputs, results)
    wires = ([beats.wire for beats in streams] for streams in (sources, results))
    entering, leaving = (list(zip(side, names, strict=True)) for side, names in zip(ports, wires, strict=True))
    own = {f"{module}.sv": text for module, text in builder.modules.items()}
    files = {f"{name}.sv": top_module(builder, graph, folding, entering, leaving)} | own | builder.files
    streams = {wire: layer for wire, (_, layer) in builder.streams.items()}
    memories = tuple(builder.memories)
    modules = library({i.module for i in builder.instances}, builder.sources, builder.modules)
    instances = tuple(builder.instances)
    return RtlDesign(name, graph, dict(folding), options, instances, streams, *ports, memories, files, modules, builder.sources)


def _check_folding(graph: LoweredGraph, folding: Mapping[str, Fold]) -> None:
    names = [node.name for node in graph.linear_nodes]
    for name in folding:
        if name not in names:
            raise ConfigError(f"folding: no linear layer '{name}'.{suggest(name, names)}")
    for name in names:
        if name not in folding:
            raise ConfigError(f"folding: layer '{name}' has no fold; give it pe and simd")


def _walk(builder: Builder, graph: LoweredGraph, folding: Mapping[str, Fold]) -> tuple[list[Beats], list[Beats]]:
    """Add all operations that the outputs depend on; returns the streams of inputs and outputs."""
    readers = Counter({node.name: 1 for node in graph.outputs})
    for node in reversed(graph.nodes):
        readers.update(node.inputs if readers[node.name] else ())
    several = len(graph.inputs) > 1
    sources = [_input(builder, node, None if several else builder.options.input_codes) for node in graph.inputs]
    entering = dict(zip((node.name for node in graph.inputs), sources, strict=True))
    edges: dict[str, list[Beats]] = {}
    for node in graph.nodes:
        if not readers[node.name]:
            if several and node.name in entering:
                raise LoweringError(f"nothing reads the input '{node.name}'; remove it from the model")
            continue
        if node.name in entering:
            result = entering[node.name]
        else:
            site = Site(builder, graph, node, folding)
            before = len(builder.instances)
            result = BUILDERS.of(node.op, node.name)(site, node.op, [edges[name].pop(0) for name in node.inputs])
            if builder.options.pipelining.short and node.op.kernel is None and len(builder.instances) > before:
                result = builder.cut(node.name, "kept", result)
        edges[node.name] = build_fork(builder, node.name, result, readers[node.name])
    return sources, [edges[node.name][0] for node in graph.outputs]


def _input(builder: Builder, node: Node, given: int | None) -> Beats:
    channels, line = node.stream.channels, math.prod(node.stream.shape[-2:])
    codes = given or channels
    if channels % codes and (codes % channels or line % codes):
        raise ConfigError(
            f"rtl option input_codes: {codes} must divide the {channels} channels of the input '{node.name}', or be whole pixels "
            f"that divide its rows of {line} codes"
        )
    wire = builder.stream(node.name, "pixels", codes * node.stream.bits)
    return Beats(wire, codes, node.stream.lo, node.stream.hi)


def _ports(builder: Builder, side: str, nodes: Sequence[Node], streams: Sequence[Beats]) -> tuple[Port, ...]:
    """Ports of one side, named after their layers where there are several."""
    prefixes = [side if len(nodes) == 1 else f"{side}_{builder.identifiers[node.name]}" for node in nodes]
    return tuple(
        Port(beats.codes, beats.bits, beats.signed, node.stream.size // beats.codes, prefix)
        for node, beats, prefix in zip(nodes, streams, prefixes, strict=True)
    )


def library(
    modules: set[str], elsewhere: Mapping[str, Path] | None = None, generated: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Names of these modules and of all that they instantiate, sorted.

    Args:
        modules: names.
        elsewhere: modules that do not lie in ``templates/rtl``, name -> file.
        generated: modules that have no file of their own yet, name -> text; what they instantiate is found, they are not.

    Raises:
        ConfigError: a file that cannot be read, or one that takes the name of a module in ``templates/rtl``.
    """
    elsewhere = elsewhere or {}
    known = {path.stem for path in TEMPLATES.glob("*.sv")}
    for name in elsewhere:
        if name in known:
            raise ConfigError(f"the module '{name}' of {elsewhere[name]} has the name of one of ours; rename it")
    generated = generated or {}
    found: set[str] = set()
    todo = (modules - generated.keys()).union(*(_named(text) & known for text in generated.values()))
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= (_instantiated(_file(name, elsewhere)) & (known | elsewhere.keys())) - found
    return tuple(sorted(found))


def _file(module: str, elsewhere: Mapping[str, Path]) -> Path:
    return elsewhere.get(module, TEMPLATES / f"{module}.sv")


def _instantiated(file: Path) -> frozenset[str]:
    """Words of a file that stand where an instance names its module."""
    try:
        return _instances(file, file.stat().st_mtime_ns)
    except OSError as error:
        raise ConfigError(f"the module {file} cannot be read ({error.strerror})") from error


@cache
def _instances(file: Path, changed: int) -> frozenset[str]:
    return _named(file.read_text(encoding="utf-8")) - {file.stem}


def _named(text: str) -> frozenset[str]:
    text = re.sub(r"//.*|`ifdef DIETCNN_ASSERT[^`]*`endif", "", text)  # neither is hardware
    return frozenset(re.findall(r"^\s*(\w+)\s*(?:#\s*\(|\w+\s*\()", text, re.MULTILINE))


__all__ = ["Port", "RtlDesign", "RtlOptions", "generate", "library"]
