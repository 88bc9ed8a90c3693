"""backups: what was kept before the steps that write, restoring one, and deleting those no longer needed."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.commands.output import DONE, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace

app = typer.Typer(help="Backups: list, restore, prune.", rich_markup_mode=None, no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="backups")


@app.command("list")
def list_all(as_json: AsJson = False) -> int:
    """The backups of this workspace, newest first."""
    from tools.migrate.backup import list_backups, unreadable_backups

    home = Workspace().home
    backups, damaged = list_backups(home), unreadable_backups(home)
    for sentence in damaged:
        say(sentence)
    if as_json:
        print_json("backups", {"backups": [backup.as_json() for backup in backups], "damaged": list(damaged)})
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
    from tools.migrate.restore_lost import LostFile, lost

    workspace, consent = Workspace(), parse_consent(yes, allow)
    place = workspace.database(database)
    means = {"home": workspace.home, "ledger": workspace.ledger, "actor": workspace.actor}
    if why := lost(place):
        file = LostFile(backup_id, place, why, **means)
        result = file.execute(approval_for(workspace, file.action(), consent))
    else:
        with Restore(backup_id, place, **means) as restoring:
            result = restoring.execute(approval_for(workspace, restoring.action(), consent))
    if as_json:
        print_json("restore", result.as_json())
    else:
        say(f"restored {backup_id}")
    return DONE


@app.command("prune")
def prune(
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="Runs of each database that keep theirs.")] = 3,
    days: Annotated[int | None, typer.Option("--older-than", metavar="DAYS", help="Only those older.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Consent to it here.")] = False,
    allow: Annotated[str | None, typer.Option("--allow", metavar="HAZARD,…", help="Hazards you accept.")] = None,
    as_json: AsJson = False,
) -> int:
    """Delete the backups of all but the latest runs. They are gone for good: it carries IRREVERSIBLE."""
    from datetime import timedelta

    from assistant.asking import ask_action
    from assistant.consent import approval_for, parse_consent
    from tools.migrate import prune as pruning

    workspace, consent = Workspace(), parse_consent(yes, allow)
    found = pruning.prunable(workspace.home, keep=keep, older_than=None if days is None else timedelta(days=days))
    if found and not dry_run:
        action = pruning.prune_action(found)
        approval = approval_for(workspace, action, consent, lambda proposal: ask_action(workspace, proposal))
        pruning.prune(found, approval, ledger=workspace.ledger, actor=workspace.actor)
    if as_json:
        print_json("prune", {"dry_run": dry_run, "backups": [backup.as_json() for backup in found]})
    else:
        say(f"{'would delete' if dry_run else 'deleted'} {len(found)}: {', '.join(b.id for b in found) or 'none'}")
    return DONE
