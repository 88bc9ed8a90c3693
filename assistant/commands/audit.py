"""audit: is the log of approvals and results as it was written; a copy of it for elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from assistant.commands.output import DIFFERENCES, DONE, keep_file, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace
from tools.files import write_atomically

app = typer.Typer(help="The chained log: verify, export.", rich_markup_mode=None, no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="audit")


@app.command("verify")
def verify(
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FILE", help="A copy made by `audit export`, kept elsewhere.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Look for tampered rows in the log and in the ledger of approvals. Exit code 2 when there are any."""
    from knowledge.audit import audit

    found = audit(Workspace().store, against)
    if as_json:
        print_json("audit", {"ok": found.ok, **asdict(found)})
    else:
        for finding in found.findings:
            print(finding)
        if found.ok:
            print(f"{found.events} events, {found.proposals} proposals and {found.approvals} approvals are in order")
            print(f"head {found.head}")
    return DONE if found.ok else DIFFERENCES


@app.command("export")
def export(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write it to this file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite an output file that is there.")] = False,
    as_json: AsJson = False,
) -> int:
    """The whole log, one event a line: what was proposed, by whom approved, its SQL, how it ended."""
    from knowledge.audit import export_lines
    from knowledge.events import Events, event_to_json

    store = Workspace().store
    keep_file(output, yes)
    if output:
        write_atomically(output, "".join(f"{line}\n" for line in export_lines(store)))
        say(f"wrote {output}")
    if as_json:
        print_json("audit_export", {"events": [event_to_json(event) for event in Events(store).read()]})
    elif not output:
        for line in export_lines(store):
            print(line)
    return DONE
