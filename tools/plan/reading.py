"""Reading a plan file: every mistake is one sentence with the file and the line where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from tools.errors import SourceError
from tools.location import DIALECTS
from tools.plan.model import WATCH, Accounting, Backfill, Hazard, Phase, Plan, Step, StepCheck
from tools.plan.walls import refuse_breaches
from tools.schema.model import Question

_PLAN_KEYS = (
    "oneplan",
    "dialect",
    "origin",
    "target",
    "current",
    "desired",
    "version",
    "questions",
    "held_back",
    "notes",
    "steps",
    "accounting",
)
_FLAGS = ("reversible", "transactional", "undo_transactional", "writes_data", "manual", "rebuild")
_TEXTS = ("id", "phase", "operation", "summary", "reason")
_LISTS = ("hazards", "objects", "depends_on", "sql", "undo", "closes")
_STEP_KEYS = (*_TEXTS, *_LISTS, *_FLAGS, "checks", "undo_checks", "backfill")
_QUESTION_KEYS = ("kind", "table", "before", "after", "evidence", "likeness", "value")
_EMPTY_ALLOWED = ("baseline", "proof", "verify_rows", WATCH)


def plan_from_yaml(text: str, source: str = "plan.yaml") -> Plan:
    """The plan in a YAML text. Raises SourceError (`file:line: what is wrong`) for anything but a sound plan, and
    Refused for one whose SQL leaves its database or its transaction."""
    reader = _Reader(source)
    root = reader.compose(text)
    plan = reader.plan(root)
    for step_id, message in problems(plan):
        raise SourceError(message, source=source, line=reader.lines.get(step_id or ""))
    refuse_breaches(plan, source)
    return plan


def problems(plan: Plan) -> Iterator[tuple[str | None, str]]:
    """(step, what is wrong) for everything that makes a plan nonsense."""
    order, seen, at = list(Phase), dict[str, Step](), 0
    ids = {step.id for step in plan.steps}
    for step in plan.steps:
        name = f"step {step.id!r}"
        if step.id in seen:
            yield step.id, f"two steps are called {step.id!r}"
        if order.index(step.phase) < at:
            yield step.id, f"{name} is of phase {step.phase.value} but stands after phase {order[at].value}"
        at = max(at, order.index(step.phase))
        for needed in step.depends_on:
            if needed not in ids:
                yield step.id, f"{name} depends on {needed!r}, which is no step of this plan"
            elif needed not in seen:
                yield step.id, f"{name} depends on {needed!r}, which comes later"
        yield from ((step.id, f"{name} {what}") for what in _step_problems(step))
        seen[step.id] = step


def _step_problems(step: Step) -> Iterator[str]:
    works = bool(step.sql or step.backfill)
    if step.manual and works:
        yield "is manual and yet has SQL: it would never run"
    if not step.manual and not works and not step.checks and step.operation not in _EMPTY_ALLOWED:
        yield "has no sql, no backfill and no checks: remove the step, or put its SQL back"
    if any(not sql.strip() for sql in (*step.sql, *step.undo, *(c.sql for c in step.checks))):
        yield "has an empty SQL statement"
    if step.sql and not step.undo and step.reversible:
        yield "has SQL and no undo: put the undo back, or say `reversible: false`"
    if step.undo and not step.reversible:
        yield "has an undo and says `reversible: false`: one of the two is wrong"
    if step.backfill and not step.backfill.assignments:
        yield "has a backfill that sets nothing"
    if not step.transactional and step.backfill:
        yield "is not transactional and has a backfill: make it two steps"


class _Reader:
    """Takes a YAML tree apart, with the line of each part."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[str, int] = {}

    def compose(self, text: str) -> Any:
        import yaml

        try:
            loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            root: Any = cast(Any, yaml).compose(text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.wrong(
                f"is no YAML: {error.problem or error.context}", mark.line + 1 if mark else None
            ) from error
        except yaml.YAMLError as error:
            raise self.wrong(f"is no YAML: {' '.join(str(error).split())}") from error
        if root is None:
            raise self.wrong("is empty, not a plan")
        return root

    def wrong(self, message: str, line: int | None = None) -> SourceError:
        return SourceError(message, source=self.source, line=line)

    def plan(self, root: Any) -> Plan:
        parts = self.mapping(root, "the file", _PLAN_KEYS)
        if "oneplan" not in parts:
            raise self.wrong("is no plan of oneplan: it does not begin with `oneplan: 1`", 1)
        if self.scalar(parts["oneplan"], "oneplan") != 1:
            raise self.wrong("is of a newer form than this oneplan reads", _line(parts["oneplan"]))
        for needed in ("dialect", "origin", "target", "steps"):
            if needed not in parts:
                raise self.wrong(f"has no `{needed}`", 1)
        dialect = self.text(parts["dialect"], "dialect")
        if dialect not in DIALECTS:
            raise self.wrong(f"dialect {dialect!r} is not one of {', '.join(DIALECTS)}", _line(parts["dialect"]))
        return Plan(
            dialect=dialect,
            origin=self.digest(parts["origin"], "origin"),
            target=self.digest(parts["target"], "target"),
            steps=tuple(self.each(parts["steps"], "steps", self.step)),
            current_source=self.text(parts.get("current"), "current"),
            desired_source=self.text(parts.get("desired"), "desired"),
            version=self.text(parts.get("version"), "version"),
            questions=tuple(self.each(parts.get("questions"), "questions", self.question)),
            held_back=self.texts(parts.get("held_back"), "held_back"),
            notes=self.texts(parts.get("notes"), "notes"),
            accounting=tuple(self.each(parts.get("accounting"), "accounting", self.account)),
        )

    def step(self, node: Any) -> Step:
        parts = self.mapping(node, "a step", _STEP_KEYS)
        for needed in ("id", "phase", "operation"):
            if needed not in parts:
                raise self.wrong(f"a step has no `{needed}`", _line(node))
        texts = {name: self.text(parts.get(name), name) for name in _TEXTS}
        if texts["phase"] not in tuple(Phase):
            raise self.wrong(f"{texts['phase']!r} is no phase: one of {', '.join(Phase)}", _line(parts["phase"]))
        lists = {name: self.texts(parts.get(name), name) for name in _LISTS}
        for hazard in lists["hazards"]:
            if hazard not in tuple(Hazard):
                raise self.wrong(f"{hazard!r} is no hazard: one of {', '.join(Hazard)}", _line(parts["hazards"]))
        flags = {name: self.flag(parts[name], name) for name in _FLAGS if name in parts}
        self.lines.setdefault(texts["id"], _line(node))
        if texts["id"] in self.lines and self.lines[texts["id"]] != _line(node):
            raise self.wrong(f"two steps are called {texts['id']!r}", _line(node))
        return Step(
            id=texts["id"],
            phase=Phase(texts["phase"]),
            operation=texts["operation"],
            summary=texts["summary"],
            reason=texts["reason"],
            objects=lists["objects"],
            sql=lists["sql"],
            undo=lists["undo"],
            depends_on=lists["depends_on"],
            closes=lists["closes"],
            hazards=tuple(Hazard(h) for h in lists["hazards"]),
            checks=tuple(self.each(parts.get("checks"), "checks", self.check)),
            undo_checks=tuple(self.each(parts.get("undo_checks"), "undo_checks", self.check)),
            backfill=self.backfill(parts["backfill"]) if "backfill" in parts else None,
            **flags,
        )

    def check(self, node: Any) -> StepCheck:
        parts = self.mapping(node, "a check", ("sentence", "sql"), all_needed=True)
        return StepCheck(self.text(parts["sentence"], "sentence"), self.text(parts["sql"], "sql"))

    def backfill(self, node: Any) -> Backfill:
        parts = self.mapping(
            node, "a backfill", ("table_key", "table", "key", "set", "where", "batch", "quiet", "again")
        )
        for needed in ("table_key", "table", "set"):
            if needed not in parts:
                raise self.wrong(f"a backfill has no `{needed}`", _line(node))
        where = self.text(parts["where"], "where") if "where" in parts else "TRUE"
        return Backfill(
            self.text(parts["table_key"], "table_key"),
            self.text(parts["table"], "table"),
            self.texts(parts.get("key"), "key"),
            self.pairs(parts["set"], "set"),
            where,
            self.number(parts["batch"], "batch") if "batch" in parts else 0,
            self.texts(parts.get("quiet"), "quiet"),
            self.texts(parts.get("again"), "again"),
        )

    def account(self, node: Any) -> Accounting:
        parts = self.mapping(node, "an accounting entry", ("table", "before", "after", "columns"))
        for needed in ("table", "before"):
            if needed not in parts:
                raise self.wrong(f"an accounting entry has no `{needed}`", _line(node))
        after = self.scalar(parts["after"], "after") if "after" in parts else None
        return Accounting(
            self.text(parts["table"], "table"),
            self.text(parts["before"], "before"),
            None if after is None else str(after),
            self.pairs(parts.get("columns"), "columns"),
        )

    def question(self, node: Any) -> Question:
        parts = self.mapping(node, "a question", _QUESTION_KEYS)
        kind = self.text(parts.get("kind"), "kind")
        if kind not in ("table", "column", "enum_value", "index", "merge", "split"):
            raise self.wrong(f"a question is of kind table, column, enum_value, index, merge or split, not {kind!r}",
                             _line(node))  # fmt: skip
        likeness = self.scalar(parts["likeness"], "likeness") if "likeness" in parts else 0.0
        table = self.text(parts["table"], "table") if "table" in parts else None
        return Question(
            kind,
            table,
            self.text(parts.get("before"), "before"),
            self.text(parts.get("after"), "after"),
            self.texts(parts.get("evidence"), "evidence"),
            float(likeness),
            self.text(parts["value"], "value") if "value" in parts else "",
        )

    def mapping(self, node: Any, what: str, keys: tuple[str, ...], *, all_needed: bool = False) -> dict[str, Any]:
        if type(node).__name__ != "MappingNode":
            raise self.wrong(f"{what} is not a mapping of names to values", _line(node))
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = self.text(key, what)
            if name not in keys:
                raise self.wrong(f"{what} knows no `{name}`: one of {', '.join(keys)}", _line(key))
            if name in found:
                raise self.wrong(f"{what} says `{name}` twice", _line(key))
            found[name] = value
        missing = [key for key in keys if key not in found]
        if all_needed and missing:
            raise self.wrong(f"{what} has no `{missing[0]}`", _line(node))
        return found

    def each(self, node: Any, what: str, read: Callable[[Any], Any]) -> list[Any]:
        if node is None or (type(node).__name__ == "ScalarNode" and node.value in ("", "null", "~")):
            return []
        if type(node).__name__ != "SequenceNode":
            raise self.wrong(f"`{what}` is not a list", _line(node))
        return [read(item) for item in node.value]

    def texts(self, node: Any, what: str) -> tuple[str, ...]:
        return tuple(self.each(node, what, lambda item: self.text(item, f"an item of {what}")))

    def pairs(self, node: Any, what: str) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for item in self.each(node, what, lambda item: item):
            pair = self.texts(item, what)
            if len(pair) != 2:
                raise self.wrong(f"`{what}` holds pairs, and this has {len(pair)} parts", _line(item))
            found.append((pair[0], pair[1]))
        return tuple(found)

    def text(self, node: Any, what: str) -> str:
        if node is None:
            return ""
        if type(node).__name__ != "ScalarNode":
            raise self.wrong(f"{what} is not a text", _line(node))
        return str(node.value)

    def scalar(self, node: Any, what: str) -> Any:
        import yaml

        self.text(node, what)
        return yaml.safe_load(node.value) if not node.style else node.value

    def number(self, node: Any, what: str) -> int:
        value = self.scalar(node, what)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.wrong(f"`{what}` is a number of rows, not {node.value!r}", _line(node))
        return value

    def flag(self, node: Any, what: str) -> bool:
        value = self.scalar(node, what)
        if not isinstance(value, bool):
            raise self.wrong(f"`{what}` is true or false, not {node.value!r}", _line(node))
        return value

    def digest(self, node: Any, what: str) -> str:
        value = self.text(node, what)
        if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
            raise self.wrong(f"`{what}` is no digest (64 hexadecimal digits)", _line(node))
        return value


def _line(node: Any) -> int:
    return node.start_mark.line + 1
