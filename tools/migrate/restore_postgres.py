"""A Postgres database, or the rows of some of its tables, back from a dump."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL

from tools.errors import BackupFailed, DatabaseError
from tools.migrate.backend import Backend
from tools.migrate.backup import Backup, wanted_columns
from tools.migrate.copy_postgres import JOURNAL, copy_blocks, printed_names
from tools.migrate.pgtools import run_program
from tools.schema.model import Table
from tools.schema.render import parents_first, quote

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

_TRIGGERS = """
    SELECT t.tgrelid::regclass::text, quote_ident(t.tgname), t.tgenabled = 'A' FROM pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgrelid IN (
        SELECT one::regclass FROM unnest(%(tables)s::text[]) one
        UNION SELECT p.relid FROM unnest(%(tables)s::text[]) one CROSS JOIN LATERAL pg_partition_tree(one::regclass) p)
    ORDER BY t.oid"""
"""The triggers that would fire."""


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
    """Exchange the tables' rows for the backup's, all in one transaction. The tables' triggers rest meanwhile: the rows
    are to be those that were kept. BackupFailed when they are not, afterwards.

    By key where there is one: a row that others point to is written over, and not removed.
    """
    columns, schema = wanted_columns(backend, backup), backend.schema()
    tables = parents_first(tuple(table for table in schema.tables if table.key in columns))
    try:
        with psycopg.connect(backend.address, application_name="oneplan restore") as session:
            session.execute("SET CONSTRAINTS ALL DEFERRED")
            for number, table in enumerate(tables):
                session.execute(_sql(f"CREATE TEMP TABLE {_staged(number)} (LIKE {_name(table)}) ON COMMIT DROP"))
                _fill(session, backup, set(printed_names(session, [table])), _staged(number))
            with _resting(session, tables):
                for number, table in reversed(list(enumerate(tables))):
                    session.execute(_sql(_removal(table, _staged(number))))
                for number, table in enumerate(tables):
                    session.execute(_sql(_insertion(table, columns[table.key], _staged(number))))
                for number, table in enumerate(tables):
                    _refuse_others(session, backup, table, columns[table.key], _staged(number))
    except psycopg.Error as error:
        raise DatabaseError(str(error).strip().partition("\n")[0]) from error


@contextmanager
def _resting(session: psycopg.Connection[Any], tables: Sequence[Table]) -> Generator[None]:
    """Within the caller's transaction no trigger of these tables, or of their partitions, fires; those of foreign keys
    do. An error leaves it to the rollback to wake them."""
    names = [_name(table) for table in tables]
    found = session.execute(_TRIGGERS, {"tables": names}).fetchall()
    for table, trigger, _ in found:
        session.execute(_sql(f"ALTER TABLE ONLY {table} DISABLE TRIGGER {trigger}"))
    yield
    session.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table is altered while checks of its rows are still to come
    for table, trigger, always in found:
        session.execute(_sql(f"ALTER TABLE ONLY {table} ENABLE {'ALWAYS ' if always else ''}TRIGGER {trigger}"))


def _refuse_others(
    session: psycopg.Connection[Any], backup: Backup, table: Table, columns: Sequence[str], staged: str
) -> None:  # fmt: skip
    row = f"ROW({', '.join(map(quote, columns))})::text"  # as text: not every type can be compared
    now, kept = f"SELECT {row} FROM {_name(table)}", f"SELECT {row} FROM {staged}"
    found = session.execute(
        _sql(f"SELECT EXISTS ({now} EXCEPT ALL {kept}), EXISTS ({kept} EXCEPT ALL {now})")
    ).fetchone()
    if found != (False, False):
        raise BackupFailed(f"{table.key} would not hold the rows of backup {backup.id}: nothing was changed")


def _removal(table: Table, staged: str) -> str:
    key = table.primary_key.columns if table.primary_key else ()
    same = " AND ".join(f"s.{quote(name)} = t.{quote(name)}" for name in key)
    return f"DELETE FROM {_name(table)} t" + (
        f" WHERE NOT EXISTS (SELECT 1 FROM {staged} s WHERE {same})" if key else ""
    )


def _insertion(table: Table, columns: Sequence[str], staged: str) -> str:
    names = ", ".join(quote(name) for name in columns)
    insert = f"INSERT INTO {_name(table)} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {staged}"
    if table.primary_key is None:
        return insert
    key = ", ".join(quote(name) for name in table.primary_key.columns)
    plain = [c.name for c in table.columns if c.name in columns and c.identity is None]
    written = [name for name in plain if name not in table.primary_key.columns]
    sets = ", ".join(f"{quote(name)} = EXCLUDED.{quote(name)}" for name in written)
    return f"{insert} ON CONFLICT ({key}) DO " + (f"UPDATE SET {sets}" if sets else "NOTHING")


def _fill(session: psycopg.Connection[Any], backup: Backup, wanted: set[str], staged: str) -> None:
    """One pass over the dump a table: parents must come first, and a dump has its own order."""
    with copy_blocks(backup.path, backup.form) as blocks:
        for printed, statement, lines in blocks:
            if printed not in wanted:
                for _ in lines:
                    pass
                continue
            listed = statement.decode().removeprefix(f"COPY {printed} ")
            with session.cursor() as cursor, cursor.copy(_sql(f"COPY {staged} {listed} FROM STDIN")) as copy:
                for line in lines:
                    copy.write(line)


def _staged(number: int) -> str:
    return f"pg_temp.oneplan_restored_{number}"


def _name(table: Table) -> str:
    return f"{quote(table.namespace or 'public')}.{quote(table.name)}"


def _sql(text: str) -> SQL:
    return SQL(text)  # pyright: ignore[reportArgumentType]
