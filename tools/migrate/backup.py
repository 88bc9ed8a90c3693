"""Backups: made under another name, read back and checked, and only then given their own.

A folder a backup, in `home/backups/<run>/`: the data beside `manifest.json`. Before a run's first statement the whole
database is kept, before each step that writes data the tables that it touches, and the whole database again before a
step that no SQL can undo. Whatever goes wrong is BackupFailed, and the step does not start (law 8).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tools.errors import BackupFailed, OneplanError, SourceError, UsageError
from tools.migrate.backend import Backend
from tools.migrate.copier import copier
from tools.migrate.copies import Copied, Counted
from tools.migrate.journal import now
from tools.migrate.session import Session
from tools.plan.model import Step
from tools.schema.model import Table
from tools.schema.serial import schema_from_json, schema_to_json

MANIFEST = "manifest.json"
MARGIN = 1.1
"""Free space asked for, as a multiple of the bytes to be kept."""


@dataclass(frozen=True)
class Backup:
    """One backup. step: the step it was made before. whole: the database, not only some of its tables."""

    id: str
    run: str
    step: str
    target: str
    dialect: str
    whole: bool
    form: str
    file: str
    bytes: int
    sha256: str
    at: str
    tables: tuple[Counted, ...]
    folder: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder) / self.file

    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns that each kept table had."""
        data = json.loads((Path(self.folder) / MANIFEST).read_text(encoding="utf-8"))
        schema = schema_from_json(data["schema"])
        return {table.key: table.column_names for table in schema.tables}

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def back_up_step(session: Session, step: Step) -> str:
    """Make the backup that comes before a step, and give its id; "" when the step touches no table that is there."""
    schema = session.backend.schema()
    touched = [table for table in schema.tables if table.key in _touched(step)]
    first = not any(entry.backup for entry in session.entries())
    if first or not step.reversible:
        return back_up(session.backend, None, session.home, run=session.run_id, step=step.id).id
    if touched:
        return back_up(session.backend, touched, session.home, run=session.run_id, step=step.id).id
    return ""


def back_up(backend: Backend, tables: Sequence[Table] | None, home: Path, *, run: str, step: str) -> Backup:
    """Keep these tables, or the whole database (None). Raises BackupFailed; no half backup is left behind."""
    folder = home / "backups" / run
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.tmp"):  # of a process that was killed: nobody else backs up this run
            shutil.rmtree(left, ignore_errors=True)
        name = f"{max([int(path.name) for path in folder.iterdir() if path.name.isdigit()], default=0) + 1:03d}"
        temporary = folder / f".{name}.tmp"
        temporary.mkdir()
    except OSError as error:
        raise BackupFailed(
            f"no backup can be made in {folder}: {error.strerror}; step {step!r} was not started"
        ) from error
    try:
        backup = _make(backend, tables, temporary, f"{run}-{name}", run, step)
        _to_disk(*temporary.iterdir(), temporary)
        temporary.rename(folder / name)
        _to_disk(folder)
    except (OneplanError, OSError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise BackupFailed(f"the backup before step {step!r} failed: {error}; the step was not started") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return _placed(backup, folder / name)


def list_backups(home: Path) -> tuple[Backup, ...]:
    """All backups that are complete, oldest first. A folder without a manifest is none; one whose manifest is damaged
    is told by `unreadable_backups`, so that it does not stand in the way of the others."""
    found = (_read(path) for path in _manifests(home))
    kept = [backup for backup in found if isinstance(backup, Backup)]
    return tuple(sorted(kept, key=lambda backup: (backup.at, backup.id)))


def unreadable_backups(home: Path) -> tuple[str, ...]:
    """A sentence for each backup whose manifest cannot be read."""
    return tuple(str(found) for path in _manifests(home) if isinstance(found := _read(path), SourceError))


def find_backup(home: Path, backup_id: str) -> Backup:
    """The backup with that id; SourceError when there is none."""
    for backup in list_backups(home):
        if backup.id == backup_id:
            return backup
    damaged = "".join(f"; {sentence}" for sentence in unreadable_backups(home))
    raise SourceError(f"there is no backup {backup_id!r} in {home / 'backups'}: see `oneplan backups list`{damaged}")


def check_file(backup: Backup) -> None:
    """BackupFailed unless the backup's data are those that were checked when it was made."""
    try:
        digest = _sha256(backup.path)
    except OSError as error:
        raise BackupFailed(f"backup {backup.id} cannot be read: {error.strerror}") from error
    if digest != backup.sha256:
        raise BackupFailed(f"backup {backup.id} is damaged: {backup.path} is not the file that was checked")


def wanted_columns(backend: Backend, backup: Backup) -> dict[str, Sequence[str]]:
    """The columns to be written of each table of the backup, generated ones left out."""
    schema, kept = backend.schema(), backup.columns()
    found: dict[str, Sequence[str]] = {}
    for counted in backup.tables:
        table = schema.table(counted.table)
        if table is None or sorted(table.column_names) != sorted(kept[counted.table]):
            state = "is not there" if table is None else "has other columns now"
            raise UsageError(
                f"{counted.table} {state}: its rows alone cannot be put back; "
                "roll the steps back, or restore a whole backup"
            )
        found[counted.table] = [column.name for column in table.columns if column.generated is None]
    return found


def _make(
    backend: Backend, tables: Sequence[Table] | None, folder: Path, backup_id: str, run: str, step: str
) -> Backup:
    schema = backend.schema()
    kept = schema.tables if tables is None else tables
    make = copier(backend)
    _check_space(folder, make.bytes_of(kept if tables is not None else None))
    copied: Copied = make.copy(folder, kept, whole=tables is None)
    expected = {table.table: table for table in copied.source}
    for found in copied.kept:
        if expected[found.table] != found:
            raise BackupFailed(
                f"{found.table} reads back with {found.rows} rows and checksum {found.checksum}, "
                f"the database has {expected[found.table].rows} and {expected[found.table].checksum}"
            )
    if {table.table for table in copied.kept} != set(expected):
        raise BackupFailed("tables are missing in it")
    file = folder / copied.file
    backup = Backup(
        backup_id, run, step, backend.location, backend.dialect, tables is None, copied.form, copied.file,
        file.stat().st_size, _sha256(file), now(),
        copied.kept,
    )  # fmt: skip
    manifest = {**asdict(backup), "schema": schema_to_json(schema)}
    del manifest["folder"]
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    return backup


def _touched(step: Step) -> set[str]:
    return {*step.objects, *([step.backfill.table_key] if step.backfill else [])}


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed * MARGIN:
        raise BackupFailed(f"{needed:,} bytes are to be kept and {folder.parent} has only {free:,} free")


def _to_disk(*paths: Path) -> None:
    """A step's COMMIT survives a loss of power: the backup before it must, too."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _placed(backup: Backup, folder: Path) -> Backup:
    return replace(backup, folder=str(folder))


def _manifests(home: Path) -> list[Path]:
    return sorted(path for path in (home / "backups").glob(f"*/*/{MANIFEST}") if not path.parent.name.startswith("."))


def _read(path: Path) -> Backup | SourceError:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        with suppress(KeyError):
            del data["schema"]
        tables = tuple(Counted(**table) for table in data.pop("tables"))
        return Backup(**data, tables=tables, folder=str(path.parent))
    except (OSError, ValueError, TypeError, KeyError) as error:
        return SourceError(f"is not a backup's manifest ({error})", source=str(path))
