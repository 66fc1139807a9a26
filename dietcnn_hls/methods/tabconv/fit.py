# SPDX-License-Identifier: Apache-2.0
"""Fits product quantisers: decision trees as in MADDNESS, k-means prototypes, and the tables that go with either.

A layer's taps are cut into C contiguous subspaces of V inputs. An encoder maps the V integers of a subspace to one of K
prototypes; the layer is then a sum of C table entries an output. numpy only; everything follows from the data and the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.errors import ConfigError, DatasetError
from dietcnn_hls.integers import divisors


@dataclass(frozen=True, eq=False)
class Trees:
    """Balanced binary decision trees, one a subspace; nodes in heap order (children of n are 2n + 1 and 2n + 2).

    Attributes:
        elements: (C, K - 1) input of the subspace that a node looks at.
        thresholds: (C, K - 1) int64; the path turns to the right child where ``input >= threshold``.
    """

    elements: np.ndarray
    thresholds: np.ndarray

    @property
    def leaves(self) -> int:
        """K."""
        return self.elements.shape[1] + 1

    @property
    def depth(self) -> int:
        """Comparisons of one encoding, log2(K)."""
        return self.leaves.bit_length() - 1

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """(N, C, V) integers -> (N, C) prototype numbers."""
        node = np.zeros(vectors.shape[:2], dtype=np.int64)
        subspace = np.arange(vectors.shape[1])
        for _ in range(self.depth):
            element = self.elements[subspace, node]
            value = np.take_along_axis(vectors, element[..., None].astype(np.int64), axis=2)[..., 0]
            node = 2 * node + 1 + (value >= self.thresholds[subspace, node])
        return node - (self.leaves - 1)


def subspace_sizes(window: tuple[int, int], channels: int) -> list[int]:
    """Sizes V that a streaming engine can serve in one beat: some channels of a pixel, or of a column of the window."""
    parts = divisors(channels)
    return sorted({*parts, *(window[0] * d for d in parts)})


def nearest_size(window: tuple[int, int], channels: int, wanted: float) -> int:
    """The legal subspace size nearest to `wanted` by ratio, the smaller one on a tie."""
    return min(subspace_sizes(window, channels), key=lambda size: (abs(np.log(size / wanted)), size))


def subspace_taps(window: tuple[int, int], channels: int, size: int) -> np.ndarray:
    """Which taps make each subspace, (C, V); taps are numbered in (row, column, channel) order.

    `size` channels of one pixel, which are neighbours in that order, or ``size / rows`` channels of each pixel of a column. A
    dense layer is a 1 x 1 window over as many channels as it has inputs.

    Raises:
        ConfigError: neither divides the window evenly.
    """
    (rows, columns), taps = window, np.arange(window[0] * window[1] * channels)
    if channels % size == 0:
        return taps.reshape(-1, size)
    if size % rows or channels % (size // rows):
        sizes = subspace_sizes(window, channels)
        raise ConfigError(f"subspaces of {size} inputs do not fit {channels} channels under {rows} x {columns}; sizes: {sizes}")
    part = size // rows
    return taps.reshape(rows, columns, channels // part, part).transpose(1, 2, 0, 3).reshape(-1, size)


def learn_trees(vectors: np.ndarray, leaves: int, weights: np.ndarray | None = None) -> Trees:
    """Trees that split each subspace where the squared error falls most, node by node.

    Unlike MADDNESS, which looks at one input a level, every node has an input of its own; with `weights` the error is that of
    the layer's outputs instead of its inputs.

    Args:
        vectors: (N, C, V) integers.
        leaves: K, a power of two.
        weights: (outputs, C, V) weights of the layer, or None.

    Raises:
        ConfigError: K is no power of two.
        DatasetError: no vectors.
    """
    if leaves < 2 or leaves & (leaves - 1):
        raise ConfigError(f"a balanced tree has 2, 4, 8, ... leaves, got {leaves} prototypes")
    if not len(vectors):
        raise DatasetError("a product quantiser cannot be fitted to no data; pass calibration images")
    count = vectors.shape[1]
    elements = np.zeros((count, leaves - 1), dtype=np.uint16)
    thresholds = np.zeros((count, leaves - 1), dtype=np.int64)
    for c in range(count):
        part = np.ascontiguousarray(vectors[:, c])
        metric = part.astype(np.float64) if weights is None else part @ _metric(weights[:, c])
        _grow(part, metric, elements[c], thresholds[c])
    return Trees(elements, thresholds)


def _metric(weights: np.ndarray) -> np.ndarray:
    """(V, V) matrix L with ``||x L||^2 == ||W x||^2``: squared error of the outputs, in V coordinates."""
    values, axes = np.linalg.eigh(weights.T @ weights)
    return np.asarray(axes * np.sqrt(np.maximum(values, 0.0)))


def _grow(part: np.ndarray, metric: np.ndarray, elements: np.ndarray, thresholds: np.ndarray) -> None:
    """Fill one tree, level by level; a node without a useful split sends everything left."""
    members = [np.arange(len(part))]
    beyond = int(part.max()) + 1
    for node in range(len(elements)):
        index = members[node]
        split = best_split(part[index], metric[index]) if len(index) > 1 else None
        elements[node], thresholds[node] = (0, beyond) if split is None else split
        right = part[index, elements[node]] >= thresholds[node]
        members += [index[~right], index[right]]


def best_split(part: np.ndarray, metric: np.ndarray) -> tuple[int, int] | None:
    """(input, threshold) that leaves the least squared error of `metric` (N, V') around the two means; None if all are equal."""
    best, found = np.inf, None
    total, count = metric.sum(axis=0), np.arange(1, len(part))
    for element in range(part.shape[1]):
        order = np.argsort(part[:, element], kind="stable")
        values = part[order, element]
        allowed = values[1:] > values[:-1]
        if not allowed.any():
            continue
        left = np.cumsum(metric[order], axis=0)[:-1]
        # squared error = constant - |sum|^2 / count of either side
        gain = (left**2).sum(axis=1) / count + ((total - left) ** 2).sum(axis=1) / count[::-1]
        cost = np.where(allowed, -gain, np.inf)
        place = int(cost.argmin())
        if cost[place] < best:
            best, found = float(cost[place]), (element, int(values[place] + values[place + 1] + 1) // 2)
    return found


def means(vectors: np.ndarray, symbols: np.ndarray, count: int) -> np.ndarray:
    """(C, K, V) float64 mean of the vectors of each prototype; an empty one takes its subspace's overall mean."""
    _, groups, size = vectors.shape
    result = np.empty((groups, count, size))
    for c in range(groups):
        members = np.bincount(symbols[:, c], minlength=count)
        for v in range(size):
            sums = np.bincount(symbols[:, c], weights=vectors[:, c, v], minlength=count)
            result[c, :, v] = np.where(members > 0, sums / np.maximum(members, 1), vectors[:, c, v].mean())
    return result


def kmeans(vectors: np.ndarray, count: int, seed: int = 0, rounds: int = 25) -> np.ndarray:
    """(C, K, V) int64 prototypes of (N, C, V) integers: k-means++ start, Lloyd rounds, rounded to integers.

    Where a subspace has at most K distinct vectors these are the prototypes, so that the encoding is lossless.
    """
    if not len(vectors):
        raise DatasetError("a product quantiser cannot be fitted to no data; pass calibration images")
    rng = np.random.default_rng(seed)
    return np.stack([_kmeans(np.ascontiguousarray(vectors[:, c]), count, rng, rounds) for c in range(vectors.shape[1])])


def _kmeans(part: np.ndarray, count: int, rng: np.random.Generator, rounds: int) -> np.ndarray:
    distinct, members = np.unique(part, axis=0, return_counts=True)
    if len(distinct) <= count:
        return np.concatenate([distinct, np.repeat(distinct[:1], count - len(distinct), axis=0)]).astype(np.int64)
    points, mass = distinct.astype(np.float64), members.astype(np.float64)
    centres = _spread_out(points, mass, count, rng)
    for _ in range(rounds):
        nearest = squared_distances(points, centres).argmin(axis=1)
        total = np.bincount(nearest, weights=mass, minlength=count)
        sums = np.stack([np.bincount(nearest, weights=mass * column, minlength=count) for column in points.T], axis=1)
        moved = np.where(total[:, None] > 0, sums / np.maximum(total, 1e-9)[:, None], centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.rint(centres).astype(np.int64)


def _spread_out(points: np.ndarray, mass: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++: each start is drawn with probability in proportion to its squared distance from the earlier ones."""
    chosen = [int(rng.choice(len(points), p=mass / mass.sum()))]
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    for _ in range(count - 1):
        chance = mass * distance
        chosen.append(int(rng.choice(len(points), p=chance / chance.sum())))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, K) squared distances of (N, V) and (K, V), without the points' own norms (they do not change the order)."""
    return np.asarray((centres**2).sum(axis=1) - 2 * points @ centres.T)


def fit_table(symbols: np.ndarray, targets: np.ndarray, start: np.ndarray, strength: float, sweeps: int = 10) -> np.ndarray:
    """Table that predicts `targets` best from the symbols, drawn towards `start` (ridge on the difference).

    Subspace after subspace takes the optimum given the others, so that tables of any size need no system of equations.

    Args:
        symbols: (N, C) prototype numbers.
        targets: (N, outputs) exact sums without bias.
        start: (outputs, C, K) the prototypes' own table.
        strength: of the pull towards `start`, in samples a table entry.
        sweeps: passes over all subspaces.

    Returns:
        (outputs, C, K) float64.
    """
    change = np.zeros((start.shape[1], start.shape[2], start.shape[0]))
    rest = targets - table_sums(symbols, start)
    for _ in range(sweeps):
        for c in range(start.shape[1]):
            rest += change[c][symbols[:, c]]
            sums, members = _sums_by_symbol(rest, symbols[:, c], start.shape[2])
            change[c] = sums / (members + strength)[:, None]
            rest -= change[c][symbols[:, c]]
    return np.asarray(start + change.transpose(2, 0, 1))


def _sums_by_symbol(rows: np.ndarray, symbols: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(K, outputs) sums of the rows of each symbol, and (K,) their numbers."""
    members = np.bincount(symbols, minlength=count)
    present = np.flatnonzero(members)
    first = np.concatenate([[0], np.cumsum(members[present])[:-1]])
    sums = np.zeros((count, rows.shape[1]))
    sums[present] = np.add.reduceat(rows[np.argsort(symbols, kind="stable")], first, axis=0)
    return sums, members


def nearest_prototypes(vectors: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """(N, C, V) vectors and (C, K, V) prototypes -> (N, C) nearest ones, the first of equals."""
    columns = [squared_distances(vectors[:, c], prototypes[c]).argmin(axis=1) for c in range(vectors.shape[1])]
    return np.stack(columns, axis=1)


def table_sums(symbols: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(N, C) symbols and an (outputs, C, K) table -> (N, outputs) sums, in the table's type."""
    total = np.zeros((len(symbols), len(table)), dtype=table.dtype)
    for c in range(table.shape[1]):
        total += table[:, c].T[symbols[:, c]]
    return total
