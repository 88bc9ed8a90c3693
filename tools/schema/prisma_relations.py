"""Relations of a Prisma schema: foreign keys, and the tables of implicit many-to-many relations."""

from __future__ import annotations

from tools.errors import SourceError
from tools.schema.model import Column, FkAction, ForeignKey, Index, PrimaryKey, Span, Table
from tools.schema.prisma_ast import Attribute, Block, Field, items_of, text_of, word_of
from tools.schema.prisma_scope import Scope
from tools.schema.prisma_tables import field_column, primary_key
from tools.schema.prisma_types import scalar_type

_ACTIONS: dict[str, FkAction] = {
    "Cascade": "CASCADE", "Restrict": "RESTRICT", "NoAction": "NO ACTION", "SetNull": "SET NULL",
    "SetDefault": "SET DEFAULT",
}  # fmt: skip


def foreign_keys(model: Block, scope: Scope) -> tuple[ForeignKey, ...]:
    """The foreign keys of a model; none where Prisma keeps relations by itself.

    Raises SourceError for a relation whose two sides do not go together.
    """
    if not scope.keeps_foreign_keys:
        return ()
    found = [_foreign_key(field, model, scope) for field in model.fields if not scope.is_column(field)]
    return tuple(key for key in found if key is not None)


def _foreign_key(field: Field, model: Block, scope: Scope) -> ForeignKey | None:
    relation, parent = field.attribute("relation"), scope.model(field)
    own = items_of(relation.get("fields")) if relation else ()
    if relation is None or not own:
        return None
    if parent is None:  # the field itself is listed where its column would stand
        return None
    theirs = items_of(relation.get("references"))
    columns = tuple(field_column(item, model, scope) for item in own)
    parents = tuple(field_column(item, parent, scope) for item in theirs)
    if len(columns) != len(parents):
        message = f"the relation {model.name}.{field.name} has {len(columns)} fields and {len(parents)} references"
        raise SourceError(message, source=model.source, line=relation.line)
    name = text_of(relation.get("map")) or scope.constraint_name(scope.name(model), columns, "fkey")
    optional = _is_optional(field, relation, model)
    return ForeignKey(
        columns, scope.key(parent), parents,
        _action(relation, "onDelete", "SET NULL" if optional else _strict(scope)),
        _action(relation, "onUpdate", "CASCADE"), name=name, span=Span(model.source, field.line),
    )  # fmt: skip


def _strict(scope: Scope) -> FkAction:
    return "NO ACTION" if scope.provider == "sqlserver" else "RESTRICT"


def _is_optional(field: Field, relation: Attribute, model: Block) -> bool:
    """Prisma's rule: one required column makes the relation a required one."""
    named = {word_of(item) for item in items_of(relation.get("fields"))}
    return field.arity == "optional" and not any(f.arity == "one" for f in model.fields if f.name in named)


def _action(relation: Attribute, name: str, otherwise: FkAction) -> FkAction:
    return _ACTIONS.get(word_of(relation.get(name)) or "", otherwise)


def join_tables(scope: Scope) -> tuple[Table, ...]:
    """The tables `_AToB` of the relations that are lists on both sides."""
    if scope.provider == "mongodb":
        return ()
    ends: dict[str, list[tuple[Block, Field]]] = {}
    for model in scope.models:
        for field in model.fields:
            other = None if scope.is_column(field) else scope.model(field)
            if other is not None and field.arity == "list":
                ends.setdefault(_relation_name(field, model, other), []).append((model, field))
    tables = [_join_table(name, pair, scope) for name, pair in ends.items() if _is_many_to_many(pair)]
    return tuple(table for table in tables if table is not None)


def _is_many_to_many(pair: list[tuple[Block, Field]]) -> bool:
    if len(pair) != 2:
        return False
    (a, to_b), (b, to_a) = pair
    return to_b.type == b.name and to_a.type == a.name


def _relation_name(field: Field, model: Block, other: Block) -> str:
    relation = field.attribute("relation")
    told = text_of(relation.get("name", 0)) if relation else None
    return told or "To".join(sorted((model.name, other.name)))


def _join_table(name: str, pair: list[tuple[Block, Field]], scope: Scope) -> Table | None:
    (first, field), (second, _) = sorted(pair, key=lambda end: end[0].name)
    spans = Span(first.source, field.line)
    table, space = f"_{name}", scope.namespace(first)
    key = f"{space}.{table}" if space else table
    types = [_key_type(model, scope) for model in (first, second)]
    if None in types:
        text = f"{first.name}.{field.name}"
        scope.list(first, field.line, "a many-to-many relation of a model whose key is not one column", text)
        return None
    columns = tuple(Column(c, t or "", False, span=spans) for c, t in zip("AB", types, strict=True))
    keys = tuple(
        ForeignKey((column,), scope.key(model), (_key_columns(model, scope)[0],), "CASCADE", "CASCADE",
                   name=f"{table}_{column}_fkey", span=spans)
        for column, model in zip("AB", (first, second), strict=True)
    )  # fmt: skip
    return Table(
        table, columns, space, PrimaryKey(("A", "B"), f"{table}_AB_pkey", spans),
        foreign_keys=keys if scope.keeps_foreign_keys else (),
        indexes=(Index(f"{table}_B_index", key, ('"B"',), span=spans),), span=spans,
    )  # fmt: skip


def _key_columns(model: Block, scope: Scope) -> tuple[str, ...]:
    key = primary_key(model, scope)
    return key.columns if key else ()


def _key_type(model: Block, scope: Scope) -> str | None:
    columns = _key_columns(model, scope)
    if len(columns) != 1:
        return None
    field = next((field for field in model.fields if scope.column(field) == columns[0]), None)
    return scalar_type(field) if field else None
