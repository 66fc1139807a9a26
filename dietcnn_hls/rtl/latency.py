# SPDX-License-Identifier: Apache-2.0
"""How long a design takes for one inference, in cycles, from its instances alone: when each beat comes, module by module.

A module is a function from the cycles in which the beats of an image come in to those in which they leave, as the `Latency` and
`Folding` lines of ``templates/rtl`` say. Nothing is simulated, and no module waits for the room of the next: what is held back in
front of a layer is there as soon as it is wanted, which the sizes of queues and rings see to. Where kernel arrays stall, which a
clock ends, and where branches have too little room for each other, the truth is longer; only a simulation tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dietcnn_hls.rtl.verilog import Instance

if TYPE_CHECKING:
    from dietcnn_hls.rtl.design import RtlDesign

Times = np.ndarray
"""(beats of an image,) int64: the cycle in which each is there, 0 the first after reset."""

Module = Callable[[Instance, Sequence[Times]], Times]
"""(instance, beats of its inputs) -> beats of its output."""

_MODULES: dict[str, Module] = {}


def latency(design: RtlDesign) -> int | None:
    """Cycles from an image's first word to its last result, both included, in an empty design; None with modules unknown here."""
    times: dict[str, Times] = {}
    ends = {node.name: port.beats for node, port in zip(design.graph.inputs, design.inputs, strict=True)}
    read: dict[str, list[Instance]] = {}
    for instance in design.instances:
        sources, results = _streams(instance, "in", "a", "b"), _streams(instance, "out")
        if not results:
            continue  # a memory
        for source in sources:
            times.setdefault(source, np.arange(ends.get(design.streams.get(source, ""), 1), dtype=np.int64))
            read.setdefault(source, []).append(instance)
        made = _made(instance, [times[source] for source in sources])
        if made is None:
            return None
        times |= dict.fromkeys(results, made)
    first = min((_taken(source, times, read) for source in times if _enters(design, source)), default=0)
    last = max((int(found[-1]) for stream, found in times.items() if stream not in read), default=max(ends.values()) - 1)
    return last - first + 1


def _streams(instance: Instance, *sides: str) -> list[str]:
    """Streams at the ports of these sides, in their order."""
    found = [re.findall(r"(\w+)_valid", instance.ports.get(f"{side}_valid", "")) for side in sides]
    return [stream for streams in found for stream in streams]


def _enters(design: RtlDesign, stream: str) -> bool:
    return all(stream not in _streams(instance, "out") for instance in design.instances)


def _made(instance: Instance, sources: Sequence[Times]) -> Times | None:
    if instance.cycles is not None:
        return sources[0] + instance.cycles
    module = _MODULES.get(instance.module)
    return None if module is None else module(instance, sources)


def _taken(stream: str, times: dict[str, Times], read: dict[str, list[Instance]]) -> int:
    """When the first beat of a stream is taken: some modules hold it until they have made the last of it."""
    found = [int(times[stream][0])]
    for instance in read.get(stream, ()):
        (result,) = _streams(instance, "out")[:1]
        if instance.module == "stream_down":
            found.append(int(times[result][_number(instance, "RATIO", 2) - 1]))
        if instance.module == "encode_serial":
            found.append(int(times[result][0]))
        if instance.module == "sliding_window" or instance.module == "max_pool":
            found.append(int(_padded(instance, times[stream])[_before(instance)]))
    return max(found)


# ---- how beats move


def _paced(ready: Times, period: int = 1) -> Times:
    """The earliest cycles at which beats that are ready can go, `period` cycles apart at least."""
    steps = np.arange(len(ready)) * period
    return np.maximum.accumulate(ready - steps) + steps


def _number(instance: Instance, name: str, default: int = 0) -> int:
    """An integer parameter, or what the module has for it."""
    value = instance.parameters.get(name, default)
    assert isinstance(value, int), f"{instance.name}: {name}"
    return value


def _rows(times: Times, rows: int, line: int, height: int, stride: int) -> Times:
    """line_buffer: a word of every row that ends a window's."""
    return times.reshape(-1, height, line)[:, _ends(rows, height, stride)].reshape(-1)


def _ends(rows: int, height: int, stride: int) -> np.ndarray:
    """(height,) which rows end a window of `rows` rows."""
    row = np.arange(height)
    return (row >= rows - 1) & ((row - rows + 1) % stride == 0)


def _held(times: Times, ends: np.ndarray, repeats: int) -> Times:
    """Columns in front of a register that presents each window several times: those that end one wait until it is free, and
    those behind wait with them."""
    found, last, free = [], -1, 0
    for time, end in zip(times.tolist(), ends.tolist(), strict=True):
        last = max(time, last + 1, free if end else 0)
        if end:
            free = last + repeats
            found.append(last)
    return np.array(found, np.int64)


def _sides(instance: Instance) -> tuple[int, int, int, int]:
    """Height, width, beats a pixel and pixels a beat of what enters a window, without padding."""
    chunks = _number(instance, "CHANNELS", 1) // _number(instance, "CODES", 1)
    return _number(instance, "HEIGHT", 1), _number(instance, "WIDTH", 1), chunks, _number(instance, "PIXELS", 1)


def _padding(instance: Instance) -> tuple[int, int, int, int]:
    top, bottom, left, right = (_number(instance, f"PAD_{side}") for side in ("TOP", "BOTTOM", "LEFT", "RIGHT"))
    return top, bottom, left, right


def _before(instance: Instance) -> int:
    """Beats of padding in front of an image."""
    _, width, chunks, _ = _sides(instance)
    top, _, left, right = _padding(instance)
    return (top * (left + width + right) + left) * chunks


def _padded(instance: Instance, times: Times) -> Times:
    """stream_pad."""
    (height, width, chunks, _), (top, bottom, left, right) = _sides(instance), _padding(instance)
    if not (top or bottom or left or right):
        return times
    image = np.zeros((top + height + bottom, left + width + right, chunks), np.int64)
    image[top : top + height, left : left + width] = times.reshape(height, width, chunks)
    return _paced(image.reshape(-1))


# ---- modules


def _later(cycles: int | Callable[[Instance], int]) -> Module:
    """A register stage or several, one beat a cycle."""

    def module(instance: Instance, sources: Sequence[Times]) -> Times:
        return _paced(np.max(sources, axis=0) + (cycles if isinstance(cycles, int) else cycles(instance)))

    return module


def _queue(instance: Instance) -> int:
    depth, memory = _number(instance, "DEPTH", 2), _number(instance, "MEMORY")
    return 2 + _number(instance, "CUT") if memory else depth


def _tree(instance: Instance) -> int:
    steps, shared = _number(instance, "STEPS", 1), _number(instance, "WORDS", 1) == 1
    return -(-steps // _number(instance, "DEPTH", 3)) + (steps - shared if _number(instance, "LOOKUP") else 0)


def _stages(instance: Instance) -> int:
    return _number(instance, "STAGES", 1)


def _repeat(instance: Instance, sources: Sequence[Times]) -> Times:
    return _paced(np.repeat(sources[0], _number(instance, "REPEATS", 1)) + 1)


def _up(instance: Instance, sources: Sequence[Times]) -> Times:
    ratio = _number(instance, "RATIO", 2)
    return sources[0][ratio - 1 :: ratio]


def _down(instance: Instance, sources: Sequence[Times]) -> Times:
    return _paced(np.repeat(sources[0], _number(instance, "RATIO", 2)))


def _serial(instance: Instance, sources: Sequence[Times]) -> Times:
    turns = _number(instance, "CYCLES", 1) * _number(instance, "STEPS", 2)
    return _paced(sources[0] + turns - 1, turns)


def _reduce(instance: Instance, sources: Sequence[Times]) -> Times:
    words = _number(instance, "WORDS", 1)
    return sources[0][words - 1 :: words] + 1


def _gather(instance: Instance, sources: Sequence[Times]) -> Times:
    return sources[0][-1] + 2 + np.arange(_number(instance, "SIZE_OUT", 2))


def _join(instance: Instance, sources: Sequence[Times]) -> Times:
    pieces = [times.reshape(-1, _number(instance, f"{side}_BEATS", 1)) for side, times in zip("AB", sources, strict=True)]
    return _paced(np.concatenate(pieces, axis=1).reshape(-1) + 1)


def _pool(instance: Instance, sources: Sequence[Times]) -> Times:
    (height, width, chunks, _), (top, bottom, left, right) = _sides(instance), _padding(instance)
    height, width = top + height + bottom, left + width + right
    rows, columns = (_number(instance, f"KERNEL_{axis}", 1) for axis in "HW")
    down, across = (_number(instance, f"STRIDE_{axis}", 1) for axis in "HW")
    found = _rows(_padded(instance, sources[0]), columns, chunks, width, across) + _number(instance, "BREAK")
    return _rows(found, rows, ((width - columns) // across + 1) * chunks, height, down)


def _window(instance: Instance, sources: Sequence[Times]) -> Times:
    """The last beat of each pass: the others do not matter to the kernel array, and may be very many."""
    (height, width, chunks, pixels), (top, bottom, left, right) = _sides(instance), _padding(instance)
    height, width, times = top + height + bottom, left + width + right, _padded(instance, sources[0])
    rows, columns = (_number(instance, f"KERNEL_{axis}", 1) for axis in "HW")
    down, across = (_number(instance, f"STRIDE_{axis}", 1) for axis in "HW")
    shape, repeats = _number(instance, "SHAPE"), _number(instance, "REPEATS", 1)
    groups = _number(instance, "GROUPS", 1)
    if shape == 2:
        times = _rows(times, rows, width * chunks // pixels, height, down) + (2 if _number(instance, "DEPTH", 2) else 0)
        times = _paced(np.repeat(times, pixels))
        if repeats > 1:  # of one word a pixel
            times = _held(times, np.resize(_ends(columns, width, across), len(times)), repeats)
        else:
            times = _rows(times, columns, chunks, width, across)
        return _paced(np.repeat(times, repeats) + 1)[chunks - 1 :: chunks]
    if rows == columns == down == across == repeats == 1:
        return times[chunks // groups - 1 :: chunks // groups]
    if shape == 1:
        times, height, rows, down = _rows(times, rows, width * chunks, height, down), (height - rows) // down + 1, 1, 1
    # window_ring: a window's beats, pass by pass, once its last word has come
    y = np.arange(rows - 1, height, down)[:, None]
    last = times[((y * width + np.arange(columns, width + 1, across)) * chunks - 1).reshape(-1)]
    beats, passes = rows * columns * chunks // groups, groups * repeats
    starts = _paced(last + 2, beats * passes)
    return (starts[:, None] + np.arange(1, passes + 1) * beats - 1).reshape(-1)


_MODULES |= dict.fromkeys(
    ("bias_add", "channel_shift", "divide_constant", "kernel_feed", "stream_add", "stream_combine", "stream_skid", "symbol_map"),
    _later(1),
)
_MODULES |= {
    "channel_reduce": _reduce,
    "encode_serial": _serial,
    "encode_tree": _later(_tree),
    "max_pool": _pool,
    "requantize": _later(_stages),
    "result_queue": _later(_queue),
    "sliding_window": _window,
    "stream_down": _down,
    "stream_fifo": _later(2),
    "stream_fork": _later(0),
    "stream_gather": _gather,
    "stream_join": _join,
    "stream_repeat": _repeat,
    "stream_up": _up,
    "sum_pool": _pool,
    "value_map": _later(1),
}

__all__ = ["latency"]
