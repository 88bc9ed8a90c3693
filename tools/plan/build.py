"""`build_plan`: from two schemas to the steps between them.

The operations run in the order of STAGES over one draft; each adds its steps and moves the draft's state on, so that
every step is made for the shape it will find. Where the state ends is what the plan promises: whatever still lies
between it and the desired schema is said under `held_back`, by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tools.errors import UsageError
from tools.plan import limits
from tools.plan.accounting import accounting
from tools.plan.draft import Draft
from tools.plan.facts import Facts, facts_of
from tools.plan.hazards import with_hazards
from tools.plan.model import Plan
from tools.plan.pairs import SHADOW, Way, pair_up
from tools.plan.partitions import key_columns
from tools.plan.steps import (
    add_column,
    attributes,
    baseline,
    composites,
    constraints,
    copy_column,
    counted_column,
    create_table,
    defaults,
    definitions,
    domains,
    drop_table,
    enlarge_column,
    enums,
    fill,
    finish_column,
    indexes,
    keys,
    loosen,
    merge_columns,
    objects,
    partition_moves,
    partitions,
    people,
    proof,
    rebuild_table,
    rename_table,
    sequences,
    value_source,
    verify,
    watch,
)
from tools.plan.target import held_target, respelled
from tools.schema.digest import schema_digest
from tools.schema.further_questions import listed
from tools.schema.gaps import compare
from tools.schema.grounded import grounded
from tools.schema.kinds import aligned
from tools.schema.lower import lower
from tools.schema.model import Answers, Question, Schema
from tools.schema.renames import rename_questions
from tools.schema.renaming import renamed
from tools.schema.unheld import unheld

STAGES: tuple[Callable[[Draft], None], ...] = (
    baseline.analyse,
    # expand: nothing that old code could notice
    enums.expand,
    sequences.expand,
    objects.before_tables,
    composites.expand,
    domains.expand,
    definitions.before_tables,
    rename_table.expand,
    enlarge_column.expand,
    attributes.expand,
    loosen.expand,
    defaults.expand,
    add_column.expand,
    copy_column.expand,
    create_table.expand,
    objects.after_tables,
    partitions.expand,
    constraints.expand,
    indexes.expand,
    definitions.expand,
    # refactor
    people.refactor,
    # migrate
    fill.nulls,
    copy_column.migrate,
    fill.added,
    # verify
    verify.verify,
    indexes.verify,
    constraints.verify,
    domains.verify,
    people.switch,
    # contract: old names go, new rules hold
    people.contract,
    merge_columns.contract,
    objects.contract,
    definitions.contract,
    value_source.let_go,
    finish_column.contract,
    drop_table.before_rebuilds,
    rebuild_table.contract,
    add_column.late,
    constraints.tighten,
    value_source.contract,
    counted_column.contract,
    keys.contract,
    attributes.contract,
    indexes.contract,
    constraints.contract,
    defaults.contract,
    create_table.late,
    drop_table.contract,
    enums.contract,
    partition_moves.contract,
    domains.contract,
    composites.contract,
    sequences.contract,
    definitions.finish,
    objects.finish,
    people.finish,
    # monitor
    proof.monitor,
    watch.monitor,
)


def build_plan(
    current: Schema,
    desired: Schema,
    answers: Answers | None = None,
    facts: Facts | None = None,
    usages: Mapping[str, Sequence[str]] | None = None,
) -> Plan:
    """The plan from `current` to `desired`, for the current schema's backend.

    A desired schema of another dialect is lowered first. Renames nobody answered stay open: their additions are in the
    plan, their drops are not. `facts` (of the live database) sharpen the hazards. usages: where the code uses a table
    (`agents`) or a column (`agents.goal`) of the current schema, as `file:line`: the steps for people list them. Raises
    UsageError where the current schema is that of no SQL database.
    """
    if current.origin not in ("sql", "parsed"):
        raise UsageError(
            f"{current.source or current.origin}: a plan starts from a database or its SQL, and this is a schema of "
            f"{current.origin.capitalize()}: name the database that holds the rows as the current side "
            "(`oneplan gap` compares the two as they are)"
        )
    told = answers or Answers()
    desired = grounded(desired, renamed(current, told))
    wanted = (
        desired if desired.dialect == current.dialect else lower(desired, current.dialect, like=current, answers=told)
    )
    left_out = unheld(desired, wanted)
    if desired.unsaid or desired.origin != current.origin:
        wanted = aligned(renamed(current, told), wanted, desired)
    wanted = respelled(current, wanted)
    questions = rename_questions(current, wanted, told)
    known = _known(current, told, facts)
    held = limits.within_limits(current, held_target(current, wanted, questions, told), told)
    draft = _draft(current, held, told, known)
    draft.usages = usages or {}
    for sentence in (*left_out, *_left_over(current)):
        draft.note(sentence)
    if draft.gaps:
        for stage in STAGES:
            stage(draft)
    return with_hazards(_plan(draft, desired, wanted, questions), known)


def _left_over(current: Schema) -> Iterator[str]:
    """What a run that was given up has left of its work."""
    for table in current.tables:
        for name in (*table.column_names, *(check.name or "" for check in table.checks)):
            if name.endswith(SHADOW):
                yield (f"{table.key}: {name} is left of a run that was given up and stands in the way of a new one: "
                       "take that run back (`oneplan rollback`), and plan again")  # fmt: skip


def _known(current: Schema, answers: Answers, facts: Facts | None) -> Facts:
    """The facts, by the names that tables bear now and by those that they are given."""
    known = facts if facts is not None else facts_of(current)
    return known | {new: known[old] for old, new in answers.tables if old in known}


def _draft(current: Schema, target: Schema, answers: Answers, facts: Facts) -> Draft:
    gaps = compare(current, target, answers)
    origin = schema_digest(current)
    return Draft(
        origin=current,
        target=target,
        answers=answers,
        facts=facts,
        gaps=gaps,
        pairs=pair_up(current, target, answers),
        state=current,
        fingerprint=origin + schema_digest(target),
    )


def _plan(draft: Draft, desired: Schema, wanted: Schema, questions: tuple[Question, ...]) -> Plan:
    current = draft.origin
    return Plan(
        dialect=current.dialect,
        origin=schema_digest(current),
        target=schema_digest(draft.state),
        steps=tuple(draft.steps),
        current_source=current.source,
        desired_source=desired.source,
        version=current.version,
        questions=questions,
        held_back=_held_back(draft, wanted, questions),
        notes=tuple(draft.notes),
        accounting=accounting(draft),
    )


def _held_back(draft: Draft, wanted: Schema, questions: tuple[Question, ...]) -> tuple[str, ...]:
    """What still lies between the plan's end and the desired schema, with the reason."""
    asked = {(q.table, name) for q in questions if q.kind != "table" for name in listed(q.before)} | {
        (q.before, None) for q in questions if q.kind == "table"
    }
    sentences = list(_renames_not_made(draft))
    gaps = compare(draft.state, wanted)
    stay = limits.unturned(gaps, draft.dialect) if draft.dialect == "postgres" else {}
    for gap in gaps:
        subjects = {(gap.table, gap.column), (gap.table, None), (gap.table, gap.name), (gap.name, gap.from_)}
        open_ = not asked.isdisjoint(subjects)
        waits = open_ or _touches(gap, questions)
        why = "held back while the rename is an open question" if waits else limits.reason(gap, draft.origin, wanted)
        why = why or limits.no_cast(gap, stay.get(gap.table, frozenset()), draft.dialect)
        sentences.append(f"{gap.sentence or gap.kind}: {why or 'not done by this plan'}")
    return tuple(sentences)


def _renames_not_made(draft: Draft) -> Iterator[str]:
    """Answers that name something there, and yet cannot be followed: the new name is taken, or is not wanted."""
    made = {(p.before.key, m.old.name, m.new.name) for p in draft.pairs for m in p.of(*Way) if m.before and m.after}
    for table, old, new in draft.answers.columns:
        before = draft.origin.table(table)
        fixed = before is not None and old in key_columns(before)  # told with its own reason
        if before and before.column(old) and not fixed and (table, old, new) not in made:
            why = "is taken by another column" if before.column(new) else f"is not in the desired {table}"
            yield f"the rename {table}.{old} to {new} is not done by this plan: {new} {why}"
    renamed = {(p.before.key, p.after.key) for p in draft.pairs}
    for old, new in draft.answers.tables:
        if draft.origin.table(old) and (old, new) not in renamed:
            why = "is taken by another table" if draft.origin.table(new) else "is not in the desired schema"
            yield f"the rename of table {old} to {new} is not done by this plan: {new} {why}"


def _touches(gap: object, questions: tuple[Question, ...]) -> bool:
    text = getattr(gap, "from_", None) or ""
    return any(q.table == getattr(gap, "table", None) and q.before in text for q in questions if q.kind == "column")
