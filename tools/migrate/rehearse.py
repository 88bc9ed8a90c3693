"""Rehearsals: a plan run forward and back on a shadow copy before anyone is asked to approve it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.errors import DatabaseError, StepFailed
from tools.migrate.accounts import TableAccount
from tools.migrate.backend import Backend
from tools.migrate.journal import now
from tools.migrate.measures import Measured, Measuring
from tools.migrate.rehearsal import Rehearsal, StepRehearsal
from tools.migrate.results import StepResult
from tools.migrate.rollback import Rollback
from tools.migrate.run import Migration
from tools.migrate.shadow import Shadow, shadow_of
from tools.migrate.verify import Verification, verify
from tools.plan.impact import scanned
from tools.plan.model import Plan, Step
from tools.schema.render import name_of

StepProgress = Callable[[str, int, int], None]
"""Called with (what goes on, steps done, steps in all)."""
ACTOR = "rehearsal"


def rehearse(
    plan: Plan, database: str, *, shadow: str | None = None, home: Path | None = None,
    progress: StepProgress | None = None, sample: int | None = None,
) -> Rehearsal:  # fmt: skip
    """Run all that is left of the plan on a copy, prove the rows, go all the way back, and prove the origin.

    In the middle of a run it rehearses what remains, and the way back of all of it. A failure of the plan is a
    Rehearsal that is not ok, naming the step and the sentence; what keeps it from starting (no copy can be made, the
    database has drifted) is raised. sample: on so many rows of each table, and all that they point to; where the whole
    does not fit it is so by itself, and the result's `shadow` says it.
    """
    with (
        shadow_of(database, shadow, sample) as copy,
        tempfile.TemporaryDirectory(prefix="oneplan-rehearsal-") as folder,
    ):
        return _Rehearsing(plan, copy, Path(folder), progress).run()


class _Rehearsing:
    def __init__(self, plan: Plan, copy: Shadow, folder: Path, progress: StepProgress | None) -> None:
        self._plan, self._copy, self._folder, self._progress = plan, copy, folder, progress
        self._steps: list[StepRehearsal] = []
        self._tables: tuple[TableAccount, ...] = ()
        self._told = 0
        self._rows: dict[str, int] = {}

    def run(self) -> Rehearsal:
        try:
            failed = self._forward() or self._check_forward() or self._backward()
        except StepFailed as error:
            return self._result(step=error.step_id, sentence=str(error))
        except DatabaseError as error:
            return self._result(sentence=str(error))
        if failed:
            return self._result(sentence=failed)
        last_resort = [step.id for step in self._plan.steps if not step.reversible]
        told = f"only a backup brings back {', '.join(last_resort)}" if last_resort else ""
        return replace(self._result(sentence=told), ok=True, back=not last_resort)

    def _forward(self) -> str:
        measuring = Measuring()
        with Migration(self._plan, self._copy.location, observer=measuring.tell, **self._as_shadow()) as migration:
            measuring.backend = migration.backend
            self._rows = _counted(migration.backend) if self._copy.real is not None else {}
            pending = migration.pending()
            for step in pending:
                self._tell(f"rehearsing {step.id}", 2 * len(pending))
                hazards, before = migration.action(step).hazards, migration.base(step)
                result = migration.execute(step, "")
                done = _rehearsed(result, before, migration.base(step), hazards, measuring.of(step.id))
                self._steps.append(self._scaled(done, step))
        return ""

    def _scaled(self, done: StepRehearsal, step: Step) -> StepRehearsal:
        """With the rows that the step walks over, on the sample and in the database itself."""
        real = self._copy.real or {}
        tables = [table for table in scanned(step, self._plan.dialect) if table in self._rows and table in real]
        sampled, whole = sum(self._rows[t] for t in tables), sum(real[t].rows for t in tables)
        return replace(done, sampled=sampled, real=max(sampled, whole)) if sampled else done

    def _check_forward(self) -> str:
        proven = verify(self._copy.location)
        self._tables = proven.tables
        return _complaint("after the last step", proven)

    def _backward(self) -> str:
        """As far as SQL goes: a step that only a backup brings back ends it."""
        with Rollback(self._copy.location, **self._as_shadow()) as back:
            pending = back.pending()
            for step in pending:
                if not step.reversible:
                    return ""
                self._tell(f"rehearsing the way back of {step.id}", len(self._steps) + len(pending))
                seconds = back.execute(step, "").seconds
                self._steps = [replace(s, undone=seconds) if s.id == step.id else s for s in self._steps]
        return _complaint("after the way back", verify(self._copy.location))

    def _as_shadow(self) -> dict[str, Any]:
        return {"ledger": None, "home": self._folder, "actor": ACTOR, "grant": self._copy.grant}

    def _tell(self, what: str, total: int) -> None:
        if self._progress:
            self._progress(what, self._told, total)
        self._told += 1

    def _result(self, *, step: str = "", sentence: str = "") -> Rehearsal:
        return Rehearsal(
            False, self._plan.digest, self._plan.origin, tuple(self._steps), self._tables, step, sentence,
            shadow=self._copy.told, at=now(),
        )  # fmt: skip


def _counted(backend: Backend) -> dict[str, int]:
    return {table.key: backend.rows(name_of(table)) for table in backend.schema().tables}


def _rehearsed(result: StepResult, before: str, after: str, hazards: tuple[str, ...], found: Measured) -> StepRehearsal:
    return StepRehearsal(
        result.id, result.seconds, result.rows, before, after, hazards,
        locks=found.locks, locked=found.locked, rewrites=found.rewrites, batch=found.batch,
    )  # fmt: skip


def _complaint(when: str, proven: Verification) -> str:
    return f"{when}: {'; '.join(proven.findings)}" if proven.findings else ""
