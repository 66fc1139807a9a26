# SPDX-License-Identifier: Apache-2.0
"""``docs/adding_a_method.md`` is true: its files exist for every method, its names exist, and nothing else names a method."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import lowered, methods
from dietcnn_hls.methods import base
from tests import kernels
from tests.kernels import folders, of_folder
from tests.streams import stream

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_a_method.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| (.*) \|$", PAGE, re.MULTILINE)
FILES = {path: what for path, what in ROWS if "/" in path or path == "setup.cfg"}
PATHS = sorted(set(re.findall(r"`((?:dietcnn_hls|docs|projects|templates|tests)/[\w./<>*]+)`", PAGE)))


@pytest.mark.parametrize("folder", folders())
def test_every_method_has_the_files_that_the_page_lists(folder: str) -> None:
    assert len(FILES) == 12
    for path, what in FILES.items():
        if "optional" not in what:
            assert list(ROOT.glob(path.replace("<name>", folder))), f"{folder} has no {path}"
    assert f"dietcnn_hls.methods.{folder}\n" in (ROOT / "setup.cfg").read_text()


@pytest.mark.parametrize("folder", folders())
def test_the_templates_are_where_the_page_says(folder: str) -> None:
    for example in of_folder(folder).values():
        rng = np.random.default_rng(0)
        source = stream(rng)
        while not example.accepts(source):
            source = stream(rng)
        kernel = example.draw(rng, source, 2, 4, 4)
        assert (
            re.fullmatch(r"nnet_kernel_\w+\.h", kernel.hls().header) and (ROOT / "templates/hls" / kernel.hls().header).exists()
        )
        if example.hardware:
            module = kernel.rtl().module
            assert module.startswith("kernel_") and (ROOT / "templates/rtl" / f"{module}.sv").exists()


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_page_exists(path: str) -> None:
    pattern = path.replace("<name>", "*")
    assert list(ROOT.glob(pattern)), path


def test_every_member_of_a_kernel_stands_on_the_page() -> None:
    """The table of members is that of `Kernel`, but for what its shape says."""
    members = {name for name in vars(lowered.Kernel) if not name.startswith("_")} - {"outputs", "taps"} | {"method"}
    listed = {name for row, _ in ROWS for name in re.findall(r"\w+", row)} | {
        name for cells in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", cells)
    }
    assert members <= listed, members - listed


@pytest.mark.parametrize(
    "module, names",
    [
        (lowered, ("Kernel", "LaneKernel", "DecodingKernel")),
        (base, ("Scheme", "LinearSpec", "MethodOptions", "Method")),
        (methods, ("register",)),
        (kernels, ("Example",)),
    ],
)
def test_the_names_of_the_page_exist(module: object, names: tuple[str, ...]) -> None:
    for name in names:
        assert name in PAGE and hasattr(module, name), name


@pytest.mark.parametrize("folder", folders())
def test_each_file_offers_what_the_page_says(folder: str) -> None:
    def part(name: str) -> object:
        return importlib.import_module(f"dietcnn_hls.methods.{folder}.{name}")

    method = importlib.import_module(f"dietcnn_hls.methods.{folder}").METHOD
    assert isinstance(method, base.Method) and method.name == folder
    own = f"dietcnn_hls.methods.{folder}."
    assert all(kernel.__module__.startswith(own) and kernel.method == folder for kernel in method.kernels)
    assert inspect.getmodule(method.kernels[0]) is part("kernel")
    assert all(inspect.getmodule(scheme) is part("scheme") for scheme in method.schemes)
    assert part("reader").QUANTIZERS  # type: ignore[attr-defined]
    assert callable(part("lowering").lower)  # type: ignore[attr-defined]
    assert all(field.description for field in method.options.model_fields.values())
    source = (ROOT / "dietcnn_hls" / "methods" / folder / "training.py").read_text()
    assert re.search(r"^KERAS = ", source, re.MULTILINE)


def test_only_training_needs_tensorflow() -> None:
    """Everything else of every method is imported where TensorFlow cannot be."""
    names = [f"dietcnn_hls.methods.{f}{part}" for f in folders() for part in ("", ".kernel", ".scheme", ".lowering", ".reader")]
    code = f"import sys, importlib\nsys.modules['tensorflow'] = None\nfor name in {names!r}: importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_other_module_names_a_method() -> None:
    """Outside its folder no module of the package imports a method or spells its kernels; words for users may name it."""
    own = re.compile(rf"dietcnn_hls\.methods\.({'|'.join(folders())})\b")
    classes = [kernel.__name__ for method in methods.available().values() for kernel in method.kernels]
    for path in sorted((ROOT / "dietcnn_hls").rglob("*.py")):
        place = path.relative_to(ROOT / "dietcnn_hls").parts
        if place[0] == "methods" and place[1] in folders():
            continue
        if place == ("methods", "products.py"):  # the door of models that name no method, by which any other could stand
            continue
        text = path.read_text()
        assert not own.search(text), f"{path}: {own.search(text)}"
        assert not [name for name in classes if re.search(rf"\b{name}\b", text)], path
