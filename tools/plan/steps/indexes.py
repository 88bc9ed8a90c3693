"""Indexes. Postgres builds them concurrently, outside any transaction; one that changes stands beside the old one under
another name until the contract phase. Unique ones wait for the verify phase, when old rows have their values."""

from __future__ import annotations

from dataclasses import replace

from tools.plan.differences import index_on_carriers, missing, new_indexes
from tools.plan.draft import Draft
from tools.plan.model import Phase, Step, StepCheck
from tools.plan.pairs import Pair, shadow
from tools.plan.partitions import is_partitioned
from tools.plan.rebuild import rebuild, unchanged
from tools.plan.shape import columns_of_index, edit_table, with_index, without_index
from tools.plan.steps.partitions import build_index
from tools.plan.steps.rebuild_table import needs_rebuild
from tools.plan.way_back import index_holds
from tools.schema.model import Index, Table
from tools.schema.normal import normal_index
from tools.schema.render import create_index, qualified, quote


def expand(draft: Draft) -> None:
    _rename(draft)
    _early(draft, Phase.EXPAND, unique=False)


def _rename(draft: Draft) -> None:
    """Indexes that a person has said to be the same: no statement of an application names one."""
    for key, old, new in draft.answers.indexes if draft.dialect == "postgres" else ():
        table = draft.state.table(key)
        index = next((i for i in table.indexes if i.name == old), None) if table else None
        if table is None or index is None or _taken(draft, new):
            continue
        named = replace(index, name=new, definition=None)
        draft.add(
            Step(
                draft.step_id(Phase.EXPAND, key, f"rename_index_{old}"),
                Phase.EXPAND,
                "rename_index",
                f"Call the index {old} of {key} {new}",
                (key,),
                (f"ALTER INDEX {_name(table, old)} RENAME TO {quote(new)}",),
                (f"ALTER INDEX {_name(table, new)} RENAME TO {quote(old)}",),
                closes=tuple(g.sentence for g in draft.gaps if g.table == key and g.name == new and g.sentence),
                reason="A moment's lock: only the catalog changes.",
            ),
            edit_table(draft.state, key, lambda t, i=named, o=old: with_index(without_index(t, o), i)),
        )


def verify(draft: Draft) -> None:
    _early(draft, Phase.VERIFY, unique=True)


def contract(draft: Draft) -> None:
    """What is left: old indexes go, those that waited under another name take their own, late ones are built."""
    for pair in draft.pairs:
        for index in draft.table(pair.after.key).indexes:
            if index.name.endswith("__oneplan") and draft.dialect == "postgres":
                continue
            if missing([index], pair.after.indexes, lambda i: normal_index(i, draft.dialect)):
                _remove(draft, pair, index)
        for index in missing(
            pair.after.indexes, draft.table(pair.after.key).indexes, lambda i: normal_index(i, draft.dialect)
        ):
            build(draft, pair.after, index, Phase.CONTRACT)


def waiting_name(index: Index) -> str:
    return shadow(index.name)


def build(draft: Draft, table: Table, index: Index, phase: Phase, checks: tuple[StepCheck, ...] = ()) -> None:
    """One step that makes an index as given. A left-over of an earlier, broken attempt is dropped first."""
    if draft.dialect == "postgres" and is_partitioned(draft.table(table.key)):
        build_index(draft, table, index, phase)
        return
    concurrently = draft.dialect == "postgres"
    drop = (
        f"DROP INDEX CONCURRENTLY IF EXISTS {_name(table, index.name)}"
        if concurrently
        else f"DROP INDEX {_name(table, index.name)}"
    )
    create = create_index(index, draft.dialect, concurrently=concurrently)
    draft.add(
        Step(
            draft.step_id(phase, table.key, f"index_{index.name}"),
            phase,
            "create_index",
            f"Index {table.key} ({', '.join(index.columns)}) as {index.name}",
            (table.key,),
            (drop, create) if concurrently else (create,),
            (drop,),
            checks=checks,
            transactional=not concurrently,
            undo_transactional=not concurrently,
            closes=tuple(g.sentence for g in draft.gaps_of(table.key) if g.name == index.name and g.sentence),
            reason="Built beside running writes; no lock that stops them."
            if concurrently
            else "Small beside a table made anew.",
        ),
        edit_table(draft.state, table.key, lambda t: with_index(t, index)),
        (table.key + f"#{column}" for column in columns_of_index(index, draft.table(table.key), draft.dialect)),
    )


def _early(draft: Draft, phase: Phase, *, unique: bool) -> None:
    for pair in draft.pairs:
        if draft.dialect != "postgres" and needs_rebuild(draft, pair):
            continue
        for index in new_indexes(draft, pair):
            ready = index_on_carriers(pair, index, draft.dialect)
            if index.unique is not unique or ready is None or not _there(draft, pair, ready):
                continue
            if _taken(draft, index.name) or ready != index:
                if draft.dialect != "postgres":
                    continue
                ready = replace(ready, name=waiting_name(index))
            build(draft, pair.after, ready, phase)


def _there(draft: Draft, pair: Pair, index: Index) -> bool:
    table = draft.table(pair.after.key)
    return all(table.column(c) for c in columns_of_index(index, table, draft.dialect))


def _taken(draft: Draft, name: str) -> bool:
    return any(index.name.lower() == name.lower() for table in draft.state.tables for index in table.indexes)


def _remove(draft: Draft, pair: Pair, index: Index) -> None:
    """Drop an old index; its successor of the same name, if any, is there in the same transaction."""
    table = draft.table(pair.after.key)
    successor = next((i for i in pair.after.indexes if i.name == index.name), None)
    waiting = next((i for i in table.indexes if successor and i.name == waiting_name(successor)), None)
    sql = [f"DROP INDEX {_name(table, index.name)}"]
    undo = [create_index(index, draft.dialect)]
    state = edit_table(draft.state, table.key, lambda t: without_index(t, index.name))
    if successor and waiting and draft.dialect == "postgres":
        sql.append(f"ALTER INDEX {_name(table, waiting.name)} RENAME TO {quote(successor.name)}")
        undo.insert(0, f"ALTER INDEX {_name(table, successor.name)} RENAME TO {quote(waiting.name)}")
        state = edit_table(state, table.key, lambda t: with_index(without_index(t, waiting.name), successor))
    elif successor and draft.dialect != "postgres":
        sql.append(create_index(successor, draft.dialect))
        undo.insert(0, f"DROP INDEX {_name(table, successor.name)}")
        state = edit_table(state, table.key, lambda t: with_index(t, successor))
    anew = bool(successor and draft.dialect == "duckdb" and (index.unique or successor.unique))
    if anew:  # the name of a dropped unique index is free only when the transaction has ended
        there = {table.key: unchanged(table)}
        sql, undo = list(rebuild(draft.state, state, there)), list(rebuild(state, draft.state, there))
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, table.key, f"drop_index_{index.name}"),
            Phase.CONTRACT,
            "drop_index",
            f"{'Replace' if successor else 'Drop'} index {index.name} of {table.key}",
            (table.key,),
            tuple(sql),
            tuple(undo),
            rebuild=anew,
            writes_data=anew,
            closes=tuple(g.sentence for g in draft.gaps_of(table.key) if g.name == index.name and g.sentence),
            reason="DuckDB keeps the name of a unique index until the transaction ends: the table is made anew."
            if anew
            else "An index holds no data of its own.",
            depends_on=draft.sign_offs,
            undo_checks=index_holds(index),
        ),
        state,
        (table.key,),
    )


def _name(table: Table, name: str) -> str:
    return f"{qualified(table.namespace)}.{quote(name)}" if table.namespace else quote(name)
