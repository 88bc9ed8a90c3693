from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.plan.model import Plan
from tools.tasks.export import board_to_markdown
from tools.tasks.from_plan import board_from_plan
from tools.tasks.markdown import board_from_markdown
from tools.tasks.merge import merge, merged
from tools.tasks.model import Board
from tools.tasks.update import add, assign, move, set_field, set_status, split

TEXT = """### 1. One
| Task | Owner | Status |
|---|---|---|
| A |  | [ ] |
| B |  | [ ] |

### 2. Two
| Task | Owner | Status |
|---|---|---|
| C |  | [ ] |

- [ ] All done
"""


@pytest.fixture
def mine() -> Board:
    board = board_from_markdown(TEXT)
    board, _ = set_field(board, "1.2", "description", "B, renamed")
    board, _ = assign(board, "1.2", "Ann")
    board, _ = add(board, "Two", "D", owner="Eve")
    board, _ = set_status(board, "2.2", "doing")
    board, _ = add(board, "Three", "E", new_section=True)
    board, _ = set_status(board, "c1", "done")
    return board


def facts(board: Board) -> list[tuple[str, str, str]]:
    return [(task.description, task.owner, task.status) for task in board]


MINE = [("A", "", "todo"), ("B, renamed", "Ann", "todo"), ("C", "", "todo"), ("D", "Eve", "doing"), ("E", "", "todo")]


def test_an_unchanged_file_gives_the_board_as_it_was(mine: Board) -> None:
    board, changes = merged(mine, board_from_markdown(TEXT))
    assert facts(board) == MINE
    assert board.checklist[0].status == "done"
    assert len(changes) == 5
    assert merged(board, board)[1] == ()


def test_changes_of_both_sides_come_together(mine: Board) -> None:
    edited = TEXT.replace("| A |  | [ ] |", "| Z |  | [x] |\n| A | Bob | [x] |").replace("### 2. Two", "### 5. Two")
    board, _ = merged(mine, board_from_markdown(edited))
    assert facts(board) == [("Z", "", "done"), ("A", "Bob", "done"), *MINE[1:]]
    assert [section.key for section in board.sections] == ["1", "5", "6"]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda text: text.replace("| B |  |", "| B | Bob |"), "the file says 'Bob'"),
        (lambda text: text.replace("| B |  | [ ] |\n", ""), "does not have 'B' any more"),
        (
            lambda text: text.replace("| B |  | [ ] |", "| Q |  | [ ] |\n| B |  | [ ] |\n| B |  | [ ] |"),
            "more than once",
        ),
        (lambda text: text.replace("All done", "Other"), "does not have 'All done' once"),
    ],
)
def test_where_they_contradict_nothing_is_lost_in_silence(
    mine: Board, edit: Callable[[str], str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        merged(mine, board_from_markdown(edit(TEXT)))


def test_of_two_tasks_with_one_name_the_one_in_its_old_place_is_meant(mine: Board) -> None:
    board, _ = merged(mine, board_from_markdown(TEXT.replace("| C |", "| B |")))
    assert facts(board)[1:3] == [("B, renamed", "Ann", "todo"), ("B", "", "todo")]


def test_a_board_that_was_never_in_a_file_is_not_replaced_unasked() -> None:
    with pytest.raises(UsageError, match="never in a file"):
        merged(board_from_plan(Plan("sqlite", "o", "t")), board_from_markdown(TEXT))


def test_conflicts_are_questions_that_are_answered_one_by_one(mine: Board) -> None:
    edited = board_from_markdown(TEXT.replace("| B |  | [ ] |", "| B | Bob | [ ] |").replace("- [ ] All", "- [/] All"))
    result = merge(mine, edited)
    assert [(one.key, one.sentence) for one in result.conflicts] == [
        ("1.2.owner", "1.2: owner (none) → Ann (the file says 'Bob')"),
        ("c1", "c1: todo → done (the file says 'doing')"),
    ]
    board, _ = merged(mine, edited, {"1.2.owner": "file", "c1": "board"})
    assert (board.task("1.2").owner, board.checklist[0].status) == ("Bob", "done")
    board, _ = merged(mine, edited, {"*": "board"})
    assert facts(board) == MINE


def test_what_the_file_took_away_goes_unless_it_was_worked_on(mine: Board) -> None:
    board, _ = merged(mine, board_from_markdown(TEXT.replace("| A |  | [ ] |\n", "")))
    assert [task.description for task in board] == ["B, renamed", "C", "D", "E"]
    gone = board_from_markdown(TEXT.replace("| B |  | [ ] |\n", ""))
    assert [one.key for one in merge(mine, gone).conflicts] == ["1.2.gone"]
    assert facts(merged(mine, gone, {"1.2.gone": "board"})[0])[1] == ("B, renamed", "Ann", "todo")
    assert [task.description for task in merged(mine, gone, {"1.2.gone": "file"})[0]] == ["A", "C", "D", "E"]


def test_splits_and_moves_are_carried_with_the_numbers_that_they_name() -> None:
    text = "### 1. One\n| Task | Depends on |\n|---|---|\n| A |  |\n| B | 1.1 |\n| C |  |\n"
    mine, _ = split(board_from_markdown(text), "1.1", ["A1", "A2"])
    mine, _ = move(mine, "1.5", "One", before="1.1")
    edited = text.replace("| A |", "| Z |  |\n| A |").replace("| B | 1.1 |", "| B | 1.2 |")
    board, _ = merged(mine, board_from_markdown(edited))
    assert [(t.id, t.description, t.depends) for t in board] == [
        ("1.1", "Z", ""), ("1.2", "C", ""), ("1.3", "A", "1.4, 1.5"), ("1.4", "A1", ""), ("1.5", "A2", ""),
        ("1.6", "B", "1.3"),
    ]  # fmt: skip
    assert {t.description: t.uid for t in mine}.items() <= {t.description: t.uid for t in board}.items()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_changes_of_two_sides_to_different_cells_are_all_kept(data: st.DataObject) -> None:
    rows = [f"| T{n} |  |  | [ ] |" for n in range(6)]
    head = "| Task | Owner | Priority | Status |\n|---|---|---|---|\n"
    base = board_from_markdown(head + "\n".join(rows) + "\n")
    cell = st.tuples(st.integers(1, 6), st.sampled_from(["owner", "priority"]), st.sampled_from(["x", "y"]))
    ours = {(n, f): v for n, f, v in data.draw(st.lists(cell, max_size=5))}
    theirs = {(n, f): v for n, f, v in data.draw(st.lists(cell, max_size=5))}
    mine, other = base, base
    for (n, f), value in ours.items():
        mine, _ = set_field(mine, f"1.{n}", f, value)
    for (n, f), value in theirs.items():
        other, _ = set_field(other, f"1.{n}", f, value)
    result = merge(mine, board_from_markdown(board_to_markdown(other).text))
    clashes = {f"1.{n}.{f}" for (n, f), value in ours.items() if theirs.get((n, f), value) != value}
    assert {one.key for one in result.conflicts} == clashes
    for n, f in {*ours, *theirs}:
        if f"1.{n}.{f}" not in clashes:
            assert getattr(result.board.task(f"1.{n}"), f) == ours.get((n, f), theirs.get((n, f)))
