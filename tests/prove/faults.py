"""What else can happen to a run: its connection is cut, the server goes down and comes again, the disk is full, another
executor does the same at the same time. After it the run goes on, and ends as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.cluster import Cluster
from tests.migrate.kit import Desk, Target, contents, make_people
from tests.prove.crashes import PACE, ROWS, Course, attempt, go_on, matrix_plan
from tests.prove.zygote import Zygote
from tools.errors import OneplanError
from tools.plan.model import Plan

LEAST = 20_000
"""Bytes: the smallest disk that is tried."""


class Scene:
    """A plan and a database to run it on, over and over, with the end that it must come to."""

    def __init__(self, target: Target, folder: Path, zygote: Zygote, rows: int = ROWS) -> None:
        self.target, self.folder, self.zygote = target, folder, zygote
        make_people(target.location, rows, notes=target.dialect != "duckdb")
        self.plan, self.whole = matrix_plan(target), target.copy(target.location)
        self.course: Course = zygote.call(attempt, self.plan, self.whole, folder / "whole", "apply", None, None).value
        self.expected: dict[str, Any] = zygote.call(contents, self.whole).value

    def goes_on(self, location: str, home: Path) -> str:
        """What is amiss after the run was resumed, "" for nothing."""
        try:
            found, proven, amiss = self.zygote.call(go_on, self.plan, location, home, "apply").value
        except AssertionError as error:
            return str(error)
        finally:
            shutil.rmtree(home, ignore_errors=True)
        if found != self.expected:
            amiss.append("the end is not that of an uninterrupted run")
        return "; ".join(amiss if proven else [*amiss, "verify finds something"])


def run_with(plan: Plan, location: str, home: Path, at: Callable[[int], None] | None) -> str:
    """Run to the end or to an error, which must be one of ours: its class and sentence, "" for none."""
    passed = 0

    def observer(_stage: str, _step: str) -> None:
        nonlocal passed
        if at:
            at(passed)
        passed += 1

    try:
        Desk(home).run_all(plan, location, observer=observer, pace=PACE)
    except OneplanError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def cut(plan: Plan, location: str, home: Path, number: int, server: str) -> str:
    """At that boundary the server ends our sessions, the lock's too."""

    def at(passed: int) -> None:
        if passed == number:
            with psycopg.connect(server, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                              "WHERE application_name IN ('oneplan', 'oneplan lock')")  # fmt: skip

    return run_with(plan, location, home, at)


def restarted(plan: Plan, location: str, home: Path, number: int, cluster: Cluster) -> str:
    """At that boundary the server goes down as in a power cut, and comes up again."""

    def at(passed: int) -> None:
        if passed == number:
            cluster.stop("immediate")
            cluster.start()

    return run_with(plan, location, home, at)


def faults_at(
    scene: Scene, numbers: Iterable[int], fault: Callable[..., str], *more: Any
) -> Iterator[tuple[bool, str]]:  # fmt: skip
    """For every boundary, or size: whether the fault was noticed, and what is amiss after going on."""
    for number in numbers:
        location, home = scene.target.copy(scene.target.location), scene.folder / f"home{number}"
        told = scene.zygote.call(fault, scene.plan, location, home, number, *more).value
        amiss = scene.goes_on(location, home)
        yield bool(told), f"{fault.__name__} at {number} ({told}): {amiss}" if amiss else ""


def sizes(scene: Scene, count: int) -> list[int]:
    """Limits from next to nothing to nearly the size of the database after a whole run."""
    most = Path(scene.whole.split(":///", 1)[1]).stat().st_size
    return [round(LEAST * (most / LEAST) ** (number / count)) for number in range(count)]


def race(scene: Scene, others: Zygote, number: int, *, together: bool) -> str:
    """Two executors at once, of one workspace or of two: what is amiss in the end."""
    location = scene.target.copy(scene.target.location)
    homes = [scene.folder / f"race{number}", scene.folder / (f"race{number}" if together else f"race{number}b")]
    for zygote, home in zip((scene.zygote, others), homes, strict=True):
        zygote.begin(run_with, scene.plan, location, home, None)
    told = [zygote.end().value for zygote in (scene.zygote, others)]
    refusals = ("", "Busy", "Refused", "ApprovalRefused", "Drift")
    wrong = [one for one in told if one.partition(":")[0] not in refusals]
    amiss = scene.goes_on(location, homes[1] if told[0] else homes[0])
    shutil.rmtree(homes[0], ignore_errors=True)
    shutil.rmtree(homes[1], ignore_errors=True)
    return "; ".join([*wrong, *([amiss] if amiss else [])])
