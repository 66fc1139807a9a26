# SPDX-License-Identifier: Apache-2.0
"""Quantisers with bits by element, as HGQ2's are, against ap_fixed's rules element by element; HGQ2 itself is tests/hgq."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hls4ml.model.types import FixedPrecisionType, RoundingMode, SaturationMode

from dietcnn_hls import reference
from dietcnn_hls.backend.readers.keras3 import is_keras3, lower_keras3
from dietcnn_hls.backend.readers.stock.chain import Chain
from dietcnn_hls.backend.readers.stock.elements import quantizer
from dietcnn_hls.backend.readers.stock.fixed import ROUNDINGS, FixedType
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.lowered import LoweredGraph, Source, Stream, node

WIDE = FixedPrecisionType(40, 20, True, RoundingMode.TRN, SaturationMode.WRAP)


def layer(masks: tuple[np.ndarray, ...], rounding: str = "RND", overflow: str = "WRAP") -> Any:
    given = {"mask_kbi": masks, "RND": rounding, "SAT": overflow}
    variable = SimpleNamespace(type=SimpleNamespace(precision=WIDE))
    return SimpleNamespace(name="q", class_name="FixedPointQuantizer", get_attr=given.get, get_output_variable=lambda: variable)


def quantised(made: Any, source: Stream, codes: np.ndarray) -> np.ndarray:
    """Real values behind the quantiser."""
    entry = node("x", Source(), [], source)
    chain = Chain(made, entry)
    quantizer(chain)
    graph = LoweredGraph("net", (entry, *chain.finish()))
    assert graph.output.stream.shape == source.shape
    return reference.predict(graph, codes) * 2.0**-graph.output.stream.fraction


def drawn(shape: tuple[int, ...], seed: int, by_channel: bool) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    size = shape[-1:] if by_channel else shape
    bits = rng.integers(0, 9, size)
    parts = rng.integers(0, 2, size), bits, rng.integers(-2, 6, size)
    return tuple(np.broadcast_to(part, (1, *shape)).astype(np.int16) for part in parts)


@pytest.mark.parametrize("rounding", ["RND", "TRN", "RND_CONV"])
@pytest.mark.parametrize("by_channel", [True, False], ids=["channel", "element"])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 2, 4)], ids=str)
def test_each_element_has_its_own_type(shape: tuple[int, ...], by_channel: bool, rounding: str) -> None:
    for seed in range(4):
        masks = drawn(shape, seed, by_channel)
        source = Stream(shape, -1500, 1200, int(np.random.default_rng(seed).integers(0, 8)))
        codes = np.random.default_rng(seed).integers(source.lo, source.hi + 1, (60, *shape))
        found = quantised(layer(masks, rounding), source, codes)
        signed, bits, integer = (part[0].reshape(-1) for part in masks)
        flat, wanted = codes.reshape(60, -1), np.zeros((60, bits.size))
        for place in np.flatnonzero(bits):
            fraction = int(bits[place]) - int(integer[place])
            kind = FixedType(int(bits[place]), fraction, bool(signed[place]), ROUNDINGS[rounding], "wrap")
            wanted[:, place] = kind.codes(flat[:, place], source.fraction) * 2.0**-fraction
        assert np.array_equal(found.reshape(60, -1), wanted), (seed, masks)


def test_the_same_bits_for_all_are_one_cast() -> None:
    masks = tuple(np.full((1, 6), n, np.int16) for n in (1, 5, 2))
    chain = Chain(layer(masks), node("x", Source(), [], Stream((6,), -100, 100, 4)))
    quantizer(chain)
    assert [made.op.kind for made in chain.nodes] == ["requantize"]


@pytest.mark.parametrize(
    ("rounding", "overflow", "words"),
    [("RND", "SAT", "bits by element with the overflow 'SAT' have no lowering; use WRAP"), ("ODD", "WRAP", "the rounding 'ODD'")],
)
def test_what_has_no_lowering_is_refused(rounding: str, overflow: str, words: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=rf"layer 'q' \(FixedPointQuantizer\): {words}"):
        quantizer(Chain(layer(drawn((4,), 1, False), rounding, overflow), node("x", Source(), [], Stream((4,), -9, 9, 1))))


def test_models_of_keras_3_that_are_not_built_are_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="is not built"):
        lower_keras3(SimpleNamespace(name="net", built=False))
    with pytest.raises(UnsupportedLayerError, match="calls its layers by code"):
        lower_keras3(SimpleNamespace(name="net", built=True))
    assert not is_keras3(object())
