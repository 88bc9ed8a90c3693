"""Running a plan on a database, one approved step after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from knowledge.actions import action_from_json
from knowledge.approvals import Action, Ledger
from tools.errors import Drift, Refused, StepFailed, UsageError
from tools.migrate.accounts import PAIRS, account, take_baseline
from tools.migrate.aside import make_room
from tools.migrate.backend import Progress
from tools.migrate.backup import back_up_step
from tools.migrate.differences import differences
from tools.migrate.execute import Hooks, StepRun, Work
from tools.migrate.grant import ShadowGrant
from tools.migrate.journal import now
from tools.migrate.pace import Pace
from tools.migrate.record import Run, RunState, applied_steps
from tools.migrate.rehearsal import Rehearsal
from tools.migrate.results import Observer, StepResult, StepState, StepView
from tools.migrate.session import Session, phases_named, plan_of, step_states
from tools.plan.change import outline
from tools.plan.files import plan_to_yaml
from tools.plan.impact import impacts
from tools.plan.model import WATCH, Hazard, Phase, Plan, Step, step_digest
from tools.schema.digest import schema_digest
from tools.schema.model import Schema

LONG = 60.0
"""Seconds from which on a step counts as long, however few its rows are."""


class Migration(Session):
    """One plan on one database, from its first step or from where an earlier process stopped.

    rehearsal: what the plan did on a shadow; without a good one every step carries NOT_REHEARSED. origin: the schema
    the plan was made for, so that drift can say what differs. restart: leave an unfinished run of this plan behind
    and begin anew; the database must then be as the plan expects it. abandon: only to give the run up, which it can be
    whatever the schema is by now. Nothing is written before the first approved step.

    An unfinished run goes on also under its plan with other SQL in steps that have not run (files.edit_step).
    Raises Drift when the database is not as the plan, or the unfinished run, knew it; Refused when another plan's run
    is unfinished there; Busy when another executor is at work.
    """

    def __init__(
        self, plan: Plan, database: str, *, ledger: Ledger | None, home: Path, actor: str, thread: str = "",
        grant: ShadowGrant | None = None, rehearsal: Rehearsal | None = None, origin: Schema | None = None,
        restart: bool = False, abandon: bool = False, observer: Observer | None = None, pace: Pace | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            database, ledger=ledger, home=home, actor=actor, thread=thread, grant=grant, observer=observer, pace=pace
        )
        self.plan = plan
        self.rehearsal = rehearsal if rehearsal and rehearsal.ok and rehearsal.plan == plan.digest else None
        self._origin, self._restart, self._abandon = origin, restart, abandon
        self._left_behind: str | None = None

    def steps(self) -> tuple[StepState, ...]:
        """Every step of the plan and where it stands."""
        return step_states(self.plan, self.entries())

    def pending(self, phases: Sequence[Phase | str] = (), step: str | None = None) -> tuple[Step, ...]:
        """The steps still to run, in the plan's order: all, or those of some phases, or one. The watch is none of them.
        UsageError if unknown."""
        asked = self.plan.step(step) if step is not None else None
        if step is not None and asked is None:
            raise UsageError(f"the plan has no step {step!r}: its steps are listed by `oneplan explain`")
        if asked is not None and asked.operation == WATCH:
            raise UsageError(f"step {step!r} is left open by a run: `oneplan monitor` works it off")
        wanted = phases_named(phases)
        applied = set(self.applied()) - self._cut_off()
        left = (s for s in self.plan.steps if s.id not in applied and s.operation != WATCH)
        return tuple(s for s in left if (not wanted or s.phase in wanted) and step in (None, s.id))

    @property
    def finished(self) -> bool:
        """Nothing is left to do: the plan was already applied."""
        return not self.pending()

    def view(self, step: Step) -> StepView:
        """What a person should see before they approve the step. Reads only."""
        rehearsed = self.rehearsal.step(step.id) if self.rehearsal else None
        return StepView(
            step=step, sql=step.statements(), undo=step.undo, hazards=self.action(step).hazards,
            rows=self.rows_touched(step), backup=self._needs_backup(step),
            begun=self.begun(step, "apply") is not None,
            rehearsal=rehearsed.shown() if rehearsed else None, notes=_notes(step),
            impacts=impacts(step, self.backend.dialect, self.facts()),
        )  # fmt: skip

    def action(self, step: Step) -> Action:
        """What is asked for: this very step, on the objects as they are now. A step cut off half way keeps its own."""
        begun = self.begun(step, "apply")
        if begun is not None:
            return action_from_json(begun.action)
        return self._action(step, self.base(step), self._hazards(step))

    def phase_action(self, steps: Sequence[Step]) -> Action:
        """One question for several steps: it covers exactly what the rehearsal found each of them to be.

        Refused without a rehearsal: what a later step will find is not known then.
        """
        if self.rehearsal is None:
            raise Refused("several steps can be approved at once only after a rehearsal: approve them one by one")
        actions = [self.action(steps[0]), *(self._foreseen(step) for step in steps[1:])]
        phases = ", ".join(dict.fromkeys(step.phase.value for step in steps))
        return Action(
            "apply_phase", f"{phases}: {len(steps)} step{'' if len(steps) == 1 else 's'} of {self.backend.location}",
            {**self._arguments(), "steps": [step.id for step in steps]},
            sql=tuple(sql for step in steps for sql in step.statements()), base=actions[0].base,
            hazards=tuple(sorted({hazard for action in actions for hazard in action.hazards})),
            covers=tuple(action.digest for action in actions),
        )  # fmt: skip

    def standing(self, step: Step) -> str | None:
        """The approval under which the step can run without asking: one cut off half way, or one given already."""
        return self.authority.standing(self.action(step), self.run_id)

    def execute(self, step: Step, approval_id: str, progress: Progress | None = None) -> StepResult:
        """Run one approved step to its end, or until an interrupt pauses it between two batches.

        Raises ApprovalRefused, BackupFailed, Drift, StepFailed or Busy; the message says whether anything was done.
        """
        planned = self.plan.step(step.id)
        if planned is None or step_digest(planned) != step_digest(step):
            raise UsageError(f"step {step.id!r} is not the plan's: execute a step that the plan holds")
        self._check_order(planned)
        begun = self.begun(planned, "apply")
        hooks = Hooks(self._back_up, self._open_run, self._account, self._close)
        attempt = StepRun(self, self._work(planned), self.action(planned), hooks, progress)
        try:
            return attempt.carry_out(approval_id, begun)
        finally:
            self._refresh()

    def abandon_action(self) -> Action:
        """Leave the unfinished run as it stands: it is never gone on with. Refused when there is none."""
        if self.run is None or not self.run.open:
            raise Refused(f"{self.backend.location} holds no unfinished run of this plan to abandon")
        return Action("abandon_run", f"abandon run {self.run.id} of {self.backend.location}", self._arguments())

    def abandon(self, approval_id: str) -> None:
        permit = self.authority.take(approval_id, self.abandon_action(), self.run_id, self.backend)
        with self.backend.transaction():
            self.journal.set_run(self.run_id, "abandoned")
        permit.record("done")
        self._refresh()

    def _begin(self) -> None:
        """Take up the run of this plan that is unfinished or done, or make ready for a new one."""
        if self.backend.dialect != self.plan.dialect:
            raise UsageError(
                f"the plan is for {self.plan.dialect}, and {self.backend.location} is {self.backend.dialect}"
            )
        runs = self.journal.runs()
        last = runs[-1] if runs else None
        schema = self.schema()
        ours = last is not None and (last.plan_digest == self.plan.digest or self._edits(last))
        if last and last.open and not ours:
            place = "the database" if self.authority.grant else self.backend.location
            raise Refused(
                f"run {last.id} of another plan is unfinished on {place}: go on with that plan, give it up "
                "(`oneplan apply ITS_PLAN --abandon`), or go back (`oneplan rollback`)"
            )
        if self._abandon:
            self.run, self.run_id = (last, last.id) if last and ours else (None, "")
            return
        if last and ours and self._goes_on(last, schema):
            self.run, self.run_id = last, last.id
            self.found = self._found(last, schema)
            return
        self._refuse_other_origin(schema)
        self.run_id = _run_id(self.backend.location, self.plan.digest, len(runs))

    def _edits(self, last: Run) -> bool:
        """Whether this plan is that unfinished run's own with other SQL in steps that have not run: it may go on so."""
        if not last.open:
            return False
        theirs, entries = plan_of(last), self.journal.entries(last.id)
        ran = {*applied_steps(entries), *(entry.step for entry in entries if entry.begun)}
        return outline(theirs) == outline(self.plan) and all(
            step_digest(before) == step_digest(after)
            for before, after in zip(theirs.steps, self.plan.steps, strict=True)
            if before.id in ran
        )

    def _goes_on(self, last: Run, schema: Schema) -> bool:
        if last.open and self._restart:
            self._left_behind = last.id
            return False
        return last.open or (last.state == "done" and schema_digest(schema) != self.plan.origin)

    def _found(self, last: Run, schema: Schema) -> str:
        begun = next((entry for entry in self.journal.entries(last.id) if entry.begun), None)
        self.run = last
        if not self.torn():
            self.refuse_drift(schema, last)
        if last.state == "done":
            return f"already applied: run {last.id} finished {last.finished}"
        done = len(self.applied())
        told = f"run {last.id} of {last.started} goes on: {done} of {len(self.plan.steps)} steps are done"
        if begun is None:
            return told
        if begun.direction == "undo":
            raise Refused(f"run {last.id} is being rolled back (step {begun.step!r}): finish the rollback first")
        where = f", {begun.done:,} of {begun.total:,} rows through" if begun.total else ""
        return f"{told}; step {begun.step!r} was {'paused' if begun.state == 'paused' else 'cut off'}{where}"

    def _refuse_other_origin(self, schema: Schema) -> None:
        if schema_digest(schema) == self.plan.origin:
            return
        told = differences(self._origin, schema) if self._origin else ""
        if schema_digest(schema) == self.plan.target:
            told = "it already has the schema that the plan leads to, though no run of the plan is on record there"
        way = "make the plan anew"
        if self._left_behind:
            way = f"--restart begins with the first step: go back before (`oneplan rollback {self._left_behind}`)"
        raise Drift(
            f"{self.backend.location} is not the database that the plan was made for"
            + (f": {told}" if told else "") + f"; {way}"
        )  # fmt: skip

    def _work(self, step: Step) -> Work:
        return Work.forward(step)

    def _cut_off(self) -> set[str]:
        """Steps that were cut off, those among them that stand applied and were being mended."""
        return {entry.step for entry in self.entries() if entry.begun and entry.direction == "apply"}

    def _check_order(self, step: Step) -> None:
        problem = next((told for check in ORDER_CHECKS if (told := check(self, step))), None)
        if problem:
            raise Refused(problem)

    def _hazards(self, step: Step) -> set[str]:
        return self._known_hazards(step) | self.live_hazards(step)

    def _known_hazards(self, step: Step) -> set[str]:
        known = {str(hazard) for hazard in step.hazards}
        if self.rehearsal is not None:
            rehearsed = self.rehearsal.step(step.id)
            if rehearsed is None:
                return known | {str(Hazard.NOT_REHEARSED)}
            long = {str(Hazard.LONG_RUNNING)} if rehearsed.estimated >= LONG else set[str]()
            return known | set(rehearsed.hazards) | long
        return known if self.authority.grant else known | {str(Hazard.NOT_REHEARSED)}

    def _foreseen(self, step: Step) -> Action:
        rehearsed = self.rehearsal.step(step.id) if self.rehearsal else None
        if rehearsed is None:
            raise Refused(f"step {step.id!r} was not rehearsed: approve it by itself when its turn comes")
        return self._action(step, rehearsed.before, self._known_hazards(step))

    def _action(self, step: Step, base: str, hazards: set[str]) -> Action:
        arguments = self._arguments() | {"step": step.id, "step_digest": step_digest(step)}
        return Action("apply_step", step.summary, arguments, step.statements(), base, tuple(sorted(hazards)))

    def _arguments(self) -> dict[str, Any]:
        named = {"run": self.run_id, "plan": self.plan.digest, "target": self.backend.location}
        return named | ({"restarts": self._left_behind} if self._left_behind else {})

    def _open_run(self, schema: Schema) -> Run:
        """The run on record, made in this transaction if this is its first step, with how the tables look before it."""
        if self.run is not None:
            if self.run.plan_digest != self.plan.digest:  # edited since: from this step on it is the run's plan
                self.journal.set_plan(self.run.id, self.plan.digest, plan_to_yaml(self.plan))
            return self.run
        self.journal.create()
        if self._left_behind:
            self.journal.set_run(self._left_behind, "abandoned")
        number = len(self.journal.runs()) + 1
        run = Run(
            self.run_id, number, self.plan.digest, plan_to_yaml(self.plan), now(), "", self.authority.actor, "running",
            self.plan.origin, self.plan.origin, "",
        )  # fmt: skip
        self.refuse_drift(schema, run)
        self.journal.begin_run(run)
        make_room(self.backend, self.plan, number)
        take_baseline(self.backend, self.journal, run.id, self.plan)
        return run

    def _back_up(self, work: Work) -> str:
        if self.authority.grant is not None or not self._needs_backup(work.step):
            return ""
        return back_up_step(self, work.step)

    def _needs_backup(self, step: Step) -> bool:
        """Before every step that writes data, and before a run's first statement, whatever it is: the way back to the
        origin must be open from there on."""
        return step.writes_data or bool(step.statements() and not any(entry.backup for entry in self.entries()))

    def _account(self, work: Work) -> tuple[int, tuple[str, ...]]:
        """The rows that a `baseline` or `proof` step counts, and what a proof found amiss.

        On a shadow, where nobody else writes, a finding fails the step. A live database may have been written to while
        the run went on: there it is said, and `verify` says it again.
        """
        if work.step.operation == "baseline":
            return sum(self.backend.rows(accounting.table_before) for accounting in self.plan.accounting), ()
        if work.step.operation != "proof" or self.run is None:
            return 0, ()
        accounts = account(self.backend, self.plan, self.journal.fingerprints(self.run.id, PAIRS), ("after",))
        findings = tuple(found.finding for found in accounts if found.finding)
        if findings and self.authority.grant:
            raise StepFailed(f"step {work.step.id!r}: {'; '.join(findings)}", step_id=work.step.id)
        return sum(found.source_rows for found in accounts), findings

    def _close(self, work: Work) -> RunState:
        left = [step for step in self.pending() if step.id != work.step.id]
        return "running" if left else "done"


def _left_open(_: Migration, step: Step) -> str | None:
    return f"step {step.id!r} is left open: `oneplan monitor` works it off" if step.operation == WATCH else None


def _already_applied(migration: Migration, step: Step) -> str | None:
    applied = step.id in migration.applied() and migration.begun(step, "apply") is None
    return f"step {step.id!r} is already applied in run {migration.run_id}" if applied else None


def _another_begun(migration: Migration, step: Step) -> str | None:
    waiting = next((entry for entry in migration.entries() if entry.begun), None)
    if waiting is None or (waiting.step, waiting.direction) == (step.id, "apply"):
        return None
    return f"step {waiting.step!r} was begun and is not finished: go on with it before {step.id!r}"


def _needs_others(migration: Migration, step: Step) -> str | None:
    applied = set(migration.applied())
    missing = [needed for needed in step.depends_on if needed not in applied]
    return f"step {step.id!r} needs {', '.join(missing)} first" if missing else None


ORDER_CHECKS: tuple[Callable[[Migration, Step], str | None], ...] = (
    _left_open,
    _already_applied,
    _another_begun,
    _needs_others,
)
"""Why a step cannot be run now, whoever approved it."""


def _notes(step: Step) -> tuple[str, ...]:
    notes: list[str] = []
    if step.manual:
        notes.append("a person does this: oneplan runs nothing and records that it was done")
    if step.backfill and not step.backfill.key:
        notes.append(
            f"{step.backfill.table_key} has no key: all its rows are written in one statement, without a pause"
        )
    if not step.reversible:
        notes.append("cannot be undone by SQL: only the backup made before it brings back what it removes")
    return tuple(notes)


def _run_id(location: str, plan: str, earlier: int) -> str:
    """The same in every process until the run exists, so that an approval can be given before anything is written."""
    return hashlib.sha256(f"{location}\n{plan}\n{earlier}".encode()).hexdigest()[:12]
