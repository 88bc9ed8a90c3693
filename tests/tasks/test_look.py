from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import UsageError
from tools.tasks.look import Filter, critical_path, find, hours, select, unblocks, workload
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.model import Board
from tools.tasks.questions import answer, questions
from tools.tasks.update import cancel, set_field, set_status
from tools.tasks.views import kanban, mermaid, tree

HEAD = "| Task | Owner | Priority | Depends on | Status | Estimate |\n|---|---|---|---|---|---|\n"


def board(*rows: str) -> Board:
    return board_from_markdown(HEAD + "".join(f"{row}\n" for row in rows))


def ids(found: object) -> list[str]:
    return [task.id for task in found]  # type: ignore[attr-defined]


def test_tasks_are_found_as_people_name_them(seeds: Path) -> None:
    seed = read_board(seeds / "task-board.md")
    names = ["launch", "2.2", seed.task("2.2").uid, "the backfill", "Update backend logic", "rollback if critical"]
    assert [find(seed, name).id for name in names] == ["6.1", "2.2", "2.2", "2.2", "2.5", "6.3"]
    with pytest.raises(UsageError, match="may be any of 3 tasks, say which: 1.4 .*; 2.5 .*; 2.6 "):
        find(seed, "update")
    with pytest.raises(UsageError, match="no task 'the moon'"):
        find(seed, "the moon")


def test_filters_narrow_together() -> None:
    some = board(
        "| Backfill a | Ann | High | | | |", "| Backfilling b | | High | | [x] | |", "| C | ann | Low | B | | |"
    )
    assert ids(select(some, Filter(text="the backfill tasks"))) == ["1.1", "1.2"]
    assert ids(select(some, Filter(text="backfill", status="todo", priority="high"))) == ["1.1"]
    assert ids(select(some, Filter(owner="ANN"))) == ["1.1", "1.3"]
    assert ids(select(some, Filter(owner=""))) == ["1.2"]
    assert ids(select(some, Filter(section="1", ready=True))) == ["1.1", "1.3"]


def test_the_critical_path_goes_by_estimates_where_there_are_any() -> None:
    rows = ["| A | | | | | {} |", "| B | | | A | | {} |", "| C | | | B | | {} |", "| D | | | | | {} |"]
    assert ids(critical_path(board(*(row.format("") for row in rows)))) == ["1.1", "1.2", "1.3"]
    sized = board(*(row.format(size) for row, size in zip(rows, ["1d", "2h", "", "2w"], strict=True)))
    assert ids(critical_path(sized)) == ["1.4"]
    assert ids(critical_path(set_status(sized, "1.4", "done")[0]))[:2] == ["1.1", "1.2"]
    assert critical_path(board("| A | | | | [x] | |")) == ()
    assert [hours(text) for text in ("3d", "1w 2d", "90m", "2", "1,5h", "2 days", "", "soon", "v2")] == [
        24, 56, 1.5, 16, 1.5, 16, None, None, None,
    ]  # fmt: skip


def test_what_a_task_frees_at_once_and_further_on() -> None:
    some = board(
        "| A | | | | | |", "| B | | | | | |", "| C | | | A | | |", "| D | | | A, B | | |", "| E | | | All above | | |"
    )
    freed, waiting = unblocks(some, some.task("1.1"))
    assert (ids(freed), sorted(ids(waiting))) == (["1.3"], ["1.3", "1.4", "1.5"])
    freed, _ = unblocks(cancel(some, "1.2")[0], some.task("1.1"))
    assert ids(freed) == ["1.3", "1.4"], "a cancelled dependency blocks nobody"


def test_who_has_nothing_to_do() -> None:
    some = board("| A | Ann | | | | |", "| B | Bob | | A | | |", "| C | Cy | | | [x] | |", "| D | Di | | A | [/] | |")
    loads = {load.owner: (load.open, load.doing, load.startable) for load in workload(some)}
    assert loads == {"Cy": (0, 0, 0), "Bob": (1, 0, 0), "Ann": (1, 0, 1), "Di": (1, 1, 0)}
    assert [load.owner for load in workload(some)][:2] == ["Cy", "Bob"]


def test_orders_of_the_seed_that_make_no_sense_are_questions(seeds: Path) -> None:
    seed = read_board(seeds / "task-board.md")
    assert [(q.task, q.kind) for q in questions(seed)] == [
        ("2.7", "unknown"), ("3.3", "order"), ("3.4", "order"), ("6.4", "order"),
    ]  # fmt: skip
    assert "'Take full backups before each migration' waits for 3.1" in questions(seed)[1].sentence
    turned, change = answer(seed, "3.3", "data migration", "turn round")
    assert (turned.task("3.3").depends, turned.task("3.1").depends) == ("", "Migration scripts/code, 3.3")
    assert change["op"] == "several"
    kept, _ = answer(turned, "3.4", "Data migration", "keep")
    assert [q.task for q in questions(kept)] == ["2.7", "6.4"]
    for name in ("roadmap-and-checklist", "agent-consolidation"):
        assert questions(read_board(seeds / f"{name}.md")) == ()


def test_an_unclear_name_is_settled_by_a_candidate() -> None:
    some = board("| Update API | | | | | |", "| Update docs | | | | | |", "| Ship | | | Update, Moon | | |")
    (unclear, unknown) = questions(some)
    assert (unclear.candidates, unknown.candidates) == (("1.1", "1.2"), ())
    with pytest.raises(UsageError, match="'1.3' is no answer: 1.1, 1.2"):
        answer(some, "1.3", "Update", "1.3")
    with pytest.raises(UsageError, match="no open question about 'API'"):
        answer(some, "1.3", "API", "1.1")
    settled, _ = answer(some, "1.3", "update", "1.2")
    assert settled.task("1.3").depends == "1.2, Moon"
    assert [q.kind for q in questions(settled)] == ["unknown"]


def test_views_show_every_task_once(seeds: Path) -> None:
    seed = read_board(seeds / "task-board.md")
    columns = kanban(set_status(seed, "1.1", "doing")[0], seed)
    assert {name: len(column) for name, column in columns.items()} == {
        "ready": 0, "blocked": 29, "doing": 0, "done": 0, "cancelled": 0,
    } | {"ready": 1}  # fmt: skip
    chart = mermaid(seed, seed)
    assert all(f'T{task.id.replace(".", "_")}["' in chart for task in seed)
    assert "S3 --> T5_1" in chart
    assert "T1_1 --> T1_2" in chart
    lines = tree(seed, seed.task("1.3"))
    assert [line.strip()[4:7] for line in lines] == ["1.3", "1.2", "1.1"]
    assert max(map(len, tree(seed))) < 500


def test_a_tree_of_a_circle_ends_and_a_picture_has_its_limit() -> None:
    looped = board("| A | | | B | | |", "| B | | | A | | |")
    assert [line.strip() for line in tree(looped)] == ["[ ] 1.1 A", "[ ] 1.2 B", "[ ] 1.1 A …", "[ ] 1.2 B …"]
    many = board(*(f"| T{n} | | | | | |" for n in range(401)))
    with pytest.raises(UsageError, match="too many for one picture"):
        mermaid(many, many)


def test_estimates_are_set_where_there_is_a_column() -> None:
    some, _ = set_field(board("| A | | | | | |"), "1.1", "estimate", "3d")
    assert some.task("1.1").estimate == "3d"
