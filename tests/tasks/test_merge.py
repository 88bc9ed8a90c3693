from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.errors import UsageError
from tools.plan.model import Plan
from tools.tasks.from_plan import board_from_plan
from tools.tasks.markdown import board_from_markdown
from tools.tasks.merge import merged
from tools.tasks.model import Board
from tools.tasks.update import add, assign, set_field, set_status

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
