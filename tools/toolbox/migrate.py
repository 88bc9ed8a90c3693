"""Tools that run a plan and take it back, step by approved step, and those that prove and report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from knowledge.records import Records
from tools.errors import RehearsalFailed, UsageError
from tools.plan.model import WATCH
from tools.plan.releases import RELEASE, ending, this_release
from tools.toolbox.board import follow_run, follow_states
from tools.toolbox.desk import Desk, Outcome, Pins, Proposed
from tools.toolbox.jobs import put
from tools.toolbox.plan import keep_plan, plan_or_none, rehearsal_of, rehearse_now, the_plan
from tools.toolbox.schema import Arguments

if TYPE_CHECKING:
    from tools.migrate.rehearsal import Rehearsal
    from tools.migrate.results import StepResult, StepView
    from tools.migrate.rollback import Rollback
    from tools.migrate.run import Migration
    from tools.plan.model import Plan, Step
    from tools.schema.model import Schema


class ApplyPlan(Arguments):
    phases: list[str] = Field(default=[], description="Only these phases; empty: all that is left.")
    step: str | None = Field(default=None, description="Only the step with this id.")


class RollBack(Arguments):
    to: str | None = Field(default=None, description="Back to just after this step; without it, to the origin.")


class ApplyJob:
    """Runs the conversation's plan. Each pending step is a proposal of its own; a phase can be approved as a whole."""

    def propose(self, desk: Desk, arguments: ApplyPlan, done: Sequence[dict[str, Any]]) -> Proposed | None:
        if done and done[-1]["status"] == "paused":
            return None
        self._rehearsal(desk, the_plan(desk))
        # The store is opened once for all that is asked of it here, which is no more than a look.
        with desk.store.open(), self._open(desk) as migration:
            pending = migration.pending(arguments.phases, arguments.step)
            if not pending or (done and pending[0].operation == RELEASE):
                return None
            step, total = pending[0], len(migration.plan.steps)
            view = step_view(migration.view(step)) | {
                "n": migration.plan.steps.index(step) + 1, "m": total, "target": migration.backend.location,
            }  # fmt: skip
            return put(desk, migration.action(step), view, standing=migration.standing(step) or "")

    def propose_phase(self, desk: Desk, arguments: ApplyPlan) -> Proposed | None:
        with self._open(desk) as migration:
            pending = migration.pending(arguments.phases, arguments.step)
            steps = [step for step in this_release(pending) if step.phase == pending[0].phase]
            action = migration.phase_action(steps)
            view = phase_view(steps) | {
                "kind": "phase",
                "summary": how_many(steps),
                "target": migration.backend.location,
            }
            return put(desk, action, view)

    def perform(self, desk: Desk, arguments: ApplyPlan, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        with self._open(desk) as migration:
            left = migration.pending(arguments.phases, arguments.step)
            steps = this_release(left)
            if steps and steps[0].operation == "baseline":
                from tools.migrate.watch import take_baseline

                take_baseline(
                    desk.store, migration.backend, migration.plan, migration.run_id, actor=desk.actor,
                    queries=desk.queries,
                )  # fmt: skip
            for result in carry_out(desk, migration, steps, hints):
                last = ending(left) if result["id"] == steps[-1].id and result["status"] == "done" else ""
                yield result | ({"ending": last} if last else {})
        desk.forget_schemas()

    def revise(self, desk: Desk, arguments: ApplyPlan, sql: str) -> tuple[dict[str, Any], Pins]:
        from tools.plan.files import edit_step

        with self._open(desk) as migration:
            step = migration.pending(arguments.phases, arguments.step)[0]
            plan = edit_step(migration.plan, step.id, sql)
        result = rehearse_now(desk, plan)
        if not result.ok:
            raise RehearsalFailed(f"your SQL did not pass the rehearsal: {result.sentence}", step_id=result.failed_step)
        keep_plan(desk, plan)
        return {"edited": step.id, "plan": plan.digest}, desk.pins.model_copy(update={"plan": plan.digest})

    def _rehearsal(self, desk: Desk, plan: Plan) -> Rehearsal:
        """The rehearsal on record, else one made now. RehearsalFailed: such a plan is not put before anybody."""
        rehearsal = rehearsal_of(desk, plan) or rehearse_now(desk, plan)
        if not rehearsal.ok:
            raise RehearsalFailed(
                f"the plan failed its rehearsal and is not proposed: {rehearsal.sentence}",
                step_id=rehearsal.failed_step,
            )
        return rehearsal

    def _open(self, desk: Desk) -> Migration:
        from tools.migrate.run import Migration

        plan = the_plan(desk)
        return Migration(
            plan, desk.database, ledger=desk.ledger, home=desk.home, actor=desk.actor, thread=desk.thread,
            rehearsal=self._rehearsal(desk, plan), origin=kept_schema(desk, plan.origin), pace=desk.pace,
        )  # fmt: skip


class RollbackJob:
    """Takes the latest run back, undo by undo."""

    def propose(self, desk: Desk, arguments: RollBack, done: Sequence[dict[str, Any]]) -> Proposed | None:
        if done and done[-1]["status"] == "paused":
            return None
        with desk.store.open(), self._open(desk, arguments) as back:
            pending = back.pending()
            if not pending:
                return None
            step, action = pending[0], back.action(pending[0])
            view = undo_view(desk, back, step) | {
                "n": len(done) + 1, "m": len(done) + len(pending), "summary": action.summary,
            }  # fmt: skip
            return put(desk, action, view, standing=back.standing(step) or "")

    def propose_phase(self, desk: Desk, arguments: RollBack) -> Proposed | None:
        """The whole way back as it looks from here. What each undo finds is known only when its turn comes: so this is
        no proposal, but what a person may agree to, each step of which still gets an approval of its own."""
        with self._open(desk, arguments) as back:
            steps = back.pending()
            agreed = [
                {"id": step.id, "sql": list(step.undo), "hazards": list(back.action(step).hazards)} for step in steps
            ]
            view = phase_view(steps) | {
                "phase": "the whole way back", "summary": f"undo {how_many(steps)}", "target": back.backend.location,
                "sql": [sql for step in steps for sql in step.undo], "agreed": agreed,
                "hazards": sorted({hazard for one in agreed for hazard in one["hazards"]}),
            }  # fmt: skip
            return Proposed("", view)

    def perform(self, desk: Desk, arguments: RollBack, hints: Sequence[str]) -> Iterator[dict[str, Any]]:
        with self._open(desk, arguments) as back:
            for result in carry_out(desk, back, back.pending(), hints):
                yield result | ({"status": "undone"} if result["status"] == "done" else {})
        desk.forget_schemas()

    def revise(self, desk: Desk, arguments: RollBack, sql: str) -> tuple[dict[str, Any], Pins]:
        raise UsageError("the way back runs as it was rehearsed: reject it and say what to do instead")

    def _open(self, desk: Desk, arguments: RollBack) -> Rollback:
        from tools.migrate.rollback import Rollback

        return Rollback(
            desk.database, ledger=desk.ledger, home=desk.home, actor=desk.actor, thread=desk.thread, to=arguments.to,
            pace=desk.pace,
        )  # fmt: skip


def carry_out(
    desk: Desk, session: Migration | Rollback, steps: Sequence[Step], hints: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Run the first step, and those after it for which an approval stands. Whether one does is the ledger's word."""
    for number, step in enumerate(steps):
        approval = session.standing(step) or (hints[0] if hints and number == 0 else "")
        if not approval and number:
            return

        def progress(done: int, total: int, what: str = step.summary) -> None:
            desk.progress(what, done, total)

        result = session.execute(step, approval, progress)
        told = follow_run(desk.store, desk.ledger, desk.actor, session, desk.thread)
        yield result_json(result) | ({"board": told} if told else {})
        if result.status == "paused":
            return


def result_json(result: StepResult) -> dict[str, Any]:
    return {
        "id": result.id, "status": result.status, "seconds": round(result.seconds, 3), "rows": result.rows,
        "notes": list(result.notes),
    } | ({"backup": result.backup} if result.backup else {})  # fmt: skip


def step_view(view: StepView) -> dict[str, Any]:
    """A step as the gate shows it, as plain JSON."""
    return {
        "kind": "step", "id": view.step.id, "phase": str(view.step.phase), "summary": view.step.summary,
        "sql": list(view.sql), "undo": list(view.undo), "hazards": list(view.hazards), "rows": view.rows,
        "backup": view.backup, "rehearsal": view.rehearsal, "notes": list(view.notes),
        "objects": list(view.step.objects), "touches": [str(impact) for impact in view.impacts],
    }  # fmt: skip


def undo_view(desk: Desk, back: Rollback, step: Step) -> dict[str, Any]:
    """An undo as the gate shows it, with what its rehearsal took."""
    view = step_view(back.view(step)) | {"target": back.backend.location}
    del view["undo"]
    rehearsal = rehearsal_of(desk, back.plan)
    rehearsed = rehearsal.step(step.id) if rehearsal else None
    seconds = rehearsed.undone if rehearsed else None
    return view | {"rehearsal": None if seconds is None else {"seconds": seconds}}


def phase_view(steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "kind": how_many(steps),
        "phase": str(steps[0].phase) if steps else "",
        "steps": [step.id for step in steps],
        "objects": sorted({name for step in steps for name in step.objects}),
    }


def how_many(steps: Sequence[Step]) -> str:
    return "1 step" if len(steps) == 1 else f"{len(steps)} steps"


def kept_schema(desk: Desk, digest: str) -> Schema | None:
    from tools.schema.serial import schema_from_json

    kept = Records(desk.store).schema(digest)
    return schema_from_json(json.loads(kept.body)) if kept else None


def verify(desk: Desk, arguments: Arguments) -> Outcome:
    """Prove the rows of the latest run, by counts and checksums."""
    from tools.migrate.verify import verify as prove

    return Outcome(prove(desk.database, home=desk.home).as_json())


def monitor(desk: Desk, arguments: Arguments) -> Outcome:
    """One look at the latest run: its queries as they are now, held against what they took before it. At the end of the
    window it is proposed that the board's task is done."""
    from tools.migrate.watch import Watch

    watch = Watch(desk.store, desk.database, actor=desk.actor, queries=desk.queries)
    found = watch.sample()
    ended = {watch.step: "done"} if found.done else {}
    told = follow_states(desk.store, desk.ledger, desk.actor, watch.run, ended, thread=desk.thread)
    return Outcome(found.as_json() | ({"board": told} if told else {}))


def list_runs(desk: Desk, arguments: Arguments) -> Outcome:
    found = [{name: value for name, value in run.items() if name != "steps"} for run in runs_of(desk)]
    return Outcome({"database": runs_location(desk), "total": len(found), "items": found[-20:][::-1]})


def migration_status(desk: Desk, arguments: Arguments) -> Outcome:
    """Where the conversation's plan and the latest run on the database stand. Reads only, and waits for nobody."""
    runs = runs_of(desk)
    last = {name: value for name, value in runs[-1].items() if name != "steps"} if runs else None
    plan = plan_or_none(desk)
    data: dict[str, Any] = {"database": runs_location(desk), "run": last, "plan": plan.digest if plan else ""}
    data["pending_proposals"] = [
        {"id": proposal.id, "summary": proposal.action.summary} for proposal in desk.ledger.pending()
    ]
    data["watch"] = _watch(desk, runs[-1]) if runs and runs[-1]["state"] == "done" else None
    if plan:
        done = set(runs[-1]["done"]) if runs and runs[-1]["plan"] == plan.digest else set[str]()
        if data["watch"] and data["watch"]["status"] == "done":
            done |= {step.id for step in plan.steps if step.operation == WATCH}
        data["steps"] = len(plan.steps)
        data["phases"] = [
            {"phase": str(phase), "done": sum(step.id in done for step in steps), "steps": len(steps)}
            for phase, steps in plan.phases() if steps
        ]  # fmt: skip
        left = [step for step in plan.steps if step.id not in done]
        data["next"] = left[0].summary if left else None
        rehearsed = rehearsal_of(desk, plan)
        data["rehearsed"] = rehearsed.ok if rehearsed else None
    return Outcome(data)


def _watch(desk: Desk, run: dict[str, Any]) -> dict[str, Any] | None:
    from tools.migrate.watch import standing

    known = standing(desk.store, str(run["id"]))
    return known.as_json() | {"told": str(known)} if known else None


def runs_location(desk: Desk) -> str:
    from tools.location import parse_location

    return str(parse_location(desk.database))


def runs_of(desk: Desk) -> list[dict[str, Any]]:
    """The runs on record in the database, oldest first; `done`: the ids of the steps that stand applied."""
    from tools.migrate.rollback import runs

    return [run | {"done": _standing(run["steps"])} for run in runs(desk.database)]


def _standing(entries: list[dict[str, Any]]) -> list[str]:
    standing: list[str] = []
    for entry in entries:
        if entry["status"] == "done" and entry["id"] in standing:
            standing.remove(entry["id"])
        if entry["status"] == "done" and entry["direction"] == "apply":
            standing.append(entry["id"])
    return standing
