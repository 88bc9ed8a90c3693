"""A tampered row shows, wherever it was changed; an exported copy shows a log cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.approvals import Action, Ledger
from knowledge.audit import audit, export_lines, read_export
from knowledge.store import Store
from tools.errors import SourceError

DROP = Action(
    "apply_step", "drop it", {"target": "sqlite:///x"}, ("DROP TABLE t",), base="b", hazards=("DELETES_DATA",)
)


@pytest.fixture
def used(store: Store) -> Store:
    """One action done, one rejected, one approved and not used, one pending."""
    ledger = Ledger(store)
    done = ledger.propose(DROP, actor="ann")
    (approval,) = ledger.approve(done.id, approver="boss", via="cli")
    claim = ledger.claim(approval.id, DROP, actor="ann", run="r1")
    ledger.record(claim, "done", "3 rows")
    for number, action in enumerate((Action("write_file", "a"), Action("write_file", "b", {"x": 1}))):
        proposal = ledger.propose(action, actor="ann", thread=str(number))
        (ledger.reject(proposal.id, approver="boss") if number else
         ledger.approve(proposal.id, approver="boss", via="repl"))  # fmt: skip
    ledger.propose(Action("ingest", "c"), actor="ann")
    return store


def test_a_store_in_order_says_so(used: Store) -> None:
    found = audit(used)
    assert found.ok, found.findings
    assert (found.proposals, found.approvals) == (4, 2)
    assert found.head
    assert audit(Store(used.path.with_name("new.duckdb"))).ok


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("UPDATE event SET data = replace(data, 'DROP TABLE t', 'SELECT 1') WHERE seq = 1", "event 1 was changed"),
        ("DELETE FROM event WHERE seq = 3", "event 3 is missing"),
        ("UPDATE proposal SET action = replace(action, 'DROP TABLE t', 'DROP TABLE u')", "proposal .* was changed"),
        ("UPDATE proposal SET actor = 'eve' WHERE thread = ''", "proposal .* was changed"),
        ("UPDATE proposal SET expires = expires + INTERVAL 1 YEAR", "proposal .* was changed"),
        ("UPDATE proposal SET status = 'approved' WHERE status = 'rejected'", "is approved in the ledger"),
        ("UPDATE proposal SET decided_by = 'eve' WHERE status <> 'pending'", "of its answer"),
        ("UPDATE proposal SET via = 'repl' WHERE status = 'approved'", "of its answer"),
        ("UPDATE proposal SET reason = 'too late' WHERE status = 'rejected'", "of its answer"),
        ("UPDATE proposal SET action = json_merge_patch(action, '{\"summary\": \"tidy up\"}')", "proposal .* changed"),
        ("UPDATE approval SET detail = 'all went well' WHERE outcome = 'done'", "does not say of its use"),
        ("UPDATE approval SET digest = repeat('0', 64)", "opens an action that"),
        ("UPDATE approval SET expires = expires + INTERVAL 1 YEAR", "approval .* was changed"),
        ("UPDATE approval SET approver = 'eve'", "approval .* was changed"),
        ("UPDATE approval SET actor = 'eve'", "approval .* was changed"),
        ("UPDATE approval SET thread = 'x'", "approval .* was changed"),
        ("UPDATE approval SET claimed = NULL, run = NULL, outcome = NULL", "does not say of its use"),
        ("UPDATE approval SET outcome = 'failed' WHERE outcome = 'done'", "does not say of its use"),
        ("DELETE FROM approval WHERE outcome = 'done'", "approval .* is missing"),
        ("DELETE FROM proposal WHERE status = 'pending'", "proposal .* is missing"),
        ("INSERT INTO approval (id, proposal_id, digest, actor, thread, approver, via, moment, expires) SELECT "
         "'00000000', proposal_id, digest, actor, thread, approver, via, moment, expires FROM approval LIMIT 1",
         "approval 00000000 is in the ledger and in no event"),
    ],
)  # fmt: skip
def test_damage_shows(used: Store, damage: str, sentence: str) -> None:
    with used.open() as connection:
        connection.execute(damage)
    found = audit(used)
    assert not found.ok
    assert any(_matches(sentence, finding) for finding in found.findings), found.findings


def test_a_log_cut_short_or_written_anew_shows_against_a_copy(used: Store, tmp_path: Path) -> None:
    copy = tmp_path / "log.jsonl"
    copy.write_text("".join(f"{line}\n" for line in export_lines(used)), encoding="utf-8")
    assert audit(used, copy).ok
    assert [event.seq for event in read_export(copy)] == list(range(1, 10))
    with used.open() as connection:
        connection.execute("DELETE FROM event WHERE seq = 9")
        connection.execute("DELETE FROM proposal WHERE status = 'pending'")
    assert audit(used).ok, "by itself a log does not show that its end is gone"
    assert "cut off" in audit(used, copy).findings[0]
    other = Store(tmp_path / "other.duckdb")
    Ledger(other).propose(DROP, actor="eve")
    assert "written anew" in audit(other, copy).findings[0]


def test_an_export_that_was_edited_is_no_witness(used: Store, tmp_path: Path) -> None:
    copy = tmp_path / "log.jsonl"
    copy.write_text("".join(f"{line}\n" for line in export_lines(used)).replace('"boss"', '"eve"'), encoding="utf-8")
    with pytest.raises(SourceError, match="was changed"):
        audit(used, copy)
    copy.write_text("{}")
    with pytest.raises(SourceError, match="not a log"):
        audit(used, copy)


def _matches(pattern: str, text: str) -> bool:
    import re

    return re.search(pattern, text) is not None
