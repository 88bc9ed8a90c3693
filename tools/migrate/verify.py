"""The proof: are the rows of a run all there, with the values they had, and is the schema as it was left?"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.errors import UsageError
from tools.migrate.accounts import ORIGIN, PAIRS, TableAccount, account, compare_origin
from tools.migrate.backend import Backend
from tools.migrate.compare import TableComparison
from tools.migrate.differences import differences
from tools.migrate.journal import Journal
from tools.migrate.narrow import counted_by_row, narrowed
from tools.migrate.open import open_backend
from tools.migrate.record import Run
from tools.migrate.report import step_as_json, table_as_json
from tools.migrate.results import StepState
from tools.migrate.session import plan_of, step_states
from tools.schema.digest import schema_digest
from tools.schema.model import ForeignKey, Schema, Table
from tools.schema.render import name_of, quote

ORPHANS_SHOWN = 3


@dataclass(frozen=True)
class Verification:
    """What was proven of a run. findings: sentences, none when everything is in order. state: the run's. compared: the
    tables with a finding, row by row against the backup, where there is one."""

    run: str
    state: str
    tables: tuple[TableAccount, ...]
    steps: tuple[StepState, ...]
    findings: tuple[str, ...]
    compared: tuple[TableComparison, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run, "state": self.state, "ok": self.ok, "findings": list(self.findings),
            "steps": [step_as_json(step) for step in self.steps],
            "tables": [table_as_json(table) for table in self.tables],
            "compared": [one.as_json() for one in self.compared],
        }  # fmt: skip


def verify(database: str, run: str | None = None, home: Path | None = None) -> Verification:
    """Prove the rows of a run, the latest by default, against the fingerprints that it began with. Reads only.

    A finished run: every row of the plan's accounting is found again with its values, and the schema is the plan's
    goal. One that was rolled back: rows and schema are the origin's. Raises UsageError when there is no such run.
    home: a workspace whose backups tell which rows are not found again.
    """
    with closing(open_backend(database, read_only=True)) as backend:
        journal = Journal(backend)
        chosen = _choose(backend, journal, run)
        found, schema = prove(backend, journal, chosen), backend.schema()
    if home is None or found.ok:
        return found
    compared = narrowed(home, chosen, database, plan_of(chosen), schema, found.tables)
    tables = counted_by_row(found.tables, compared)
    sharper = {old.finding: new.finding for old, new in zip(found.tables, tables, strict=True) if old.finding}
    findings = tuple(sharper.get(finding, finding) for finding in found.findings)
    return replace(found, compared=compared, tables=tables, findings=findings)


def prove(backend: Backend, journal: Journal, run: Run) -> Verification:
    plan, schema = plan_of(run), backend.schema()
    entries = journal.entries(run.id)
    if run.state == "rolled_back":
        tables = compare_origin(backend, schema, journal.fingerprints(run.id, ORIGIN))
        expected, goal = plan.origin, "the schema is not the one the run started from"
    else:
        sides = ("after",) if run.state == "done" else ("after", "before")
        tables = account(backend, plan, journal.fingerprints(run.id, PAIRS), sides)
        expected = plan.target if run.state == "done" else run.digest
        goal = "the schema is not the one the plan leads to"
    findings = [table.finding for table in tables if table.finding]
    findings += _schema_findings(run, schema, expected, goal)
    findings += _orphans(backend, schema)
    return Verification(run.id, run.state, tables, step_states(plan, entries), tuple(findings))


def _choose(backend: Backend, journal: Journal, wanted: str | None) -> Run:
    runs = journal.runs()
    if not runs:
        raise UsageError(f"{backend.location} holds no run of oneplan: there is nothing to verify")
    chosen = next((run for run in runs if run.id == wanted), None) if wanted else runs[-1]
    if chosen is None:
        raise UsageError(f"{backend.location} holds no run {wanted!r}: see `oneplan runs`")
    return chosen


def _schema_findings(run: Run, schema: Schema, expected: str, goal: str) -> Iterable[str]:
    now = schema_digest(schema)
    if now != run.digest:
        told = differences(run.schema, schema)
        yield "the schema was changed since the run last wrote to it" + (f": {told}" if told else "")
    elif now != expected:
        yield goal


def _orphans(backend: Backend, schema: Schema) -> Iterable[str]:
    """Rows whose foreign key points to no row: an engine may let them in while its checks are off."""
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.table(key.ref_table)
            if parent is None:
                yield f"{table.key}: a foreign key points to {key.ref_table}, which is not there"
                continue
            found = backend.sample(_orphan_sql(table, key, parent), ORPHANS_SHOWN)
            if found:
                values = "; ".join(", ".join(f"{name}={value!r}" for name, value in row.items()) for row in found)
                yield f"{table.key}: rows point to no row of {parent.key}: {values}"


def _orphan_sql(table: Table, key: ForeignKey, parent: Table) -> str:
    columns = ", ".join(f"c.{quote(name)}" for name in key.columns)
    set_ = " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in key.columns)
    referenced = key.ref_columns or (parent.primary_key.columns if parent.primary_key else ())
    same = " AND ".join(f"p.{quote(b)} = c.{quote(a)}" for a, b in zip(key.columns, referenced, strict=True))
    there = f"SELECT 1 FROM {name_of(parent)} p WHERE {same}"
    return f"SELECT {columns} FROM {name_of(table)} c WHERE {set_} AND NOT EXISTS ({there})"
