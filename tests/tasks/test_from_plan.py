from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.approvals import Action, Ledger
from knowledge.store import Store
from tools.errors import ApprovalRefused
from tools.plan.build import build_plan
from tools.plan.model import Hazard, Phase, Plan, Step
from tools.schema.model import Answers
from tools.schema.source import read_schema
from tools.tasks.boards import Boards, import_change
from tools.tasks.dependencies import needed
from tools.tasks.export import board_to_markdown
from tools.tasks.from_plan import board_from_plan, progress, unproven
from tools.tasks.markdown import board_from_markdown
from tools.tasks.ready import blocked, ready
from tools.tasks.serial import board_from_json, board_to_json
from tools.tasks.update import set_status, several

PLAN = Plan(
    "sqlite", "o", "t",
    (
        Step("expand.agents.add_column", Phase.EXPAND, "add_column", 'Add "agents"."goal", nullable'),
        Step("expand.mapping.create", Phase.EXPAND, "create_table", "Create agent_industry_mapping"),
        Step(
            "expand.mapping.index", Phase.EXPAND, "create_index", "Index agent_industry_mapping",
            depends_on=("expand.mapping.create",),
        ),
        Step("migrate.agents.goal", Phase.MIGRATE, "backfill", "Fill agents.goal", writes_data=True,
             depends_on=("expand.agents.add_column",)),
        Step("contract.agents.drop", Phase.CONTRACT, "drop_column", "Drop agents.old",
             hazards=(Hazard.DELETES_DATA, Hazard.BREAKS_OLD_CODE)),
    ),
)  # fmt: skip


def test_a_board_follows_the_phases_and_the_steps() -> None:
    board = board_from_plan(PLAN)
    assert [(s.key, s.title) for s in board.sections] == [
        ("1", "Expand the schema"),
        ("2", "Migrate the data"),
        ("3", "Contract the schema"),
    ]
    assert {task.id: (task.step_id, needed(board, task), task.priority) for task in board} == {
        "1.1": ("expand.agents.add_column", (), "Medium"),
        "1.2": ("expand.mapping.create", (), "Medium"),
        "1.3": ("expand.mapping.index", ("1.2",), "Medium"),
        "2.1": ("migrate.agents.goal", ("1.1", "1.2", "1.3"), "High"),
        "3.1": ("contract.agents.drop", ("2.1",), "High"),
    }
    assert [task.unknown + task.unclear for task in board] == [()] * 5
    assert [item.task.id for item in ready(board)] == ["1.2", "1.1"]
    assert [item.text for item in board.checklist][1:] == [
        "Old rows have their new values",
        "Old columns and tables removed after validation",
    ]


def test_it_goes_through_markdown_and_json_and_keeps_its_steps() -> None:
    board = board_from_plan(PLAN)
    assert board_from_json(board_to_json(board)) == board
    again = board_from_markdown(board_to_markdown(board).text)
    assert list(again)[0].line > 0
    assert (again.sections, again.checklist, again.problems) == (board.sections, board.checklist, ())


def test_tasks_follow_the_run() -> None:
    board = board_from_plan(PLAN)
    states = {"expand.agents.add_column": "done", "expand.mapping.create": "paused", "migrate.agents.goal": "pending"}
    changes = progress(board, {**states, "unknown.step": "done", "expand.mapping.index": "odd word"})
    assert [(change["task"], change["to"]) for change in changes] == [("1.1", "done"), ("1.2", "doing")]
    board, _ = several(board, changes)
    assert progress(board, states) == ()
    assert [item.task.id for item in blocked(board)] == ["1.3", "2.1", "3.1"]
    assert [change["to"] for change in progress(board, {"expand.agents.add_column": "undone"})] == ["todo"]
    board, _ = set_status(board, "1.1", "cancelled")
    assert progress(board, {"expand.agents.add_column": "done"}) == ()


def test_a_board_follows_only_a_run_that_has_claimed_an_approval(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.duckdb")
    ledger = Ledger(store)
    boards = Boards(store, ledger)
    boards.consented(import_change(board_from_plan(PLAN)), actor="bot", approver="ann", via="flag")
    for run in ("r1", ""):
        with pytest.raises(ApprovalRefused, match="has claimed no approval"):
            boards.follow({"expand.agents.add_column": "done"}, actor="bot", run=run)
    step = Action("apply_step", "Add the column", {"step": "expand.agents.add_column"})
    given = ledger.approve(ledger.propose(step, actor="bot").id, approver="ann", via="cli")[0].id
    with ledger.claimed(given, step, actor="bot", run="r1"):
        pass
    proposal = boards.follow({"expand.agents.add_column": "done"}, actor="bot", run="r1")
    assert proposal
    assert proposal.action.summary == "Board: 1.1: status todo → done"
    assert boards.load().task("1.1").status == "todo", "proposed, not done"
    later = boards.follow({"expand.agents.add_column": "done", "expand.mapping.create": "done"}, actor="bot", run="r1")
    assert later
    assert [one.id for one in ledger.pending()] == [later.id], "the older proposal is overtaken"
    following = boards.following()
    assert following
    approved = ledger.approve(later.id, approver="ann", via="cli")[0].id
    assert boards.execute(following, approved, actor="bot").task("1.2").status == "done"
    assert boards.following() is None
    states = {"expand.agents.add_column": "undone", "expand.mapping.create": "done"}
    undone = boards.follow(states, actor="bot", run="r1")
    assert undone
    assert undone.action.summary == "Board: 1.1: status done → todo"
    assert [event.data["run"] for event in boards.history(task_id="1.1")] == ["r1"]


def test_a_task_of_several_steps_is_done_with_the_last_and_rows_must_be_proven_first() -> None:
    board = board_from_markdown("| Task | Status | Step |\n|---|---|---|\n| A | [ ] | a, b |\n| C | [ ] | c |\n")
    assert [c["to"] for c in progress(board, {"a": "done", "b": "pending"})] == ["doing"]
    assert [c["to"] for c in progress(board, {"a": "done", "b": "done"})] == ["done"]
    steps = (Step("c", Phase.MIGRATE, "backfill", "", writes_data=True), Step("p", Phase.MONITOR, "proof", ""))
    states = {"c": "done", "p": "pending"}
    assert [c["to"] for c in progress(board, states, unproven(steps, states))] == ["doing"]
    proven = states | {"p": "done"}
    assert [c["to"] for c in progress(board, proven, unproven(steps, proven))] == ["done"]


def test_a_plan_of_the_planner_becomes_a_board_without_open_questions(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT, old TEXT);")
    (tmp_path / "b.sql").write_text(
        "CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT);"
        "CREATE TABLE maps (id INTEGER PRIMARY KEY, agent INTEGER REFERENCES agents (id));"
    )
    current, desired = (read_schema(str(tmp_path / name), dialect="sqlite") for name in ("a.sql", "b.sql"))
    plan = build_plan(current, desired, Answers(none=True))
    board = board_from_plan(plan)
    assert [task.step_id for task in board] == [step.id for _, steps in plan.phases() for step in steps]
    assert [task.id for task in board if task.unknown or task.unclear] == []
    again = board_from_markdown(board_to_markdown(board).text)
    assert (again.sections, again.problems) == (board.sections, ())
    while waiting := ready(board):
        board, _ = set_status(board, waiting[0].task.id, "done")
    assert blocked(board) == ()
