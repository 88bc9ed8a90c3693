"""The words of Convex's own packages that a schema is written in: `v`, `defineTable`, `defineSchema`, and helpers.

Sources: the packages `convex` (values/validator.ts, server/schema.ts), `convex-helpers` (validators.ts) and
`@convex-dev/auth` (server/implementation/types.ts, for `authTables`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tools.schema.convex_values import (
    Entry,
    Field,
    FunctionValue,
    ListValue,
    Literal_,
    ObjectValue,
    SchemaValue,
    Space,
    TableIndex,
    TableValue,
    Unknown,
    Validator,
    Value,
)
from tools.schema.convex_values import Kind as ValidatorKind
from tools.schema.model import Span

Call = Callable[[tuple[Value, ...]], Value]
_PLAIN: dict[str, ValidatorKind] = {
    "string": "string", "number": "float64", "float64": "float64", "bigint": "int64", "int64": "int64",
    "boolean": "boolean", "bytes": "bytes", "null": "null", "any": "any", "commitTs": "int64",
}  # fmt: skip
NULL = Validator("null")


def builtin(module: str, name: str) -> Value | None:
    """The value that a package of Convex's exports under a name; None for what is not known here."""
    if module == "convex/values" and name == "v":
        return Space(_v)
    if module in ("convex/values", "convex/server", "convex-helpers/validators") and name == "*":
        return Space(lambda member: builtin(module, member) or Unknown(member, f"{module} is not known to have it"))
    if module == "convex/server":
        return {"defineTable": FunctionValue(_define_table), "defineSchema": FunctionValue(_define_schema)}.get(name)
    if module.startswith("convex-helpers"):
        return _HELPERS.get(name) or (Space(_v) if name == "v" else None)
    if module.startswith("@convex-dev/auth") and name == "authTables":
        return auth_tables()
    return None


def as_validator(value: Value | None) -> Validator | None:
    """A validator, or an object of fields where Convex takes one for the other."""
    if isinstance(value, Validator):
        return value
    if isinstance(value, ObjectValue):
        return _object((value,))
    return None


def union(members: tuple[Validator, ...]) -> Validator:
    flat: list[Validator] = []
    for member in members:
        flat += member.members if member.kind == "union" else (member,)
    return Validator("union", any(m.optional for m in members), members=tuple(flat))


def validator_member(v: Validator, name: str) -> Value | None:
    """What hangs on a validator: `.fields`, `.members`, `.element`, and the methods of object validators."""
    if name == "fields":
        return ObjectValue(tuple(Entry(f.name, f.validator, f.span, f.note) for f in v.fields))
    if name == "members":
        return ListValue(v.members)
    if name in ("element", "value") and v.element is not None:
        return v.element
    methods: dict[str, Call] = {
        "asOptional": lambda _: replace(v, optional=True),
        "optional": lambda _: replace(v, optional=True),
        "partial": lambda _: replace(v, fields=_optional(v.fields)),
        "extend": lambda given: _extended(v, given),
        "omit": lambda given: replace(v, fields=tuple(f for f in v.fields if f.name not in _names(given))),
        "pick": lambda given: replace(v, fields=tuple(f for f in v.fields if f.name in _names(given))),
    }
    return FunctionValue(methods[name]) if name in methods else None


def table_member(table: TableValue, name: str, index: Callable[[str, tuple[Value, ...]], TableIndex | None]) -> Value:
    """The methods of a table: those that add an index, and `staged`, which changes nothing yet."""
    if name == "validator":
        return table.validator
    if name == "staged":
        return FunctionValue(
            lambda _: _with_unknown(table, "staged", "a staged validator, which holds for nothing yet")
        )
    if name not in ("index", "searchIndex", "vectorIndex"):
        return Unknown(name, f"a table has no {name!r} that is known here")

    def add(given: tuple[Value, ...]) -> Value:
        made = index(name, given)
        if made is None:
            return _with_unknown(table, name, "an index whose name or fields cannot be worked out")
        return replace(table, indexes=(*table.indexes, made))

    return FunctionValue(add)


def _with_unknown(table: TableValue, text: str, reason: str) -> TableValue:
    return replace(table, unknown=(*table.unknown, Unknown(text, reason)))


def table_index(kind: str, given: tuple[Value, ...]) -> TableIndex | None:
    """`.index(name, fields)`, `.index(name, { fields, staged })`, and the objects of the other two."""
    if not given or not isinstance(given[0], Literal_):
        return None
    name, told = str(given[0].value), given[1] if len(given) > 1 else None
    if isinstance(told, ListValue):
        return TableIndex(name, "index", _texts(told)) if _is_told(told) else None
    if not isinstance(told, ObjectValue) or told.unknown:
        return None
    if not all(_is_told(entry.value) for entry in told.entries):
        return None
    filters = _texts(told.get("filterFields"))
    staged = ("STAGED",) if told.get("staged") == Literal_(True) else ()
    if kind == "index":
        return TableIndex(name, "index", _texts(told.get("fields")), (), staged)
    if kind == "searchIndex":
        return TableIndex(name, "search", _texts(told.get("searchField")), filters, staged)
    size = told.get("dimensions")
    dimensions = (f"DIMENSIONS {int(size.value)}",) if isinstance(size, Literal_) and size.value else ()
    return TableIndex(name, "vector", _texts(told.get("vectorField")), filters, (*dimensions, *staged))


def _is_told(value: Value) -> bool:
    if isinstance(value, ListValue):
        return not value.unknown and all(isinstance(item, Literal_) for item in value.items)
    return isinstance(value, Literal_)


def _texts(value: Value | None) -> tuple[str, ...]:
    if isinstance(value, Literal_):
        return (str(value.value),)
    items = value.items if isinstance(value, ListValue) else ()
    return tuple(str(item.value) for item in items if isinstance(item, Literal_))


def _v(name: str) -> Value:
    if name in _PLAIN:
        return FunctionValue(lambda _: Validator(_PLAIN[name]))
    made: dict[str, Call] = {
        "id": _id, "literal": _literal, "optional": _made_optional, "array": _array, "object": _object,
        "record": _record, "union": _union, "nullable": _nullable, "defaulted": _first,
    }  # fmt: skip
    return FunctionValue(made[name]) if name in made else Unknown(f"v.{name}", "no validator of this name is known")


def _id(given: tuple[Value, ...]) -> Value:
    if given and isinstance(given[0], Literal_) and isinstance(given[0].value, str):
        return Validator("id", table=given[0].value)
    return Unknown("v.id", "the table that it names cannot be worked out")


def _literal(given: tuple[Value, ...]) -> Value:
    if given and isinstance(given[0], Literal_):
        return Validator("literal", literal=given[0].value)
    return Unknown("v.literal", "its value cannot be worked out")


def _made_optional(given: tuple[Value, ...]) -> Value:
    inner = _first(given)
    return replace(inner, optional=True) if isinstance(inner, Validator) else inner


def _first(given: tuple[Value, ...]) -> Value:
    if given and isinstance(given[0], Unknown):
        return given[0]
    return as_validator(given[0] if given else None) or Unknown("v", "what it wraps cannot be worked out")


def _array(given: tuple[Value, ...]) -> Value:
    inner = _first(given)
    return Validator("array", element=inner if isinstance(inner, Validator) else _any(inner))


def _record(given: tuple[Value, ...]) -> Value:
    key, value = (given[place] if len(given) > place else None for place in (0, 1))
    return Validator("record", key=as_validator(key) or _any(key), element=as_validator(value) or _any(value))


def _object(given: tuple[Value, ...]) -> Validator:
    whole = given[0] if given and isinstance(given[0], ObjectValue) else ObjectValue()
    lost = tuple(value for value in given if isinstance(value, Unknown))
    found: dict[str, Field] = {}
    for entry in whole.entries:  # a later one takes the earlier one's place, as in JavaScript
        validator = as_validator(entry.value) or _any(entry.value, entry.span)
        found[entry.name] = Field(entry.name, validator, entry.span, entry.note)
    return Validator("object", fields=tuple(found.values()), unknown=(*whole.unknown, *lost))


def _any(value: Value | None, span: Span | None = None) -> Validator:
    """A value of any kind, where what it is cannot be worked out."""
    lost = value if isinstance(value, Unknown) else Unknown("", "it is no validator", span)
    return Validator("any", unknown=(lost,))


def _union(given: tuple[Value, ...]) -> Value:
    members = [as_validator(member) for member in given]
    unknown = next((member for member in given if isinstance(member, Unknown)), None)
    if unknown is not None:
        return unknown
    return union(tuple(member for member in members if member is not None))


def _nullable(given: tuple[Value, ...]) -> Value:
    inner = _first(given)
    return union((inner, NULL)) if isinstance(inner, Validator) else inner


def _literals(given: tuple[Value, ...]) -> Value:
    return union(tuple(Validator("literal", literal=item.value) for item in given if isinstance(item, Literal_)))


def _partial(given: tuple[Value, ...]) -> Value:
    if given and isinstance(given[0], ObjectValue):
        entries = (
            replace(entry, value=replace(entry.value, optional=True)) if isinstance(entry.value, Validator) else entry
            for entry in given[0].entries
        )
        return replace(given[0], entries=tuple(entries))
    if given and isinstance(given[0], Validator):
        return replace(given[0], fields=_optional(given[0].fields))
    return Unknown("partial", "its fields cannot be worked out")


def _optional(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(replace(f, validator=replace(f.validator, optional=True)) for f in fields)


def _extended(v: Validator, given: tuple[Value, ...]) -> Value:
    more = as_validator(given[0] if given else None)
    if more is None:
        return Unknown("extend", "the fields that it adds cannot be worked out")
    names = {f.name for f in more.fields}
    return replace(v, fields=(*(f for f in v.fields if f.name not in names), *more.fields))


def _names(given: tuple[Value, ...]) -> set[str]:
    items = [item for value in given for item in (value.items if isinstance(value, ListValue) else (value,))]
    return {str(item.value) for item in items if isinstance(item, Literal_)}


def _define_table(given: tuple[Value, ...]) -> Value:
    if given and isinstance(given[0], Unknown):
        return given[0]
    validator = as_validator(given[0] if given else None)
    return TableValue(validator) if validator else Unknown("defineTable", "its fields cannot be worked out")


def _define_schema(given: tuple[Value, ...]) -> Value:
    tables = given[0] if given else None
    if not isinstance(tables, ObjectValue):
        return tables if isinstance(tables, Unknown) else Unknown("defineSchema", "it holds no tables")
    options = given[1] if len(given) > 1 else None
    said = options.entries if isinstance(options, ObjectValue) else ()
    return SchemaValue(
        tables, tuple((entry.name, str(entry.value.value)) for entry in said if isinstance(entry.value, Literal_))
    )


def _chosen(given: tuple[Value, ...], *, wanted: bool) -> Value:
    """`pick(fields, names)` and `omit(fields, names)` of convex-helpers."""
    if len(given) < 2 or not isinstance(given[0], ObjectValue):
        return Unknown("pick" if wanted else "omit", "its fields cannot be worked out")
    names = _names(given[1:])
    return replace(given[0], entries=tuple(e for e in given[0].entries if (e.name in names) is wanted))


def _helped_table(given: tuple[Value, ...]) -> Value:
    """`Table(name, fields)` of convex-helpers/server: an object with the table and its fields."""
    fields = given[1] if len(given) > 1 else None
    if not isinstance(fields, ObjectValue):
        return Unknown("Table", "its fields cannot be worked out")
    return ObjectValue((Entry("table", _define_table((fields,))), Entry("withoutSystemFields", fields)))


def _required(given: tuple[Value, ...]) -> Value:
    inner = _first(given)
    return inner.required() if isinstance(inner, Validator) else inner


_HELPERS: dict[str, Value] = {
    "literals": FunctionValue(_literals), "nullable": FunctionValue(_nullable), "partial": FunctionValue(_partial),
    "brandedString": FunctionValue(lambda _: Validator("string")), "any": Validator("any"),
    "deprecated": Validator("any", optional=True),
    "pretend": FunctionValue(lambda _: Validator("any", optional=True)),
    "pretendRequired": FunctionValue(_made_optional),
    "omit": FunctionValue(lambda given: _chosen(given, wanted=False)), "Table": FunctionValue(_helped_table),
    "pick": FunctionValue(lambda given: _chosen(given, wanted=True)), "vRequired": FunctionValue(_required),
    **{name: Validator(_PLAIN[kind]) for name, kind in {
        "string": "string", "number": "number", "float64": "float64", "boolean": "boolean", "bigint": "bigint",
        "int64": "int64", "null_": "null", "bytes": "bytes",
    }.items()},
    "id": FunctionValue(_id), "object": FunctionValue(_object), "array": FunctionValue(_array),
    "optional": FunctionValue(_made_optional), "union": FunctionValue(_union), "or": FunctionValue(_union),
}  # fmt: skip


def auth_tables() -> ObjectValue:
    """The tables that `...authTables` of @convex-dev/auth spreads into a schema."""
    return ObjectValue(tuple(Entry(name, _auth_table(fields, indexes)) for name, fields, indexes in _AUTH))


def _auth_table(fields: str, indexes: tuple[tuple[str, str], ...]) -> TableValue:
    told = [part.split(":") for part in fields.split()]
    validators = tuple(Field(name.rstrip("?"), _auth_type(kind, name.endswith("?"))) for name, kind in told)
    made = tuple(TableIndex(name, "index", tuple(columns.split())) for name, columns in indexes)
    return TableValue(Validator("object", fields=validators), made)


def _auth_type(kind: str, optional: bool) -> Validator:
    if kind.startswith("@"):
        return Validator("id", optional, table=kind[1:])
    return Validator(_PLAIN[kind], optional)


_AUTH: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("users", "name?:string image?:string email?:string emailVerificationTime?:number phone?:string "
     "phoneVerificationTime?:number isAnonymous?:boolean", (("email", "email"), ("phone", "phone"))),
    ("authSessions", "userId:@users expirationTime:number", (("userId", "userId"),)),
    ("authAccounts", "userId:@users provider:string providerAccountId:string secret?:string emailVerified?:string "
     "phoneVerified?:string",
     (("userIdAndProvider", "userId provider"), ("providerAndAccountId", "provider providerAccountId"))),
    ("authRefreshTokens", "sessionId:@authSessions expirationTime:number firstUsedTime?:number "
     "parentRefreshTokenId?:@authRefreshTokens",
     (("sessionId", "sessionId"), ("sessionIdAndParentRefreshTokenId", "sessionId parentRefreshTokenId"))),
    ("authVerificationCodes", "accountId:@authAccounts provider:string code:string expirationTime:number "
     "verifier?:string emailVerified?:string phoneVerified?:string", (("accountId", "accountId"), ("code", "code"))),
    ("authVerifiers", "sessionId?:@authSessions signature?:string", (("signature", "signature"),)),
    ("authRateLimits", "identifier:string lastAttemptTime:number attemptsLeft:number", (("identifier", "identifier"),)),
)  # fmt: skip
