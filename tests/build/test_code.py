# SPDX-License-Identifier: Apache-2.0
"""Keys of the package's own code: all of it for what is generated, what training imports for trained models."""

from __future__ import annotations

from pathlib import Path

import pytest

import dietcnn_hls
from dietcnn_hls.build import code

PACKAGE = Path(dietcnn_hls.__file__).parent
ROOMS = ("methods/", "training/", "data/")


def relative(paths: list[Path]) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in paths}


def test_training_follows_from_all_that_it_imports() -> None:
    files = relative(code.training_files())
    assert {path.relative_to(PACKAGE).as_posix() for room in ROOMS for path in (PACKAGE / room).rglob("*.py")} <= files
    assert {"lowered/graph.py", "lowered/kernel.py", "lowered/arithmetic.py"} <= files
    assert {"__init__.py", "errors.py", "integers.py", "atomic.py", "progress.py", "validation.py"} <= files
    assert any(file.startswith("methods/encodingnet/encoders/") for file in files), "shipped encoders decide what is trained"


def test_training_does_not_follow_from_hardware_and_reports() -> None:
    files = relative(code.training_files())
    assert not [file for file in files if file.startswith(("rtl/", "build/", "api", "cli", "tools/yosys/"))]


@pytest.mark.parametrize(
    "text, module, found",
    [
        ("import dietcnn_hls.a.b", "dietcnn_hls.m", {"dietcnn_hls.a.b"}),
        ("from dietcnn_hls import a", "dietcnn_hls.m", {"dietcnn_hls", "dietcnn_hls.a"}),
        ("def f():\n    from dietcnn_hls.a import b", "dietcnn_hls.m", {"dietcnn_hls.a", "dietcnn_hls.a.b"}),
        ("from . import b", "dietcnn_hls.a.c", {"dietcnn_hls.a", "dietcnn_hls.a.b"}),
        ("from .b import c", "dietcnn_hls.a", {"dietcnn_hls.a.b", "dietcnn_hls.a.b.c"}),
        ("if TYPE_CHECKING:\n    from dietcnn_hls import a", "dietcnn_hls.m", set()),
        ("import numpy, hls4ml.model", "dietcnn_hls.m", set()),
    ],
)
def test_imports_are_read_from_the_source(
    text: str, module: str, found: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ("__init__.py" if module == "dietcnn_hls.a" else "m.py")
    file.write_text(text)
    monkeypatch.setattr(code, "_origin", lambda name: file)
    code._imported.cache_clear()
    assert set(code._imported(module)) == found
    code._imported.cache_clear()


def test_the_whole_package_and_its_templates_are_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Touching any file changes it: the key is that of two folders, of which `content_key` reads every file."""
    folders = {"dietcnn_hls": tmp_path / "package", "dietcnn_hls.templates": tmp_path / "templates"}
    for folder in folders.values():
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "m.py").write_text("x = 1")
    monkeypatch.setattr(code, "_folder", folders.__getitem__)
    keys = set()
    for touched in (None, *folders.values()):
        if touched is not None:
            (touched / "sub" / "m.py").write_text(f"x = 2  # {touched}")
        code.package_key.cache_clear()
        keys.add(code.package_key())
    code.package_key.cache_clear()
    assert len(keys) == 3


def test_versions_name_what_computes() -> None:
    assert {"python", "dietcnn_hls", "numpy", "hls4ml"} <= set(code.versions())
