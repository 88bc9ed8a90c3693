"""Partitioned tables of Postgres: indexes without a long lock, foreign keys on servers that take none unvalidated, and
partitions added to a table with rows.

An index is built concurrently on each partition, and then the parent's is made on the parent alone and they are
attached to it. A new partition is made beside its table and attached; where a default partition would have to be
searched for its rows, a validated CHECK says beforehand that there are none.
"""

from __future__ import annotations

from dataclasses import replace

from tools.plan.dependents import owned
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.partitions import clauses, is_default, is_divided, key_of, own_name, partitions, root
from tools.plan.shape import columns_of_index, edit_table, references, with_index
from tools.plan.sql import literal, names
from tools.schema.model import ForeignKey, Index, SchemaObject, Table
from tools.schema.render import create_index, foreign_key_sql, qualified, quote


def expand(draft: Draft) -> None:
    """New partitions of tables that are there; those of new tables come with them."""
    moved = {old.table for old, _ in moves(draft)}
    for thing in additions(draft):
        if thing.table not in moved:
            attach(draft, thing, Phase.EXPAND)


def additions(draft: Draft) -> list[SchemaObject]:
    there = {o.name for o in draft.state.objects if o.kind == "partition"}
    old = {table.key for table in draft.origin.tables}
    new = [o for o in draft.target.objects if o.kind == "partition" and o.name not in there]
    return [o for o in new if root(draft.target, o) in old and o.kind not in draft.target.unsaid]


def moves(draft: Draft) -> list[tuple[SchemaObject, SchemaObject | None]]:
    """The partitions of tables that stay, which get other bounds or go (None)."""
    if "partition" in draft.target.unsaid:
        return []
    wanted = {o.name: o for o in draft.target.objects if o.kind == "partition"}
    there = [o for o in draft.origin.objects if o.kind == "partition" and draft.target.table(root(draft.origin, o))]
    return [(o, wanted.get(o.name)) for o in there if o.name not in wanted or wanted[o.name].form != o.form]


def build_index(draft: Draft, table: Table, index: Index, phase: Phase) -> None:
    """An index of a partitioned table: concurrently on every partition, then on the parent, which takes them over."""
    parts = partitions(draft.state.objects, table.key)
    _on_partitions(draft, table, index, phase)
    name, space = quote(index.name), _space(table.key)
    sql = [_only(index, table.key)]
    sql += [_only(_part(index, p), key_of(p)) for p in parts if is_divided(p)]
    parents = {key_of(p): own_name(p, index.name) for p in parts} | {table.key: index.name}
    for p in reversed(parts):
        attached = f"{_space(key_of(p))}{quote(own_name(p, index.name))}"
        sql.append(f"ALTER INDEX {_space(p.table)}{quote(parents[p.table])} ATTACH PARTITION {attached}")
    draft.add(
        Step(
            draft.step_id(phase, table.key, f"index_{index.name}"),
            phase,
            "create_index",
            f"Index {table.key} ({', '.join(index.columns)}) as {index.name}, from the indexes of its partitions",
            (table.key,),
            tuple(sql),
            (f"DROP INDEX {space}{name}",),
            checks=(_same_partitions(table.key, parts),),
            closes=tuple(g.sentence for g in draft.gaps_of(table.key) if g.name == index.name and g.sentence),
            reason="Only the catalog changes: every partition has its index already.",
        ),
        edit_table(draft.state, table.key, lambda t: with_index(t, index)),
        (table.key + f"#{column}" for column in columns_of_index(index, draft.table(table.key), "postgres")),
    )


def build_key(draft: Draft, table: Table, index: Index, phase: Phase) -> None:
    """The unique indexes of the partitions that a new key of the parent will take over."""
    _on_partitions(draft, table, index, phase)
    draft.prepared.add((table.key, index.name))


def key_statements(draft: Draft, table: Table, name: str, kind: str) -> list[str]:
    """What makes the partitions' unique indexes keys, so that the parent's key finds them and builds nothing."""
    if (table.key, name) not in draft.prepared:
        return []
    leaves = [p for p in partitions(draft.state.objects, table.key) if not is_divided(p)]
    return [
        f"ALTER TABLE {qualified(key_of(p))} ADD CONSTRAINT {quote(own_name(p, name))} {kind}"
        f" USING INDEX {quote(own_name(p, name))}"
        for p in leaves
    ]


def _on_partitions(draft: Draft, table: Table, index: Index, phase: Phase) -> None:
    for p in (p for p in partitions(draft.state.objects, table.key) if not is_divided(p)):
        part = _part(index, p)
        drop = f"DROP INDEX CONCURRENTLY IF EXISTS {_space(key_of(p))}{quote(part.name)}"
        draft.add(
            Step(
                draft.step_id(phase, table.key, f"index_{part.name}"),
                phase,
                "create_index",
                f"Index the partition {p.key} ({', '.join(index.columns)}) as {part.name}",
                (table.key,),
                (drop, create_index(part, "postgres", concurrently=True)),
                (drop,),
                transactional=False,
                undo_transactional=False,
                reason="Postgres builds none concurrently on the whole; partition by partition no writer waits.",
            ),
            None,
            (table.key + f"#{column}" for column in columns_of_index(index, draft.table(table.key), "postgres")),
        )


def _part(index: Index, partition: SchemaObject) -> Index:
    return replace(index, name=own_name(partition, index.name), table=key_of(partition), definition=None)


def _only(index: Index, table: str) -> str:
    """CREATE INDEX on a parent alone: without its partitions it is not valid until theirs are attached."""
    on = f" ON {qualified(table)}"
    return create_index(replace(index, table=table, definition=None), "postgres").replace(on, f" ON ONLY{on[3:]}", 1)


def _space(key: str) -> str:
    namespace = key.rpartition(".")[0]
    return f"{quote(namespace)}." if namespace else ""


def _same_partitions(table: str, parts: tuple[SchemaObject, ...]) -> StepCheck:
    """A partition made meanwhile has no index to attach."""
    known = ", ".join(f"{literal(qualified(key_of(p)))}::regclass" for p in parts)
    others = f" AND relid NOT IN ({known})" if known else ""
    return StepCheck(
        f"{table} has the partitions that it had when this was planned",
        f"SELECT relid::regclass::text FROM pg_partition_tree({literal(qualified(table))}) WHERE level > 0{others}",
    )


def add_foreign_key(draft: Draft, table: Table, key: ForeignKey, phase: Phase, felt: bool) -> None:
    """A foreign key for servers before 18, which take none unvalidated on a partitioned table: first on each partition,
    validated there; then the parent's finds them, and reads no row."""
    name, clause = quote(key.name or ""), foreign_key_sql(replace(key, validated=True))
    leaves = [qualified(key_of(p)) for p in partitions(draft.state.objects, table.key) if not is_divided(p)]
    subjects = tuple(f"{table.key}#{c}" for c in key.columns)
    what = f"the foreign key ({', '.join(key.columns)}) to {key.ref_table}"
    hazards = (Hazard.BREAKS_OLD_CODE,) if felt else ()
    loose = Step(
        draft.step_id(phase, table.key, f"add_foreign_key_{key.name}"), phase, "add_foreign_key",
        f"Hold new rows of each partition of {table.key} to {what}", (table.key,),
        tuple(f"ALTER TABLE {leaf} ADD {clause} NOT VALID" for leaf in leaves),
        tuple(f"ALTER TABLE {leaf} DROP CONSTRAINT IF EXISTS {name}" for leaf in leaves), hazards=hazards,
        reason="NOT VALID looks at no old row, so its lock is short; VALIDATE follows in a step of its own.",
    )  # fmt: skip
    draft.add(loose, None, subjects)
    draft.add(
        Step(
            draft.step_id(phase, table.key, f"validate_{key.name}"), phase, "validate",
            f"Hold old rows of each partition of {table.key} to {key.name} too", (table.key,),
            tuple(f"ALTER TABLE {leaf} VALIDATE CONSTRAINT {name}" for leaf in leaves),
            (*loose.undo, *loose.sql), reason="Reads every partition, beside running writes.",
        ),
        None, subjects,
    )  # fmt: skip
    draft.add(
        Step(
            draft.step_id(phase, table.key, f"foreign_key_{key.name}"), phase, "add_foreign_key",
            f"Hold {table.key} to {what}, by those of its partitions", (table.key,),
            (f"ALTER TABLE {qualified(table.key)} ADD {clause}",),
            (f"ALTER TABLE {qualified(table.key)} DROP CONSTRAINT {name}",
             *(f"ALTER TABLE {leaf} ADD {clause}" for leaf in leaves)),
            hazards=hazards,
            closes=tuple(g.sentence for g in draft.gaps if g.table == table.key and g.name == key.name and g.sentence),
            reason="Every partition is held to it already, so no row is read.",
        ),
        edit_table(draft.state, table.key, lambda t: replace(t, foreign_keys=(*t.foreign_keys, key))), subjects,
    )  # fmt: skip


def attach(draft: Draft, thing: SchemaObject, phase: Phase) -> None:
    held = [o for o in draft.state.objects if o.kind == "partition" and o.table == thing.table and is_default(o)]
    for default in held:
        keep_out(draft, thing, default, phase)
    table, parent = draft.table(root(draft.target, thing)), qualified(thing.table)
    bound, divided = clauses(thing)
    like = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE"
    rows = names([c.name for c in table.columns if c.generated is None])
    away = tuple(f"ALTER TABLE {d.name} DROP CONSTRAINT {quote(out_name(thing))}" for d in held)
    joined = {key.ref_table for key in table.foreign_keys} | {t.key for t, _ in references(draft.state, table.key)}
    joined -= {table.key}
    draft.add(
        Step(
            draft.step_id(phase, thing.table, f"attach_{key_of(thing)}"),
            phase,
            "create_partition",
            f"Make the partition {thing.name} and attach it to {thing.table}",
            (root(draft.target, thing),),
            (f"CREATE TABLE {thing.name} (LIKE {parent} {like}) {divided}".strip(),
             f"ALTER TABLE {parent} ATTACH PARTITION {thing.name} {bound}",
             *owned(draft.state, "table", thing.table, f"TABLE {thing.name}"), *away),
            (f"ALTER TABLE {parent} DETACH PARTITION {thing.name}",
             f"INSERT INTO {parent} ({rows}) OVERRIDING SYSTEM VALUE SELECT {rows} FROM {thing.name}",
             f"DROP TABLE {thing.name}", *(kept_out(thing, d) for d in held)),
            hazards=(Hazard.SHARE_LOCK,) if joined else (),
            closes=tuple(g.sentence for g in draft.gaps if g.kind == "partition_added" and g.name == thing.key),
            reason=f"{_kept_out_while_attaching(thing, held, joined)} Undoing locks all of {thing.table}, moves rows "
            "written since to where they belong then, and stops where no other partition takes them.",
        ),
        replace(draft.state, objects=(*draft.state.objects, thing)),
        (root(draft.target, thing), thing.key),
    )  # fmt: skip


def _kept_out_while_attaching(thing: SchemaObject, held: list[SchemaObject], joined: set[str]) -> str:
    """By the locks that Postgres takes from version 12 on: SHARE UPDATE EXCLUSIVE on the parent, ACCESS EXCLUSIVE on
    its default partition, SHARE ROW EXCLUSIVE on what its foreign keys point to and on what points to it."""
    out = [f"whoever reads or writes the default partition {default.name}" for default in held]
    if joined:
        out.append(f"writers of {', '.join(sorted(joined))}, by the foreign keys between them")
    waiting = f"; kept out for a moment: {'; '.join(out)}" if out else ""
    return f"Attaching lets readers and writers of {thing.table} go on{waiting}."


def keep_out(draft: Draft, thing: SchemaObject, default: SchemaObject, phase: Phase) -> None:
    """A validated CHECK on the default partition, so that attaching does not search it under a lock."""
    key, name = root(draft.target, thing), quote(out_name(thing))
    drop, add = f"ALTER TABLE {default.name} DROP CONSTRAINT {name}", kept_out(thing, default)
    offenders = StepCheck(
        f"no row of {default.name} belongs into {thing.name} (else move it first)",
        f"SELECT * FROM {default.name} WHERE {thing.rule}",
    )
    draft.add(
        Step(
            draft.step_id(phase, key, f"keep_out_{key_of(thing)}"), phase, "hold_default_partition",
            f"Keep rows of {thing.name} out of {default.name}", (key,), (add,), (drop,), checks=(offenders,),
            hazards=(Hazard.BREAKS_OLD_CODE,),
            reason=f"Rows that belong into {thing.name} are refused until it is attached; any that came would stop it.",
        ),
        None, (key,),
    )  # fmt: skip
    draft.add(
        Step(
            draft.step_id(phase, key, f"validate_{out_name(thing)}"), phase, "validate",
            f"Show that {default.name} holds no row of {thing.name}", (key,),
            (f"ALTER TABLE {default.name} VALIDATE CONSTRAINT {name}",), (drop, add),
            reason="Reads the whole partition, beside running writes.",
        ),
        None, (key,),
    )  # fmt: skip


def out_name(thing: SchemaObject) -> str:
    return own_name(thing, "kept_out__oneplan")


def kept_out(thing: SchemaObject, default: SchemaObject) -> str:
    return f"ALTER TABLE {default.name} ADD CONSTRAINT {quote(out_name(thing))} CHECK (NOT ({thing.rule})) NOT VALID"
