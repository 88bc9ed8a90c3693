"""Copies of a DuckDB database: the whole as a file, single tables into a file of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tools.errors import BackupFailed
from tools.migrate.backend import Backend
from tools.migrate.copies import Copied, counted
from tools.migrate.duckdb import open_duckdb
from tools.schema.model import Table
from tools.schema.render import literal, name_of, quote

FILE = "data.duckdb"
_COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"


class DuckDBCopier:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._path = Path(backend.address)

    def bytes_of(self, tables: Sequence[Table] | None) -> int:
        wal = self._path.with_name(self._path.name + ".wal")
        return self._path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)

    def copy(self, folder: Path, tables: Sequence[Table], *, whole: bool) -> Copied:
        file = folder / FILE
        source = counted(self._backend, tables)
        if whole:
            self._backend.execute("CHECKPOINT")
            copy_file(self._path, file)
        else:
            self._copy_tables(file, tables)
        with closing(open_duckdb(file, read_only=True, confined=True)) as kept:
            return Copied(FILE, "duckdb", source, counted(kept, tables if whole else [flat(t) for t in tables]))

    def _copy_tables(self, file: Path, tables: Sequence[Table]) -> None:
        self._backend.execute(f"ATTACH {literal(str(file))} AS oneplan_backup")
        try:
            for table in tables:
                kept = f"oneplan_backup.main.{quote(table.key)}"
                self._backend.execute(f"CREATE TABLE {kept} AS SELECT * FROM {name_of(table)}")
        finally:
            self._backend.execute("DETACH oneplan_backup")


def flat(table: Table) -> Table:
    """The table as a backup of single tables names it: by its key, in no namespace."""
    return replace(table, name=table.key, namespace="")


def copy_file(source: Path, target: Path) -> None:
    """Copy a database file that this process has open.

    In a process of its own: closing a file gives up all the locks that the closing process holds on it, DuckDB's too.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-c", _COPY, str(source), str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupFailed(f"{source} cannot be copied: {done.stderr.strip().rpartition(chr(10))[2]}")
