# SPDX-License-Identifier: Apache-2.0
"""Texts of stated errors: a name in them may hold anything and must not steer a terminal; suggestions."""

from __future__ import annotations

import pytest

from dietcnn_hls import errors
from dietcnn_hls.errors import DietError, ToolError, suggest

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DietError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_cannot_be_printed_is_shown_by_its_code(kind: type[DietError]) -> None:
    said = str(kind("a\0b \x1b[31mred \x7f \x9b \u202e \ud800 \r é 😀 line"))
    assert said == "a\\x00b \\x1b[31mred \\x7f \\x9b \\u202e \\ud800 \\r é 😀 line"
    said.encode()


def test_only_what_a_tool_said_takes_several_lines() -> None:
    assert str(ToolError("g++ failed: a\n\tb\r\n\x1bc")) == "g++ failed: a\n b\\r\n\\x1bc"
    assert str(DietError("layer 'a\nb\t'")) == "layer 'a\\nb\\t'"


def test_the_nearest_name_or_all_of_them() -> None:
    assert suggest("cary", ["default", "carry"]) == " Did you mean 'carry'?"
    assert suggest("x", ["default", "carry"]) == " Known: carry, default."
