"""The record of what was done to a database, kept in that database, in the transaction of the change itself.

Schema `oneplan` on Postgres and DuckDB, tables `_oneplan_*` on SQLite; every reader leaves them out. Nothing here
opens a transaction: the caller's decides what is recorded together with what.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from tools.errors import Busy
from tools.migrate.backend import Backend, Fingerprint, Key
from tools.migrate.record import Entry, EntryState, KeyRange, Run, RunState

FORMAT = "1"
_TABLES = {
    "meta": '"name" TEXT PRIMARY KEY, "value" TEXT NOT NULL',
    "runs": '"id" TEXT PRIMARY KEY, "number" BIGINT NOT NULL, "plan_digest" TEXT NOT NULL, "plan" TEXT NOT NULL, '
    '"started" TEXT NOT NULL, "finished" TEXT NOT NULL, "actor" TEXT NOT NULL, "state" TEXT NOT NULL, '
    '"origin" TEXT NOT NULL, "digest" TEXT NOT NULL, "schema" TEXT NOT NULL',
    "steps": '"run" TEXT NOT NULL, "number" BIGINT NOT NULL, "step" TEXT NOT NULL, "direction" TEXT NOT NULL, '
    '"step_digest" TEXT NOT NULL, "approval" TEXT NOT NULL UNIQUE, "action" TEXT NOT NULL, "state" TEXT NOT NULL, '
    '"started" TEXT NOT NULL, "finished" TEXT NOT NULL, "seconds" DOUBLE PRECISION NOT NULL, "rows" BIGINT NOT NULL, '
    '"before" TEXT NOT NULL, "after" TEXT NOT NULL, "schema_after" TEXT NOT NULL, "cursor" TEXT, "last" TEXT, '
    '"done" BIGINT NOT NULL, "total" BIGINT NOT NULL, "backup" TEXT NOT NULL, PRIMARY KEY ("run", "number")',
    "ranges": '"run" TEXT NOT NULL, "number" BIGINT NOT NULL, "place" BIGINT NOT NULL, "cursor" TEXT, '
    '"last" TEXT NOT NULL, "done" BIGINT NOT NULL, "total" BIGINT NOT NULL, "rows" BIGINT NOT NULL, '
    '"seconds" DOUBLE PRECISION NOT NULL, PRIMARY KEY ("run", "number", "place")',
    "fingerprints": '"run" TEXT NOT NULL, "moment" TEXT NOT NULL, "name" TEXT NOT NULL, "rows" BIGINT NOT NULL, '
    '"row" TEXT NOT NULL, "columns" TEXT NOT NULL, PRIMARY KEY ("run", "moment", "name")',
}
_RUN = ("id", "number", "plan_digest", "plan", "started", "finished", "actor", "state", "origin", "digest", "schema")
_ENTRY = (
    "run", "number", "step", "direction", "step_digest", "approval", "action", "state", "started", "finished",
    "seconds", "rows", "before", "after", "schema_after", "cursor", "last", "done", "total", "backup",
)  # fmt: skip


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Journal:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def table(self, name: str) -> str:
        return f'"_oneplan_{name}"' if self._backend.dialect == "sqlite" else f'"oneplan"."{name}"'

    def exists(self) -> bool:
        if self._backend.dialect == "sqlite":
            sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_oneplan_steps'"
        else:
            sql = (
                "SELECT 1 FROM information_schema.tables WHERE table_schema = 'oneplan' AND table_name = 'steps' "
                "AND table_catalog = current_database()"
            )
        return bool(self._backend.query(sql))

    def create(self) -> None:
        """Make the journal where there is none, and what an older one lacks."""
        new = not self.exists()
        if new:
            self._make_namespace()
        for name, columns in _TABLES.items():
            self._backend.execute(f"CREATE TABLE IF NOT EXISTS {self.table(name)} ({columns})")
        if new:
            self._insert("meta", {"name": "format", "value": FORMAT})

    def runs(self) -> tuple[Run, ...]:
        """All runs, oldest first."""
        return tuple(Run(*row) for row in self._select("runs", _RUN, "")) if self.exists() else ()

    def run(self, run_id: str) -> Run | None:
        return next((run for run in self.runs() if run.id == run_id), None)

    def begin_run(self, run: Run) -> None:
        self._insert("runs", {name: getattr(run, name) for name in _RUN})

    def set_run(self, run_id: str, state: RunState, digest: str | None = None, schema: str | None = None) -> None:
        values: dict[str, Any] = {"state": state, "finished": "" if state == "running" else now()}
        if digest is not None:
            values |= {"digest": digest, "schema": schema or ""}
        self._update("runs", values, {'"id"': run_id})

    def set_plan(self, run_id: str, plan_digest: str, plan: str) -> None:
        """Put an edited plan in place of the run's: its steps that ran are the same."""
        self._update("runs", {"plan_digest": plan_digest, "plan": plan}, {'"id"': run_id})

    def entries(self, run_id: str) -> tuple[Entry, ...]:
        """All entries of a run, in the order in which they were begun."""
        return tuple(_entry(row) for row in self._select("steps", _ENTRY, run_id)) if self.exists() else ()

    def begin_entry(self, entry: Entry) -> None:
        """Raises DatabaseError when the approval has its entry already: nothing runs twice under one approval."""
        values = {name: getattr(entry, name) for name in _ENTRY}
        self._insert("steps", values | {"cursor": _json(entry.cursor), "last": _json(entry.last)})

    def advance(
        self, entry: Entry, after: Key | None, cursor: Key, *, done: int, rows: int, seconds: float
    ) -> None:  # fmt: skip
        """Move the cursor from `after`. Busy when it stands elsewhere: another executor has taken the run over."""
        values = {"cursor": _json(cursor), "done": done, "rows": rows, "seconds": seconds, "state": "started"}
        self._move("steps", values, _of(entry), after)

    def split(self, entry: Entry, ranges: Sequence[KeyRange]) -> None:
        """Give the backfill of this entry to several workers."""
        for one in ranges:
            values = {**asdict(one), "cursor": _json(one.cursor), "last": _json(one.last)}
            self._insert("ranges", {"run": entry.run, "number": entry.number, **values})

    def ranges(self, entry: Entry) -> tuple[KeyRange, ...]:
        """The workers' parts as they stand now, none for a backfill that goes from one end to the other."""
        where = " AND ".join(f"{name} = {self._backend.mark(n)}" for n, name in enumerate(_of(entry), 1))
        names = ", ".join(f'"{field.name}"' for field in fields(KeyRange))
        sql = f'SELECT {names} FROM {self.table("ranges")} WHERE {where} ORDER BY "place"'
        found = self._backend.query(sql, list(_of(entry).values()))
        return tuple(
            KeyRange(place, _key(cursor), _key(last) or (), *rest) for place, cursor, last, *rest in found
        )  # fmt: skip

    def advance_range(
        self, entry: Entry, place: int, after: Key | None, cursor: Key, *, done: int, rows: int, seconds: float
    ) -> None:  # fmt: skip
        values = {"cursor": _json(cursor), "done": done, "rows": rows, "seconds": seconds}
        self._move("ranges", values, {**_of(entry), '"place"': place}, after)

    def gather(self, entry: Entry, ranges: Sequence[KeyRange]) -> None:
        """Let the entry say how far all workers are together, and for how long they were at work."""
        values = {"done": sum(one.done for one in ranges), "seconds": max(one.seconds for one in ranges)}
        self._update("steps", values, _of(entry))

    def bound(self, entry: Entry, last: Key | None, total: int) -> None:
        """Fix how far the backfill of this entry goes: rows that come later are written by the application."""
        self._update("steps", {"last": _json(last), "total": total}, _of(entry))

    def set_entry(self, entry: Entry, state: EntryState, **values: Any) -> None:
        """The new state, and any columns of the entry besides."""
        finished = "" if state in ("started", "paused") else now()
        self._update("steps", {"state": state, "finished": finished, **values}, _of(entry))

    def keep_fingerprint(self, run_id: str, moment: str, name: str, found: Fingerprint) -> None:
        values = {"rows": found.rows, "row": found.row, "columns": json.dumps(found.columns)}
        self._insert("fingerprints", {"run": run_id, "moment": moment, "name": name, **values})

    def fingerprints(self, run_id: str, moment: str) -> dict[str, Fingerprint]:
        marks = f'"run" = {self._backend.mark(1)} AND "moment" = {self._backend.mark(2)}'
        sql = f'SELECT "name", "rows", "row", "columns" FROM {self.table("fingerprints")} WHERE {marks}'
        found = self._backend.query(sql, [run_id, moment])
        return {name: Fingerprint(rows, row, tuple(json.loads(columns))) for name, rows, row, columns in found}

    def forget_fingerprints(self, run_id: str, moment: str) -> None:
        marks = f'"run" = {self._backend.mark(1)} AND "moment" = {self._backend.mark(2)}'
        self._backend.execute(f"DELETE FROM {self.table('fingerprints')} WHERE {marks}", [run_id, moment])

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """All of it, to be put back after a restore."""
        return {name: self._backend.query(f"SELECT * FROM {self.table(name)}") for name in _TABLES}

    def put_back(self, dump: dict[str, list[tuple[Any, ...]]]) -> None:
        """Make the journal hold exactly what was dumped."""
        self._make_namespace()
        for name, rows in dump.items():
            self._backend.execute(f"DROP TABLE IF EXISTS {self.table(name)}")
            self._backend.execute(f"CREATE TABLE {self.table(name)} ({_TABLES[name]})")
            for row in rows:
                marks = ", ".join(self._backend.mark(place + 1) for place in range(len(row)))
                self._backend.execute(f"INSERT INTO {self.table(name)} VALUES ({marks})", row)

    def _make_namespace(self) -> None:
        if self._backend.dialect != "sqlite":
            self._backend.execute('CREATE SCHEMA IF NOT EXISTS "oneplan"')

    def _select(self, table: str, columns: Sequence[str], run_id: str) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{column}"' for column in columns)
        where, values = (f' WHERE "run" = {self._backend.mark(1)}', [run_id]) if run_id else ("", [])
        return self._backend.query(f'SELECT {names} FROM {self.table(table)}{where} ORDER BY "number"', values)

    def _insert(self, table: str, values: dict[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(self._backend.mark(place + 1) for place in range(len(values)))
        self._backend.execute(f"INSERT INTO {self.table(table)} ({names}) VALUES ({marks})", list(values.values()))

    def _move(self, table: str, values: dict[str, Any], where: dict[str, Any], after: Key | None) -> None:
        if self._update(table, values, where | {"coalesce(\"cursor\", '')": _json(after) or ""}) != 1:
            raise Busy("another executor has taken over the run: nothing of this batch was written")

    def _update(self, table: str, values: dict[str, Any], where: dict[str, Any]) -> int:
        """The number of rows changed. where: SQL expressions and their values."""
        mark = self._backend.mark
        sets = ", ".join(f'"{name}" = {mark(place)}' for place, name in enumerate(values, 1))
        found = " AND ".join(f"{name} = {mark(place)}" for place, name in enumerate(where, len(values) + 1))
        sql = f"UPDATE {self.table(table)} SET {sets} WHERE {found}"
        return self._backend.execute(sql, [*values.values(), *where.values()])


def _of(entry: Entry) -> dict[str, Any]:
    return {'"run"': entry.run, '"number"': entry.number}


def _key(text: str | None) -> Key | None:
    return None if text is None else tuple(json.loads(text))


def _json(key: Key | None) -> str | None:
    return None if key is None else json.dumps(key)


def _entry(row: tuple[Any, ...]) -> Entry:
    values = dict(zip(_ENTRY, row, strict=True))
    for name in ("cursor", "last"):
        values[name] = _key(values[name])
    return Entry(**values)
