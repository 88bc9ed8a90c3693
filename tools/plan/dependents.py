"""What holds on to what: views, functions, policies and triggers, in the order in which they can be made.

Postgres changes nothing under a view, nor under a function whose body it has read, a policy or a trigger's condition:
they are dropped before and made again behind it. The other engines look a view's tables up when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from tools.schema.entries import plain
from tools.schema.model import Schema, SchemaObject, Trigger, View
from tools.schema.render import make_trigger, make_view, qualified, quote

Definition = View | SchemaObject | Trigger
T = TypeVar("T", View, SchemaObject, Trigger)
KINDS = ("function", "policy")


def definitions(schema: Schema) -> tuple[Definition, ...]:
    """All that is kept as text and made by running it."""
    return (*schema.views, *(o for o in schema.objects if o.kind in KINDS), *schema.triggers)


def name_of(thing: Definition) -> str:
    """The name by which others hold on to it; of policies and triggers one that no other thing has."""
    if isinstance(thing, Trigger):
        return f"trigger {thing.name} on {thing.table}"
    if isinstance(thing, SchemaObject) and thing.kind == "policy":
        return f"policy {thing.key} on {thing.table}"
    return thing.key


def found(schema: Schema, name: str) -> Definition | None:
    return next((thing for thing in definitions(schema) if name_of(thing) == name), None)


def holds(thing: Definition, name: str) -> bool:
    """Whether a thing holds on to a table, a view, a function, a type, or a column (`agents#goal`).

    A view of which no columns of a table are known is taken to read them all.
    """
    if name in thing.depends_on or (isinstance(thing, Trigger) and thing.table == name):
        return True
    if "#" not in name or not isinstance(thing, View):
        return False
    table = name.partition("#")[0]
    return table in thing.depends_on and not any(need.startswith(f"{table}#") for need in thing.depends_on)


def dependents(schema: Schema, names: Iterable[str]) -> tuple[Definition, ...]:
    """What holds on to any of these, by itself or through others, each behind what it holds on to."""
    heads, members = list(names), dict[str, Definition]()
    waiting = [t for t in definitions(schema) if t.depends_on or isinstance(t, Trigger)] if heads else []
    while heads:
        head = heads.pop()
        hit = [thing for thing in waiting if holds(thing, head)]
        waiting = [thing for thing in waiting if thing not in hit]
        for thing in hit:
            members[name_of(thing)] = thing
            heads.append(name_of(thing))
    return in_order(tuple(members.values()))


def in_order(things: Sequence[Definition]) -> tuple[Definition, ...]:
    """The things so that each stands behind those that it holds on to."""
    by_name = {name_of(thing): thing for thing in things}
    done: dict[str, Definition] = {}

    def visit(name: str, path: frozenset[str]) -> None:
        if name in done or name in path or name not in by_name:
            return
        thing = by_name[name]
        for need in (*thing.depends_on, *((thing.table,) if isinstance(thing, Trigger) else ())):
            visit(need, path | {name})
        done[name] = thing

    for name in by_name:
        visit(name, frozenset())
    return tuple(done.values())


def drop(thing: Definition, schema: Schema) -> str:
    if isinstance(thing, View):
        return f"DROP {'MATERIALIZED ' if thing.materialized else ''}VIEW {qualified(thing.key)}"
    if isinstance(thing, Trigger):
        where = f" ON {qualified(thing.table)}" if schema.dialect == "postgres" else ""
        return f"DROP TRIGGER {quote(thing.name)}{where}"
    return thing.drop


def make(thing: Definition, schema: Schema) -> tuple[str, ...]:
    """The statements that make a thing that was dropped, with the rights and comments that this schema has on it."""
    said = drop(thing, schema).removeprefix("DROP ")
    if isinstance(thing, View):
        on = [o for o in schema.objects if o.table == thing.key and o.kind in ("privilege", "comment")]
        mine = [o.create for o in on if not o.name.startswith("TRIGGER ")]
        return (*make_view(thing, schema.dialect), *owned(schema, "view", thing.key, said), *mine)
    if isinstance(thing, Trigger):
        return (*make_trigger(thing), *comments_on(f"TRIGGER {plain(thing.name)} ON ", schema, thing.table))
    given = owned(schema, "function", thing.key, said) if thing.kind == "function" else ()
    return (thing.create, *given, *_rights(said, schema), *comments_on(said, schema, thing.table))


def owned(schema: Schema, kind: str, key: str, said: str) -> tuple[str, ...]:
    """What gives a thing that is made again to the role that had it: its owner's rights are in no list of privileges.

    said: how the statement names it, `VIEW "a"`. Nothing where it belongs to the role that read the schema.
    """
    role = schema.owner(kind, key)
    return (f"ALTER {said} OWNER TO {quote(role)}",) if role else ()


def around(schema: Schema, names: Iterable[str], statements: Sequence[str]) -> tuple[str, ...]:
    """The statements with all that holds on to these dropped before, and made again behind them."""
    if schema.dialect != "postgres":
        return tuple(statements)
    return between(schema, dependents(schema, names), statements)


def between(schema: Schema, things: Sequence[Definition], statements: Sequence[str]) -> tuple[str, ...]:
    again = (sql for thing in things for sql in make(thing, schema))
    return (*(drop(thing, schema) for thing in reversed(things)), *statements, *again)


def without(schema: Schema, thing: Definition) -> Schema:
    """The schema without a thing; a view's triggers go with it."""
    if isinstance(thing, Trigger):
        return replace(schema, triggers=_others(schema.triggers, thing))
    if isinstance(thing, SchemaObject):
        return replace(schema, objects=_others(schema.objects, thing))
    triggers = tuple(t for t in schema.triggers if t.table != thing.key)
    return replace(schema, views=_others(schema.views, thing), triggers=triggers)


def with_(schema: Schema, thing: Definition) -> Schema:
    """The schema with a thing in place of the one of the same name, or added."""
    if isinstance(thing, Trigger):
        return replace(schema, triggers=(*_others(schema.triggers, thing), thing))
    if isinstance(thing, SchemaObject):
        return replace(schema, objects=(*_others(schema.objects, thing), thing))
    return replace(schema, views=(*_others(schema.views, thing), thing))


def _others(things: tuple[T, ...], thing: T) -> tuple[T, ...]:
    kind = getattr(thing, "kind", "")
    return tuple(one for one in things if (getattr(one, "kind", ""), name_of(one)) != (kind, name_of(thing)))


def _rights(said: str, schema: Schema) -> list[str]:
    """Who may call a function: that goes with it. GRANT names it as DROP does."""
    return [o.create for o in schema.objects if o.kind == "privilege" and o.name.startswith(f"ON {said} ")]


def comments_on(said: str, schema: Schema, table: str = "") -> list[str]:
    """The comment on a thing, known by the beginning of its name and by its table."""
    comments = [o for o in schema.objects if o.kind == "comment" and o.table == table]
    return [o.create for o in comments if f"{o.name} ".startswith(f"{said.rstrip()} ")]


def comments_on_type(schema: Schema, key: str) -> list[str]:
    """The comment on a type: whoever makes the type anew says it again."""
    return [o.create for o in schema.objects if o.kind == "comment" and o.depends_on == (key,)]
