"""Copies of a SQLite database: the whole by the online backup API, single tables into a file of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tools.errors import BackupFailed
from tools.migrate.backend import Backend
from tools.migrate.copies import Copied, counted
from tools.migrate.sqlite import open_sqlite
from tools.schema.model import Table
from tools.schema.render import quote

FILE = "data.sqlite"


class SQLiteCopier:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._path = Path(backend.address)

    def bytes_of(self, tables: Sequence[Table] | None) -> int:
        # A table's own size is known only to builds with dbstat: the whole file is the safe answer.
        return int(self._backend.query("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[0][0])

    def copy(self, folder: Path, tables: Sequence[Table], *, whole: bool) -> Copied:
        file = folder / FILE
        with self._backend.transaction():  # nobody else writes between the copy and the count of what was copied
            source = counted(self._backend, tables)
            try:
                if whole:
                    copy_database(self._path, file)
                else:
                    self._copy_tables(file, tables)
            except sqlite3.Error as error:
                raise BackupFailed(str(error)) from error
        with closing(open_sqlite(file, read_only=True, confined=True)) as kept:
            found = counted(kept, tables)
            damaged = [row[0] for row in kept.query("PRAGMA quick_check")]
        if damaged != ["ok"]:
            raise BackupFailed(f"the copy is damaged: {damaged[0]}")
        return Copied(FILE, "sqlite", source, found)

    def _copy_tables(self, file: Path, tables: Sequence[Table]) -> None:
        with closing(sqlite3.connect(file, isolation_level=None, uri=True)) as copy:
            copy.execute("ATTACH ? AS source", [f"{self._path.as_uri()}?mode=ro"])
            copy.execute("BEGIN")
            for table in tables:
                name = quote(table.name)
                copy.execute(f"CREATE TABLE main.{name} AS SELECT * FROM source.{name}")
            copy.execute("COMMIT")


def copy_database(source: Path, target: Path) -> None:
    """The whole database as one consistent copy, while others may be using it."""
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        reader.backup(writer)
