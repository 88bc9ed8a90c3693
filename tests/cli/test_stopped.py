"""What a run that was stopped says: by Ctrl-C, by a change that somebody else made; and how it is given up."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import build_sqlite, change
from tests.commandline import Oneplan
from tools.migrate import execute, verify

ALLOW = ("--yes", "--allow", "DELETES_DATA")


@pytest.fixture
def planned(oneplan: Oneplan, database: str, schemas: tuple[Path, Path]) -> str:
    assert oneplan("init").code == 0
    assert oneplan("plan", database, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    return database


@contextmanager
def _asked() -> Generator[Callable[[], bool]]:
    """Ctrl-C, as soon as a batch is through."""
    looks = iter([False])
    yield lambda: next(looks, True)


def test_a_paused_run_says_how_far_it_is_and_what_to_do(
    oneplan: Oneplan, workspace: Path, schemas: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = build_sqlite(workspace / "app.sqlite")
    assert oneplan("plan", database, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    with monkeypatch.context() as patched:
        patched.setattr(execute, "interrupt_asked", _asked)
        paused = oneplan("apply", "plan.yaml", "--database", database, "--pace", "max_rows=100", *ALLOW, "--json")
    assert paused.code == 130
    assert "100 of 400 rows are through, and the same command goes on from there" in paused.err
    assert paused.json["error"]["type"] == "Paused"
    went_on = oneplan("apply", "plan.yaml", "--database", database, *ALLOW)
    assert went_on.code == 0
    assert "was paused, 100 of 400 rows through" in went_on.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")])
def test_an_interrupted_command_says_so(
    oneplan: Oneplan, workspace: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(verify, "verify", interrupted)
    stopped = oneplan("verify", "--database", build_sqlite(workspace / "app.sqlite"), "--json")
    assert stopped.code == 130
    assert "oneplan: interrupted" in stopped.err
    assert stopped.json["error"] == {"type": "Interrupted", "message": "interrupted", "exit_code": 130}


def test_a_change_since_the_plan_was_made_is_told(oneplan: Oneplan, planned: str) -> None:
    change(planned, "ALTER TABLE orders ADD COLUMN note text")
    refused = oneplan("apply", "plan.yaml", "--database", planned, *ALLOW)
    assert refused.code == 4
    assert "orders.note was added" in refused.err


def test_a_run_that_met_a_change_can_be_given_up(oneplan: Oneplan, planned: str) -> None:
    assert oneplan("apply", "plan.yaml", "--database", planned, "--phase", "analyse,expand", *ALLOW).code == 0
    again = oneplan("apply", "plan.yaml", "--database", planned, "--restart", *ALLOW)
    assert again.code == 4
    assert "go back before (`oneplan rollback" in again.err
    change(planned, "ALTER TABLE orders ADD COLUMN note text")
    refused = oneplan("apply", "plan.yaml", "--database", planned, *ALLOW)
    assert refused.code == 4
    assert "orders.note was added" in refused.err
    assert "--abandon" in refused.err
    given_up = oneplan("apply", "plan.yaml", "--database", planned, "--abandon", "--yes")
    assert given_up.code == 0
    assert re.search(r"what its \d+ steps did stands; `oneplan rollback` takes it back", given_up.err)
    over = oneplan("plan", planned, "desired.sql", "-o", "again.yaml", "--renames", "answers.yaml")
    assert "__oneplan is left of a run that was given up" in over.err
    assert [run["state"] for run in oneplan("runs", "--database", planned, "--json").data["runs"]] == ["abandoned"]
    assert oneplan("apply", "plan.yaml", "--database", planned, "--abandon", "--yes").code == 4
