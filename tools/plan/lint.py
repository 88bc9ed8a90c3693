"""Lint: the hazards of any SQL file or plan, each with its place; for Postgres, squawk's rules in our words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tools.location import Dialect
from tools.plan.judge import attaches_only, judge
from tools.plan.model import Hazard, Plan
from tools.plan.statement import effects, runs_code, understood
from tools.schema.tokens import split

_MEANING = {
    Hazard.DELETES_DATA: "removes rows or values for good",
    Hazard.IRREVERSIBLE: "has no way back but a backup",
    Hazard.ACCESS_EXCLUSIVE_LOCK: "keeps readers and writers of the table out while it runs, and queues all behind it",
    Hazard.SHARE_LOCK: "keeps writers of the table out while it runs",
    Hazard.TABLE_REWRITE: "writes the whole table anew",
    Hazard.BREAKS_OLD_CODE: "fails code that still uses the old form",
    Hazard.LONG_RUNNING: "goes over a large table",
    Hazard.NOT_REHEARSED: "could not be rehearsed",
    Hazard.FIRES_TRIGGERS: "makes the table's own triggers fire",
}
_ATTACHING = {
    Hazard.ACCESS_EXCLUSIVE_LOCK: "keeps readers and writers of the attached table, and of a default partition, out "
    "while it runs; those of the parent go on",
    Hazard.SHARE_LOCK: "keeps writers of the tables that foreign keys join to the parent out while it runs",
}
RULES = {
    "adding-required-field": "a NOT NULL column without a default fails on a table with rows",
    "adding-not-nullable-field": "SET NOT NULL scans the table under its lock: a validated CHECK before saves that",
    "constraint-missing-not-valid": "add the constraint NOT VALID and validate it in a later transaction",
    "adding-foreign-key-constraint": "add the foreign key NOT VALID and validate it in a later transaction",
    "disallowed-unique-constraint": "build a unique index CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX",
    "require-concurrent-index-creation": "CREATE INDEX CONCURRENTLY lets writers go on",
    "require-concurrent-index-deletion": "DROP INDEX CONCURRENTLY lets readers and writers go on",
    "ban-concurrent-index-creation-in-transaction": "CONCURRENTLY does not run inside a transaction",
    "renaming-column": "old code fails the moment a column is renamed: add the new one beside it",
    "renaming-table": "old code fails the moment a table is renamed: keep the old name as a view",
    "changing-column-type": "changing a type rewrites the table under its lock: add a shadow column",
    "adding-serial-primary-key-field": "a serial primary key writes the whole table anew under its lock",
    "constraint-missing-not-valid-check": "add the CHECK NOT VALID and validate it in a later transaction",
    "ban-drop-column": "old code fails the moment a column is dropped",
    "ban-drop-table": "old code fails the moment a table is dropped",
    "ban-drop-not-null": "code that counts on a value may meet NULL",
    "prefer-bigint-over-int": "a 32-bit number runs out at 2,147,483,647",
    "adding-field-with-default": "a generated column writes the whole table anew under its lock",
    "ban-alter-identity": "inserts that count on the column's own numbers fail",
    "ban-drop-constraint": "code that counts on the constraint meets what it kept out",
    "ban-drop-default": "inserts that leave the column out get NULL, or fail",
    "ban-alter-domain": "what a domain takes changes in every column of it at once",
    "ban-drop-domain": "code that names the domain fails",
    "ban-drop-function": "code that calls the function fails",
    "ban-drop-generated-expression": "the column is no longer computed: code must write it",
    "ban-drop-type": "code that names the type fails",
    "ban-drop-view": "code that reads the view fails until it is there again",
    "renaming-object": "code that uses the old name fails",
    "prefer-timestamp-tz": "a timestamp without time zone means another instant to each reader",
    "prefer-timestamptz": "a timestamp without time zone means another instant to each reader",
    "prefer-bigint-over-smallint": "a 16-bit number runs out at 32,767",
    "prefer-repack": "keeps everybody out while the table is written anew: pg_repack does it beside them",
    "require-concurrent-reindex": "REINDEX … CONCURRENTLY lets readers and writers go on",
    "require-concurrent-partition-detach": "DETACH PARTITION … CONCURRENTLY lets readers and writers go on",
    "require-enum-value-ordering": "without BEFORE or AFTER the value comes last in the enum's order",
    "require-table-schema": "without its schema the table is whichever search_path finds first",
    "identifier-too-long": "Postgres cuts a name after 63 bytes, without a word",
    "ban-truncate-cascade": "empties the tables that point to this one, too",
    "ban-uncommitted-transaction": "a transaction that is begun and not committed leaves nothing",
    "ban-char-field": "char(n) is filled up with spaces, and gains nothing",
    "ban-create-domain-with-constraint": "what a domain takes changes in every column of it at once",
    "ban-alter-domain-with-add-constraint": "what a domain takes changes in every column of it at once",
    "ban-drop-database": "the database goes with all that is in it",
    "ban-drop-schema": "code that names what is in the schema fails",
    "ban-drop-sequence": "code that draws from the sequence fails",
    "ban-drop-extension": "code that uses what the extension brings fails",
    "ban-drop-index": "queries that went by the index walk over the table",
    "ban-drop-policy": "other rows may be seen and written from then on",
    "ban-create-policy": "other rows may be seen and written from then on",
    "ban-alter-policy-condition": "other rows may be seen and written from then on",
    "ban-alter-policy-roles": "other rows may be seen and written from then on",
    "ban-alter-row-level-security": "other rows may be seen and written from then on",
    "ban-revoke": "code that counts on the right is refused",
    "ban-set-schema": "code that uses the old place fails",
    "ban-set-default": "inserts that leave the column out get another value",
    "ban-alter-generated-expression": "the whole table is computed and written anew under its lock",
    "ban-disable-trigger": "what the trigger saw to is left undone meanwhile",
    "ban-replica-identity": "subscribers get other columns to tell a row by",
    "ban-replace-view-function": "whoever reads the view, or calls the function, gets something else at once",
    "ban-alter-function-options": "the function runs otherwise for whoever calls it",
    "ban-alter-view-options": "the view answers otherwise for whoever reads it",
    "ban-alter-role-options": "the role's sessions run otherwise",
    "ban-alter-database-options": "all sessions of the database run otherwise",
    "ban-alter-system-options": "the whole server runs otherwise",
    "ban-alter-extension": "what the extension brings may change for all code at once",
    "ban-new-write-restriction": "writes that are taken today fail",
    "ban-add-enum-value": "code that knows only the old values meets a new one",
    "ban-add-composite-attribute": "code that counts the type's attributes meets one more",
    "ban-add-column": "code that counts the table's columns meets one more",
    "ban-detach-inheritance": "what is read by way of the parent loses these rows",
    "ban-alter-sequence-values": "numbers that were given out may come again",
    "unused-ignore": "a comment for squawk that silences nothing",
}
SEEN_TO = {
    "require-lock-timeout": "the runner sets it",
    "require-statement-timeout": "the runner sets it",
    "require-timeout-settings": "the runner sets them",
    "prefer-robust-stmts": "the journal lies in the step's own transaction: none runs twice",
    "transaction-nesting": "the frame of a step is ours",
    "syntax-error": "Postgres itself tells, in the rehearsal",
    "prefer-text-field": "a matter of taste, and of the desired schema",
    "prefer-identity": "a matter of taste, and of the desired schema",
}
"""Rules that are not shown, and why."""
SAID_BY = {
    "ban-drop-column": Hazard.BREAKS_OLD_CODE,
    "ban-drop-table": Hazard.BREAKS_OLD_CODE,
    "renaming-column": Hazard.BREAKS_OLD_CODE,
    "renaming-table": Hazard.BREAKS_OLD_CODE,
    "changing-column-type": Hazard.TABLE_REWRITE,
    "require-concurrent-index-creation": Hazard.SHARE_LOCK,
}
"""Rules that one of our hazards says already, and more closely: a table renamed behind a view breaks no code, a longer
varchar is no rewrite."""


_UNKNOWN = "is no statement that oneplan understands: what it would do is not known"
_CODE = "runs code, which oneplan does not follow: what it would do is yours to judge"
_OWN_NAMES = ('"oneplan".', '__oneplan"')


@dataclass(frozen=True)
class Finding:
    """One hazard, or one rule broken, at one place. rule: a hazard's name or squawk's rule."""

    source: str
    line: int
    rule: str
    sentence: str
    statement: str = ""
    hazard: bool = True

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.rule}: {self.sentence}" + (f"\n    {self.statement}" if self.statement else "")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def lint(text: str, dialect: Dialect, source: str = "") -> list[Finding]:
    """The findings of a SQL text, in the order of its lines. Raises SourceError for text with an open quote or comment.

    A table made in the same text is nobody's yet: what is done to it is no hazard.
    """
    found: list[Finding] = []
    made: set[str] = set()
    for statement in split(text, dialect, source):
        done = effects(statement.text, dialect)
        made |= {e.table for e in done if e.verb == "create table"}
        if done and all(e.table in made for e in done):
            continue
        code = runs_code(statement.text, dialect)
        if code or (not done and not understood(statement.text, dialect)):
            why = _CODE if code else _UNKNOWN
            found.append(Finding(source, statement.line, "not_understood", why, _short(statement.text), hazard=False))
        hazards = judge([statement.text], dialect, {})
        found += [
            Finding(source, statement.line, h.value, _meaning(h, [statement.text], dialect), _short(statement.text))
            for h in Hazard
            if h in hazards
        ]
    if dialect == "postgres":
        found += _squawk(text, source)
    return sorted(found, key=lambda f: f.line)


def lint_plan(plan: Plan) -> list[Finding]:
    """The hazards of a plan's steps, by step, and for Postgres squawk's findings beside them."""
    beside = squawk_by_step(plan) if plan.dialect == "postgres" else {}
    found: list[Finding] = []
    for step in plan.steps:
        shown = _short(next(iter(step.statements()), ""))
        found += [
            Finding(step.id, 0, hazard.value, _meaning(hazard, step.statements(), plan.dialect), shown)
            for hazard in step.hazards
        ]
        found += beside.get(step.id, [])
    return found


def _meaning(hazard: Hazard, statements: Sequence[str], dialect: Dialect) -> str:
    if hazard in _ATTACHING and attaches_only(statements, dialect):
        return _ATTACHING[hazard]
    return _MEANING[hazard]


def squawk_by_step(plan: Plan, everything: bool = False) -> dict[str, list[Finding]]:
    """squawk's findings by step id; with `everything` those too that are not shown. All steps go to squawk as one
    script, each in its transaction as it runs; a finding's line tells its step."""
    lines: list[str] = []
    owners: list[tuple[str, str]] = []
    for step in plan.steps:
        whole = step.statements()
        framed = ["BEGIN", *whole, "COMMIT"] if step.transactional and whole else list(whole)
        for sql in framed:
            text = f"{sql};".splitlines()
            lines += text
            owners += [(step.id, _short(sql))] * len(text)
    found: dict[str, list[Finding]] = {}
    for finding in _squawk("\n".join(lines), "", everything):
        step_id, statement = owners[min(finding.line, len(owners)) - 1]
        if any(own in statement for own in _OWN_NAMES):  # what the plan itself made, no code can know
            continue
        placed = replace(finding, source=step_id, line=0, statement=statement)
        if placed not in found.setdefault(step_id, []):
            found[step_id].append(placed)
    return found


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 100 else line[:97] + "…"


def squawk_binary() -> str | None:
    """Where squawk is, which comes with the extra `lint`."""
    return shutil.which("squawk") or shutil.which(str(Path(sys.executable).parent / "squawk"))


def _squawk(text: str, source: str, everything: bool = False) -> Iterator[Finding]:
    """squawk's findings, where it is installed; what it cannot do is no error of ours."""
    binary = squawk_binary()
    if binary is None:
        return
    try:
        run = subprocess.run(
            [binary, "--reporter", "json", "--stdin-filepath", "lint.sql"],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        findings = json.loads(run.stdout or "[]")
    except (OSError, subprocess.SubprocessError, json.JSONDecodeError):
        return
    for item in findings:
        rule = str(item.get("rule_name", ""))
        if everything or (rule not in SEEN_TO and rule not in SAID_BY):
            yield Finding(
                source,
                int(item.get("line", 0)) + 1,
                f"squawk:{rule}",
                RULES.get(rule, str(item.get("message", ""))),
                hazard=False,
            )
