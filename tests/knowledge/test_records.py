from __future__ import annotations

import pytest

from knowledge.records import Records
from knowledge.store import Store
from tools.errors import UsageError


@pytest.fixture
def records(store: Store) -> Records:
    return Records(store)


def test_schemas_are_kept_by_digest(records: Records) -> None:
    records.keep_schema("d1", '{"tables": []}', source="sqlite:///x.db")
    records.keep_schema("d2", "{}", source="desired.sql")
    kept = records.schema("d1")
    assert kept
    assert (kept.body, kept.name) == ('{"tables": []}', "sqlite:///x.db")
    assert records.schema("d3") is None
    assert records.schema("") is None
    assert [schema.digest for schema in records.schemas()] == ["d2", "d1"]


def test_a_plan_kept_again_is_the_latest(records: Records) -> None:
    records.keep_plan("abc1", "steps: []", name="first.yaml")
    records.keep_plan("abd2", "steps: [1]")
    records.keep_plan("abc1", "steps: []", name="again.yaml")
    assert [(plan.digest, plan.name) for plan in records.plans()] == [("abc1", "again.yaml"), ("abd2", "")]
    assert [plan.digest for plan in records.plans(1)] == ["abc1"]
    found = records.plan("abc")
    assert found
    assert found.digest == "abc1"
    with pytest.raises(UsageError, match="begins more than one"):
        records.plan("ab")


def test_a_digest_that_begins_another_is_found_itself(records: Records) -> None:
    for digest in ("aab", "aa"):
        records.keep_plan(digest, digest)
    found = records.plan("aa")
    assert found
    assert found.body == "aa"


def test_the_latest_rehearsal_of_a_plan_from_an_origin_counts(records: Records) -> None:
    assert records.rehearsal("p", "o") is None
    records.keep_rehearsal("p", "o", '{"ok": false}')
    records.keep_rehearsal("p", "o", '{"ok": true}')
    records.keep_rehearsal("p", "other", "{}")
    assert records.rehearsal("p", "o") == '{"ok": true}'


def test_facts_are_pinned_to_a_thread(records: Records) -> None:
    records.pin("t1", "current", "sqlite:///x.db")
    records.pin("t1", "plan", {"digest": "abc", "näme": None})
    records.pin("t1", "current", "sqlite:///y.db")
    records.pin("t2", "current", "z.sql")
    assert records.pinned("t1") == {"current": "sqlite:///y.db", "plan": {"digest": "abc", "näme": None}}
    records.pin("t1", "plan", None)
    assert records.pinned("t1") == {"current": "sqlite:///y.db"}
    assert records.pinned("none") == {}
