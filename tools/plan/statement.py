"""What a SQL statement does, as effects: from sqlglot's tree, and from the words of what sqlglot keeps as a command."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from tools.location import Dialect
from tools.schema.tokens import Token, tokenize


class Verb(StrEnum):
    """The effects that hazards are made of."""

    CREATE_TABLE = "create table"
    CREATE_VIEW = "create view"
    DROP_TABLE = "drop table"
    DROP_OTHER = "drop"  # a schema, database or anything that may take tables along
    DROP_VIEW = "drop view"
    DROP_COLUMN = "drop column"
    DROP_INDEX = "drop index"
    RENAME_TABLE = "rename table"
    RENAME_COLUMN = "rename column"
    ADD_COLUMN = "add column"
    ADD_COLUMN_REWRITE = "add column with a value for every row"
    CHANGE_TYPE = "change type"
    SET_NOT_NULL = "set not null"
    SET_NOT_NULL_HELD = "set not null, proven by a check"
    ALTER = "alter table"
    ATTACH = "attach a partition"
    ADD_FOREIGN_KEY = "add foreign key"
    ADD_CONSTRAINT = "add constraint"
    ADD_CONSTRAINT_LATER = "add constraint, not valid"
    VALIDATE = "validate"
    CREATE_INDEX = "create index"
    CREATE_INDEX_CONCURRENTLY = "create index concurrently"
    CREATE_TRIGGER = "create trigger"
    WRITE = "write rows"
    DELETE = "delete rows"
    REWRITE = "rewrite"
    LOCK = "lock"


@dataclass(frozen=True)
class Effect:
    """One thing that a statement does. `table` and `column` are plain names, "" where there is none; a table outside
    the default namespace is written `namespace.name`. With CREATE_TRIGGER `column` is the trigger that is switched off,
    or dropped without a word of its table (SQLite). `reads` are the tables it takes rows from, `other` the one that a
    foreign key points to."""

    verb: Verb
    table: str = ""
    column: str = ""
    reads: tuple[str, ...] = ()
    other: str = ""


def parse(sql: str, dialect: Dialect) -> Any:
    """sqlglot's tree of one statement; None for what it does not understand."""
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    # sqlglot warns on stderr of each statement that it keeps as a command.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except (SqlglotError, RecursionError):  # the second for what is nested thousands deep
        return None
    return None if isinstance(tree, (exp.Command, exp.Alias, exp.Column)) else tree


@lru_cache(maxsize=4096)
def effects(sql: str, dialect: Dialect) -> tuple[Effect, ...]:
    """All effects of one statement, in no order; empty for one that only reads or defines."""
    tree = None if _makes_trigger(sql, dialect) else parse(sql, dialect)
    if tree is None:
        return tuple(_by_words(tokenize(sql, dialect)))
    return tuple(_of_tree(tree, dialect))


def runs_code(sql: str, dialect: Dialect) -> bool:
    """Whether the statement is a call of code, whose effects its words do not tell."""
    first = next(iter(tokenize(sql, dialect)), None)
    return first is not None and first.is_word("DO", "CALL", "EXECUTE")


def understood(sql: str, dialect: Dialect) -> bool:
    """Whether what the statement does is known: by its tree, or by a first word that says enough."""
    first = next(iter(tokenize(sql, dialect)), None)
    if first is None or first.kind == "meta" or f" {first.text.upper()} " in _TOLD_BY_WORDS:
        return True
    return parse(sql, dialect) is not None


_TOLD_BY_WORDS = (
    " ABORT ALTER ANALYZE ANALYSE ATTACH BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE "
    "DECLARE DESCRIBE DETACH DISCARD DO DROP END EXECUTE EXPLAIN EXPORT FETCH FORCE GRANT IMPORT INSTALL LISTEN LOAD "
    "LOCK MOVE NOTIFY PRAGMA PREPARE REASSIGN REFRESH REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SET "
    "SHOW START SUMMARIZE TRUNCATE UNLISTEN USE VACUUM "
)
_BEFORE_KIND = ("OR", "REPLACE", "TEMP", "TEMPORARY", "CONSTRAINT")


def _makes_trigger(sql: str, dialect: Dialect) -> bool:
    """sqlglot takes the body of a trigger for a statement of its own, and keeps no table."""
    if "TRIGGER" not in sql[:400].upper():  # spares the tokens of nearly all statements
        return False
    words = [token.text.upper() for token in tokenize(sql, dialect)[:6] if token.kind == "word"]
    kind = next((word for word in words[1:] if word not in _BEFORE_KIND), "")
    return words[:1] == ["CREATE"] and kind == "TRIGGER"


def _of_tree(tree: Any, dialect: Dialect) -> Iterator[Effect]:
    from sqlglot import expressions as exp

    if isinstance(tree, exp.Alter):
        yield from _alter(tree, dialect)
    elif isinstance(tree, exp.Drop):
        yield from _drop(tree)
    elif isinstance(tree, exp.Create):
        yield from _create(tree)
    else:
        yield from _rows(tree)


def _rows(tree: Any) -> Iterator[Effect]:
    """Statements on rows, also inside a WITH."""
    from sqlglot import expressions as exp

    for node in tree.walk():
        if isinstance(node, exp.TruncateTable):
            for table in node.expressions:
                yield Effect(Verb.DELETE, table_name(table))
                yield Effect(Verb.LOCK, table_name(table))
        elif isinstance(node, exp.Delete):
            yield Effect(Verb.DELETE, table_name(node.this))
        elif isinstance(node, exp.Update):
            yield Effect(Verb.WRITE, table_name(node.this), reads=_tables(node))
        elif isinstance(node, (exp.Insert, exp.Merge)):
            yield Effect(Verb.WRITE, table_name(node.this), reads=_tables(node))
            if isinstance(node, exp.Merge) and any(
                str(w.args.get("then")).upper() == "DELETE" for w in node.find_all(exp.When)
            ):
                yield Effect(Verb.DELETE, table_name(node.this))


def _create(tree: Any) -> Iterator[Effect]:
    from sqlglot import expressions as exp

    kind = str(tree.args.get("kind") or "").upper()
    if kind == "TABLE":
        yield Effect(
            Verb.CREATE_TABLE, table_name(tree.this), reads=_tables(tree.expression) if tree.expression else ()
        )
        if (parent := tree.find(exp.PartitionedOfProperty)) is not None:  # unlike one that is attached
            yield Effect(Verb.ALTER, table_name(parent.this))
    elif kind == "INDEX" and isinstance(tree.this, exp.Index):
        verb = Verb.CREATE_INDEX_CONCURRENTLY if tree.args.get("concurrently") else Verb.CREATE_INDEX
        yield Effect(verb, table_name(tree.this.args.get("table")))
    elif kind == "VIEW":
        yield Effect(Verb.CREATE_VIEW, table_name(tree.this))


def _drop(tree: Any) -> Iterator[Effect]:
    kind = str(tree.args.get("kind") or "").upper()
    named: list[Any] = [tree.this, *(tree.args.get("tables") or []), *(tree.expressions or [])]
    tables = list(dict.fromkeys(table_name(t) for t in named if t is not None))
    if kind == "TABLE":
        yield from (Effect(Verb.DROP_TABLE, table) for table in tables)
    elif kind in ("VIEW", "MATERIALIZED VIEW"):
        yield from (Effect(Verb.DROP_VIEW, table) for table in tables)
    elif kind == "INDEX":
        yield Effect(Verb.DROP_INDEX, "", "CONCURRENTLY" if tree.args.get("concurrently") else "")
    elif kind == "TRIGGER" and tree.args.get("cluster") is not None:
        yield Effect(Verb.ALTER, table_name(tree.args["cluster"].this))  # Postgres locks the table out for it
    elif kind == "TRIGGER":
        yield Effect(Verb.CREATE_TRIGGER, column=tables[0] if tables else "")
    elif kind in ("SCHEMA", "DATABASE", "EXTENSION") or tree.args.get("cascade"):
        yield Effect(Verb.DROP_OTHER, tables[0] if tables else "")


def _alter(tree: Any, dialect: Dialect) -> Iterator[Effect]:
    table = table_name(tree.this)
    if str(tree.args.get("kind") or "").upper() != "TABLE":
        return
    actions: list[Any] = tree.args.get("actions") or []
    for action in actions:
        yield from _action(action, table, bool(tree.args.get("not_valid")), dialect)


def _action(action: Any, table: str, not_valid: bool, dialect: Dialect) -> Iterator[Effect]:
    from sqlglot import expressions as exp

    if isinstance(action, exp.Drop):
        kind = str(action.args.get("kind") or "").upper()
        for dropped in action.args.get("tables") or [action.this]:
            yield Effect(Verb.DROP_COLUMN if kind == "COLUMN" else Verb.ALTER, table, getattr(dropped, "name", ""))
    elif isinstance(action, exp.ColumnDef):
        verb, points_to = (
            Verb.ADD_COLUMN_REWRITE if _fills_rows(action, dialect) else Verb.ADD_COLUMN,
            action.find(exp.Reference),
        )
        yield Effect(verb, table, action.name, other=table_name(points_to) if points_to else "")
    elif isinstance(action, exp.AlterRename):
        yield Effect(Verb.RENAME_TABLE, table, table_name(action.this))
    elif isinstance(action, exp.RenameColumn):
        yield Effect(Verb.RENAME_COLUMN, table, action.this.name)
    elif isinstance(action, exp.AlterColumn):
        if action.args.get("dtype") is not None:
            yield Effect(Verb.CHANGE_TYPE, table, action.name)
        elif action.args.get("allow_null") is False:
            yield Effect(Verb.SET_NOT_NULL, table, action.name)
        else:
            yield Effect(Verb.ALTER, table, action.name)
    elif isinstance(action, exp.AddConstraint):
        yield _constraint(action, table, not_valid)
    elif isinstance(action, exp.AlterSet) and action.sql("postgres").upper().startswith(_REWRITTEN):
        yield Effect(Verb.REWRITE, table)
    else:
        yield Effect(Verb.ALTER, table)


def _constraint(action: Any, table: str, not_valid: bool) -> Effect:
    from sqlglot import expressions as exp

    key = action.find(exp.ForeignKey)
    if key:
        verb = Verb.ADD_CONSTRAINT_LATER if not_valid else Verb.ADD_FOREIGN_KEY
        return Effect(verb, table, "fk", other=table_name(key.args.get("reference")))
    return Effect(Verb.ADD_CONSTRAINT_LATER if not_valid else Verb.ADD_CONSTRAINT, table)


def _fills_rows(column: Any, dialect: Dialect) -> bool:
    """Whether Postgres must write every row to add the column: a volatile default, an identity, stored generation."""
    from sqlglot import expressions as exp

    if dialect != "postgres":
        return False
    kind = column.args.get("kind")
    if kind is not None and kind.sql().upper() in ("SERIAL", "BIGSERIAL", "SMALLSERIAL"):
        return True
    for constraint in column.find_all(exp.ColumnConstraint):
        if isinstance(constraint.kind, (exp.GeneratedAsIdentityColumnConstraint, exp.ComputedColumnConstraint)):
            return True
        if isinstance(constraint.kind, exp.DefaultColumnConstraint):
            calls = constraint.kind.find_all(exp.Func)
            return any(
                not isinstance(c, (exp.Cast, exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime)) for c in calls
            )
    return False


def table_name(node: Any) -> str:
    """A table's plain name out of whatever names it."""
    from sqlglot import expressions as exp

    table = node if isinstance(node, exp.Table) else (node.find(exp.Table) if node is not None else None)
    if table is None:
        return getattr(node, "name", "") if node is not None else ""
    return f"{table.db}.{table.name}" if table.db and table.db not in ("public", "main") else table.name


def _tables(node: Any) -> tuple[str, ...]:
    from sqlglot import expressions as exp

    within = {cte.alias for cte in node.find_all(exp.CTE)}  # names of the statement's own
    return tuple(dict.fromkeys(name for table in node.find_all(exp.Table) if (name := table_name(table)) not in within))


_DESTROYING = ("DROP", "DELETE", "TRUNCATE")
_REWRITING = (("VACUUM", "FULL"), ("CLUSTER",), ("REINDEX",))
_REWRITTEN = ("SET LOGGED", "SET UNLOGGED", "SET TABLESPACE")


def _by_words(tokens: tuple[Token, ...]) -> Iterator[Effect]:
    """Statements that sqlglot only carries along, told by their words. What defines a routine does nothing yet."""
    words = [token.text.upper() for token in tokens if token.kind == "word"]
    table = _table_in(tokens)
    if not words or (words[0] == "CREATE" and {"FUNCTION", "PROCEDURE", "TRIGGER", "MACRO"} & set(words[:5])):
        if words and "TRIGGER" in words[:5]:
            yield Effect(Verb.CREATE_TRIGGER, _name_after("ON", tokens))
        return
    if words[:2] == ["ALTER", "TABLE"]:
        if "TRIGGER" in words and {"ENABLE", "DISABLE"} & set(words):  # by the lock that makes one takes
            off = "DISABLE" in words
            yield Effect(Verb.CREATE_TRIGGER, table, _name_after("TRIGGER", tokens) if off else "")
            return
        if "ATTACH" in words and "PARTITION" in words:  # the parent's rows are read and written on
            yield Effect(Verb.ATTACH, table)
            yield Effect(Verb.ALTER, _name_after("PARTITION", tokens))
            return
        yield from _alter_by_words(words, table)
    elif words[0] in ("REINDEX", "REFRESH") and "CONCURRENTLY" in words:
        yield Effect(Verb.CREATE_INDEX_CONCURRENTLY, _name_after("CONCURRENTLY", tokens))
    elif any(list(start) == words[: len(start)] for start in _REWRITING):
        yield Effect(Verb.REWRITE, table)
    elif words[0] == "LOCK" or words[:2] == ["REFRESH", "MATERIALIZED"]:
        yield Effect(Verb.LOCK, table)
    elif len(words) > 1 and words[1] == "POLICY":
        yield Effect(Verb.ALTER, _name_after("ON", tokens))  # Postgres locks the table out for it, and touches no row
    elif words[:2] == ["DROP", "DOMAIN"] and "CASCADE" not in words:
        return  # refused by Postgres while a column is of it
    elif words[:2] == ["ALTER", "DOMAIN"]:
        if words[-2:] == ["NOT", "NULL"] and "SET" in words or ("ADD" in words and "VALID" not in words):
            yield Effect(Verb.CREATE_INDEX)  # by the same lock, on all tables with columns of it
    elif words[:2] == ["ALTER", "TYPE"] or words[0] in ("COMMENT", "GRANT", "REVOKE", "SET"):
        return
    elif any(word in _all_words(tokens) for word in _DESTROYING):
        yield Effect(Verb.DELETE)


def _alter_by_words(words: list[str], table: str) -> Iterator[Effect]:
    if "VALIDATE" in words:
        yield Effect(Verb.VALIDATE, table)
    elif "DETACH" in words and "CONCURRENTLY" in words:
        yield Effect(Verb.CREATE_INDEX_CONCURRENTLY, table)  # by the same lock
    elif "USING" in words and "INDEX" in words:
        yield Effect(Verb.ALTER, table)
    elif "DROP" in words and "COLUMN" in words:
        yield Effect(Verb.DROP_COLUMN, table)
    elif "VALID" in words:
        yield Effect(Verb.ADD_CONSTRAINT_LATER, table)
    else:
        yield Effect(Verb.ALTER, table)


def _all_words(tokens: tuple[Token, ...]) -> set[str]:
    """The words of a statement, those inside a quoted body (DO $$ … $$) too, and of the texts that it executes."""
    found = {token.text.upper() for token in tokens if token.kind == "word"}
    for token in tokens:
        if token.kind == "string" and token.text.startswith("$"):
            inner = tokenize(token.text.split("$", 2)[2].rsplit("$", 2)[0], "postgres")
            found |= {one.text.upper() for one in inner if one.kind == "word"}
            if "EXECUTE" in found:
                texts = [one.text.upper() for one in inner if one.kind == "string"]
                found |= {word for word in _DESTROYING if any(word in text for text in texts)}
    return found


def _table_in(tokens: tuple[Token, ...]) -> str:
    return _name_after("TABLE", tokens)


def _name_after(word: str, tokens: tuple[Token, ...]) -> str:
    for n, token in enumerate(tokens):
        if token.is_word(word):
            rest = [t for t in tokens[n + 1 :] if not t.is_word("IF", "EXISTS", "ONLY")]
            if rest and rest[0].is_name:
                dotted = len(rest) > 2 and rest[1].text == "." and rest[2].is_name
                if dotted and rest[0].name in ("public", "main"):
                    return rest[2].name
                return f"{rest[0].name}.{rest[2].name}" if dotted else rest[0].name
            return ""
    return ""
