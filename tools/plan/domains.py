"""A domain taken apart: what it is of, its default, whether NULL is one of its values, and its rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.schema.model import Check, SchemaObject
from tools.schema.normal import normal_expression
from tools.schema.render import check_sql, quote
from tools.schema.tokens import tokenize


@dataclass(frozen=True)
class Domain:
    """base: the type with its collation. checks: their expressions speak of VALUE."""

    name: str
    base: str
    default: str | None = None
    not_null: bool = False
    checks: tuple[Check, ...] = ()


def domain_of(thing: SchemaObject) -> Domain:
    """A domain, out of the statement by which the server would make it."""
    text = thing.create.removeprefix("CREATE DOMAIN ")
    marks: list[tuple[str, int, int]] = []
    depth = 0
    tokens = tokenize(text, "postgres")
    for token, after in zip(tokens, (*tokens[1:], None), strict=True):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        starts = token.is_word("AS", "DEFAULT", "CONSTRAINT") and (token.text != "AS" or not marks)
        if not depth and (starts or (token.is_word("NOT") and after is not None and after.is_word("NULL"))):
            marks.append((token.text.upper(), token.start, token.end))
    ends = [start for _, start, _ in marks[1:]] + [len(text)]
    parts = [(word, text[at:end].strip()) for (word, _, at), end in zip(marks, ends, strict=True)]
    return Domain(
        text[: marks[0][1]].strip(),
        next(said for word, said in parts if word == "AS"),
        next((said for word, said in parts if word == "DEFAULT"), None),
        any(word == "NOT" for word, _ in parts),
        tuple(_check(said) for word, said in parts if word == "CONSTRAINT"),
    )


def _check(said: str) -> Check:
    """`name CHECK (…) [NOT VALID]`."""
    tokens = tokenize(said, "postgres")
    opening = next(token for token in tokens if token.text == "(")
    closing = next(token for token in reversed(tokens) if token.text == ")")
    return Check(said[opening.end : closing.start].strip(), tokens[0].name, not tokens[-1].is_word("VALID"))


def object_of(domain: Domain, like: SchemaObject) -> SchemaObject:
    """The domain as the server would tell it."""
    head = f"{domain.name} AS {domain.base}"
    head += f" DEFAULT {domain.default}" if domain.default is not None else ""
    head += " NOT NULL" if domain.not_null else ""
    rules = sorted(check_sql(replace(check, name=None)) for check in domain.checks)
    made = "".join(f" CONSTRAINT {quote(c.name or '')} {check_sql(replace(c, name=None))}" for c in domain.checks)
    return replace(like, form=" ".join([head, *rules]), create=f"CREATE DOMAIN {head}{made}")


def on_column(expression: str, column: str) -> str:
    """A rule of a domain, said of a column's value (quoted SQL)."""
    parts: list[str] = []
    end = 0
    for token in tokenize(expression, "postgres"):
        if token.is_word("VALUE"):
            parts += [expression[end : token.start], column]
            end = token.end
    return "".join([*parts, expression[end:]])


def same_rule(one: Check, other: Check) -> bool:
    return normal_expression(one.expression, "postgres") == normal_expression(other.expression, "postgres")
