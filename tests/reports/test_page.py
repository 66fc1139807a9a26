# SPDX-License-Identifier: Apache-2.0
"""The page in a browser: it draws from a file, without a network and without a word on the console, and says what reports say."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import ToolError
from dietcnn_hls.reports import page
from dietcnn_hls.reports.compare import Comparison, compare, compare_folders
from dietcnn_hls.reports.metrics import METRICS
from dietcnn_hls.reports.model import Report
from tests.graphs import random_codes, random_graph
from tests.reports.test_compare import design, layered, twin

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LARGEST = 5_000_000


@pytest.fixture(scope="session")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        if os.environ.get("DIETCNN_REQUIRE_TOOLS") == "1":
            pytest.fail("no Chromium: apt install chromium")
        pytest.skip("no Chromium")
    return found


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two builds, with what they left beside their reports."""
    folder = tmp_path_factory.mktemp("builds")
    graph = random_graph(11)
    x = random_codes(graph, 20, 1)
    for name, folding in (("slim", None), ("fast", 20)):
        convert_and_build(graph, folder / name, x_test=x / 256.0, synthesis="none", folding=folding, name=name)
    return compare_folders([folder / "slim", folder / "fast"])


def opened(browser: str, text: str, folder: Path, *, width: int = 1200, after: str = "") -> str:
    """The page as the browser has it once it is drawn and `after`, a script, has run; nothing may stand on the console."""
    file = folder / "page.html"
    last = f"const go = () => document.documentElement.dataset.ready ? (() => {{ {after} }})() : setTimeout(go, 50); go();"
    script = f'<script type="text/javascript">{last}</script></body>'
    file.write_text(text.replace("</body>", script) if after else text)
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-logging=stderr"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--virtual-time-budget=60000"]
    done = subprocess.run([browser, *options, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=300)
    said = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert said == [], said
    assert 'data-ready="yes"' in done.stdout
    return done.stdout


class _Figures(HTMLParser):
    """Figures of the table of designs: (metric, design) -> (text, source)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, int], tuple[str, str]] = {}
        self._at: tuple[str, int] | None = None
        self._source = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "td":
            self._at = (given["data-key"] or "", int(given["data-design"] or 0)) if "data-design" in given else None
        if given.get("class") == "figure" and self._at is not None:
            self._source = given.get("data-source") or ""

    def handle_data(self, data: str) -> None:
        if self._at is not None and self._source and data.strip():
            self.found[self._at] = (data.strip(), self._source)
            self._source = ""


def number(text: str) -> float:
    return float(text.removesuffix(" %").replace(",", "")) / (100 if text.endswith("%") else 1)


def test_the_page_says_what_the_reports_say(comparison: Comparison) -> None:
    parsed = _Figures()
    parsed.feed(comparison.render("html"))
    wanted = {
        (metric.key, i): row.figures[metric.key]
        for metric in METRICS
        for i, row in enumerate(comparison.rows)
        if metric.key in row.figures
    }
    assert set(parsed.found) == set(wanted) and len(wanted) > 10
    for place, figure in wanted.items():
        text, source = parsed.found[place]
        assert source == figure.source
        assert np.isclose(number(text), figure.value, rtol=1e-3, atol=5e-5), "figures of the page are rounded, no more"
        if isinstance(figure.value, int):
            assert text == f"{figure.value:,}"


def test_it_draws_everything_and_says_nothing_on_the_console(browser: str, comparison: Comparison, tmp_path: Path) -> None:
    text = comparison.render("html")
    assert len(text.encode()) < LARGEST
    drawn = opened(browser, text, tmp_path)
    for name in ("front-plot", "layers-plot", "activations-before", "activations-after"):
        assert re.search(rf'<div[^>]*id="{name}"[^>]*>.*?class="main-svg"', drawn, re.S), name
    report = comparison.rows[0].report
    diagram = drawn[drawn.index('id="design-plot"') : drawn.index('id="folding"')]
    assert diagram.count('class="block') == len(report.layers or ()) and f">{report.layers[0].name}<" in diagram  # type: ignore[index]
    shown = re.sub(r"<script.*?</script>", "", drawn, flags=re.S)
    assert '{"' not in html.unescape(shown), "no raw JSON is shown"
    assert "://" not in "".join(re.findall(r'(?:src|href)="([^"]*)"', shown)), "nothing is fetched"


def test_controls_change_what_is_drawn_on_a_phone(browser: str, comparison: Comparison, tmp_path: Path) -> None:
    after = """
      const say = (key, value) => document.documentElement.setAttribute("data-said-" + key, value);
      const pick = (label, value) => {
        const select = document.querySelector(`select[aria-label="${label}"]`);
        select.value = value;
        select.dispatchEvent(new Event("change"));
      };
      say("wide", document.documentElement.scrollWidth <= innerWidth);
      pick("across", "cycles"); say("axis", document.getElementById("front-plot").layout.xaxis.title.text);
      pick("show", "busy"); say("bars", document.getElementById("layers-plot").data.length);
      const ground = () => getComputedStyle(document.body).backgroundColor;
      const one = ground(); document.querySelector('[aria-label="dark or light"]').click(); say("turned", one !== ground());
    """
    drawn = opened(browser, comparison.render("html"), tmp_path, width=500, after=after)
    said = dict(re.findall(r'data-said-(\w+)="([^"]*)"', drawn))
    assert said == {"wide": "true", "axis": "Latency, cycles", "bars": "2", "turned": "true"}


def test_any_report_is_drawn(browser: str, tmp_path: Path) -> None:
    """Names that are markup, layers without figures, nothing beside the reports, figures that only one design has."""
    evil = '<img src=x onerror="console.error(1)"></script><script>console.error(2)</script>${1}'
    several = [layered(design=evil, network=evil), design(resources=None, latency=None, timing=None), twin(activity=None)]
    text = compare(several).render("html")
    assert evil not in text
    drawn = opened(browser, text, tmp_path)
    assert "the report was compared without the folder of its build" in drawn


def test_a_page_of_one_design_and_equal_pages_of_equal_reports() -> None:
    assert compare([design()]).render("html") == compare([design()]).render("html")
    layers = compare([layered(), layered(design="b")], layers=True).render("html")
    assert "<script" not in layers and len(layers) < 50_000


def test_folding_is_a_table_and_sources_have_letters() -> None:
    text = compare([design(), twin(folding={"target_interval": 500, "layers": {"conv1": {"pe": 2, "simd": 3}}})]).render("html")
    rows = re.findall(r"<tr><th scope=\"row\">conv1</th>.*?</tr>", text, re.S)
    assert "PE 6, SIMD 5" in rows[0] and "PE 2, SIMD 3" in rows[0] and "target interval 500" in text
    assert re.search(r"<dt>a</dt><dd>csim, 10,000 images</dd>", text)
    assert "cells after synthesis by Yosys" in text
    marks = page._Sources()
    assert [marks.mark(str(i)) for i in range(28)][25:] == ["z", "aa", "ab"] and marks.mark("25") == "z"


def test_without_plotly_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)
    page._bundle.cache_clear()
    try:
        with pytest.raises(ToolError, match=r"the page needs Plotly .*; pip install plotly"):
            compare([design()]).render("html")
    finally:
        page._bundle.cache_clear()


def test_reports_keep_their_folders_and_stay_equal_without(tmp_path: Path) -> None:
    for report in (design(), twin()):
        (tmp_path / report.design).mkdir()
        report.save(tmp_path / report.design)
    folders = [tmp_path / "lookup", tmp_path / "twin" / "report.json"]
    found = compare_folders(folders)
    assert [row.folder for row in found.rows] == [tmp_path / "lookup", tmp_path / "twin"]
    assert found == compare([Report.load(folder) for folder in folders])
