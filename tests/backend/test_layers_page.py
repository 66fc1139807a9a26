# SPDX-License-Identifier: Apache-2.0
"""The page of layers says what the readers and registries say; `python -m tests.backend.test_layers_page` writes it anew."""

from __future__ import annotations

from pathlib import Path

from dietcnn_hls import rtl
from dietcnn_hls.backend.layers import LAYERS
from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS as EXACT
from dietcnn_hls.backend.readers.stock.arguments import ARGUMENTS, QUANTISED
from dietcnn_hls.lowered import OPERATIONS
from dietcnn_hls.rtl import design  # noqa: F401  # registers what it builds
from dietcnn_hls.rtl.builder import BUILDERS

PAGE = Path(__file__).parents[2] / "docs" / "layers.md"
BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"


def table() -> str:
    """One row a kind of layer."""
    lines = ["| layer | hls4ml's precisions | QKeras' form | exact against Keras | with a lookup method |", "|---" * 5 + "|"]
    kinds = dict.fromkeys((*ARGUMENTS, *(kind.removeprefix("Q") for kind in QUANTISED)))
    for kind in sorted(kinds):
        exact = [name for name in (kind, f"Q{kind}") if name in EXACT]
        cells = (
            "yes" if kind in ARGUMENTS else "",
            f"`Q{kind}`" if f"Q{kind}" in QUANTISED else "",
            ", ".join(f"`{name}`" for name in exact),
            f"`Lookup{kind}`" if f"Lookup{kind}" in EXACT else "",
        )
        lines.append(f"| `{kind}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table of now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def test_the_page_is_of_now() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "write it anew: python -m tests.backend.test_layers_page"


def test_every_operation_has_a_layer_and_rtl() -> None:
    """So that whatever is lowered is built: the page says it of all layers."""
    assert rtl is not None
    for operation in OPERATIONS.values():
        if operation.arity:
            assert operation in BUILDERS._entries, operation
        assert operation in LAYERS._entries, operation


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
