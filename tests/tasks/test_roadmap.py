"""The roadmap of a gap analysis: what it holds, what it is tied to, and what the team's own has besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.schema.model import Answers, Merge
from tools.schema.source import read_schema
from tools.tasks.checklist import with_checklist
from tools.tasks.compare import compare_boards
from tools.tasks.export import board_to_markdown
from tools.tasks.from_plan import steps_of
from tools.tasks.markdown import board_from_markdown, read_board
from tools.tasks.model import Board
from tools.tasks.questions import questions
from tools.tasks.ready import ready
from tools.tasks.roadmap import Source, roadmap, roadmap_source
from tools.tasks.update import set_status
from tools.usages.model import Usage

NOW = """
CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT, goal TEXT, systemPrompt TEXT, old TEXT);
CREATE TABLE prompts (id INTEGER PRIMARY KEY, title TEXT);
CREATE TABLE legacy (id INTEGER PRIMARY KEY, x TEXT);
"""
WANTED = """
CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT NOT NULL, prompt TEXT, delegatesTo TEXT);
CREATE TABLE prompts (id INTEGER PRIMARY KEY, headline TEXT, step INTEGER, learningFlowId INTEGER);
CREATE INDEX prompts_step ON prompts (step);
CREATE TABLE tags (id INTEGER PRIMARY KEY, label TEXT);
CREATE TABLE agentTools (id INTEGER PRIMARY KEY, label TEXT);
"""
ANSWERS = Answers(
    columns=(("prompts", "title", "headline"),),
    merges=(Merge("agents", ("goal", "systemPrompt"), "prompt", "coalesce(goal, '') || coalesce(systemPrompt, '')"),),
    not_renames=(("agents", "old", "delegatesTo"), ("", "legacy", "tags"), ("", "legacy", "agentTools")),
)
USAGES = (
    Usage("agents", "goal", "convex/agents.ts", 4, "read", "certain"),
    Usage("agents", "goal", "convex/agents.ts", 9, "write", "certain"),
    Usage("agents", "systemPrompt", "src/components/Agent.tsx", 2, "read", "certain"),
    Usage("prompts", "id", "convex/prompts.ts", 2, "read", "certain"),
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for name, text in (("now.sql", NOW), ("wanted.sql", WANTED)):
        (tmp_path / name).write_text(text)
    current, desired = (read_schema(str(tmp_path / name), dialect="sqlite") for name in ("now.sql", "wanted.sql"))
    return roadmap_source(current, desired, ANSWERS, USAGES)


def tasks(board: Board, title: str) -> list[str]:
    return [task.description for task in board.section(title).tasks]


def test_the_checklist_goes_by_table_and_field(source: Source) -> None:
    board = roadmap(source)
    assert board.problems == ()
    assert tasks(board, "Add New Tables")[1:] == ["tags", "agentTools"]
    assert tasks(board, "Update Existing Tables") == [
        "prompts: rename title to headline; add step, learningFlowId",
        "agents: replace goal, systemPrompt with a single prompt field; add delegatesTo",
    ]
    assert tasks(board, "Add/Update Indexes") == ["prompts: index prompts_step is to be added: (step)"]
    assert tasks(board, "Update Validators/Types") == ["agents: name: nullability NULL becomes NOT NULL"]
    assert "agents: move what uses goal to the new schema (convex/agents.ts ×2)" in tasks(board, "Update Backend Logic")
    assert tasks(board, "Update Frontend")[0] == (
        "agents: move what uses systemPrompt to the new schema (src/components/Agent.tsx)"
    )
    assert [section.title for section in board.sections][-4:] == [
        "Data Migration", "Testing & QA", "Deprecate & Clean Up", "Launch & Monitor",
    ]  # fmt: skip


def test_it_has_the_seven_phases_and_no_open_question(source: Source) -> None:
    board = roadmap(source)
    assert [phase.title for phase in board.phases] == [
        "Schema Gap Analysis", "Incremental Schema Upgrade", "Codebase Refactor", "Data Migration", "Testing & QA",
        "Deprecate & Clean Up", "Launch & Monitor",
    ]  # fmt: skip
    assert all({kind for kind, _ in phase.details} == {"deliverable", "safety"} for phase in board.phases)
    assert questions(board) == ()
    assert board_to_markdown(board).text == board.text
    assert [item.status for item in board.checklist] == ["done"] + ["todo"] * 6


def test_every_step_of_the_plan_has_its_task_and_the_order_is_the_plans(source: Source) -> None:
    board = roadmap(source)
    assert source.plan
    tied = [step for task in board for step in steps_of(task)]
    assert sorted(tied) == sorted(step.id for step in source.plan.steps)
    assert len(tied) == len(set(tied))
    section = {id_: task.section for task in board for id_ in steps_of(task)}
    for step in source.plan.steps:
        for before in step.depends_on:
            assert int(section[before]) <= int(section[step.id])
    while waiting := ready(board):
        board, _ = set_status(board, waiting[0].task.id, "done")
    assert all(task.status == "done" for task in board)


def test_the_developer_checklist_follows_the_tasks(source: Source) -> None:
    board = roadmap(source)
    seen: list[list[str]] = []
    for section in board.sections:
        for task in section.tasks:
            after, _ = set_status(board, task.id, "done")
            board = with_checklist(board, after)
        seen.append([item.id for item in board.checklist if item.status == "done"])
    assert seen[3:] == [["c1", "c2"]] * 2 + [
        ["c1", "c2", "c3"], ["c1", "c2", "c3", "c4"], ["c1", "c2", "c3", "c4", "c5"],
        ["c1", "c2", "c3", "c4", "c5", "c6"], ["c1", "c2", "c3", "c4", "c5", "c6", "c7"],
    ]  # fmt: skip
    reopened, _ = set_status(board, board.section("Data Migration").tasks[0].id, "doing")
    assert with_checklist(board, reopened).checklist[3].status == "todo"


def test_without_code_and_without_a_database_it_still_names_the_work(source: Source) -> None:
    board = roadmap(Source("now", "wanted", source.gaps, ANSWERS))
    assert "agents: update models, mutations and queries" in tasks(board, "Update Backend Logic")
    removed = tasks(board, "Deprecate & Clean Up")
    assert {"Remove the table legacy", "agents: remove goal, systemPrompt, old"} <= set(removed)
    assert not any(task.step_id for task in board)
    empty = roadmap(Source("now", "wanted", (), Answers()))
    assert [section.title for section in empty.sections] == ["Launch & Monitor"]


def test_against_the_teams_own_roadmap(source: Source, seeds: Path) -> None:
    found = compare_boards(roadmap(source), read_board(seeds / "roadmap-and-checklist.md"))
    assert "1. Add New Tables (as optional, non-breaking): attachments" in found.only_theirs
    assert not any(one.endswith((": agentTools", ": tags", "Remove legacy code")) for one in found.only_theirs)
    assert not any(one.startswith("phase") for one in (*found.only_mine, *found.only_theirs))
    assert "7. Data Migration: Plan and test rollback for each step" in found.only_mine
    assert "agents: tools, canGuideSteps, personality, instructions only in the second" in found.fields
    assert "prompts: title, headline only in the first" in found.fields
    same = read_board(seeds / "roadmap-and-checklist.md")
    assert compare_boards(same, same) == compare_boards(roadmap(source), roadmap(source))
    assert compare_boards(same, same).only_mine == ()


def test_a_phase_that_is_missing_is_named() -> None:
    whole = board_from_markdown(
        "### 1. Plan\n- **Safety:** care\n\n### 2. Rehearse it\n- **Safety:** care\n\n## T\n- [ ] a\n"
    )
    part = board_from_markdown("### 1. Plan\n- **Safety:** care\n\n## T\n- [ ] a\n")
    assert compare_boards(whole, part).only_mine == ("phase 2. Rehearse it",)
    assert compare_boards(part, whole).only_theirs == ("phase 2. Rehearse it",)
