"""report: one HTML page of a run, to send round."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.commands.output import DONE, keep_file, print_json, say
from assistant.commands.runs import DatabaseOption, RunArgument
from assistant.commands.schema import AsJson
from assistant.session import Workspace
from tools.files import write_atomically


def register(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    run: RunArgument = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page.")] = Path("report.html"),
    database: DatabaseOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite a page that is there.")] = False,
    as_json: AsJson = False,
) -> int:
    """Write a page of a run: what changed, proof, metrics, durations, approvals and by whom, backups, pictures."""
    from assistant.execution import database_of
    from tools.report.collect import collect
    from tools.report.page import render

    keep_file(output, yes)
    workspace = Workspace()
    facts = collect(workspace.store, database_of(workspace, database, run), workspace.home, run)
    write_atomically(output, render(facts))
    if as_json:
        print_json("report", {"run": facts.run.id, "file": str(output), "proven": facts.proof.ok})
    else:
        say(f"wrote {output}: run {facts.run.id}")
    return DONE
