"""What a migration and a rollback have in common: one open database, its lock, its journal, and the right to write."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from knowledge.actions import action_from_json
from knowledge.approvals import Ledger
from tools.errors import Drift, Refused, UsageError
from tools.migrate.backend import Backend
from tools.migrate.differences import differences
from tools.migrate.grant import ShadowGrant
from tools.migrate.journal import Journal
from tools.migrate.open import open_backend
from tools.migrate.pace import Pace
from tools.migrate.permit import Authority
from tools.migrate.record import Direction, Entry, Run, applied_steps
from tools.migrate.results import Observer, StepState
from tools.plan.facts import Facts
from tools.plan.files import plan_from_yaml
from tools.plan.hazards import hazards_of
from tools.plan.model import WATCH, Phase, Plan, Step
from tools.schema.digest import objects_digest, schema_digest
from tools.schema.model import Schema


class Session:
    """An executor's hold on a database, from `with` to its end. Raises Busy when another executor is at work.

    home: the workspace's folder, where backups go. thread: the conversation that approvals are bound to. grant: for
    the shadow that a rehearsal made, in place of approvals. observer: told of every boundary of a step. pace: how fast
    backfills go, and how long a statement may keep others waiting.
    """

    def __init__(
        self, database: str, *, ledger: Ledger | None, home: Path, actor: str, thread: str = "",
        grant: ShadowGrant | None = None, observer: Observer | None = None, pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self.database, self.home, self.pace = database, home, pace or Pace()
        if grant is not None:  # nobody waits for a shadow
            self.pace = replace(self.pace, statement=0.0)
        self.authority = Authority(ledger, actor, thread, grant)
        self.found = ""
        self.run: Run | None = None
        self.run_id = ""
        self._observer = observer
        self._exits = ExitStack()
        self._facts: Facts | None = None
        self._schema: Schema | None = None

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            self.backend: Backend = open_backend(self.database, confined=self.authority.grant is not None)
            exits.callback(self.backend.close)
            self.authority.check(self.backend)
            exits.enter_context(self.backend.lock())
            self.journal = Journal(self.backend)
            self._begin()
            self._settle()
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def _begin(self) -> None:
        """Find out what run this is about, refuse what cannot go on. To be filled by each kind of session."""
        raise NotImplementedError

    def tell(self, stage: str, step: Step) -> None:
        if self._observer:
            self._observer(stage, step.id)

    def entries(self) -> tuple[Entry, ...]:
        return self.journal.entries(self.run.id) if self.run else ()

    def applied(self) -> tuple[str, ...]:
        """The ids of the steps that stand applied, in the order in which they were."""
        return applied_steps(self.entries())

    def begun(self, step: Step, direction: Direction) -> Entry | None:
        """The entry of an attempt that was cut off and goes on."""
        return next((e for e in self.entries() if e.begun and (e.step, e.direction) == (step.id, direction)), None)

    def torn(self) -> bool:
        """An attempt at statements that run alone was cut off: the schema may stand between two states."""
        return any(entry.begun and not entry.total for entry in self.entries())

    def facts(self) -> Facts:
        """What the database says of its tables; asked once between two steps."""
        if self._facts is None:
            self._facts = self.backend.facts(self.schema())
        return self._facts

    def schema(self) -> Schema:
        """The schema as it was when first asked for since the last step. What is approved on it is judged anew inside
        the step's own transaction, so that a change in between is refused there."""
        if self._schema is None:
            self._schema = self.backend.schema()
        return self._schema

    def forget(self) -> None:
        """After a write: the next look reads anew."""
        self._facts = self._schema = None

    def rows_touched(self, step: Step) -> int:
        """About how many rows the step writes: those of the table it fills, else of the first that it touches."""
        facts = self.facts()
        filled = [step.backfill.table_key] if step.backfill else []
        found = next((facts[key] for key in (*filled, *step.objects) if key in facts), None)
        return found.rows if found and (step.writes_data or step.backfill) else 0

    def live_hazards(self, step: Step) -> set[str]:
        return {str(hazard) for hazard in hazards_of(step, self.backend.dialect, self.facts())}

    def base(self, step: Step) -> str:
        return objects_digest(self.schema(), step.objects)

    def refuse_drift(self, schema: Schema, run: Run) -> None:
        """Drift unless the schema is as the run left it."""
        if schema_digest(schema) == run.digest:
            return
        told = differences(run.schema, schema)
        raise Drift(
            f"{self.backend.location} was changed by somebody else since run {run.id} last wrote to it"
            + (f": {told}" if told else "")
            + "; take that back and go on, or give the run up (`oneplan apply PLAN --abandon`) and make a plan anew"
        )

    def _settle(self) -> None:
        """What was written and not reported, because the process ended in between, is reported now."""
        if self.authority.ledger is None:
            return
        with self.authority.ledger.opened():
            self._settle_entries()

    def _settle_entries(self) -> None:
        for entry in self.entries()[-2:]:
            if entry.direction != "restore" and entry.state in ("done", "failed"):
                outcome = "done" if entry.state == "done" else "failed"
                self.authority.settle(entry.approval, action_from_json(entry.action), entry.run, outcome)

    def _refresh(self) -> None:
        if self.run_id:
            self.run = self.journal.run(self.run_id)
        self.forget()


def phases_named(phases: Iterable[Phase | str]) -> set[Phase]:
    """Raises UsageError for a word that names no phase."""
    unknown = [str(phase) for phase in phases if phase not in set(Phase)]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no phase: one of {', '.join(Phase)}")
    return {Phase(phase) for phase in phases}


def plan_of(run: Run) -> Plan:
    """The plan that the journal kept. Raises Refused when it is not the one that was run."""
    plan = plan_from_yaml(run.plan, f"the journal's run {run.id}")
    if plan.digest != run.plan_digest:
        raise Refused(f"the plan kept in the journal for run {run.id} was changed: it can no longer be trusted")
    return plan


def unfinished_run(database: str) -> Run | None:
    """The run that somebody began there and nobody ended. Reads only."""
    with closing(open_backend(database, read_only=True)) as backend:
        runs = Journal(backend).runs()
    return runs[-1] if runs and runs[-1].open else None


def reversed_step(step: Step) -> Step:
    """The way back as a step of its own, so that its hazards can be told like any other's."""
    return replace(
        step, sql=step.undo, undo=step.statements(), backfill=None, checks=step.undo_checks, undo_checks=(),
        transactional=step.undo_transactional, hazards=(), depends_on=(),
    )  # fmt: skip


def step_states(plan: Plan, entries: tuple[Entry, ...]) -> tuple[StepState, ...]:
    """Every step of a plan and where it stands in a run."""
    applied = set(applied_steps(entries))
    done = all(step.id in applied for step in plan.steps if step.operation != WATCH)
    return tuple(
        StepState(step, "waiting") if done and step.operation == WATCH else _state(step, entries, applied)
        for step in plan.steps
    )


def _state(step: Step, entries: tuple[Entry, ...], applied: set[str]) -> StepState:
    last = next((entry for entry in reversed(entries) if entry.step == step.id), None)
    if last is None:
        return StepState(step, "pending")
    if step.id in applied:
        return StepState(step, "done", last.seconds, last.rows)
    if last.begun and last.direction == "apply":
        return StepState(step, "paused" if last.state == "paused" else "begun", last.seconds, last.rows)
    return StepState(step, "undone" if last.direction != "apply" else "pending", last.seconds, last.rows)
