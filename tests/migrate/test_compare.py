"""Mismatches told by key: of a run against its backup, of one database against another of any kind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commandline import Oneplan
from tests.migrate.kit import Desk, Target, make_people, opened, people_plan, people_steps
from tests.places import target_of
from tools.errors import UsageError
from tools.location import DIALECTS, Dialect
from tools.migrate.compare import Mismatch, TableComparison, compare_databases
from tools.migrate.proof_text import proof_markdown
from tools.migrate.verify import verify
from tools.plan.model import Accounting
from tools.schema.digest import schema_digest


def test_a_proof_names_the_rows_that_are_not_as_they_were(people: Target, desk: Desk) -> None:
    desk.run_all(people_plan(people), people.location)
    assert verify(people.location, home=desk.home).compared == ()
    with opened(people.location) as backend:
        backend.execute('UPDATE "people" SET "name" = \'x\' WHERE "id" IN (7, 21)')
        backend.execute('DELETE FROM "people" WHERE "id" = 40')
        backend.execute('INSERT INTO "people" ("id", "name") VALUES (99, \'new\')')
    found = verify(people.location, home=desk.home)
    (compared,) = found.compared
    assert set(compared.mismatches) == {
        Mismatch("differs", ("7",), ('"name"',)), Mismatch("differs", ("21",), ('"name"',)),
        Mismatch("missing", ("40",)), Mismatch("extra", ("99",)),
    }  # fmt: skip
    (account,) = found.tables
    assert (account.source_rows, account.migrated, account.skipped, account.failed) == (50, 47, 0, 3)
    told = proof_markdown(found)
    assert "| people | 50 | 47 | 0 | 3 | differ |" in told
    assert "| 40 | missing |" in told
    assert verify(people.location).compared == (), "without a workspace there is no backup to hold it against"


def test_rows_that_only_came_since_are_told_apart_from_lost_ones(people: Target, desk: Desk) -> None:
    desk.run_all(people_plan(people), people.location)
    with opened(people.location) as backend:
        backend.execute('INSERT INTO "people" ("id", "name") VALUES (99, \'new\')')
    assert verify(people.location).tables[0].checksum_equal is False
    found = verify(people.location, home=desk.home)
    assert found.findings == ("people: 1 row more than the 50 at the start, which are all there as they were",)
    (account,) = found.tables
    assert (account.migrated, account.failed, account.checksum_equal) == (50, 0, True)


@pytest.mark.parametrize("left", DIALECTS)
@pytest.mark.parametrize("right", DIALECTS)
def test_databases_of_any_kinds_are_held_against_each_other(
    left: Dialect, right: Dialect, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if left == right:
        pytest.skip("of one kind")
    folders = [tmp_path / "l", tmp_path / "r"]
    for folder in folders:
        folder.mkdir()

    def server() -> str:
        return request.getfixturevalue("postgres_server")

    with target_of(left, folders[0], server) as here, target_of(right, folders[1], server) as there:
        for target in (here, there):
            make_people(target.location, 300, notes=False)
        assert compare_databases(here.location, there.location) == (TableComparison("people", 300, 300),)
        with opened(there.location) as backend:
            backend.execute('UPDATE "people" SET "age" = 1000 WHERE "id" = 250')
            backend.execute('DELETE FROM "people" WHERE "id" = 3')
        (found,) = compare_databases(here.location, there.location)
        assert found.mismatches == (Mismatch("differs", ("250",), ("age",)), Mismatch("missing", ("3",)))
        assert (found.missing, found.extra, found.differing, found.right_rows) == (1, 0, 1, 299)
        with pytest.raises(UsageError, match="not a table on both"):
            compare_databases(here.location, there.location, ["nothing"])


def test_a_table_that_differs_altogether_and_one_without_a_key(sqlite: Target) -> None:
    other = sqlite.fresh()
    for place, word in ((sqlite.location, "a"), (other, "b")):
        with opened(place) as backend:
            backend.execute("CREATE TABLE t (id integer PRIMARY KEY, word text)")
            backend.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
                            f"INSERT INTO t SELECT i, '{word}' FROM n")  # fmt: skip
    (found,) = compare_databases(sqlite.location, other)
    assert (found.differing, len(found.mismatches)) == (5000, 20)
    for place, words in ((sqlite.location, "('a'), ('a'), ('b'), (NULL)"), (other, "('a'), ('b'), ('c'), (NULL)")):
        with opened(place) as backend:
            backend.execute("CREATE TABLE loose (word text)")
            backend.execute(f"INSERT INTO loose VALUES {words}")
    (found,) = compare_databases(sqlite.location, other, ["loose"])
    assert (found.missing, found.extra, found.differing) == (1, 1, 0)
    assert set(found.mismatches) == {Mismatch("missing", ("a",)), Mismatch("extra", ("c",))}


def test_rows_of_a_table_without_a_key_are_counted_one_by_one(people: Target, desk: Desk) -> None:
    """One of them with another value is not migrated: the three still add up to all rows."""
    with opened(people.location) as backend, backend.transaction():
        backend.execute('CREATE TABLE "log" ("what" TEXT, "sure" BOOLEAN)')
        backend.execute("INSERT INTO \"log\" VALUES ('a', true), ('a', true), ('b', false), (NULL, NULL)")
        schema = backend.schema()
    plan = people_plan(people, people_steps(people.dialect)[:1])
    pairs = (('"what"', '"what"'), ('"sure"', '"sure"'))
    accounting = (*plan.accounting, Accounting("log", '"log"', '"log"', pairs))
    plan = replace(plan, origin=schema_digest(schema), accounting=accounting)
    desk.run_all(plan, people.location)
    with opened(people.location) as backend:
        backend.execute('UPDATE "log" SET "sure" = true WHERE "what" = \'b\'')
    found = verify(people.location, home=desk.home)
    account = next(one for one in found.tables if one.table == "log")
    assert (account.source_rows, account.migrated, account.failed) == (4, 3, 1)
    (compared,) = [one for one in found.compared if one.table == "log"]
    assert {m.kind for m in compared.mismatches} == {"missing", "extra"}
    assert {m.key[0] for m in compared.mismatches} == {"b"}


def test_rows_that_are_skipped_have_their_reason(sqlite: Target, desk: Desk, oneplan: Oneplan) -> None:
    make_people(sqlite.location)
    plan = people_plan(sqlite)
    plan = replace(plan, accounting=(Accounting("people", '"people"', None, (('"id"', '"id"'),)),))
    desk.run_all(plan, sqlite.location)
    told = oneplan("verify", "--database", sqlite.location, "--json").data["tables"]
    assert (told[0]["skipped"], told[0]["reason"]) == (50, "the plan removes the table")
    assert "people: skipped: the plan removes the table" in oneplan("verify", "--database", sqlite.location).out
    assert "- people: 50 skipped: the plan removes the table" in proof_markdown(verify(sqlite.location))


def test_after_a_way_back_the_rows_written_since_are_named(people: Target, desk: Desk) -> None:
    desk.run_all(people_plan(people), people.location)
    with opened(people.location) as backend:
        backend.execute('UPDATE "people" SET "name" = \'x\' WHERE "id" = 7')
        backend.execute('INSERT INTO "people" ("id", "name") VALUES (99, \'new\')')
    desk.roll_back(people.location)
    (compared,) = verify(people.location, home=desk.home).compared
    assert set(compared.mismatches) == {Mismatch("differs", ("7",), ('"name"',)), Mismatch("extra", ("99",))}


def test_what_only_one_of_two_databases_has_is_said(oneplan: Oneplan, sqlite: Target) -> None:
    other = sqlite.fresh()
    for place, name in ((sqlite.location, "here"), (other, "there")):
        with opened(place) as backend:
            backend.execute(f"CREATE TABLE {name} (id integer PRIMARY KEY)")
    nothing = oneplan("verify", "--database", sqlite.location, "--against", other)
    assert nothing.code == 64
    assert "no table in common" in nothing.err
    for place, name in ((sqlite.location, "old"), (other, "new")):
        with opened(place) as backend:
            backend.execute(f"CREATE TABLE both (id integer PRIMARY KEY, {name} text)")
    told = oneplan("verify", "--database", sqlite.location, "--against", other, "--json")
    assert told.code == 0
    alone = [
        ("table here", "left"),
        ("column both.old", "left"),
        ("table there", "right"),
        ("column both.new", "right"),
    ]
    assert sorted(told.data["left_out"]) == sorted(
        f"{what} is only on the {side}: not compared" for what, side in alone
    )


def test_the_command_writes_the_proof_and_times_the_way_back(
    oneplan: Oneplan, sqlite: Target, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_people(sqlite.location)
    before = sqlite.copy(sqlite.location)
    desk.run_all(people_plan(sqlite), sqlite.location)
    desk.roll_back(sqlite.location)
    assert oneplan("verify", "--database", sqlite.location, "--report", "proof.md").code == 0
    assert "All is in order" in Path("proof.md").read_text()
    assert oneplan("verify", "--database", sqlite.location, "--report", "proof.md").code == 64
    assert oneplan("verify", "--database", sqlite.location, "--report", "proof.txt").code == 64
    minor = oneplan("rollback", "--database", sqlite.location, "--severity", "minor")
    assert minor.code == 0
    assert "minor: nothing to copy again, verified in" in minor.err
    same = oneplan("verify", "--database", sqlite.location, "--against", before, "--report", "same.json")
    assert same.code == 0, same.err
    assert {one["equal"] for one in json.loads(Path("same.json").read_text())["tables"]} == {True}
    with opened(before) as backend:
        backend.execute('UPDATE "people" SET "name" = \'x\' WHERE "id" = 7')
    other = oneplan("verify", "--database", sqlite.location, "--against", before, "--json")
    assert other.code == 2
    told = {one["table"]: one["mismatches"] for one in other.data["tables"]}
    assert told == {"people": [{"kind": "differs", "key": ["7"], "columns": ["name"]}], "notes": []}
