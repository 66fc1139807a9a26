# SPDX-License-Identifier: Apache-2.0
"""What is shipped: every package listed, every template inside, and the wheel works from any folder."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setuptools import find_packages

from dietcnn_hls.lowered.storage import save_graph
from tests.graphs import random_graph

ROOT = Path(__file__).parent.parent


def listed_packages() -> list[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return sorted(setup["options"]["packages"].split())


def test_every_package_is_listed() -> None:
    found = ["dietcnn_hls", "dietcnn_hls.templates", *(f"dietcnn_hls.{p}" for p in find_packages(str(ROOT / "dietcnn_hls")))]
    assert listed_packages() == sorted(found)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    subprocess.run(command, cwd=folder / "source", check=True, timeout=300)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_template(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("dietcnn_hls/templates/")}
    tracked = subprocess.run(["git", "ls-files", "templates"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert inside == {f"dietcnn_hls/{name}" for name in tracked.split() if (ROOT / name).is_file()}


def test_the_wheel_builds_a_design_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    save_graph(random_graph(11), tmp_path / "g.npz")
    code = (
        "import dietcnn_hls; assert 'site' in dietcnn_hls.__file__, dietcnn_hls.__file__\n"
        "report = dietcnn_hls.convert_and_build('g.npz', 'out', synthesis='none')\n"
        "print(report.design)"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "random_net\n"
    assert (tmp_path / "out" / "report.json").exists()


def constraint_files() -> list[Path]:
    return sorted((ROOT / "constraints").glob("py*.txt"))


def test_no_file_carries_an_address_of_a_registry_or_machine() -> None:
    for path in constraint_files():
        assert "://" not in path.read_text() and " @ " not in path.read_text()


def test_every_python_that_is_promised_has_its_versions() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    classified = re.findall(r"Python :: 3\.(\d+)", setup["metadata"]["classifiers"])
    assert [path.name for path in constraint_files()] == [f"py3{minor}.txt" for minor in classified]


@pytest.mark.parametrize("path", constraint_files(), ids=lambda path: path.stem)
def test_the_versions_of_a_python_fulfil_the_requirements(path: Path) -> None:
    """What setup.cfg pins for a Python is what its constraints hold."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pairs = (line.split("==") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pairs}
    extras = setup["options.extras_require"]
    chosen = ("qkeras", "onnx", "rtl", "explore", "test")
    listed = "\n".join([setup["options"]["install_requires"], *(extras[name] for name in chosen)])
    for line in filter(None, listed.splitlines()):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"python_version": f"3.{path.stem.removeprefix('py3')}"}):
            assert versions.get(canonicalize_name(wanted.name)) in wanted.specifier, line
