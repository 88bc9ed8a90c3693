from __future__ import annotations
from pathlib import Path
import pytest
from tools.schema.gaps import compare
from tools.schema.prisma import read_prisma_path
from tools.schema.source import read_schema
FIXTURES = Path(__file__).parents[1] / "fixtures" / "prisma"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/expected.sql"))

@pytest.mark.parametrize("name", CASES)
def test_x(name):
    mine, theirs = read_schema(str(FIXTURES / name)), read_schema(str(FIXTURES / name / "expected.sql"))
    for a,b in ((mine,theirs),(theirs,mine)):
        gaps = compare(a,b)
        assert not gaps, "\n".join(g.sentence for g in gaps)
