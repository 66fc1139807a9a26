# SPDX-License-Identifier: Apache-2.0
"""Plots come out as the same bytes every time, show every design, and say why they cannot be drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dietcnn_hls.errors import ConfigError, OutputError
from dietcnn_hls.reports import plots
from dietcnn_hls.reports.compare import Comparison, compare
from dietcnn_hls.reports.model import Accuracy, Latency, Report, Resources


def sweep() -> Comparison:
    reports = []
    for method, lane in (("lookup", 20), ("fixed", 110)):
        for interval in (560, 1122, 1500, 5600):
            reports.append(
                Report(
                    design=f"{method}_{interval}",
                    network="n",
                    method=method,
                    accuracy=Accuracy(csim=0.98, n_test=100),
                    latency=Latency(cycles=2 * interval, interval=interval, source="rtl_simulation"),
                    resources=Resources(lut=1500 + lane * (416_520 // interval), dsp=0, source="yosys 0.23/carry"),
                )
            )
    return compare(reports)


def _bars(comparison: Comparison) -> bytes:
    return plots.draw_all(comparison)["resources"]


DRAWINGS = {"resources": plots.plot_resources, "accuracy": plots.plot_accuracy, "pareto": plots.plot_pareto}


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_equal_reports_give_equal_bytes(name: str, tmp_path: Path) -> None:
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        first = DRAWINGS[name](sweep(), tmp_path / f"first{suffix}")
        second = DRAWINGS[name](sweep(), tmp_path / f"second{suffix}")
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes().startswith(magic)
    assert not list(tmp_path.glob(".*"))
    svg = (tmp_path / "first.svg").read_text()
    assert "<dc:date>" not in svg and "Matplotlib v" not in svg


def test_a_changed_figure_changes_the_picture(tmp_path: Path) -> None:
    comparison = sweep()
    data = _bars(comparison)
    assert data == _bars(sweep())
    report = comparison.rows[0].report.model_copy(update={"resources": Resources(lut=1, source="vivado")})
    assert _bars(compare([report, *(row.report for row in comparison.rows[1:])])) != data


def test_svg_names_designs_and_sources(tmp_path: Path) -> None:
    """Text is drawn as paths, with the characters kept in comments."""
    text = plots.plot_resources(sweep(), tmp_path / "bars.svg").read_text()
    for row in sweep().rows:
        assert f"<!-- {row.name} (yosys 0.23/carry) -->" in text
    assert "<!-- LUT -->" in text and "<!-- DSP: 0 in all designs -->" in text and "<!-- DSP -->" not in text
    text = plots.plot_pareto(sweep(), tmp_path / "front.svg").read_text()
    assert "(rtl_simulation)" in text
    assert "<!-- fixed -->" in text and "<!-- lookup -->" in text


def test_pareto_front() -> None:
    points = [(3.0, 1.0), (1.0, 5.0), (2.0, 5.0), (2.0, 3.0), (4.0, 1.0), (1.0, 6.0)]
    assert plots.pareto_front(points) == [(1.0, 5.0), (2.0, 3.0), (3.0, 1.0)]
    assert plots.pareto_front([]) == []


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    bare = compare([Report(design="d", network="n", method="m")])
    assert plots.draw_all(bare) == {}
    with pytest.raises(ConfigError, match="No design has resource figures"):
        plots.plot_resources(bare, tmp_path / "a.png")
    with pytest.raises(ConfigError, match="No design has both Lookups and Accuracy"):
        plots.plot_accuracy(bare, tmp_path / "a.png", cost="lookups")
    with pytest.raises(ConfigError, match=r"Unknown metric 'luts' to draw.* Did you mean 'lut'"):
        plots.plot_accuracy(sweep(), tmp_path / "a.png", cost="luts")
    with pytest.raises(
        ConfigError, match=r"cannot show a value of 0; drop .* or draw another metric than Interval, cycles and DSP"
    ):
        plots.plot_pareto(sweep(), tmp_path / "a.png", y="dsp")
    with pytest.raises(ConfigError, match=r"must end in \.png or \.svg"):
        plots.plot_pareto(sweep(), tmp_path / "a.pdf")
    with pytest.raises(OutputError, match="Cannot write the plot"):
        plots.plot_pareto(sweep(), tmp_path / "none" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_reports_import_neither_matplotlib_nor_jinja2() -> None:
    code = (
        "import sys, dietcnn_hls.reports, dietcnn_hls.reports.compare, dietcnn_hls.reports.model;"
        "print(sorted({'matplotlib', 'jinja2', 'tensorflow', 'hls4ml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
