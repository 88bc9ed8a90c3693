"""Mending an unfinished run: rows that came or changed since they were copied are copied again, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from knowledge.actions import action_from_json
from knowledge.approvals import Action, Ledger
from tools.errors import Refused
from tools.migrate.execute import Work
from tools.migrate.pace import Pace
from tools.migrate.record import RunState
from tools.migrate.results import Observer
from tools.migrate.run import Migration
from tools.migrate.session import plan_of
from tools.plan.model import Phase, Plan, Step, step_digest


class Mending(Migration):
    """The latest run's backfills again, for the rows that still differ. It needs no plan file.

    Where an engine has no triggers (DuckDB), or a writer goes round them, old and new columns part after the backfill;
    the verify phase finds such rows and names them. Each backfill is approved, backed up and journalled like its first
    run. Raises Refused where there is no unfinished run; Drift, Busy.
    """

    def __init__(
        self, database: str, *, ledger: Ledger | None, home: Path, actor: str, thread: str = "",
        observer: Observer | None = None, pace: Pace | None = None,
    ) -> None:  # fmt: skip
        nothing = Plan("sqlite", "", "")  # the plan is the run's own, known once the database is open
        super().__init__(
            nothing, database, ledger=ledger, home=home, actor=actor, thread=thread, observer=observer, pace=pace
        )

    def pending(self, phases: Sequence[Phase | str] = (), step: str | None = None) -> tuple[Step, ...]:
        """The backfills that have rows left to write, one that was cut off among them."""
        applied = self.applied()
        return tuple(
            s for s in self.plan.steps
            if s.id in applied and step in (None, s.id) and (not phases or s.phase in phases) and self._differs(s)
        )  # fmt: skip

    def action(self, step: Step) -> Action:
        begun = self.begun(step, "apply")
        if begun is not None:
            return action_from_json(begun.action)
        # An approval is for this time only: the step had one before, and may need another later.
        again = sum(entry.step == step.id for entry in self.entries())
        arguments = self._arguments() | {"step": step.id, "step_digest": step_digest(step), "again": again}
        hazards = {str(hazard) for hazard in step.hazards} | self.live_hazards(step)
        sql = self._work(step).step.statements()
        return Action("apply_step", f"again: {step.summary}", arguments, sql, self.base(step), tuple(sorted(hazards)))

    def _begin(self) -> None:
        runs = self.journal.runs()
        if not runs or not runs[-1].open:
            raise Refused(
                f"{self.backend.location} holds no unfinished run: rows are copied again only until the contract phase "
                "ends; `oneplan verify` names those that differ since"
            )
        self.run, self.run_id, self.plan = runs[-1], runs[-1].id, plan_of(runs[-1])
        self.found = self._found(runs[-1], self.schema())

    def _work(self, step: Step) -> Work:
        return Work.forward(replace(step, sql=()))

    def _close(self, work: Work) -> RunState:
        return "running"

    def _check_order(self, step: Step) -> None:
        if step.id not in {found.id for found in self.pending()}:
            raise Refused(f"step {step.id!r} has nothing to mend")

    def _differs(self, step: Step) -> bool:
        if step.id in self._cut_off():
            return True
        backfill = step.backfill
        if backfill is None or backfill.where == "TRUE" or self._contracted(step):
            return False
        return bool(self.backend.query(f"SELECT 1 FROM {backfill.table} WHERE {backfill.where} LIMIT 1"))

    def _contracted(self, step: Step) -> bool:
        """Whether what the copies were made from, or their names, are gone."""
        applied, mine = self.applied(), set(step.objects)
        contracted = (other for other in self.plan.steps if other.phase is Phase.CONTRACT and other.sql)
        return any(other.id in applied and mine & set(other.objects) for other in contracted)
