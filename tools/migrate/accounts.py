"""Rows before and rows after: fingerprints taken when a run begins, and the same rows found again later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tools.errors import DatabaseError
from tools.migrate.backend import Backend, Fingerprint
from tools.migrate.journal import Journal
from tools.plan.model import Accounting, Hazard, Plan
from tools.schema.model import Schema
from tools.schema.render import name_of, quote

Side = Literal["before", "after"]
REMOVED = "the plan removes the table"

ORIGIN = "origin"
"""Moment of a run: every column of every table, as the run found them; what a rollback must give back."""
PAIRS = "pairs"
"""Moment of a run: what of each table the plan carries over; what must be found again after it."""
AFTER = "after "
"""Moment of a run, followed by a step's id: all tables right after a step that only a backup brings back."""


@dataclass(frozen=True)
class TableAccount:
    """Where the rows of one table went. skipped: left out on purpose, for the `reason`. failed: missing.
    checksum_equal: None where there is nothing to compare."""

    table: str
    source_rows: int
    migrated: int
    skipped: int
    failed: int
    checksum_equal: bool | None
    finding: str = ""
    reason: str = ""

    @property
    def proven(self) -> bool:
        return not self.finding


def whole_fingerprints(backend: Backend, schema: Schema) -> dict[str, Fingerprint]:
    """The fingerprint of all columns of all tables. By name: a column that went and came back stands last."""
    return {
        table.key: backend.fingerprint(name_of(table), [quote(name) for name in sorted(table.column_names)])
        for table in schema.tables
    }


def take_baseline(backend: Backend, journal: Journal, run_id: str, plan: Plan) -> int:
    """Record how the tables look before the plan; the number of rows in all. Within the caller's transaction."""
    found = whole_fingerprints(backend, backend.schema())
    for name, fingerprint in found.items():
        journal.keep_fingerprint(run_id, ORIGIN, name, fingerprint)
    for accounting in plan.accounting:
        pairs = backend.fingerprint(accounting.table_before, [before for before, _ in accounting.columns])
        journal.keep_fingerprint(run_id, PAIRS, accounting.table, pairs)
    return sum(fingerprint.rows for fingerprint in found.values())


def account(
    backend: Backend, plan: Plan, baseline: dict[str, Fingerprint], sides: tuple[Side, ...]
) -> tuple[TableAccount, ...]:
    """Find the rows of the baseline again. `sides` are tried in turn: a plan half run has tables of either shape.

    Call it outside a transaction: an expression that the table of one side does not know would end it.
    """
    found = (
        _account(backend, accounting, baseline[accounting.table], sides)
        for accounting in plan.accounting
        if accounting.table in baseline
    )
    firing = [step.id for step in plan.steps if Hazard.FIRES_TRIGGERS in step.hazards]
    return tuple(_with_triggers(one, firing) if one.finding and firing else one for one in found)


def _with_triggers(found: TableAccount, steps: Sequence[str]) -> TableAccount:
    """What a trigger of the user's wrote cannot be told from damage: then where to look is said."""
    return replace(found, finding=f"{found.finding}; tables' own triggers fire in {', '.join(steps)}: see what they do")


def compare_origin(backend: Backend, schema: Schema, baseline: dict[str, Fingerprint]) -> tuple[TableAccount, ...]:
    """Whether every table has again all the rows and values that the run found."""
    now = whole_fingerprints(backend, schema)
    names = {table.key: sorted(table.column_names) for table in schema.tables}
    return tuple(
        _judge(name, found, now[name], names[name]) if name in now else _missing(name, found)
        for name, found in baseline.items()
    )


def _account(backend: Backend, wanted: Accounting, found: Fingerprint, sides: tuple[Side, ...]) -> TableAccount:
    results = [result for side in sides if (result := _try(backend, wanted, found, side))]
    if not results:
        return _missing(wanted.table, found)
    return next((result for result in results if result.proven), results[0])


def _try(backend: Backend, wanted: Accounting, found: Fingerprint, side: Side) -> TableAccount | None:
    if side == "after" and wanted.table_after is None:
        return TableAccount(wanted.table, found.rows, 0, found.rows, 0, None, reason=REMOVED)
    table = wanted.table_before if side == "before" else wanted.table_after or ""
    expressions = [before if side == "before" else after for before, after in wanted.columns]
    try:
        now = backend.fingerprint(table, expressions)
    except DatabaseError:  # the table does not have this side's shape (any more, or yet)
        return None
    return _judge(wanted.table, found, now, expressions)


def _judge(table: str, found: Fingerprint, now: Fingerprint, names: Sequence[str]) -> TableAccount:
    failed, equal = max(found.rows - now.rows, 0), now.row == found.row
    finding = ""
    if failed:
        finding = f"{table}: {failed} of {found.rows} rows are missing"
    elif now.rows > found.rows:
        more = now.rows - found.rows
        finding = f"{table}: {more} {'row' if more == 1 else 'rows'} more than the {found.rows} at the start"
    elif not equal:
        differing = [name for name, a, b in zip(names, found.columns, now.columns, strict=False) if a != b]
        which = ", ".join(differing) or "values changed places between rows"
        finding = f"{table}: values are not as at the start ({which})"
    return TableAccount(table, found.rows, min(now.rows, found.rows), 0, failed, equal, finding)


def _missing(table: str, found: Fingerprint) -> TableAccount:
    sentence = f"{table}: the table with its {found.rows} rows is not there"
    return TableAccount(table, found.rows, 0, 0, found.rows, False, sentence)
