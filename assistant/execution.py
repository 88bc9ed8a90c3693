"""Running plans from the command line: rehearse when none is on record, ask, execute, account."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assistant.commands.output import interactive, say
from assistant.consent import Consent, approval_for
from assistant.on_record import keep_plan, origin_on_record, rehearsal_on_record
from assistant.progress import progress_bar
from tools.errors import OneplanError, Paused, Refused, RehearsalFailed, UsageError
from tools.location import parse_location
from tools.migrate.report import outcome_as_json, table_as_json
from tools.migrate.verify import verify
from tools.migrate.watch import standing, take_baseline
from tools.plan.releases import ending, this_release

if TYPE_CHECKING:
    from assistant.session import Workspace
    from knowledge.approvals import Action, Proposal
    from tools.migrate.outlook import Outlook
    from tools.migrate.rehearsal import Rehearsal
    from tools.migrate.results import StepResult, StepState
    from tools.migrate.rollback import Rollback
    from tools.migrate.run import Migration
    from tools.migrate.watch import Watch
    from tools.plan.model import Phase, Plan, Step

Outcome = dict[str, Any]


class Applying:
    """One plan on one database under the consent of one command line."""

    def __init__(
        self, workspace: Workspace, plan: Plan, database: str, consent: Consent, *, shadow: str | None = None,
        pace: str | None = None,
    ) -> None:  # fmt: skip
        self.workspace, self.plan, self.database, self.consent = workspace, plan, database, consent
        self._shadow = shadow
        self._pace = workspace.settings.backfill.pace(pace)

    def pending(self, phases: Sequence[Phase], step: str | None) -> tuple[tuple[Step, ...], Outlook]:
        """The steps that a run would take now, and what is known of them. Reads only."""
        from tools.migrate.outlook import outlook

        with self._migration(None) as migration:
            known = outlook(self.plan, migration.facts(), rehearsal_on_record(self.workspace, self.plan))
            return migration.pending(phases, step), known

    def run(self, phases: Sequence[Phase] = (), step: str | None = None, *, restart: bool = False) -> Outcome:
        """Take every pending step, each by an approval. Raises what stops it; what is done stays done."""
        with self._migration(None, restart) as migration:
            found, finished = migration.found, migration.finished
            migration.pending(phases, step)  # what is asked for must be there, also when nothing is left
            steps = migration.steps()
            outcome = outcome_as_json(migration.run_id, steps)
        if finished:
            say(found or "nothing to do: the plan is empty")
            return self._proven(self._with_watch(outcome, steps))
        rehearsal = rehearsal_for(self.workspace, self.plan, self.database, self._shadow)
        with self._migration(rehearsal, restart) as migration:
            if found:
                say(found)
            remember_run(self.workspace, migration.run_id, migration.backend.location)
            left = migration.pending(phases, step)
            for pending in this_release(left):
                self._take(migration, pending)
            if ending(left):
                say(f"oneplan: {ending(left)}")
            say_of_the_board(self.workspace, migration)
            finished = migration.finished
            steps = migration.steps()
        outcome = self._with_watch(outcome_as_json(migration.run_id, steps), steps)
        return self._proven(outcome) if finished else outcome

    def _with_watch(self, outcome: Outcome, steps: Sequence[StepState]) -> Outcome:
        """The outcome with where the last step stands, which a run hands over and does not wait for."""
        waiting = next((state.step.id for state in steps if state.status == "waiting"), None)
        known = standing(self.workspace.store, outcome["run"]) if waiting else None
        if known is None:
            return outcome
        say(f"{known.status.replace('_', ' '):>6} {waiting}  {known}")
        return outcome | {"watch": {"id": waiting, **known.as_json()}}

    def abandon(self) -> None:
        """Give an unfinished run up as it stands: it is never gone on with."""
        with self._migration(None, abandon=True) as migration:
            action = migration.abandon_action()
            ask = approval_for(self.workspace, action, self.consent, lambda proposal: _ask(self.workspace, proposal))
            migration.abandon(ask)
            done = sum(state.status == "done" for state in migration.steps())
            stands = f": what its {done} steps did stands; `oneplan rollback` takes it back" if done else ""
            say(f"abandoned run {migration.run_id}{stands}")

    def _migration(
        self, rehearsal: Rehearsal | None, restart: bool = False, *, abandon: bool = False
    ) -> Migration:  # fmt: skip
        from tools.migrate.run import Migration

        return Migration(
            self.plan, self.database, ledger=self.workspace.ledger, home=self.workspace.home,
            actor=self.workspace.actor, rehearsal=rehearsal, origin=origin_on_record(self.workspace, self.plan),
            restart=restart, abandon=abandon, pace=self._pace,
        )  # fmt: skip

    def _take(self, migration: Migration, step: Step) -> None:
        approval = migration.standing(step) or self._approval(migration, step)
        if step.operation == "baseline":
            take_baseline(
                self.workspace.store, migration.backend, migration.plan, migration.run_id,
                actor=self.workspace.actor, queries=self.workspace.settings.queries,
            )  # fmt: skip
        with progress_bar(step.summary) as progress:
            result = migration.execute(step, approval, progress)
        if result.status == "paused":
            raise paused(migration, step)
        say(f"{result.status:>6} {step.id}  {result.seconds:.2f} s, {result.rows} rows")
        for note in result.notes:
            say(f"       note: {note}")

    def _approval(self, migration: Migration, step: Step) -> str:
        if not self.consent.yes:
            keep_plan(self.workspace, self.plan)
        if self.consent.yes or interactive():
            return approval_for(
                self.workspace, migration.action(step), self.consent,
                lambda proposal: self._ask_about(migration, step, proposal),
            )  # fmt: skip
        # Nobody can be asked: the rest of the phase is put forward as one, for one answer from another terminal.
        rest = _rest_of_phase(migration, step)
        approval_for(self.workspace, _phase_or_step(migration, rest), self.consent)
        return approval_for(self.workspace, migration.action(step), self.consent)

    def _ask_about(self, migration: Migration, step: Step, proposal: Proposal) -> str | None:
        from assistant.asking import ask_step

        rest = _rest_of_phase(migration, step)
        return ask_step(self.workspace, migration.view(step), proposal, lambda: migration.phase_action(rest))

    def _proven(self, outcome: Outcome) -> Outcome:
        """The outcome with the proof of the rows, read once the run has let go of the database."""
        if not self.plan.steps:
            return outcome
        return outcome | {"tables": verify(self.database).as_json()["tables"]}


def paused(migration: Migration, step: Step) -> Paused:
    entry = migration.begun(step, "apply")
    through = f"{entry.done:,} of {entry.total:,} rows are through, and " if entry and entry.total else ""
    return Paused(f"paused in step {step.id!r}: {through}the same command goes on from there")


def rehearse_now(
    workspace: Workspace, plan: Plan, database: str, shadow: str | None, sample: int | None = None
) -> Rehearsal:
    """Rehearse on a shadow and keep the result, good or bad."""
    from knowledge.records import Records
    from tools.migrate.rehearse import rehearse

    with progress_bar("rehearsing") as progress:
        result = rehearse(
            plan, database, shadow=shadow or workspace.settings.shadow, home=workspace.home, sample=sample,
            progress=(lambda _what, done, total: progress(done, total)) if progress else None,
        )  # fmt: skip
    Records(workspace.store).keep_rehearsal(plan.digest, plan.origin, json.dumps(result.as_json()))
    return result


def rehearsal_json(result: Rehearsal) -> Outcome:
    """A rehearsal in the command line's form."""
    steps: list[Outcome] = [
        {"id": step.id, "status": "failed" if step.id == result.failed_step else "done", "seconds": step.seconds,
         "rows": step.rows, "undo_seconds": step.undone, "hazards": list(step.hazards),
         "locks": list(step.locks), "locked_seconds": step.holds, "rewrites": list(step.rewrites),
         "estimated_seconds": step.estimated, "estimate": step.estimate}
        for step in result.steps
    ]  # fmt: skip
    if result.failed_step and result.step(result.failed_step) is None:
        steps.append({"id": result.failed_step, "status": "failed", "seconds": 0.0, "rows": 0})
    return {
        "ok": result.ok, "plan": result.plan, "origin": result.origin, "shadow": result.shadow, "back": result.back,
        "failed_step": result.failed_step or None, "sentence": result.sentence, "steps": steps,
        "tables": [table_as_json(table) for table in result.tables],
    }  # fmt: skip


def rehearsal_for(workspace: Workspace, plan: Plan, database: str, shadow: str | None) -> Rehearsal | None:
    """The rehearsal on record, else a new one; None where none can be made, which the steps then carry as a hazard.

    Raises RehearsalFailed: a plan that fails on the shadow is not put forward.
    """
    result = rehearsal_on_record(workspace, plan)
    if result and result.ok:
        return result
    say("rehearsing on a shadow copy")
    try:
        result = rehearse_now(workspace, plan, database, shadow)
    except Refused:
        raise
    except OneplanError as error:
        say(f"not rehearsed: {error}")
        return None
    if not result.ok:
        raise RehearsalFailed(f"the rehearsal failed: {result.sentence}", step_id=result.failed_step)
    return result


def roll_back(
    workspace: Workspace, database: str | None, run: str | None, consent: Consent, *, to: str | None = None
) -> Outcome:
    """Undo a run step by step, the last applied first, each by an approval."""
    from tools.migrate.rollback import Rollback

    place = database_of(workspace, database, run)
    with Rollback(
        place, ledger=workspace.ledger, home=workspace.home, actor=workspace.actor, run=run, to=to,
        pace=workspace.settings.backfill.pace(),
    ) as rollback:  # fmt: skip
        say(rollback.found)
        done: list[StepResult] = []
        for step in rollback.pending():
            approval = rollback.standing(step) or _way_back(workspace, rollback, step, consent)
            with progress_bar(f"back: {step.summary}") as progress:
                done.append(rollback.execute(step, approval, progress))
            say(f"{done[-1].status:>6} {step.id}  {done[-1].seconds:.2f} s")
        say_of_the_board(workspace, rollback)
        identity = rollback.run_id
    proof = verify(place, identity)
    for finding in proof.findings:
        say(f"not as at the start, and left as it is: {finding}; `oneplan verify` names the rows")
    data = proof.as_json()
    return outcome_as_json(identity, done) | {"tables": data["tables"], "findings": data["findings"]}


def say_of_the_board(workspace: Workspace, session: Migration | Rollback) -> None:
    """What the run means for the task board, proposed and said, where its tasks are tied to the run's steps."""
    from tools.toolbox.board import follow_run

    told = follow_run(workspace.store, workspace.ledger, workspace.actor, session)
    if told:
        say(f"oneplan: {told}")


def say_of_the_watch(workspace: Workspace, watch: Watch) -> None:
    """What the end of a watch means for the task board, proposed and said."""
    from tools.toolbox.board import follow_states

    told = follow_states(workspace.store, workspace.ledger, workspace.actor, watch.run, {watch.step: "done"})
    if told:
        say(f"oneplan: {told}")


def restore_origin(workspace: Workspace, database: str | None, run: str | None, consent: Consent) -> Outcome:
    """Put back the whole backup that was made before a run first wrote rows, then undo what stands before it.

    Rows written since are lost: the restore carries DELETES_DATA.
    """
    from tools.migrate.backup import list_backups
    from tools.migrate.restore import Restore

    place = database_of(workspace, database, run)
    wanted = run or _latest_run(place)
    backup = next((kept for kept in list_backups(workspace.home) if kept.whole and kept.run.startswith(wanted)), None)
    if backup is None:
        raise Refused(f"no whole backup of run {wanted} is in {workspace.home}: it cannot be restored from here")
    with Restore(backup.id, place, ledger=workspace.ledger, home=workspace.home, actor=workspace.actor) as restoring:
        approval = approval_for(workspace, restoring.action(), consent, lambda proposal: _ask(workspace, proposal))
        restored = restoring.execute(approval)
    steps = [{"id": step, "status": "undone", "seconds": 0.0, "rows": 0} for step in restored.steps]
    rest = roll_back(workspace, place, backup.run, consent)
    return rest | {"backup": backup.id, "steps": steps + rest["steps"]}


def _way_back(workspace: Workspace, rollback: Rollback, step: Step, consent: Consent) -> str:
    def ask(proposal: Proposal) -> str | None:
        from assistant.asking import ask_step

        return ask_step(workspace, rollback.view(step), proposal, None)

    return approval_for(workspace, rollback.action(step), consent, ask)


def _ask(workspace: Workspace, proposal: Proposal) -> str | None:
    from assistant.asking import ask_action

    return ask_action(workspace, proposal)


def _latest_run(place: str) -> str:
    from tools.migrate.rollback import runs

    found = runs(place)
    if not found:
        raise UsageError(f"{parse_location(place)} holds no run of oneplan: there is nothing to restore")
    return str(found[-1]["id"])


def remember_run(workspace: Workspace, run: str, location: str) -> None:
    """Note where a run was made (absolute, its password masked), so that `rollback RUN` finds it from any folder."""
    from knowledge.events import Events

    events = Events(workspace.store)
    if not any(event.data.get("run") == run for event in events.read(kind="run.opened")):
        events.append("run.opened", {"run": run, "database": location}, actor=workspace.actor)


def database_of(workspace: Workspace, database: str | None, run: str | None) -> str:
    """The database that a run was made on: as typed, else where this workspace made that run, or its latest."""
    from knowledge.events import Events

    if database:
        return workspace.database(database)
    opened = [event.data for event in Events(workspace.store).read(kind="run.opened")]
    known = [data for data in opened if run is None or str(data["run"]).startswith(run)]
    if run and not known:
        raise UsageError(f"no run {run!r} is known here: `oneplan runs` lists them, or pass --database URL")
    place = str(known[-1]["database"]) if known else ""
    if place and "***" not in place:
        return place
    return workspace.database(None)


def known_runs(workspace: Workspace, database: str | None) -> list[Outcome]:
    """The runs on one database, or on every database in which this workspace made one."""
    from knowledge.events import Events
    from tools.migrate.rollback import runs

    if database:
        return list(runs(workspace.database(database)))
    opened = [event.data for event in Events(workspace.store).read(kind="run.opened")]
    places = list(dict.fromkeys(str(data["database"]) for data in opened)) or [workspace.database(None)]
    found: list[Outcome] = []
    for place in places:
        if "***" in place:
            say(f"{place} needs its password: pass --database URL to see its runs")
            continue
        try:
            found += runs(place)
        except OneplanError as error:
            say(f"left out {place}: {error}")
    return found


def propose_way_back(workspace: Workspace, database: str, run: str) -> str:
    """Put the first undo of a run before people; the proposal's id."""
    from tools.migrate.rollback import Rollback

    with Rollback(database, ledger=workspace.ledger, home=workspace.home, actor=workspace.actor, run=run) as back:
        action = back.action(back.pending()[0])
    return workspace.ledger.propose(action, actor=workspace.actor, ttl=workspace.proposal_life).id


def proposed_way_back(workspace: Workspace, run: str) -> str:
    """The proposal to undo something of a run that waits for an answer; "" where there is none."""
    kinds = ("undo_step", "restore_backup")
    waiting = (p for p in workspace.ledger.pending() if p.action.kind in kinds and p.action.arguments.get("run") == run)
    return next((proposal.id for proposal in waiting), "")


def run_status(workspace: Workspace, database: str | None) -> Outcome:
    """Where the latest run on a database stands, read without its lock."""
    from tools.migrate.rollback import runs

    place = database_of(workspace, database, None)
    found = runs(place)
    last = found[-1] if found else None
    known = standing(workspace.store, last["id"]) if last and last["state"] == "done" else None
    return {
        "run": last, "pending": len(workspace.ledger.pending()), "watch": known.as_json() if known else None,
        "told": str(known) if known else "",
    }  # fmt: skip


def _phase_or_step(migration: Migration, rest: Sequence[Step]) -> Action:
    return migration.phase_action(rest) if migration.rehearsal and len(rest) > 1 else migration.action(rest[0])


def _rest_of_phase(migration: Migration, step: Step) -> tuple[Step, ...]:
    """What one answer can cover: the step, and those behind it in its phase and its release."""
    return this_release([s for s in migration.pending((step.phase,)) if _not_before(migration.plan, step, s)])


def _not_before(plan: Plan, step: Step, other: Step) -> bool:
    order = [one.id for one in plan.steps]
    return order.index(other.id) >= order.index(step.id)
