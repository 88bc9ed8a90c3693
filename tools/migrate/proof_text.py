"""A proof as a Markdown document, to be kept with the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tools.migrate.compare import TableComparison
from tools.migrate.verify import Verification


def proof_markdown(proof: Verification) -> str:
    """Every source row of every table is migrated, skipped or failed, and the three add up to the first column."""
    rows = [
        (one.table, one.source_rows, one.migrated, one.skipped, one.failed,
         {True: "equal", False: "differ", None: "-"}[one.checksum_equal]) for one in proof.tables
    ]  # fmt: skip
    lines = [
        f"# Proof of run {proof.run}", "",
        f"State: {proof.state}. " + ("All is in order." if proof.ok else "NOT proven."),
        "", *_table(("table", "source rows", "migrated", "skipped", "failed", "checksums"), rows), "",
        *_listed([f"{one.table}: {one.skipped:,} skipped: {one.reason}" for one in proof.tables if one.reason]),
        *_listed(proof.findings),
        *_compared(proof.compared), "## Steps", "",
        *_table(("step", "status", "seconds", "rows"), [(s.step.id, s.status, s.seconds, s.rows) for s in proof.steps]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def comparison_markdown(compared: Sequence[TableComparison], left_out: Sequence[str] = ()) -> str:
    return "\n".join(["# Comparison", "", *_compared(compared), *_listed(left_out)]) + "\n"


def _listed(sentences: Sequence[str]) -> list[str]:
    return [*(f"- {sentence}" for sentence in sentences), ""] if sentences else []


def _compared(found: Iterable[TableComparison]) -> Iterator[str]:
    for one in found:
        yield f"## {one.table}: {one.missing:,} rows missing, {one.extra:,} extra, {one.differing:,} differ"
        yield ""
        if one.mismatches:
            yield from _table(
                ("key", "what", "columns"), [(", ".join(m.key), m.kind, ", ".join(m.columns)) for m in one.mismatches]
            )
            yield ""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for line in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(_cell(cell) for cell in line) + " |"


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
