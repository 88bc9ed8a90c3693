"""Giving up backups that nobody will go back to: by approval, since what they hold is then gone for good."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from knowledge.approvals import Action, Ledger
from tools.errors import BackupFailed, UsageError
from tools.migrate.backup import Backup, list_backups
from tools.plan.model import Hazard

KEPT_RUNS = 3
"""Runs of each database whose backups stay, the latest first."""


def prunable(home: Path, *, keep: int = KEPT_RUNS, older_than: timedelta | None = None) -> tuple[Backup, ...]:
    """The backups of all but the latest `keep` runs of each database, oldest first; only those older than that.

    The latest run's always stay: an unfinished run is the latest, and its way back may need them.
    """
    if keep < 1:
        raise UsageError("at least the latest run of each database keeps its backups: --keep takes 1 or more")
    backups = list_backups(home)
    kept = {run for target in {backup.target for backup in backups} for run in _latest_runs(backups, target)[:keep]}
    before = datetime.now(UTC) - older_than if older_than is not None else None
    return tuple(
        backup for backup in backups
        if backup.run not in kept and (before is None or datetime.fromisoformat(backup.at) < before)
    )  # fmt: skip


def prune_action(backups: Sequence[Backup]) -> Action:
    """What is asked for: exactly these backups, by their content."""
    size = sum(backup.bytes for backup in backups)
    summary = f"delete {len(backups)} backup{'' if len(backups) == 1 else 's'} ({size:,} bytes)"
    named = {"backups": {backup.id: backup.sha256 for backup in backups}, "folder": _folder(backups)}
    return Action("prune_backups", summary, named, hazards=(str(Hazard.IRREVERSIBLE),))


def prune(
    backups: Sequence[Backup], approval_id: str, *, ledger: Ledger, actor: str, thread: str = ""
) -> tuple[str, ...]:
    """Delete them; the ids of those deleted. Raises ApprovalRefused, or BackupFailed where one cannot be deleted."""
    with ledger.claimed(approval_id, prune_action(backups), actor=actor, thread=thread):
        for backup in backups:
            _delete(Path(backup.folder))
    return tuple(backup.id for backup in backups)


def _latest_runs(backups: Sequence[Backup], target: str) -> list[str]:
    """The runs on one database, by their last backup, the latest first."""
    return list(dict.fromkeys(backup.run for backup in reversed(backups) if backup.target == target))


def _folder(backups: Sequence[Backup]) -> str:
    return str(Path(backups[0].folder).parents[1]) if backups else ""


def _delete(folder: Path) -> None:
    """Out of the way by one rename, so that a process killed half way leaves no half a backup that looks whole."""
    gone = folder.with_name(f".{folder.name}.tmp")
    try:
        folder.rename(gone)
        shutil.rmtree(gone)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    except OSError as error:
        raise BackupFailed(f"{folder} cannot be deleted: {error.strerror}") from error
