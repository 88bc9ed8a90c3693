"""Domains of Postgres that change: what lets more through comes early, a rule is added without a look at old rows and
validated in a step of its own, what else changes waits for the contract phase.

What a domain is of never changes: Postgres has no statement for it, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tools.plan.domains import Domain, domain_of, object_of, on_column, same_rule
from tools.plan.draft import Draft
from tools.plan.model import Hazard, Phase, Step, StepCheck
from tools.plan.pairs import shadow
from tools.plan.shape import with_object
from tools.plan.sql import violations
from tools.plan.steps.common import no_nulls
from tools.plan.type_users import Use, uses
from tools.schema.model import Check, SchemaObject
from tools.schema.render import check_sql, quote


def expand(draft: Draft) -> None:
    """NULL is let in: old code does not notice."""
    for old, _ in _changed(draft):
        there, wanted = _pair(draft, old)
        if there.not_null and not wanted.not_null:
            since = tuple(no_nulls(use.table, use.column) for use in _straight(draft, old))
            sql, undo = _alter(there, "DROP NOT NULL"), _alter(there, "SET NOT NULL")
            _step(draft, Phase.EXPAND, old, "change", "Let {} be NULL", sql, undo, replace(there, not_null=False),
                  undo_checks=since, reason="Undoing asks every row of it.")  # fmt: skip


def verify(draft: Draft) -> None:
    for old, _ in _changed(draft):
        there, wanted = _pair(draft, old)
        for check in (c for c in wanted.checks if not any(same_rule(c, one) for one in there.checks)):
            _hold(draft, old, check)
        for check in _pair(draft, old)[0].checks:
            sound = next((c.validated for c in wanted.checks if same_rule(c, check)), False)
            if sound and not check.validated:
                _validate(draft, old, check)


def contract(draft: Draft) -> None:
    for old, new in _changed(draft):
        for check in _pair(draft, old)[0].checks:
            if not any(same_rule(check, c) for c in _pair(draft, old)[1].checks):
                _drop(draft, old, check)
        there, wanted = _pair(draft, old)
        if there.default != wanted.default:
            to, back = (_default(there, domain.default) for domain in (wanted, there))
            _step(draft, Phase.CONTRACT, old, "change", "Change the default of {}", to, back,
                  replace(there, default=wanted.default), reason="Rows written from here on get it.")  # fmt: skip
        if wanted.not_null and not there.not_null:
            sql, undo = _alter(there, "SET NOT NULL"), _alter(there, "DROP NOT NULL")
            checks = tuple(no_nulls(use.table, use.column) for use in _straight(draft, old))
            _step(draft, Phase.CONTRACT, old, "change", "Let {} be NULL no more", sql, undo,
                  replace(there, not_null=True), checks, hazards=(Hazard.BREAKS_OLD_CODE, Hazard.SHARE_LOCK),
                  reason="Postgres reads every row of it, and keeps writers out meanwhile.")  # fmt: skip
        draft.state = with_object(draft.state, new)


def _changed(draft: Draft) -> list[tuple[SchemaObject, SchemaObject]]:
    """The domains that a plan can change, as they are at the start and as they are wanted."""
    wanted = {o.key: o for o in draft.target.objects if o.kind == "domain"}
    there = [o for o in draft.origin.objects if o.kind == "domain" and o.key in wanted]
    return [(o, wanted[o.key]) for o in there if o.form != wanted[o.key].form and "domain" not in draft.target.unsaid]


def _pair(draft: Draft, old: SchemaObject) -> tuple[Domain, Domain]:
    """A domain as it is by now, and as it is wanted."""
    now, wanted = (
        next(o for o in schema.objects if (o.kind, o.key) == ("domain", old.key))
        for schema in (draft.state, draft.target)
    )
    return domain_of(now), domain_of(wanted)


def _straight(draft: Draft, thing: SchemaObject) -> list[Use]:
    return [use for use in uses(draft.state, thing.key) if use.straight]


def _fits(draft: Draft, thing: SchemaObject, check: Check) -> tuple[StepCheck, ...]:
    base = domain_of(thing).base.partition(" COLLATE ")[0]
    return tuple(
        StepCheck(f"every value of {use} satisfies {check.expression}",
                  violations(use.table, on_column(check.expression, f"CAST({quote(use.column)} AS {base})")))
        for use in _straight(draft, thing)
    )  # fmt: skip


def _hold(draft: Draft, thing: SchemaObject, check: Check) -> None:
    there, _ = _pair(draft, thing)
    taken = check.name in {c.name for c in there.checks}
    loose = replace(check, name=shadow(check.name or "") if taken else check.name, validated=False)
    _step(draft, Phase.VERIFY, thing, "hold", f"Hold new values of {{}} to {check.expression}",
          _alter(there, f"ADD {check_sql(loose)}"), _alter(there, f"DROP CONSTRAINT {quote(loose.name or '')}"),
          replace(there, checks=(*there.checks, loose)), hazards=(Hazard.BREAKS_OLD_CODE,),
          reason="NOT VALID looks at no old row; VALIDATE follows in a step of its own.",
          part=loose.name or "")  # fmt: skip


def _validate(draft: Draft, thing: SchemaObject, check: Check) -> None:
    there, _ = _pair(draft, thing)
    name, sound = quote(check.name or ""), replace(check, validated=True)
    quiet = int(draft.origin.version.partition(".")[0] or 18) >= 18
    beside = "beside running writes" if quiet else "and keeps writers out meanwhile"
    undo = (*_alter(there, f"DROP CONSTRAINT {name}"), *_alter(there, f"ADD {check_sql(check)}"))
    _step(draft, Phase.VERIFY, thing, "validate", f"Hold old values of {{}} to {check.name} too",
          _alter(there, f"VALIDATE CONSTRAINT {name}"), undo,
          replace(there, checks=tuple(sound if c == check else c for c in there.checks)),
          _fits(draft, thing, check), hazards=() if quiet else (Hazard.SHARE_LOCK,),
          reason=f"Reads every row of it, {beside}.", part=check.name or "")  # fmt: skip


def _drop(draft: Draft, thing: SchemaObject, check: Check) -> None:
    """A rule goes; the one that waited for its name takes it."""
    there, _ = _pair(draft, thing)
    name, waiting = check.name or "", shadow(check.name or "")
    renamed = any(c.name == waiting for c in there.checks)
    sql, undo = _alter(there, f"DROP CONSTRAINT {quote(name)}"), _alter(there, f"ADD {check_sql(check)}")
    if renamed:
        sql += _alter(there, f"RENAME CONSTRAINT {quote(waiting)} TO {quote(name)}")
        undo = (*_alter(there, f"RENAME CONSTRAINT {quote(name)} TO {quote(waiting)}"), *undo)
    left = tuple(replace(c, name=name) if c.name == waiting else c for c in there.checks if c != check)
    _step(draft, Phase.CONTRACT, thing, "change", f"{'Replace' if renamed else 'Drop'} the rule {name} of {{}}",
          sql, undo, replace(there, checks=left), undo_checks=_fits(draft, thing, check) if check.validated else (),
          reason="A rule goes; rows stay. Undoing holds all values to it again.", part=name)  # fmt: skip


def _alter(domain: Domain, what: str) -> tuple[str, ...]:
    return (f"ALTER DOMAIN {domain.name} {what}",)


def _default(domain: Domain, default: str | None) -> tuple[str, ...]:
    return _alter(domain, "DROP DEFAULT" if default is None else f"SET DEFAULT {default}")


def _step(
    draft: Draft, phase: Phase, thing: SchemaObject, verb: str, said: str, sql: Iterable[str], undo: Iterable[str],
    after: Domain, checks: tuple[StepCheck, ...] = (), *, hazards: tuple[Hazard, ...] = (), reason: str = "",
    undo_checks: tuple[StepCheck, ...] = (), part: str = "",
) -> None:  # fmt: skip
    felt = () if phase is not Phase.CONTRACT or Hazard.BREAKS_OLD_CODE in hazards else (Hazard.BREAKS_OLD_CODE,)
    tables = tuple(dict.fromkeys(use.table for use in uses(draft.state, thing.key)))
    closes = tuple(g.sentence for g in draft.gaps if g.kind == "domain_changed" and g.name == thing.key)
    draft.add(
        Step(
            draft.step_id(phase, thing.key, f"{verb}_domain", *((part,) if part else ())), phase, f"{verb}_domain",
            said.format(thing.key), (thing.key, *tables), tuple(sql), tuple(undo), checks=checks,
            hazards=(*hazards, *felt),
            depends_on=draft.sign_offs if phase is Phase.CONTRACT else (), closes=closes, reason=reason,
            undo_checks=undo_checks,
        ),
        with_object(draft.state, object_of(after, thing)),
        (thing.key, *tables),
    )  # fmt: skip
