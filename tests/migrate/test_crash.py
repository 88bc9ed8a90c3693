"""kill -9 at every boundary: a resumed run ends as an uninterrupted one does, and nothing happens twice."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from knowledge.actions import action_from_json
from tests.migrate.kit import Desk, Target, contents, opened, people_plan, people_steps
from tools.migrate.journal import Journal
from tools.migrate.verify import verify
from tools.plan.model import Plan

ROOT = Path(__file__).parents[2]
STRIDE = {"sqlite": 4, "duckdb": 6, "postgres": 6}
"""A sample of the boundaries: the engines share the code between them."""


def crash_plan(target: Target) -> Plan:
    """Its backfill is not idempotent: a batch that is written twice shows."""
    add, fill, drop = people_steps(target.dialect)
    assert fill.backfill is not None
    twice = replace(fill.backfill, assignments=(('"nick"', 'coalesce("nick", \'\') || lower("name")'),), where="TRUE")
    return people_plan(target, (add, replace(fill, backfill=twice), drop))


def in_a_process(folder: Path, plan: Plan, location: str, home: Path, verb: str, fatal: int) -> int:
    """Run tests/migrate/killed.py: the number of boundaries it passed, or -9 when it killed itself."""
    order = folder / "order.pickle"
    order.write_bytes(pickle.dumps((plan, location, home, verb, fatal)))
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.migrate.killed import main; main({str(order)!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else -9


def test_a_run_killed_at_any_boundary_ends_as_an_uninterrupted_one(people: Target, tmp_path: Path) -> None:
    plan, whole = crash_plan(people), people.copy(people.location)
    boundaries = in_a_process(tmp_path, plan, whole, tmp_path / "home", "apply", -1)
    expected = contents(whole)
    assert boundaries > 15
    assert verify(whole).ok
    for fatal in range(0, boundaries, STRIDE[people.dialect]):
        location, home = people.copy(people.location), tmp_path / f"home{fatal}"
        assert in_a_process(tmp_path, plan, location, home, "apply", fatal) == -9
        Desk(home).run_all(plan, location)
        assert contents(location) == expected, f"killed at boundary {fatal}"
        assert_each_once(location, home)


def test_a_rollback_killed_at_any_boundary_ends_at_the_origin(people: Target, tmp_path: Path) -> None:
    plan, origin = crash_plan(people), contents(people.location)
    Desk(tmp_path / "home").run_all(plan, people.location)
    passed, fatal = -9, 0
    while passed == -9:
        location, home = people.copy(people.location), tmp_path / f"home{fatal}"
        shutil.copytree(tmp_path / "home", home)
        passed = in_a_process(tmp_path, plan, location, home, "rollback", fatal)
        Desk(home).roll_back(location)
        assert contents(location) == origin, f"killed at boundary {fatal}"
        assert verify(location).ok
        fatal += STRIDE[people.dialect]
    assert passed > 12


def test_a_run_cut_off_in_a_backfill_can_be_rolled_back(people: Target, desk: Desk, tmp_path: Path) -> None:
    plan, origin = crash_plan(people), contents(people.location)
    assert in_a_process(tmp_path, plan, people.location, desk.home, "apply", 13) == -9
    with opened(people.location) as backend:
        cut_off = Journal(backend).entries(Journal(backend).runs()[-1].id)[-1]
    assert cut_off.state == "started"
    assert cut_off.cursor is not None
    desk.roll_back(people.location)
    assert contents(people.location) == origin
    assert verify(people.location).ok


def assert_each_once(location: str, home: Path) -> None:
    with opened(location) as backend:
        journal = Journal(backend)
        (run,) = journal.runs()
        entries = journal.entries(run.id)
    assert run.state == "done"
    assert [entry.state for entry in entries] == ["done"] * 3
    assert len({entry.step for entry in entries}) == 3
    ledger = Desk(home).ledger
    for entry in entries:  # every approval that was used is on record as done
        assert ledger.find_claimed(action_from_json(entry.action).digest, run.id) is None
