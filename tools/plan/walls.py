"""What no step may do, whoever approves it: leave its database, or the transaction in which it is journaled.

A step that ends the transaction, attaches another database, writes a file or starts a program can be neither rehearsed
nor undone, and its journal would lie. The text is judged by its tokens; the engines themselves are locked besides
wherever nobody has approved anything (a rehearsal, a proof).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tools.errors import Refused, SourceError
from tools.location import Dialect
from tools.plan.model import Accounting, Backfill, Plan, Step
from tools.plan.trigger_text import name_and_table
from tools.schema.tokens import Token, split, tokenize, unquote

_JOURNAL = ("meta", "runs", "steps", "fingerprints")
_TRANSACTION = ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE")
_UNSEEN = ("PREPARE", "EXECUTE", "DEALLOCATE")
_OUTSIDE: dict[Dialect, tuple[str, ...]] = {
    "sqlite": ("ATTACH", "DETACH", "PRAGMA"),
    "duckdb": (
        "ATTACH", "DETACH", "PRAGMA", "COPY", "EXPORT", "IMPORT", "INSTALL", "LOAD", "USE", "SET", "RESET", "CALL",
        "CHECKPOINT", "FORCE",
    ),
    "postgres": ("COPY", "LOAD", "DISCARD", "NOTIFY", "LISTEN", "IMPORT", "CHECKPOINT"),
}  # fmt: skip
_OUTSIDE_PAIRS: dict[Dialect, tuple[tuple[str, str], ...]] = {
    "sqlite": (("VACUUM", "INTO"),),
    "duckdb": (("UPDATE", "EXTENSIONS"),),
    "postgres": (("ALTER", "SYSTEM"), ("SET", "ROLE"), ("SET", "SESSION"), ("SET", "TRANSACTION"), ("RESET", "ROLE")),
}
_SERVER_WIDE = ("DATABASE", "ROLE", "USER", "GROUP", "TABLESPACE", "SUBSCRIPTION", "SERVER", "SECRET")
_FUNCTIONS: dict[Dialect, tuple[str, ...]] = {
    "sqlite": ("load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"),
    "duckdb": (
        "read_", "parquet_", "sniff_csv", "glob", "sqlite_", "postgres_", "mysql_", "iceberg_", "delta_scan", "getenv",
        "query", "query_table", "duckdb_secrets", "which_secret", "load_aws_credentials", "enable_logging",
    ),
    "postgres": (
        "pg_read_", "pg_ls_", "pg_stat_file", "lo_", "loread", "lowrite", "dblink", "pg_terminate_backend",
        "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_logical_", "pg_create_", "pg_drop_",
        "pg_replication_", "pg_switch_wal", "pg_promote", "pg_wal_", "pg_backup_", "pg_file_", "pg_advisory_",
        "pg_notify", "set_config", "query_to_xml", "pg_sync_", "pg_copy_", "pg_restore_",
    ),
}  # fmt: skip
"""Functions that reach files, other sessions, settings or other databases; a trailing `_` stands for all that begin
so."""
_CLAUSES = (
    "SELECT", "FROM", "WHERE", "RETURNING", "SET", "UNION", "INTERSECT", "EXCEPT", "ORDER", "GROUP", "HAVING", "LIMIT",
    "OFFSET", "WINDOW", "VALUES", "INTO", "WITH", "QUALIFY",
)  # fmt: skip


def plan_breaches(plan: Plan) -> Iterator[tuple[str | None, str]]:
    """(step, what it must not do) for everything of a plan that is beyond what a step may do."""
    for step in plan.steps:
        yield from ((step.id, f"step {step.id!r} {what}") for what in step_breaches(step, plan.dialect))
    for accounting in plan.accounting:
        for what in _accounting_breaches(accounting, plan.dialect):
            yield None, f"the accounting of {accounting.table!r} {what}"


def refuse_breaches(plan: Plan, source: str = "the plan") -> None:
    """Refused, naming the first thing in a plan that no approval opens."""
    for _, what in plan_breaches(plan):
        raise Refused(f"{source}: {what}; it is not run, whoever approves it")


def step_breaches(step: Step, dialect: Dialect) -> Iterator[str]:
    """What the step must not do, each as the end of a sentence that begins with its name."""
    for sql in (*step.sql, *step.undo):
        yield from statement_breaches(sql, dialect)
    for check in (*step.checks, *step.undo_checks):
        yield from statement_breaches(check.sql, dialect)
        if not _reads(check.sql, dialect):
            yield f"has a check that is no SELECT: {_short(check.sql)}"
    if step.backfill:
        yield from _backfill_breaches(step.backfill, dialect)


def statement_breaches(sql: str, dialect: Dialect) -> Iterator[str]:
    """What one entry of a step's SQL must not do."""
    try:
        statements = split(sql, dialect)
    except SourceError as error:
        yield f"has SQL that cannot be taken apart ({error}): {_short(sql)}"
        return
    if len(statements) != 1:
        yield f"has {len(statements)} statements in one entry, and each must be an entry of its own: {_short(sql)}"
        return
    tokens = statements[0].tokens
    if tokens[0].kind == "meta":
        yield f"has a command of psql's, which is no SQL: {_short(sql)}"
        return
    yield from (f"{what}: {_short(sql)}" for what in _judged(tokens, dialect))


def _judged(tokens: Sequence[Token], dialect: Dialect) -> Iterator[str]:
    words = [token.text.upper() if token.kind == "word" else "" for token in tokens]
    first = words[0]
    if first in _TRANSACTION:
        yield "begins or ends a transaction, which is the runner's to do"
    if first in _UNSEEN:
        yield "runs a prepared statement, whose text cannot be seen"
    if first in _OUTSIDE[dialect] or any(_begins(words, both) for both in _OUTSIDE_PAIRS[dialect]):
        yield "reaches outside the database or changes its settings"
    if first in ("CREATE", "ALTER", "DROP") and _names_server_wide(words):
        yield "changes what is not part of the database"
    yield from _inner(list(_with_bodies(tokens, dialect)), dialect)


def _names_server_wide(words: Sequence[str]) -> bool:
    rest = [word for word in words[1:4] if word not in ("OR", "REPLACE", "PERSISTENT", "TEMPORARY", "IF", "FOREIGN")]
    return bool(rest) and rest[0] in _SERVER_WIDE


def _begins(words: Sequence[str], both: tuple[str, str]) -> bool:
    return words[0] == both[0] and (both[1] in words if both[0] == "VACUUM" else words[1:2] == [both[1]])


def _inner(tokens: Sequence[Token], dialect: Dialect) -> Iterator[str]:
    for n, token in enumerate(tokens):
        following = tokens[n + 1].text if n + 1 < len(tokens) else ""
        if token.kind == "quoted" and token.text[:1] in "uU":
            yield f"has a name written with escapes ({token.text}), which cannot be judged"
        elif token.is_name and following == "(" and _forbidden(token.name.lower(), dialect):
            yield f"calls {token.name}, which reaches outside the database"
        elif token.is_word("FROM", "JOIN") and dialect == "duckdb" and following[:1] == "'":
            yield "reads a file"
        elif token.is_name and _is_journal(tokens, n, dialect):
            yield "touches oneplan's own journal"
        elif token.is_word("PROGRAM") and following[:1] in ("'", "$"):
            yield "starts a program"


def _forbidden(name: str, dialect: Dialect) -> bool:
    return any(name == one or (one.endswith("_") and name.startswith(one)) or (one == "dblink" and name.startswith(one))
               for one in _FUNCTIONS[dialect])  # fmt: skip


def _is_journal(tokens: Sequence[Token], n: int, dialect: Dialect) -> bool:
    name = tokens[n].name.lower()
    if dialect == "sqlite":
        return name.startswith("_oneplan_") and name.removeprefix("_oneplan_") in _JOURNAL
    dotted = n > 1 and tokens[n - 1].text == "." and tokens[n - 2].is_name
    return name in _JOURNAL and dotted and tokens[n - 2].name.lower() == "oneplan"


def _with_bodies(tokens: Sequence[Token], dialect: Dialect) -> Iterator[Token]:
    """The tokens, and those of quoted bodies of routines and DO blocks after them."""
    yield from tokens
    if dialect == "sqlite" or not tokens[0].is_word("DO", "CREATE"):
        return
    for token in tokens:
        if token.kind == "string":
            try:
                yield from tokenize(_body(token.text), dialect)
            except SourceError:  # no SQL: a plain text
                continue


def _body(text: str) -> str:
    if text.startswith("$"):
        return text.split("$", 2)[2].rsplit("$", 2)[0]
    return unquote(text[text.index("'") :]) if "'" in text else text


def _backfill_breaches(backfill: Backfill, dialect: Dialect) -> Iterator[str]:
    for name in (backfill.table, *backfill.key, *(column for column, _ in backfill.assignments), *backfill.quiet):
        if not _is_name(name, dialect):
            yield f"has a backfill with {_short(name)} where a name must stand"
    if backfill.again and (dialect != "sqlite" or len(backfill.again) != len(backfill.quiet)):
        yield "has a backfill that does not make again just the triggers that it drops"
    for name, sql in zip(backfill.quiet, backfill.again, strict=False):
        yield from statement_breaches(sql, dialect)
        if _folded(name_and_table(sql)) != _folded((unquote(name), unquote(backfill.table))):
            yield f"has a backfill that does not make the trigger {name} again by {_short(sql)}"
    for expression in (backfill.where, *(value for _, value in backfill.assignments)):
        yield from expression_breaches(expression, dialect)


def _folded(names: tuple[str, str] | None) -> tuple[str, ...]:
    return tuple(name.lower() for name in names or ())


def _accounting_breaches(accounting: Accounting, dialect: Dialect) -> Iterator[str]:
    for name in (accounting.table_before, accounting.table_after):
        if name is not None and not _is_name(name, dialect):
            yield f"has {_short(name)} where a table's name must stand"
    for expression in (one for pair in accounting.columns for one in pair):
        yield from expression_breaches(expression, dialect)


def _is_name(text: str, dialect: Dialect) -> bool:
    tokens = _whole(text, dialect) or ()
    return bool(tokens) and all(
        token.is_name if n % 2 == 0 else token.text == "." for n, token in enumerate(tokens)
    ) and len(tokens) % 2 == 1 and not any(t.kind == "quoted" and t.text[:1] in "uU" for t in tokens)  # fmt: skip


def expression_breaches(text: str, dialect: Dialect) -> Iterator[str]:
    """An expression must stay one wherever it is put in: no comment, no bracket or clause that is not its own."""
    tokens = _whole(text, dialect)
    if not tokens:
        yield f"has an expression that is empty, or holds a comment or an open quote: {_short(text)}"
        return
    depth = 0
    for n, token in enumerate(tokens):
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
        outside = depth == 0 and token.text in (",", ";")
        clause = depth == 0 and token.is_word(*_CLAUSES) and not (n and tokens[n - 1].is_word("DISTINCT"))
        if depth < 0 or outside or clause or token.text == ";":
            yield f"has something that is no single expression (at {token.text!r}): {_short(text)}"
            return
    if depth:
        yield f"has an expression with an open bracket: {_short(text)}"
    yield from (f"has an expression that {what}: {_short(text)}" for what in _inner(tokens, dialect))


def _whole(text: str, dialect: Dialect) -> tuple[Token, ...] | None:
    """The tokens of a text that holds nothing else but white space; None where it does, or cannot be read."""
    try:
        tokens = tokenize(text, dialect)
    except SourceError:
        return None
    ends = [0, *(token.end for token in tokens)]
    starts = [*(token.start for token in tokens), len(text)]
    return None if any(text[a:b].strip() for a, b in zip(ends, starts, strict=True)) else tokens


def _reads(sql: str, dialect: Dialect) -> bool:
    tokens = tokenize(sql, dialect)
    writes = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "INTO")
    return bool(tokens) and tokens[0].is_word("SELECT", "WITH", "FROM", "VALUES") and not _any(tokens, writes)


def _any(tokens: Iterable[Token], words: Sequence[str]) -> bool:
    return any(token.is_word(*words) for token in tokens)


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 80 else line[:77] + "…"
