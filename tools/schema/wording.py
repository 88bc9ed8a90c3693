"""The model's values as text for those who read a gap."""

from __future__ import annotations

from tools.schema.model import Check, Column, ForeignKey, Index, PrimaryKey, Question, Sequence, Table, Trigger, Unique


def question(asked: Question) -> str:
    """A question as a person reads it."""
    where = f"{asked.table}." if asked.table else ""
    match asked.kind:
        case "table":
            return f"is table {asked.before} renamed to {asked.after}?"
        case "column":
            return f"is {where}{asked.before} renamed to {asked.after}?"
        case "enum_value":
            return f"is the value {asked.before!r} of the enum {asked.table} renamed to {asked.after!r}?"
        case "index":
            return f"is the index {asked.before} of {asked.table} renamed to {asked.after}?"
        case "merge":
            return f"are {where}{asked.before} merged into {asked.after}, as {asked.value}?"
        case _:
            return f"is {where}{asked.before} split into {asked.after}?"


def firing(trigger: Trigger) -> str:
    """When a trigger fires, by the state that Postgres keeps of it."""
    return {"DISABLE": "disabled", "ENABLE REPLICA": "enabled on replicas", "ENABLE ALWAYS": "enabled always"}.get(
        trigger.firing or "", "enabled"
    )


def type_of(column: Column) -> str:
    collated = f"{column.type} COLLATE {column.collation}" if column.collation else column.type
    return f"{collated} STORAGE {column.storage}" if column.storage else collated


def nullability(column: Column) -> str:
    return "NULL" if column.nullable else "NOT NULL"


def value_of(column: Column) -> str | None:
    """Where the column's value comes from when none is given: default, identity or generation; None for nothing."""
    if column.generated is not None:
        return f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}"
    if column.identity:
        return f"GENERATED {column.identity} AS IDENTITY"
    return "serial" if column.serial else column.default


def column(value: Column) -> str:
    parts = [type_of(value), "NOT NULL" if not value.nullable else ""]
    source = value_of(value)
    if source is not None:
        parts.append(source if value.generated is not None or value.identity or value.serial else f"DEFAULT {source}")
    return " ".join(part for part in parts if part)


def primary_key(key: PrimaryKey | None) -> str | None:
    return key and f"({', '.join(key.columns)})"


def unique(value: Unique) -> str:
    return " ".join([f"({', '.join(value.columns)})", *value.options])


def foreign_key(key: ForeignKey) -> str:
    parts = [f"({', '.join(key.columns)}) REFERENCES {key.ref_table} ({', '.join(key.ref_columns)})"]
    parts += [f"ON DELETE {key.on_delete}"] if key.on_delete != "NO ACTION" else []
    parts += [f"ON UPDATE {key.on_update}"] if key.on_update != "NO ACTION" else []
    parts += ["DEFERRABLE"] if key.deferrable else []
    parts += ["INITIALLY DEFERRED"] if key.initially_deferred else []
    return " ".join(parts + ([] if key.validated else ["NOT VALID"]))


def check(value: Check) -> str:
    return f"({value.expression})" + ("" if value.validated else " NOT VALID")


def index(value: Index) -> str:
    parts = ["UNIQUE"] if value.unique else []
    parts += [f"USING {value.method}"] if value.method not in ("btree", "art") else []
    parts.append(f"({', '.join(value.columns)})")
    parts += [f"INCLUDE ({', '.join(value.include)})"] if value.include else []
    parts += list(value.options)
    parts += [f"WHERE {value.where}"] if value.where else []
    return " ".join(parts + ([] if value.valid else ["INVALID"]))


def sequence(value: Sequence) -> str:
    bounds = (
        f"{value.minimum if value.minimum is not None else ''}..{value.maximum if value.maximum is not None else ''}"
    )
    return f"start {value.start}, increment {value.increment}, bounds {bounds}" + (", cycle" if value.cycle else "")


def table(value: Table) -> str:
    return f"({', '.join(value.column_names)})"
