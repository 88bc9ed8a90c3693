"""Plans as files: YAML made for review, JSON for scripts, and one step's SQL edited.

The YAML keeps everything: `plan_from_yaml(plan_to_yaml(plan)) == plan`. Digests of origin and target stand in it; the
plan's own digest is computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, cast

from tools.errors import SourceError, UsageError
from tools.plan.hazards import hazards_of
from tools.plan.model import WATCH, Backfill, Plan, Step
from tools.plan.reading import plan_from_yaml, problems
from tools.plan.walls import refuse_breaches
from tools.schema.tokens import split

__all__ = ["edit_step", "plan_from_yaml", "plan_to_json", "plan_to_yaml"]

_HEAD = """\
# A plan of oneplan, to be read and reviewed. Steps run in this order. SQL, summaries and hazards may be edited: an
# edited step must pass the rehearsal again, and hazards that the SQL shows are added back when they are missing here.
"""
_FLAGS = {
    "reversible": True,
    "transactional": True,
    "undo_transactional": True,
    "writes_data": False,
    "manual": False,
    "rebuild": False,
}


def plan_to_yaml(plan: Plan) -> str:
    """The plan as YAML: stable order, SQL in block scalars, nothing said that is the default."""
    import yaml

    return _HEAD + yaml.dump(
        _plain(plan), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100_000, default_flow_style=False
    )


def plan_to_json(plan: Plan, known: Callable[[str], dict[str, Any]] | None = None) -> dict[str, Any]:
    """CLI.md's `data` of a plan: phases with their steps, digests, questions, what is held back, notes.

    known: what else there is to say of a step, by its id.
    """
    from tools.schema.serial import question_to_json

    return {
        "digest": plan.digest,
        "origin": plan.origin,
        "target": plan.target,
        "dialect": plan.dialect,
        "current": plan.current_source,
        "desired": plan.desired_source,
        "version": plan.version,
        "phases": [
            {"phase": phase.value, "steps": [_step_json(s) | (known(s.id) if known else {}) for s in steps]}
            for phase, steps in plan.phases()
        ],
        "questions": [question_to_json(question) for question in plan.questions],
        "held_back": list(plan.held_back),
        "notes": list(plan.notes),
    }


def edit_step(plan: Plan, step_id: str, sql: str) -> Plan:
    """The plan with other SQL in one step, its hazards computed anew; its checks and its undo stay.

    A backfill whose statement stands unchanged at the end stays in batches; another one becomes plain SQL. Raises
    UsageError for an unknown or a manual step, SourceError for text that holds no statement or does not parse.
    """
    step = plan.step(step_id)
    if step is None:
        raise UsageError(f"the plan has no step {step_id!r}")
    if step.manual or step.operation in ("baseline", "proof", WATCH):
        raise UsageError(f"step {step_id!r} runs no SQL, so there is none to edit")
    statements = tuple(statement.text for statement in split(sql, plan.dialect, step_id))
    if not statements:
        raise SourceError("holds no SQL statement: reject the step if it shall not run", source=step_id)
    _must_parse(statements, plan, step_id)
    backfill = step.backfill
    if backfill is not None and _ends_in(statements, backfill):
        statements = statements[: -len(backfill.whole())]
    elif backfill is not None:
        backfill = None
    edited = replace(step, sql=statements, backfill=backfill)
    edited = replace(edited, hazards=hazards_of(edited, plan.dialect, {}))
    changed = replace(plan, steps=tuple(edited if s.id == step_id else s for s in plan.steps))
    for _, message in problems(changed):
        raise SourceError(message, source=step_id)
    refuse_breaches(changed, "the edited plan")
    return changed


def _must_parse(statements: tuple[str, ...], plan: Plan, step_id: str) -> None:
    import sqlglot
    from sqlglot.errors import ParseError

    for number, text in enumerate(statements, 1):
        try:
            sqlglot.parse_one(text, read=plan.dialect)
        except ParseError as error:
            first = error.errors[0] if error.errors else {}
            what = first.get("description", str(error).splitlines()[0])
            raise SourceError(
                f"statement {number} is no {plan.dialect} SQL: {what} (near {first.get('highlight', '')!r})",
                source=step_id,
            ) from error


def _ends_in(statements: tuple[str, ...], backfill: Backfill) -> bool:
    whole = backfill.whole()
    return len(statements) >= len(whole) and all(map(_alike, statements[-len(whole) :], whole))


def _alike(a: str, b: str) -> bool:
    return " ".join(a.split()) == " ".join(b.split())


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "phase": step.phase.value,
        "operation": step.operation,
        "summary": step.summary,
        "sql": list(step.statements()),
        "undo": list(step.undo),
        "hazards": [h.value for h in step.hazards],
        "reversible": step.reversible,
        "checks": [asdict(check) for check in step.checks],
        "objects": list(step.objects),
        "depends_on": list(step.depends_on),
        "manual": step.manual,
        "transactional": step.transactional,
        "closes": list(step.closes),
        "reason": step.reason,
    }


def _plain(plan: Plan) -> dict[str, Any]:
    head = {
        "oneplan": 1,
        "dialect": plan.dialect,
        "origin": plan.origin,
        "target": plan.target,
        "current": plan.current_source,
        "desired": plan.desired_source,
        "version": plan.version,
    }
    body = {
        "questions": [_given(asdict(q)) for q in plan.questions],
        "held_back": list(plan.held_back),
        "notes": list(plan.notes),
        "steps": [_step(step) for step in plan.steps],
        "accounting": [
            {
                "table": a.table,
                "before": a.table_before,
                "after": a.table_after,
                "columns": [list(pair) for pair in a.columns],
            }
            for a in plan.accounting
        ],
    }
    return {key: value for key, value in (head | body).items() if value not in ("", [])} | {"steps": body["steps"]}


def _given(value: dict[str, Any]) -> dict[str, Any]:
    """What is said of a value: tuples as lists, nothing that is None or empty."""
    given = {key: item for key, item in value.items() if item not in (None, ())}
    return {key: [*cast("tuple[Any, ...]", item)] if isinstance(item, tuple) else item for key, item in given.items()}


def _step(step: Step) -> dict[str, Any]:
    flags = {name: getattr(step, name) for name, default in _FLAGS.items() if getattr(step, name) != default}
    found: dict[str, Any] = {
        "id": step.id,
        "phase": step.phase.value,
        "operation": step.operation,
        "summary": step.summary,
        "reason": step.reason,
        "hazards": [h.value for h in step.hazards],
        **flags,
        "objects": list(step.objects),
        "depends_on": list(step.depends_on),
        "checks": [asdict(check) for check in step.checks],
        "sql": list(step.sql),
        "backfill": _backfill(step.backfill),
        "undo": list(step.undo),
        "undo_checks": [asdict(check) for check in step.undo_checks],
        "closes": list(step.closes),
    }
    return {key: value for key, value in found.items() if value not in ("", [], None)}


def _backfill(backfill: Backfill | None) -> dict[str, Any] | None:
    if backfill is None:
        return None
    return (
        {
            "table_key": backfill.table_key,
            "table": backfill.table,
            "key": list(backfill.key),
            "set": [list(pair) for pair in backfill.assignments],
            "where": backfill.where,
        }
        | ({"batch": backfill.batch} if backfill.batch else {})
        | ({"quiet": list(backfill.quiet)} if backfill.quiet else {})
        | ({"again": list(backfill.again)} if backfill.again else {})
    )


def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Strings of several lines as block scalars; lists indented under their key."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
