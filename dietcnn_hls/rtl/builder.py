# SPDX-License-Identifier: Apache-2.0
"""What the generator keeps while it turns operations into module instances: streams, instances, memory files.

How each operation becomes instances stands in the registry `BUILDERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.blocks import yosys_bram18
from dietcnn_hls.hardware.memories import DesignMemory, MemoryRules
from dietcnn_hls.hardware.pipelining import Pipelining, Sums
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import Fold, LoweredGraph, Node, Registry, Stream
from dietcnn_hls.rtl.verilog import Instance, Parameter, memory_file


@dataclass(frozen=True)
class RtlOptions:
    """How designs are generated, beside their folding.

    Attributes:
        chain: sums in a row between two registers of every kernel array; None: as many as `pipelining` allows each.
        use_dsp: kernels that multiply use DSP blocks instead of LUTs.
        input_codes: codes a beat on the design's input: a divisor of the image's channels, or whole pixels whose number divides
            its width; None: one pixel. More than one pixel helps where a first layer that sees whole windows waits for them.
        memories: where memories go.
        waiting: words of the buffers in front of single residual adds, powers of two, where not as `rtl.waiting` has them.
        pipelining: the registers that the clock asks for.
        share_sums: layers that have a lane for every weight share sums between outputs where that takes fewer LUTs.
    """

    chain: int | None = None
    use_dsp: bool = False
    input_codes: int | None = None
    memories: MemoryRules = field(default_factory=MemoryRules)
    waiting: Mapping[str, int] = field(default_factory=dict)
    pipelining: Pipelining = field(default_factory=Pipelining)
    share_sums: bool = False

    def __post_init__(self) -> None:
        if self.chain is not None and self.chain < 2:
            raise ConfigError(f"rtl option chain must be at least 2, got {self.chain}")

    def sums(self, addends: int, beats: int, bits: int, logic: int) -> Sums:
        """How a kernel array adds; arguments as those of `Pipelining.sums`."""
        return self.pipelining.sums(addends, beats, bits, logic) if self.chain is None else Sums(self.chain)


@dataclass(frozen=True)
class Beats:
    """A stream of the top: `codes` integers a beat, each between `lo` and `hi`.

    Attributes:
        wire: prefix of its wires, ``<wire>_valid``, ``_ready`` and ``_data``.
        codes: integers a beat; beats run over the channels of a pixel, then over pixels.
        lo: smallest integer.
        hi: largest integer.
        period: cycles between beats at best; what follows may take its time.
        offsets: (channels,) constants still to be added, or None.
    """

    wire: str
    codes: int
    lo: int
    hi: int
    period: int = 1
    offsets: np.ndarray | None = None

    @property
    def bits(self) -> int:
        """Width of one integer."""
        return bits_for(self.lo, self.hi)

    @property
    def signed(self) -> bool:
        return self.lo < 0


class Builder:
    """Collects the parts of one design.

    Attributes:
        name: the design; prefix of its memory files.
        options: see `RtlOptions`.
        identifiers: a layer's name -> what the names of its parts begin with.
        instances: module instances in the order of the data.
        streams: prefix of a stream's wires -> (width of its data, layer), in order.
        wires: further wires, name -> (width, layer).
        assigns: (wire, expression, layer) of continuous assignments.
        files: memory files, name -> text.
        memories: all memories of more than one word, as they were placed.
        sources: modules that do not lie among the package's templates, name -> file.
        modules: modules that were generated for this design, name -> text.
    """

    def __init__(self, name: str, options: RtlOptions, identifiers: Mapping[str, str]) -> None:
        self.name = name
        self.options = options
        self.identifiers = identifiers
        self.instances: list[Instance] = []
        self.streams: dict[str, tuple[int, str]] = {}
        self.wires: dict[str, tuple[int, str]] = {}
        self.assigns: list[tuple[str, str, str]] = []
        self.files: dict[str, str] = {}
        self.memories: list[DesignMemory] = []
        self.sources: dict[str, Path] = {}
        self.modules: dict[str, str] = {}

    def include(self, *sources: Path) -> None:
        """Take modules from files outside the package, each named after its module; they may instantiate the package's.

        Raises:
            ConfigError: two files for one module.
        """
        for source in sources:
            known = self.sources.setdefault(source.stem, source)
            if known != source:
                raise ConfigError(f"the module '{source.stem}' lies in {known} and in {source}; rename one")

    def stream(self, layer: str, role: str, bits: int) -> str:
        """Declare a stream; returns its prefix."""
        wire = f"{self.identifiers[layer]}_{role}"
        self.streams[wire] = (bits, layer)
        return wire

    def memory(self, layer: str, role: str, words: list[int], bits: int) -> str:
        """Add a memory file; returns its name."""
        name = f"{self.name}_{self.identifiers[layer]}_{role}.mem"
        self.files[name] = memory_file(words, bits)
        return name

    def rom_in_block(self, layer: str, role: str, depth: int, bits: int) -> bool:
        """Place a ROM; whether it goes to block RAM."""
        return self.placed(layer, role, depth, bits, self.options.memories.rom_in_block(depth, bits))

    def ram_in_block(self, layer: str, role: str, depth: int, bits: int) -> bool:
        """Place a simple dual-port RAM; whether it goes to block RAM."""
        return self.placed(layer, role, depth, bits, self.options.memories.ram_in_block(depth, bits))

    def placed(self, layer: str, role: str, depth: int, bits: int, block: bool) -> bool:
        """Take note of a memory; returns `block`."""
        if depth > 1 and bits:
            self.memories.append(DesignMemory(layer, role, depth, bits, yosys_bram18(depth, bits) if block else 0))
        return block

    def place(
        self,
        layer: str,
        role: str,
        module: str,
        parameters: Mapping[str, Parameter],
        ports: Mapping[str, str],
        cycles: int | None = None,
    ) -> None:
        """Add an instance with clock and reset; `cycles` as in `Instance`."""
        name = f"{self.identifiers[layer]}_{role}_unit"
        self.instances.append(Instance(name, layer, module, parameters, {"clk": "clk", "rst": "rst", **ports}, cycles))

    def stage(
        self, layer: str, role: str, module: str, parameters: Mapping[str, Parameter], source: Beats, result: Beats
    ) -> Beats:
        """Add an instance with one input and one output stream; `result` lacks only its wire."""
        turn = sum(name.startswith(f"{self.identifiers[layer]}_{role}") for name in self.streams)
        role = f"{role}_{turn + 1}" if turn else role
        wire = self.stream(layer, role, result.codes * result.bits)
        ports = handshake("in", source.wire) | handshake("out", wire)
        self.place(layer, role, module, parameters, ports)
        return replace(result, wire=wire)

    def convert(self, layer: str, source: Beats, codes: int, side: str = "") -> Beats:
        """Another number of codes a beat, by way of the least common multiple; `side` tells a layer's inputs apart."""
        prefix = f"{side}_" if side else ""
        common = math.lcm(source.codes, codes)
        up, down = common // source.codes, common // codes
        if up > 1:
            wide = replace(source, codes=common, period=source.period * up)
            parameters = {"WORD_BITS": source.codes * source.bits, "RATIO": up}
            source = self.stage(layer, f"{prefix}gathered", "stream_up", parameters, source, wide)
        if down > 1 and source.period < down:  # a register that waits, so that what comes before need not
            source = self.stage(
                layer, f"{prefix}held", "stream_repeat", {"WORD_BITS": source.codes * source.bits}, source, source
            )
        if down > 1:
            narrow = replace(source, codes=codes, period=max(1, source.period // down))
            parameters = {"WORD_BITS": codes * source.bits, "RATIO": down}
            source = self.stage(layer, f"{prefix}split", "stream_down", parameters, source, narrow)
            if self.options.pipelining.split(down, source.bits):
                source = self.cut(layer, f"{prefix}chosen", source)
        return source

    def cut(self, layer: str, role: str, source: Beats) -> Beats:
        """A stage whose data, valid and ready all come from registers."""
        return self.stage(layer, role, "stream_skid", {"WORD_BITS": source.codes * source.bits}, source, source)

    @property
    def ahead(self) -> dict[str, Parameter]:
        """The parameter of modules that can know positions ahead, where the clock asks for it."""
        return {"AHEAD": True} if self.options.pipelining.short else {}

    def constants_in_block(self, layer: str, role: str, depth: int, bits: int) -> bool:
        """Place constants that feed adders; whether they go to block RAM."""
        fast = self.options.pipelining.constants_in_blocks
        return self.placed(layer, role, depth, bits, fast and self.options.memories.rom_in_block(depth, bits))


@dataclass(frozen=True)
class Site:
    """Where an operation is built.

    Attributes:
        builder: takes the parts.
        graph: the network.
        node: whose operation it is.
        folding: parallelism of linear layers, by name.
    """

    builder: Builder
    graph: LoweredGraph
    node: Node
    folding: Mapping[str, Fold]

    @property
    def layer(self) -> str:
        """The node's name, to which its parts belong."""
        return self.node.name

    @property
    def streams(self) -> list[Stream]:
        """What the node reads, in the graph."""
        return self.graph.input_streams(self.node)


OperationBuilder = Callable[[Site, Any, list[Beats]], Beats]
"""(site, its operation, the streams that it reads in the design) -> the stream that it produces there.

What it reads may have offsets still to be added (`Beats.offsets`): it takes them over or begins with `operators.add_offsets`.
"""

BUILDERS: Registry[OperationBuilder] = Registry("the streaming engine")


def handshake(port: str, wire: str) -> dict[str, str]:
    """Connections of the stream port `port` to the stream `wire`."""
    return {f"{port}_{part}": f"{wire}_{part}" for part in ("valid", "ready", "data")}


__all__ = ["BUILDERS", "Beats", "Builder", "OperationBuilder", "RtlOptions", "Site", "handshake"]
