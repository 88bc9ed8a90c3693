"""Putting a backup back: the whole database as it was, or the rows of single tables."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.approvals import Action, Ledger
from tools.errors import UsageError
from tools.migrate.backend import Backend
from tools.migrate.backup import Backup, check_file, find_backup
from tools.migrate.differences import schema_text
from tools.migrate.journal import Journal, now
from tools.migrate.open import open_backend
from tools.migrate.record import Entry, Run, applied_steps
from tools.migrate.session import Session
from tools.plan.model import Hazard
from tools.schema.digest import schema_digest


def restore_whole(backend: Backend, backup: Backup) -> None:
    """Make the database what the backup holds; the journal stays as it is now. At once or not at all.

    Raises BackupFailed when the backup is damaged, DatabaseError when the engine refuses.
    """
    check_file(backup)
    if backup.dialect != backend.dialect:
        raise UsageError(
            f"backup {backup.id} is of a {backup.dialect} database, {backend.location} is {backend.dialect}"
        )
    if backend.dialect == "postgres":
        from tools.migrate.restore_postgres import restore_dump

        restore_dump(backend, backup)
        return
    _replace_file(backend, backup)


def _replace_file(backend: Backend, backup: Backup) -> None:
    """The backup's copy is given today's journal first: so the exchange of one for the other can be a single act."""
    from tools.migrate.duckdb import DuckDBBackend
    from tools.migrate.sqlite import SQLiteBackend

    assert isinstance(backend, (SQLiteBackend, DuckDBBackend))
    journal = Journal(backend)
    dump = journal.dump() if journal.exists() else None
    with tempfile.TemporaryDirectory(prefix=".oneplan-restore-", dir=backend.path.parent) as folder:
        copy = Path(folder) / backend.path.name
        shutil.copyfile(backup.path, copy)
        if dump is not None:
            with closing(open_backend(f"{backend.dialect}:///{copy}")) as restored, restored.transaction():
                Journal(restored).put_back(dump)
        backend.replace_by(copy)


@dataclass(frozen=True)
class Restored:
    """What a restore put back. steps: the steps of the run that no longer stand applied."""

    backup: str
    tables: tuple[str, ...]
    steps: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"backup": self.backup, "tables": list(self.tables), "steps": list(self.steps)}


class Restore(Session):
    """Put one backup back by approval, a context manager that holds the database's lock.

    A whole backup brings the database to where it stood when it was made: rows written since are lost, and the steps
    applied since no longer stand. A backup of single tables brings back their rows, as long as they have the columns
    they had. Raises SourceError for an unknown id, UsageError for a backup of another database.
    """

    def __init__(
        self, backup_id: str, database: str, *, ledger: Ledger | None, home: Path, actor: str, thread: str = ""
    ) -> None:  # fmt: skip
        super().__init__(database, ledger=ledger, home=home, actor=actor, thread=thread)
        self.backup = find_backup(home, backup_id)

    def action(self) -> Action:
        """What is asked for. It always carries DELETES_DATA: what was written since is lost."""
        arguments = {"backup": self.backup.id, "sha256": self.backup.sha256, "target": self.backend.location}
        digest = schema_digest(self.backend.schema())
        what = "the whole database" if self.backup.whole else ", ".join(table.table for table in self.backup.tables)
        summary = f"restore {what} as of {self.backup.at} from backup {self.backup.id}"
        return Action("restore_backup", summary, arguments, (), digest, (str(Hazard.DELETES_DATA),))

    def execute(self, approval_id: str) -> Restored:
        """Raises ApprovalRefused, BackupFailed or DatabaseError; then the database is as it was."""
        self.backend.check_lock()
        action = self.action()
        permit = self.authority.take(approval_id, action, self.run_id, self.backend)
        try:
            steps = self._restore(permit.approval_id)
        except BaseException as error:
            permit.record("failed", str(error) or type(error).__name__)
            raise
        permit.record("done")
        return Restored(self.backup.id, tuple(table.table for table in self.backup.tables), steps)

    def _begin(self) -> None:
        if self.backup.target != self.backend.location:
            raise UsageError(f"backup {self.backup.id} is of {self.backup.target}, not of {self.backend.location}")
        runs = [run for run in self.journal.runs() if run.id == self.backup.run]
        self.run, self.run_id = (runs[0], runs[0].id) if runs else (None, self.backup.run)

    def _restore(self, approval_id: str) -> tuple[str, ...]:
        if not self.backup.whole:
            restore_tables(self.backend, self.backup)
            return ()
        restore_whole(self.backend, self.backup)
        if self.run is None:
            return ()
        with self.backend.transaction():
            return self._unwind(self.run, approval_id)

    def _unwind(self, run: Run, approval_id: str) -> tuple[str, ...]:
        """The steps that were applied after the backup are gone with it: the journal must say so."""
        entries = self.entries()
        since = next((e.number for e in entries if e.backup == self.backup.id), 0)
        standing = applied_steps(entries)
        gone = [step for step in standing if any(e.step == step and e.number >= since for e in entries)]
        number = max((entry.number for entry in entries), default=0)
        for entry in entries:
            if entry.begun:
                self.journal.set_entry(entry, "failed")
        for place, step in enumerate(reversed(gone), 1):
            self.journal.begin_entry(_undone(run.id, number + place, step, f"{approval_id}/{place}", self.backup.id))
        schema = self.backend.schema()
        state = "running" if len(gone) < len(standing) else "rolled_back"
        self.journal.set_run(run.id, state, schema_digest(schema), schema_text(schema))
        return tuple(gone)


def restore_tables(backend: Backend, backup: Backup) -> None:
    """Bring back the rows of single tables. UsageError when one is not there or has other columns than it had."""
    check_file(backup)
    if backend.dialect == "postgres":
        from tools.migrate.restore_postgres import restore_rows

        restore_rows(backend, backup)
        return
    from tools.migrate.restore_files import restore_rows

    restore_rows(backend, backup)


def _undone(run: str, number: int, step: str, approval: str, backup: str) -> Entry:
    return Entry(
        run=run, number=number, step=step, direction="restore", step_digest="", approval=approval, action="{}",
        state="done", started=now(), finished=now(), seconds=0.0, rows=0, before="", after="", schema_after="",
        cursor=None, last=None, done=0, total=0, backup=backup,
    )  # fmt: skip
