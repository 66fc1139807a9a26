# SPDX-License-Identifier: Apache-2.0
"""Plain data from outside: one error with the key's path, whatever the data hold, and never a long one."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.validation import check_plain, parse_json, shown, validate


class Inner(BaseModel):
    model_config = {"extra": "forbid"}
    flow: Literal["default", "carry"] = "carry"
    count: int = Field(1, ge=1)


class Outer(BaseModel):
    model_config = {"extra": "forbid"}
    inner: Inner = Field(default_factory=Inner)
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "data, text",
    [
        ({"iner": {}}, "file.yml: unknown key 'iner'. Did you mean 'inner'?"),
        ({"inner": {"cont": 1}}, "file.yml: unknown key 'inner.cont'. Did you mean 'count'?"),
        ({"inner": {"count": 0}}, "file.yml: inner.count: Input should be greater than or equal to 1 (got 0)"),
        ({"inner": {"flow": "cary"}}, "'default' or 'carry' (got 'cary'). Did you mean 'carry'?"),
        ({"inner": {"flow": 7}}, "file.yml: inner.flow: Input should be 'default' or 'carry' (got 7)"),
        ({"names": "carry"}, "file.yml: names: Input should be a valid tuple (got 'carry')"),
        ({1: 2}, "file.yml: 1: Keys should be strings (got 1)"),
        ([1], "file.yml: give a mapping of keys (got [1])"),
        ({"k" * 10**6: 1}, "file.yml: unknown key 'kkk"),
    ],
)
def test_the_first_failure_is_named_by_its_path(data: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Outer, data, "file.yml")
    assert text in str(caught.value) and len(str(caught.value)) < 400


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "data, text",
    [
        ({"a": [1, {"b": float("nan")}]}, "file: a.1.b: nan is no number"),
        ({"a": float("-inf")}, "file: a: -inf is no number"),
        ({"a": 2**63}, "file: a: a number of more than 64 bits (got 9223372036854775808)"),
        ({"a": 10**9999}, "more than 64 bits (got a number of 10000 digits)"),
        ({"a": "\ud800"}, "file: a: text that is no Unicode"),
        ({"a": {3: 1}}, "file: a: keys are text (got 3)"),
        ({"a": nested(100_000)}, "file: a.0.0.0...: nested more than 40 levels deep"),
    ],
)
def test_what_no_key_can_mean_is_refused_wherever_it_stands(data: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_plain(data, "file")
    assert text in str(caught.value)


def test_plain_data_pass() -> None:
    check_plain({"a": [1, 2.5, "x", None, True, {"b": (-1, 2**63 - 1)}]}, "file")


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"a": 1, "a": 2}', "r.json is not readable as JSON: key 'a' is given twice"),
        ('{"a": {"b": 1, "b": 1}}', "key 'b' is given twice"),
        ('{"a": ' + "9" * 9999 + "}", "r.json is not readable as JSON"),
        ("[" * 100_000, "it nests too deep"),
        (b"\xff\xfe\xfa", "r.json is not readable as JSON"),
        ("", "r.json is not readable as JSON"),
    ],
)
def test_json_that_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(text, "r.json")
    assert message in str(caught.value) and len(str(caught.value)) < 400


def test_values_are_shown_short() -> None:
    assert shown("fast") == "'fast'" and shown({"a": [1, 2]}) == "{'a': [1, 2]}"
    assert len(shown("x" * 10**6)) < 100 and len(shown({str(i): list(range(99)) for i in range(99)})) < 400
