"""A whole backup in the place of a database file that is gone, or damaged so that the engine does not open it.

The other restores go by the open database: its lock, its journal, its schema. Here the backup's own journal holds, as
of when the backup was made; what was done since is done again by `apply`.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from knowledge.approvals import Action, Ledger
from tools.errors import DatabaseError, Refused, SourceError, UsageError
from tools.location import parse_location
from tools.migrate.backup import check_file, find_backup
from tools.migrate.filelock import executor_lock
from tools.migrate.open import open_backend
from tools.migrate.permit import LedgerPermit
from tools.migrate.restore import Restored
from tools.plan.model import Hazard

_BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery", "-wal", "-shm", "-journal")
"""What the engines keep beside their file: of no use to another file in its place, and harmful."""


def lost(database: str) -> str:
    """Why the database's file cannot be opened (`is not there`), "" when it can or is no file."""
    place = parse_location(database)
    if place.kind not in ("sqlite", "duckdb"):
        return ""
    if not place.path.exists():
        return "is not there"
    try:
        with closing(open_backend(database, read_only=True)) as backend:
            backend.schema()
    except (DatabaseError, SourceError) as error:
        return f"cannot be read ({error})"
    return ""


class LostFile:
    """Put a backup in the place of a database that is `lost`, by approval.

    Raises SourceError for an unknown id, UsageError for a backup of another database or one of single tables.
    """

    def __init__(self, backup_id: str, database: str, why: str, *, ledger: Ledger, home: Path, actor: str) -> None:
        self._database, self._why, self._ledger, self._actor = database, why, ledger, actor
        self.path = parse_location(database).path.resolve()
        self.backup = find_backup(home, backup_id)
        location = f"{parse_location(database).kind}:///{self.path}"
        if self.backup.target != location:
            raise UsageError(f"backup {self.backup.id} is of {self.backup.target}, not of {location}")
        if not self.backup.whole:
            raise UsageError(f"{self.path} {why}, and backup {self.backup.id} is not of the whole database")

    def action(self) -> Action:
        """What is asked for. What was written since the backup is lost: it always carries DELETES_DATA."""
        arguments = {"backup": self.backup.id, "sha256": self.backup.sha256, "target": self.backup.target}
        summary = f"put backup {self.backup.id} of {self.backup.at} in the place of {self.path}, which {self._why}"
        return Action("restore_backup", summary, arguments, (), self._why, (str(Hazard.DELETES_DATA),))

    def execute(self, approval_id: str) -> Restored:
        """What is left of the file stays beside it (`NAME.damaged`). Raises ApprovalRefused, BackupFailed, Refused."""
        with executor_lock(self.path):
            if not lost(self._database):
                raise Refused(f"{self.path} can be opened again: look at it, and ask anew")
            claim = self._ledger.claim(approval_id, self.action(), actor=self._actor, run=self.backup.run)
            permit = LedgerPermit(self._ledger, claim)
            try:
                self._exchange()
            except BaseException as error:
                permit.record("failed", str(error) or type(error).__name__)
                raise
            permit.record("done")
        return Restored(self.backup.id, tuple(table.table for table in self.backup.tables), ())

    def _exchange(self) -> None:
        check_file(self.backup)
        with tempfile.TemporaryDirectory(prefix=".oneplan-restore-", dir=self.path.parent) as folder:
            copy = Path(folder) / self.path.name
            shutil.copyfile(self.backup.path, copy)
            kept = self._free_name()
            for ending in _BESIDE:
                old = self.path.with_name(self.path.name + ending)
                if old.exists():
                    old.rename(kept.with_name(kept.name + ending))
            copy.replace(self.path)

    def _free_name(self) -> Path:
        names = (self.path.with_name(f"{self.path.name}.damaged{number or ''}") for number in range(1000))
        return next(name for name in names if not name.exists())
