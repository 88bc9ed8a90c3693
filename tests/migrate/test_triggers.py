"""What triggers of the user's do while a plan writes: a rehearsal that fails for it says where to look."""

from __future__ import annotations

from tests.migrate.kit import Target, opened
from tools.migrate.rehearse import rehearse
from tools.plan.build import build_plan
from tools.schema.ddl import read_ddl
from tools.schema.model import Answers

TOUCHED = """
CREATE TRIGGER touched AFTER UPDATE ON t BEGIN UPDATE t SET changed = 'now' WHERE id = NEW.id; END;
"""


def test_a_trigger_that_writes_other_values_is_hinted_at(sqlite: Target) -> None:
    with opened(sqlite.location) as backend:
        backend.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, goal TEXT, changed TEXT)")
        backend.execute("INSERT INTO t VALUES (1, 'g', 'then')")
        backend.execute(TOUCHED.strip().removesuffix(";"))
        current = backend.schema()
    desired = read_ddl("CREATE TABLE t (id INTEGER PRIMARY KEY, aim TEXT, changed TEXT);" + TOUCHED, "sqlite")
    plan = build_plan(current, desired, Answers(columns=(("t", "goal", "aim"),)))
    rehearsal = rehearse(plan, sqlite.location)
    assert not rehearsal.ok
    assert 't: values are not as at the start ("changed")' in rehearsal.sentence
    assert "triggers fire in migrate.t.fill_aim: see what they do" in rehearsal.sentence
