"""Domains and composite types that no plan changes, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.plan.domains import Domain, domain_of, same_rule
from tools.plan.shape import with_object
from tools.plan.type_users import uses
from tools.schema.model import Schema, SchemaObject
from tools.schema.normal import normal_type

_OTHER_NAME = "make one of another name, and give its columns that type (each goes over by a second column)"


def with_types_that_stay(current: Schema, target: Schema) -> Schema:
    """The target with the types as they are today that cannot become what is wanted."""
    wanted = {(o.kind, o.key): o for o in target.objects if o.kind in ("domain", "type")}
    for thing in current.objects:
        after = wanted.get((thing.kind, thing.key))
        if after is not None and why_it_stays(thing, after, current, target):
            target = with_object(target, thing)
    return target


def why_it_stays(before: SchemaObject, after: SchemaObject, *schemas: Schema) -> str | None:
    """The end of a sentence on a type that is there; None where it can change. schemas: today's first."""
    if _same(before.form, after.form):
        return None
    if before.kind == "type":
        listed = _listed(_holders(schemas[0], before.key))
        said = f"{listed} {_hold(listed)} values of it, and Postgres changes no type under rows"
        return f"{said}: {_OTHER_NAME}" if listed else None
    old, new = domain_of(before), domain_of(after)
    if not _same(old.base, new.base):
        return f"Postgres never changes what a domain is of ({old.base}): {_OTHER_NAME}"
    listed = _listed(str(use) for schema in schemas for use in uses(schema, before.key) if not use.straight)
    said = f"{listed} {_hold(listed)} it inside arrays or rows, which Postgres holds to no new rule"
    return f"{said}: {_OTHER_NAME}" if listed and _tighter(old, new) else None


def _holders(schema: Schema, key: str) -> Iterator[str]:
    yield from map(str, uses(schema, key))
    yield from (view.key for view in schema.views if view.materialized and key in view.depends_on)


def _tighter(old: Domain, new: Domain) -> bool:
    """Whether values that are there must be asked."""
    held = [check for check in old.checks if check.validated]
    loose = [check for check in new.checks if not check.validated]
    more = [c for c in new.checks if c not in loose and not any(same_rule(c, one) for one in held)]
    return bool(more) or (new.not_null and not old.not_null)


def _same(one: str, other: str) -> bool:
    return normal_type(one, "postgres") == normal_type(other, "postgres")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _hold(listed: str) -> str:
    return "hold" if "," in listed else "holds"
