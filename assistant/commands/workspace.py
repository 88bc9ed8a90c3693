"""init and doctor: a workspace, and whether all in it is set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.commands.output import DONE, ERROR, keep_file, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace
from tools.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("doctor")(doctor)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of the workspace.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite an oneplan.toml that is there.")] = False,
) -> int:
    """Write oneplan.toml and .oneplan/ into a folder."""
    from assistant.settings import FILE_NAME, TEMPLATE, load_settings

    path = folder / FILE_NAME
    keep_file(path, yes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    home = Workspace(load_settings(folder.resolve())).home
    say(f"wrote {path} and {home}: name the schema that you have and the one that you want in {FILE_NAME}")
    return DONE


def doctor(as_json: AsJson = False) -> int:
    """Tell whether the store, the model, the embedded Postgres and the settings are in order."""
    from assistant.doctor import examine

    findings = examine(Workspace())
    if as_json:
        print_json("doctor", {"checks": [finding.as_json() for finding in findings]})
    else:
        for finding in findings:
            print(finding)
    return DONE if all(finding.ok for finding in findings) else ERROR
