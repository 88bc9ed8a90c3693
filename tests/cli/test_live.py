"""A live database goes on being written to while a run lasts days: that must not leave the run unfinished."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import build_sqlite, change
from tests.commandline import Oneplan

ALLOW = ("--yes", "--allow", "DELETES_DATA")


def test_rows_written_during_a_run_are_told_and_do_not_fail_it(
    oneplan: Oneplan,
    schemas: tuple[Path, Path],
) -> None:
    database = build_sqlite(Path("app.sqlite").absolute())
    assert oneplan("plan", database, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    assert (
        oneplan("apply", "plan.yaml", "--database", database, "--yes", "--phase", "analyse,expand,refactor").code == 0
    )
    change(database, "INSERT INTO customers (id, name, mail, age) VALUES (9001, 'new', 'n@example.com', '30')")
    finished = oneplan("apply", "plan.yaml", "--database", database, *ALLOW, "--json")
    assert finished.code == 0, finished.err
    assert "1 row more" in finished.err
    assert {step["status"] for step in finished.data["steps"]} == {"done"}
    assert oneplan("verify", "--database", database).code == 2, "the proof says that it is not the same rows"
    back = oneplan("rollback", "--database", database, "--yes", "--json")
    assert back.code == 0
    assert "left as it is: customers: 1 row more than the 400 at the start" in back.err
    assert back.data["findings"] == ["customers: 1 row more than the 400 at the start"]
    left = oneplan("verify", "--database", database)
    assert left.code == 2, "the row written since is kept, and told"
