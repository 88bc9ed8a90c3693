from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.tasks.dependencies import needed
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.model import Board
from tools.tasks.ready import cycles
from tools.tasks.update import add, set_field


def section(key: int, count: int) -> list[str]:
    return [f"{key}.{number}" for number in range(1, count + 1)]


SEED: dict[str, list[str]] = {
    "1.1": [],
    "1.2": ["1.1"],
    "1.3": ["1.2"],
    "1.4": ["1.3"],
    "1.5": ["1.4"],
    "1.6": section(1, 5),
    "2.1": section(1, 6),
    "2.2": ["2.1"],
    "2.3": ["2.1"],
    "2.4": ["2.1"],
    "2.5": ["2.1"],
    "2.6": ["2.5"],
    "2.7": ["2.6", "2.5"],
    "2.8": ["2.5", "2.6"],
    "2.9": section(2, 8),
    "3.1": section(2, 9),
    "3.2": ["3.1"],
    "3.3": ["3.1"],
    "3.4": ["3.1"],
    "4.1": ["2.5", "2.6"],
    "4.2": ["2.5", "2.6"],
    "4.3": section(3, 4),
    "4.4": ["4.1"],
    "5.1": section(3, 4) + section(4, 4),
    "5.2": ["5.1"],
    "5.3": ["5.1"],
    "6.1": section(1, 6) + section(2, 9) + section(3, 4) + section(4, 4) + section(5, 3),
    "6.2": ["6.1"],
    "6.3": ["6.1"],
    "6.4": ["6.1"],
}


def test_every_dependency_of_the_seed_is_understood(seeds: Path) -> None:
    board = read_board(seeds / "task-board.md")
    assert {task.id: list(needed(board, task)) for task in board} == SEED
    assert {task.id: task.unknown for task in board if task.unknown} == {"2.7": ("analytics schema",)}
    assert [task for task in board if task.unclear] == []
    assert cycles(board) == ()


def test_each_says_how_it_was_understood(seeds: Path) -> None:
    board = read_board(seeds / "task-board.md")
    how = {
        id_: [need.how for need in board.task(id_).needs] for id_ in ("1.2", "1.6", "2.1", "2.2", "2.6", "5.1", "6.1")
    }
    assert how == {
        "1.2": ["task 1.1, by the beginning of its name"],
        "1.6": ["all rows above in section 1"],
        "2.1": ["section 1, by its name"],
        "2.2": ["task 2.1, which leads its own section"],
        "2.6": ["task 2.5, by words of its name"],
        "5.1": ["section 3, by its name", "section 4, by a part of its name"],
        "6.1": ["all sections above"],
    }


def board(depends: str) -> Board:
    """A board with a last task, 2.4, that depends on `depends`."""
    return board_from_markdown(
        "### 1. Set up, tear down\n| Task | Depends on |\n|---|---|\n"
        "| Update the backend, then wait | |\n| Update the API | |\n| Update the docs | |\n\n"
        "### 2. Build & Ship\n| Task | Depends on |\n|---|---|\n"
        "| Compile | |\n| Test the API | |\n| Update the docs | |\n" + f"| Release | {depends} |\n"
    )


@pytest.mark.parametrize(
    ("depends", "ids"),
    [
        ("", []),
        ("-", []),
        ("None", []),
        ("Update the backend, then wait", ["1.1"]),
        ("update THE backend", ["1.1"]),
        ("`Compile`, **Test the API**", ["2.1", "2.2"]),
        ("Compile and Test the API", ["2.1", "2.2"]),
        ("Compile; 1.2<br>#1.3", ["2.1", "1.2", "1.3"]),
        ("Update the docs", ["2.3"]),
        ("Section 1", ["1.1", "1.2", "1.3"]),
        ("1. Set up, tear down", ["1.1", "1.2", "1.3"]),
        ("tear down", ["1.1", "1.2", "1.3"]),
        ("Ship", ["2.1"]),
        ("Everything above", ["2.1", "2.2", "2.3"]),
        ("backends", ["1.1"]),
        ("docs/API updating", ["1.2", "1.3", "2.3"]),
    ],
)
def test_ways_to_name_a_task(depends: str, ids: list[str]) -> None:
    made = board(depends)
    understood = list(needed(made, made.task("2.4")))
    candidates = [id_ for _, found in made.task("2.4").unclear for id_ in found]
    assert sorted(understood + candidates) == sorted(ids)
    assert made.task("2.4").unknown == ()


def test_what_may_mean_several_is_a_question() -> None:
    made = board("Update").task("2.4")
    assert made.unclear == (("Update", ("1.1", "1.2", "1.3", "2.3")),)
    assert made.needs == ()


def test_what_names_nothing_is_kept_and_listed() -> None:
    made = board("Compile, the moon, Release").task("2.4")
    assert made.unknown == ("the moon", "Release")
    assert [need.target for need in made.needs] == ["2.1"]
    assert made.depends == "Compile, the moon, Release"


def test_the_first_row_of_all_has_nothing_above() -> None:
    made = board_from_markdown("| Task | Depends on |\n|---|---|\n| A | All above |\n| B | All above |\n")
    assert [list(needed(made, task)) for task in made] == [[], ["1.1"]]
    assert made.task("1.1").needs[0].how == "nothing: it is the first row of all"


def test_a_new_task_of_a_section_is_waited_for_too() -> None:
    grown, _ = add(board("Section 1"), "1", "Late arrival")
    assert needed(grown, grown.task("2.4")) == ("1.1", "1.2", "1.3", "1.4")


def test_a_cycle_in_a_file_is_reported_with_its_path() -> None:
    made = board_from_markdown("| Task | Depends on |\n|---|---|\n| A | C |\n| B | A |\n| C | B |\n| D | C |\n", "b.md")
    assert made.problems == ("b.md:3: tasks wait for each other in a circle: 1.1 → 1.3 → 1.2 → 1.1",)


def test_a_cycle_through_a_section_is_found() -> None:
    made = board_from_markdown(
        "### 1. One\n| Task | Depends on |\n|---|---|\n| A | Two |\n| B | |\n\n"
        "### 2. Two\n| Task | Depends on |\n|---|---|\n| C | |\n| D | One |\n"
    )
    assert cycles(made) == (("1.1", "2.2", "1.1"),)


def test_a_cycle_is_refused_when_it_is_written() -> None:
    made = board("Compile")
    with pytest.raises(UsageError, match=r"in a circle: 2\.1 → 2\.4 → 2\.1"):
        set_field(made, "2.1", "depends", "Release")
    looped = board_from_markdown("| Task | Depends on |\n|---|---|\n| A | B |\n| B | A |\n| C | |\n")
    changed, _ = set_field(looped, "1.3", "depends", "A")
    assert needed(changed, changed.task("1.3")) == ("1.1",)


NAMES = ["Compile", "test", "docs", "API", "Update the", "all above", "section 2", "2.4", "2.1", "Ship", "tear down"]
JOINS = [", ", "/", " and ", " & ", ";", " ", "<br>", "//", "|"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(NAMES) | st.text(max_size=4), max_size=5), st.sampled_from(JOINS))
def test_no_text_fails_and_none_makes_a_task_wait_for_itself(names: list[str], join: str) -> None:
    depends = " ".join(join.join(names).replace("|", "\\|").split())
    made = board(depends.replace("\0", ""))
    for task in made:
        assert task.id not in needed(made, task)
        for _, candidates in task.unclear:
            assert candidates
