"""Boards that are no table in the usual form: checklists, plans by days, nested lists, other columns; and bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.tasks.dependencies import needed
from tools.tasks.export import board_to_markdown
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.ready import ready
from tools.tasks.serial import board_from_json, board_to_json
from tools.tasks.update import add, assign, set_field, set_status

SEEDS = ("task-board", "roadmap-and-checklist", "agent-consolidation")
NESTED = """# Release

- [ ] Prepare
  - [x] Write notes
  - [ ] Tag
    the tag is `v1`
- [ ] Ship
* [/] Tell people
1. [ ] Rest
"""


def differing(old: str, new: str) -> list[tuple[str, str]]:
    return [(a, b) for a, b in zip(old.split("\n"), new.split("\n"), strict=True) if a != b]


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_goes_in_and_out_byte_for_byte_also_through_the_store(seeds: Path, name: str) -> None:
    path = seeds / f"{name}.md"
    board = read_board(path)
    for again in (board, board_from_json(board_to_json(board))):
        assert board_to_markdown(again).text.encode() == path.read_bytes()
        assert board_to_markdown(again).lost == ()


@pytest.mark.parametrize("name", SEEDS)
def test_each_task_of_each_seed_set_done_changes_its_own_cell_alone(seeds: Path, name: str) -> None:
    path = seeds / f"{name}.md"
    board, old = read_board(path), path.read_bytes().decode()
    for task in list(board)[::7]:
        changed, _ = set_status(board, task.id, "done")
        ((before, after),) = differing(old, board_to_markdown(changed).text)
        assert after == before.replace("[ ]", "[x]")
        assert board.task(task.id).line == old.split("\n").index(before, task.line - 1) + 1


def test_the_numbered_checklist_is_tasks_and_its_text_is_mended_only_in_what_is_shown(seeds: Path) -> None:
    board = read_board(seeds / "roadmap-and-checklist.md")
    assert [(s.key, s.title, len(s.tasks)) for s in board.sections][:2] == [
        ("1", "Add New Tables (as optional, non-breaking)", 12),
        ("2", "Update Existing Tables", 5),
    ]
    assert len(board.sections) == 10
    assert board.task("1.1").description == "agentTools"
    assert [phase.title for phase in board.phases][:2] == ["Schema Gap Analysis", "Incremental Schema Upgrade"]
    assert len(board.phases) == 7
    assert ("safety", "Do not remove or rename fields in a single step—deprecate first") in board.phases[1].details
    assert "stepâ€”deprecate" in board_to_markdown(board).text
    assert [item.text for item in board.checklist][0] == "Schema gap analysis complete"


def test_a_plan_by_days_has_mornings_deliverables_and_criteria(seeds: Path) -> None:
    board = read_board(seeds / "agent-consolidation.md")
    day = board.section("15")
    assert day.title == "Day 15 (Monday): Review & Setup"
    assert day.details == (("deliverable", "Environment ready, backup created"),)
    assert [task.group for task in day.tasks] == ["Morning"] * 3 + ["Afternoon"] * 4
    assert needed(board, board.task("15.4")) == ("15.1", "15.2", "15.3")
    assert needed(board, board.task("16.1")) == tuple(task.id for task in day.tasks)
    assert [need.how for need in board.task("16.4").needs] == ["section 15, the day before it", "the morning before it"]
    assert [(item.text, item.status) for item in board.checklist][2] == ("All 7 validation tests PASS", "done")
    assert len(board.checklist) == 8
    first = [found.task.id for found in ready(board) if found.task.section in ("15", "16")]
    assert first == ["15.1", "15.2", "15.3"]


def test_nested_lists_are_parts_that_the_whole_waits_for() -> None:
    board = board_from_markdown(NESTED)
    assert [(task.id, task.description, task.parent, task.status) for task in board] == [
        ("1.1", "Prepare", "", "todo"), ("1.2", "Write notes", "1.1", "done"), ("1.3", "Tag", "1.1", "todo"),
        ("1.4", "Ship", "", "todo"), ("1.5", "Tell people", "", "doing"), ("1.6", "Rest", "", "todo"),
    ]  # fmt: skip
    assert needed(board, board.task("1.1")) == ("1.2", "1.3")
    assert board.section("Release").form == "list"
    board, _ = add(board, "Release", "Celebrate")
    board, _ = set_field(board, "1.3", "description", "Tag it")
    assert board_to_markdown(board).text == NESTED.replace("] Tag", "] Tag it") + "- [ ] Celebrate\n"


def test_what_a_list_has_no_place_for_stays_on_the_board() -> None:
    board, _ = assign(board_from_markdown(NESTED), "1.4", "Ann")
    rendered = board_to_markdown(board)
    assert rendered.text == NESTED
    assert rendered.lost == ("1.4: the list has no column 'Owner' for 'Ann'",)


def test_other_columns_are_kept_shown_and_changed() -> None:
    text = (
        "| ID | Task | Reviewer | State | Due | Effort |\n|--|--|--|--|--|--|\n| DB-1 | One | Zoë | wip | May | 3 |\n"
    )
    board = board_from_markdown(text + "| DB-2 | Two |\n")
    task = board.task("DB-1")
    assert (task.label, task.extra, task.due, task.estimate, task.status) == (
        "DB-1", (("Reviewer", "Zoë"),), "May", "3", "doing",
    )  # fmt: skip
    board, _ = set_field(board, "1.1", "due", "June")
    board, _ = set_field(board, "1.2", "Reviewer", "Bo")
    assert board_to_markdown(board).text.splitlines()[2:] == [
        "| DB-1 | One | Zoë | wip | June | 3 |",
        "| DB-2 | Two | Bo |",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_right_to_left_emoji_and_line_ends(end: str) -> None:
    text = end.join(["# لوحة", "", "| Task | Owner | Status |", "|---|---|---|", "| שלום עולם 👩‍👩‍👧 | נועה | [ ] |",
                     "| ‮مهمة | 🇺🇳 | ✅ |", ""])  # fmt: skip
    board = board_from_markdown(text, "b.md")
    assert [task.description for task in board] == ["שלום עולם 👩‍👩‍👧", "‮مهمة"]
    assert board.problems == ("b.md:6: the status '✅' is not known and counts as to do: use [ ], [/], [x] or [-]",)
    assert board_to_markdown(board).text == text
    board, _ = set_status(board, "1.1", "done")
    assert board_to_markdown(board).text == text.replace("[ ]", "[x]")


def test_a_mark_that_is_not_known_is_listed_and_kept() -> None:
    text = "- [?] Maybe\n- [ ] Sure\n"
    board = board_from_markdown(text, "b.md")
    assert board.problems == ("b.md:1: the mark '[?]' is not known and counts as to do: use [ ], [/], [x] or [-]",)
    assert board_to_markdown(set_status(board, "1.2", "done")[0]).text == "- [?] Maybe\n- [x] Sure\n"
    assert board_to_markdown(set_status(board, "1.1", "doing")[0]).text == "- [/] Maybe\n- [ ] Sure\n"


def test_names_that_stay_are_no_two_tasks_and_the_same_for_the_same_document() -> None:
    board = board_from_markdown("- [ ] a\n- [ ] a\n- [ ] b\n")
    assert len({task.uid for task in board}) == 3
    assert [task.uid for task in board] == [task.uid for task in board_from_markdown("- [ ] a\n- [ ] a\n- [ ] b\n")]
    mine, _ = add(board, "1", "mine")
    other, _ = add(board, "1", "other")
    assert mine.task("1.4").uid != other.task("1.4").uid
    assert mine.task(mine.task("1.4").uid).description == "mine"


WORD = st.sampled_from(["plan", "Übersicht", "שלום", "🚀", "a|b", "`x`", "1.2", "[ ]", "-", "*bold*", "Day 3"])
TEXT = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
ITEM = st.builds(
    lambda depth, bullet, mark, text: f"{'  ' * depth}{bullet}[{mark}] {text}",
    st.integers(0, 3), st.sampled_from(["- ", "* ", "+ ", "1. ", ""]), st.sampled_from(" xX/-~?"), TEXT,
)  # fmt: skip
LINE = st.one_of(
    ITEM, ITEM, TEXT.map("## {}".format), TEXT.map("2. {}".format), TEXT.map("- **{}**:".format), TEXT, st.just(""),
    TEXT.map("**Deliverable**: {}".format), st.just("```"), st.just("> - [ ] quoted"), TEXT.map("    more {}".format),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(lines=st.lists(LINE, max_size=20), end=st.sampled_from(["\n", "\r\n"]), data=st.data())
def test_generated_lists_come_back_and_one_change_changes_one_line(
    lines: list[str], end: str, data: st.DataObject
) -> None:
    text = end.join(["- [ ] first", *lines, ""])
    board = board_from_markdown(text)
    assert board_to_markdown(board).text == text
    task = data.draw(st.sampled_from(list(board)))
    changed, _ = set_status(board, task.id, "cancelled")
    out = board_to_markdown(changed).text
    assert len(differing(text, out)) == (task.status != "cancelled")
    again = board_from_markdown(out)
    assert [replace(t, status="todo") for t in again] == [replace(t, status="todo") for t in board]
    assert again.task(task.id).status == "cancelled"
