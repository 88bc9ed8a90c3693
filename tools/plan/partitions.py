"""The partitions of a Postgres table, as the catalog tells them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tools.plan.pairs import LONGEST
from tools.schema.model import Schema, SchemaObject, Table
from tools.schema.tokens import tokenize

_BY = "PARTITION BY "


def is_partitioned(table: Table) -> bool:
    return any(option.startswith(_BY) for option in table.options)


def key_columns(table: Table) -> tuple[str, ...]:
    """The columns by which a table is divided, those in expressions too."""
    text = next((option for option in table.options if option.startswith(_BY)), "")
    named = {token.name for token in tokenize(text, "postgres") if token.is_name}
    return tuple(name for name in table.column_names if name in named)


def partitions(objects: Iterable[SchemaObject], table: str) -> tuple[SchemaObject, ...]:
    """A table's partitions and theirs, each behind the one it is a part of."""
    known = [thing for thing in objects if thing.kind == "partition"]
    found: list[SchemaObject] = []
    heads = [table]
    while heads:
        head = heads.pop(0)
        mine = [thing for thing in known if thing.table == head]
        found += mine
        heads += [key_of(thing) for thing in mine]
    return tuple(found)


def root(schema: Schema, partition: SchemaObject) -> str:
    """The table that a partition, of a partition maybe, is in the end a part of."""
    parents = {key_of(thing): thing.table for thing in schema.objects if thing.kind == "partition"}
    key = partition.table
    while key in parents:
        key = parents[key]
    return key


def key_of(partition: SchemaObject) -> str:
    """The partition's name as a table's key: it is told as the server prints it, quotes and all."""
    return ".".join(token.name for token in tokenize(partition.name, "postgres") if token.is_name)


def is_divided(partition: SchemaObject) -> bool:
    """Whether a partition has partitions of its own."""
    return bool(clauses(partition)[1])


def is_default(partition: SchemaObject) -> bool:
    return clauses(partition)[0] == "DEFAULT"


def clauses(partition: SchemaObject) -> tuple[str, str]:
    """Of `PARTITION OF t FOR VALUES … PARTITION BY …`: the bound (or `DEFAULT`), and how it is divided, "" if not."""
    text = partition.form
    tokens = tokenize(text, "postgres")
    start = next(token.start for token in tokens if token.is_word("FOR", "DEFAULT"))
    pairs = zip(tokens[1:], tokens[2:], strict=False)
    end = next((a.start for a, b in pairs if a.is_word("PARTITION") and b.is_word("BY")), len(text))
    return text[start:end].strip(), text[end:]


def own_name(partition: SchemaObject, name: str) -> str:
    """What a partition's part of an index or a rule is called; no longer than Postgres allows."""
    full = f"{key_of(partition).rpartition('.')[2]}_{name}"
    if len(full.encode()) <= LONGEST:
        return full
    return full.encode()[: LONGEST - 7].decode(errors="ignore") + "_" + hashlib.sha256(full.encode()).hexdigest()[:6]
