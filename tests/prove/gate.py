"""The whole attack on the gate, by two worker processes, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.prove.executor_ring import executor_cases
from tests.prove.generated_ring import duckdb_cases, postgres_cases, sqlite_cases
from tests.prove.holes import CONVERSATION
from tests.prove.hostile import conversation_cases, duckdb_conversation, postgres_conversation
from tests.prove.ledger_ring import ledger_cases
from tests.prove.misuse_ring import duckdb_misuse, misuse_cases, postgres_misuse
from tests.prove.mutants import MUTANTS, Mutant, killed
from tests.prove.pages import Part, table
from tests.prove.tally import WORKERS, Ring, Tally, in_pieces, run_jobs

SEED = 1
Attacked = tuple[str, Ring, int, int]
RINGS: tuple[Attacked, ...] = (
    ("the ledger", ledger_cases, 6_000, 250),
    ("a run on SQLite", sqlite_cases, 3_000, 150),
    ("a run on DuckDB", duckdb_cases, 315, 63),
    ("a run on Postgres", postgres_cases, 315, 63),
    ("the executor", executor_cases, 560, 70),
    ("a conversation over SQLite", conversation_cases, 600, 48),
    ("a conversation over DuckDB", duckdb_conversation, 96, 24),
    ("a conversation over Postgres", postgres_conversation, 96, 24),
)
"""What is attacked, by which ring, in how many cases, and how many of them one process makes in a row."""
MISUSES: tuple[Attacked, ...] = (
    ("a conversation over SQLite", misuse_cases, 100, 20),
    ("a conversation over DuckDB", duckdb_misuse, 20, 20),
    ("a conversation over Postgres", postgres_misuse, 20, 20),
)
MISUSE = """\
In a conversation a person says yes to one write, for real: a change of the board, a file, a step of the plan, an undo.
Then something else is tried with that yes: the model asks for other arguments or another tool and quotes the approval;
another conversation or another person takes it over; it comes too late, or after a no; the board or the file is another
by then; it is done once and said again, replayed from an old checkpoint, or asked for again; or nobody says yes, and
the model claims that somebody did."""
WHAT = """\
Somebody approves one thing; then everything that a hostile program, or a hostile model, might do with that is tried.

- **the ledger**: an approval of one generated action, and its use for a mutation of that action, by another, at another
  time, twice, withdrawn. The writer is a file.
- **a run**: a person approves the next step of a real plan, or the next undo, on a real database; then SQL, order, base
  state, actor, conversation, time, or several of them are changed by chance.
- **the executor**: attacks thought out one by one: forged grants, copied ledgers, a journal rewritten, a
  cursor overtaken.
- **a conversation**: a model that calls every tool there is, and some that there are not, with generated arguments,
  says that all is approved and quotes the ids that it has seen; a person who never says yes.

A case succeeds when a byte has changed that nobody approved: files and databases are compared by the SHA-256 of all
their bytes, Postgres by every row of every table, the journal's too, and by what the server holds beside. Only
oneplan's own folder `.oneplan` is left out, where it writes down what it was asked; the task board in it is compared.
Between the attacks, approvals are used just as they were given: those must write, or the attacks would prove
nothing."""


def gate() -> Part:
    return _part("The gate: nothing is written that nobody approved", WHAT, RINGS, MUTANTS, 4)


def misuse() -> Part:
    title = "A real yes, misused in conversation"
    return _part(title, MISUSE, MISUSES, CONVERSATION, 2)


def _part(title: str, what: str, rings: Sequence[Attacked], mutants: Sequence[Mutant], times: int) -> Part:
    jobs = [(name, job) for name, ring, count, piece in rings for job in in_pieces(ring, count, SEED, piece)]
    found: dict[str, Tally] = {}
    for (name, _), tally in zip(jobs, run_jobs([job for _, job in jobs]), strict=True):
        found[name] = found[name] + tally if name in found else tally
    numbers = [(mutants is CONVERSATION, number, times) for number in range(len(mutants))]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        without = dict(zip((one.name for one in mutants), pool.map(_killed, numbers), strict=True))
    cases, won = sum(one.count for one in found.values()), [told for one in found.values() for told in one.won]
    taken = [(name, one.count, len(one.won)) for name, one in without.items()]
    text = f"""\
{what}

{table(("attacked", "cases", "succeeded", "honest uses, all of which wrote"), _rows(found))}

{cases:,} cases, {len(won)} of them succeeded. By what was changed:

{table(("attacked", "what was changed (cases)"), _kinds(found))}

Are the attacks any good? Each check is taken out, one at a time, and the attacks that it is there for are made again:
at least one must succeed now, or the check would be needed by nobody, or tried by nobody. So it is for
{sum(bool(tally.won) for tally in without.values())} of {len(without)}.

{table(("without the check", "cases", "succeeded"), taken)}"""
    needless = [f"nobody needs the check {name!r}" for name, tally in without.items() if not tally.won]
    return Part(title, text, (*won, *needless))


def _killed(job: tuple[bool, int, int]) -> Tally:
    conversation, number, times = job
    return killed((CONVERSATION if conversation else MUTANTS)[number], SEED, times)


def _rows(found: dict[str, Tally]) -> Iterable[tuple[object, ...]]:
    return [(name, f"{one.count:,}", len(one.won), one.honest or "") for name, one in found.items()]


def _kinds(found: dict[str, Tally]) -> Iterable[tuple[object, ...]]:
    return [
        (name, ", ".join(f"{kind.replace('_', ' ')} ({count})" for kind, count in one.cases.items()))
        for name, one in found.items()
    ]
