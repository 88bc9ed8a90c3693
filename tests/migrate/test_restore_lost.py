"""A database file that is gone, or that its engine does not open any more, comes back from a whole backup."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tests.migrate.kit import Desk, Target, contents, make_people, opened, people_plan
from tools.errors import ApprovalRefused, BackupFailed, Busy, DatabaseError, Refused, SourceError, UsageError
from tools.location import Dialect, parse_location
from tools.migrate.backup import list_backups
from tools.migrate.open import open_backend
from tools.migrate.restore_lost import LostFile, lost
from tools.migrate.verify import verify
from tools.plan.model import Plan

TORN: dict[Dialect, int] = {"sqlite": 100, "duckdb": 12288 + 100}
"""Where the first page of each begins, behind what tells the kind of file."""


def file_of(target: Target) -> Path:
    return parse_location(target.location).path


@pytest.fixture(params=["sqlite", "duckdb"])
def half_run(request: pytest.FixtureRequest, desk: Desk) -> tuple[Target, Plan]:
    """A run that is cut off behind its first step, so that a whole backup of it is there."""
    target: Target = request.getfixturevalue(request.param)
    make_people(target.location, notes=request.param != "duckdb")
    plan = people_plan(target)
    with desk.migration(plan, target.location) as migration:
        first = migration.pending()[0]
        migration.execute(first, desk.approve(migration.action(first)))
    return target, plan


def tear(target: Target) -> None:
    with file_of(target).open("r+b") as file:
        file.seek(TORN[target.dialect])
        file.write(os.urandom(4000))


def restoring(target: Target, desk: Desk) -> LostFile:
    (backup,) = (kept for kept in list_backups(desk.home) if kept.whole)
    return LostFile(
        backup.id, target.location, lost(target.location), ledger=desk.ledger, home=desk.home, actor=desk.actor
    )


@pytest.mark.parametrize("gone", [False, True], ids=["damaged", "gone"])
def test_a_file_that_cannot_be_opened_gives_way_to_its_backup(
    half_run: tuple[Target, Plan], desk: Desk, gone: bool
) -> None:
    target, plan = half_run
    assert lost(target.location) == ""
    if gone:
        file_of(target).unlink()
    else:
        tear(target)
        with pytest.raises(DatabaseError), opened(target.location) as backend:
            backend.schema()
    back = restoring(target, desk)
    action = back.action()
    assert ("is not there" if gone else "cannot be read") in action.summary
    assert action.hazards == ("DELETES_DATA",)
    with pytest.raises(ApprovalRefused):
        back.execute("nobody-gave-this")
    restored = back.execute(desk.approve(action))
    assert set(restored.tables) == contents(target.location).keys() - {"schema"}
    damaged = file_of(target).with_name(file_of(target).name + ".damaged")
    assert damaged.exists() is not gone
    desk.run_all(plan, target.location)
    assert verify(target.location).ok
    with pytest.raises(Refused, match="can be opened again"):
        back.execute(desk.approve(action))


def test_a_damaged_backup_takes_nobodys_place(half_run: tuple[Target, Plan], desk: Desk) -> None:
    target, _ = half_run
    tear(target)
    before = file_of(target).read_bytes()
    back = restoring(target, desk)
    (backup,) = (kept for kept in list_backups(desk.home) if kept.whole)
    backup.path.write_bytes(b"x")
    with pytest.raises(BackupFailed, match="damaged"):
        back.execute(desk.approve(back.action()))
    assert file_of(target).read_bytes() == before
    other = file_of(target).with_name("other")
    with pytest.raises(UsageError, match="is of"):
        LostFile(
            backup.id, f"{target.dialect}:///{other}", "is not there", ledger=desk.ledger, home=desk.home,
            actor=desk.actor,
        )  # fmt: skip


def test_by_the_command(half_run: tuple[Target, Plan], desk: Desk, oneplan: Oneplan, tmp_path: Path) -> None:
    target, _ = half_run
    (tmp_path / ".oneplan").mkdir(exist_ok=True)
    if desk.home != tmp_path / ".oneplan":
        (desk.home / "backups").rename(tmp_path / ".oneplan" / "backups")
    tear(target)
    (backup,) = (kept for kept in list_backups(tmp_path / ".oneplan") if kept.whole)
    command = ("backups", "restore", backup.id, "--database", target.location)
    assert oneplan(*command, "--yes").code == 3, "it carries DELETES_DATA"
    assert oneplan(*command, "--yes", "--allow", "DELETES_DATA").code == 0
    assert lost(target.location) == ""


def test_a_damaged_file_is_not_taken_for_one_in_use(duckdb: Target) -> None:
    make_people(duckdb.location, notes=False)
    tear(duckdb)
    with pytest.raises((DatabaseError, SourceError), match="damaged") as caught:
        open_backend(duckdb.location)
    assert not isinstance(caught.value, Busy)
