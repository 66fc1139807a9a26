# SPDX-License-Identifier: Apache-2.0
"""The one list of random kernels: ``EXAMPLES`` of ``tests/methods/<name>/examples.py``, found by folder as the methods are.

Every suite that holds for kernels runs over all of `examples`. A method that states its examples is covered by all of them.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.lowered import Kernel, Stream

Draw = Callable[[np.random.Generator, Stream, int, int, int], Kernel]
"""``(rng, source, outputs, taps, symbols)``: a random kernel of that shape on the stream `source`.

`symbols` is a size for whatever codebook the kernel has. `source` has the shape of the layer's input: ``source.channels`` divides
`taps` where it is an image.
"""


@dataclass(frozen=True)
class Example:
    """One way to draw random kernels of a class.

    Attributes:
        kernel: the class.
        draw: see `Draw`.
        plain: ``(kernel, codes of a window, output)`` -> its result by plain loops that share no code with the kernel.
        accepts: whether a stream can be the kernel's input.
        hardware: the kernels have SystemVerilog; otherwise ``rtl()`` refuses.
        multiplies: the kernels multiply run-time operands, and their operation counts say so.
    """

    kernel: type[Kernel]
    draw: Draw
    plain: Callable[[Any, list[int], int], int]
    accepts: Callable[[Stream], bool] = lambda source: True
    hardware: bool = True
    multiplies: bool = False


def folders() -> tuple[str, ...]:
    """Folders of the methods, in alphabetical order."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(methods.__path__) if info.ispkg))


@cache
def of_folder(folder: str) -> dict[str, Example]:
    """The examples of one method by name; none where it has no ``examples.py``."""
    module = f"tests.methods.{folder}.examples"
    if not importlib.util.find_spec(f"tests.methods.{folder}") or not importlib.util.find_spec(module):
        return {}
    return dict(importlib.import_module(module).EXAMPLES)


@cache
def examples() -> dict[str, Example]:
    """All examples by name."""
    found: dict[str, Example] = {}
    for folder in folders():
        for name, example in of_folder(folder).items():
            assert name not in found, f"two examples are called '{name}', one of them in tests/methods/{folder}/examples.py"
            found[name] = example
    return found


def every() -> tuple[str, ...]:
    """Names of all examples."""
    return tuple(examples())


def with_hardware() -> tuple[str, ...]:
    """Names of the examples whose kernels have SystemVerilog."""
    return tuple(name for name, example in examples().items() if example.hardware)


def plain(kernel: Kernel, codes: list[int], output: int) -> int:
    """One result of any example's kernel by plain loops."""
    return next(e.plain for e in examples().values() if isinstance(kernel, e.kernel))(kernel, codes, output)


def nonnegative(source: Stream) -> bool:
    """`Example.accepts` of kernels that index a table by the code."""
    return source.lo >= 0
