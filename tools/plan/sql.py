"""Fragments of SQL that the steps share. Every name that goes in is plain; what comes out is quoted."""

from __future__ import annotations

from collections.abc import Sequence

from tools.location import Dialect
from tools.schema.render import qualified, quote


def names(columns: Sequence[str], alias: str = "") -> str:
    """A comma-separated list of quoted columns, each behind `alias.` where one is given."""
    return ", ".join(ref(column, alias) for column in columns)


def ref(column: str, alias: str = "") -> str:
    return f"{alias}.{quote(column)}" if alias else quote(column)


def same(a: str, b: str, dialect: Dialect) -> str:
    """Equality in which NULL equals NULL."""
    return f"{a} IS {b}" if dialect == "sqlite" else f"{a} IS NOT DISTINCT FROM {b}"


def distinct(a: str, b: str, dialect: Dialect) -> str:
    return f"{a} IS NOT {b}" if dialect == "sqlite" else f"{a} IS DISTINCT FROM {b}"


def orphans(child: str, columns: Sequence[str], parent: str, ends: Sequence[str]) -> str:
    """The rows of a table (its key) whose columns are not found in `parent`, which is quoted SQL."""
    some = " AND ".join(f"t.{quote(c)} IS NOT NULL" for c in columns)
    match = " AND ".join(f"p.{quote(r)} = t.{quote(c)}" for c, r in zip(columns, ends, strict=True))
    found = f"SELECT 1 FROM {parent} AS p WHERE {match}"
    return f"SELECT t.* FROM {qualified(child)} AS t WHERE {some} AND NOT EXISTS ({found})"


def duplicates(table: str, values: Sequence[str], null_is_one: bool = False, where: str = "") -> str:
    """The values (quoted SQL) that several rows of a table share; NULL counts as a value only where it is said."""
    some = [where] * bool(where) + [f"{value} IS NOT NULL" for value in values if not null_is_one]
    asked = f" WHERE {' AND '.join(some)}" if some else ""
    listed = ", ".join(values)
    return f"SELECT {listed}, count(*) FROM {qualified(table)}{asked} GROUP BY {listed} HAVING count(*) > 1"


def violations(table: str, expression: str) -> str:
    return f"SELECT * FROM {qualified(table)} WHERE NOT ({expression})"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def is_constant(expression: str, dialect: Dialect) -> bool:
    """Whether a default is a literal (cast or negated, perhaps): the same for every row and at any time."""
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(expression, read=dialect)
    except SqlglotError:
        return False
    allowed = (exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Paren, exp.Cast, exp.DataType, exp.DataTypeParam,
               exp.HexString, exp.Identifier)  # fmt: skip
    return all(isinstance(node, allowed) for node in tree.walk())


def is_steady(expression: str, dialect: Dialect) -> bool:
    """Whether an expression gives the same value for the same row each time: only columns, constants and operators,
    and functions known to be pure. In doubt it is not."""
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(expression, read=dialect)
    except SqlglotError:
        return False
    pure = (exp.Coalesce, exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.Substring, exp.Replace, exp.Abs, exp.Round,
            exp.Length, exp.Cast, exp.Case, exp.If, exp.Nullif, exp.And, exp.Or)  # fmt: skip
    shaky = (exp.Func, exp.Select, exp.Subquery, exp.Command)
    return not any(isinstance(node, shaky) and not isinstance(node, pure) for node in tree.walk())


def text_of(expression: str, dialect: Dialect) -> str | None:
    """The text of a string literal, in parentheses or under a cast perhaps; None for any other expression."""
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(expression, read=dialect)
    except SqlglotError:
        return None
    while isinstance(tree, (exp.Paren, exp.Cast)):
        tree = tree.this
    return tree.name if isinstance(tree, exp.Literal) and tree.is_string else None
