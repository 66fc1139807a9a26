# SPDX-License-Identifier: Apache-2.0
"""Commands that methods contribute: ``COMMANDS`` of a ``commands.py`` in a method's folder, found as the methods are."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

import click

from dietcnn_hls import methods


@cache
def contributed() -> dict[str, click.Command]:
    """All commands of methods, by name."""
    folders = [info.name for info in pkgutil.iter_modules(methods.__path__) if info.ispkg]
    having = [name for name in sorted(folders) if any((Path(path) / name / "commands.py").is_file() for path in methods.__path__)]
    modules = [importlib.import_module(f"{methods.__name__}.{name}.commands") for name in having]
    return {command.name: command for module in modules for command in module.COMMANDS}


class MethodCommands(click.Group):
    """A group of commands that offers the methods' beside its own; they are imported when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *contributed()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or contributed().get(cmd_name)
