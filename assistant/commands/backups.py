"""backups: what was kept before the steps that write, and restoring one."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.commands.output import DONE, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace

app = typer.Typer(help="Backups: list, restore.", rich_markup_mode=None, no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="backups")


@app.command("list")
def list_all(as_json: AsJson = False) -> int:
    """The backups of this workspace, newest first."""
    from tools.migrate.backup import list_backups

    backups = list_backups(Workspace().home)
    if as_json:
        print_json("backups", {"backups": [backup.as_json() for backup in backups]})
    else:
        from assistant.console import print_backups

        print_backups(backups)
    return DONE


@app.command("restore")
def restore(
    backup_id: Annotated[str, typer.Argument(metavar="ID", help="A backup's id.")],
    database: Annotated[str | None, typer.Option("--database", metavar="URL")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Consent to it here.")] = False,
    allow: Annotated[str | None, typer.Option("--allow", metavar="HAZARD,…", help="Hazards you accept.")] = None,
    as_json: AsJson = False,
) -> int:
    """Put a backup back. Rows written since are lost: it carries DELETES_DATA."""
    from assistant.consent import approval_for, parse_consent
    from tools.migrate.restore import Restore

    workspace = Workspace()
    consent = parse_consent(yes, allow)
    with Restore(backup_id, workspace.database(database), home=workspace.home, ledger=workspace.ledger,
                 actor=workspace.actor) as restoring:  # fmt: skip
        result = restoring.execute(approval_for(workspace, restoring.action(), consent))
    if as_json:
        print_json("restore", result.as_json())
    else:
        say(f"restored {backup_id}")
    return DONE
