"""Unique, foreign key, check and NOT NULL on Postgres: added without looking at old rows, then validated beside running
writes; what goes, goes in the contract phase. SQLite and DuckDB take constraints only with a table made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tools.plan.dependents import comments_on
from tools.plan.differences import (
    foreign_key_form,
    missing,
    new_checks,
    new_foreign_keys,
    new_primary_key,
    new_uniques,
    on_carriers,
)
from tools.plan.draft import Draft
from tools.plan.held import check as held_by
from tools.plan.held import set_not_null
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import Move, Pair, Way, shadow
from tools.plan.partitions import is_partitioned
from tools.plan.shape import check_columns, edit_table
from tools.plan.steps import partitions
from tools.plan.steps.create_table import can_point
from tools.plan.steps.fill import must_hold
from tools.plan.steps.indexes import build
from tools.plan.steps.partitions import build_key
from tools.plan.steps.value_source import counts
from tools.plan.way_back import check_holds, foreign_key_holds
from tools.schema.entries import plain
from tools.schema.model import Check, ForeignKey, Index, Table
from tools.schema.normal import normal_check
from tools.schema.render import add_constraint, check_sql, foreign_key_sql, qualified, quote


def expand(draft: Draft) -> None:
    """Foreign keys of new columns: no old row has a value there yet."""
    for pair in _postgres(draft):
        for key in new_foreign_keys(draft, pair):
            if all((m := pair.move_to(c)) and m.way is Way.ADDED for c in key.columns) and _ready(draft, pair, key):
                _add_foreign_key(draft, pair, key, Phase.EXPAND)


def verify(draft: Draft) -> None:
    for pair in _postgres(draft):
        _build_keys(draft, pair)
        for move in pair.moves:
            _hold_not_null(draft, pair, move)
        for key in new_foreign_keys(draft, pair):
            if not _has(draft, pair, key) and _final(pair, key.columns) and _ready(draft, pair, key):
                _add_foreign_key(draft, pair, key, Phase.VERIFY)
        for check in new_checks(draft, pair):
            columns = check_columns(check, pair.after, "postgres")
            if (
                check.validated
                and _final(pair, columns)
                and all(draft.table(pair.after.key).column(c) for c in columns)
            ):
                _add_check(draft, pair, check, Phase.VERIFY)
        _validate_all(draft, pair, Phase.VERIFY)


def contract(draft: Draft) -> None:
    """After the columns are swapped: old constraints away, and what had to wait."""
    for pair in _postgres(draft):
        _drop_old(draft, pair)
    for pair in _postgres(draft):
        for key in missing(pair.after.foreign_keys, draft.table(pair.after.key).foreign_keys, foreign_key_form):
            _add_foreign_key(draft, pair, key, Phase.CONTRACT)
        for check in missing(pair.after.checks, draft.table(pair.after.key).checks, _ck):
            _add_check(draft, pair, check, Phase.CONTRACT)
        _validate_all(draft, pair, Phase.CONTRACT)


def tighten(draft: Draft) -> None:
    """NOT NULL, where the verify phase has proved it."""
    for pair in _postgres(draft):
        for move in pair.of(Way.ADDED, Way.KEPT):
            _set_not_null(draft, pair, move)


def not_null_name(column: str) -> str:
    return shadow(f"{column}_not_null")


def _postgres(draft: Draft) -> tuple[Pair, ...]:
    return draft.pairs if draft.dialect == "postgres" else ()


def _ck(check: Check) -> object:
    return normal_check(replace(check, validated=True), "postgres")


def _final(pair: Pair, columns: tuple[str, ...]) -> bool:
    """Whether the columns bear their final names already."""
    return all(pair.carrier(c) == c for c in columns)


def _ready(draft: Draft, pair: Pair, key: ForeignKey) -> bool:
    return _final(pair, key.columns) and can_point(draft.state, draft.table(pair.after.key), key)


def _has(draft: Draft, pair: Pair, key: ForeignKey) -> bool:
    return not missing([key], draft.table(pair.after.key).foreign_keys, foreign_key_form)


def _build_keys(draft: Draft, pair: Pair) -> None:
    """The indexes that new primary and unique keys will take over in the contract phase."""
    key = new_primary_key(draft, pair)
    groups = [(k.name or f"{pair.after.name}_pkey", k.columns) for k in (key,) if k]
    groups += [
        (unique_name(pair.after, u.columns, u.name), u.columns) for u in new_uniques(draft, pair) if not u.options
    ]
    for name, columns in groups:
        carriers = on_carriers(pair, columns)
        if not all(draft.table(pair.after.key).column(c) for c in carriers):
            continue
        entries = tuple(map(plain, carriers))
        if is_partitioned(pair.before):
            build_key(draft, pair.after, Index(name, pair.after.key, entries, unique=True), Phase.VERIFY)
        else:
            build(draft, pair.after, Index(shadow(name), pair.after.key, entries, unique=True), Phase.VERIFY)


def unique_name(table: Table, columns: tuple[str, ...], name: str | None) -> str:
    return name or f"{table.name}_{'_'.join(columns)}_key"


def _free_name(draft: Draft, pair: Pair, name: str) -> str:
    """The constraint's own name, or a waiting one while another constraint of the table has it."""
    table = draft.table(pair.after.key)
    things = (*table.foreign_keys, *table.checks, *table.uniques, *((table.primary_key,) if table.primary_key else ()))
    return shadow(name) if name in {thing.name for thing in things} else name


@dataclass(frozen=True)
class _Addition:
    """A constraint to add: what it is called, its clause, the schema's word for it, and whether old code feels it."""

    name: str
    clause: str
    what: str
    operation: str
    felt: bool = True


def _all_new(pair: Pair, columns: tuple[str, ...]) -> bool:
    """Whether old code knows none of the columns, and so writes none of them."""
    return bool(columns) and all((m := pair.move_to(c)) and m.way is Way.ADDED for c in columns)


def _add(
    draft: Draft,
    pair: Pair,
    phase: Phase,
    addition: _Addition,
    change: Callable[[Table], Table],
    subjects: Iterator[str],
) -> None:
    key = pair.after.key
    draft.add(
        Step(
            draft.step_id(phase, key, f"{addition.operation}_{addition.name}"),
            phase,
            addition.operation,
            f"Hold new rows of {key} to {addition.what}",
            (key,),
            (f"ALTER TABLE {qualified(key)} ADD {addition.clause} NOT VALID",),
            (f"ALTER TABLE {qualified(key)} DROP CONSTRAINT {quote(addition.name)}",),
            hazards=(Hazard.BREAKS_OLD_CODE,) if addition.felt else (),
            closes=tuple(g.sentence for g in draft.gaps if g.table == key and g.name == addition.name and g.sentence),
            reason="NOT VALID looks at no old row, so its lock is short; VALIDATE follows in a step of its own.",
        ),
        edit_table(draft.state, key, change),
        subjects,
    )


def _add_foreign_key(draft: Draft, pair: Pair, key: ForeignKey, phase: Phase) -> None:
    name = _free_name(draft, pair, key.name or f"{pair.after.name}_{'_'.join(key.columns)}_fkey")
    loose = replace(key, name=name, validated=False)
    clause = foreign_key_sql(replace(loose, validated=True))
    what = f"the foreign key ({', '.join(key.columns)}) to {key.ref_table}"
    if is_partitioned(pair.before) and int(draft.origin.version.partition(".")[0] or 18) < 18:
        sound, felt = replace(key, name=name), not _all_new(pair, key.columns)
        partitions.add_foreign_key(draft, pair.before, sound, phase, felt)
        return
    _add(
        draft,
        pair,
        phase,
        _Addition(name, clause, what, "add_foreign_key", not _all_new(pair, key.columns)),
        lambda t: replace(t, foreign_keys=(*t.foreign_keys, loose)),
        (f"{pair.after.key}#{c}" for c in key.columns),
    )


def _add_check(draft: Draft, pair: Pair, check: Check, phase: Phase) -> None:
    columns = check_columns(check, pair.after, "postgres")
    name = _free_name(draft, pair, check.name or f"{pair.after.name}_{'_'.join(columns)}_check")
    loose = replace(check, name=name, validated=False)
    _add(
        draft,
        pair,
        phase,
        _Addition(
            name,
            check_sql(replace(loose, validated=True)),
            check.expression,
            "add_check",
            not _all_new(pair, columns),
        ),
        lambda t: replace(t, checks=(*t.checks, loose)),
        (f"{pair.after.key}#{c}" for c in columns or ("",)),
    )


def _hold_not_null(draft: Draft, pair: Pair, move: Move) -> None:
    if move.after is None or not must_hold(pair, move):
        return
    column = draft.table(pair.after.key).column(move.carrier)
    if column is None or not column.nullable or column.generated is not None:
        return
    check = Check(f"{quote(move.carrier)} IS NOT NULL", not_null_name(move.carrier), False, (move.carrier,))
    _add(
        draft,
        pair,
        Phase.VERIFY,
        _Addition(
            not_null_name(move.carrier),
            check_sql(replace(check, validated=True)),
            check.expression,
            "hold_not_null",
            move.way is not Way.ADDED or (move.new.default is None and not counts(move.new)),
        ),
        lambda t: replace(t, checks=(*t.checks, check)),
        iter((f"{pair.after.key}#{move.carrier}",)),
    )


def _validate_all(draft: Draft, pair: Pair, phase: Phase) -> None:
    table = draft.table(pair.after.key)
    lax = {k.name for k in pair.after.foreign_keys if not k.validated} | {
        c.name for c in pair.after.checks if not c.validated
    }
    for thing in (*table.foreign_keys, *table.checks):
        if not thing.validated and thing.name and thing.name not in lax:
            columns = (
                thing.columns or check_columns(thing, table, "postgres") if isinstance(thing, Check) else thing.columns
            )
            _validate(draft, table.key, thing.name, columns, phase)


def _validate(draft: Draft, key: str, name: str, columns: tuple[str, ...], phase: Phase) -> None:
    def sound(table: Table) -> Table:
        keys = tuple(replace(f, validated=True) if f.name == name else f for f in table.foreign_keys)
        return replace(
            table,
            foreign_keys=keys,
            checks=tuple(replace(c, validated=True) if c.name == name else c for c in table.checks),
        )

    table, alter = draft.table(key), f"ALTER TABLE {qualified(key)}"
    clauses = [foreign_key_sql(f) for f in table.foreign_keys if f.name == name]
    loose = (clauses + [check_sql(c) for c in table.checks if c.name == name])[0]
    draft.add(
        Step(
            draft.step_id(phase, key, f"validate_{name}"),
            phase,
            "validate",
            f"Hold old rows of {key} to {name} too",
            (key,),
            (f"{alter} VALIDATE CONSTRAINT {quote(name)}",),
            (
                f"{alter} DROP CONSTRAINT {quote(name)}",
                f"{alter} ADD {loose}",
                *comments_on(f"CONSTRAINT {plain(name)} ON", draft.state, key),
            ),
            reason="Reads the whole table, beside running writes.",
        ),
        edit_table(draft.state, key, sound),
        (f"{key}#{c}" for c in columns or ("",)),
    )


def _set_not_null(draft: Draft, pair: Pair, move: Move) -> None:
    key, column = pair.after.key, draft.table(pair.after.key).column(move.new.name)
    if not must_hold(pair, move) or column is None or not column.nullable:
        return
    name, alter = not_null_name(column.name), f"ALTER TABLE {qualified(key)} ALTER COLUMN {quote(column.name)}"
    held = next((c for c in draft.table(key).checks if c.name == name), None)
    drop = (f"ALTER TABLE {qualified(key)} DROP CONSTRAINT {quote(name)}",) if held else ()
    undo = (add_constraint(draft.table(key), check_sql(held)),) if held else ()

    def tight(table: Table) -> Table:
        columns = tuple(replace(c, nullable=False) if c.name == column.name else c for c in table.columns)
        return replace(table, columns=columns, checks=tuple(c for c in table.checks if c.name != name))

    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"not_null_{column.name}"),
            Phase.CONTRACT,
            "set_not_null",
            f"Make {key}.{column.name} NOT NULL",
            (key,),
            (set_not_null(key, column.name), *drop),
            (*undo, f"{alter} DROP NOT NULL"),
            hazards=(Hazard.BREAKS_OLD_CODE,) if move.way is not Way.ADDED else (),
            depends_on=draft.sign_offs,
            closes=draft.gap_sentences(key, column.name, kinds=("nullability_changed",)),
            checks=(held_by(key, column.name),) if held else (),
            reason="The validated CHECK proves it already, so Postgres does not scan the table again.",
        ),
        edit_table(draft.state, key, tight),
        (f"{key}#{column.name}",),
    )


def _drop_old(draft: Draft, pair: Pair) -> None:
    table = draft.table(pair.after.key)
    for key in table.foreign_keys:
        if key.name and missing([key], pair.after.foreign_keys, foreign_key_form):
            since = foreign_key_holds(table.key, key) if draft.state.table(key.ref_table) else ()
            _drop(draft, table, key.name, foreign_key_sql(key), "drop_foreign_key", since)
    for check in table.checks:
        if check.name and missing([check], pair.after.checks, _ck):
            _drop(draft, table, check.name, check_sql(check), "drop_check", check_holds(table, check))


def _drop(
    draft: Draft, table: Table, name: str, clause: str, operation: str, since: tuple[StepCheck, ...]
) -> None:  # fmt: skip
    waiting = shadow(name)
    things = (*table.foreign_keys, *table.checks)
    rename = any(thing.name == waiting for thing in things)
    alter = f"ALTER TABLE {qualified(table.key)}"
    sql = [f"{alter} DROP CONSTRAINT {quote(name)}"]
    undo = [f"{alter} ADD {clause}"]
    if rename:
        sql.append(f"{alter} RENAME CONSTRAINT {quote(waiting)} TO {quote(name)}")
        undo.insert(0, f"{alter} RENAME CONSTRAINT {quote(name)} TO {quote(waiting)}")

    def without(t: Table) -> Table:
        keys = tuple(f for f in t.foreign_keys if f.name != name)
        checks = tuple(c for c in t.checks if c.name != name)
        return replace(
            t,
            foreign_keys=tuple(replace(f, name=name) if f.name == waiting else f for f in keys),
            checks=tuple(replace(c, name=name) if c.name == waiting else c for c in checks),
        )

    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, table.key, f"{operation}_{name}"),
            Phase.CONTRACT,
            operation,
            f"{'Replace' if rename else 'Drop'} {name} of {table.key}",
            (table.key,),
            tuple(sql),
            tuple(undo),
            closes=tuple(g.sentence for g in draft.gaps if g.table == table.key and g.name == name and g.sentence),
            reason="A rule goes; rows stay. Undoing holds all rows to it again.",
            depends_on=draft.sign_offs,
            undo_checks=since,
        ),
        edit_table(draft.state, table.key, without),
        (table.key,),
    )
