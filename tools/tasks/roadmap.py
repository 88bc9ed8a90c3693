"""The roadmap from a gap analysis: seven phases, a checklist by table and field, and a developer checklist, as a board
whose tasks are tied to the steps of the plan."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tools.errors import UsageError
from tools.plan.facts import Facts
from tools.plan.model import MUST_BE_ALLOWED, Phase, Plan, Step
from tools.schema.model import Answers, Gap, Schema
from tools.tasks.markdown import board_from_markdown
from tools.tasks.model import Board
from tools.tasks.roadmap_words import CHECKLIST, PHASES, SECTIONS
from tools.tasks.tables import escape
from tools.tasks.update import one_line
from tools.usages.gaps import touched_by
from tools.usages.model import Usage

_FRONTEND = re.compile(r"(^|/)(components?|pages|app|frontend|ui|views|routes|screens)/|\.(tsx|jsx|vue|svelte)$")
_FIRST = "Schema gap analysis complete"
_FILES = 8
"""Files that a task names; of the others only the number."""


@dataclass(frozen=True)
class Source:
    """What a roadmap is made of. before, after: where the two schemas come from. usages: None where no code was
    scanned. plan: None where none can be made, for a current schema that is no SQL database."""

    before: str
    after: str
    gaps: tuple[Gap, ...]
    answers: Answers
    usages: tuple[Usage, ...] | None = None
    plan: Plan | None = None


@dataclass(frozen=True)
class _Row:
    text: str
    steps: tuple[str, ...] = ()
    high: bool = False


def roadmap(source: Source) -> Board:
    """The board; its `text` is the document. A source without gaps gives the seven phases with nothing to do but the
    launch."""
    return board_from_markdown(roadmap_markdown(source), f"roadmap to {source.after}")


def roadmap_source(
    current: Schema, desired: Schema, answers: Answers, usages: tuple[Usage, ...] | None = None,
    facts: Facts | None = None,
) -> Source:  # fmt: skip
    """The gaps between two schemas, with the plan where the current one is that of a SQL database; facts: of the live
    database."""
    from tools.plan.build import build_plan
    from tools.schema.gaps import compare
    from tools.usages.model import by_name

    try:
        plan = build_plan(current, desired, answers, facts, by_name(usages or ()))
    except UsageError:  # no SQL database: its steps are nobody's yet
        plan = None
    return Source(current.source, desired.source, tuple(compare(current, desired, answers)), answers, usages, plan)


def roadmap_markdown(source: Source) -> str:
    """The document: phases with deliverables and safety rules, sections with tables of tasks, the checklist."""
    rows = _Rows(source).sections()
    lines = ["# Schema Migration Roadmap", "", f"From {source.before} to {source.after}.", "", "## Phases", ""]
    for number, (title, deliverables, safety) in enumerate(PHASES, start=1):
        found = _found(source) if number == 1 else list[str]()
        lines += [f"### {number}. {title}", "- **Deliverables:**", *(f"  - {one}" for one in (*deliverables, *found))]
        lines += ["- **Safety:**", *(f"  - {one}" for one in safety), ""]
    lines += ["---", "", "## Incremental Schema Upgrade Checklist", ""]
    present = [name for name, _ in SECTIONS if rows[name]]
    for number, name in enumerate(present, start=1):
        lines += [*_table(number, name, rows[name], _waits_for(name, present)), ""]
    lines += ["---", "", "## Developer Checklist: Migration Focus"]
    lines += [f"- [{'x' if item == _FIRST else ' '}] {item}" for item in CHECKLIST]
    return "\n".join(lines) + "\n"


def _table(number: int, name: str, rows: Sequence[_Row], waits_for: str) -> list[str]:
    head = ["Task Description", "Owner", "Priority", "Dependencies", "Status", "Step"]
    lines = [f"### {number}. {name}", f"| {' | '.join(head)} |", f"|{'|'.join('-' * (len(h) + 2) for h in head)}|"]
    for row in rows:
        cells = [one_line(row.text), "", "High" if row.high else "Medium", waits_for, "[ ]", ", ".join(row.steps)]
        lines.append(f"| {' | '.join(escape(cell).ljust(5) for cell in cells)} |")
    return lines


def _waits_for(name: str, present: Sequence[str]) -> str:
    wanted = dict(SECTIONS)[name]
    return ", ".join(one for one in wanted if one in present)


def _found(source: Source) -> list[str]:
    counts = Counter(gap.kind for gap in source.gaps)
    said = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(counts.items()))
    return [f"{len(source.gaps)} gaps: {said}"] if source.gaps else ["No gap was found"]


class _Rows:
    """The tasks of each section, with the steps that do them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._closing: dict[str, list[str]] = defaultdict(list)
        self._all: tuple[Step, ...] = source.plan.steps if source.plan else ()
        for step in self._all:
            for sentence in step.closes:
                self._closing[sentence].append(step.id)
        self._tied: set[str] = set()
        by_table: dict[str, list[Gap]] = defaultdict(list)
        for gap in source.gaps:
            by_table[gap.table].append(gap)
        self._tables = by_table
        self._new = [gap for gap in source.gaps if gap.kind == "table_added"]

    def sections(self) -> dict[str, list[_Row]]:
        rows: dict[str, list[_Row]] = {name: [] for name, _ in SECTIONS}
        rows["Add New Tables"] = [self._row(gap.table, [gap], (Phase.EXPAND,), high=True) for gap in self._new]
        rows["Update Existing Tables"] = [row for table in self._tables if (row := self._fields(table))]
        rows["Add/Update Indexes"] = [row for table in self._tables if (row := self._indexes(table))]
        rows["Update Validators/Types"] = [row for table in self._tables if (row := self._types(table))]
        self._rest_of_expand(rows["Update Existing Tables"])
        backend, frontend = self._code()
        rows["Update Backend Logic"], rows["Update Frontend"] = backend, frontend
        rows["Data Migration"] = self._steps(Phase.MIGRATE)
        rows["Testing & QA"] = self._steps(Phase.VERIFY)
        rows["Deprecate & Clean Up"] = self._removed()
        rows["Launch & Monitor"] = self._steps(Phase.MONITOR)
        first = next((name for name, _ in SECTIONS if rows[name]), SECTIONS[-1][0])
        counted = [replace(row, high=True) for row in self._steps(Phase.ANALYSE)]
        rows[first] = [*counted, *rows[first]]  # what is counted is counted before anything changes
        for name, more in _ALWAYS.items():
            rows[name] += [_Row(text, high=True) for text in more if self._source.gaps or name == "Launch & Monitor"]
        return rows

    def _row(self, text: str, gaps: Iterable[Gap], phases: Sequence[Phase], *, high: bool = False) -> _Row:
        """A task and the steps that close its gaps in some phases; each step once, for the first that asks."""
        known = {step.id: step for step in self._all}
        ids = [id_ for gap in gaps for id_ in self._closing.get(gap.sentence, ())
               if known[id_].phase in phases and id_ not in self._tied]  # fmt: skip
        self._tied.update(ids)
        return _Row(text, tuple(dict.fromkeys(ids)), high)

    def _fields(self, table: str) -> _Row | None:
        gaps = [gap for gap in self._tables[table] if gap.kind in ("column_added", "column_renamed", "table_renamed")]
        merges = [merge for merge in self._source.answers.merges if merge.table == table]
        merged = {merge.column for merge in merges}
        parts = [f"rename the table {gap.from_} to {gap.to}" for gap in gaps if gap.kind == "table_renamed"]
        parts += [f"replace {', '.join(merge.sources)} with a single {merge.column} field" if len(merge.sources) > 1
                  else f"make {merge.column} of {', '.join(merge.sources)}" for merge in merges]  # fmt: skip
        parts += [f"rename {gap.from_} to {gap.to}" for gap in gaps if gap.kind == "column_renamed"]
        added = [gap.column or "" for gap in gaps if gap.kind == "column_added" and gap.column not in merged]
        parts += [f"add {', '.join(added)}"] if added else []
        return self._row(f"{table}: {'; '.join(parts)}", gaps, (Phase.EXPAND,), high=True) if parts else None

    def _rest_of_expand(self, rows: list[_Row]) -> None:
        """What the plan adds that closes no gap by itself (a renamed column's new name, a trigger)."""
        for step in self._all:
            if step.phase == Phase.EXPAND and step.id not in self._tied:
                self._tied.add(step.id)
                table = step.objects[0] if step.objects else ""
                at = next((n for n, row in enumerate(rows) if row.text.startswith(f"{table}: ")), None)
                if at is None:
                    rows.append(_Row(one_line(step.summary), (step.id,), high=True))
                else:
                    rows[at] = replace(rows[at], steps=(*rows[at].steps, step.id))

    def _indexes(self, table: str) -> _Row | None:
        kinds = ("index_", "unique_", "foreign_key_", "primary_key_")
        gaps = [gap for gap in self._tables[table] if gap.kind.startswith(kinds) and not gap.kind.endswith("_removed")]
        return self._listed(table, gaps, (Phase.EXPAND,))

    def _types(self, table: str) -> _Row | None:
        kinds = ("type_changed", "nullability_changed", "default_changed", "check_added")
        gaps = [gap for gap in self._tables[table] if gap.kind in kinds or gap.kind.startswith("enum_")]
        return self._listed(table, gaps, (Phase.EXPAND,))

    def _listed(self, table: str, gaps: Sequence[Gap], phases: Sequence[Phase]) -> _Row | None:
        sentences = [gap.sentence.removeprefix(f"{table}: ").removeprefix(f"{table}.") for gap in gaps]
        said = "; ".join(dict.fromkeys(sentences))
        return self._row(f"{table}: {said}", gaps, phases) if gaps else None

    def _code(self) -> tuple[list[_Row], list[_Row]]:
        """A task for each table whose change the code feels, on either side, with the files."""
        backend, frontend = list[_Row](), list[_Row]()
        used = touched_by(self._source.gaps, self._source.usages or ())
        for side, wanted in ((backend, False), (frontend, True)):
            files: dict[str, Counter[str]] = defaultdict(Counter)
            columns: dict[str, dict[str, None]] = defaultdict(dict)
            for usage in used:
                if bool(_FRONTEND.search(usage.file)) == wanted:
                    files[usage.table][usage.file] += 1
                    columns[usage.table][usage.column or ""] = None
            for table, places in files.items():
                names = ", ".join(name for name in columns[table] if name) or "the table"
                side.append(_Row(f"{table}: move what uses {names} to the new schema ({_named(places)})"))
        if self._source.usages is None:
            changed = [t for t, gaps in self._tables.items() if any(not g.kind.startswith("table_") for g in gaps)]
            backend.extend(_Row(f"{table}: update models, mutations and queries") for table in changed)
        if self._new:
            names = ", ".join(gap.table for gap in self._new)
            backend.append(_Row(f"Add models, mutations and queries for the new tables: {names}"))
        backend.extend(self._steps(Phase.REFACTOR))
        return backend, frontend

    def _removed(self) -> list[_Row]:
        rows = self._steps(Phase.CONTRACT)
        if rows:
            return rows
        for table, gaps in self._tables.items():
            gone = [gap.column or "" for gap in gaps if gap.kind == "column_removed"]
            rows += [_Row(f"{table}: remove {', '.join(gone)}", high=True)] if gone else []
            rows += [_Row(f"Remove the table {table}", high=True) for gap in gaps if gap.kind == "table_removed"]
        return rows

    def _steps(self, phase: Phase) -> list[_Row]:
        """The steps of a phase that no task is tied to yet, a task each."""
        steps = [step for step in self._all if step.phase == phase]
        free = [step for step in steps if step.id not in self._tied]
        self._tied.update(step.id for step in free)
        return [_Row(one_line(step.summary) or step.id, (step.id,), _careful(step)) for step in free]


_ALWAYS = {
    "Update Backend Logic": ("Keep backward compatibility during the transition",),
    "Update Frontend": ("Read and write the new fields in the user interface, and keep the old ones working",),
    "Data Migration": ("Take full backups before each migration step", "Plan and test rollback for each step"),
    "Testing & QA": ("Expand automated and manual tests for all flows, with old and new data",),
    "Deprecate & Clean Up": ("Remove legacy code",),
    "Launch & Monitor": (
        "Monitor for errors, performance, and data issues after the migration",
        "Rollback if any critical issues are found",
    ),
}
"""What every migration needs and no gap asks for."""


def _careful(step: Step) -> bool:
    return step.writes_data or bool(MUST_BE_ALLOWED.intersection(step.hazards))


def _named(places: Counter[str]) -> str:
    shown = [f"{file} ×{count}" if count > 1 else file for file, count in places.most_common(_FILES)]
    more = f" and {len(places) - _FILES} more files" if len(places) > _FILES else ""
    return ", ".join(shown) + more
