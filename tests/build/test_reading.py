# SPDX-License-Identifier: Apache-2.0
"""YAML as configurations take it: everything in it is meant, or refused by file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dietcnn_hls.build.reading import parse_yaml, read
from dietcnn_hls.errors import ConfigError

BOMB = "a: &a [1, 1]\n" + "\n".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True))


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: 1\nb: 2\na: 3", "in line 3, column 1: key 'a' is given twice"),
        ("a: {b: 1, c: 2, b: 1}", "in line 1, column 17: key 'b' is given twice"),
        ("a: 1\n'a': 2", "key 'a' is given twice"),
        ("1: 2", "in line 1, column 1: keys are text (got 1)"),
        ("a: {yes: 2}", "keys are text (got True)"),
        ("? [1]\n: 2", "keys are text (got [1])"),
        (BOMB, "in line 2, column 8: an alias (*a) is not taken"),
        ("a: &a [*a]", "an alias (*a) is not taken"),
        ("[" * 10_000, "in line 1, column 41: nested more than 40 levels deep"),
        ("a: " + "{a: " * 10_000, "nested more than 40 levels deep"),
        ("a: !!python/object/apply:os.system [x]", "in line 1, column 4: a value of the type 'python/object/apply:os.system'"),
        ("a: !own 1", "a value of the type '!own' is not taken"),
        ("a: !!binary aGk=", "a value of the type 'binary' is not taken"),
        ("a: !!timestamp 2020-99-99", "a value of the type 'timestamp' is not taken"),
        ("a: !!int x", "is not YAML of a configuration"),
        ("a: " + "9" * 5000, "is not YAML of a configuration"),
        ("a: 99999999999999999999", "a: a number of more than 64 bits"),
        ("a: .nan", "a: nan is no number"),
        ("a: {b: [1, -.inf]}", "a.b.1: -inf is no number"),
        ("a: 1e999", "a: inf is no number"),
        ('a: "\\ud800"', "a: text that is no Unicode"),
        ("a: \x00", "is not YAML of a configuration"),
        ("a: 1\n--- 2", "is not YAML of a configuration in line 2"),
        ("a: 'open", "is not YAML of a configuration"),
    ],
)
def test_what_a_configuration_cannot_mean_is_one_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "c.yml")
    assert str(caught.value).startswith(f"{tmp_path / 'c.yml'}") and message in str(caught.value)
    with pytest.raises(ConfigError):
        parse_yaml(text, "--set")


@pytest.mark.parametrize("text", ["", "# nothing", "- a", "7", "text", "~"])
def test_what_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(ConfigError, match="must hold a mapping of keys"):
        read(tmp_path / "c.yml")


@pytest.mark.parametrize(
    "data, message",
    [
        ("a: 1\nb: café".encode("latin-1"), "is not UTF-8 text (line 2); save it as UTF-8"),
        ("a: 1".encode("utf-16"), "is not UTF-8 text (line 1)"),
    ],
)
def test_other_encodings_are_named(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "c.yml")
    assert message in str(caught.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no.yml"):
        with pytest.raises(ConfigError, match="cannot read"):
            read(path)


@pytest.mark.parametrize(
    "text, value",
    [
        ("1e-3", 0.001),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-3", -3),
        ("1_000", 1000),
        ("0x10", 16),
        ("yes", True),
        ("~", None),
        ("", None),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("[1, two]", [1, "two"]),
    ],
)
def test_numbers_are_what_they_look_like(text: str, value: Any) -> None:
    """YAML's own rules make eight of 010, ninety of 1:30, text of 1e-3."""
    assert parse_yaml(f"a: {text}", "file") == {"a": value}


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read(tmp_path / "c.yml") == {"a": 1}


@pytest.mark.parametrize(
    "override, message",
    [
        ("seed", "--set takes key.path=value, got 'seed'"),
        ("=3", "--set takes key.path=value"),
        ("a..b=1", "--set takes key.path=value"),
        (".".join("a" * 1000) + "=1", "--set takes key.path=value"),
        ("seed=[", "--set seed=[: the value is not YAML"),
        ("seed={a: 1, a: 2}", "key 'a' is given twice"),
        ("seed=*x", "an alias (*x) is not taken"),
        ("seed=.nan", "nan is no number"),
        ("seed.deep=1", "--set seed.deep=1: 'seed' is not a group of keys"),
    ],
)
def test_overrides_are_read_as_strictly(override: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("seed: 1")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "c.yml", [override])
    assert message in str(caught.value)
