# SPDX-License-Identifier: Apache-2.0
"""Runs the notebooks of docs/notebooks and keeps what they print: `make notebooks`. A cell that fails ends with its error.

Each runs in an empty folder of its own. What differs from run to run (times, addresses of objects) is not printed by them,
and the notebook's own notes of times are dropped, so that a second run changes a file only where a result has changed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
SECONDS = 1800


def run(path: Path) -> None:
    """Run a notebook and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = output.text.replace(folder, ".")
        cell.outputs = (
            [one for one in cell.get("outputs", []) if one.get("name") != "stderr"] if cell.cell_type == "code" else None
        )
        if cell.cell_type != "code":
            del cell["outputs"]
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(notebook, path)


def main(names: list[str]) -> None:
    """Run the named notebooks, all without names."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    for path in [FOLDER / name for name in names] or sorted(FOLDER.glob("*.ipynb")):
        print(path.name, flush=True)
        run(path)


if __name__ == "__main__":
    main(sys.argv[1:])
