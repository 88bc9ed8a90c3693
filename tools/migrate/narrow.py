"""Which rows do not match: tables that a proof found wanting, held row by row against the backup before the run."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tools.errors import OneplanError
from tools.migrate.accounts import TableAccount
from tools.migrate.backup import MANIFEST, Backup, check_file, list_backups
from tools.migrate.compare import Side, TableComparison, attached, compare_sides, side_of
from tools.migrate.record import Run
from tools.plan.model import Accounting, Plan
from tools.schema.model import Schema, Table
from tools.schema.render import name_of, quote
from tools.schema.serial import schema_from_json


def narrowed(
    home: Path, run: Run, address: str, plan: Plan, schema: Schema, accounts: Sequence[TableAccount]
) -> tuple[TableComparison, ...]:
    """For every table with a finding its rows that do not match, as far as a whole backup of the run is in `home`.

    What cannot be compared (no backup, an expression unknown to DuckDB) is left out: the proof's finding stands by
    itself.
    """
    wanted = {account.table for account in accounts if account.finding}
    backup = next((kept for kept in list_backups(home) if kept.whole and kept.run == run.id), None)
    if not wanted or backup is None:
        return ()
    found: list[TableComparison] = []
    with suppress(OneplanError), _readable(backup) as before, attached(before, address) as connection:
        kept = schema_from_json(json.loads((Path(backup.folder) / MANIFEST).read_text(encoding="utf-8"))["schema"])
        for accounting in _as_they_were(kept) if run.state == "rolled_back" else plan.accounting:
            sides = _sides(accounting, backup, kept, schema) if accounting.table in wanted else None
            if sides:
                with suppress(OneplanError):
                    found.append(compare_sides(connection, accounting.table, *sides))
    return tuple(found)


def _as_they_were(schema: Schema) -> tuple[Accounting, ...]:
    """What a way back must give again: every column of every table."""
    return tuple(
        Accounting(table.key, name_of(table), name_of(table), tuple((quote(n), quote(n)) for n in table.column_names))
        for table in schema.tables
    )


def counted_by_row(accounts: Sequence[TableAccount], compared: Sequence[TableComparison]) -> tuple[TableAccount, ...]:
    """The accounts with their rows counted one by one: a row that is there with other values is not migrated."""
    wrong = {one.table: one for one in compared}
    return tuple(_counted(account, wrong.get(account.table)) for account in accounts)


def _counted(account: TableAccount, found: TableComparison | None) -> TableAccount:
    if found is None or found.left_rows != account.source_rows:
        return account
    failed = found.missing + found.differing
    counted = replace(account, migrated=account.source_rows - failed, failed=failed)
    if failed or not found.extra:
        return counted
    return replace(counted, checksum_equal=True, finding=f"{account.finding}, which are all there as they were")


def _sides(accounting: Accounting, backup: Backup, kept: Schema, now: Schema) -> tuple[Side, Side, list[str]] | None:
    before = kept.table(accounting.table)
    after = next((table for table in now.tables if name_of(table) == accounting.table_after), None)
    if before is None or after is None:
        return None
    pairs = dict(accounting.columns)
    key = [quote(name) for name in before.primary_key.columns] if before.primary_key else []
    if not key or any(name not in pairs for name in key):
        key = list(pairs)
    values = [name for name in pairs if name not in key]
    return (
        _side("left_side", before, backup, key, values),
        _side("right_side", after, backup, [pairs[name] for name in key], [pairs[name] for name in values]),
        values,
    )


def _side(catalog: str, table: Table, backup: Backup, key: Sequence[str], values: Sequence[str]) -> Side:
    return side_of(catalog, table, backup.dialect, key, values)


@contextmanager
def _readable(backup: Backup) -> Generator[str]:
    """The backup as a database: a copy's own file, a dump poured into an embedded Postgres."""
    check_file(backup)
    if backup.form != "pg_dump":
        yield f"{backup.dialect}:///{backup.path}"
        return
    from tools.embedded import scratch_database, server
    from tools.migrate.pgtools import run_program

    with server() as embedded, scratch_database(embedded) as url:
        run_program("pg_restore", ["--no-owner", "--no-privileges", "--dbname", url, str(backup.path)], None, 18)
        yield url
