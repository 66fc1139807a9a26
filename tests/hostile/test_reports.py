# SPDX-License-Identifier: Apache-2.0
"""``report.json`` that nobody's build wrote: refused in one line that names file and key, or compared without a slip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.reports.compare import compare
from dietcnn_hls.reports.model import Report
from tests.hostile.crafted import VALUES, as_json, deep, flipped, places, removed, replaced, stated, tree
from tests.reports.test_model import full_report

FULL: dict[str, Any] = json.loads(full_report().to_json())
TEXT = as_json(FULL)
FORMATS = ("md", "short", "csv", "json", "html")


def taken(folder: Path, content: bytes) -> bool:
    """Whether a report of this content loads; then it can be shown beside another in every format."""
    (folder / "report.json").write_bytes(content)
    error = stated(lambda: Report.load(folder))
    if error is not None:
        assert isinstance(error, ConfigError) and str(folder / "report.json") in str(error)
        return False
    report = Report.load(folder)
    for layers in (False, True):
        pair = [report, full_report().model_copy(update={"design": "other"})]
        if stated(lambda pair=pair, layers=layers: compare(pair, layers=layers)) is None:
            shown = {form: compare(pair, layers=layers).render(form) for form in FORMATS}
            assert json.loads(shown["json"]) and "<script>" not in shown["html"]
    return True


@pytest.mark.parametrize("number", range(4))
def test_any_value_in_any_place(number: int, tmp_path: Path) -> None:
    """Each place of the report gets some of the hostile values, or goes; what loads is what the schema allows."""
    rng = np.random.default_rng(number)
    loaded = 0
    for path in list(places(FULL))[number::4]:
        value = VALUES[int(rng.integers(len(VALUES)))]
        loaded += taken(tmp_path, as_json(replaced(FULL, path, value)))
        if path:
            loaded += taken(tmp_path, as_json(removed(FULL, path)))
    assert loaded > 0 and sorted(tree(tmp_path)) == ["report.json"]


def test_cut_and_turned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    assert not any(taken(tmp_path, TEXT[:size]) for size in np.linspace(0, len(TEXT) - 1, 40).astype(int))
    for bits in (1, 1, 2, 5) * 12:
        taken(tmp_path, flipped(TEXT, rng, bits))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", b"[]", b"3", b'"schema"', b"\xff\xfe{", "{é}".encode("latin-1"), b"\0" * 99, b"NaN", b"[" * 10**6),
        *(deep(10**5).encode(), b'{"a":' * 10**5 + b"1" + b"}" * 10**5, TEXT[:-1] + b',"design":"twice"}', b"9" * 10**5),
        *(as_json(FULL | {"schema": version}) for version in (0, 2, -1, "1", None, [1], 10**400)),
        *(as_json(FULL | {"accuracy": {"float": value}}) for value in (1.1, -0.1, float("nan"), "x", 10**400)),
    ],
    ids=lambda content: repr(content[:24]),
)
def test_what_is_no_report(content: bytes, tmp_path: Path) -> None:
    assert not taken(tmp_path, content)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a|b", "a\nb", "=cmd|' /C calc'!A0", "../../x", "\x1b[31m", "é😀", '"', "'"]
)
def test_designs_of_any_name_stay_text(name: str, tmp_path: Path) -> None:
    """A report may come from anywhere: names in it are shown, not obeyed, and never name a file."""
    if not taken(tmp_path, as_json(FULL | {"design": name})):
        return
    out = tmp_path / "out"
    comparison = compare([Report.load(tmp_path), full_report().model_copy(update={"design": "other"})])
    written = comparison.write(out)
    assert all(path.parent == out for path in written)
    assert {path.name.split("/")[0] for path in tmp_path.iterdir()} == {"report.json", "out"}


def test_a_folder_a_device_and_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    assert "no readable report" in str(stated(lambda: Report.load(tmp_path)))
    (tmp_path / "loop").symlink_to("loop")
    assert stated(lambda: Report.load(tmp_path / "loop")) is not None
    for path in ("a\0b", "x" * 600, "\ud800"):
        assert stated(lambda path=path: Report.load(path)) is not None
