# SPDX-License-Identifier: Apache-2.0
"""The memory rules of both families against the public synthesis reports, their corners, and their errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.blocks import copies, uram, vitis_bram18, yosys_bram18
from dietcnn_hls.hardware.parts import XC7, XCU, XCUP
from tests.benchmarks.bram_rule import RECORDED, check_rule, main, read_rows

FAMILIES = (XC7, XCU, XCUP)


def test_single_copy_rows_of_the_public_reports() -> None:
    check = check_rule(read_rows(RECORDED))
    assert (check.rows, check.single, check.single_exact, check.plain_exact) == (230, 190, 184, 184)
    assert check.hit_rate >= 0.84
    # all misses are the 32-bit arrays that the designs' in-place ReLU reads and writes at once
    assert {row.name for row in check.misses} == {"local_fc_2_U", "local_fc_3_U"}
    assert all(row.by_rule(2) == row.bram18 for row in check.misses)


def test_recorded_ports_explain_every_row_that_has_them() -> None:
    ported = [row for row in read_rows(RECORDED) if row.ports is not None]
    assert len(ported) == 24
    assert {row.ports for row in ported} == {1, 2, 4, 5, 12, 13}
    assert [row for row in ported if row.by_rule() != row.bram18] == []
    # without the ports the same rows look replicated exactly where the ports say so
    for row in ported:
        assert row.replicated == (row.bram18 > row.by_rule(1))


@pytest.mark.parametrize(
    ("words", "bits", "blocks", "seven_series"),
    [(36864, 32, 66, 128), (147456, 32, 261, 512), (16384, 32, 29, 32), (8192, 32, 15, 16), (9216, 32, 18, 32)],
)
def test_what_ultrascale_parts_report_where_the_7_series_rule_misses(
    words: int, bits: int, blocks: int, seven_series: int
) -> None:
    assert vitis_bram18(words, bits, XCU) == vitis_bram18(words, bits, XCUP) == blocks
    assert vitis_bram18(words, bits, XC7) == seven_series


def test_every_row_of_the_recorded_ultrascale_report() -> None:
    rows = [row for row in read_rows(RECORDED) if row.family == XCU]
    assert len(rows) == 10
    # the convolutions read three pixels of a row at once, which makes three copies
    ports = {"local_conv_2_U": 4, "local_relu_1_U": 4}
    assert [row for row in rows if row.by_rule(ports.get(row.name)) != row.bram18] == []


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
    assert vitis_bram18(words, bits, XC7) == blocks


@pytest.mark.parametrize(
    ("words", "bits", "blocks"),
    [(64, 16, 0), (64, 17, 1), (512, 37, 2), (2049, 9, 2), (4096, 13, 3), (6144, 9, 3), (16385, 1, 2), (20480, 18, 20)],
)
def test_ultrascale_corners(words: int, bits: int, blocks: int) -> None:
    assert vitis_bram18(words, bits, XCU) == blocks


def test_ports_and_forced_blocks() -> None:
    assert [copies(ports) for ports in (1, 2, 3, 13)] == [1, 1, 2, 12]
    for family in FAMILIES:
        assert vitis_bram18(120, 32, family, ports=2) == 2
        assert vitis_bram18(2048, 16, family, ports=5) == 8
        assert vitis_bram18(16, 8, family, luts=False) == 1
    assert uram(4097, 73) == 4


@given(st.integers(1, 1 << 20), st.integers(1, 128), st.integers(1, 8), st.sampled_from(FAMILIES))
def test_more_words_bits_or_ports_never_take_fewer_blocks(words: int, bits: int, ports: int, family: str) -> None:
    blocks = vitis_bram18(words, bits, family, ports=ports)
    assert vitis_bram18(words, bits + 1, family, ports=ports) >= blocks
    assert vitis_bram18(2 * words, bits, family, ports=ports) >= blocks
    assert vitis_bram18(words, bits, family, ports=ports + 1) >= blocks
    # a block stores 18 Kib, parity included; the rule may not promise more
    assert blocks == 0 or blocks * 18 * 1024 >= words * bits * copies(ports)


@given(st.integers(1, 1 << 20), st.integers(1, 128))
def test_the_7_series_rule_bounds_the_others(words: int, bits: int) -> None:
    """It weighs the memories of the RTL, whatever the part."""
    most = vitis_bram18(words, bits, XC7, luts=False)
    assert yosys_bram18(words, bits) <= most
    assert vitis_bram18(words, bits, XCU, luts=False) <= most


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: vitis_bram18(0, 8, XC7), "words must be at least 1, got 0"),
        (lambda: vitis_bram18(8, 0, XCU), "bits must be at least 1, got 0"),
        (lambda: vitis_bram18(8, 8, XC7, ports=0), "ports must be at least 1, got 0"),
        (lambda: vitis_bram18(8, 8, "xcv"), "not known for the family 'xcv'"),
    ],
)
def test_impossible_memories_are_refused(call: Callable[[], int], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        call()


def test_command_prints_rate_and_misses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
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
