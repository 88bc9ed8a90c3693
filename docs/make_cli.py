"""Write docs/cli.md from the code, so that it cannot say anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from assistant.cli import app

TARGET = Path(__file__).with_name("cli.md")
HEAD = """# The command line

Made from the code by `make docs`. Exit codes: 0 done · 1 error · 2 differences, findings, open questions ·
3 approval needed and not given · 4 refused · 64 wrong usage · 130 interrupted. `--version`, `--quiet` and
`--log-file FILE` go with every command; with `--json` stdout holds one document
`{"schema_version": 1, "kind": …, "data": …}`.
"""


def render() -> str:
    """The whole page."""
    root: Any = typer.main.get_command(app)
    return "\n".join([HEAD, *_commands(root, ["oneplan"])]) + "\n"


def _commands(group: Any, path: list[str]) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, [*path, name])
        else:
            yield from _command(command, [*path, name])


def _command(command: Any, path: list[str]) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    words = " ".join(_argument(argument) for argument in arguments)
    yield f"## `{' '.join(path)}{' ' + words if words else ''}`\n"
    yield f"{(command.help or '').strip()}\n"
    for argument in arguments:
        if argument.help:
            yield f"- {_argument(argument)}: {argument.help}"
    for option in options:
        value = "" if option.is_flag else f" {option.metavar or 'VALUE'}"
        yield f"- `{', '.join(option.opts)}{value}`: {option.help or ''}".rstrip()
    yield ""


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
