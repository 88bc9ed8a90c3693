"""A plan that fails its rehearsal is not put forward; the failure names the step and the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.session import Workspace
from tests.commandline import Oneplan
from tests.migrate.kit import Target, contents, opened

DESIRED = {
    "a value that fits no number": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, score INTEGER, owner INTEGER);", "'many'", "id=7",
    ),
    "a row that points to nothing": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, score TEXT, owner INTEGER REFERENCES owners (id));", "'1'", "id=7",
    ),
    "two rows of one value": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, score TEXT UNIQUE, owner INTEGER);", "'1'", "score='1'",
    ),
    "a row against the rule": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, score TEXT, owner INTEGER CHECK (owner < 9));", "'1'", "owner=99",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", DESIRED)
@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_the_failure_names_the_step_and_the_row(
    kind: str, why: str, request: pytest.FixtureRequest, workspace: Path, oneplan: Oneplan
) -> None:
    target: Target = request.getfixturevalue(kind)
    wanted, score, row = DESIRED[why]
    with opened(target.location) as backend:
        backend.execute("CREATE TABLE owners (id INTEGER PRIMARY KEY)")
        backend.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, score TEXT, owner INTEGER)")
        backend.execute("INSERT INTO owners VALUES (1)")
        backend.execute(f"INSERT INTO t VALUES (1, '1', 1), (7, {score}, 99)")
    Path("desired.sql").write_text(
        f"-- dialect: {kind}\nCREATE TABLE owners (id INTEGER PRIMARY KEY);\n{wanted}\n", encoding="utf-8"
    )
    assert oneplan("plan", target.location, "desired.sql", "-o", "plan.yaml").code == 0
    before = contents(target.location)
    shadow = ("--shadow", target.shadow) if target.shadow else ()
    rehearsed = oneplan("rehearse", "plan.yaml", "--database", target.location, *shadow, "--json")
    assert rehearsed.code == 4
    assert rehearsed.data["failed_step"]
    assert rehearsed.data["failed_step"] in rehearsed.data["sentence"]
    assert row in rehearsed.data["sentence"]
    last = rehearsed.data["steps"][-1]
    assert (last["id"], last["status"]) == (rehearsed.data["failed_step"], "failed")
    applied = oneplan("apply", "plan.yaml", "--database", target.location, *shadow, "--yes", "--allow", "DELETES_DATA")
    assert applied.code == 4
    assert rehearsed.data["failed_step"] in applied.err
    assert row in applied.err
    assert Workspace().ledger.pending() == ()
    assert contents(target.location) == before
