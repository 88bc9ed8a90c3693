"""Prisma's types and defaults in Postgres's words, as Postgres itself prints them.

Prisma              Postgres                          native types (`@db.…`), also those of other providers
String              text                              Text, VarChar(n), Char(n), Uuid, Citext, Inet, Xml, Bit(n), …
Boolean             boolean                           Boolean; TinyInt(1) of MySQL
Int                 integer                           SmallInt, TinyInt: smallint; UnsignedInt: bigint; Oid: oid
BigInt              bigint                            UnsignedBigInt: numeric(20,0)
Float               double precision                  Real: real
Decimal             numeric(65,30)                    Decimal(p,s); Money: money
DateTime            timestamp(3) without time zone    Timestamp(n), Timestamptz(n), Date, Time(n), Timetz(n), …
Json                jsonb                             Json: json
Bytes               bytea                             ByteA, Blob, Binary(n), …
an enum             the enum
T[]                 the type and []                   (which takes NULL, as Prisma makes it)
Unsupported("x")    x
a composite type    jsonb                             (MongoDB)
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from tools.schema.prisma_ast import Attribute, Call, Field, Items, Number, Text, Value, Word
from tools.schema.render import literal
from tools.schema.reserved import as_printed

SCALARS = {
    "String": "text", "Boolean": "boolean", "Int": "integer", "BigInt": "bigint", "Float": "double precision",
    "Decimal": "numeric(65,30)", "DateTime": "timestamp(3) without time zone", "Json": "jsonb", "Bytes": "bytea",
}  # fmt: skip
_NATIVE = {
    "Text": "text", "Citext": "citext", "Uuid": "uuid", "Xml": "xml", "Inet": "inet", "Boolean": "boolean",
    "Bool": "boolean", "Integer": "integer", "Int": "integer", "Int2": "smallint", "Int4": "integer", "Int8": "bigint",
    "SmallInt": "smallint", "BigInt": "bigint", "Oid": "oid", "DoublePrecision": "double precision",
    "Double": "double precision", "Float8": "double precision", "Float": "double precision", "Real": "real",
    "Float4": "real", "Money": "money", "SmallMoney": "money", "Date": "date", "Json": "json", "JsonB": "jsonb",
    "ByteA": "bytea", "Bytes": "bytea", "String": "text", "ObjectId": "text",
    # MySQL
    "TinyText": "text", "MediumText": "text", "LongText": "text", "TinyInt": "smallint", "MediumInt": "integer",
    "UnsignedTinyInt": "smallint", "UnsignedSmallInt": "integer", "UnsignedMediumInt": "integer",
    "UnsignedInt": "bigint", "UnsignedBigInt": "numeric(20,0)", "Year": "smallint", "TinyBlob": "bytea",
    "Blob": "bytea", "MediumBlob": "bytea", "LongBlob": "bytea", "Binary": "bytea", "VarBinary": "bytea",
    # SQL Server
    "NText": "text", "UniqueIdentifier": "uuid", "Image": "bytea",
}  # fmt: skip
_SIZED = {
    "VarChar": "character varying", "NVarChar": "character varying", "Char": "character", "NChar": "character",
    "Bit": "bit", "VarBit": "bit varying", "Decimal": "numeric",
}  # fmt: skip
_TIMES = {
    "Timestamp": ("timestamp", " without time zone"), "Timestamptz": ("timestamp", " with time zone"),
    "Time": ("time", " without time zone"), "Timetz": ("time", " with time zone"),
    "DateTime": ("timestamp", " without time zone"), "DateTime2": ("timestamp", " without time zone"),
    "SmallDateTime": ("timestamp", " without time zone"), "DateTimeOffset": ("timestamp", " with time zone"),
}  # fmt: skip
_MADE_BY_CLIENT = frozenset({"uuid", "cuid", "cuid2", "ulid", "nanoid", "auto"})


def native_of(field: Field) -> Attribute | None:
    """The field's `@db.…`, under whatever name the datasource has."""
    return next((found for found in field.attributes if "." in found.name), None)


def scalar_type(field: Field) -> str | None:
    """The type of a field of one of Prisma's own types, or Unsupported; None for models, enums and unknown words.

    An unknown native type gives the type that the field has without it.
    """
    if field.unsupported is not None:
        return _array(field.unsupported, field)
    base = SCALARS.get(field.type)
    if base is None:
        return None
    native = native_of(field)
    return _array((native and native_type(native, field.type)) or base, field)


def native_type(attribute: Attribute, scalar: str) -> str | None:
    """The Postgres type of `@db.VarChar(255)`; None for a native type that is not known here."""
    name = attribute.name.rpartition(".")[2]
    numbers = [given.value.text for given in attribute.arguments if isinstance(given.value, Number)]
    if name in ("TinyInt", "Bit") and scalar == "Boolean":
        return "boolean"
    if name == "Bit" and scalar == "Bytes":
        return "bytea"
    if name in _SIZED:
        return f"{_SIZED[name]}({','.join(numbers)})" if numbers else _unsized(name)
    if name in _TIMES:
        word, zone = _TIMES[name]
        return f"{word}({numbers[0]}){zone}" if numbers else f"{word}{zone}"
    return _NATIVE.get(name)


def _unsized(name: str) -> str:
    return {"Char": "character(1)", "NChar": "character(1)", "Bit": "bit(1)"}.get(name, _SIZED[name])


def _array(type_: str, field: Field) -> str:
    return f"{type_}[]" if field.arity == "list" else type_


def made_by_client(value: Value | None) -> bool:
    """Whether a default is filled in by Prisma's client, so that the database has none."""
    return isinstance(value, Call) and value.name in _MADE_BY_CLIENT


def default_sql(value: Value, field: Field, type_: str, values: dict[str, str] | None = None) -> str | None:
    """A default as an expression of Postgres; None for one that cannot be told.

    values: of an enum, what each value is called in the database.
    """
    if isinstance(value, Items):
        return _list(value, field, type_, values)
    if isinstance(value, Call):
        if value.name == "now":
            return "CURRENT_TIMESTAMP"
        told = value.get("value", 0)
        return told.value or None if value.name == "dbgenerated" and isinstance(told, Text) else None
    if isinstance(value, Number):
        return _number(value.text)
    if isinstance(value, Word):
        if values is not None:
            return f"{literal(values.get(value.text, value.text))}::{type_}"
        return value.text if value.text in ("true", "false") else None
    return _text(value.value, field.type, type_)


def _number(text: str) -> str:
    """A number as Postgres keeps it in a default: a constant, with its own type where it is negative or large."""
    whole = re.fullmatch(r"-?\d+", text)
    size = "numeric" if not whole else "integer" if -(2**31) <= int(text) < 2**31 else "bigint"
    return text if not text.startswith("-") and size != "bigint" else f"'{text}'::{size}"


def _text(value: str, scalar: str, type_: str) -> str:
    if scalar == "Bytes":
        try:
            return literal("\\x" + base64.b64decode(value, validate=True).hex())
        except binascii.Error:
            return literal(value)
    if scalar == "DateTime":
        return f"{literal(_moment(value, type_))}::{re.sub(r'[(][0-9]+[)]', '', type_)}"
    return _number(value) if scalar in ("Decimal", "BigInt", "Float") and _is_number(value) else literal(value)


def _moment(value: str, type_: str) -> str:
    """A moment as Postgres prints one of this type: types without a zone take no notice of the one given."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    zone = ""
    if "with time zone" in type_:
        moment, zone = moment.astimezone(UTC) if moment.tzinfo else moment, "+00"
    day, _, time = moment.replace(tzinfo=None).isoformat(" ").partition(" ")
    time = time.rstrip("0") if "." in time else time
    if type_ == "date":
        return day
    return f"{time}{zone}" if type_.startswith("time") and not type_.startswith("timestamp") else f"{day} {time}{zone}"


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _list(value: Items, field: Field, type_: str, values: dict[str, str] | None) -> str | None:
    element = type_.removesuffix("[]")
    if not value.values:
        return f"ARRAY[]::{type_}"
    told = [default_sql(item, field, element, values) for item in value.values]
    if None in told:
        return None
    cast = "" if values is not None else f"::{element}"
    return "ARRAY[" + ", ".join(f"{item}{cast if item and item[0] == chr(39) else ''}" for item in told) + "]"


def enum_type(name: str, namespace: str) -> str:
    """An enum as the type of a column."""
    return ".".join(as_printed(part) for part in (namespace, name) if part)
