"""Proposals answered from the command line."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from assistant.consent import Consent, approval_for, parse_consent
from assistant.session import Workspace
from knowledge.approvals import Action
from tests.commandline import Oneplan
from tools.errors import ApprovalNeeded, UsageError
from tools.plan.model import Hazard

ACTION = Action("write_file", "write plan.yaml", {"path": "plan.yaml"}, base="none")
DANGEROUS = Action("apply_step", "drop it", {"step": "x"}, sql=("DROP TABLE t",), hazards=("DELETES_DATA",))


def test_list_show_approve(oneplan: Oneplan, workspace: Path) -> None:
    here = Workspace()
    proposal = here.ledger.propose(ACTION, actor=here.actor)
    listed = oneplan("approvals", "list", "--json").data["proposals"]
    assert [entry["id"] for entry in listed] == [proposal.id]
    assert set(listed[0]) == {"id", "digest", "kind", "summary", "expires"}
    shown = oneplan("approvals", "show", proposal.id[:6], "--json").data
    assert (shown["digest"], shown["arguments"]) == (ACTION.digest, {"path": "plan.yaml"})
    assert "write plan.yaml" in oneplan("approvals", "show", proposal.id).out
    assert oneplan("approvals", "approve", proposal.id).code == 0
    assert oneplan("approvals", "list", "--json").data["proposals"] == []
    assert here.ledger.find_open(ACTION.digest, here.actor)


def test_reject_keeps_the_reason_and_closes(oneplan: Oneplan, workspace: Path) -> None:
    here = Workspace()
    proposal = here.ledger.propose(ACTION, actor=here.actor)
    assert oneplan("approvals", "reject", proposal.id).code == 64, "a rejection says why"
    assert oneplan("approvals", "reject", proposal.id, "--reason", "not on a Friday").code == 0
    assert oneplan("approvals", "show", proposal.id, "--json").data["reason"] == "not on a Friday"
    assert oneplan("approvals", "approve", proposal.id).code == 4
    assert here.ledger.find_open(ACTION.digest, here.actor) is None


def test_yes_covers_what_it_names_and_no_more(workspace: Path) -> None:
    here = Workspace()
    assert approval_for(here, ACTION, Consent(yes=True))
    with pytest.raises(ApprovalNeeded, match="--allow DELETES_DATA"):
        approval_for(here, DANGEROUS, Consent(yes=True))
    assert approval_for(here, DANGEROUS, parse_consent(True, "deletes_data"))
    with pytest.raises(ApprovalNeeded):
        approval_for(here, Action("write_file", "another", {"path": "b"}), Consent())


def test_hazards_are_named_exactly() -> None:
    assert parse_consent(False, "DELETES_DATA, IRREVERSIBLE").allow == {Hazard.DELETES_DATA, Hazard.IRREVERSIBLE}
    with pytest.raises(UsageError, match="ALL"):
        parse_consent(True, "ALL")


def test_another_terminal_is_shown_what_the_gate_shows(oneplan: Oneplan, workspace: Path) -> None:
    database, want = workspace / "app.db", workspace / "want.sql"
    connection = sqlite3.connect(database)
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)")
    connection.close()
    want.write_text("CREATE TABLE t (id INTEGER PRIMARY KEY, goal TEXT)", encoding="utf-8")
    assert oneplan("plan", database, want, "-o", workspace / "p.yaml").code == 0
    applied = oneplan("apply", workspace / "p.yaml", "--database", database, "--phase", "analyse", "--yes")
    assert applied.code == 0, applied.err
    assert oneplan("apply", workspace / "p.yaml", "--database", database).code == 3
    [phase, *_] = oneplan("approvals", "list", "--json").data["proposals"]

    told = oneplan("approvals", "show", phase["id"]).out
    assert "step 2 of" in told
    assert "touches: t: write lock on the database keeps all other writers out (about 3 rows" in told
    assert "rehearsed: forward and back" in told
    assert 'undo:\n    ALTER TABLE "t" DROP COLUMN "goal";' in told
    data = oneplan("approvals", "show", phase["id"], "--json").data
    assert (data["phase"], data["undo"]) == ("expand", ['ALTER TABLE "t" DROP COLUMN "goal"'])
    assert data["rehearsal"]["undone"] is not None
    assert data["touches"][0].startswith("t: write lock")

    database.rename(workspace / "elsewhere.db")
    away = oneplan("approvals", "show", phase["id"])
    assert away.code == 0
    assert "how large the tables are is not known here" in away.out
    assert 'DROP COLUMN "goal"' in away.out
