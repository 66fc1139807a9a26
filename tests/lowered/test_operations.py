# SPDX-License-Identifier: Apache-2.0
"""No code asks which operation it has before it: what one is stands in its class, how a target treats it in a registry."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dietcnn_hls
from dietcnn_hls.lowered import OPERATIONS, Operation

PACKAGE = Path(dietcnn_hls.__file__).parent


def names(node: ast.AST) -> set[str]:
    """All names in an expression, attributes included."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    }


def questions(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """(line, names) of whatever compares a type or a kind: isinstance, issubclass, match, ``type(x) is``, ``.kind ==``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
            yield node.lineno, names(node.args[1])
        elif isinstance(node, ast.MatchClass):
            yield node.lineno, names(node.cls)
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Call) and names(side.func) & {"type"} for side in sides):
                yield node.lineno, names(node)
            if any(isinstance(side, ast.Attribute) and side.attr == "kind" and "op" in names(side) for side in sides):
                yield node.lineno, {"op.kind"}


def test_nobody_asks_for_the_type_of_an_operation() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line} asks for {', '.join(sorted(asked))}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, asked in questions(ast.parse(path.read_text(encoding="utf-8")))
        if asked & {*OPERATIONS, "op.kind"}
    ]
    assert found == []


def test_the_question_is_recognised() -> None:
    text = (
        "isinstance(node.op, Linear | MaxPool)\n"
        "type(op) is Encode\n"
        "match op:\n    case Add():\n        pass\n"
        "node.op.kind == 'add'\n"
        "issubclass(kind, lowered.Reshape)\n"
    )
    asked = [line for line, found in questions(ast.parse(text)) if found & {*OPERATIONS, "op.kind"}]
    assert sorted(asked) == [1, 2, 4, 6, 7]


def test_every_operation_has_a_kind_of_its_own_and_says_what_it_does() -> None:
    kinds = [operation.kind for operation in OPERATIONS.values()]
    assert len(set(kinds)) == len(kinds)
    for operation in OPERATIONS.values():
        assert issubclass(operation, Operation) and operation.__doc__ and operation.arity in (0, 1, 2)
