"""audit verify and export, backups prune, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from assistant.session import Workspace
from tests.cli.conftest import build_sqlite
from tests.commandline import Oneplan

DATABASE = "sqlite:///app.sqlite"


def migrated(oneplan: Oneplan, workspace: Path) -> None:
    build_sqlite(workspace / "app.sqlite")
    assert oneplan("plan", DATABASE, "desired.sql", "-o", "plan.yaml", "--renames", "answers.yaml").code == 0
    assert oneplan("apply", "plan.yaml", "--database", DATABASE, "--yes", "--allow", "DELETES_DATA").code == 0


def test_the_log_tells_who_approved_which_statement_and_how_it_ended(
    oneplan: Oneplan, schemas: object, workspace: Path
) -> None:
    migrated(oneplan, workspace)
    told = oneplan("audit", "verify", "--json")
    assert (told.code, told.data["ok"]) == (0, True), told.data
    assert oneplan("audit", "export", "-o", "log.jsonl").code == 0
    events = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    assert events == oneplan("audit", "export", "--json").data["events"]
    by_kind = {kind: [e for e in events if e["kind"] == kind] for kind in {e["kind"] for e in events}}
    assert any("UPDATE" in sql for event in by_kind["proposal.made"] for sql in event["data"]["sql"])
    assert {event["data"]["via"] for event in by_kind["proposal.approved"]} == {"flag"}
    assert any(event["data"]["detail"].startswith("400 rows in") for event in by_kind["approval.recorded"])
    assert oneplan("audit", "export", "-o", "log.jsonl").code == 64, "overwriting takes --yes"
    with Workspace().store.open() as connection:
        connection.execute("UPDATE approval SET approver = 'eve' WHERE outcome = 'done'")
    found = oneplan("audit", "verify", "--against", "log.jsonl")
    assert found.code == 2
    assert "was changed after event" in found.out


def test_backups_of_old_runs_are_pruned_by_consent_and_the_latest_stay(
    oneplan: Oneplan, schemas: object, workspace: Path
) -> None:
    migrated(oneplan, workspace)
    assert oneplan("rollback", "--database", DATABASE, "--yes").code == 0
    assert oneplan("backups", "prune", "--dry-run", "--keep", "1", "--json").data["backups"] == []
    assert oneplan("apply", "plan.yaml", "--database", DATABASE, "--yes", "--allow", "DELETES_DATA").code == 0
    before = oneplan("backups", "list", "--json").data["backups"]
    old = [b["id"] for b in before if b["run"] == before[0]["run"]]
    assert 0 < len(old) < len(before)
    asked = oneplan("backups", "prune", "--keep", "1", "--yes")
    assert asked.code == 3
    assert "IRREVERSIBLE" in asked.err
    assert oneplan("backups", "prune", "--keep", "0").code == 64
    assert oneplan("backups", "prune", "--keep", "1", "--older-than", "1", "--json").data["backups"] == []
    done = oneplan("backups", "prune", "--keep", "1", "--yes", "--allow", "IRREVERSIBLE", "--json")
    assert [b["id"] for b in done.data["backups"]] == old
    assert not Path(before[0]["folder"]).exists()
    left = oneplan("backups", "list", "--json").data["backups"]
    assert [b["id"] for b in left] == [b["id"] for b in before if b["id"] not in old]
    assert oneplan("rollback", "--database", DATABASE, "--yes").code == 0
    assert oneplan("audit", "verify").code == 0
