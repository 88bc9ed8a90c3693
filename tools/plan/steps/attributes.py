"""What a plain ALTER changes on Postgres: how a column is stored, a table's parameters, whether it is logged."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Move, Pair, Way
from tools.plan.partitions import is_partitioned
from tools.plan.shape import edit_table, with_column
from tools.schema.model import Table
from tools.schema.render import qualified, quote

_LOGGED = "UNLOGGED"


def expand(draft: Draft) -> None:
    """What touches no row: the next ones are stored the new way."""
    for pair in draft.pairs if draft.dialect == "postgres" else ():
        for move in pair.of(Way.KEPT):
            if move.old.storage != move.new.storage:
                _store(draft, pair, move)
        if not is_partitioned(pair.before):
            _set_parameters(draft, pair)


def contract(draft: Draft) -> None:
    """A table begins or ceases to be logged: Postgres writes it anew, and nobody else gets at it meanwhile."""
    for pair in draft.pairs if draft.dialect == "postgres" else ():
        table = draft.table(pair.after.key)
        if (_LOGGED in table.options) == (_LOGGED in pair.after.options) or is_partitioned(table):
            continue
        logs = _LOGGED in table.options
        words = ("LOGGED", "UNLOGGED") if logs else ("UNLOGGED", "LOGGED")
        options = tuple(o for o in table.options if o != _LOGGED) if logs else (_LOGGED, *table.options)
        hazards = (Hazard.ACCESS_EXCLUSIVE_LOCK, Hazard.TABLE_REWRITE)
        lost = "" if logs else " From then on a crash empties it."
        _step(
            draft, table, Phase.CONTRACT, "set_logged", f"Make {table.key} {words[0].lower()}",
            tuple(f"ALTER TABLE {qualified(table.key)} SET {word}" for word in words),
            f"Postgres writes the table anew.{lost}", replace(table, options=options), hazards,
        )  # fmt: skip


def _store(draft: Draft, pair: Pair, move: Move) -> None:
    table = draft.table(pair.after.key)
    column = table.column(move.new.name) or move.old
    alter = f"ALTER TABLE {qualified(table.key)} ALTER COLUMN {quote(column.name)} SET STORAGE"
    how = move.new.storage or "as its type is by itself"
    _step(
        draft, table, Phase.EXPAND, f"store_{column.name}", f"Store {table.key}.{column.name} {how}",
        (f"{alter} {move.new.storage or 'DEFAULT'}", f"{alter} {move.old.storage or 'DEFAULT'}"),
        "Only rows written from now on are stored so; old ones stay as they are.",
        with_column(table, replace(column, storage=move.new.storage)), (), column.name,
    )  # fmt: skip


def _set_parameters(draft: Draft, pair: Pair) -> None:
    table = draft.table(pair.after.key)
    there, wanted = _parameters(table), _parameters(pair.after)
    if there == wanted:
        return
    options = [o for o in table.options if not _is_with(o)] + [o for o in pair.after.options if _is_with(o)]
    _step(
        draft, table, Phase.EXPAND, "set_parameters", f"Set the storage parameters of {table.key}",
        (_change(table.key, there, wanted), _change(table.key, wanted, there)),
        "Postgres keeps to them from the next write on; no row is written for their sake.",
        replace(table, options=tuple(options)), (),
    )  # fmt: skip


def _change(key: str, there: dict[str, str], wanted: dict[str, str]) -> str:
    """One ALTER TABLE: parameters set that differ, and reset that are not wanted."""
    sets = ", ".join(f"{name} = {value}" for name, value in wanted.items() if there.get(name) != value)
    resets = ", ".join(name for name in there if name not in wanted)
    actions = ([f"SET ({sets})"] if sets else []) + ([f"RESET ({resets})"] if resets else [])
    return f"ALTER TABLE {qualified(key)} {', '.join(actions)}"


def _is_with(option: str) -> bool:
    return option.startswith("WITH (")


def _parameters(table: Table) -> dict[str, str]:
    """`WITH (fillfactor=70, …)` as the server prints it, taken apart."""
    text = next((option for option in table.options if _is_with(option)), "WITH ()")
    pairs = [part.partition("=") for part in text.removeprefix("WITH (").removesuffix(")").split(", ") if part]
    return {name: value for name, _, value in pairs}


def _step(
    draft: Draft, table: Table, phase: Phase, what: str, summary: str, sql: tuple[str, ...], reason: str,
    after: Table, hazards: tuple[Hazard, ...], column: str | None = None,
) -> None:  # fmt: skip
    closes = draft.gap_sentences(table.key, column, kinds=("type_changed",)) if column else ()
    closes = closes or draft.gap_sentences(table.key, kinds=("not_understood",))
    draft.add(
        Step(
            draft.step_id(phase, table.key, what), phase, "set_storage" if column else what, summary, (table.key,),
            sql[:1], sql[1:], hazards=hazards, closes=closes, reason=reason,
            depends_on=draft.sign_offs if phase is Phase.CONTRACT else (),
        ),
        edit_table(draft.state, table.key, lambda _: after),
    )  # fmt: skip
