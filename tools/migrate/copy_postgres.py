"""Copies of a Postgres database: by pg_dump where it knows the server's version, else table by table with COPY.

Both are read back as the same stream of COPY blocks, whose lines are counted and summed up against those that the
server gives out in the very snapshot that was dumped.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from tools.errors import BackupFailed, DatabaseError
from tools.migrate.backend import Backend
from tools.migrate.copies import Copied, Counted
from tools.migrate.pgtools import NEWEST, exists, output_of, run_program
from tools.schema.model import Table
from tools.schema.render import name_of

DUMP, LINES = "data.dump", "data.copy"
JOURNAL = ("meta", "runs", "steps", "fingerprints")
_HEADER = re.compile(rb"COPY (.+?) \(.*\) FROM stdin;\n")
_PLAIN = ("SET datestyle = ISO", "SET intervalstyle = postgres", "SET extra_float_digits = 3", "SET row_security = off",
          "SET statement_timeout = 0", "SET lock_timeout = 0")  # fmt: skip
"""The settings under which pg_dump reads, so that our lines are its lines."""
_WRAP = 1 << 64


class PostgresCopier:
    def __init__(self, backend: Backend) -> None:
        self._backend, self._url = backend, backend.address

    def bytes_of(self, tables: Sequence[Table] | None) -> int:
        if tables is None:
            return int(self._backend.query("SELECT pg_database_size(current_database())")[0][0])
        tree = "SELECT sum(pg_table_size(relid)) FROM pg_partition_tree($1::regclass)"  # of none for a plain table
        size = f"SELECT COALESCE(({tree}), pg_table_size($1::regclass))"
        sizes = [self._backend.query(size, [name_of(t)])[0][0] for t in tables]
        return sum(int(size) for size in sizes)

    def copy(self, folder: Path, tables: Sequence[Table], *, whole: bool) -> Copied:
        try:
            with psycopg.connect(self._url, application_name="oneplan backup") as session:
                for setting in _PLAIN:
                    session.execute(setting)  # pyright: ignore[reportArgumentType]
                session.commit()
                session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return self._copy(session, folder, tables, whole)
        except psycopg.Error as error:
            raise BackupFailed(str(error).strip().partition("\n")[0]) from error

    def _copy(self, session: psycopg.Connection[Any], folder: Path, tables: Sequence[Table], whole: bool) -> Copied:
        names = printed_names(session, tables)
        if session.info.server_version // 10000 <= NEWEST and exists():
            file, form = DUMP, "pg_dump"
            self._dump(session, folder / file, None if whole else names)
        else:
            file, form = LINES, "copy"
            self._write_lines(session, folder / file, names)
        source = _together(_count(key, _given_out(session, printed)) for printed, key in names.items())
        return Copied(file, form, source, read_back(folder / file, form, names))

    def _dump(self, session: psycopg.Connection[Any], file: Path, names: Iterable[str] | None) -> None:
        snapshot = session.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot is not None
        chosen = [f"--table={name}" for name in names or ()]
        left = [f"--exclude-table=oneplan.{name}" for name in JOURNAL] if names is None else []
        arguments = ["-Fc", "-E", "UTF8", "--lock-wait-timeout=60s", f"--snapshot={snapshot[0]}", f"--file={file}"]
        run_program("pg_dump", [*arguments, *chosen, *left], self._url)

    def _write_lines(self, session: psycopg.Connection[Any], file: Path, names: dict[str, str]) -> None:
        with file.open("wb") as target:
            for printed in names:
                columns = session.execute(
                    """SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                       WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''""",
                    [printed],
                ).fetchone()
                target.write(f"COPY {printed} ({columns[0] if columns else ''}) FROM stdin;\n".encode())
                target.writelines(_given_out(session, printed))
                target.write(b"\\.\n")


def blocks(stream: IO[bytes]) -> Iterator[tuple[str, bytes, Iterator[bytes]]]:
    """(the table's name as printed, `COPY name (columns)`, its lines) of each block; take the lines before the next."""
    for line in stream:
        found = _HEADER.fullmatch(line)
        if found:
            yield found[1].decode(), line.removesuffix(b" FROM stdin;\n"), _lines(stream)


@contextmanager
def copy_blocks(file: Path, form: str) -> Generator[Iterator[tuple[str, bytes, Iterator[bytes]]]]:
    """The blocks of a backup in either form."""
    if form == "copy":
        with file.open("rb") as stream:
            yield blocks(stream)
    else:
        with output_of("pg_restore", ["--data-only", "--file=-", str(file)]) as stream:
            yield blocks(stream)
            for _ in stream:  # to its end, so that the program can end too
                pass


def read_back(file: Path, form: str, keys: dict[str, str]) -> tuple[Counted, ...]:
    """What the file holds of the tables, by their printed names. BackupFailed when it cannot be read."""
    try:
        with copy_blocks(file, form) as found:
            counted = [_count(keys.get(printed, ""), lines) for printed, _, lines in found]
    except (DatabaseError, OSError) as error:
        raise BackupFailed(f"it cannot be read back: {error}") from error
    return _together(found for found in counted if found.table)


def _together(counted: Iterable[Counted]) -> tuple[Counted, ...]:
    """What the partitions of a table hold, as one."""
    found: dict[str, Counted] = {}
    for one in counted:
        rows, total = one.rows, int(one.checksum, 16)
        if before := found.get(one.table):
            rows, total = rows + before.rows, total + int(before.checksum, 16)
        found[one.table] = Counted(one.table, rows, f"{total % _WRAP:016x}")
    return tuple(found.values())


def _lines(stream: IO[bytes]) -> Generator[bytes]:
    for line in stream:
        if line == b"\\.\n":
            return
        yield line


def _given_out(session: psycopg.Connection[Any], printed: str) -> Iterator[bytes]:
    with session.cursor() as cursor, cursor.copy(sql.SQL(f"COPY {printed} TO STDOUT")) as copy:  # pyright: ignore
        for piece in copy:
            yield bytes(piece)


def _count(key: str, lines: Iterable[bytes]) -> Counted:
    rows = total = 0
    for line in lines:
        rows += 1
        total += int.from_bytes(blake2b(line, digest_size=8).digest(), "big")
    return Counted(key, rows, f"{total % _WRAP:016x}")


def printed_names(session: psycopg.Connection[Any], tables: Sequence[Table]) -> dict[str, str]:
    """The names, as the server and pg_dump print them, under which each table's rows lie (its own, or those of its
    partitions), with the table's key."""
    names: dict[str, str] = {}
    for table in tables:
        found = session.execute(
            """SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind = 'r' AND c.oid IN (
                   SELECT p.oid FROM pg_class p JOIN pg_namespace pn ON pn.oid = p.relnamespace
                   WHERE pn.nspname = %(space)s AND p.relname = %(name)s
                   UNION SELECT t.relid FROM pg_class p JOIN pg_namespace pn ON pn.oid = p.relnamespace
                   CROSS JOIN LATERAL pg_partition_tree(p.oid) t
                   WHERE pn.nspname = %(space)s AND p.relname = %(name)s AND p.relkind = 'p')
               ORDER BY c.oid""",
            {"space": table.namespace or "public", "name": table.name},
        ).fetchall()
        names |= {str(row[0]): table.key for row in found}
    return names
