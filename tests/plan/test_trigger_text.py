"""What a trigger's definition says of itself."""

from __future__ import annotations

import pytest

from tools.location import Dialect
from tools.plan.trigger_text import name_and_table, update_columns


@pytest.mark.parametrize(
    ("head", "dialect", "columns"),
    [
        ("t AFTER UPDATE ON a", "sqlite", ()),
        ("t UPDATE ON a", "sqlite", ()),
        ("of AFTER UPDATE OF b ON a", "sqlite", ("b",)),
        ('t BEFORE UPDATE OF "b, c", [on], d ON a', "sqlite", ("b, c", "on", "d")),
        ('"UPDATE OF" AFTER INSERT ON a', "sqlite", None),
        ("t AFTER DELETE ON update_log", "sqlite", None),
        ("update AFTER INSERT OR DELETE ON a", "postgres", None),
        ("t BEFORE INSERT OR UPDATE OF b, c OR DELETE ON public.a", "postgres", ("b", "c")),
        ("t BEFORE INSERT OR UPDATE OR DELETE ON a", "postgres", ()),
    ],
)
def test_the_columns_whose_update_fires_it(head: str, dialect: Dialect, columns: tuple[str, ...] | None) -> None:
    assert update_columns(f"CREATE TRIGGER {head} BEGIN UPDATE a SET x = 1; END", dialect) == columns


def test_its_name_and_its_table() -> None:
    assert name_and_table("CREATE TRIGGER [a b] AFTER UPDATE OF [on] ON 'c d' BEGIN SELECT 1; END") == ("a b", "c d")
    assert name_and_table("CREATE TABLE t (a)") is None
