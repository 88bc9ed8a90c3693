"""From effects to hazards: what a group of statements, run together, may do to a live system."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from tools.location import Dialect
from tools.plan import enlarge, held
from tools.plan.facts import Facts, TableFacts
from tools.plan.model import Hazard, StepCheck
from tools.plan.statement import Effect, Verb, effects, parse, table_name

MANY_ROWS = 1_000_000
MANY_BYTES = 1 << 30

_EXCLUSIVE = frozenset(
    {
        Verb.DROP_TABLE,
        Verb.DROP_COLUMN,
        Verb.DROP_VIEW,
        Verb.RENAME_TABLE,
        Verb.RENAME_COLUMN,
        Verb.ADD_COLUMN,
        Verb.ADD_COLUMN_REWRITE,
        Verb.CHANGE_TYPE,
        Verb.SET_NOT_NULL,
        Verb.SET_NOT_NULL_HELD,
        Verb.ALTER,
        Verb.ADD_CONSTRAINT,
        Verb.REWRITE,
        Verb.LOCK,
    }
)
_SHARING = frozenset({Verb.CREATE_INDEX, Verb.ADD_FOREIGN_KEY, Verb.CREATE_TRIGGER})
_BREAKING = frozenset(
    {
        Verb.DROP_TABLE,
        Verb.DROP_VIEW,
        Verb.DROP_COLUMN,
        Verb.RENAME_TABLE,
        Verb.RENAME_COLUMN,
        Verb.CHANGE_TYPE,
        Verb.SET_NOT_NULL,
        Verb.SET_NOT_NULL_HELD,
        Verb.DROP_OTHER,
    }
)
SCANNING = frozenset(
    {
        Verb.ADD_COLUMN_REWRITE,
        Verb.CHANGE_TYPE,
        Verb.SET_NOT_NULL,
        Verb.ADD_CONSTRAINT,
        Verb.ADD_FOREIGN_KEY,
        Verb.VALIDATE,
        Verb.CREATE_INDEX,
        Verb.CREATE_INDEX_CONCURRENTLY,
        Verb.WRITE,
        Verb.DELETE,
        Verb.REWRITE,
    }
)

REWRITING = frozenset({Verb.ADD_COLUMN_REWRITE, Verb.CHANGE_TYPE, Verb.REWRITE})


def judge(
    statements: Sequence[str], dialect: Dialect, facts: Facts, checks: Sequence[StepCheck] = (),
    again: Collection[str] = (),
) -> set[Hazard]:  # fmt: skip
    """The hazards of statements that run as one step. `checks` may prove that a dropped column is a mere copy; `again`
    are tables of oneplan's own that can be made again: to drop them deletes nothing."""
    per_statement = [tuple(settled(e, sql, dialect, checks) for e in effects(sql, dialect)) for sql in statements]
    kept = [tuple(e for e in g if e.verb is not Verb.DROP_TABLE or e.table not in again) for g in per_statement]
    return set(_hazards([e for group in kept for e in group], kept, dialect, facts, checks))


def settled(effect: Effect, sql: str, dialect: Dialect, checks: Sequence[StepCheck]) -> Effect:
    """A change of type that a check of the step shows to be one of the catalog alone is like any other ALTER; so is a
    NOT NULL that a validated CHECK holds already, but for code that writes NULL."""
    asked = {Verb.CHANGE_TYPE: enlarge.proven, Verb.SET_NOT_NULL: held.proven}.get(effect.verb)
    if asked is None or dialect != "postgres" or not asked(sql, effect.table, effect.column, checks):
        return effect
    return replace(effect, verb=Verb.ALTER if effect.verb is Verb.CHANGE_TYPE else Verb.SET_NOT_NULL_HELD)


def _hazards(
    all_: list[Effect], groups: list[tuple[Effect, ...]], dialect: Dialect, facts: Facts, checks: Sequence[StepCheck]
) -> Iterator[Hazard]:
    created = {e.table for e in all_ if e.verb is Verb.CREATE_TABLE}
    felt = [e for e in all_ if not (e.table in created and e.verb is not Verb.DROP_TABLE) and not is_own(e.table)]
    if _deletes(all_, groups, dialect, checks):
        yield Hazard.DELETES_DATA
    if dialect == "postgres":
        if any(e.verb in _EXCLUSIVE or (e.verb is Verb.DROP_INDEX and not e.column) for e in felt) or any(
            e.verb is Verb.ADD_CONSTRAINT_LATER and e.column != "fk" for e in felt
        ):
            yield Hazard.ACCESS_EXCLUSIVE_LOCK
        if any(e.verb in _SHARING or (e.verb is Verb.ADD_CONSTRAINT_LATER and e.column == "fk") for e in felt):
            yield Hazard.SHARE_LOCK
    if any(e.verb in REWRITING for e in felt) or _made_anew(all_):
        yield Hazard.TABLE_REWRITE
    if any(e.verb in _BREAKING for e in felt if not _still_there(e, all_)):
        yield Hazard.BREAKS_OLD_CODE
    yield from _by_facts(all_, facts)


def _by_facts(all_: list[Effect], facts: Facts) -> Iterator[Hazard]:
    scanned = {e.table for e in all_ if e.verb in SCANNING} | {t for e in all_ if not _picked(e) for t in e.reads}
    if any(_large(facts.get(table)) for table in scanned):
        yield Hazard.LONG_RUNNING
    written = {e.table for e in all_ if e.verb in (Verb.WRITE, Verb.DELETE)}
    if any((found := facts.get(table)) and fired(table, found.triggers, all_) for table in written):
        yield Hazard.FIRES_TRIGGERS


def attaches_only(statements: Sequence[str], dialect: Dialect) -> bool:
    """Whether they attach partitions, and lock none of the parents for more than that."""
    done = [effect for sql in statements for effect in effects(sql, dialect)]
    parents = {e.table for e in done if e.verb is Verb.ATTACH}
    return bool(parents) and not any(e.table in parents and e.verb in _EXCLUSIVE for e in done)


def _picked(effect: Effect) -> bool:
    """Whether the statement reads by key what a table of oneplan's own names, however many others there are."""
    return is_own(effect.table) and any(is_own(read) and "taken_" in read for read in effect.reads)


def fired(table: str, triggers: Sequence[str], all_: Iterable[Effect]) -> tuple[str, ...]:
    """Those of a table's triggers that are not off while these statements run."""
    off = {e.column for e in all_ if e.verb is Verb.CREATE_TRIGGER and e.table in (table, "")}
    return tuple(name for name in triggers if name not in off)


def _large(found: TableFacts | None) -> bool:
    return found is not None and (found.rows >= MANY_ROWS or found.bytes >= MANY_BYTES)


def _still_there(effect: Effect, all_: list[Effect]) -> bool:
    """Whether the name that goes is there again at the end of the step: a table made anew, or a view in its place."""
    views = {e.table for e in all_ if e.verb is Verb.CREATE_VIEW}
    if effect.verb in (Verb.RENAME_TABLE, Verb.DROP_TABLE, Verb.DROP_VIEW) and effect.table in views:
        return True
    return effect.verb is Verb.DROP_TABLE and effect.table in _copied(all_)


def is_own(table: str) -> bool:
    """Whether a table is one of oneplan's own, which nobody else uses."""
    return table.startswith(("oneplan.", "_oneplan_"))


def _made_anew(all_: Iterable[Effect]) -> bool:
    return any(not is_own(table) for table in _copied(list(all_)))


def _copied(all_: list[Effect]) -> set[str]:
    """Tables that are dropped, but whose rows go into a table that bears the name in the end."""
    dropped = {e.table for e in all_ if e.verb is Verb.DROP_TABLE}
    named = {e.table for e in all_ if e.verb in (Verb.CREATE_TABLE, Verb.CREATE_VIEW)} | {
        e.column for e in all_ if e.verb is Verb.RENAME_TABLE
    }
    copies = {e.table: set(e.reads) for e in all_ if e.verb is Verb.CREATE_TABLE and is_own(e.table)}
    taken: set[str] = set()
    for effect in all_:
        if effect.verb is Verb.WRITE:
            taken |= set(effect.reads) | {t for read in effect.reads for t in copies.get(read, set())}
    return {table for table in dropped if table in named and table in taken}


def _deletes(
    all_: list[Effect], groups: list[tuple[Effect, ...]], dialect: Dialect, checks: Sequence[StepCheck]
) -> bool:
    if any(e.verb in (Verb.DELETE, Verb.DROP_OTHER) and e.table != "sqlite_sequence" for e in all_):
        return True
    # What is set aside is set aside because the step removes it.
    drops = any(e.verb in (Verb.DROP_TABLE, Verb.DROP_COLUMN) and not is_own(e.table) for e in all_)
    if drops and any(e.verb is Verb.CREATE_TABLE and "kept_" in e.table and is_own(e.table) for e in all_):
        return True
    copied = _copied(all_)
    for n, group in enumerate(groups):
        for effect in group:
            if effect.verb is Verb.DROP_TABLE and not _spared(effect, copied, groups, n):
                return True
            if effect.verb is Verb.DROP_COLUMN and not _is_copy(effect, dialect, checks):
                return True
    return False


def _spared(effect: Effect, copied: set[str], groups: list[tuple[Effect, ...]], at: int) -> bool:
    """A table made anew under its name, or one of oneplan's own whose rows the same step has used."""
    if effect.table in copied:
        return True
    others = [e for n, group in enumerate(groups) if n != at for e in group]
    return is_own(effect.table) and any(effect.table == e.table or effect.table in e.reads for e in others)


def _is_copy(effect: Effect, dialect: Dialect, checks: Sequence[StepCheck]) -> bool:
    """Whether a check of the step asks every row of the table for a difference between this column and another one."""
    from sqlglot import expressions as exp

    for check in checks:
        tree = parse(check.sql, dialect)
        if tree is None:
            continue
        where = tree.args.get("where")
        if where is None or table_name(tree.args.get("from_") or tree.args.get("from")) != effect.table:
            continue
        condition = where.this
        if isinstance(condition, exp.NullSafeNEQ):
            left = {c.name for c in condition.this.find_all(exp.Column)}
            right = {c.name for c in condition.expression.find_all(exp.Column)}
            if (effect.column in right and len(left) == 1 and effect.column not in left) or (
                effect.column in left and effect.column not in right
            ):
                return True
    return False
