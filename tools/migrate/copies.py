"""What a copy of tables in a backup's folder is, whatever the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.migrate.backend import Backend
from tools.schema.model import Table
from tools.schema.render import name_of, quote


@dataclass(frozen=True)
class Counted:
    """A table's rows and their checksum; the same rows give the same on either side."""

    table: str
    rows: int
    checksum: str


@dataclass(frozen=True)
class Copied:
    """A copy in `file` of the folder. form says how it is read; source is what the database held, kept what the copy
    holds, counted by reading it."""

    file: str
    form: str
    source: tuple[Counted, ...]
    kept: tuple[Counted, ...]


class Copier(Protocol):
    def bytes_of(self, tables: Sequence[Table] | None) -> int:
        """How large these tables, or the whole database, are about."""
        ...

    def copy(self, folder: Path, tables: Sequence[Table], *, whole: bool) -> Copied: ...


def counted(backend: Backend, tables: Sequence[Table]) -> tuple[Counted, ...]:
    """Each table's rows and the checksum over all its columns."""
    found: list[Counted] = []
    for table in tables:
        fingerprint = backend.fingerprint(name_of(table), [quote(column.name) for column in table.columns])
        found.append(Counted(table.key, fingerprint.rows, fingerprint.row))
    return tuple(found)
