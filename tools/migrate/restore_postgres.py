"""A Postgres database, or the rows of some of its tables, back from a dump."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL

from tools.errors import BackupFailed, DatabaseError
from tools.migrate.backend import Backend
from tools.migrate.backup import Backup
from tools.migrate.copy_postgres import JOURNAL, copy_blocks
from tools.migrate.pgtools import run_program
from tools.migrate.restore import wanted_columns
from tools.schema.render import parents_first

_OURS = ", ".join(f"'{name}'" for name in JOURNAL)
_USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_NO_MEMBER = "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')"
_DROPS = (
    f"""SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW'
        WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE'
        WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
        n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm', 'r', 'p', 'f', 'S', 'c') AND {_USERS}
        AND NOT (n.nspname = 'oneplan' AND c.relname IN ({_OURS})) AND {_NO_MEMBER.format(oid="c.oid")}
        ORDER BY array_position(ARRAY['v', 'm', 'r', 'p', 'f', 'S', 'c']::"char"[], c.relkind)""",
    f"""SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_USERS} AND {_NO_MEMBER.format(oid="p.oid")}""",
    f"""SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
        n.nspname, t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype IN ('e', 'd') AND {_USERS} AND {_NO_MEMBER.format(oid="t.oid")}""",
)
"""What stands in the database now, as statements that drop it: extensions' own objects and the journal stay."""


def restore_dump(backend: Backend, backup: Backup) -> None:
    """All objects that stand now are dropped and those of the dump made, in one transaction of psql's."""
    if backup.form != "pg_dump":
        raise BackupFailed(f"backup {backup.id} holds rows only: put its tables back one by one")
    with tempfile.TemporaryDirectory(prefix="oneplan-restore-") as name:
        folder = Path(name)
        drops = [str(row[0]) for sql in _DROPS for row in backend.query(sql)]
        (folder / "drops.sql").write_text("".join(f"{drop};\n" for drop in drops), encoding="utf-8")
        (folder / "list").write_text(_contents(backend, backup), encoding="utf-8")
        script = str(folder / "restore.sql")
        run_program("pg_restore", ["--use-list", str(folder / "list"), "--file", script, str(backup.path)])
        arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-o", "/dev/null"]
        run_program("psql", [*arguments, "-f", str(folder / "drops.sql"), "-f", script], backend.address)


def _contents(backend: Backend, backup: Backup) -> str:
    """The dump's list without the namespaces that are there already."""
    there = {str(row[0]) for row in backend.query("SELECT nspname FROM pg_namespace")}
    kept: list[str] = []
    for line in run_program("pg_restore", ["--list", str(backup.path)]).splitlines():
        _, found, rest = line.partition(" SCHEMA - ")
        if not (found and rest.rpartition(" ")[0] in there):
            kept.append(line)
    return "\n".join(kept) + "\n"


def restore_rows(backend: Backend, backup: Backup) -> None:
    """Exchange the tables' rows for the backup's, all in one transaction. User triggers fire."""
    columns, schema = wanted_columns(backend, backup), backend.schema()
    tables = parents_first(tuple(table for table in schema.tables if table.key in columns))
    try:
        with psycopg.connect(backend.address, application_name="oneplan restore") as session:
            session.execute("SET CONSTRAINTS ALL DEFERRED")
            names = {key: _printed(session, key, schema.table(key)) for key in columns}
            for table in reversed(tables):
                session.execute(SQL("DELETE FROM {}").format(SQL(names[table.key])))  # pyright: ignore[reportArgumentType]
            for table in tables:
                _fill(session, backup, names[table.key])
    except psycopg.Error as error:
        raise DatabaseError(str(error).strip().partition("\n")[0]) from error


def _fill(session: psycopg.Connection[Any], backup: Backup, wanted: str) -> None:
    """One pass over the dump a table: parents must come first, and a dump has its own order."""
    with copy_blocks(backup.path, backup.form) as blocks:
        for printed, statement, lines in blocks:
            if printed == wanted:
                with session.cursor() as cursor, cursor.copy(statement + b" FROM stdin") as copy:
                    for line in lines:
                        copy.write(line)
            else:
                for _ in lines:
                    pass


def _printed(session: psycopg.Connection[Any], key: str, table: Any) -> str:
    found = session.execute("SELECT format('%%I.%%I', %s::text, %s::text)", [table.namespace or "public", table.name])
    row = found.fetchone()
    assert row is not None, key
    return str(row[0])
