# SPDX-License-Identifier: Apache-2.0
"""Reports survive the disk unchanged, say absent by leaving out, and refuse what they cannot mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from dietcnn_hls.errors import ConfigError, OutputError
from dietcnn_hls.lowered import Operations
from dietcnn_hls.reports.model import (
    Accuracy,
    Activity,
    BitExact,
    EnergyModel,
    Latency,
    LayerReport,
    Memory,
    Report,
    Resources,
    Timing,
    yosys_source,
)

TIMING = Timing(
    period_ns=13.41,
    fmax_mhz=74.6,
    slack_ns=-8.41,
    logic_ns=8.43,
    net_ns=4.98,
    levels=14,
    from_="conv2_window.lead",
    to="conv2_kernel.sum[3]",
    clock_ns=13.41,
    source="sta yosys 0.70/xc7-1.0",
    error="none",
)


def full_report() -> Report:
    """Every key of the schema, with a measured zero among them."""
    resources = Resources(lut=7000, ff=3000, dsp=0, bram18=12, uram=0, source="yosys 0.23/carry", flow="carry")
    operations = Operations(additions=416_520, lookups=416_520)
    return Report(
        design="lenet_8x4",
        network="lenet5",
        method="dietcnn",
        dataset="mnist",
        part="xc7z020clg400-1",
        clock_ns=5.0,
        io_type="io_stream",
        folding={"target_interval": 1500, "layers": {"conv1": {"pe": 6, "simd": 5}}},
        accuracy=Accuracy(float_=0.9903, trained=0.9891, reference=0.9891, csim=0.9891, rtl=0.9891, n_test=10_000),
        bit_exact={"csim_vs_keras": BitExact(samples=10_000, mismatches=0)},
        operations=operations,
        memory=Memory(table_bits=0, weight_bits=122_000),
        latency=Latency(cycles=4000, interval=1500, source="rtl_simulation"),
        timing=TIMING.with_cycles(Latency(cycles=4000, interval=1500, source="rtl_simulation")),
        resources=resources,
        other_resources=(resources.model_copy(update={"source": "yosys 0.23/default", "flow": "default"}),),
        activity=Activity(toggles_per_inference=1.5e6, source="rtl_activity", samples=100, weight="none"),
        energy_model=EnergyModel(relative=3.0e5, source="model"),
        layers=(LayerReport(name="conv1", kind="conv2d", method="dietcnn", output_shape=(28, 28, 6)),),
        timings_s={"train": 12.5},
        versions={"hls4ml": "1.3.0"},
        seed=0,
    )


def test_round_trip_through_the_disk(tmp_path: Path) -> None:
    report = full_report()
    path = report.save(tmp_path)
    assert path == tmp_path / "report.json"
    assert Report.load(tmp_path) == Report.load(path) == report
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    report.save(tmp_path / "second.json")
    assert path.read_bytes() == (tmp_path / "second.json").read_bytes()


def test_keys_are_those_of_the_design(tmp_path: Path) -> None:
    data = json.loads(full_report().to_json())
    assert list(data)[:9] == [
        "schema", "design", "network", "method", "dataset", "part", "clock_ns", "io_type", "folding",
    ]  # fmt: skip
    assert data["schema"] == 1
    assert set(data["accuracy"]) == {"float", "trained", "reference", "csim", "rtl", "n_test"}
    assert set(data["operations"]) == {"multiplications", "additions", "lookups", "shifts", "comparisons"}
    assert set(data["resources"]) == {"lut", "ff", "dsp", "bram18", "uram", "source", "flow"}
    assert set(data["activity"]) >= {"toggles_per_inference", "source"}
    assert data["timing"] == {
        "period_ns": 13.41, "fmax_mhz": 74.6, "slack_ns": -8.41, "logic_ns": 8.43, "net_ns": 4.98, "levels": 14,
        "from": "conv2_window.lead", "to": "conv2_kernel.sum[3]", "clock_ns": 13.41, "latency_ns": 53_640.0,
        "interval_ns": 20_115.0, "inferences_per_s": 49_714.1, "source": "sta yosys 0.70/xc7-1.0", "error": "none",
    }  # fmt: skip
    assert data["energy_model"] == {"relative": 3.0e5, "source": "model"}


def test_absent_is_left_out_and_measured_zero_stays() -> None:
    report = Report(
        design="d",
        network="n",
        method="m",
        accuracy=Accuracy(),
        layers=(LayerReport(name="a", kind="flatten", memory=Memory()),),
        resources=Resources(bram18=0, source="estimate"),
        operations=Operations(),
    )
    data = json.loads(report.to_json())
    assert set(data) == {"schema", "design", "network", "method", "layers", "resources", "operations"}
    assert data["layers"] == [{"name": "a", "kind": "flatten"}]
    assert data["resources"] == {"bram18": 0, "source": "estimate"}
    assert data["operations"]["multiplications"] == 0
    assert "null" not in report.to_json()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"schema": 2}, r"schema 2; this version reads 1\. Update dietcnn_hls"),
        ({"schema": 0}, r"schema 0; this version reads 1\. Build the design again"),
        ({"schema": True}, "schema True"),
        ({"latency": {"cycles": 5}}, r"latency\.source: Field required"),
        ({"latency": {"cycles": 5, "source": "rtl_simulatoin"}}, "Did you mean 'rtl_simulation'"),
        ({"latency": {"cycles": 5, "source": "yosys 0.23/carry"}}, "unknown source"),
        ({"resources": {"lut": 5, "source": "rtl_simulation"}}, "unknown source 'rtl_simulation'"),
        ({"resources": {"lut": 5, "source": "yosys"}}, "unknown source 'yosys'"),
        ({"resources": {"lut": 5, "source": "yosys 0.23/carry", "flow": "default"}}, "contradicts source"),
        ({"resources": {"lut": -1, "source": "vivado"}}, r"resources\.lut: .*greater than or equal to 0"),
        ({"resources": {"lut": 1.5, "source": "vivado"}}, r"resources\.lut: .*valid integer"),
        ({"resources": {"luts": 1, "source": "vivado"}}, r"resources\.luts: unknown key"),
        ({"timing": {"period_ns": 5.0, "fmax_mhz": 200.0, "source": "estimate"}}, "unknown source 'estimate'"),
        ({"timing": {"period_ns": 0.0, "fmax_mhz": 200.0, "source": "vivado"}}, r"timing\.period_ns: .*greater than 0"),
        ({"activity": {"toggles_per_inference": 1, "source": "model"}}, "unknown source 'model'"),
        ({"energy_model": {"relative": 1, "source": "rtl_activity"}}, "unknown source 'rtl_activity'"),
        ({"accuracy": {"csim": 98.9}}, r"accuracy\.csim: .*less than or equal to 1"),
        ({"accuracy": {"csim": None}}, r"'accuracy\.csim' is null\. A figure that was not measured is left out"),
        ({"layers": [{"name": "a", "kind": None}]}, r"'layers\.0\.kind' is null"),
        ({"operations": {"multiplication": 1}}, "Did you mean 'multiplications'"),
        ({"operations": 5}, "expected counts by kind"),
        ({"bit_exact": {"csim": {"samples": 1, "mismatches": 0}}}, "pattern"),
        ({"bit_exact": {"csim_vs_keras": {"samples": 1, "mismatches": 2}}}, "2 mismatches among 1 samples"),
        ({"method": ""}, "method: .*at least 1 character"),
    ],
)
def test_bad_reports_are_refused_by_key(change: dict[str, object], text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(json.loads(full_report().to_json()) | change))
    with pytest.raises(ConfigError, match=text):
        Report.load(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [("[1]", "has no 'schema'"), ("{}", "has no 'schema'"), ("{", "no readable report"), ("NaN", "has no 'schema'")],
)
def test_other_files_are_refused(content: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=text):
        Report.load(path)


def test_missing_and_unwritable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No report at .*Build the design first"):
        Report.load(tmp_path)
    with pytest.raises(OutputError, match="Cannot write the report"):
        full_report().save(tmp_path / "no" / "folder" / "report.json")


def test_nan_never_enters() -> None:
    with pytest.raises(ValidationError):
        EnergyModel(relative=float("nan"), source="model")


def test_layer_by_name() -> None:
    assert full_report().layer("conv1").kind == "conv2d"
    with pytest.raises(ConfigError, match=r"no layer 'conv'.*Did you mean 'conv1'"):
        full_report().layer("conv")


def test_yosys_source() -> None:
    assert yosys_source("0.70.0.0.post1259", "carry") == "yosys 0.70.0.0.post1259/carry"
    with pytest.raises(ConfigError, match="no Yosys version and flow"):
        yosys_source("carry", "0.23")


def test_time_is_told_of_cycles_that_are_known() -> None:
    assert TIMING.with_cycles(None) == TIMING
    only_latency = TIMING.with_cycles(Latency(cycles=10, source="estimate"))
    assert (only_latency.latency_ns, only_latency.interval_ns, only_latency.inferences_per_s) == (134.1, None, None)
    assert TIMING.with_cycles(Latency(cycles=0, interval=0, source="estimate")).inferences_per_s is None
