"""The way back: the undo of each applied step, in reverse order, from the plan that the journal kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowledge.actions import action_from_json
from knowledge.approvals import Action, Ledger
from tools.errors import Refused, UsageError
from tools.migrate.accounts import AFTER, compare_origin
from tools.migrate.backend import Progress
from tools.migrate.backup import Backup, back_up_step, find_backup
from tools.migrate.execute import Hooks, StepRun, Work
from tools.migrate.grant import ShadowGrant
from tools.migrate.obstacles import in_the_way
from tools.migrate.open import open_backend
from tools.migrate.pace import Pace
from tools.migrate.record import Run, RunState
from tools.migrate.results import Observer, StepResult, StepState, StepView
from tools.migrate.session import Session, phases_named, plan_of, reversed_step, step_states
from tools.plan.impact import impacts
from tools.plan.model import Hazard, Phase, Plan, Step, step_digest
from tools.schema.model import Schema

_OWN_DOING = {
    str(Hazard.DELETES_DATA),
    str(Hazard.IRREVERSIBLE),
    str(Hazard.BREAKS_OLD_CODE),
}
"""What the statements of an undo do to columns and tables that the plan itself added: no loss to ask about."""


class Rollback(Session):
    """One run's way back, the whole of it or down to just after the step `to`. It needs no plan file.

    run: a run's id, else the latest. A step that no SQL undoes is restored from the backup made before it: its view
    says so, and it carries DELETES_DATA where rows were written since.

    Raises UsageError for a run or step that is not there, Drift when the database is not as the run left it, Busy.
    """

    plan: Plan

    def __init__(
        self, database: str, *, ledger: Ledger | None, home: Path, actor: str, thread: str = "", run: str | None = None,
        to: str | None = None, grant: ShadowGrant | None = None, observer: Observer | None = None,
        pace: Pace | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            database, ledger=ledger, home=home, actor=actor, thread=thread, grant=grant, observer=observer, pace=pace
        )
        self._wanted, self._to = run, to

    def steps(self) -> tuple[StepState, ...]:
        """Every step of the run's plan and where it stands."""
        return step_states(self.plan, self.entries())

    def pending(self, phases: Sequence[Phase | str] = (), step: str | None = None) -> tuple[Step, ...]:
        """The steps still to undo, the last applied first; only those of some phases, or one."""
        standing = self._standing()
        if self._to is not None:
            standing = standing[standing.index(self._to) + 1 :] if self._to in standing else standing
        wanted = phases_named(phases)
        found = [self._step(step_id) for step_id in reversed(standing)]
        return tuple(s for s in found if (not wanted or s.phase in wanted) and step in (None, s.id))

    @property
    def finished(self) -> bool:
        return not self.pending()

    def view(self, step: Step) -> StepView:
        """What a person should see before they approve the way back of a step. Reads only."""
        return StepView(
            step=step, sql=step.undo, undo=step.statements(), hazards=self.action(step).hazards,
            rows=self.rows_touched(step), backup=self._needs_backup(step),
            begun=self.begun(step, "undo") is not None, rehearsal=None, notes=tuple(self._notes(step)),
            impacts=impacts(reversed_step(step), self.backend.dialect, self.facts()),
        )  # fmt: skip

    def action(self, step: Step) -> Action:
        begun = self.begun(step, "undo")
        if begun is not None:
            return action_from_json(begun.action)
        arguments = {
            "run": self.run_id, "plan": self.plan.digest, "target": self.backend.location, "step": step.id,
            "step_digest": step_digest(step),
        }  # fmt: skip
        if step.reversible:
            hazards = self.live_hazards(reversed_step(step)) - _OWN_DOING
            return Action("undo_step", f"undo: {step.summary}", arguments, step.undo, self.base(step), _sorted(hazards))
        backup = self._backup_before(step)
        restored = arguments | {"backup": backup.id, "sha256": backup.sha256}
        hazards = {str(Hazard.DELETES_DATA)} if self._written_since(step) else set[str]()
        lost = "; rows written since that backup would be lost" if hazards else ""
        summary = f"restore backup {backup.id}, made before: {step.summary}{lost}"
        return Action("restore_backup", summary, restored, (), self.base(step), _sorted(hazards))

    def phase_action(self, steps: Sequence[Step]) -> Action:
        """One question for the next of several steps can cover only the first: what each next one will find is known
        when its turn comes. Refused for more than one."""
        if len(steps) != 1:
            raise Refused("the way back is approved step by step: what the next undo finds depends on the one before")
        return self.action(steps[0])

    def standing(self, step: Step) -> str | None:
        """The approval under which the undo can run without asking: one cut off half way, or one given already."""
        return self.authority.standing(self.action(step), self.run_id)

    def execute(self, step: Step, approval_id: str, progress: Progress | None = None) -> StepResult:
        """Undo one step: the last that stands. Raises ApprovalRefused, BackupFailed, Drift, StepFailed or Busy."""
        pending = self.pending()
        if not pending or pending[0].id != step.id:
            told = f"the next to undo is {pending[0].id!r}" if pending else "nothing is left to undo"
            raise Refused(f"step {step.id!r} cannot be undone now: {told}")
        planned, begun = pending[0], self.begun(pending[0], "undo")
        if not any(entry.direction == "undo" for entry in self.entries()):
            self._refuse_what_cannot_end(pending)
        work = Work.back(planned, None if planned.reversible else self._backup_before(planned))
        hooks = Hooks(self._back_up, self._open_run, lambda _work: (0, ()), self._close)
        try:
            return StepRun(self, work, self.action(planned), hooks, progress).carry_out(approval_id, begun)
        finally:
            self._settle()
            self._refresh()

    def _begin(self) -> None:
        runs = self.journal.runs()
        if not runs:
            raise UsageError(f"{self.backend.location} holds no run of oneplan: there is nothing to go back from")
        chosen = [run for run in runs if run.id == self._wanted] if self._wanted else [runs[-1]]
        if not chosen:
            raise UsageError(f"{self.backend.location} holds no run {self._wanted!r}: see `oneplan runs`")
        self.run, self.run_id = chosen[0], chosen[0].id
        self.plan = plan_of(self.run)
        if self._to is not None and self.plan.step(self._to) is None:
            raise UsageError(f"run {self.run_id} has no step {self._to!r}: see `oneplan runs`")
        self.found = f"run {self.run_id} of {self.run.started}: {len(self._standing())} steps stand applied"
        if not self.torn() and self._standing():
            self.refuse_drift(self.schema(), self.run)

    def _standing(self) -> list[str]:
        """The steps to undo, in the order in which they were applied: one cut off half way is the last of them."""
        cut_off = [entry.step for entry in self.entries() if entry.begun and entry.direction == "apply"]
        return [*self.applied(), *cut_off]

    def _step(self, step_id: str) -> Step:
        found = self.plan.step(step_id)
        assert found is not None, "the journal's entries are of the plan that it kept"
        return found

    def _notes(self, step: Step) -> list[str]:
        notes: list[str] = []
        if not step.reversible:
            notes.append("no SQL undoes this step: the whole database is restored from the backup made before it")
            if self._written_since(step):
                notes.append("rows were written since that backup; they would be lost")
        elif not step.undo:
            notes.append("nothing is to be undone: what the step wrote goes with the steps before it")
        pending = self.pending()
        if pending and pending[0].id == step.id:
            notes += in_the_way(self.backend, pending)
        if step.manual:
            notes.append("a person does this: oneplan runs nothing and records that it was done")
        return notes

    def _refuse_what_cannot_end(self, pending: Sequence[Step]) -> None:
        """Rows written since that the old schema does not take are told before the first undo, not half way."""
        found = next(in_the_way(self.backend, pending), None)
        if found:
            raise Refused(f"the way back does not begin: {found}; nothing was changed")

    def _needs_backup(self, step: Step) -> bool:
        """What the plan added may hold values by now that were never anywhere else."""
        loses = self.live_hazards(reversed_step(step)) & {str(Hazard.DELETES_DATA), str(Hazard.IRREVERSIBLE)}
        return bool(step.undo and (step.writes_data or loses)) or not step.reversible

    def _back_up(self, work: Work) -> str:
        if self.authority.grant is not None or not self._needs_backup(work.step):
            return ""
        return back_up_step(self, work.step)

    def _backup_before(self, step: Step) -> Backup:
        """The whole backup made before the step. Refused where it is not in this workspace."""
        entry = next((e for e in reversed(self.entries()) if e.step == step.id and e.direction == "apply"), None)
        if entry is None or not entry.backup:
            raise Refused(f"step {step.id!r} cannot be undone by SQL, and no backup was made before it")
        return find_backup(self.home, entry.backup)

    def _written_since(self, step: Step) -> bool:
        """Whether any row differs from what it was right after the step: a restore would take it back too."""
        found = self.journal.fingerprints(self.run_id, AFTER + step.id)
        schema = self.schema()
        accounts = compare_origin(self.backend, schema, found)
        return not found or not all(account.proven for account in accounts) or len(schema.tables) != len(found)

    def _open_run(self, _schema: Schema) -> Run:
        assert self.run is not None
        for entry in self.entries():
            if entry.begun and entry.direction == "apply":
                self.journal.set_entry(entry, "failed")
        return self.run

    def _close(self, work: Work) -> RunState:
        left = [step for step in self._standing() if step != work.step.id]
        return "running" if left else "rolled_back"


def runs(database: str) -> tuple[dict[str, Any], ...]:
    """The history of a database: every run with its steps, oldest first, as plain JSON. Reads only."""
    from contextlib import closing

    from tools.migrate.journal import Journal
    from tools.migrate.report import run_as_json

    with closing(open_backend(database, read_only=True)) as backend:
        journal = Journal(backend)
        return tuple(run_as_json(run, journal.entries(run.id)) for run in journal.runs())


def _sorted(hazards: set[str]) -> tuple[str, ...]:
    return tuple(sorted(hazards))
