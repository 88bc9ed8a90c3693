"""Runs, steps and tables as the plain JSON of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tools.migrate.accounts import TableAccount
from tools.migrate.record import Entry, Run
from tools.migrate.results import StepResult, StepState


def step_as_json(step: StepResult | StepState) -> dict[str, Any]:
    """{"id", "status", "seconds", "rows"}.

    A watch that waits is done as far as the run goes, which scripts may rely on: it was handed over. Where the watch
    itself stands is told beside the steps.
    """
    name = step.id if isinstance(step, StepResult) else step.step.id
    status = "done" if step.status == "waiting" else step.status
    return {"id": name, "status": status, "seconds": step.seconds, "rows": step.rows}


def table_as_json(table: TableAccount) -> dict[str, Any]:
    """{"table", "source_rows", "migrated", "skipped", "failed", "checksum_equal", "reason"}."""
    facts = asdict(table)
    del facts["finding"]
    return facts


def outcome_as_json(
    run: str, steps: Iterable[StepResult | StepState], tables: Iterable[TableAccount] = ()
) -> dict[str, Any]:
    return {
        "run": run,
        "steps": [step_as_json(step) for step in steps],
        "tables": [table_as_json(table) for table in tables],
    }


def run_as_json(run: Run, entries: Iterable[Entry]) -> dict[str, Any]:
    """A run's history; the plan and the schema that the journal keeps with it are left out."""
    return {
        "id": run.id, "state": run.state, "plan": run.plan_digest, "started": run.started, "finished": run.finished,
        "actor": run.actor,
        "steps": [
            {
                "id": entry.step, "direction": entry.direction, "status": entry.state, "started": entry.started,
                "seconds": entry.seconds, "rows": entry.rows, "done": entry.done, "total": entry.total,
                "approval": entry.approval, "backup": entry.backup, **_speed(entry),
            }
            for entry in entries
        ],
    }  # fmt: skip


def _speed(entry: Entry) -> dict[str, Any]:
    """Of a backfill: rows a second, and the seconds that it will take yet at that rate; None where nothing is known."""
    if not entry.total:
        return {}
    rate = entry.done / entry.seconds if entry.done and entry.seconds else None
    left = (entry.total - entry.done) / rate if rate and entry.begun else None
    return {"rate": None if rate is None else round(rate), "left": None if left is None else round(left, 1)}
