"""How fast a backfill goes, as set by flag and file, and what is said meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant import progress
from assistant.settings import BackfillSettings, load_settings
from tests.cli.conftest import build_sqlite
from tests.commandline import Oneplan
from tools.migrate.pace import Pace


def test_settings_and_flag_make_the_pace(workspace: Path) -> None:
    (workspace / "oneplan.toml").write_text("[backfill]\nbatch_ms = 50\nworkers = 3\n")
    chosen = load_settings(workspace).backfill
    assert chosen.pace() == Pace(seconds=0.05, workers=3)
    assert chosen.pace("pause_ms=20, workers=1,rows_per_second=99") == Pace(seconds=0.05, pause=0.02, rate=99)
    assert BackfillSettings().pace() == Pace()


def test_a_pace_that_is_none_is_wrong_usage(oneplan: Oneplan, schemas: object, workspace: Path) -> None:
    database = build_sqlite(workspace / "app.sqlite")
    assert oneplan("plan", database, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    for words in ("speed=9", "workers=0", "batch_ms=soon", "workers"):
        refused = oneplan("apply", "plan.yaml", "--database", database, "--pace", words)
        assert refused.code == 64, words
        assert "the keys are batch_ms" in refused.err
    done = oneplan("apply", "plan.yaml", "--database", database, "--pace", "min_rows=50,max_rows=50", "--yes",
                   "--allow", "DELETES_DATA")  # fmt: skip
    assert done.code == 0, done.err
    steps = oneplan("status", "--database", database, "--json").data["run"]["steps"]
    filled = [step for step in steps if step["total"]]
    assert filled
    assert {(step["done"], step["left"]) for step in filled} == {(400, None)}
    assert all(step["rate"] > 0 for step in filled)


def test_where_there_is_no_terminal_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 1.0, 6.0, 11.0, 12.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = progress.Lines("fill")
    for done in (1_000, 3_000, 6_000, 7_000, 10_000):
        lines(done, 10_000)
    assert capsys.readouterr().err == "fill: 6,000 of 10,000, 500/s, 8 s left\n"
