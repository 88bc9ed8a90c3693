"""The tools as a model sees them: name, what it is for, argument model, effect; and the function behind each.

`read` tools answer at once. `write` tools are jobs: they put proposals into the ledger, and perform what was approved.
Nothing here approves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from tools.toolbox import board, board_work, change, dangers, knowledge, migrate, plan, schema, step_facts, usages
from tools.toolbox.desk import Desk, Outcome
from tools.toolbox.jobs import Job


@dataclass(frozen=True)
class ReadTool:
    """`description` is what the model reads."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Desk, Any], Outcome]
    effect: Literal["read"] = "read"


@dataclass(frozen=True)
class WriteTool:
    name: str
    description: str
    arguments: type[BaseModel]
    job: Job
    effect: Literal["write"] = "write"


Tool = ReadTool | WriteTool

TABLE: tuple[Tool, ...] = (
    ReadTool("inspect_schema", "Tables of the current or the desired schema in short, or one table in full.",
             schema.InspectSchema, schema.inspect_schema),
    ReadTool("list_gaps", "What lies between the current and the desired schema.", schema.ListGaps, schema.list_gaps),
    ReadTool("dangerous_gaps", "Which gaps are dangerous to close: hazards of their steps, what no plan closes, how "
             "much code uses them.", schema.Paged, dangers.dangerous_gaps),
    ReadTool("find_usages", "Who in the code reads and writes a table or a column; without a name, whatever the gaps "
             "take away or change: what would break.", usages.FindUsages, usages.find_usages),
    ReadTool("make_plan", "Make the stepwise plan from the current to the desired schema. Open rename questions are "
             "put to the person. Writes nothing.", schema.Paged, plan.make_plan),
    ReadTool("show_plan", "The plan's phases and steps with their reasons: why this order.",
             plan.ShowPlan, plan.show_plan),
    ReadTool("explain_step", "One step in full: SQL, undo, hazards, checks, why it is there.",
             plan.ExplainStep, plan.explain_step),
    ReadTool("rank_steps", "Which steps of the plan are dangerous, which lock others out and for how long, which take "
             "longest.", step_facts.RankSteps, step_facts.rank_steps),
    ReadTool("step_effects", "What one step locks and whom that keeps out, what it touches, how long it takes.",
             step_facts.StepEffects, step_facts.step_effects),
    ReadTool("why_after", "Why one step comes behind another: by way of which steps it needs it.",
             step_facts.StepPair, step_facts.why_after),
    ReadTool("what_if_skipped", "What could not run, and which gaps would stay open, if a step were left out. Changes "
             "nothing.", plan.ExplainStep, change.what_if_skipped),
    ReadTool("change_plan", "Another plan in place of this one, with a diff: smaller batches, several releases, "
             "nothing that holds others up for too long. Rehearse it again afterwards.",
             change.ChangePlan, change.change_plan),
    ReadTool("rehearse_plan", "Run the plan forward and back on a shadow copy. The database is only read.",
             schema.Arguments, plan.rehearse_plan),
    ReadTool("verify", "Prove the rows of the latest run by counts and checksums.", schema.Arguments, migrate.verify),
    ReadTool("monitor", "Look after a finished run: query latency and errors against those before it. Where something "
             "fell off, propose to roll back.", schema.Arguments, migrate.monitor),
    ReadTool("list_runs", "The runs on record in the database.", schema.Arguments, migrate.list_runs),
    ReadTool("migration_status", "Where the plan and the latest run stand, and what waits for approval.",
             schema.Arguments, migrate.migration_status),
    ReadTool("ask_questions", "Put all open rename questions and missing values to the person.",
             schema.Arguments, schema.ask_questions),
    ReadTool("answer_rename", "Have the person confirm or deny one rename that was talked about.",
             schema.AnswerRename, schema.answer_rename),
    ReadTool("set_fill", "Set the SQL expression that gives old rows their value in a new or newly NOT NULL column.",
             schema.SetFill, schema.set_fill),
    ReadTool("merge_columns", "Set the expression by which a new column is made of old ones: several into one, or "
             "one split (a call for each new column). Tried on the rows that are there.",
             schema.MergeColumns, schema.merge_columns),
    ReadTool("search_knowledge", "Search the ingested documents; answers with file:line to cite.",
             knowledge.SearchKnowledge, knowledge.search_knowledge),
    ReadTool("ingest", "Read documents of the working folder into the knowledge store.",
             knowledge.Ingest, knowledge.ingest),
    ReadTool("board_show", "Tasks of the board, by section, owner, status, priority or words.",
             board.BoardShow, board.board_show),
    ReadTool("board_task", "One task in full: how its dependencies were understood, why it is blocked down to the "
             "root, what it frees, documents that speak of it.", board.BoardTask, board.board_task),
    ReadTool("board_questions", "What the board leaves open: unclear dependencies and odd orders, with candidates.",
             schema.Paged, board.board_questions),
    ReadTool("board_workload", "Who has how much to do, and who has nothing.",
             schema.Arguments, board.board_workload),
    ReadTool("board_view", "The board as kanban, tree of dependencies, Mermaid graph, or its critical path.",
             board.BoardView, board.board_view),
    ReadTool("board_compare", "What a roadmap in a file and the one that the gaps ask for lack of each other.",
             board.BoardCompare, board.board_compare),
    ReadTool("board_history", "Who changed what on the board, and when.", board.BoardHistory, board.board_history),
    ReadTool("board_ready", "Tasks that can be started now, the most urgent first.", schema.Paged, board.board_ready),
    ReadTool("board_blocked", "Tasks that wait, and for what.", schema.Paged, board.board_blocked),
    WriteTool("apply_plan", "Propose the plan's pending steps to the person, one by one, and run what is approved.",
              migrate.ApplyPlan, migrate.ApplyJob()),
    WriteTool("roll_back", "Propose the way back of the latest run, and run what is approved.",
              migrate.RollBack, migrate.RollbackJob()),
    WriteTool("write_plan_file", "Propose to write the plan to a YAML file.", plan.WritePlanFile, plan.WritePlanJob()),
    WriteTool("board_update", "Propose a change of one task: status, owner, priority, notes, due, estimate, depends.",
              board_work.BoardUpdate, board_work.UpdateJob()),
    WriteTool("board_bulk", "Propose one change for all tasks that fit a filter, as one approval.",
              board_work.BoardBulk, board_work.BulkJob()),
    WriteTool("board_add", "Propose a new task.", board_work.BoardAdd, board_work.AddJob()),
    WriteTool("board_split", "Propose to split a task into parts that it waits for.",
              board_work.BoardSplit, board_work.SplitJob()),
    WriteTool("board_move", "Propose to move a task to another section or place.",
              board_work.BoardMove, board_work.MoveJob()),
    WriteTool("board_answer", "Propose the answer to one of the board's open questions.",
              board_work.BoardAnswer, board_work.AnswerJob()),
    WriteTool("board_undo", "Propose to take back the last change of the board.",
              schema.Arguments, board_work.UndoJob()),
    WriteTool("board_follow", "Propose to set the tasks that are tied to a plan to where its latest run stands.",
              schema.Arguments, board_work.FollowJob()),
    WriteTool("board_roadmap", "Propose a board made from the gap analysis: checklist by table and field, tied to the "
              "plan's steps.", board_work.BoardRoadmap, board_work.RoadmapJob()),
    WriteTool("board_import", "Propose to bring in a task board, from a Markdown file or made from the plan; a file "
              "edited by hand is merged.", board_work.BoardImport, board_work.ImportJob()),
    WriteTool("export_board", "Propose to write the board to a Markdown file.",
              board_work.BoardExport, board_work.ExportJob()),
)  # fmt: skip
