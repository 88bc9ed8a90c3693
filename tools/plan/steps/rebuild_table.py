"""The contract phase on SQLite and DuckDB: one step takes a table from the expanded shape to the desired one.

What goes is set aside in the same transaction; the way back makes the expanded shape again and puts the values back by
key, with rows written since in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.plan.draft import Draft
from tools.plan.kept import Kept, became, key_match, key_name, key_select
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import Move, Pair, Way
from tools.plan.rebuild import Reshape, cluster, rebuild
from tools.plan.shape import is_key, with_table
from tools.plan.sql import same
from tools.plan.steps.common import filled_again
from tools.plan.steps.fill import must_hold
from tools.plan.steps.verify import proofs
from tools.plan.way_back import fits_again, rules_let_go
from tools.schema.model import Schema
from tools.schema.normal import normal_table
from tools.schema.render import default_sql, qualified, quote
from tools.schema.types import widens


def contract(draft: Draft) -> None:
    if draft.dialect == "postgres":
        return
    waiting = [pair for pair in draft.pairs if needs_rebuild(draft, pair)]
    while waiting:
        together = _together(draft, waiting)
        _rebuild(draft, together)
        waiting = [pair for pair in waiting if pair not in together]


def needs_rebuild(draft: Draft, pair: Pair) -> bool:
    """Whether the table, as it stands, differs from the desired one in more than its indexes."""
    state = replace(draft.table(pair.after.key), indexes=())
    return normal_table(state, draft.dialect) != normal_table(replace(pair.after, indexes=()), draft.dialect)


def _together(draft: Draft, waiting: list[Pair]) -> list[Pair]:
    """Tables that lean on each other go in one step on DuckDB, and on SQLite where a key that is pointed to changes its
    name; else SQLite goes table by table."""
    keys = {waiting[0].after.key: None}
    if draft.dialect == "sqlite":
        return _linked(draft, waiting, set(keys))
    while True:
        members = cluster(draft.state, draft.target, keys)
        more = {p.after.key: None for p in waiting if p.after.key in members}
        more |= {key: None for key in _parents_retyped(draft, waiting, keys)}
        if set(more) <= set(keys):
            return [p for p in waiting if p.after.key in keys]
        keys |= more


def _parents_retyped(draft: Draft, waiting: list[Pair], keys: dict[str, None]) -> list[str]:
    """Parents of these tables whose referenced column is to change its type: DuckDB wants both ends of one type."""
    pairs = {p.after.key: p for p in waiting}
    found: list[str] = []
    for child in (pairs[key] for key in keys):
        for foreign in child.after.foreign_keys:
            parent = pairs.get(foreign.ref_table)
            for column in foreign.ref_columns if parent else ():
                now, then = draft.table(foreign.ref_table).column(column), parent and parent.after.column(column)
                if now is None or then is None or now.type != then.type:
                    found.append(foreign.ref_table)
    return found


def _linked(draft: Draft, waiting: list[Pair], keys: set[str]) -> list[Pair]:
    """The pairs that SQLite must make anew together: no foreign key may point to what is no key of its table."""
    pairs = {p.after.key: p for p in waiting}
    while True:
        more = set(keys)
        for child in pairs.values():
            for key in (*draft.table(child.after.key).foreign_keys, *child.after.foreign_keys):
                parent = pairs.get(key.ref_table)
                if parent is None or not {child.after.key, key.ref_table} & keys:
                    continue
                if not (is_key(draft.table(key.ref_table), key) and is_key(parent.after, key)):
                    more |= {child.after.key, key.ref_table}
        if more == keys:
            return [p for p in waiting if p.after.key in keys]
        keys = more


@dataclass(frozen=True)
class _Aside:
    """What a table's rebuild sets aside: the moves whose old values the new table cannot give back."""

    moves: tuple[Move, ...]
    key: tuple[tuple[str, str], ...]
    table: Kept


def _rebuild(draft: Draft, pairs: list[Pair]) -> None:
    first = pairs[0].after.key
    step_id = draft.step_id(Phase.CONTRACT, first, "rebuild")
    before, after = draft.state, _after(draft, pairs)
    asides = {p.after.key: _aside(draft, p, step_id) for p in pairs}
    sql = [s for p in pairs for s in _set_aside(p, asides[p.after.key])]
    sql += rebuild(before, after, {p.after.key: _forward(p, draft) for p in pairs})
    reversible = all(not aside.moves or aside.key for aside in asides.values())
    undo: list[str] = []
    if reversible:
        undo += rebuild(after, before, {p.after.key: _back(draft, p, asides[p.after.key]) for p in pairs})
        undo += [aside.table.drop() for aside in asides.values() if aside.moves]
    keys = {p.after.key: None for p in pairs}
    objects = cluster(before, after, keys) if draft.dialect == "duckdb" else tuple(keys)
    draft.add(
        Step(
            step_id,
            Phase.CONTRACT,
            "rebuild_table",
            _summary(pairs),
            objects,
            tuple(sql),
            tuple(undo),
            checks=_checks(draft, pairs),
            hazards=_hazards(pairs, asides),
            reversible=reversible,
            writes_data=True,
            rebuild=True,
            closes=tuple(dict.fromkeys(s for p in pairs for s in draft.gap_sentences(p.after.key))),
            reason=_reason(draft, reversible),
            undo_checks=tuple(c for p in pairs if reversible for c in _needed_back(draft, p, asides[p.after.key])),
            depends_on=draft.sign_offs,
        ),
        after,
        (*objects, *(p.after.key for p in pairs)),
    )


def _after(draft: Draft, pairs: list[Pair]) -> Schema:
    """The state with these tables in their desired shape, and with the triggers that the desired schema has on them."""
    keys = {p.after.key for p in pairs}
    schema = draft.state
    for pair in pairs:
        schema = with_table(schema, pair.after)
    triggers = [t for t in draft.state.triggers if t.table not in keys]
    return replace(schema, triggers=(*triggers, *(t for t in draft.target.triggers if t.table in keys)))


def _aside(draft: Draft, pair: Pair, step_id: str) -> _Aside:
    moves = [m for m in pair.of(Way.REMOVED, Way.DERIVED) if m.old.generated is None]
    moves += [m for m in pair.of(Way.RENAMED, Way.RETYPED) if m.recast and not _widens(m) and m.old.generated is None]
    return _Aside(tuple(moves), pair.stable_key(), draft.kept(f"{step_id} {pair.after.key}"))


def _widens(move: Move) -> bool:
    return move.conversion is None and widens(move.old.type, move.new.type, move.dialect)


def _set_aside(pair: Pair, aside: _Aside) -> tuple[str, ...]:
    if not aside.moves:
        return ()
    columns = [quote(m.old.name) for m in aside.moves]
    columns += [f"{quote(m.carrier)} AS {became(m.new.name)}" for m in aside.moves if m.copied]
    key = [key_select([quote(carrier) for carrier, _ in aside.key])] if aside.key else []
    return aside.table.make(f"SELECT {', '.join(key + columns)} FROM {qualified(pair.after.key)}")


def _forward(pair: Pair, draft: Draft) -> Reshape:
    there = draft.table(pair.after.key)
    values: list[tuple[str, str]] = []
    for move in pair.moves:
        if move.after is None or move.new.generated is not None or there.column(move.carrier) is None:
            continue
        value = f"t.{quote(move.carrier)}"
        if move.way is Way.ADDED and must_hold(pair, move) and move.new.default is not None:
            value = f"COALESCE({value}, {default_sql(move.new.default, draft.dialect)})"
        values.append((move.new.name, value))
    return Reshape(pair.after.key, tuple(values))


def _back(draft: Draft, pair: Pair, aside: _Aside) -> Reshape:
    expanded = draft.table(pair.after.key)
    values: list[tuple[str, str]] = []
    for column in expanded.columns:
        if column.generated is None:
            values.append((column.name, _old_value(pair, column.name, aside)))
    join = ""
    if aside.moves:
        join = f" LEFT JOIN {aside.table.name} AS k ON {key_match([quote(n) for _, n in aside.key], table_alias='t')}"
    return Reshape(pair.after.key, tuple(values), join)


def _old_value(pair: Pair, column: str, aside: _Aside) -> str:
    """A column of the expanded shape, as a row of the desired table (and what was set aside for it) gives it."""
    carried = next((m for m in pair.moves if m.after and m.carrier == column and m.way is not Way.DERIVED), None)
    if carried is not None:
        return f"t.{quote(carried.new.name)}"
    move = pair.move_from(column)
    assert move is not None, column
    if move.copied:
        now = f"t.{quote(move.new.name)}"
        if move not in aside.moves:
            return move.backward(now)
        unchanged = same(f"k.{became(move.new.name)}", now, move.dialect)
        there = f"k.{key_name(1)} IS NOT NULL AND {unchanged}"
        return f"CASE WHEN {there} THEN k.{quote(column)} ELSE {move.backward(now)} END"
    if move.old.default is None:
        return f"k.{quote(column)}"
    default = default_sql(move.old.default, move.dialect)
    return f"CASE WHEN k.{key_name(1)} IS NULL THEN {default} ELSE k.{quote(column)} END"


def _checks(draft: Draft, pairs: list[Pair]) -> tuple[StepCheck, ...]:
    return tuple(replace(c, sentence=f"{p.after.key}: {c.sentence}") for p in pairs for c in proofs(draft, p))


def _hazards(pairs: list[Pair], asides: dict[str, _Aside]) -> tuple[Hazard, ...]:
    found = {Hazard.TABLE_REWRITE}
    if any(aside.moves for aside in asides.values()):
        found.add(Hazard.DELETES_DATA)
    if any(_breaks(p) for p in pairs):
        found.add(Hazard.BREAKS_OLD_CODE)
    return tuple(h for h in Hazard if h in found)


def _breaks(pair: Pair) -> bool:
    tightened = any(m.way is Way.KEPT and m.old.nullable and must_hold(pair, m) for m in pair.moves)
    return tightened or bool(pair.of(Way.REMOVED, Way.RENAMED, Way.RETYPED, Way.DERIVED))


def _needed_back(draft: Draft, pair: Pair, aside: _Aside) -> Iterator[StepCheck]:
    key = [quote(name) for _, name in aside.key]
    for move in pair.of(Way.REMOVED, Way.RENAMED):
        yield from filled_again(pair, move, aside.table, key)
    for move in pair.of(Way.RENAMED, Way.RETYPED):
        kept = ""
        if move in aside.moves and aside.key:
            unchanged = same(f"k.{became(move.new.name)}", f"t.{quote(move.new.name)}", move.dialect)
            match = key_match(key, table_alias="t")
            kept = f"EXISTS (SELECT 1 FROM {aside.table.name} AS k WHERE {match} AND {unchanged})"
        yield from fits_again(draft, pair.after.key, move, kept)
    yield from rules_let_go(draft, pair)


def _summary(pairs: list[Pair]) -> str:
    what = [f"{p.after.key} ({', '.join(parts)})" if (parts := _parts(p)) else p.after.key for p in pairs]
    return "Make anew in the desired shape: " + "; ".join(what)


def _parts(pair: Pair) -> list[str]:
    words = {
        Way.REMOVED: "without {0}",
        Way.RENAMED: "{0} gone for {1}",
        Way.RETYPED: "{0} as {2}",
        Way.DERIVED: "{0} computed",
    }
    return [
        words[m.way].format(m.old.name, m.new.name if m.after else "", m.new.type if m.after else "")
        for m in pair.of(Way.REMOVED, Way.RENAMED, Way.RETYPED, Way.DERIVED)
    ]


def _reason(draft: Draft, reversible: bool) -> str:
    engine = "SQLite" if draft.dialect == "sqlite" else "DuckDB"
    back = (
        "What goes is set aside by key."
        if reversible
        else "Without a key the removed values cannot be put back by SQL."
    )
    return f"{engine} cannot change these things in place: the table is made anew in one transaction. {back}"
