# SPDX-License-Identifier: Apache-2.0
"""Cycle-accurate simulation of generated designs with Verilator: outputs, cycles, activity.

Designs are compiled to a native program (cached by content) that streams whole test sets through them, with random bubbles
on the input and random back-pressure on the output if asked, and counts cycles. Several designs can share one program.

*Latency* is the number of cycles from the first input word of an image to its last output word, both included, with the
design empty before. *Interval* is the steady distance between the last output words of neighbouring images, averaged
over the second half of a run and rounded up. Both are only stated for runs without stalls. *Toggles* are bit changes, from one
cycle to the next, of all named signals of the design (registers, wires, memory outputs; not the clock, not glitches, not what
lies unnamed inside an expression), per inference in steady state.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.errors import DatasetError, DietError
from dietcnn_hls.reference import Arrays
from dietcnn_hls.rtl.design import Port, RtlDesign
from dietcnn_hls.tools import verilator
from dietcnn_hls.tools.yosys.gates import gate_level_sources

if TYPE_CHECKING:
    from dietcnn_hls.tools.yosys.synthesis import SynthesisResult

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


_INTERVAL_IMAGES = 3
"""Images that a worker needs to tell an interval; fewer than twice as many are not shared out."""
_BRIEF_CYCLES = 100_000
"""Cycles, of all designs of a program, that take less time than a compiler needs to optimise the designs."""


class SimulationError(DietError):
    """A simulation that stalls for ever or yields what it should not."""


@dataclass(frozen=True)
class Stalls:
    """Random waiting: `input` and `output` are the shares of cycles without input word and without room for output."""

    seed: int = 1
    input: float = 0.3
    output: float = 0.3


@dataclass(frozen=True)
class SimResult:
    """What a simulation showed.

    Attributes:
        outputs: (N, *output shape) int64 output codes, or a list of such where there are several outputs.
        latency: cycles, see the module's text; None in runs with stalls.
        interval: cycles; None with stalls or fewer than three images.
        cycles: cycles in all, longest worker.
        toggles: bit changes per inference, None where not counted.
        images: images simulated.
        streams: prefix of a stream -> (cycles in which a word moved, cycles in which one waited) in the first worker; where
            words wait in front of a layer and not behind it, that layer is the bottleneck.
    """

    outputs: Any
    latency: int | None
    interval: int | None
    cycles: int
    toggles: int | None
    images: int
    streams: Mapping[str, tuple[int, int]]


def simulate(
    design: RtlDesign,
    codes: Arrays,
    *,
    stalls: Stalls | None = None,
    workers: int = 2,
    activity: bool = False,
    timeout: int | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> SimResult:
    """Simulate one design on input codes (N, *input shape), or a list of such where it has several inputs.

    Args:
        design: from `generate`.
        codes: input codes.
        stalls: random bubbles and back-pressure; None: input always there, output always taken.
        workers: processes that share the images; each starts with an empty design.
        activity: count toggles (slower; uses one worker).
        timeout: cycles without any progress after which the design counts as dead-locked; default from its size.
        cache_dir: folder for compiled programs; the package's cache when None.
        progress: told how many images are done, worker by worker.

    Raises:
        ToolError: Verilator or the C++ compiler is missing or fails.
        SimulationError: dead-lock (names the stalled streams), or too many outputs.
        DatasetError: codes of the wrong shape or range.
    """
    return simulate_many(
        [design],
        [codes],
        stalls=stalls,
        workers=1 if activity else workers,
        activity=activity,
        timeout=timeout,
        cache_dir=cache_dir,
        progress=progress,
    )[0]


def simulate_many(
    designs: Sequence[RtlDesign],
    codes: Sequence[Arrays],
    *,
    stalls: Stalls | None = None,
    workers: int = 1,
    activity: bool = False,
    timeout: int | None = None,
    cache_dir: Path | None = None,
    optimize: str | None = None,
    progress: Progress | None = None,
) -> list[SimResult]:
    """Simulate several designs of different names in one program, each on its own images; see `simulate`.

    Args:
        optimize: the C++ compiler's level; by the length of the run when None.
    """
    given = [_arrays(images) for images in codes]
    for design, images in zip(designs, given, strict=True):
        _check(design, images)
    level = optimize or ("-O0" if activity or _brief(designs, given) else "-O2")
    program = verilator.compile_program(
        [_seen(design) for design in designs], trace=activity, optimize=level, cache_dir=cache_dir
    )
    waits = timeout or max(_patience(design) for design in designs)
    count = max(len(images[0]) for images in given)
    workers = max(1, min(workers, count // _INTERVAL_IMAGES))
    shares = [[[_share(array, w, workers) for array in images] for images in given] for w in range(workers)]
    done = 0
    runs = []
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_run, program, designs, share, stalls, waits, seed) for seed, share in enumerate(shares)]
        for future, share in zip(futures, shares, strict=True):
            runs.append(future.result())
            done += max(len(images[0]) for images in share)
            if progress is not None:
                progress(done, count)
    firsts = np.cumsum([0, *(len(design.streams) for design in designs)]).tolist()
    lanes = np.cumsum([0, *map(_lanes, designs)]).tolist()
    return [_result(design, lanes[i], firsts[i], runs, stalls, activity) for i, design in enumerate(designs)]


def _brief(designs: Sequence[RtlDesign], codes: Sequence[Sequence[np.ndarray]]) -> bool:
    """Whether a run is over before a compiler would have optimised it; code that counts toggles, it never has."""
    cycles = (len(images[0]) * max(design.layer_cycles().values()) for design, images in zip(designs, codes, strict=True))
    return sum(cycles) < _BRIEF_CYCLES


def _arrays(codes: Arrays) -> list[np.ndarray]:
    """One array for each input."""
    return [codes] if isinstance(codes, np.ndarray) else [np.asarray(array) for array in codes]


def _share(array: np.ndarray, worker: int, workers: int) -> np.ndarray:
    return array[len(array) * worker // workers : len(array) * (worker + 1) // workers]


def gate_level(design: RtlDesign, result: SynthesisResult) -> RtlDesign:
    """The netlist that `synthesise` mapped, in the design's place: same name, same ports, to be simulated alike.

    Its toggles are those of all nets between mapped cells, the closest to hardware that an open tool gives.

    Args:
        design: the design that was synthesised.
        result: from `synthesise` of its top, with ``dsp=False`` or for a 7-series part.

    Raises:
        ToolError: the netlist or the models of its cells are gone.
    """
    with tempfile.TemporaryDirectory(prefix="dietcnn_gates_") as name:
        sources = gate_level_sources(result, Path(name))
        files = {path.name: path.read_text(encoding="utf-8") for path in sources}
    files = {design.top_file: files.pop("netlist.v"), **files}
    return replace(design, instances=(), streams={}, files=files, library=(), mapped=True)


def pack(port: Port, codes: np.ndarray) -> np.ndarray:
    """(N, ...) codes -> (N * beats, words) uint32 beats of a port, first code in the low bits."""
    beats = codes.reshape(-1, port.codes).astype(np.int64) & ((1 << port.bits) - 1)
    bits = (beats[:, :, None] >> np.arange(port.bits)) & 1
    flat = bits.reshape(len(beats), -1).astype(np.uint8)
    words = words_of(port)
    padded = np.zeros((len(beats), 32 * words), np.uint8)
    padded[:, : flat.shape[1]] = flat
    return np.packbits(padded, axis=1, bitorder="little").view("<u4")


def unpack(port: Port, words: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(beats, words) uint32 -> (N, *shape) int64 codes."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")[:, : port.width]
    values = bits.reshape(-1, port.codes, port.bits).astype(np.int64) @ (1 << np.arange(port.bits, dtype=np.int64))
    if port.signed:
        values -= (values >> (port.bits - 1)) << port.bits
    return values.reshape(-1, *shape)


def words_of(port: Port) -> int:
    """32-bit words of a beat."""
    return -(-port.width // 32)


def _check(design: RtlDesign, codes: Sequence[np.ndarray]) -> None:
    if len(codes) != len(design.graph.inputs):
        raise DatasetError(f"{len(codes)} arrays of codes for design '{design.name}' of {len(design.graph.inputs)} inputs")
    for node, array in zip(design.graph.inputs, codes, strict=True):
        stream = node.stream
        if array.shape[1:] != stream.shape:
            raise DatasetError(f"input codes of shape {array.shape[1:]} for design '{design.name}' of input shape {stream.shape}")
        if array.size and (array.min() < stream.lo or array.max() > stream.hi):
            raise DatasetError(f"input codes of design '{design.name}' must lie in [{stream.lo}, {stream.hi}]")


def _patience(design: RtlDesign) -> int:
    """Cycles that no working design can be silent for: all its layers one after the other, stalls included."""
    return 1000 + 20 * (sum(port.beats for port in (*design.inputs, *design.outputs)) + sum(design.layer_cycles().values()))


def lint(design: RtlDesign) -> str:
    """What ``verilator --lint-only -Wall`` says about a design; empty when it is clean."""
    return verilator.lint(_seen(design))


def _seen(design: RtlDesign) -> verilator.Design:
    """The design as Verilator sees it."""
    inputs, outputs = ([(port.prefix, port.width) for port in ports] for ports in (design.inputs, design.outputs))
    return verilator.Design(
        design.name,
        design.files,
        design.sources,
        max(width for _, width in inputs),
        max(width for _, width in outputs),
        tuple(design.streams),
        design.mapped,
        inputs,
        outputs,
    )


def _feeds(design: RtlDesign, codes: Sequence[np.ndarray]) -> list[verilator.Feed]:
    """What each lane of a design gets and gives: an input, an output or both."""
    count, nothing = len(codes[0]), np.zeros((0, 1), np.uint32)
    found = []
    for place, (entry, end) in enumerate(zip_longest(design.inputs, design.outputs)):
        words = pack(entry, codes[place]) if entry else nothing
        found.append(verilator.Feed(words, entry.beats if entry else 0, end.beats if end else 0, count))
    return found


def _run(
    program: verilator.Program,
    designs: Sequence[RtlDesign],
    codes: Sequence[Sequence[np.ndarray]],
    stalls: Stalls | None,
    patience: int,
    worker: int,
) -> verilator.Outcome:
    """One process: report and raw output words of every design."""
    feeds = [feed for design, images in zip(designs, codes, strict=True) for feed in _feeds(design, images)]
    waits = replace(stalls, seed=stalls.seed + 7919 * worker) if stalls else Stalls(0, 0.0, 0.0)
    try:
        outcome = verilator.run(
            program, feeds, seed=waits.seed, input_stalls=waits.input, output_stalls=waits.output, patience=patience
        )
    except verilator.RunFailed as error:
        names = ", ".join(f"'{design.name}'" for design in designs)
        raise SimulationError(f"the simulation of {names} failed: {error}") from error
    if outcome.stuck is not None:
        raise SimulationError(_stalled(designs, outcome.stuck))
    return outcome


def _stalled(designs: Sequence[RtlDesign], state: Mapping[str, Any]) -> str:
    """What a dead-locked design waits for."""
    index = [i for i, design in enumerate(designs) for _ in range(_lanes(design))][state["stuck"]]
    first = sum(len(design.streams) for design in designs[:index])
    design = designs[index]
    stalled, starved = [], []
    for i, (wire, layer) in enumerate(design.streams.items()):
        valid, ready = state["valid"][first + i], state["ready"][first + i]
        if valid and not ready:
            stalled.append(f"{wire} (layer '{layer}')")
        elif ready and not valid:
            starved.append(wire)
    return (
        f"design '{design.name}' is dead-locked at cycle {state['cycle']}, after {state['sent']} input and {state['received']} "
        f"output words. Stalled streams, a word waits: {', '.join(stalled) or 'none'}. "
        f"Starved streams, nobody sends: {', '.join(starved) or 'none'}."
    )


def _result(
    design: RtlDesign,
    first_lane: int,
    first_stream: int,
    runs: Sequence[verilator.Outcome],
    stalls: Stalls | None,
    activity: bool,
) -> SimResult:
    found = []
    for lane, (node, port) in enumerate(zip(design.graph.outputs, design.outputs, strict=True), first_lane):
        words = np.concatenate([run.outputs[lane] for run in runs])[:, : words_of(port)]
        found.append(unpack(port, words, node.stream.shape))
    outputs: Any = found[0] if len(found) == 1 else found
    times = runs[0].facts["designs"][first_lane : first_lane + _lanes(design)]
    complete = [max(ends) for ends in zip(*(lane["complete"] for lane in times[: len(found)]), strict=True)]
    latency = interval = None
    if stalls is None and complete:
        latency = complete[0] - min(lane["first"] for lane in times[: len(design.inputs)]) + 1
        middle = len(complete) // 2
        if len(complete) >= _INTERVAL_IMAGES:
            interval = -(-(complete[-1] - complete[middle - 1]) // (len(complete) - middle))
    steady = len(found[0]) - 1
    toggles = runs[0].facts["toggles"] // steady if activity and steady > 0 else None
    counts = list(zip(runs[0].facts["moved"], runs[0].facts["stalled"], strict=True))[first_stream:]
    streams = dict(zip(design.streams, counts, strict=False))
    cycles = max(run.facts["cycles"] for run in runs)
    return SimResult(outputs, latency, interval, cycles, toggles, len(found[0]), streams)


def _lanes(design: RtlDesign) -> int:
    """Lanes of a program that a design takes."""
    return max(len(design.inputs), len(design.outputs))


__all__ = [
    "Progress",
    "SimResult",
    "SimulationError",
    "Stalls",
    "gate_level",
    "lint",
    "pack",
    "simulate",
    "simulate_many",
    "unpack",
]
