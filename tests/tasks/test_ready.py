from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tools.tasks.dependencies import resolved
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.model import Board, Section, Task
from tools.tasks.ready import Graph, blocked, blocking, cycles, rank, ready
from tools.tasks.serial import tasks_to_json
from tools.tasks.update import set_status


def done(board: Board, *ids: str, status: str = "done") -> Board:
    for id_ in ids:
        board, _ = set_status(board, id_, status)
    return board


def ready_ids(board: Board) -> list[str]:
    return [item.task.id for item in ready(board)]


def test_the_seed_begins_with_its_review(seeds: Path) -> None:
    board = read_board(seeds / "task-board.md")
    assert [(item.task.id, item.unblocks) for item in ready(board)] == [("1.1", 29)]
    waiting = {item.task.id: item for item in blocked(board)}
    assert len(waiting) == 29
    assert [task.id for task in waiting["6.4"].chain] == ["6.1", "1.1"]
    assert [task.id for task in waiting["2.6"].chain] == ["2.5", "2.1", "1.1"]
    assert [task.id for task in waiting["2.7"].by] == ["2.6", "2.5"]
    assert not waiting["6.4"].in_cycle


def test_work_on_the_seed_moves_on(seeds: Path) -> None:
    board = done(read_board(seeds / "task-board.md"), *(f"1.{n}" for n in range(1, 7)))
    assert ready_ids(board) == ["2.1"]
    board = done(board, "2.1")
    assert ready_ids(board) == ["2.5", "2.2", "2.4", "2.3"]
    board = done(board, "2.5", status="doing")
    assert ready_ids(board) == ["2.2", "2.4", "2.3"]
    assert blocking(board, board.task("2.6")) == ("2.5",)


def table(*rows: str) -> Board:
    return board_from_markdown("| Task | Priority | Depends on | Status |\n|---|---|---|---|\n" + "\n".join(rows))


def test_ready_goes_by_priority_then_by_how_much_it_unblocks_then_by_place() -> None:
    board = table(
        "| A | Low | | [ ] |", "| B | High | | [ ] |", "| C | high | | [ ] |", "| D | | | [ ] |",
        "| E | P0 | | [ ] |", "| F | Medium | | [ ] |", "| G | High | C | [ ] |", "| H | Low | G, A | [ ] |",
        "| I | Critical | | [/] |",
    )  # fmt: skip
    assert [(item.task.description, item.unblocks) for item in ready(board)] == [
        ("E", 0), ("C", 2), ("B", 0), ("F", 0), ("D", 0), ("A", 1),
    ]  # fmt: skip
    assert rank("unheard of") == rank("")


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_a_finished_or_cancelled_dependency_blocks_nobody(status: str) -> None:
    board = done(table("| A | | | |", "| B | | A | |", "| C | | B | |"), "1.2", status=status)
    assert ready_ids(board) == ["1.1", "1.3"]
    assert blocked(board) == ()


def test_what_is_unknown_or_unclear_blocks_nobody_but_shows() -> None:
    board = table("| Task one | | | |", "| Task two | | | |", "| C | | the moon, Task | |")
    assert ready_ids(board) == ["1.1", "1.2", "1.3"]
    shown = tasks_to_json(board, [board.task("1.3")])[0]
    assert shown["unknown"] == ["the moon"]
    assert shown["unclear"] == [{"text": "Task", "candidates": ["1.1", "1.2"]}]


def test_tasks_in_a_cycle_are_blocked_and_the_chain_goes_round_it() -> None:
    board = table("| A | | B | |", "| B | | A | |", "| C | | B | |", "| D | | | |")
    assert ready_ids(board) == ["1.4"]
    items = {item.task.id: item for item in blocked(board)}
    assert list(items) == ["1.1", "1.2", "1.3"]
    assert [task.id for task in items["1.3"].chain] == ["1.2", "1.1"]
    assert all(item.in_cycle for item in items.values())
    assert ready_ids(done(board, "1.1", status="cancelled")) == ["1.2", "1.4"]


def test_a_section_that_is_finished_blocks_nobody_even_on_a_cycle() -> None:
    board = board_from_markdown(
        "### 1. One\n| Task | Depends on | Status |\n|---|---|---|\n| A | Two | [x] |\n\n"
        "### 2. Two\n| Task | Depends on | Status |\n|---|---|---|\n| B | One | [x] |\n\n"
        "### 3. Three\n| Task | Depends on | Status |\n|---|---|---|\n| C | One, Two | [ ] |\n"
    )
    assert cycles(board) == (("1.1", "2.1", "1.1"),)
    assert ready_ids(board) == ["3.1"]


def test_json_is_in_the_form_of_the_command_line() -> None:
    board = done(table("| A | High | | |", "| B | | A | |", "| C | | All above | |"), "1.1")
    assert tasks_to_json(board, [board.task("1.3")]) == [
        {
            "id": "1.3", "uid": board.task("1.3").uid,
            "section": "Tasks", "description": "C", "owner": "", "priority": "", "status": "todo",
            "dependencies": ["1.1", "1.2"], "blocked_by": ["1.2"], "depends_on": "All above", "unclear": [],
            "unknown": [], "notes": "", "step_id": "", "due": "", "estimate": "", "group": "",
                "parent": "", "extra": {},
        }
    ]  # fmt: skip


def large(depends: str, sections: int = 100, rows: int = 100) -> Board:
    return resolved(
        Board(
            sections=tuple(
                Section(
                    str(s),
                    f"Stage {s}",
                    tuple(
                        Task(f"{s}.{n}", str(s), f"Do job {s} {n} of the stage", depends=depends.format(s=s, n=n - 1))
                        for n in range(1, rows + 1)
                    ),
                )
                for s in range(1, sections + 1)
            )
        )
    )


@pytest.mark.parametrize("depends", ["All above", "Do job {s} {n} of the stage", "Section {n}, the stage", "{s}.{n}"])
def test_ten_thousand_tasks_take_seconds_not_minutes(depends: str) -> None:
    started = time.process_time()
    board = large(depends)
    found = ready(board)
    waiting = blocked(board)
    assert len(found) + len(waiting) == 10_000
    assert all(item.task.id for item in waiting)
    assert waiting[-1].chain if waiting else True
    assert cycles(board) == () or "Section" in depends
    assert time.process_time() - started < 5


def randomly(rng: random.Random, *, rings: bool) -> Board:
    """Open and finished tasks in sections, which wait for one another, for sections and for rows, in rings too."""
    sections = rng.randint(1, 5)
    parts: list[str] = []
    for key in range(1, sections + 1):
        parts.append(f"### {key}. Part {key}\n| Task | Depends on | Status |\n|---|---|---|")
        for row in range(1, rng.randint(2, 7)):
            known = sections if rings else key
            named = [f"{rng.randint(1, known)}.{rng.randint(1, 6 if rings else row)}" for _ in range(rng.randint(0, 3))]
            named = [name for name in named if rings or name != f"{key}.{row}"]
            named += rng.choice([[], [], ["All above"], [f"Part {rng.randint(1, known)}"] if rings or key > 1 else []])
            parts.append(f"| Step {row} of {key} | {', '.join(named)} | {rng.choice(['[ ]', '[ ]', '[/]', '[x]'])} |")
        parts.append("")
    return board_from_markdown("\n".join(parts))


def test_what_a_task_unblocks_is_counted_as_one_would_by_hand() -> None:
    rng, counted, ringed = random.Random(11), 0, 0
    for _ in range(400):
        board = randomly(rng, rings=ringed < 100)
        graph = Graph.of(board)
        rings = set(graph.in_cycles())
        ringed += bool(rings)
        for item in ready(board):
            above = [name for name in graph.above(item.task.id) if name in graph.tasks and name not in rings]
            assert item.unblocks == len(above), board.text
            counted += len(above) > 1
    assert counted > 200
    assert ringed >= 100
