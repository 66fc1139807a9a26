# SPDX-License-Identifier: Apache-2.0
"""Keys of this package's own code: what was made by other code than this is stale.

Generated files and results of simulations follow from the whole package, in which no module is known to be without effect. A
trained model costs minutes to hours, so it follows from what its training imports, found in the source itself.
"""

from __future__ import annotations

import ast
import importlib.util
import platform
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dietcnn_hls.atomic import content_key

PACKAGE = "dietcnn_hls"
TRAINERS = ("data", "methods", "training")
"""Rooms that train; see `training_key`."""

_LIBRARIES = (PACKAGE, "hls4ml", "numpy", "tensorflow-cpu", "qkeras", "alkaid")


@cache
def package_key() -> str:
    """Content key of all code and templates of this package, and of the versions of the libraries that it computes with."""
    return content_key(_folder(PACKAGE), _folder(f"{PACKAGE}.templates"), versions())


@cache
def training_key() -> str:
    """Content key of the code that can change a trained model: the trainers' rooms and all that they import."""
    return content_key({str(path.relative_to(_folder(PACKAGE))): path for path in training_files()})


def training_files() -> list[Path]:
    """The files that `training_key` stands for."""
    root = _folder(PACKAGE)
    rooms = [path for room in TRAINERS for path in sorted((root / room).rglob("*.py"))]
    modules = closure(_module_name(root, path) for path in rooms)
    files = {path for module in modules if (path := _origin(module)) is not None}
    for package in (path.parent for path in list(files) if path.name == "__init__.py" and path.parent != root):
        files |= {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    return sorted(files)


def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that decide what it computes."""
    found = {name: _version(name) for name in _LIBRARIES}
    return {"python": platform.python_version()} | {name: text for name, text in found.items() if text}


def closure(modules: Iterable[str]) -> set[str]:
    """These modules of this package and all of it that they import, in functions too, with the packages that hold them."""
    found: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in found and _origin(name) is not None:
            found.add(name)
            todo += [name.rpartition(".")[0]] if "." in name else []
            todo += _imported(name)
    return found


@cache
def _imported(module: str) -> tuple[str, ...]:
    """Names in this package that a module imports; some may be of functions, which are no modules."""
    path = _origin(module)
    assert path is not None
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for statement in _run_time_imports(ast.parse(path.read_bytes())):
        if isinstance(statement, ast.Import):
            names += [alias.name for alias in statement.names]
        else:
            base = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)
            names += [base, *(f"{base}.{alias.name}" for alias in statement.names)]
    return tuple(name for name in names if name.split(".")[0] == PACKAGE)


def _run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        else:
            yield from _run_time_imports(child)


@cache
def _origin(module: str) -> Path | None:
    """The file of a module of this package, found without importing it; None where there is no such module."""
    root = _folder(PACKAGE)
    path = root.joinpath(*module.split(".")[1:])
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _module_name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join((PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)))


@cache
def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


__all__ = ["closure", "package_key", "training_files", "training_key", "versions"]
