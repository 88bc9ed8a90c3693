"""rehearse, apply, rollback, verify, monitor, runs, status: what is done to a database, each write by an approval."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.commands.output import DIFFERENCES, DONE, REFUSED, print_json, say
from assistant.commands.plans import PlanArgument, load_plan
from assistant.commands.schema import AsJson
from assistant.session import Workspace
from tools.errors import OneplanError, UsageError

if TYPE_CHECKING:
    from tools.plan.model import Phase

DatabaseOption = Annotated[str | None, typer.Option("--database", metavar="URL", help="The database; else current.")]
ShadowOption = Annotated[
    str | None, typer.Option("--shadow", metavar="URL", help="A Postgres on which scratch databases may be made.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Your consent to every step, logged as given by flag.")]
AllowOption = Annotated[
    str | None, typer.Option("--allow", metavar="HAZARD,…", help="Hazards that --yes is to cover as well.")
]
PaceOption = Annotated[
    str | None,
    typer.Option("--pace", metavar="KEY=N,…", help="How fast backfills go: batch_ms, pause_ms, rows_per_second, "
                 "workers, min_rows, max_rows, replica_lag; statement_s: how long a statement may keep others waiting; "
                 "else [backfill] in oneplan.toml."),
]  # fmt: skip
RunArgument = Annotated[str | None, typer.Argument(metavar="[RUN]", help="A run's id; else the latest.")]


def register(app: typer.Typer) -> None:
    for command in (rehearse, apply, rollback, verify, monitor, runs, status):
        app.command(command.__name__)(command)


def rehearse(
    path: PlanArgument,
    database: DatabaseOption = None,
    shadow: ShadowOption = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="ROWS", min=1, help="On so many rows of each table, keys whole.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run a plan forward and back on a shadow copy. Exit code 4 when it fails there."""
    from assistant.execution import rehearsal_json, rehearse_now

    workspace = Workspace()
    result = rehearse_now(workspace, load_plan(path), workspace.database(database), shadow, sample)
    if as_json:
        print_json("rehearse", rehearsal_json(result))
    else:
        from assistant.console import print_rehearsal

        print_rehearsal(result)
    return DONE if result.ok else REFUSED


def apply(
    path: PlanArgument,
    database: DatabaseOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    phase: Annotated[str | None, typer.Option("--phase", metavar="a,b", help="Only these phases.")] = None,
    step: Annotated[str | None, typer.Option("--step", metavar="ID", help="Only this step.")] = None,
    shadow: ShadowOption = None,
    pace: PaceOption = None,
    yes: YesOption = False,
    allow: AllowOption = None,
    restart: Annotated[bool, typer.Option("--restart", help="Leave an unfinished run behind and begin anew.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Give an unfinished run up, as it stands.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run a plan, asking before every step. An interrupted run goes on where it stopped."""
    from assistant.consent import parse_consent
    from assistant.execution import Applying

    workspace, consent, phases = Workspace(), parse_consent(yes, allow), _phases(phase)
    applying = Applying(workspace, load_plan(path), workspace.database(database), consent, shadow=shadow, pace=pace)
    if dry_run:
        return _print_dry_run(applying, phases, step, as_json)
    if abandon:
        applying.abandon()
        return DONE
    outcome = applying.run(phases, step, restart=restart)
    if as_json:
        print_json("apply", outcome)
    else:
        from assistant.console import print_outcome

        print_outcome(outcome)
    return DONE


def rollback(
    run: RunArgument = None,
    to: Annotated[str | None, typer.Option("--to", metavar="STEP", help="Back to just after this step.")] = None,
    severity: Annotated[
        str | None,
        typer.Option("--severity", help="minor: mend and verify; major: undo; critical: restore the backup."),
    ] = None,
    database: DatabaseOption = None,
    yes: YesOption = False,
    allow: AllowOption = None,
    as_json: AsJson = False,
) -> int:
    """Go back, to the origin unless --to says how far."""
    from assistant.consent import parse_consent
    from assistant.execution import restore_origin, roll_back

    if severity not in (None, "minor", "major", "critical"):
        raise UsageError(f"--severity: {severity!r} is none of minor, major, critical")
    started, consent = time.perf_counter(), parse_consent(yes, allow)
    if severity == "minor":
        from assistant.mending import mend

        rows = mend(Workspace(), database, run, consent)
        found = verify(run, database, as_json=as_json)
        told = f"{rows} rows copied again" if rows else "nothing to copy again"
        say(f"minor: {told}, verified in {time.perf_counter() - started:.2f} s")
        return found
    if severity == "critical":
        outcome = restore_origin(Workspace(), database, run, consent)
    else:
        outcome = roll_back(Workspace(), database, run, consent, to=to)
    outcome |= {"severity": severity or "major", "seconds": round(time.perf_counter() - started, 3)}
    if as_json:
        print_json("rollback", outcome)
    else:
        from assistant.console import print_outcome

        print_outcome(outcome)
    say(f"{outcome['severity']}: back in {outcome['seconds']:.2f} s")
    return DONE


def verify(
    run: RunArgument = None,
    database: DatabaseOption = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="URL", help="Hold all rows against another database, of any kind."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the proof to FILE.md or FILE.json as well.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite a report that is there.")] = False,
    as_json: AsJson = False,
) -> int:
    """Prove the rows of a run: counts and checksums, table by table. Exit code 2 when something differs."""
    from assistant import proving
    from assistant.execution import database_of

    workspace = Workspace()
    if report:
        proving.check_report(report, yes)
    if against:
        place = workspace.database(database)
        return proving.hold_against(place, workspace.settings.location(against), report, as_json)
    return proving.prove(database_of(workspace, database, run), run, workspace.home, report, as_json)


def monitor(
    run: RunArgument = None,
    database: DatabaseOption = None,
    hours: Annotated[float | None, typer.Option("--hours", help="The window, from the first look; else 48.")] = None,
    every: Annotated[float | None, typer.Option("--every", metavar="SECONDS", help="Between two looks.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and leave the window open.")] = False,
    as_json: AsJson = False,
) -> int:
    """Watch a finished run: query latency and errors against those before it. Left, it goes on when called again.

    Exit code 2 when something fell off: the way back is proposed then.
    """
    from assistant.execution import database_of, propose_way_back, proposed_way_back
    from tools.migrate.watch import Watch

    workspace = Workspace()
    settings, place = workspace.settings, database_of(workspace, database, run)
    watch = Watch(
        workspace.store, place, actor=workspace.actor, run=run, queries=settings.queries,
        hours=hours, usual=settings.monitor.hours,
    )  # fmt: skip
    looks = [watch.sample()] if once else watch.go_on(every or settings.monitor.every)
    last = None
    for last in looks:
        left = "the window is over" if last.ended else f"until {last.until:%Y-%m-%d %H:%M} UTC"
        say(f"sample {last.samples}: {len(last.fallen) or 'nothing'} fell off; {left}")
    assert last is not None, "a watch looks at least once"
    proposal = ""
    if last.fallen:
        try:
            proposal = propose_way_back(workspace, place, watch.run)
        except OneplanError as error:
            say(f"no way back can be proposed: {error}")
    if as_json:
        print_json("monitor", last.as_json() | {"proposal": proposal})
    else:
        from assistant.console import print_watch

        print_watch(last.as_json())
    if last.done:
        from assistant.execution import say_of_the_watch

        say(f"run {watch.run}: the window is over, and nothing fell off: the last step is done")
        say_of_the_watch(workspace, watch)
    if proposal:
        say(f"the way back is proposed ({proposal}): `oneplan rollback {watch.run}`")
    elif not last.fallen and (open_ := proposed_way_back(workspace, watch.run)):
        say(
            f"nothing falls off now, and the way back is still proposed ({open_}): "
            f"`oneplan approvals reject {open_} --reason …` withdraws it"
        )
    return DIFFERENCES if last.fallen else DONE


def runs(database: DatabaseOption = None, as_json: AsJson = False) -> int:
    """The runs on a database, or all that this workspace knows of."""
    from assistant.execution import known_runs

    found = known_runs(Workspace(), database)
    if as_json:
        print_json("runs", {"runs": found})
    else:
        from assistant.console import print_runs

        print_runs(found)
    return DONE


def status(database: DatabaseOption = None, as_json: AsJson = False) -> int:
    """Where the latest run stands, also one that goes on in another terminal."""
    from assistant.execution import run_status

    found: dict[str, Any] = run_status(Workspace(), database)
    if as_json:
        print_json("status", found)
    else:
        from assistant.console import print_status

        print_status(found)
    return DONE


def _phases(text: str | None) -> tuple[Phase, ...]:
    from tools.plan.model import Phase

    names = [name.strip().lower() for name in (text or "").split(",") if name.strip()]
    unknown = [name for name in names if name not in tuple(Phase)]
    if unknown:
        raise UsageError(f"--phase: unknown phase {unknown[0]!r}: one of {', '.join(Phase)}")
    return tuple(Phase(name) for name in names)


def _print_dry_run(applying: Any, phases: tuple[Phase, ...], step: str | None, as_json: bool) -> int:
    from tools.plan.explain import stages_of

    pending, known = applying.pending(phases, step)
    if as_json:
        steps = [
            {"id": one.id, "status": "pending", "sql": list(one.statements())} | known.as_json(one.id)
            for one in pending
        ]
        print_json("apply", {"dry_run": True, "steps": steps})
    else:
        from assistant.console import print_stages

        print_stages(stages_of(pending, known.lines))
        say("dry run: nothing was done")
    return DONE
