# SPDX-License-Identifier: Apache-2.0
"""The memory rule against the public synthesis reports, its corners, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError, ResourceError
from dietcnn_hls.hardware.blocks import (
    MemoryCost,
    bram18,
    check_rule,
    copies,
    lutram,
    main,
    memory_cost,
    read_rows,
    require_fit,
    uram,
)

RECORDED = Path(__file__).parents[1] / "recorded" / "dietcnn_csynth.json"


def test_single_copy_rows_of_the_public_reports() -> None:
    check = check_rule(read_rows(RECORDED))
    assert (check.rows, check.single, check.single_exact, check.plain_exact) == (230, 190, 184, 184)
    assert check.hit_rate >= 0.84
    # all misses are the 32-bit arrays that the designs' in-place ReLU reads and writes at once
    assert {row.name for row in check.misses} == {"local_fc_2_U", "local_fc_3_U"}
    assert all(bram18(row.words, row.bits, ports=2) == row.bram18 for row in check.misses)


def test_recorded_ports_explain_every_row_that_has_them() -> None:
    ported = [row for row in read_rows(RECORDED) if row.ports is not None]
    assert len(ported) == 24
    assert {row.ports for row in ported} == {1, 2, 4, 5, 12, 13}
    assert [row for row in ported if row.predicted != row.bram18] == []
    # without the ports the same rows look replicated exactly where the ports say so
    for row in ported:
        single = bram18(row.words, row.bits)
        assert row.replicated == (row.bram18 > single)


def test_distributed_rows_are_exact() -> None:
    rows = [
        row for design in json.loads(RECORDED.read_text())["designs"].values() for row in design["memories"] if row["bram"] == 0
    ]
    assert len(rows) == 38
    for row in rows:
        rom = row["name"] in ("B_U", "RL_U")
        expected = MemoryCost(lut=row["lut"], ff=row["ff"])
        assert lutram(row["words"], row["bits"], rom=rom) == expected
        assert memory_cost(row["words"], row["bits"], rom=rom) == expected


@pytest.mark.parametrize(
    ("words", "bits", "blocks"),
    [
        (64, 16, 0),  # 1,024 bits: LUTs
        (64, 17, 1),
        (512, 36, 1),
        (512, 37, 2),
        (513, 18, 1),
        (1024, 19, 2),
        (1025, 9, 1),
        (2048, 10, 2),
        (4096, 9, 2),
        (4096, 13, 3),
        (4096, 14, 4),
        (4097, 7, 4),
        (8193, 7, 7),
        (16385, 7, 14),
        (262144, 9, 144),
    ],
)
def test_corners(words: int, bits: int, blocks: int) -> None:
    assert bram18(words, bits) == blocks


def test_ports_and_forced_blocks() -> None:
    assert [copies(ports) for ports in (1, 2, 3, 13)] == [1, 1, 2, 12]
    assert bram18(120, 32, ports=2) == 2
    assert bram18(2048, 16, ports=5) == 8
    assert bram18(16, 8, impl="bram") == 1
    assert uram(4097, 73) == 4


@given(st.integers(1, 1 << 20), st.integers(1, 128), st.integers(1, 8))
def test_more_words_bits_or_ports_never_take_fewer_blocks(words: int, bits: int, ports: int) -> None:
    blocks = bram18(words, bits, ports=ports)
    assert bram18(words, bits + 1, ports=ports) >= blocks
    assert bram18(2 * words, bits, ports=ports) >= blocks
    assert bram18(words, bits, ports=ports + 1) >= blocks
    # a block stores 18 Kib, parity included; the rule may not promise more
    assert blocks == 0 or blocks * 18 * 1024 >= words * bits * copies(ports)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: bram18(0, 8), "words must be at least 1, got 0"),
        (lambda: bram18(8, 0), "bits must be at least 1, got 0"),
        (lambda: bram18(8, 8, ports=0), "ports must be at least 1, got 0"),
        (lambda: bram18(8, 8, impl="lut"), "Unknown memory implementation 'lut'"),
    ],
)
def test_impossible_memories_are_refused(call: object, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        call()  # type: ignore[operator]


def test_table_that_fits_no_part() -> None:
    assert require_fit("conv1 product table", 16384, 7, "xc7z010clg400-1") == 7
    with pytest.raises(ResourceError, match=r"conv1 product table: 1,048,576 words .* xc7z010 has 120.*smaller codebooks"):
        require_fit("conv1 product table", 1 << 20, 16, "xc7z010clg400-1")


def test_command_prints_rate_and_misses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(RECORDED)]) == 0
    printed = capsys.readouterr().out
    assert "184 (96.8 %)" in printed
    assert "local_fc_3_U: 84 x 32, reported 2, rule 1; equals the rule with two ports" in printed


@pytest.mark.parametrize("content", ["{}", "[]", "not json", '{"designs": {"a": {"memories": [{"name": "x"}]}}}'])
def test_command_refuses_other_files(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    assert main([str(path)]) == 1
    assert "not a recorded memory report" in capsys.readouterr().err
    assert main([str(tmp_path / "missing.json")]) == 1
    assert "Cannot read the memory report" in capsys.readouterr().err
