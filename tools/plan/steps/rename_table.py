"""A renamed table: the new name at once, the old one kept working as a view until the contract phase.

Postgres reads and writes through such a view by itself; SQLite by INSTEAD OF triggers; DuckDB only reads through it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tools.plan.dependents import KINDS, owned
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step
from tools.plan.pairs import Pair
from tools.plan.rebuild import Reshape, rebuild, unchanged
from tools.plan.shape import references, with_trigger, with_view
from tools.plan.sql import names
from tools.schema.entries import plain
from tools.schema.model import Schema, SchemaObject, Table, Trigger, View
from tools.schema.normal import fold
from tools.schema.renaming import renamed_expression
from tools.schema.render import create_namespace, create_view, default_sql, qualified, quote
from tools.schema.reserved import may_name
from tools.schema.tokens import tokenize

_INVOKER = 15
"""From this version of Postgres on a view can ask with the rights of whoever uses it."""


def expand(draft: Draft) -> None:
    for pair in draft.pairs:
        if pair.renamed:
            _rename(draft, pair)


def _rename(draft: Draft, pair: Pair) -> None:
    old, new = pair.before.key, pair.after.key
    table = draft.table(old)
    after = renamed_table(draft.state, table, pair.after)
    there, back = _statements(draft, table, after, new)
    view = View(
        table.name, f"SELECT {names(table.column_names)} FROM {qualified(new)}", table.namespace, depends_on=(new,),
        options=_options(draft, table),
    )  # fmt: skip
    triggers = _write_through(table, new) if draft.dialect == "sqlite" else ()
    state = with_view(after, view)
    for trigger in triggers:
        state = with_trigger(state, trigger)
    draft.add(
        Step(
            draft.step_id(Phase.EXPAND, new, f"rename_{old}"),
            Phase.EXPAND,
            "rename_table",
            f"Call {old} {new}, and keep {old} as a view of it",
            (old, new, *sorted({t.key for t, _ in references(draft.state, old)} - {old})),
            (*there, create_view(view, draft.dialect), *_rights(draft, old), *(t.definition for t in triggers)),
            (f"DROP VIEW {qualified(old)}", *back),
            rebuild=draft.dialect == "duckdb",
            hazards=_hazards(draft, table),
            closes=draft.gap_sentences(new, kinds=("table_renamed",)),
            reason=_reason(draft, table),
        ),
        state,
        (old, new),
    )
    if draft.dialect == "duckdb":
        draft.note(
            f"DuckDB writes through no view: what writes {old} must write {new} from the step that renames it on."
        )
    elif draft.dialect == "sqlite" and not table.primary_key:
        draft.note(
            f"{old} has no primary key: through its old name rows can be read and inserted, not updated or deleted."
        )


def _options(draft: Draft, table: Table) -> tuple[str, ...]:
    """Whoever asks the old name sees what the new one shows to them: else the table's policies would be asked for the
    view's owner, whom they do not bind."""
    if draft.dialect != "postgres":
        return ()
    if int(draft.origin.version.partition(".")[0] or _INVOKER) >= _INVOKER:
        return ("security_invoker=true",)
    if any(o.kind == "policy" and o.table == table.key for o in draft.state.objects):
        draft.note(
            f"Postgres before 15 asks no policy of {table.key} for its old name: whoever may read {table.key} sees all "
            "rows through it until the contract phase."
        )
    return ()


def _rights(draft: Draft, old: str) -> tuple[str, ...]:
    """The view belongs to the table's owner, and others may do with it what they may do with the table."""
    if draft.dialect != "postgres":
        return ()
    given = (o.create for o in draft.state.objects if o.kind == "privilege" and o.table == old)
    return (*owned(draft.state, "table", old, f"VIEW {qualified(old)}"), *given)


def renamed_table(schema: Schema, table: Table, wanted: Table) -> Schema:
    """The schema with the table under its new name, wherever it is named."""
    old, new = table.key, wanted.key
    moved = replace(
        table,
        name=wanted.name,
        namespace=wanted.namespace,
        indexes=tuple(replace(i, table=new, definition=None) for i in table.indexes),
    )
    tables = tuple(moved if t.key == old else t for t in schema.tables)
    tables = tuple(
        replace(t, foreign_keys=tuple(replace(f, ref_table=new) if f.ref_table == old else f for f in t.foreign_keys))
        for t in tables
    )
    return replace(
        schema,
        tables=tables,
        triggers=tuple(_trigger(t, table, wanted, schema) for t in schema.triggers),
        views=tuple(_view(v, table, wanted, schema) for v in schema.views),
        objects=tuple(_object(o, table, wanted) for o in schema.objects),
    )


def _object(thing: SchemaObject, old: Table, new: Table) -> SchemaObject:
    """What is on the table, or holds on to it, as the server then prints it. A comment's text stays."""
    if thing.table != old.key and old.key not in thing.depends_on:
        return thing
    called = partial(_called, old=old, new=new)
    inside = thing.kind in KINDS and thing.table != old.key
    return replace(
        thing,
        name=called(thing.name) if thing.kind in ("comment", "privilege", "function") else thing.name,
        form=called(thing.form) if inside or thing.kind == "policy" else thing.form,
        table=new.key if thing.table == old.key else thing.table,
        create=called(thing.create),
        drop=called(thing.drop),
        depends_on=_needs(thing.depends_on, old, new),
    )


def _called(text: str, old: Table, new: Table) -> str:
    """A statement with the table's new name in place of its old one: in a function's head before a bracket too."""
    parts: list[str] = []
    end = 0
    for token in tokenize(text, "postgres"):
        if may_name(token) and token.name == old.name:
            parts += [text[end : token.start], quote(new.name) if token.kind == "quoted" else plain(new.name)]
            end = token.end
    return "".join([*parts, text[end:]])


def _needs(needs: tuple[str, ...], old: Table, new: Table) -> tuple[str, ...]:
    """depends_on after the rename, the table's columns with it."""
    return tuple(
        new.key + need[len(old.key) :] if need == old.key or need.startswith(f"{old.key}#") else need for need in needs
    )


def _trigger(trigger: Trigger, old: Table, new: Table, schema: Schema) -> Trigger:
    if trigger.table != old.key and schema.dialect != "sqlite":
        return trigger
    text = renamed_expression(trigger.definition, {fold(old.name, schema.dialect): new.name}, schema.dialect)
    table = new.key if trigger.table == old.key else trigger.table
    return replace(trigger, table=table, definition=text, depends_on=_needs(trigger.depends_on, old, new))


def _view(view: View, old: Table, new: Table, schema: Schema) -> View:
    if old.key not in view.depends_on or schema.dialect == "duckdb":
        return view
    text = renamed_expression(view.sql, {fold(old.name, schema.dialect): new.name}, schema.dialect)
    return replace(view, sql=text, depends_on=_needs(view.depends_on, old, new))


def _statements(draft: Draft, table: Table, after: Schema, new: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    moved = after.table(new)
    assert moved is not None
    if draft.dialect == "duckdb":
        there = Reshape(table.key, unchanged(table).values)
        back = Reshape(new, unchanged(moved).values)
        space = (create_namespace(moved.namespace),) if moved.namespace not in ("", table.namespace) else ()
        return (*space, *rebuild(draft.state, after, {new: there})), rebuild(after, draft.state, {table.key: back})
    forward: list[str] = []
    backward: list[str] = []
    if moved.namespace != table.namespace:
        forward += [create_namespace(moved.namespace)] if moved.namespace else []
        forward.append(f"ALTER TABLE {qualified(table.key)} SET SCHEMA {quote(moved.namespace or 'public')}")
        backward.append(
            f"ALTER TABLE {qualified(_key(moved.namespace, table.name))}"
            f" SET SCHEMA {quote(table.namespace or 'public')}"
        )
    if moved.name != table.name:
        forward.append(f"ALTER TABLE {qualified(_key(moved.namespace, table.name))} RENAME TO {quote(moved.name)}")
        backward.insert(0, f"ALTER TABLE {qualified(new)} RENAME TO {quote(table.name)}")
    return tuple(forward), tuple(backward)


def _key(namespace: str, name: str) -> str:
    return f"{namespace}.{name}" if namespace else name


def _write_through(table: Table, new: str) -> tuple[Trigger, ...]:
    """INSTEAD OF triggers on the old name. A view cannot tell a value left out from NULL: it gets the default."""
    plain = [c for c in table.columns if c.generated is None]
    values = ", ".join(
        f"COALESCE(NEW.{quote(c.name)}, {default_sql(c.default, 'sqlite')})"
        if c.default is not None
        else f"NEW.{quote(c.name)}"
        for c in plain
    )
    bodies = {"INSERT": f"INSERT INTO {qualified(new)} ({names([c.name for c in plain])}) VALUES ({values})"}
    if table.primary_key:
        here = " AND ".join(f"{quote(c)} = OLD.{quote(c)}" for c in table.primary_key.columns)
        sets = ", ".join(f"{quote(c.name)} = NEW.{quote(c.name)}" for c in plain)
        bodies["UPDATE"] = f"UPDATE {qualified(new)} SET {sets} WHERE {here}"
        bodies["DELETE"] = f"DELETE FROM {qualified(new)} WHERE {here}"
    found: list[Trigger] = []
    for event, body in bodies.items():
        name = f"_oneplan_{table.name}_{event.lower()}"
        definition = f"CREATE TRIGGER {quote(name)} INSTEAD OF {event} ON {qualified(table.key)} BEGIN\n  {body};\nEND"
        found.append(Trigger(name, table.key, definition))
    return tuple(found)


def _hazards(draft: Draft, table: Table) -> tuple[Hazard, ...]:
    return (Hazard.BREAKS_OLD_CODE,) if draft.dialect == "duckdb" else ()


def _reason(draft: Draft, table: Table) -> str:
    if draft.dialect == "duckdb":
        return "Reads of the old name go on; writes do not, since DuckDB writes through no view."
    return "Both names read and write the same rows until the contract phase."
