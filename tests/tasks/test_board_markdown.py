from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import SourceError
from tools.tasks.export import board_to_markdown
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.mended import mended
from tools.tasks.model import STATUSES, Board, CheckItem, Section, Task
from tools.tasks.update import add, assign, set_field, set_priority, set_status

SMALL = """# Board

### 1. First
| Task Description | Owner | Priority | Dependencies | Status |
|------------------|-------|----------|--------------|--------|
| Write the thing |        | High     |              | [ ]    |
| Test the thing | Ann    | Low      | Write the thing | [/]    |

- [ ] All tested
- [x] All written
"""


def differing(old: str, new: str) -> list[tuple[str, str]]:
    pairs = zip(old.split("\n"), new.split("\n"), strict=True)
    return [(a, b) for a, b in pairs if a != b]


def test_the_seed_goes_in_and_out_byte_for_byte(seeds: Path) -> None:
    path = seeds / "task-board.md"
    board = read_board(path)
    assert board_to_markdown(board).text.encode() == path.read_bytes()
    assert board.title == "Schema Migration Task System"
    assert [(s.key, s.title, len(s.tasks)) for s in board.sections] == [
        ("1", "Schema File Update", 6),
        ("2", "Migration Scripts & Code Changes", 9),
        ("3", "Data Migration", 4),
        ("4", "Testing & QA", 4),
        ("5", "Deprecate & Clean Up", 3),
        ("6", "Launch & Monitor", 4),
    ]
    assert board.problems == ()
    assert len(board.checklist) == 7
    assert board.task("1.1").line == 30


def test_one_changed_cell_of_the_seed_changes_that_cell_alone(seeds: Path) -> None:
    old = (seeds / "task-board.md").read_bytes().decode()
    board, _ = set_status(read_board(seeds / "task-board.md"), "1.1", "done")
    board, _ = assign(board, "2.5", "Ann")
    board, _ = set_status(board, "c1", "done")
    assert differing(old, board_to_markdown(board).text) == [
        (
            "| Review new schema in schema.md |        | High     |              | [ ]    |",
            "| Review new schema in schema.md |        | High     |              | [x]    |",
        ),
        (
            "| Update backend logic for new schema |        | High     | Migration scripts | [ ]    |",
            "| Update backend logic for new schema | Ann    | High     | Migration scripts | [ ]    |",
        ),
        ("- [ ] Schema gap analysis complete", "- [x] Schema gap analysis complete"),
    ]


def test_a_value_that_does_not_fit_widens_its_cell_only() -> None:
    board, _ = assign(board_from_markdown(SMALL), "1.1", "Maximiliane | Co")
    assert differing(SMALL, board_to_markdown(board).text) == [
        (
            "| Write the thing |        | High     |              | [ ]    |",
            r"| Write the thing | Maximiliane \| Co | High     |              | [ ]    |",
        )
    ]
    assert board_from_markdown(board_to_markdown(board).text).task("1.1").owner == "Maximiliane | Co"


def test_new_tasks_and_sections_stand_at_the_end_of_theirs() -> None:
    board = board_from_markdown(SMALL)
    board, _ = add(board, "first", "Ship it", owner="Bob", priority="High", depends="All above")
    board, _ = add(board, "Second", "Rest", new_section=True)
    text = board_to_markdown(board).text
    assert text == SMALL.replace(
        "| [/]    |\n",
        "| [/]    |\n"
        "| Ship it | Bob    | High     | All above | [ ]    |\n"
        "\n### 2. Second\n"
        "| Task Description | Owner | Priority | Dependencies | Status |\n"
        "|------------------|-------|----------|--------------|--------|\n"
        "| Rest |        |          |              | [ ]    |\n",
    )
    again = board_from_markdown(text)
    assert [replace(task, line=0) for task in again] == [replace(task, line=0) for task in board]


OTHER_FORMS = [
    pytest.param("\ufeff# B\r\n\r\n|Status|Task|\r\n|-|-|\r\n|[ ]|One|\r\n|[x]|Two|", id="BOM, CRLF, no last line end"),
    pytest.param(
        "| Task | Priority | Who |\n|:--|:-:|--:|\n| One |  High | |\n| Two | Low | Ann |\n\ntext", id="alignment"
    ),
    pytest.param("Task | Status\n---|---\nOne | [ ]\nTwo | done\n", id="no outer pipes"),
    pytest.param(
        "  | Task | Owner | Status |\n  |---|---|---|\n  | One |\n  | Two | Ann | [ ]\n", id="short rows, indented"
    ),
    pytest.param(
        "---\ntitle: x\n---\n| Task | Status |\r|---|---|\r| One | [ ] |\r| Two |  |\r", id="front matter, CR"
    ),
]


@pytest.mark.parametrize("text", OTHER_FORMS)
def test_other_forms_of_tables_stay_as_they_are(text: str) -> None:
    board = board_from_markdown(text)
    assert [task.description for task in board] == ["One", "Two"]
    assert board_to_markdown(board).text == text
    board, _ = set_status(board, "1.2", "doing")
    board, _ = assign(board, "1.1", "Zoë")
    rendered = board_to_markdown(board)
    again = board_from_markdown(rendered.text)
    if "Status" in text:
        assert again.task("1.2").status == "doing"
    if "Owner" in text or "Who" in text:
        assert again.task("1.1").owner == "Zoë"
    assert len(rendered.lost) == 1 - ("Status" in text) + 1 - ("Owner" in text or "Who" in text)


def test_a_change_in_a_crlf_file_keeps_its_line_ends() -> None:
    text = "|Status|Task|\r\n|-|-|\r\n|[ ]|One|\r\n|[x]|Two|"
    board, _ = set_status(board_from_markdown(text), "1.1", "done")
    board, _ = add(board, "1", "Three")
    assert board_to_markdown(board).text == "|Status|Task|\r\n|-|-|\r\n|[x]|One|\r\n|[x]|Two|\r\n| [ ] | Three |"


def test_a_short_row_grows_to_the_cell_that_is_set() -> None:
    text = "| Task | Owner | Status |\n|---|---|---|\n| One |\n| Two"
    board, _ = set_status(board_from_markdown(text), "1.1", "done")
    board, _ = assign(board, "1.2", "Ann")
    assert board_to_markdown(board).text == "| Task | Owner | Status |\n|---|---|---|\n| One | | [x] |\n| Two | Ann |"


def test_two_missing_cells_of_a_row_are_both_set() -> None:
    text = "| Task | Owner | Priority | Status |\n|---|---|---|---|\n| One |\n"
    board, _ = set_status(board_from_markdown(text), "1.1", "done")
    board, _ = assign(board, "1.1", "Ann")
    board, _ = set_priority(board, "1.1", "High")
    assert board_to_markdown(board).text.splitlines()[2] == "| One | Ann | High | [x] |"


def test_tables_in_code_and_other_tables_are_no_tasks() -> None:
    text = f"```\n{SMALL}```\n\n| Name | Value |\n|---|---|\n| Task | 1 |\n\n{SMALL}"
    board = board_from_markdown(text)
    assert len(list(board)) == 2
    assert board_to_markdown(board).text == text


def test_a_template_is_no_section_but_an_empty_numbered_one_is() -> None:
    head = "| Task | Status |\n|---|---|\n"
    board = board_from_markdown(f"### Template\n{head}| | [ ] |\n\n### 2. Later\n{head}\n### Empty\n{head}")
    assert [(section.key, section.title) for section in board.sections] == [("2", "Later"), ("1", "Empty")]
    board, _ = add(board, "Later", "Now")
    assert "### 2. Later\n| Task | Status |\n|---|---|\n| Now | [ ] |\n" in board_to_markdown(board).text


def test_what_cannot_be_used_is_listed_with_its_line_and_kept() -> None:
    text = (
        "### 1. A\n| Task | Status |\n|---|---|\n| One | maybe |\n| Two | [ ] | extra |\n| one | [ ] |\n\n"
        "| Task | Status |\n|---|\n| lost | [ ] |\n"
    )
    board = board_from_markdown(text, "b.md")
    assert [task.description for task in board] == ["One", "one"]
    assert [problem.split(": ")[0] + ": " + problem.split(": ")[1][:25] for problem in board.problems] == [
        "b.md:4: the status 'maybe' is not",
        "b.md:5: the row has 3 cells for 2",
        "b.md:6: 1.2 has the same name as ",
        "b.md:8: looks like a table but is",
    ]
    assert board_to_markdown(board).text == text
    board, _ = set_status(board, "1.1", "done")
    assert "| One | [x]   |" in board_to_markdown(board).text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "b.md: no such file"),
        (b"", "holds no table of tasks"),
        (b"just text", "holds no table of tasks"),
        (b"\x89PNG\0", "is not UTF-8"),
        (b"a\0b", "is binary"),
        ("| Task | Status |\n|---|---|\n".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_what_is_no_board_is_refused(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "b.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        read_board(path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_board(tmp_path)


WORDS = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=12)
    .map(lambda text: text.strip(" \t\xa0"))
    .filter(lambda text: mended(text) == text)
)
NAMES = st.text("abc|\\ `*é-", min_size=1, max_size=12).map(str.strip).filter(bool)


@st.composite
def boards(draw: st.DrawFn) -> Board:
    sections: list[Section] = []
    for key in range(1, draw(st.integers(1, 3)) + 1):
        rows = draw(st.lists(st.tuples(NAMES, WORDS, WORDS, st.sampled_from(STATUSES), WORDS), max_size=4))
        tasks = tuple(
            Task(f"{key}.{n}", str(key), name, owner, priority, "", status, notes)
            for n, (name, owner, priority, status, notes) in enumerate(rows, start=1)
        )
        sections.append(Section(str(key), f"Section {key}", tasks))
    items = draw(st.lists(st.sampled_from(STATUSES), max_size=2))
    return Board("Title", tuple(sections), tuple(CheckItem(f"c{n}", "item", s) for n, s in enumerate(items, start=1)))


@settings(max_examples=80, deadline=None)
@given(board=boards())
def test_a_board_made_here_reads_back_the_same(board: Board) -> None:
    text = board_to_markdown(board).text
    again = board_from_markdown(text)
    assert [replace(task, line=0) for task in again] == list(board)
    assert [section.key for section in again.sections] == [section.key for section in board.sections]
    assert again.checklist == board.checklist
    assert board_to_markdown(again).text == text


@settings(max_examples=80, deadline=None)
@given(board=boards(), data=st.data())
def test_a_change_of_one_value_touches_one_line_and_reads_back(board: Board, data: st.DataObject) -> None:
    board = board_from_markdown(board_to_markdown(board).text)
    if not list(board):
        return
    task = data.draw(st.sampled_from(list(board)))
    field = data.draw(st.sampled_from(["description", "owner", "priority"]))
    value = data.draw(NAMES)
    changed, _ = set_field(board, task.id, field, value)
    text = board_to_markdown(changed).text
    assert len(differing(board.text, text)) == (getattr(task, field) != value)
    again = board_from_markdown(text)
    assert getattr(again.task(task.id), field) == value
    assert [replace(t, line=0) for t in again if t.id != task.id] == [
        replace(t, line=0) for t in board if t.id != task.id
    ]


PIECES = st.sampled_from(
    ["| Task | Status |", "|---|---|", "| a | [ ] |", "| b \\| c | [x] |", "|d|done", "### 1. One", "## Two",
     "- [ ] item", "```", "", "text | with pipe", "> | q |", "  | e | ? | f |", "\t| g | [/] |", "---", "\ufeff",
     "| Owner |", "<!-- x", "\x0c"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECES, max_size=14), end=st.sampled_from(["\n", "\r\n", "\r"]), last=st.booleans())
def test_whatever_a_document_holds_it_comes_back_byte_for_byte(pieces: list[str], end: str, last: bool) -> None:
    text = end.join(["| Task | Status |", "|---|---|", "| z | [ ] |", "", *pieces]) + (end if last else "")
    board = board_from_markdown(text)
    assert board_to_markdown(board).text == text
    for task in list(board):
        board, _ = set_status(board, task.id, "cancelled")
    again = board_from_markdown(board_to_markdown(board).text)
    assert [(task.id, task.description) for task in again] == [(task.id, task.description) for task in board]
    has_status = {task.id for task in board if task.status == again.task(task.id).status}
    assert has_status == set(board.by_id)
