"""board: the task board, in the store; its Markdown file is a projection."""

from __future__ import annotations

import typer

app = typer.Typer(help="The task board.", rich_markup_mode=None, no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="board")
