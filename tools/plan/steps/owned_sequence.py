"""The sequence that a serial column of Postgres owns: its name, its owner, and who may draw from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.plan.dependents import dependents, owned
from tools.plan.pairs import LONGEST
from tools.schema.entries import plain
from tools.schema.model import Column, Schema, SchemaObject, Sequence, Table, View
from tools.schema.render import literal, qualified, quote
from tools.schema.tokens import tokenize

_COUNTED = ("smallint", "integer", "bigint")


def drawn(sequence: str) -> str:
    """The default of a column that draws from a sequence, which is named as SQL."""
    return f"nextval({literal(sequence)}::regclass)"


def sequence_of(table: Table, column: Column) -> str:
    """The name, as SQL, of the sequence that a serial column draws from: it stands in the column's default."""
    for token in tokenize(column.default or "", "postgres"):
        if token.kind == "string":
            return token.name
    return usual_sequence(table, column)


def usual_sequence(table: Table, column: Column) -> str:
    """The quoted name that Postgres itself gives the sequence of a column, where no other relation has it."""
    return _named(table, _usual_name(table, column))


def free_sequence(schema: Schema, table: Table, column: Column) -> str:
    """The quoted name that Postgres would give the sequence now."""
    taken, name, number = set(_others(schema, table, column)), _usual_name(table, column), 0
    while _key(_named(table, name)) in taken:
        number += 1
        name = _usual_name(table, column, f"seq{number}")
    return _named(table, name)


def made(schema: Schema, table: Table, column: Column) -> list[str]:
    """The statements that make a serial column's sequence, for the owner of its table, as Postgres asks, and with the
    rights that the schema has on it."""
    sequence = sequence_of(table, column)
    kind = f" AS {column.type}" if column.type in _COUNTED else ""
    counting = f" {column.counting}" if column.counting else ""
    return [
        f"CREATE SEQUENCE {sequence}{kind}{counting}",
        *owned(schema, "table", table.key, f"SEQUENCE {sequence}"),
        *rights(schema, sequence),
    ]


def tied(table: Table, column: Column) -> list[str]:
    """The statements by which a column comes to own its sequence, and to draw from it."""
    default = f"SET DEFAULT {drawn(sequence_of(table, column))}"
    return [tie(table, column), f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)} {default}"]


def tie(table: Table, column: Column) -> str:
    """The statement by which a column comes to own the sequence that it draws from."""
    return f"ALTER SEQUENCE {sequence_of(table, column)} OWNED BY {qualified(table.key)}.{quote(column.name)}"


def count_on(counter: str, column: Column, *reached: str) -> str:
    """The statement that lets a counter (SQL that gives its name) go on behind what was reached, by these expressions.

    Where that is not as far as its start, it stands there already.
    """
    words = (column.counting or "").split()
    said = {word: words[i + 2] for i, word in enumerate(words) if word in ("INCREMENT", "START")}
    bound = {word: words[i + 1] for i, word in enumerate(words) if word in ("MINVALUE", "MAXVALUE")}
    down = said.get("INCREMENT", "1").startswith("-")
    first = said.get("START") or (bound.get("MAXVALUE", "-1") if down else bound.get("MINVALUE", "1"))
    ends = [f"(SELECT {'min' if down else 'max'}(r.reached) FROM ({one}) AS r (reached))" for one in reached]
    top = ends[0] if len(ends) == 1 else f"{'LEAST' if down else 'GREATEST'}({', '.join(ends)})"
    behind = f"t.top {'<=' if down else '>='} {first}"
    return f"SELECT setval({counter}, t.top) FROM (SELECT {top} AS top) AS t WHERE {behind}"


def as_sequence(sequence: str) -> Sequence:
    """A sequence made by this plan, named as SQL, as the schema holds it while no column owns it."""
    namespace, _, name = _key(sequence).rpartition(".")
    return Sequence(name, namespace)


def rights(schema: Schema, sequence: str) -> list[str]:
    """The statements that give again who else may use a sequence, which is named as SQL."""
    return [thing.create for thing in _privileges(schema, _key(sequence))]


def opened(schema: Schema, table: Table, column: Column) -> Schema:
    """The schema in which whoever may add rows to the table may draw from the column's sequence.

    A default asks for that right in the name of whoever writes, also through a view; an identity asks for none.
    """
    sequence = sequence_of(table, column)
    key = _key(sequence)
    said = ".".join(map(plain, key.split(".", 1)))
    known = {_grantee(thing) for thing in _privileges(schema, key) if _covers(thing, "USAGE", "UPDATE")}
    views = (thing.key for thing in dependents(schema, [table.key]) if isinstance(thing, View))
    writers = {
        _grantee(thing)
        for relation in (table.key, *views)
        for thing in _privileges(schema, relation)
        if _covers(thing, "INSERT")
    }
    new = tuple(
        SchemaObject(
            "privilege",
            f"ON SEQUENCE {said} TO {role}",
            "USAGE",
            table=key,
            create=f"GRANT USAGE ON SEQUENCE {said} TO {role}",
            drop=f"REVOKE USAGE ON SEQUENCE {said} FROM {role}",
        )
        for role in sorted(writers - known)
    )
    return replace(schema, objects=(*schema.objects, *new)) if new else schema


def _privileges(schema: Schema, key: str) -> list[SchemaObject]:
    return [thing for thing in schema.objects if thing.kind == "privilege" and thing.table == key]


def _covers(privilege: SchemaObject, *wanted: str) -> bool:
    return bool({"ALL", *wanted} & {word.strip() for word in privilege.form.split(",")})


def _grantee(privilege: SchemaObject) -> str:
    """The role of `ON TABLE a (b) TO role WITH GRANT OPTION`, as SQL."""
    return privilege.name.rpartition(" TO ")[2].removesuffix(" WITH GRANT OPTION")


def _others(schema: Schema, mine: Table, column: Column) -> Iterator[str]:
    """The keys of all that bears a name as a sequence does, as far as the schema tells, but for the column's own."""
    for thing in (*schema.tables, *schema.views, *schema.sequences):
        yield thing.key
    for table in schema.tables:
        counting = (
            c for c in table.columns if (c.serial or c.identity) and (table.key, c.name) != (mine.key, column.name)
        )
        start = f"{table.namespace}." if table.namespace else ""
        yield from (start + i.name for i in table.indexes)
        yield from (start + k.name for k in (table.primary_key, *table.uniques) if k and k.name)
        yield from (_key(sequence_of(table, c)) for c in counting)


def _key(sequence: str) -> str:
    return ".".join(token.name for token in tokenize(sequence, "postgres") if token.is_name)


def _named(table: Table, name: str) -> str:
    return f"{quote(table.namespace)}.{quote(name)}" if table.namespace else quote(name)


def _usual_name(table: Table, column: Column, end: str = "seq") -> str:
    """As Postgres makes it: the longer of the two names is cut first, so that the end always stands."""
    names = [table.name, column.name]
    room = LONGEST - len(end) - 2
    while sum(len(name.encode()) for name in names) > room:
        longer = 0 if len(names[0].encode()) > len(names[1].encode()) else 1
        names[longer] = names[longer][:-1]
    return "_".join([*names, end])
