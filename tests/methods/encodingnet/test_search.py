# SPDX-License-Identifier: Apache-2.0
"""The encoder search: its steps do what they claim, it improves its start, resumes exactly; the library beats the baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.rows import Rows
from dietcnn_hls.methods.encodingnet.search import Progress, Search, SearchSettings, find_encoder
from dietcnn_hls.methods.encodingnet.search.cones import Cone, formula_of, lut_cones, truth_of
from dietcnn_hls.methods.encodingnet.search.moves import OBJECTIVES, Ranges
from dietcnn_hls.methods.encodingnet.search.starts import greedy_columns, netlist_of, residual

seeds = st.integers(0, 2**32 - 1)
SIZES = (64, 56, 48, 40, 36)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_best_cells_is_the_best_of_all_functions(seed: int) -> None:
    """Brute force over all functions of three inputs."""
    rng = np.random.default_rng(seed)
    low = rng.integers(-50, 50, 8)
    ranges, position = Ranges(low, low + rng.integers(0, 40, 8)), int(rng.integers(1, 60))
    span, cells = ranges.best_cells(position)
    assert ranges.span(cells, position) == span
    everything = [np.array([(truth >> i) & 1 for i in range(8)]) for truth in range(256)]
    assert span == min(ranges.span(ones, position) for ones in everything)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_ranges_predict_the_remainder(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rest = rng.integers(-1000, 1000, 65536).astype(np.int32)
    support = tuple(sorted(rng.choice(16, 6, replace=False).tolist()))
    cells, position = rng.integers(0, 2, 64), 77
    left = rest - position * Cone(support, truth_of(cells)).values.astype(np.int32)
    assert Ranges.of(rest, support).span(cells, position) == int(left.max()) - int(left.min())


@pytest.mark.parametrize("objective", ["lut_cones", "nand2"])
def test_search_improves_its_start_and_keeps_its_books(objective: str) -> None:
    settings_ = SearchSettings(bits=36, objective=objective, max_error=1, steps=400, seed=3)
    search = Search(settings_)
    start = search.progress().max_error
    for _ in range(400):
        search.advance()
        assert np.array_equal(search.rest, residual(search.columns))
    netlist = search.netlist()
    assert netlist.max_error() == search.progress().max_error < start
    assert netlist.bits <= 36
    area = OBJECTIVES[objective].area(search.best[2])
    assert area == (netlist.nand2_thirds if objective == "nand2" else lut_cones(netlist))
    assert objective == "lut_cones" or netlist.levels() <= 3


def test_area_shrinks_once_the_bound_holds() -> None:
    start = netlist_of(greedy_columns(48))
    found = find_encoder(SearchSettings(bits=48, objective="nand2", max_error=start.max_error(), steps=500))
    assert found.max_error() <= start.max_error()
    assert found.nand2_thirds < start.nand2_thirds
    fewer = find_encoder(SearchSettings(bits=64, objective="lut_cones", max_error=40, start="tiles", steps=300))
    assert fewer.max_error() <= 40 and lut_cones(fewer) < 47


def test_a_stopped_search_goes_on_to_the_same_encoder(tmp_path: Path) -> None:
    whole = find_encoder(SearchSettings(bits=40, objective="nand2", max_error=1, steps=300, seed=2))

    class Stop(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step == 200:
            raise Stop

    settings_ = SearchSettings(bits=40, objective="nand2", max_error=1, steps=300, seed=2)
    with pytest.raises(Stop):
        find_encoder(settings_, tmp_path / "search.json", stop, every=100)
    seen: list[Progress] = []
    resumed = find_encoder(settings_, tmp_path / "search.json", seen.append, every=100)
    assert [p.step for p in seen] == [300]
    assert resumed.to_dict() == whole.to_dict()
    assert find_encoder(settings_, tmp_path / "search.json", seen.append, every=100).to_dict() == whole.to_dict()
    assert len(seen) == 1  # a finished search is only read


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    settings_, path = SearchSettings(bits=40, steps=10), tmp_path / "search.json"
    find_encoder(settings_, path)
    with pytest.raises(ConfigError, match=r"search\.json is the checkpoint of another search, \{'bits': 40, .*'steps': 10"):
        find_encoder(settings_.model_copy(update={"steps": 11}), path)
    path.write_text("[]")
    with pytest.raises(ConfigError, match="not a checkpoint of an encoder search"):
        find_encoder(settings_, path)


@pytest.mark.parametrize("objective", ["lut_cones", "nand2"])
@pytest.mark.parametrize("bits", SIZES)
def test_shipped_encoders_beat_the_greedy_baseline(bits: int, objective: str) -> None:
    """Less error with as many bits, or no more error with less area; held against our own, stronger, greedy run."""
    found, baseline = library.shipped(bits, objective), netlist_of(greedy_columns(bits))
    assert found.bits <= bits
    assert found.max_error() <= baseline.max_error()
    area = [n.nand2_thirds if objective == "nand2" else lut_cones(n) for n in (found, baseline)]
    assert found.max_error() < baseline.max_error() or area[0] < area[1]
    assert objective == "lut_cones" or found.levels() <= 3


@pytest.mark.parametrize("bits", library.available()["carry_cones"])
def test_encoders_for_carry_chains_fit_the_adders_luts(bits: int) -> None:
    """Bits of at most five operand bits and weights that are powers of two: a LUT both makes a bit and adds it."""
    found = library.shipped(bits, "carry_cones")
    cones = [Cone.of_formula(formula_of(found, net)) for net in found.outputs.tolist()]
    assert max(len(cone.support) for cone in cones) <= 5
    assert all(abs(position).bit_count() == 1 for position in found.positions.tolist())
    rows = Rows.of(found)
    assert rows.bits == sum(min(cone.support) < 8 for cone in cones), "bits of the weight alone are no addends"
    assert found.max_error() < netlist_of(greedy_columns(bits)).max_error() / 4
