"""Accounting: how the rows of each old table are found again after the plan."""

from __future__ import annotations

from tools.plan.casts import affinity
from tools.plan.draft import Draft
from tools.plan.model import Accounting
from tools.plan.pairs import Move, Pair, Way
from tools.plan.partitions import is_divided, key_of, partitions
from tools.plan.sql import is_steady, literal, text_of
from tools.plan.steps.enums import under_new_names
from tools.plan.steps.fill import wanted
from tools.plan.steps.merge_columns import value_of
from tools.plan.target import uses_type as _uses
from tools.schema.reads import columns_in
from tools.schema.render import qualified, quote


def accounting(draft: Draft) -> tuple[Accounting, ...]:
    """One entry for every table of the current schema, in its order."""
    by_key = {pair.before.key: pair for pair in draft.pairs}
    return tuple(e for table in draft.origin.tables for e in _entries(draft, table.key, by_key.get(table.key)))


def _entries(draft: Draft, key: str, pair: Pair | None) -> list[Accounting]:
    """One a table; one a partition where some of these are set aside whole, and so are to be looked for elsewhere."""
    whole = _entry(draft, key, pair)
    parts = [key_of(part) for part in partitions(draft.origin.objects, key) if not is_divided(part)]
    if not draft.set_aside.keys() & set(parts):
        return [whole]
    return [Accounting(p, qualified(p), draft.set_aside.get(p, qualified(p)), whole.columns) for p in parts]


def _entry(draft: Draft, key: str, pair: Pair | None) -> Accounting:
    if pair is None:
        return Accounting(key, qualified(key), None if draft.state.table(key) is None else qualified(key))
    found = [expressions for move in pair.moves if (expressions := _pair(draft, pair, move)) is not None]
    return Accounting(key, qualified(key), qualified(pair.after.key), tuple(found))


def _pair(draft: Draft, pair: Pair, move: Move) -> tuple[str, str] | None:
    """(before, after) of one column; None for what the plan adds, removes, computes or fills in its own way."""
    if move.way is Way.ADDED:
        return _merged(draft, pair, move)
    if move.before is None or move.after is None or move.way is Way.DERIVED:
        return None
    if move.new.generated is not None and _computed_of_filled(draft, pair, move.new.generated):
        return None
    value = wanted(draft, pair, move)
    if value is not None and not is_steady(value, draft.dialect):
        return None
    if draft.dialect == "sqlite" and (move.recast or value is not None):
        return _sqlite_stored(move, value)
    moved = _moved(draft, move)
    if moved:
        text = "text" if draft.dialect == "postgres" else "VARCHAR"
        new = f"CAST({quote(move.new.name)} AS {text})"
        if move.old.type.endswith("[]"):
            listed = f"CAST({quote(move.old.name)} AS text[])"
            for was, becomes in moved.items():
                listed = f"array_replace({listed}, {literal(was)}, {literal(becomes)})"
            return f"CAST({listed} AS text)", new
        return under_new_names(f"CAST({quote(move.old.name)} AS {text})", moved), new
    if any(_uses(move.new.type, enum.name) for enum in draft.target.enums):
        # The type, or a value of it, may not be there yet when the old rows are counted.
        return _as_text(draft, move, value) if move.recast or value is not None else _kept(move)
    before = move.forward()
    if value is not None:
        before = f"COALESCE({before}, CAST({value} AS {move.new.type}))"
    return before, quote(move.new.name)


def _computed_of_filled(draft: Draft, pair: Pair, formula: str) -> bool:
    """Whether a column computed by this formula, the same before and after, reads one that is given values."""
    read = columns_in(formula, pair.after.column_names, draft.dialect)
    moves = [move for name in read if (move := pair.move_to(name)) and move.before is not None]
    return any(
        wanted(draft, pair, move) is not None
        or (move.new.generated is not None and _computed_of_filled(draft, pair, move.new.generated))
        for move in moves
    )


def _merged(draft: Draft, pair: Pair, move: Move) -> tuple[str, str] | None:
    """What an expression gave of the old columns must stand in the new one."""
    merge = draft.answers.merge(pair.after.key, move.new.name)
    if merge is None or not is_steady(merge.sql, draft.dialect):
        return None
    kind = affinity(move.new.type) if draft.dialect == "sqlite" else move.new.type
    return f"CAST({value_of(move, merge, draft)} AS {kind})", f"CAST({quote(move.new.name)} AS {kind})"


def _moved(draft: Draft, move: Move) -> dict[str, str]:
    """The values of the column's enum that are called otherwise in the end."""
    return {
        old: new
        for key, old, new in draft.answers.values
        if not move.recast and _uses(move.new.type, key.rpartition(".")[2])
    }


def _kept(move: Move) -> tuple[str, str]:
    return quote(move.old.name), quote(move.new.name)


def _as_text(draft: Draft, move: Move, value: str | None) -> tuple[str, str] | None:
    text = "text" if draft.dialect == "postgres" else "VARCHAR"
    if move.conversion is not None or move.fallback is not None:
        return None
    before = f"CAST({quote(move.old.name)} AS {text})"
    if value is not None:
        word = text_of(value, draft.dialect)
        if word is None:
            return None
        before = f"COALESCE({before}, {literal(word)})"
    return before, f"CAST({quote(move.new.name)} AS {text})"


def _sqlite_stored(move: Move, value: str | None) -> tuple[str, str]:
    """Both sides under the new affinity: storing converts, so a value's text may differ though the value does not."""
    old, new = move.forward(), quote(move.new.name)
    kind = affinity(move.new.type)
    old = f"COALESCE({old}, {value})" if value is not None else old
    if kind == "BLOB":
        return old, new
    if kind == "NUMERIC":  # such a column stores 3.0 as 3, which CAST does only to text
        old, new = f"CAST({old} AS TEXT)", f"CAST({new} AS TEXT)"
    sign = " + 0.0" if kind == "REAL" else ""  # -0.0 is stored as 0.0
    return f"CAST({old} AS {kind}){sign}", f"CAST({new} AS {kind}){sign}"
