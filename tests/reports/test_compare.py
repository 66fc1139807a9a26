# SPDX-License-Identifier: Apache-2.0
"""Comparisons: figures with sources, ratios only where fair, and the same content in all forms."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dietcnn_hls.errors import ConfigError, OutputError
from dietcnn_hls.lowered import Operations
from dietcnn_hls.reports.compare import Comparison, compare, compare_folders
from dietcnn_hls.reports.metrics import METRIC_KEYS, Figure
from dietcnn_hls.reports.model import Accuracy, Activity, BitExact, Latency, LayerReport, Memory, Report, Resources, Timing

CARRY = "yosys 0.23/carry"


def design(**changes: object) -> Report:
    base = Report(
        design="lookup",
        network="lenet5",
        method="dietcnn",
        dataset="mnist",
        part="xc7z020clg400-1",
        clock_ns=5.0,
        io_type="io_stream",
        folding={"conv1": {"pe": 6, "simd": 5}},
        accuracy=Accuracy(trained=0.98, csim=0.9891, n_test=10_000),
        bit_exact={"csim_vs_keras": BitExact(samples=10_000, mismatches=0)},
        operations=Operations(additions=1000, lookups=1000),
        memory=Memory(weight_bits=2048),
        latency=Latency(cycles=4000, interval=1500, source="rtl_simulation"),
        resources=Resources(lut=7000, ff=3000, dsp=0, bram18=12, source=CARRY),
        timing=Timing(period_ns=8.0, fmax_mhz=125.0, latency_ns=32_000.0, source="sta yosys 0.70/xc7-1.0"),
        activity=Activity(toggles_per_inference=1.0e6, source="rtl_activity"),
    )
    return base.model_copy(update=changes)


def twin(**changes: object) -> Report:
    standard = {
        "design": "twin",
        "method": "fixed_point",
        "accuracy": Accuracy(csim=0.9903, n_test=10_000),
        "operations": Operations(additions=1000, multiplications=1000),
        "resources": Resources(lut=28_000, ff=6000, dsp=0, bram18=16, source=CARRY),
        "activity": Activity(toggles_per_inference=4.0e6, source="rtl_activity"),
    }
    return design(**(standard | changes))


def test_fair_twins_get_ratios() -> None:
    comparison = compare([design(), twin()])
    assert comparison.twin == "twin"
    assert comparison.differences == ()
    row, other = comparison.rows
    assert row.figures["lut"] == Figure(7000, CARRY)
    assert row.figures["accuracy"] == Figure(0.9891, "csim, 10,000 images")
    assert row.figures["additions"] == Figure(1000, "counted")
    assert row.ratios == {
        "accuracy": -0.0012,
        "lut": 0.25,
        "ff": 0.5,
        "bram18": 0.75,
        "cycles": 1.0,
        "interval": 1.0,
        "period_ns": 1.0,
        "fmax_mhz": 1.0,
        "latency_ns": 1.0,
        "multiplications": 0.0,
        "additions": 1.0,
        "weight_bits": 1.0,
        "toggles": 0.25,
    }
    assert other.ratios == {}


def test_absent_figures_have_no_entry_and_zero_twins_no_ratio() -> None:
    row = compare([design(), twin()]).rows[0]
    assert "uram" not in row.figures and "energy" not in row.figures
    assert row.figures["dsp"].value == 0 and "dsp" not in row.ratios


@pytest.mark.parametrize(
    ("changes", "said", "lost", "kept"),
    [
        ({"network": "vgg11"}, "network (lenet5 against vgg11)", set(METRIC_KEYS), set()),
        ({"dataset": "digits"}, "dataset (mnist against digits)", {"accuracy", "toggles"}, {"lut", "interval"}),
        ({"accuracy": Accuracy(csim=0.99, n_test=1000)}, "test images (10000 against 1000)", {"accuracy"}, {"lut"}),
        ({"part": "xc7z010clg400-1"}, "part (xc7z020clg400-1 against xc7z010clg400-1)", {"lut"}, {"accuracy", "toggles"}),
        ({"clock_ns": 10.0}, "clock, ns (5.0 against 10.0)", {"ff", "cycles"}, {"accuracy"}),
        ({"io_type": "io_parallel"}, "io_type (io_stream against io_parallel)", {"lut", "interval"}, {"accuracy"}),
        ({"folding": None}, "folding ({", {"lut", "interval", "toggles"}, {"accuracy", "additions"}),
        (
            {"resources": Resources(lut=9, source="yosys 0.23/default")},
            "tool and flow of resources (yosys 0.23/carry against yosys 0.23/default)",
            {"lut"},
            {"interval", "accuracy"},
        ),
        (
            {"timing": Timing(period_ns=4.0, fmax_mhz=250.0, latency_ns=9.0, source="sta yosys 0.70/xc7-2.0")},
            "tool of timing (sta yosys 0.70/xc7-1.0 against sta yosys 0.70/xc7-2.0)",
            {"period_ns", "latency_ns"},
            {"lut", "cycles"},
        ),
        (
            {"latency": Latency(cycles=9, source="estimate")},
            "tool of latency (rtl_simulation against estimate)",
            {"cycles", "latency_ns"},
            {"lut", "accuracy"},
        ),
        (
            {"activity": Activity(toggles_per_inference=1, source="rtl_activity", weight="fan-out")},
            "weighting of toggles (not stated against fan-out)",
            {"toggles"},
            {"lut"},
        ),
    ],
)
def test_unfair_ratios_are_withheld_and_said(changes: dict[str, object], said: str, lost: set[str], kept: set[str]) -> None:
    comparison = compare([design(), twin(**changes)])
    ratios = set(comparison.rows[0].ratios)
    assert ratios & lost == set()
    assert ratios >= kept
    (difference,) = comparison.differences
    assert said in str(difference)
    assert said.split(" (")[0] in comparison.render("md")
    with pytest.raises(ConfigError, match=r"Not a fair comparison\. lookup and twin differ in"):
        compare([design(), twin(**changes)], strict=True)


def test_same_flow_said_twice_is_no_difference() -> None:
    flowed = Resources(lut=1, source=CARRY, flow="carry")
    assert compare([design(), twin(resources=flowed)]).differences == ()


def test_a_difference_that_colours_nothing_is_not_reported() -> None:
    accuracy = Accuracy(csim=0.9, n_test=10_000, images={"csim": 10_000})
    bare = Report(design="bare", network="lenet5", method="m", accuracy=accuracy, dataset="mnist")
    assert compare([bare, twin()]).differences == ()


def test_twin_by_name_and_repeated_names() -> None:
    comparison = compare([twin(), design(), design()], twin="twin")
    assert [row.name for row in comparison.rows] == ["twin", "lookup", "lookup #2"]
    assert comparison.rows[2].ratios["lut"] == 0.25
    assert compare([design()]).twin is None
    with pytest.raises(ConfigError, match=r"No report of a design 'twim'.* Did you mean 'twin'"):
        compare([twin(), design()], twin="twim")
    with pytest.raises(ConfigError, match="Nothing to compare"):
        compare([])


def test_the_design_that_multiplies_is_the_twin() -> None:
    assert compare([twin(), design(), design(design="b")]).twin == "twin"
    assert compare([twin(), twin(design="other"), design()]).twin == "lookup"


def layered(**changes: object) -> Report:
    layers = [
        LayerReport(name=name, kind="linear", method="dietcnn", resources=Resources(lut=lut, source=CARRY))
        for name, lut in (("conv1", 100), ("conv2", 400))
    ]
    return design(layers=(*layers, LayerReport(name="pool", kind="max_pool")), **changes)


def test_layers_meet_the_layers_of_the_twin() -> None:
    halves = [LayerReport(name="conv2", kind="linear", resources=Resources(lut=1600, source=CARRY))]
    comparison = compare([layered(), twin(layers=tuple(halves))], layers=True)
    named = [(row.layer.name if row.layer else "", row.name, dict(row.ratios)) for row in comparison.rows]
    assert named == [
        ("conv1", "lookup", {}),
        ("conv2", "lookup", {"lut": 0.25}),
        ("conv2", "twin", {}),
        ("pool", "lookup", {}),
    ]
    lines = comparison.render("md").splitlines()
    assert lines[0] == "| layer | kind | design | method | LUT |"
    assert f"| conv2 | linear | lookup | dietcnn | 400 ({CARRY}), 0.25× |" in lines
    assert "| pool | max_pool | lookup | dietcnn | — |" in lines
    row = list(csv.DictReader(io.StringIO(comparison.render("csv"))))[1]
    assert (row["layer"], row["kind"], row["lut_ratio"]) == ("conv2", "linear", "0.25")
    assert json.loads(comparison.render("json"))["designs"][1]["layer"] == "conv2"
    _, page = _page(comparison, [])
    assert "0.25×" in page.text
    with pytest.raises(ConfigError, match="report of twin has no layers"):
        compare([layered(), twin()], layers=True)


def test_layer_differences_are_said_once() -> None:
    (difference,) = compare([layered(), layered(design="other", part="xc7z010clg400-1")], layers=True).differences
    assert "lookup and other differ in part" in str(difference)


def test_write_all_forms_and_plots(tmp_path: Path) -> None:
    comparison = compare([design(), twin()])
    paths = comparison.write(tmp_path / "out")
    names = ["resources.png", "accuracy.png", "pareto.png", *(f"comparison.{form}" for form in ("md", "csv", "json", "html"))]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert (tmp_path / "out" / "comparison.md").read_text() == comparison.render("md")
    assert (tmp_path / "out" / "comparison.html").read_text().count("data:image/png") == 3
    bare = compare([design(resources=None, latency=None)]).write(tmp_path / "bare")
    assert [path.suffix for path in bare] == [".md", ".csv", ".json", ".html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write the comparison"):
        comparison.write(tmp_path / "file")


def test_unknown_form() -> None:
    with pytest.raises(ConfigError, match=r"Unknown format 'markdown' .* Known: csv, html, json, md"):
        compare([design()]).render("markdown")


def test_folders(tmp_path: Path) -> None:
    for report in (design(), twin()):
        (tmp_path / report.design).mkdir()
        report.save(tmp_path / report.design)
    folders = [tmp_path / "lookup", tmp_path / "twin"]
    assert compare_folders(folders) == compare([design(), twin()])
    with pytest.raises(ConfigError, match="No report at"):
        compare_folders([*folders, tmp_path])


def test_markdown_prints_sources_beside_figures() -> None:
    other = Resources(lut=14_000, ff=3000, source="yosys 0.23/default")
    lines = compare([design(other_resources=(other,)), twin()]).render("md").splitlines()
    assert lines[0] == "|  | lookup | ÷ twin | twin (twin) |"
    assert "| Accuracy | 98.91 % (csim, 10,000 images) | -0.12 points | 99.03 % (csim, 10,000 images) |" in lines
    assert f"| LUT | 7,000 ({CARRY}) | 0.25× | 28,000 ({CARRY}) |" in lines
    assert "| URAM | — | — | — |" in lines
    assert "| Multiplications | 0 (counted) | 0× | 1,000 (counted) |" in lines
    assert "| Toggles per inference | 1,000,000 (rtl_activity) | 0.25× | 4,000,000 (rtl_activity) |" in lines
    assert any(line.startswith("| bit_exact | csim_vs_keras: 0 of 10,000 differ |") for line in lines)
    assert lines[-1] == "- lookup through yosys 0.23/default: 14,000 LUT, 3,000 FF."
    table = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {5}


def test_short_form_has_a_line_a_design_and_names_every_source() -> None:
    other = twin(latency=Latency(cycles=9, interval=8, source="estimate"), memory=None)
    assert compare([design(), other]).render("short").splitlines() == [
        "| design | method | Accuracy | LUT | FF | DSP | BRAM18 | Interval, cycles | Table bits | Weight bits |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| lookup | dietcnn | 98.91 % | 7,000 | 3,000 | 0 | 12 | 1,500 (rtl_simulation) | — | 2,048 |",
        "| twin | fixed_point | 99.03 % | 28,000 | 6,000 | 0 | 16 | 8 (estimate) | — | — |",
        "",
        "Sources. Accuracy: csim, 10,000 images; LUT, FF, DSP, BRAM18: yosys 0.23/carry; Weight bits: counted.",
    ]
    named = compare([layered(), layered(design="twin", method="fixed_point")], layers=True).render("short")
    assert "| lookup conv1 | dietcnn |" in named


def test_markdown_escapes_names() -> None:
    lines = compare([design(design="a|b\n<c>")]).render("md").splitlines()
    assert lines[0] == "|  | a\\|b &lt;c> |"


def test_csv_is_unrounded_and_complete() -> None:
    rows = list(csv.DictReader(io.StringIO(compare([design(), twin()]).render("csv"))))
    assert [row["design"] for row in rows] == ["lookup", "twin"]
    assert (rows[0]["lut"], rows[0]["lut_source"], rows[0]["lut_ratio"]) == ("7000", CARRY, "0.25")
    assert (rows[0]["accuracy"], rows[0]["accuracy_difference"]) == ("0.9891", "-0.0012")
    assert (rows[0]["uram"], rows[0]["uram_source"], rows[0]["uram_ratio"]) == ("", "", "")
    assert rows[0]["multiplications"] == "0"
    assert set(METRIC_KEYS) < set(rows[0])


def test_json_leaves_absent_figures_out() -> None:
    data = json.loads(compare([design(), twin(part="xc7z010clg400-1")]).render("json"))
    assert data["twin"] == "twin"
    first = data["designs"][0]
    assert first["folding"] == {"conv1": {"pe": 6, "simd": 5}}
    assert first["bit_exact"] == {"csim_vs_keras": {"samples": 10_000, "mismatches": 0}}
    assert first["figures"]["lut"] == {"value": 7000, "source": CARRY}
    assert first["figures"]["accuracy"] == {"value": 0.9891, "source": "csim, 10,000 images", "difference": -0.0012}
    assert "uram" not in first["figures"]
    assert len(data["differences"]) == 1
    assert "null" not in compare([design(dataset=None)]).render("json")


class _Page(HTMLParser):
    """Collects text, tags left open and references to the outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.outside += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def _page(comparison: Comparison, pictures: list[tuple[str, bytes]]) -> tuple[str, _Page]:
    text = comparison.to_html(pictures)
    page = _Page()
    page.feed(text)
    assert page.open == []
    return text, page


def test_html_is_self_contained_and_escaped() -> None:
    evil = "<script>alert(1)</script>"
    comparison = compare([design(design=evil), twin(part="xc7z010clg400-1")])
    text, page = _page(comparison, [(evil, b"\x89PNG")])
    assert "<script>" not in text and "alert(1)</script>" not in text
    assert evil in page.text
    assert page.outside == ["data:image/png;base64,iVBORw=="]
    assert "28,000" in page.text and CARRY in page.text and "—" in page.text
    assert any("differ in part" in item for item in page.text)
    assert text == comparison.to_html([(evil, b"\x89PNG")])


def test_html_of_one_design() -> None:
    _, page = _page(compare([design()]), [])
    assert "ratio" not in page.text
    assert "7,000" in page.text
