"""Comments on the rules of a table: which go with a rule that is made anew, and which find none to be on."""

from __future__ import annotations

from collections.abc import Iterator

from tools.plan.differences import new_checks, new_foreign_keys, new_primary_key, new_uniques
from tools.plan.domains import domain_of
from tools.plan.draft import Draft
from tools.plan.pairs import Pair
from tools.schema.model import SchemaObject, Table
from tools.schema.tokens import tokenize


def has_its_thing(draft: Draft, thing: SchemaObject) -> bool:
    """Whether a new comment's rule bears that name, and its schema is there; what is no comment goes without asking."""
    words = [token.name for token in tokenize(thing.name, "postgres")] if thing.kind == "comment" else []
    if words[:1] == ["SCHEMA"]:
        spaces = {o.namespace for o in (*draft.state.tables, *draft.state.views)}
        return words[1] == "public" or words[1] in spaces
    if words[:1] != ["CONSTRAINT"]:
        return True
    table = draft.state.table(thing.table)
    if not thing.table:
        held = [domain_of(o) for o in draft.state.objects if o.kind == "domain"]
        return any(thing.name.endswith(f" ON DOMAIN {d.name}") and words[1] in {c.name for c in d.checks} for d in held)
    if table is None:
        return False
    others = {o.name for o in draft.state.objects if o.kind == "check" and o.table == thing.table}
    return words[1] in others | set(_rules(table))


def on_rules_made_anew(draft: Draft) -> list[SchemaObject]:
    """The comments on rules of tables and domains that stay, of which the rule does not stay what it is."""
    steady = {p.after.key: set(_steady(draft, p)) for p in draft.pairs}
    return [
        o for o in draft.state.objects
        if o.kind == "comment" and o.name.startswith("CONSTRAINT ")
        and (o.table in steady and _names(o.name)[1] not in steady[o.table] if o.table else _goes(draft, o))
    ]  # fmt: skip


def _goes(draft: Draft, comment: SchemaObject) -> bool:
    """Whether the rule of a domain is not there in the end as it is at the start."""
    name = _names(comment.name)[1]
    ends = {
        next((c.expression for c in domain_of(o).checks if c.name == name), "")
        for schema in (draft.origin, draft.target)
        for o in schema.objects
        if o.kind == "domain" and comment.name.endswith(f" ON DOMAIN {domain_of(o).name}")
    }
    return len(ends) > 1


def _steady(draft: Draft, pair: Pair) -> Iterator[str]:
    """The names of the rules that no step drops and makes again."""
    before = set(_rules(pair.before))
    keys = (*new_uniques(draft, pair), *new_foreign_keys(draft, pair), *new_checks(draft, pair))
    primary = new_primary_key(draft, pair)
    anew = {rule.name for rule in (*keys, primary) if rule}
    anew |= {f.name for f in pair.after.foreign_keys if not _stands_on(draft, f.ref_table, f.ref_columns)}
    yield from (name for name in _rules(pair.after) if name in before and name not in anew)
    yield from (o.name for o in draft.target.objects if o.kind == "check" and o in draft.state.objects)


def _stands_on(draft: Draft, table: str, columns: tuple[str, ...]) -> bool:
    parent = next((p for p in draft.pairs if p.after.key == table), None)
    return parent is None or parent.untouched(columns)


def _rules(table: Table) -> Iterator[str]:
    keys = (*table.uniques, *table.foreign_keys, *table.checks, *((table.primary_key,) if table.primary_key else ()))
    yield from (rule.name for rule in keys if rule.name)


def _names(text: str) -> list[str]:
    return [token.name for token in tokenize(text, "postgres") if token.is_name]
