"""What Convex's own runtime says a schema is (`schema.export()` of the npm package), in the words of the reader.

The expected.json files beside the fixtures are such exports, made by bundling each schema.ts and running it.
"""

from __future__ import annotations

from typing import Any

from tools.schema.model import Schema

_TYPES = {
    "string": "text", "id": "text", "number": "double precision", "bigint": "bigint", "boolean": "boolean",
    "bytes": "bytea",
}  # fmt: skip
Columns = dict[str, dict[str, tuple[str, bool]]]


def exported_columns(export: dict[str, Any]) -> Columns:
    """By table and column: the type, and whether a value may be missing."""
    return {table["tableName"]: _columns(table["tableName"], table["documentType"]) for table in export["tables"]}


def exported_indexes(export: dict[str, Any]) -> dict[str, set[tuple[object, ...]]]:
    """By table: name, method, columns, filters and options of each index."""
    return {table["tableName"]: _indexes(table) for table in export["tables"]}


def read_columns(schema: Schema) -> Columns:
    enums = {enum.name: " | ".join(sorted(enum.values)) for enum in schema.enums}
    return {
        table.name: {c.name: (enums.get(c.type.strip('"'), c.type), c.nullable) for c in table.columns}
        for table in schema.tables
    }


def read_indexes(schema: Schema) -> dict[str, set[tuple[object, ...]]]:
    return {
        table.name: {
            (i.name, i.method, tuple(c.strip('"') for c in i.columns), i.include, tuple(sorted(i.options)))
            for i in table.indexes
        }
        for table in schema.tables
    }


def _columns(table: str, document: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    members = document["value"] if document["type"] == "union" else [document]
    if any(member["type"] != "object" for member in members):
        return {}
    names = dict.fromkeys(name for member in members for name in member["value"])
    found: dict[str, tuple[str, bool]] = {}
    for name in names:
        told = [member["value"][name] for member in members if name in member["value"]]
        missing = len(told) < len(members) or any(each["optional"] for each in told)
        flat = [one for each in told for one in _flat(each["fieldType"])]
        kept = [one for one in flat if one["type"] != "null"]
        nullable = missing or len(kept) < len(flat) or any(one["type"] == "any" for one in kept)
        found[name] = (_type(kept), nullable)
    return found


def _flat(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for each in told["value"] for one in _flat(each)] if told["type"] == "union" else [told]


def _type(members: list[dict[str, Any]]) -> str:
    literals = [member["value"] for member in members if member["type"] == "literal"]
    if members and len(literals) == len(members):
        if all(isinstance(value, str) for value in literals):
            return " | ".join(sorted(set(literals)))
        kinds = {type(value) for value in literals}
        return {bool: "boolean", int: "double precision", float: "double precision"}.get(kinds.pop(), "jsonb") if (
            len(kinds) == 1) else "jsonb"  # fmt: skip
    words = {"string" if isinstance(m.get("value"), str) else m["type"] for m in members}
    if len(words) != 1:
        return "jsonb"
    if words == {"array"} and len(members) == 1:
        inner = _flat(members[0]["value"])
        if all(isinstance(one.get("value"), str) and one["type"] == "literal" for one in inner):
            return "text[]"
        return f"{_TYPES[inner[0]['type']]}[]" if len(inner) == 1 and inner[0]["type"] in _TYPES else "jsonb"
    return _TYPES.get(words.pop(), "jsonb")


def _indexes(table: dict[str, Any]) -> set[tuple[object, ...]]:
    found: set[tuple[object, ...]] = set()
    for staged, prefix in ((False, ("indexes", "searchIndexes", "vectorIndexes")),
                           (True, ("stagedDbIndexes", "stagedSearchIndexes", "stagedVectorIndexes"))):  # fmt: skip
        more = ("STAGED",) if staged else ()
        for key, method in zip(prefix, ("btree", "search", "vector"), strict=True):
            for index in table[key]:
                fields = index.get("fields") or [index.get("searchField") or index.get("vectorField")]
                size = (f"DIMENSIONS {index['dimensions']}",) if method == "vector" else ()
                options = tuple(sorted((*size, *more)))
                name, filters = index["indexDescriptor"], tuple(index.get("filterFields", ()))
                found.add((name, method, tuple(fields), filters, options))
    return found
