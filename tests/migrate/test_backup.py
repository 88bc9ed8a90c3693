"""Backups that fail closed, restores, and steps that only a backup brings back."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commandline import Oneplan
from tests.migrate.kit import Desk, Target, contents, make_people, opened, people_plan, people_steps
from tools.errors import ApprovalRefused, BackupFailed, SourceError, UsageError
from tools.migrate.backend import Backend
from tools.migrate.backup import Backup, back_up, find_backup, list_backups
from tools.migrate.restore import Restore
from tools.migrate.verify import verify
from tools.plan.model import Hazard, Plan
from tools.schema.model import Table


def _table(backend: Backend, name: str) -> Table:
    table = backend.schema().table(name)
    assert table is not None
    return table


@pytest.fixture
def final_plan(people: Target) -> Plan:
    """Its last step removes rows and a column for good: there is no undo."""
    add, fill, kept_drop = people_steps(people.dialect)
    purge = ['DELETE FROM "people" WHERE "id" = 50']
    if people.dialect != "duckdb":  # which alters no table in the transaction that wrote to it
        purge.append('ALTER TABLE "people" DROP COLUMN "age"')
    drop = replace(kept_drop, id="contract-people-purge", reversible=False, undo=(), sql=tuple(purge))
    return replace(people_plan(people, (add, fill, drop)), accounting=())


def test_whole_and_table_backups_are_made_listed_and_read_back(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    desk.run_all(plan, people.location)
    found = list_backups(desk.home)
    assert [(backup.whole, backup.step) for backup in found] == [
        (True, "expand-people-nick"), (False, "migrate-people-nick"), (False, "contract-people-age"),
    ]  # fmt: skip
    for backup in found:
        assert {(t.table, t.rows) for t in backup.tables} >= {("people", 50)}
        manifest = json.loads((Path(backup.folder) / "manifest.json").read_text())
        assert manifest["sha256"] == backup.sha256
        assert backup.path.stat().st_size == backup.bytes
    with pytest.raises(SourceError, match="no backup 'x'"):
        find_backup(desk.home, "x")


def test_a_step_without_an_undo_is_brought_back_from_its_backup(people: Target, desk: Desk, final_plan: Plan) -> None:
    origin = contents(people.location)
    desk.run_all(final_plan, people.location)
    assert len(contents(people.location)["people"]) < 50
    with desk.rollback(people.location) as back:
        step = back.pending()[0]
        view = back.view(step)
        assert "restored from the backup" in view.notes[0]
        assert Hazard.DELETES_DATA not in view.hazards
    desk.roll_back(people.location)
    assert contents(people.location) == origin
    assert verify(people.location).ok


def test_rows_written_since_must_be_given_up_knowingly(people: Target, desk: Desk, final_plan: Plan) -> None:
    desk.run_all(final_plan, people.location)
    with desk.rollback(people.location) as back:
        step = back.pending()[0]
        approval = desk.approve(back.action(step))
        back.backend.execute('INSERT INTO "people" ("id", "name") VALUES (999, \'new\')')
        assert Hazard.DELETES_DATA in back.view(step).hazards
        assert "rows written since that backup would be lost" in back.action(step).summary
        with pytest.raises(ApprovalRefused, match="hazards"):
            back.execute(step, approval)
        back.execute(step, desk.approve(back.action(step)))
        assert back.pending()[0].id == "migrate-people-nick"
    assert len(contents(people.location)["people"]) == 50


def test_restoring_a_whole_backup_undoes_the_steps_since(people: Target, desk: Desk) -> None:
    plan, origin = people_plan(people), contents(people.location)
    desk.run_all(plan, people.location)
    whole = list_backups(desk.home)[0]
    with Restore(whole.id, people.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring:
        with pytest.raises(ApprovalRefused):
            restoring.execute("made-by-hand")
        assert str(Hazard.DELETES_DATA) in restoring.action().hazards
        restored = restoring.execute(desk.approve(restoring.action()))
    assert restored.steps == tuple(step.id for step in plan.steps)
    assert contents(people.location) == origin
    assert verify(people.location).ok
    with desk.migration(plan, people.location) as migration:
        assert migration.pending() == plan.steps
    desk.run_all(plan, people.location)
    assert verify(people.location).ok


def test_restoring_tables_brings_back_their_rows_alone(people: Target, desk: Desk) -> None:
    with opened(people.location) as backend:
        table = backend.schema().table("people")
        assert table is not None
        kept = back_up(backend, [table], desk.home, run="r1", step="s")
        before = contents(people.location)
        backend.execute('UPDATE "people" SET "name" = \'lost\'')
    with Restore(kept.id, people.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring:
        restoring.execute(desk.approve(restoring.action()))
    assert contents(people.location) == before
    with opened(people.location) as backend:
        backend.execute('ALTER TABLE "people" ADD COLUMN "more" TEXT')
    with (
        Restore(kept.id, people.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring,
        pytest.raises(UsageError, match="other columns now"),
    ):
        restoring.execute(desk.approve(restoring.action()))


TRIGGERS = {
    "sqlite": [
        f'CREATE TRIGGER "on {verb}" AFTER {verb} ON "people" BEGIN '
        'UPDATE "people" SET "age" = 99 WHERE "id" = NEW."id"; END'
        for verb in ("INSERT", "UPDATE")
    ],
    "postgres": [
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.age := 99; RETURN NEW; END $$",
        'CREATE TRIGGER "stamp" BEFORE INSERT OR UPDATE ON "people" FOR EACH ROW EXECUTE FUNCTION stamp()',
    ],
    "duckdb": [],
}  # fmt: skip


def test_triggers_do_not_change_what_a_restore_brings_back(people: Target, desk: Desk) -> None:
    with opened(people.location) as backend:
        kept = back_up(backend, [_table(backend, "people")], desk.home, run="r1", step="s")
        before = contents(people.location)
        backend.execute('UPDATE "people" SET "name" = \'lost\' WHERE "id" < 10')
        for sql in TRIGGERS[people.dialect]:
            backend.execute(sql)
    with Restore(kept.id, people.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring:
        restoring.execute(desk.approve(restoring.action()))
    assert contents(people.location)["people"] == before["people"]
    if people.dialect != "duckdb":
        with opened(people.location) as backend:  # and they are awake again
            backend.execute('UPDATE "people" SET "name" = \'x\' WHERE "id" = 3')
            assert backend.query('SELECT "age" FROM "people" WHERE "id" = 3') == [(99,)]


def test_rows_that_others_point_to_are_restored_on_every_engine(target: Target, desk: Desk) -> None:
    """Alone, and together with those that point to them."""
    make_people(target.location)
    for names in (["people"], ["people", "notes"]):
        with opened(target.location) as backend:
            tables = [_table(backend, name) for name in names]
            kept = back_up(backend, tables, desk.home, run="r1", step="s")
            before = contents(target.location)
            backend.execute('UPDATE "people" SET "name" = \'lost\' WHERE "id" < 10')
            backend.execute("INSERT INTO \"people\" VALUES (999, 'new', 1)")
            backend.execute('DELETE FROM "people" WHERE "id" = 2')
            backend.execute('DELETE FROM "notes" WHERE "id" = 5' if "notes" in names else "SELECT 1")
        with Restore(kept.id, target.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring:
            restoring.execute(desk.approve(restoring.action()))
        assert contents(target.location) == before


def test_a_damaged_backup_is_not_restored(people: Target, desk: Desk) -> None:
    plan = people_plan(people)
    desk.run_all(plan, people.location)
    whole, before = list_backups(desk.home)[0], contents(people.location)
    with whole.path.open("r+b") as file:
        file.seek(whole.bytes // 2)
        file.write(b"\xff\x00damage")
    with (
        Restore(whole.id, people.location, ledger=desk.ledger, home=desk.home, actor=desk.actor) as restoring,
        pytest.raises(BackupFailed, match="damaged"),
    ):
        restoring.execute(desk.approve(restoring.action()))
    assert contents(people.location) == before


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_too_little_space_stops_the_backup_before_it_begins(
    people: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100, 90, 10))
    with opened(people.location) as backend, pytest.raises(BackupFailed, match="only 10 free"):
        back_up(backend, None, desk.home, run="r", step="s")
    assert list_backups(desk.home) == ()
    assert not any((desk.home / "backups" / "r").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="device files need no rights only for root")
def test_a_full_disk_stops_the_step(sqlite: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy goes to /dev/full, where every write fails as on a full disk."""
    make_people(sqlite.location)
    original = Path.write_text

    def full(path: Path, *more: Any, **named: Any) -> int:
        return original(Path("/dev/full") if path.name == "manifest.json" else path, *more, **named)

    monkeypatch.setattr(Path, "write_text", full)
    with opened(sqlite.location) as backend, pytest.raises(BackupFailed, match="No space left"):
        back_up(backend, None, desk.home, run="r", step="s")
    assert list_backups(desk.home) == ()


def test_a_copy_that_reads_back_otherwise_is_no_backup(
    people: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tools.migrate.backup as module

    def losing(backend: Any) -> Any:
        made = copier(backend)
        copy = made.copy

        def less(folder: Path, tables: Any, *, whole: bool) -> Any:
            found = copy(folder, tables, whole=whole)
            return replace(found, kept=tuple(replace(table, rows=table.rows - 1) for table in found.kept))

        made.copy = less
        return made

    copier = module.copier
    monkeypatch.setattr(module, "copier", losing)
    with opened(people.location) as backend, pytest.raises(BackupFailed, match="reads back with [0-9]+ rows"):
        back_up(backend, None, desk.home, run="r", step="s")
    assert list_backups(desk.home) == ()


def test_a_folder_without_a_manifest_is_no_backup(desk: Desk) -> None:
    (desk.home / "backups" / "r" / "001").mkdir(parents=True)
    assert list_backups(desk.home) == ()
    (desk.home / "backups" / "r" / "001" / "manifest.json").write_text("{")
    assert list_backups(desk.home) == ()


def test_a_damaged_manifest_is_told_and_keeps_no_other_backup_away(
    sqlite: Target, desk: Desk, oneplan: Oneplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_people(sqlite.location)
    with opened(sqlite.location) as backend:
        kept = [back_up(backend, None, desk.home, run="r", step="s") for _ in range(2)]
    Path(kept[0].folder, "manifest.json").write_text("")
    assert list_backups(desk.home) == (kept[1],)
    with pytest.raises(SourceError, match="not a backup's manifest"):
        find_backup(desk.home, kept[0].id)
    monkeypatch.setenv("ONEPLAN_HOME", str(desk.home))
    listed = oneplan("backups", "list", "--json")
    assert [backup["id"] for backup in listed.data["backups"]] == [kept[1].id]
    assert "not a backup's manifest" in listed.data["damaged"][0]
    assert "not a backup's manifest" in listed.err


def test_a_backup_is_on_the_disk_before_it_counts(sqlite: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    make_people(sqlite.location)
    synced: list[str] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    with opened(sqlite.location) as backend:
        back_up(backend, None, desk.home, run="r", step="s")
    assert {"data.sqlite", "manifest.json", "r"} <= set(synced)


def test_as_json_is_plain(sqlite: Target, desk: Desk) -> None:
    make_people(sqlite.location)
    with opened(sqlite.location) as backend:
        made: Backup = back_up(backend, None, desk.home, run="r", step="s")
    assert json.loads(json.dumps(made.as_json()))["tables"][0]["table"] == "people"
