# SPDX-License-Identifier: Apache-2.0
"""Stock hls4ml layers that put codes into another order: padding, cropping, enlarging, permuting, concatenating."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.stock.chain import Chain, aligned, refuse
from dietcnn_hls.backend.readers.stock.weights import constants
from dietcnn_hls.lowered import Gather, Join, Node, ValueMap


def _numbers(chain: Chain) -> np.ndarray:
    """The numbers of the input's codes, in its shape."""
    return np.arange(chain.stream.size).reshape(chain.stream.shape)


def _gather(chain: Chain, role: str, indices: np.ndarray) -> None:
    if (indices < 0).any():
        chain.hold_zero()
    chain.add(role, Gather(indices.reshape(-1), tuple(int(n) for n in indices.shape)))
    chain.cast(chain.type("result"))


def _sides(layer: Any, word: str) -> list[tuple[int, int]]:
    """What is added or taken at both ends of each axis but the channels."""
    rows = [(int(layer.get_attr(f"{word}_top", 0)), int(layer.get_attr(f"{word}_bottom", 0)))]
    return [*rows, (int(layer.get_attr(f"{word}_left", 0)), int(layer.get_attr(f"{word}_right", 0)))]


def zero_padding(chain: Chain) -> None:
    """ZeroPadding1D and 2D."""
    sides = _sides(chain.layer, "pad")[3 - len(chain.stream.shape) :]
    _gather(chain, "padded", np.pad(_numbers(chain), [*sides, (0, 0)], constant_values=-1))


def cropping(chain: Chain) -> None:
    """Cropping1D and 2D."""
    sides = _sides(chain.layer, "crop")[3 - len(chain.stream.shape) :]
    numbers = _numbers(chain)
    for axis, (before, after) in enumerate(sides):
        numbers = np.take(numbers, range(before, numbers.shape[axis] - after), axis)
    _gather(chain, "cropped", numbers)


def resize(chain: Chain) -> None:
    """UpSampling by repetition."""
    layer = chain.layer
    if str(layer.get_attr("algorithm")) != "nearest":
        raise refuse(layer, "only interpolation='nearest' has a lowering")
    numbers = _numbers(chain)
    wanted = [int(layer.get_attr(f"out_{side}", 1)) for side in ("height", "width")][3 - numbers.ndim :]
    for axis, size in enumerate(wanted):
        numbers = np.take(numbers, np.arange(size) * numbers.shape[axis] // size, axis)
    _gather(chain, "enlarged", numbers)


def embedding(chain: Chain) -> None:
    """A row of the table for each code of whole numbers; codes beyond it, for which C++ reads what lies behind, are refused."""
    table, kind = constants(chain.layer, "embeddings")
    rows, width = table.shape
    if chain.stream.fraction != 0 or chain.stream.lo < 0:
        raise refuse(chain.layer, "its input must be unsigned whole numbers; give the input the precision uint<W>")
    count = chain.stream.hi + 1
    if count > max(rows, 1 << max(1, (rows - 1).bit_length())):
        raise refuse(chain.layer, f"its input has {count} codes for {rows} rows; use uint<{max(1, (rows - 1).bit_length())}>")
    numbers = np.repeat(_numbers(chain)[..., None], width, -1)
    if numbers.ndim > 3:
        raise refuse(chain.layer, f"a result of shape {numbers.shape} has no lowering; embed a vector or rows of one")
    chain.add("copies", Gather(numbers.reshape(-1), numbers.shape))
    held = np.minimum(np.arange(count), rows - 1)
    chain.add("row", ValueMap(table[held].T.copy(), 0, kind.fraction))
    chain.cast(chain.type("result"))


def repeat(chain: Chain) -> None:
    """RepeatVector."""
    _gather(chain, "copies", np.repeat(_numbers(chain)[None], int(chain.layer.get_attr("n_copies")), 0))


def spread(chain: Chain, role: str, shape: tuple[int, ...]) -> Node:
    """The chain's last node spread to a shape as numpy spreads arrays; where it has that shape, itself."""
    if chain.stream.shape != shape:
        numbers = np.broadcast_to(_numbers(chain), shape)
        chain.add(role, Gather(numbers.reshape(-1), shape))
    return chain.last


def transpose(chain: Chain) -> None:
    """Permute."""
    order = [int(axis) for axis in chain.layer.get_attr("perm")]
    if len(order) != len(chain.stream.shape):
        raise refuse(chain.layer, f"a permutation {order} of an input of shape {chain.stream.shape} has no lowering")
    _gather(chain, "permuted", _numbers(chain).transpose(order))


def concatenate(chain: Chain, other: Node) -> None:
    """Both on the finer grid, then cast."""
    rank = len(chain.stream.shape)
    axis = int(chain.layer.get_attr("axis"))
    axis = axis + rank if axis < 0 else axis - 1
    if not 0 <= axis < rank:
        raise refuse(chain.layer, "a concatenation along the batch has no lowering")
    chain.add("joined", Join(axis, aligned(chain.stream, other.stream)), other)
    chain.cast(chain.type("result"))


__all__ = ["concatenate", "cropping", "embedding", "repeat", "resize", "spread", "transpose", "zero_padding"]
