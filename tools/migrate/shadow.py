"""Shadows: copies of a database that a rehearsal may write to, gone when it is over.

SQLite and DuckDB: a file in a temporary folder. Postgres: a scratch database on the server that the user names, else
on an embedded server of the nearest major version; never one made on the target's own server unasked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.embedded import MAJORS, nearest_major, scratch_database, server
from tools.errors import DatabaseError, UsageError
from tools.migrate import sample
from tools.migrate.backend import Backend
from tools.migrate.differences import differences
from tools.migrate.grant import ShadowGrant, mint
from tools.migrate.open import open_backend
from tools.migrate.pgtools import run_program, server_major
from tools.plan.facts import Facts
from tools.schema.digest import schema_digest

_NOBODYS = ("--no-owner", "--no-privileges")
"""Of a copy on a server of somebody's, who need not have made the roles of this database there."""


@dataclass(frozen=True)
class Shadow:
    """A copy, and the grant that opens it. `told` says where it lives, for people. real: the facts of the database
    itself, where the copy holds a sample of it; None for a whole copy."""

    location: str
    grant: ShadowGrant
    told: str
    real: Facts | None = None


@contextmanager
def shadow_of(database: str, shadow: str | None = None, rows: int | None = None) -> Generator[Shadow]:
    """A copy of the database with all its rows, or, where they do not fit, with a sample of them. `shadow`: a Postgres
    URL on which scratch databases may be made. rows: take a sample, of so many rows of each table.

    Raises UsageError for a shadow server that cannot serve, DatabaseError when the copy cannot be made.
    """
    with closing(open_backend(database, read_only=True)) as source:
        if shadow is not None and source.dialect != "postgres":
            raise UsageError(
                f"--shadow names a Postgres server, and {source.location} is {source.dialect}: leave it out"
            )
        rows = rows or (None if _fits(source, shadow) else sample.ROWS)
        if source.dialect == "duckdb":
            maker = _duckdb(source, rows)
        else:
            maker = _sqlite(source, rows) if source.dialect == "sqlite" else _postgres(source, shadow, rows)
        with maker as (location, told):
            with closing(open_backend(location)) as copy:
                _refuse_another(source, copy, told)
                grant = mint(copy)
            yield Shadow(location, grant, told, source.facts() if rows is not None else None)


def _refuse_another(source: Backend, copy: Backend, told: str) -> None:
    """A rehearsal on another schema proves nothing of this one, and another version may keep or print it otherwise."""
    there, here = source.schema(), copy.schema()
    if schema_digest(there) != schema_digest(here):
        differing = differences(there, here)
        raise DatabaseError(
            f"{told} does not hold the schema of {source.location} as it is ({differing or 'of another form'}): "
            "pass --shadow with a server of the same version"
        )


@contextmanager
def _sqlite(source: Backend, rows: int | None) -> Generator[tuple[str, str]]:
    from tools.migrate.copy_sqlite import copy_database

    with _folder(Path(source.address)) as folder:
        path = folder / "shadow.db"
        if rows is not None:
            sample.sample_sqlite(Path(source.address), path, rows)
            yield f"sqlite:///{path}", sample.told(rows)
            return
        copy_database(Path(source.address), path)
        yield f"sqlite:///{path}", "a copy of the file"


@contextmanager
def _duckdb(source: Backend, rows: int | None) -> Generator[tuple[str, str]]:
    from tools.migrate.copy_duckdb import copy_file
    from tools.migrate.sample_duckdb import sample_duckdb

    with _folder(Path(source.address)) as folder:
        path = folder / "shadow.duckdb"
        if rows is not None:
            sample_duckdb(source, path, rows)
            yield f"duckdb:///{path}", sample.told(rows)
            return
        for ending in ("", ".wal"):  # what is not yet in the file stands in the log beside it
            if Path(source.address + ending).exists():
                copy_file(Path(source.address + ending), Path(str(path) + ending))
        yield f"duckdb:///{path}", "a copy of the file"


@contextmanager
def _postgres(source: Backend, shadow: str | None, rows: int | None) -> Generator[tuple[str, str]]:
    major = server_major(str(source.query("SHOW server_version")[0][0]))
    if shadow is not None:
        with scratch_database(shadow, "oneplan_shadow") as url:
            _pour(source, url, major, rows, _NOBODYS)
            yield url, "a scratch database on the shadow server" + _of_rows(rows)
        return
    if major > MAJORS[-1]:
        raise UsageError(
            f"{source.location} is Postgres {major}, newer than the embedded one ({MAJORS[-1]}): "
            "pass --shadow with a server of that version"
        )
    nearest = nearest_major(major)
    with server(major=nearest) as embedded, scratch_database(embedded, "oneplan_shadow") as url:
        _make_roles(source, embedded)
        _pour(source, url, nearest, rows)
        yield url, f"an embedded Postgres {nearest}" + _of_rows(rows)


def _of_rows(rows: int | None) -> str:
    return "" if rows is None else f" with {sample.told(rows)}"


def _fits(source: Backend, shadow: str | None) -> bool:
    """Whether a whole copy leaves half of the free space where copies go; of another server's disk nothing is known."""
    if shadow is not None:
        return True
    if source.dialect == "postgres":
        size = int(source.query("SELECT pg_database_size(current_database())")[0][0])
    else:
        size = Path(source.address).stat().st_size
    return size * 2 <= shutil.disk_usage(tempfile.gettempdir()).free


def _make_roles(source: Backend, embedded: str) -> None:
    """Owners, policies and grants name roles, which no dump of one database holds; on our own server they can be
    made."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(embedded, autocommit=True) as connection:
        there = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for (name,) in source.query("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname"):
            if name not in there:
                connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(str(name))))


def _pour(source: Backend, target: str, major: int, rows: int | None, left_out: Sequence[str] = ()) -> None:
    """Schema and rows, by way of a dump that the target's own version reads. left_out: options of pg_restore."""
    tools = nearest_major(major)
    with tempfile.TemporaryDirectory(prefix="oneplan-shadow-") as folder:
        if rows is not None:
            sample.pour_sample(source, target, tools, rows, Path(folder), left_out)
            return
        dump = str(Path(folder) / "shadow.dump")
        script = str(Path(folder) / "shadow.sql")
        run_program("pg_dump", ["-Fc", "--file", dump], source.address, tools)
        run_program("pg_restore", [*left_out, "--file", script, dump], None, tools)
        try:
            run_program("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script], target, tools)
        except DatabaseError as error:
            raise DatabaseError(
                f"the shadow cannot hold a copy of the database ({error}): pass --shadow with a server that can"
            ) from error


@contextmanager
def _folder(database: Path) -> Generator[Path]:
    """Beside nothing of the user's: the copy has all their rows, and goes with the folder, readable by us alone."""
    with tempfile.TemporaryDirectory(prefix=f"oneplan-shadow-{database.stem}-") as folder:
        yield Path(folder)
