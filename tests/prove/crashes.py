"""The crash matrix: a run killed at every boundary, in every statement, at any moment ends as an uninterrupted one.

Points of three kinds: `boundary` (before the n-th boundary that the executor tells of), `statement` (when a share of
the n-th statement's time has passed, commits and the journal's own included) and `moment` (a share of the whole
run's time: backups, the ledger, locks).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from knowledge.actions import action_from_json
from tests.migrate.kit import Desk, Target, contents, make_people, opened, people_plan, people_steps
from tests.prove.zygote import Zygote
from tools.migrate.journal import Journal
from tools.migrate.pace import Pace
from tools.migrate.verify import verify
from tools.plan.model import Phase, Plan, Step

Verb = Literal["apply", "rollback", "restore"]
"""Forward; back by SQL; back where no SQL undoes the last step, so that its backup is restored."""
SHARES = (0.5,)
MOMENTS = 12
ROWS = 60
PACE = Pace(least=20, most=20)


@dataclass(frozen=True)
class Point:
    kind: Literal["boundary", "statement", "moment"]
    number: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Course:
    """What an uninterrupted run passes: its boundaries, the seconds of each statement, and of all of it."""

    boundaries: tuple[str, ...]
    statements: tuple[tuple[str, float], ...]
    seconds: float

    def points(self) -> Iterator[Point]:
        yield from (Point("boundary", number) for number in range(len(self.boundaries)))
        yield from (Point("statement", number, share) for number in range(len(self.statements)) for share in SHARES)
        yield from (Point("moment", 0, (number + 0.5) / MOMENTS) for number in range(MOMENTS))


def matrix_plan(target: Target, verb: Verb = "apply") -> Plan:
    """Every kind of statement; a backfill that is not idempotent, so that a batch written twice shows."""
    add, fill, drop = people_steps(target.dialect)
    assert fill.backfill is not None
    twice = replace(fill.backfill, assignments=(('"nick"', 'coalesce("nick", \'\') || lower("name")'),), where="TRUE")
    again = ("postgres", " CONCURRENTLY") if target.dialect == "postgres" else (target.dialect, "")
    index = Step(
        "expand-people-index", Phase.EXPAND, "add_index", "index people.nick", ("people",),
        (f'CREATE INDEX{again[1]} "people_nick" ON "people" ("nick")',), (f'DROP INDEX{again[1]} "people_nick"',),
        transactional=target.dialect != "postgres", undo_transactional=target.dialect != "postgres",
        depends_on=(fill.id,),
    )  # fmt: skip
    make = Step(
        "expand-tags", Phase.EXPAND, "create_table", "create tags", ("tags",),
        ('CREATE TABLE "tags" ("id" INTEGER PRIMARY KEY, "label" TEXT)', 'INSERT INTO "tags" VALUES (1, \'a\')'),
        ('DROP TABLE "tags"',), writes_data=True,
    )  # fmt: skip
    steps = (make, add, replace(fill, backfill=twice), drop)
    if verb == "restore":
        gone = replace(drop, sql=('ALTER TABLE "people" DROP COLUMN "age"',), undo=(), reversible=False)
        return people_plan(target, (*steps[:3], gone))
    # DuckDB alters no table that has an index: there it comes last.
    return people_plan(target, (*steps, replace(index, depends_on=(drop.id,), phase=Phase.CONTRACT)))


def attempt(plan: Plan, location: str, home: Path, verb: Verb, point: Point | None, course: Course | None) -> Any:
    """In a process of its own: run to the end, or kill this very process at the point."""
    begun, spent, boundaries = time.perf_counter(), list[tuple[str, float]](), list[str]()

    def observer(stage: str, step: str) -> None:
        if point and point.kind == "boundary" and len(boundaries) == point.number:
            os.kill(os.getpid(), signal.SIGKILL)
        boundaries.append(f"{stage} {step}")

    if point and point.kind == "moment" and course:
        _kill_after(point.share * course.seconds)
    _watch_statements(spent, point, course)
    _run(Desk(home), plan, location, verb, observer)
    return Course(tuple(boundaries), tuple(spent), time.perf_counter() - begun)


def _run(desk: Desk, plan: Plan, location: str, verb: Verb, observer: Callable[[str, str], None] | None) -> None:
    if verb == "apply":
        desk.run_all(plan, location, observer=observer, pace=PACE)
    else:
        desk.roll_back(location, observer=observer)


def _watch_statements(spent: list[tuple[str, float]], point: Point | None, course: Course | None) -> None:
    """Put a watch before what every engine sends. Only ever in a process that is about to end."""
    from tools.migrate.duckdb import DuckDBBackend
    from tools.migrate.postgres import PostgresBackend
    from tools.migrate.sqlite import SQLiteBackend

    for kind in (SQLiteBackend, DuckDBBackend, PostgresBackend):
        kind.execute = _watched(kind.execute, spent, point, course)  # type: ignore[method-assign]


def _watched(
    execute: Callable[..., int], spent: list[tuple[str, float]], point: Point | None, course: Course | None
) -> Callable[..., int]:
    def watched(self: Any, sql: str, *more: Any) -> int:
        if point and course and point.kind == "statement" and len(spent) == point.number:
            _kill_after(point.share * course.statements[point.number][1])
        started = time.perf_counter()
        try:
            return execute(self, sql, *more)
        finally:
            spent.append((sql.split(maxsplit=1)[0], time.perf_counter() - started))

    return watched


def _kill_after(seconds: float) -> None:
    """By a thread, since the main one is inside the engine then."""

    def kill() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()


def go_on(plan: Plan, location: str, home: Path, verb: Verb) -> tuple[Any, bool, list[str]]:
    """In a process of its own: resume; what the database holds then, whether it is proven, and what is amiss."""
    desk = Desk(home)
    _run(desk, plan, location, verb, None)
    return contents(location), verify(location).ok, list(_amiss(location, desk, len(plan.steps), verb))


def _amiss(location: str, desk: Desk, steps: int, verb: Verb) -> Iterator[str]:
    with opened(location) as backend:
        journal = Journal(backend)
        runs = journal.runs()
        entries = journal.entries(runs[-1].id)
    if len(runs) != 1:
        yield f"{len(runs)} runs instead of one"
    done = [entry for entry in entries if entry.state == "done"]
    if len(done) != steps * (1 if verb == "apply" else 2):
        yield f"{len(done)} entries are done"
    for entry in entries:
        if desk.ledger.find_claimed(action_from_json(entry.action).digest, runs[-1].id):
            yield f"the approval of {entry.step} is claimed and not recorded"


@dataclass(frozen=True)
class Report:
    """Of one engine and way: points tried, of which kinds, how many killed the process, and what went wrong."""

    dialect: str
    verb: Verb
    points: int
    killed: int
    kinds: dict[str, int]
    statements: tuple[str, ...]
    failures: tuple[str, ...]


def matrix(target: Target, folder: Path, verb: Verb, zygote: Zygote, *, sample: int | None, seed: int = 1) -> Report:
    """Try the points of a run forward or back: all of them, or a sample drawn by the seed."""
    make_people(target.location, ROWS, notes=target.dialect != "duckdb")
    plan, base = matrix_plan(target, verb), folder / "base"
    origin = target.location
    if verb != "apply":
        zygote.call(attempt, plan, origin, base, "apply", None, None)
    whole = target.copy(origin)
    _copy_home(base, folder / "whole")
    course: Course = zygote.call(attempt, plan, whole, folder / "whole", verb, None, None).value
    expected: dict[str, Any] = zygote.call(contents, whole).value
    points = list(course.points())
    if sample is not None:
        points = random.Random(seed).sample(points, min(sample, len(points)))
    failures, killed, kinds = list[str](), 0, dict[str, int]()
    for number, point in enumerate(points):
        failure, died = _one(target, folder / f"p{number}", plan, origin, base, verb, point, course, expected, zygote)
        killed += died
        kinds[point.kind] = kinds.get(point.kind, 0) + 1
        if failure:
            failures.append(f"{target.dialect} {verb} {point}: {failure}")
    statements = tuple(sorted({word for word, _ in course.statements}))
    return Report(target.dialect, verb, len(points), killed, kinds, statements, tuple(failures))


def _one(
    target: Target, home: Path, plan: Plan, origin: str, base: Path, verb: Verb, point: Point, course: Course,
    expected: dict[str, Any], zygote: Zygote,
) -> tuple[str, bool]:  # fmt: skip
    location = target.copy(origin)
    _copy_home(base, home)
    died = zygote.call(attempt, plan, location, home, verb, point, course).signal == signal.SIGKILL
    try:
        found, proven, amiss = zygote.call(go_on, plan, location, home, verb).value
    except AssertionError as error:
        return str(error), died
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if found != expected:
        amiss.append("the end is not that of an uninterrupted run")
    if not proven:
        amiss.append("verify finds something")
    return "; ".join(amiss), died


def _copy_home(base: Path, home: Path) -> None:
    if base.exists():
        shutil.copytree(base, home)
