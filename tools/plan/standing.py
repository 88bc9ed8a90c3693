"""Whether a view, a function, a policy or a trigger of the target can be made in the shape reached so far."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from tools.plan.dependents import Definition, found
from tools.plan.draft import Draft
from tools.plan.pairs import Pair, Way
from tools.schema.model import SchemaObject, Table, Trigger, View
from tools.schema.normal import normal_object, normal_trigger, normal_view
from tools.schema.tokens import tokenize

_CHANGES = (Way.RETYPED, Way.DERIVED)


def is_said(draft: Draft, thing: Definition) -> bool:
    return not isinstance(thing, SchemaObject) or thing.kind not in draft.target.unsaid


def same(draft: Draft, one: Definition, other: Definition) -> bool:
    return _normal(draft, one) == _normal(draft, other)


def _normal(draft: Draft, thing: Definition) -> object:
    if isinstance(thing, View):
        return normal_view(thing, draft.dialect)
    if isinstance(thing, Trigger):
        return normal_trigger(thing, draft.dialect)
    return normal_object(thing, draft.dialect).form


def late_bound(thing: Definition) -> bool:
    """Whether its text is read only when it is called: then it changes at the end of the phase."""
    return is_function(thing) and not any("#" in need for need in thing.depends_on)


def can_stand(draft: Draft, thing: Definition) -> bool:
    """Whether all that a thing of the target needs is there under its final name and type."""
    if isinstance(thing, Trigger):
        return False  # what happens on each write changes at the end
    if any(_waits(draft, need, thing) for need in thing.depends_on):
        return False
    return not (isinstance(thing, SchemaObject) and _speaks_of_what_is_to_come(draft, thing.form))


def _waits(draft: Draft, need: str, thing: Definition) -> bool:
    table, _, column = need.partition("#")
    pair = next((p for p in draft.pairs if p.after.key == table), None)
    if pair is not None:
        return _column_waits(draft, pair, column) if column else _table_waits(draft, pair, thing)
    if any(o.kind == "type" and o.key == table and o not in draft.state.objects for o in draft.target.objects):
        return True
    wanted = draft.definitions.get(table)
    if wanted is not None:
        there = found(draft.state, table)
        return there is None or (not same(draft, there, wanted) and not is_function(wanted))
    return draft.target.table(table) is not None and draft.state.table(table) is None


def _column_waits(draft: Draft, pair: Pair, column: str) -> bool:
    move = pair.move_to(column)
    there = draft.state.table(pair.after.key)  # not yet, where the table is renamed and nothing has run
    return move is None or move.way in _CHANGES or there is None or there.column(column) is None


def _table_waits(draft: Draft, pair: Pair, thing: Definition) -> bool:
    """Of a view whose columns are not known, all columns of the table must be final."""
    if not isinstance(thing, View) or any(need.startswith(f"{pair.after.key}#") for need in thing.depends_on):
        return False
    return any(_column_waits(draft, pair, c.name) for c in pair.after.columns)


def _speaks_of_what_is_to_come(draft: Draft, text: str) -> bool:
    """Whether a function's text, which the catalog knows nothing of, names a table, a view or a column that has not got
    its final form."""
    there = {o.name for o in (*draft.state.tables, *draft.state.views)}
    coming = {o.name for o in (*draft.target.tables, *draft.target.views)} - there
    columns = {c.name for p in draft.pairs for c in p.after.columns if _column_waits(draft, p, c.name)}
    tokens = tokenize(text.replace("$", " "), "postgres")
    called = {n for n, token in enumerate(tokens[1:]) if token.text == "("}
    return any(t.name in coming or (t.name in columns and n not in called) for n, t in enumerate(tokens) if t.is_name)


def called_by_rules(draft: Draft, before: Definition, after: Definition) -> bool:
    """Whether a function that must be dropped to be changed is called by a rule or an index of a table: it stays."""
    if not is_function(before) or in_place(before, after):
        return False
    name = before.name
    texts = [t for table in draft.state.tables for t in _rules(table)]
    called = any(token.name == name for text in texts for token in tokenize(text, "postgres") if token.is_name)
    if called:
        draft.note(f"function {before.key} stays as it is: its result or arguments change, and a rule or an index of a "
                   "table calls it; take that away first, in a plan of its own.")  # fmt: skip
    return called


def _rules(table: Table) -> list[str]:
    texts = [check.expression for check in table.checks] + [i.where or "" for i in table.indexes]
    texts += [entry for i in table.indexes for entry in i.columns]
    return texts + [text for c in table.columns for text in (c.default, c.generated) if text]


def in_place(before: Definition, after: Definition) -> bool:
    """Whether CREATE OR REPLACE can do it, of a function whose head, up to its language, is the same; or ALTER TABLE,
    of a trigger that only fires at other times."""
    if isinstance(before, Trigger) and isinstance(after, Trigger):
        return normal_trigger(replace(before, firing=after.firing), "postgres") == normal_trigger(after, "postgres")
    if not is_function(before):
        return False
    return _head(before) == _head(after)


def _head(thing: Definition) -> list[str]:
    assert isinstance(thing, SchemaObject)
    head: list[str] = []
    for token in tokenize(thing.create, "postgres"):
        if token.is_word("LANGUAGE"):
            break
        head.append(token.text)
    return head


def is_function(thing: Definition) -> TypeGuard[SchemaObject]:
    return isinstance(thing, SchemaObject) and thing.kind == "function"
