"""Carrying out one approved step: claim, back up, write and journal in one transaction, fill in batches, record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from knowledge.actions import action_to_json
from knowledge.approvals import Action
from tools.errors import ApprovalRefused, DatabaseError, LockTimeout, OneplanError, Refused, StepFailed, UsageError
from tools.migrate import bounds
from tools.migrate.accounts import AFTER, whole_fingerprints
from tools.migrate.backend import Key, Progress
from tools.migrate.backfill import Asked, interrupt_asked, run_batches
from tools.migrate.backup import Backup
from tools.migrate.differences import schema_text
from tools.migrate.journal import now
from tools.migrate.parallel import run_ranges, split
from tools.migrate.permit import Permit
from tools.migrate.record import Direction, Entry, KeyRange, Run, RunState
from tools.migrate.resting import at_rest
from tools.migrate.results import StepResult
from tools.migrate.session import Session
from tools.plan.hazards import is_brief
from tools.plan.model import Backfill, Phase, Step, StepCheck, step_digest
from tools.schema.digest import objects_digest, schema_digest
from tools.schema.model import Schema

LOCK_TRIES = 6
FIRST_WAIT = 0.2
"""Seconds before the second try for a lock; doubled each time, some six seconds in all beside the lock timeouts."""
OFFENDERS_SHOWN = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """One step, one way: what runs, and how. restore: in place of SQL, the whole database from this backup."""

    step: Step
    direction: Direction
    sql: tuple[str, ...]
    transactional: bool
    checks: tuple[StepCheck, ...] = ()
    backfill: Backfill | None = None
    restore: Backup | None = None

    @classmethod
    def forward(cls, step: Step) -> Work:
        if step.backfill and not step.transactional:
            raise UsageError(f"step {step.id!r}: statements that run alone and a backfill must be two steps")
        return cls(step, "apply", step.sql, step.transactional, step.checks, step.backfill)

    @classmethod
    def back(cls, step: Step, restore: Backup | None = None) -> Work:
        if restore is not None:
            return cls(step, "undo", (), False, restore=restore)
        return cls(step, "undo", step.undo, step.undo_transactional, step.undo_checks)


@dataclass(frozen=True)
class Hooks:
    """What the kind of session adds. back_up: its result names the backup, "" for none. open_run: makes the run's
    record in the first step's transaction. account: rows the step counted, and sentences on what it found. close: the
    run's state once the step is done."""

    back_up: Callable[[Work], str]
    open_run: Callable[[Schema], Run]
    account: Callable[[Work], tuple[int, tuple[str, ...]]]
    close: Callable[[Work], RunState]


class StepRun:
    """One attempt at one piece of work."""

    def __init__(
        self, session: Session, work: Work, action: Action, hooks: Hooks, progress: Progress | None
    ) -> None:  # fmt: skip
        self.session, self.work, self.action, self.hooks, self.progress = session, work, action, hooks, progress
        self.backend, self.journal = session.backend, session.journal
        self.started, self.earlier = time.perf_counter(), 0.0
        self.notes: tuple[str, ...] = ()
        self._waited_for = False

    def carry_out(self, approval_id: str, begun: Entry | None) -> StepResult:
        """Raises ApprovalRefused, BackupFailed, Drift or StepFailed: nothing is changed, or the step is resumable."""
        self.backend.check_lock()
        permit = self.session.authority.take(approval_id, self.action, self.session.run_id, self.backend)
        self.session.tell("claimed", self.work.step)
        entry = begun
        self.earlier = begun.seconds if begun else 0.0  # of attempts that were cut off or paused
        try:
            if entry is None:
                entry = self._write(permit)
            elif entry.approval != permit.approval_id:
                entry = self._adopt(entry, permit)
        except BaseException as error:
            self._give_up(permit, error)
            raise
        return self._go_on(entry, permit, again=begun is not None)

    def _write(self, permit: Permit) -> Entry:
        backup = self.hooks.back_up(self.work)
        self.session.tell("backed_up", self.work.step)
        try:
            entry = patiently(lambda: self._transaction(permit, backup))
        except LockTimeout as error:
            raise self._failed(f"no lock was to be had in {LOCK_TRIES} tries ({error}); nothing was changed") from error
        except DatabaseError as error:
            raise self._failed(f"{error}; nothing was changed") from error
        self.session.tell("committed", self.work.step)
        return entry

    def _transaction(self, permit: Permit, backup: str) -> Entry:
        work, backend = self.work, self.backend
        self._waited_for = False
        counted, self.notes = self.hooks.account(work)
        with backend.transaction(rebuild=work.step.rebuild):
            schema = backend.schema()
            before = objects_digest(schema, work.step.objects)
            self._check_base(before)
            torn = self.session.torn()
            first = work.step.operation == "baseline"
            if first:  # its checks name the rows that opening the run, which takes the fingerprints, would stumble over
                self._check()
            run = self.hooks.open_run(schema)
            if not torn:
                self.session.refuse_drift(schema, run)
            entry = self._new_entry(run, permit, before, backup)
            self.journal.begin_entry(entry)
            if not first:
                self._check()
            self.session.tell("checked", work.step)
            rows = counted + (sum(map(self._execute, work.sql)) if work.transactional else 0)
            entry = replace(entry, rows=rows)
            if work.backfill and work.transactional:
                entry = self._begin_backfill(entry, work.backfill)
            if self._leaves_more(entry):
                self._keep_schema(run.id, backend.schema())
                self.journal.set_entry(entry, "started", rows=rows)
            else:
                entry = self._finish(entry)
            self.session.tell("written", work.step)
        return entry

    def _execute(self, sql: str) -> int:
        if not self._waited_for and bounds.keeps_out(sql, self.backend.dialect):
            self._waited_for = True
            brief = is_brief(self.action.hazards, self.work.step.writes_data)
            self.backend.limit(bounds.of_step(self.session.pace, brief=brief))
        rows = self.backend.execute(sql)
        self.session.tell("executed", self.work.step)
        return rows

    def _check_base(self, found: str) -> None:
        if found != self.action.base:
            step = self.work.step
            raise ApprovalRefused(
                f"what step {step.id!r} touches ({', '.join(step.objects)}) has changed since it was approved"
            )

    def _leaves_more(self, entry: Entry) -> bool:
        return not self.work.transactional or entry.last is not None

    def _begin_backfill(self, entry: Entry, backfill: Backfill) -> Entry:
        if not backfill.key:  # no order to batch by: the whole table at once, with the step's own SQL
            with at_rest(self.backend, backfill):
                return replace(entry, rows=entry.rows + self._execute(backfill.statement()))
        last, total = self.backend.last_key(backfill.table, backfill.key), self.backend.rows(backfill.table)
        self.journal.bound(entry, last, total)
        if last is not None and self.session.pace.workers > 1 and self.backend.dialect == "postgres":
            self.journal.split(entry, split(self.backend, backfill, last, total, self.session.pace.workers))
        return replace(entry, last=last, total=total)

    def _check(self) -> None:
        for check in self.work.checks:
            offenders = self.backend.sample(check.sql, OFFENDERS_SHOWN)
            if offenders:
                rows = "; ".join(", ".join(f"{name}={value!r}" for name, value in row.items()) for row in offenders)
                raise self._failed(f"it does not hold that {check.sentence}: {rows}; nothing was changed{self._mend()}")

    def _mend(self) -> str:
        live = self.session.authority.grant is None
        copies = live and self.work.direction == "apply" and self.work.step.phase in (Phase.VERIFY, Phase.CONTRACT)
        return "; `oneplan rollback --severity minor` copies anew what differs" if copies else ""

    def _go_on(self, entry: Entry, permit: Permit, *, again: bool) -> StepResult:
        """What comes after the first transaction. A failure here leaves the step resumable under the same approval."""
        finished = entry.state == "done"
        try:
            if not finished and not self.work.transactional:
                entry = self._alone(entry, permit, again=again)
            elif not finished:
                paused = not self._batches(entry)
                if paused:
                    return self._paused(entry)
                with self.backend.transaction():
                    entry = self._finish(self._current(entry))
        except KeyboardInterrupt:
            if not self.work.transactional:
                raise
            return self._paused(entry)
        except LockTimeout as error:
            raise self._failed(f"{error}; run it again and it goes on where it stopped") from error
        self.session.tell("finished", self.work.step)
        permit.record("done", f"{entry.rows} rows in {self._seconds()} s")
        self.session.tell("recorded", self.work.step)
        return StepResult(entry.step, "done", self._seconds(), entry.rows, entry.backup, self.notes)

    def _alone(self, entry: Entry, permit: Permit, *, again: bool) -> Entry:
        try:
            if self.work.restore is not None:
                self._restore(self.work.restore)
            for sql in self.work.sql:
                self.backend.execute_alone(sql, again=again)
                self.session.tell("statement", self.work.step)
        except DatabaseError as error:
            with self.backend.transaction():
                self.journal.set_entry(entry, "failed", seconds=self._seconds())
                self._keep_schema(entry.run, self.backend.schema())
            failure = self._failed(f"{error}; what it had begun was cleared away")
            permit.record("failed", str(failure))
            raise failure from error
        with self.backend.transaction():
            return self._finish(entry)

    def _restore(self, backup: Backup) -> None:
        from tools.migrate.restore import restore_whole

        restore_whole(self.backend, backup)
        self.session.tell("statement", self.work.step)

    def _batches(self, entry: Entry) -> bool:
        backfill = self.work.backfill
        if backfill is None or entry.last is None:
            return True
        rows, seconds = entry.rows, entry.seconds

        def commit(after: Key | None, upto: Key, done: int, written: int, took: float) -> None:
            nonlocal rows, seconds
            now = (rows + written, seconds + took)
            self.journal.advance(entry, after, upto, done=done, rows=now[0], seconds=now[1])
            rows, seconds = now
            self.session.tell("batch_written", self.work.step)

        try:
            with interrupt_asked() as asked:
                if ranges := self.journal.ranges(entry):
                    return self._workers(entry, backfill, ranges, asked)
                return run_batches(
                    self.backend, backfill, after=entry.cursor, last=entry.last, done=entry.done, total=entry.total,
                    commit=commit, asked=asked, pace=self.session.pace, progress=self._progress,
                )  # fmt: skip
        except LockTimeout:
            raise
        except DatabaseError as error:
            raise self._failed(f"{error}; run it again and it goes on after the last full batch") from error

    def _progress(self, done: int, total: int) -> None:
        self.session.tell("batch", self.work.step)
        if self.progress:
            self.progress(done, total)

    def _workers(self, entry: Entry, backfill: Backfill, ranges: tuple[KeyRange, ...], asked: Asked) -> bool:
        try:
            return run_ranges(
                self.backend, backfill, entry, ranges, pace=self.session.pace, asked=asked, progress=self._progress,
                tell=lambda: self.session.tell("batch_written", self.work.step),
            )  # fmt: skip
        finally:
            with self.backend.transaction():
                self.journal.gather(entry, self.journal.ranges(entry))

    def _finish(self, entry: Entry) -> Entry:
        schema = self.backend.schema()
        after, digest = objects_digest(schema, self.work.step.objects), schema_digest(schema)
        values = {
            "seconds": round(self.earlier + self._seconds(), 3),
            "rows": entry.rows,
            "after": after,
            "schema_after": digest,
        }
        self.journal.set_entry(entry, "done", **values)
        if self.work.direction == "apply" and not self.work.step.reversible:
            self._keep_rows(entry.run, schema)
        state = self.hooks.close(self.work)
        self.journal.set_run(entry.run, state, digest, schema_text(schema))
        return replace(entry, state="done", after=after, schema_after=digest)

    def _keep_rows(self, run_id: str, schema: Schema) -> None:
        """So that a later restore can tell whether rows were written since."""
        moment = AFTER + self.work.step.id
        self.journal.forget_fingerprints(run_id, moment)
        for name, found in whole_fingerprints(self.backend, schema).items():
            self.journal.keep_fingerprint(run_id, moment, name, found)

    def _keep_schema(self, run_id: str, schema: Schema) -> None:
        self.journal.set_run(run_id, "running", schema_digest(schema), schema_text(schema))

    def _paused(self, entry: Entry) -> StepResult:
        with self.backend.transaction():
            self.journal.set_entry(entry, "paused")
        current = self._current(entry)
        return StepResult(entry.step, "paused", self._seconds(), current.rows, entry.backup)

    def _adopt(self, entry: Entry, permit: Permit) -> Entry:
        """Begun under an approval that this store does not know: it goes on under the new one."""
        with self.backend.transaction():
            self.journal.set_entry(entry, "started", approval=permit.approval_id)
        return replace(entry, approval=permit.approval_id)

    def _current(self, entry: Entry) -> Entry:
        """As the journal has it by now, the rows of its workers added."""
        found = next(e for e in self.journal.entries(entry.run) if e.number == entry.number)
        return replace(found, rows=found.rows + sum(one.rows for one in self.journal.ranges(entry)))

    def _new_entry(self, run: Run, permit: Permit, before: str, backup: str) -> Entry:
        number = max((entry.number for entry in self.journal.entries(run.id)), default=0) + 1
        return Entry(
            run=run.id, number=number, step=self.work.step.id, direction=self.work.direction,
            step_digest=step_digest(self.work.step), approval=permit.approval_id, action=action_to_json(self.action),
            state="started", started=now(), finished="", seconds=0.0, rows=0, before=before, after="", schema_after="",
            cursor=None, last=None, done=0, total=0, backup=backup,
        )  # fmt: skip

    def _give_up(self, permit: Permit, error: BaseException) -> None:
        outcome = "refused" if isinstance(error, Refused) else "failed"
        try:
            permit.record(outcome, str(error) or type(error).__name__)
        except OneplanError as second:  # the first error is the one to show
            error.add_note(f"and it could not be recorded: {second}")

    def _failed(self, why: str) -> StepFailed:
        verb = "undoing step" if self.work.direction == "undo" else "step"
        return StepFailed(f"{verb} {self.work.step.id!r}: {why}", step_id=self.work.step.id)

    def _seconds(self) -> float:
        return round(time.perf_counter() - self.started, 3)


def patiently(work: Callable[[], T]) -> T:
    """Try again, a bounded number of times and ever later, while a lock is not to be had."""
    for tried in range(LOCK_TRIES - 1):
        try:
            return work()
        except LockTimeout:
            time.sleep(FIRST_WAIT * 2**tried)
    return work()
