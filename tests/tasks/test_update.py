from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.tasks.dependencies import needed
from tools.tasks.export import board_to_markdown
from tools.tasks.markdown import board_from_markdown
from tools.tasks.model import Board
from tools.tasks.operations import apply, inverse
from tools.tasks.update import (
    Change,
    add,
    assign,
    bulk,
    describe,
    move,
    set_field,
    set_priority,
    set_status,
    several,
    split,
)  # fmt: skip


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


def test_a_split_task_waits_for_its_parts(board: Board) -> None:
    board, _ = set_field(board, "1.1", "depends", "")
    board, change = split(board, "1.1", ["A, first half", "A, second half"])
    assert [(t.id, t.description, t.depends) for t in board] == [
        ("1.1", "A", "1.2, 1.3"), ("1.2", "A, first half", ""), ("1.3", "A, second half", ""), ("1.4", "B", "A"),
    ]  # fmt: skip
    assert describe(change) == "split 1.1 into 'A, first half', 'A, second half'"
    assert board_to_markdown(board).text.splitlines()[3:7] == [
        "| A | | | 1.2, 1.3 | |",
        "| A, first half |   |   |   | [ ] |",
        "| A, second half |   |   |   | [ ] |",
        "| B | Ann | High | A | |",
    ]
    with pytest.raises(UsageError, match="two parts or more"):
        split(board, "1.4", ["one"])


def test_a_moved_task_keeps_what_it_is_and_who_names_it_by_number() -> None:
    text = (
        "### 1. One\n| Task | Depends on | Status |\n|---|---|---|\n"
        "| A |  | [ ] |\n| B | 1.3 | [/] |\n| C |  | [ ] |\n\n"
        "### 2. Two\n| Task | Depends on | Status |\n|---|---|---|\n| D | 1.3 | [ ] |\n"
    )
    board = board_from_markdown(text)
    uid = board.task("1.1").uid
    moved, change = move(board, "1.1", "Two", before="2.1")
    assert [(t.id, t.description, t.depends) for t in moved] == [
        ("1.1", "B", "1.2"), ("1.2", "C", ""), ("2.1", "A", ""), ("2.2", "D", "1.2"),
    ]  # fmt: skip
    assert moved.task(uid).id == "2.1"
    out = board_to_markdown(moved).text
    assert out == text.replace("| A |  | [ ] |\n", "").replace("1.3", "1.2").replace(
        "| D |", "| A |  | [ ] |\n| D |"
    )  # fmt: skip
    assert describe(change, board) == "move 1.1 from section 1 to section 2, before 2.1"
    back = apply(moved, inverse(board, change))
    assert board_to_markdown(back).text == text
    with pytest.raises(UsageError, match="no task of section 2 that 1.1 could stand before"):
        move(board, "1.1", "Two", before="1.2")


def test_parts_go_where_their_whole_goes() -> None:
    text = "## Here\n- [ ] A\n  - [ ] A1\n    more of it\n- [ ] B\n\n## There\n* [ ] C\n"
    board = board_from_markdown(text)
    moved, _ = move(board, "1.1", "There")
    assert [(t.id, t.description, t.parent) for t in moved] == [
        ("1.1", "B", ""), ("2.1", "C", ""), ("2.2", "A", ""), ("2.3", "A1", "2.2"),
    ]  # fmt: skip
    assert board_to_markdown(moved).text == (
        "## Here\n- [ ] B\n\n## There\n* [ ] C\n* [ ] A\n  * [ ] A1\n    more of it\n"
    )
    nested, _ = split(board, "1.3", ["B1", "B2"])
    assert board_to_markdown(nested).text == text.replace("- [ ] B\n", "- [ ] B\n  - [ ] B1\n  - [ ] B2\n")
    assert needed(nested, nested.task("1.3")) == ("1.4", "1.5")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_change_can_be_taken_back(data: st.DataObject) -> None:
    rows = "".join(f"| T{n} | | | {'1.1' if n in (3, 5) else ''} | |\n" for n in range(1, 6))
    head = "| Task | Owner | Priority | Depends on | Status |\n|---|---|---|---|---|\n"
    board = board_from_markdown(f"### 1. One\n{head}{rows}\n### 2. Two\n{head}| U | | | | |\n\n- [ ] All\n")
    start = board_to_markdown(board).text
    taken_back: list[Change] = []
    for _ in range(data.draw(st.integers(1, 5))):
        id_ = data.draw(st.sampled_from(list(board.by_id)))
        what = data.draw(st.sampled_from(["status", "owner", "add", "split", "move", "check", "bulk", "new"]))
        try:
            after, change = {
                "status": lambda i=id_, b=board: set_status(b, i, "done"),
                "owner": lambda i=id_, b=board: assign(b, i, "Ann"),
                "add": lambda b=board: add(b, "1", f"N{len(list(b))}"),
                "new": lambda b=board: add(b, f"S{len(list(b))}", "N", new_section=True),
                "split": lambda i=id_, b=board: split(b, i, [f"P{len(list(b))}", f"Q{len(list(b))}"]),
                "move": lambda i=id_, b=board: move(b, i, data.draw(st.sampled_from(["1", "2"]))),
                "check": lambda b=board: set_status(b, "c1", "done"),
                "bulk": lambda b=board: bulk(b, list(b), {"owner": "Bo", "status": "doing"}),
            }[what]()
        except UsageError:
            continue
        taken_back.insert(0, inverse(board, change))
        board = after
        again = board_from_markdown(board_to_markdown(board).text)
        assert [(t.id, t.description, t.status, t.depends) for t in again] == [
            (t.id, t.description, t.status, t.depends) for t in board
        ]
    for change in taken_back:
        board = apply(board, change)
    assert board_to_markdown(board).text == start
