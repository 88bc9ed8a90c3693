"""Expressions, defaults and queries carried from one dialect to another, and what they mean in any."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from tools.location import Dialect
from tools.schema.model import Column
from tools.schema.normal import normal_expression
from tools.schema.tokens import tokenize
from tools.schema.types import family

_NOW = {"postgres": "now()", "duckdb": "now()", "sqlite": "CURRENT_TIMESTAMP"}
_TODAY = {"postgres": "CURRENT_DATE", "duckdb": "current_date", "sqlite": "CURRENT_DATE"}
_UUID = {"postgres": "gen_random_uuid()", "duckdb": "uuid()", "sqlite": "lower(hex(randomblob(16)))"}
_CALLS: dict[str, dict[str, str]] = {"now": _NOW, "today": _TODAY, "uuid": _UUID}
_MEANINGS = {
    "now ( )": "now", "current_timestamp": "now", "current_timestamp ( )": "now", "get_current_timestamp ( )": "now",
    "transaction_timestamp ( )": "now", "localtimestamp": "now", "datetime ( 'now' )": "now",
    "timezone ( 'utc' , now ( ) )": "now", "strftime ( '%y-%m-%dt%h:%m:%fz' , 'now' )": "now",
    "clock_timestamp ( )": "now", "statement_timestamp ( )": "now",
    "current_date": "today", "current_date ( )": "today", "today ( )": "today", "date ( 'now' )": "today",
    "gen_random_uuid ( )": "uuid", "uuid_generate_v4 ( )": "uuid", "uuid ( )": "uuid",
    "lower ( hex ( randomblob ( 16 ) ) )": "uuid", "hex ( randomblob ( 16 ) )": "uuid",
}  # fmt: skip
"""What a default's normal form, in lower case, stands for in every dialect."""


def default_meaning(column: Column, dialect: Dialect) -> tuple[str, str]:
    """What a column gets when no value is given: (kind, what), equal across dialects where it is the same."""
    if column.serial or column.identity:
        return "auto", ""
    if column.default is None:
        return "none", ""
    normal = normal_expression(column.default, dialect).lower()
    uncast = normal.partition(" :: ")[0] if normal.count("::") == 1 else normal
    for text in (normal, uncast):
        if text in _MEANINGS:
            return _MEANINGS[text], ""
    if normal.startswith("nextval ("):
        return "auto", ""
    literal = _literal(column.default, dialect)
    if literal is not None:
        return ("none", "") if literal == "NULL" else ("literal", _canonical(literal, column, dialect))
    return "expression", meaning(column.default, dialect)


def carried_default(column: Column, source: Dialect, target: Dialect) -> str | None:
    """The column's default as `target` writes it; None where it has none, or nothing that the target could hold."""
    kind, what = default_meaning(column, source)
    if kind in ("none", "auto"):
        return None
    if kind in _CALLS:
        return _CALLS[kind][target]
    if kind == "literal":
        return _spelled(what, column, source, target)
    return carried(column.default or "", source, target)


def carried(expression: str, source: Dialect, target: Dialect, names: Iterable[str] = ()) -> str | None:
    """An expression as `target` writes it; None for one that cannot be read.

    names: those of columns and tables, as they are; a name that Postgres would fold to lower case is put in quotes.
    """
    tree = _tree(expression, source)
    if tree is None:
        return None
    simple = _simplified(tree)
    if target == "postgres":
        _quote_odd(simple, names)
    return simple.sql(dialect=target)


def carried_query(query: str, source: Dialect, target: Dialect, names: Iterable[str] = ()) -> str | None:
    """A view's query as `target` writes it; None for one that cannot be read."""
    head, rest = _column_list(query, source)
    found = carried(rest, source, target, names)
    return None if found is None else head + found


def meaning(expression: str, dialect: Dialect) -> str:
    """An expression in a form that is equal for equal expressions of any two dialects, as far as sqlglot can tell."""
    tree = _tree(expression, dialect)
    return normal_expression(expression, dialect) if tree is None else _plain_text(tree)


def query_meaning(query: str, dialect: Dialect) -> str:
    """The same for a view's query; where it reads one table, that table's name before a column counts for nothing.

    Nor does it count whether the view's columns are named before the query or in it, and what says the same twice.
    """
    from sqlglot import exp

    head, rest = _column_list(query, dialect)
    tree = _tree(rest, dialect)
    if tree is None:
        return normal_expression(query, dialect)
    if len(list(tree.find_all(exp.Table))) == 1:
        for column in tree.find_all(exp.Column):
            column.set("table", None)
    names = [name.strip().strip('"').lower() for name in head.strip().removesuffix("AS").strip(" ()").split(",")]
    selected = tree.selects if isinstance(tree, exp.Query) else []
    if head and len(names) == len(selected):
        head = ""
        for name, each in zip(names, selected, strict=True):
            each.replace(exp.alias_(each.unalias().copy(), name))
    for alias in list(tree.find_all(exp.Alias)):
        if isinstance(alias.this, exp.Column) and alias.this.name.lower() == alias.alias.lower():
            alias.replace(alias.this)
    for cast in list(tree.find_all(exp.Cast)):
        if isinstance(cast.this, exp.Literal) and cast.to.this is exp.DType.USERDEFINED:
            cast.replace(cast.this)
    return f"{head.lower()}{_plain_text(tree)}"


def _tree(expression: str, dialect: Dialect) -> Any:
    """The expression's tree; None where sqlglot cannot read it."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return sqlglot.parse_one(expression, read=dialect)
    except SqlglotError:
        return None


def _plain_text(tree: Any) -> str:
    """The tree as text without parentheses, quotes and case, which differ between engines that mean the same."""
    from sqlglot import exp

    def open_up(node: Any) -> Any:
        return node.this if isinstance(node, exp.Paren) else node

    bare = _simplified(tree).transform(open_up)
    for identifier in bare.find_all(exp.Identifier):
        identifier.set("quoted", False)
        identifier.set("this", identifier.name.lower())
    return bare.sql(comments=False, normalize_functions="upper")


def _quote_odd(tree: Any, names: Iterable[str]) -> None:
    from sqlglot import exp

    odd = {name.lower(): name for name in names if name != name.lower()}
    for identifier in tree.find_all(exp.Identifier):
        name = odd.get(identifier.name.lower())
        if name is not None:
            identifier.set("this", name)
            identifier.set("quoted", True)


def _simplified(tree: Any) -> Any:
    """Without what Postgres adds when it prints: casts of literals and of texts, ANY over arrays."""
    from sqlglot import exp

    def simpler(node: Any) -> Any:
        if isinstance(node, exp.Cast):
            return _uncast(node)
        if isinstance(node, (exp.EQ, exp.NEQ)) and isinstance(node.expression, (exp.Any, exp.All)):
            return _in_list(node)
        if isinstance(node, exp.Between):
            low, high = (
                exp.GTE(this=node.this, expression=node.args["low"]),
                exp.LTE(this=node.this, expression=node.args["high"]),
            )
            return exp.Paren(this=exp.And(this=low, expression=high))
        return node

    return tree.copy().transform(simpler)


def _uncast(node: Any) -> Any:
    from sqlglot import exp

    inner = node.this.unnest()
    if isinstance(inner, exp.Literal) and inner.is_string:
        if node.to.is_type(*exp.DataType.NUMERIC_TYPES):
            return exp.Literal.number(inner.name)
        return inner
    if isinstance(inner, (exp.Literal, exp.Neg)) and node.to.is_type(*exp.DataType.NUMERIC_TYPES):
        return inner  # Postgres prints 0 beside a numeric column as (0)::numeric
    texts = node.to.is_type(*exp.DataType.TEXT_TYPES)
    return inner if texts and isinstance(inner, exp.Column) else node


def _in_list(node: Any) -> Any:
    from sqlglot import exp

    inner = node.expression.this
    while isinstance(inner, (exp.Paren, exp.Cast)):
        inner = inner.this
    if not isinstance(inner, exp.Array):
        return node
    values = [_uncast(value) if isinstance(value, exp.Cast) else value for value in inner.expressions]
    found = exp.In(this=node.this.unnest(), expressions=values)
    return exp.Not(this=found) if isinstance(node, exp.NEQ) else found


def _literal(default: str, dialect: Dialect) -> str | None:
    """The text of a literal default without its cast; None for anything else."""
    tokens = list(tokenize(default, dialect))
    while len(tokens) > 2 and tokens[0].text == "(" and tokens[-1].text == ")":
        tokens = tokens[1:-1]
    if len(tokens) > 5 and tokens[0].is_word("CAST") and tokens[1].text == "(" and tokens[3].is_word("AS"):
        tokens = tokens[2:3]
    if len(tokens) > 2 and tokens[1].text == "::":
        tokens = tokens[:1]
    if len(tokens) == 2 and tokens[0].text in "+-" and tokens[1].kind == "number":
        return default.replace(" ", "")
    if len(tokens) != 1:
        return None
    token = tokens[0]
    if token.kind == "string" or (token.kind == "quoted" and dialect == "sqlite"):
        return token.name
    if token.kind == "number":
        return token.text
    return token.value if token.is_word("TRUE", "FALSE", "NULL") else None


def _canonical(text: str, column: Column, dialect: Dialect) -> str:
    if text.upper() in ("TRUE", "FALSE") or (family(column.type, dialect).name == "boolean" and text in ("t", "f")):
        return "1" if text.upper()[0] == "T" else "0"
    try:
        return (
            str(Decimal(text).normalize() + 0) if family(column.type, dialect).name not in ("text", "varchar") else text
        )
    except InvalidOperation:
        return text


def _spelled(text: str, column: Column, source: Dialect, target: Dialect) -> str:
    name = family(column.type, source).name
    if name == "boolean":
        truth = {"1": "true", "0": "false"}.get(text, text)
        return text if target == "sqlite" else truth
    if name in ("smallint", "integer", "bigint", "hugeint", "decimal", "real", "double") and _is_number(text):
        return format(Decimal(text), "f")
    if name == "array" and text == "{}" and target != "postgres":
        return "[]" if target == "duckdb" else "'[]'"
    return "'" + text.replace("'", "''") + "'"


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _column_list(query: str, dialect: Dialect) -> tuple[str, str]:
    """A view's text as (`(a, b) AS ` or nothing, the query)."""
    tokens = tokenize(query, dialect)
    if not tokens or tokens[0].text != "(":
        return "", query
    closing = next((i for i, token in enumerate(tokens) if token.text == ")"), 0)
    if closing + 1 < len(tokens) and tokens[closing + 1].is_word("AS"):
        start = tokens[closing + 2].start
        return query[:start], query[start:]
    return "", query
