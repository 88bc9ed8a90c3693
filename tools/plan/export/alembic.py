"""Revisions of Alembic, one a step. Each file stands alone: it needs Alembic and SQLAlchemy, and nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence

from tools.plan.export.pieces import LOCK_TIMEOUT, Exported, backward, counted_only, enclosed, forward, line, slug
from tools.plan.model import Backfill, Plan, Step

BATCH = 20_000


def revisions(plan: Plan, after: str | None) -> tuple[Exported, ...]:
    files: list[Exported] = []
    before = after
    for step in plan.steps:
        if counted_only(step) and not step.checks:
            continue
        revision = f"{plan.digest[:8]}{len(files) + 1:04d}"
        files.append(Exported(f"{revision}_{slug(step)}.py", _file(plan, step, revision, before), step.id))
        before = revision
    return tuple(files)


def _file(plan: Plan, step: Step, revision: str, before: str | None) -> str:
    parts = [
        _HEAD.format(
            summary=_plain(step.summary), step=step.id, plan=plan.digest[:12], revision=revision, before=before or "",
            hazards=", ".join(h.value for h in step.hazards) or "none", down=before,
        ),
    ]  # fmt: skip
    if step.manual:
        return "".join([*parts, f"STEP = {step.id!r}\nSUMMARY = {line(step.summary)!r}\n", _MANUAL])
    # Batches commit one by one: a step that also runs SQL could not be run again after half of it.
    batched = step.backfill is not None and bool(step.backfill.key) and not step.sql
    up = forward(step, plan.dialect, backfill=not batched)
    down = backward(step, plan.dialect)
    parts += [_tuple("UPGRADE", _whole(plan, step, up, step.transactional)),
              _tuple("DOWNGRADE", _whole(plan, step, down, step.undo_transactional))]  # fmt: skip
    runner = _SQLITE if plan.dialect == "sqlite" else _POSTGRES
    alone = (f"ALONE_UP, ALONE_DOWN = {not step.transactional}, {not step.undo_transactional}\n"
             if plan.dialect == "postgres" else "")  # fmt: skip
    parts += [alone, runner]
    parts += [_batches(step.backfill)] if step.backfill and batched else []
    return "".join([*parts, _ways(plan, batched)])


def _whole(plan: Plan, step: Step, statements: Sequence[str], transactional: bool) -> tuple[str, ...]:
    """On Postgres the transaction is Alembic's own; what a DDL statement of SQLite does, its driver commits at once."""
    if plan.dialect == "postgres":
        return tuple(statements)
    return enclosed(step, statements, plan.dialect, transactional=transactional)


def _ways(plan: Plan, batched: bool) -> str:
    up = "run(UPGRADE, ALONE_UP)" if plan.dialect == "postgres" else "run(UPGRADE)"
    down = "run(DOWNGRADE, ALONE_DOWN)" if plan.dialect == "postgres" else "run(DOWNGRADE)"
    fill = "\n    fill_in_batches()" if batched else ""
    return f"\n\ndef upgrade() -> None:\n    {up}{fill}\n\n\ndef downgrade() -> None:\n    {down}\n"


def _batches(backfill: Backfill) -> str:
    rows = backfill.batch or BATCH
    names = _escaped(", ".join(backfill.key))
    marks = ", ".join(f":k{n}" for n in range(len(backfill.key)))
    upto = ", ".join(f":u{n}" for n in range(len(backfill.key)))
    aliased = ", ".join(f"{_escaped(column)} AS key_{n}" for n, column in enumerate(backfill.key))
    order = ", ".join(f"key_{n} DESC" for n in range(len(backfill.key)))
    select = f"SELECT {aliased} FROM {_escaped(backfill.table)}"
    first = f"SELECT * FROM ({select} ORDER BY {names} LIMIT {rows}) AS batch ORDER BY {order} LIMIT 1"
    rest = f"{select} WHERE ({names}) > ({marks}) ORDER BY {names} LIMIT {rows}"
    following = f"SELECT * FROM ({rest}) AS batch ORDER BY {order} LIMIT 1"
    update, batch = backfill.statement(), _BATCH
    if backfill.quiet:
        begin = ("BEGIN IMMEDIATE",) if backfill.again else ("BEGIN", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        batch = _QUIET_BATCH.format(before=(*begin, *backfill.off), behind=(*backfill.on, "COMMIT"))
    return _FILL.format(
        batch=batch,
        first=first, following=following, whole=_literal(update), range_first=f" AND ({names}) <= ({upto})",
        range_rest=f" AND ({names}) > ({marks}) AND ({names}) <= ({upto})", statement=_literal(_open(backfill)),
    )  # fmt: skip


def _escaped(name: str) -> str:
    return name.replace(":", "\\:")


def _open(backfill: Backfill) -> str:
    """The statement with its condition in parentheses, so that a range can be added."""
    sets = ", ".join(f"{column} = {expression}" for column, expression in backfill.assignments)
    return f"UPDATE {backfill.table} SET {sets} WHERE ({backfill.where})"


def _tuple(name: str, statements: Sequence[str]) -> str:
    if not statements:
        return f"{name}: tuple[str, ...] = ()\n"
    return f"{name} = (\n" + "".join(f"    {_literal(sql)},\n" for sql in statements) + ")\n"


def _literal(sql: str) -> str:
    """A readable string literal of Python."""
    if "\n" not in sql or "\\" in sql or '"""' in sql:
        return repr(sql)
    return f'"""\n{sql}\n"""'


def _plain(text: str) -> str:
    return line(text).replace("\\", "/").replace('"""', "'''").rstrip('"')


_HEAD = '''"""{summary}

Step {step} of the plan {plan}. Hazards: {hazards}.
Revision ID: {revision}
Revises: {before}
"""

from alembic import context, op
from sqlalchemy import TextClause, text

revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None

'''
_MANUAL = """

def upgrade() -> None:
    if f"done={STEP}" not in context.get_x_argument():
        raise RuntimeError(f"{SUMMARY}. When it is done, say so: alembic -x done={STEP} upgrade head")


def downgrade() -> None:
    pass
"""
_POSTGRES = '''

def run(statements: tuple[str, ...], alone: bool) -> None:
    migration = op.get_context()
    if not migration.opts.get("transaction_per_migration"):
        raise RuntimeError("configure transaction_per_migration=True in env.py: locks must not last over several steps")
    if alone:
        with migration.autocommit_block():
            for statement in statements:
                op.execute(literal(statement))
        return
    for statement in statements:
        op.execute(literal(statement))


def literal(statement: str, more: str = "") -> TextClause:
    """A colon in SQL is no parameter; those of `more` are."""
    return text(statement.replace(":", "\\\\:") + more)
'''
_SQLITE = '''

def run(statements: tuple[str, ...]) -> None:
    with op.get_context().autocommit_block():
        try:
            for statement in statements:
                op.execute(literal(statement))
        except Exception:
            if not context.is_offline_mode():
                op.get_bind().exec_driver_sql("ROLLBACK")
            raise


def literal(statement: str, more: str = "") -> TextClause:
    """A colon in SQL is no parameter; those of `more` are."""
    return text(statement.replace(":", "\\\\:") + more)
'''
_BATCH = "            bind.execute(literal(STATEMENT, within), low | high)"
_QUIET_BATCH = """\
            for sql in {before!r}:
                bind.execute(literal(sql))
            bind.execute(literal(STATEMENT, within), low | high)
            for sql in {behind!r}:
                bind.execute(literal(sql))"""
_FILL = '''

STATEMENT = {statement}


def fill_in_batches() -> None:
    """Ranges of the key, each committed by itself, so that no row is locked for long."""
    if context.is_offline_mode():
        op.execute(literal({whole}))
        return
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        low: dict[str, object] = {{}}
        find, within = {first!r}, {range_first!r}
        while row := bind.execute(text(find), low).fetchone():
            high = {{f"u{{n}}": value for n, value in enumerate(row)}}
{batch}
            low = {{f"k{{n}}": value for n, value in enumerate(row)}}
            find, within = {following!r}, {range_rest!r}
'''
