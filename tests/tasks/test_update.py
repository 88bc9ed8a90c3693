from __future__ import annotations

import json
from typing import Any

import pytest

from tools.errors import UsageError
from tools.tasks.markdown import board_from_markdown
from tools.tasks.model import Board
from tools.tasks.update import add, apply, assign, describe, set_field, set_priority, set_status, several


@pytest.fixture
def board() -> Board:
    return board_from_markdown(
        "### 1. One\n| Task | Owner | Priority | Depends on | Status |\n|---|---|---|---|---|\n"
        "| A | | | | |\n| B | Ann | High | A | |\n\n- [ ] Done with it\n"
    )


def test_each_change_is_plain_data_that_makes_the_same_board_again(board: Board) -> None:
    for changed, change in (
        set_status(board, "1.1", "doing"),
        set_status(board, "c1", "done"),
        assign(board, "#1.2", ""),
        set_priority(board, "1.1", "Low"),
        set_field(board, "1.1", "notes", "a\nb"),
        set_field(board, "1.2", "depends", ""),
        add(board, "one", "C", depends="All above", owner="Bob"),
        add(board, "Two", "D", new_section=True),
        several(board, [set_status(board, "1.1", "done")[1], assign(board, "1.1", "Ann")[1]]),
    ):
        assert changed != board
        assert apply(board, json.loads(json.dumps(change))) == changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"op": "set", "task": "1.1", "field": "status", "from": "todo", "to": "done"}, "1.1: status todo → done"),
        ({"op": "set", "task": "1.1", "field": "owner", "from": "Ann", "to": ""}, "1.1: owner Ann → (none)"),
        ({"op": "check", "item": "c1", "from": "todo", "to": "done"}, "c1: todo → done"),
        ({"op": "add", "section": "1", "task": {"description": "C"}}, "add 'C' to section 1"),
        ({"op": "add", "section": "2", "title": "T", "task": {"description": "C"}}, "add 'C' to new section 'T'"),
    ],
)
def test_a_change_is_said_in_a_few_words(change: dict[str, Any], said: str) -> None:
    assert describe(change) == said
    assert describe({"op": "several", "changes": [change, change]}) == f"{said}; {said}"


def test_new_tasks_are_numbered_on(board: Board) -> None:
    board, _ = add(board, "1", "C")
    board, _ = add(board, "1. One", "D")
    board, change = add(board, "Two", "E", new_section=True)
    assert list(board.by_id) == ["1.1", "1.2", "1.3", "1.4", "2.1"]
    assert change["section"] == "2"
    assert board.section("two").title == "Two"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda b: set_status(b, "9.9", "done"), "no task '9.9'"),
        (lambda b: set_status(b, "1.1", "finished"), "unknown status 'finished': use one of todo, doing"),
        (lambda b: set_field(b, "1.1", "id", "x"), "has no 'id'"),
        (lambda b: set_field(b, "1.1", "description", "  "), "needs a description"),
        (lambda b: add(b, "Nine", "C"), "no section 'Nine'.*there are: 1. One"),
        (lambda b: add(b, "1", ""), "needs a description"),
        (lambda b: add(b, "1", "C", depends="D, A") and set_field(b, "1.1", "depends", "B"), "in a circle"),
    ],
)
def test_what_does_not_fit_is_refused(board: Board, make: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(board)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"op": "drop"},
        {"op": "set", "task": "1.1"},
        {"op": "set", "task": "1.1", "field": "line", "from": 4, "to": "5"},
        {"op": "set", "task": "1.1", "field": "owner", "from": "", "to": "a\nb"},
        {"op": "set", "task": "1.1", "field": "owner", "from": "", "to": 5},
        {"op": "set", "task": "1.1", "field": "owner", "from": "Bob", "to": "Ann"},
        {"op": "set", "task": "1.1", "field": "status", "from": "todo", "to": "finished"},
        {"op": "set", "task": 1, "field": "status", "from": "todo", "to": "done"},
        {"op": "check", "item": "c9", "from": "todo", "to": "done"},
        {"op": "add", "section": "7", "task": {"description": "C"}},
        {"op": "add", "section": "1", "task": {"description": "C"}},
        {"op": "add", "section": "1", "title": "One", "task": {}},
        {"op": "several", "changes": 5},
    ],
)
def test_a_change_made_by_hand_into_nonsense_is_refused(board: Board, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        apply(board, change)
