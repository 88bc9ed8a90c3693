"""What can go wrong, as one tree.

OneplanError                    exit 1   one sentence: what, where, what to do
├── UsageError                  exit 64  the call itself is wrong
│   └── LocationError           exit 64  not a location of a known kind
├── SourceError                 exit 1   a schema, plan, board or document cannot be read (knows file and line)
├── ApprovalNeeded              exit 3   no consent was given; the proposal stays pending
├── Refused                     exit 4   unsafe: not done, and will not be done as things stand
│   ├── Drift                   exit 4   the database is not as the plan, or the approval, knew it
│   ├── ApprovalRefused         exit 4   the approval does not open this action
│   └── RehearsalFailed         exit 4   the plan failed on the shadow copy (knows the step)
├── StepFailed                  exit 1   a step failed on the target and was undone or left resumable
├── BackupFailed                exit 1   a backup could not be made or read back: the step did not start
├── DatabaseError               exit 1   a database refused a statement (in its own words)
│   ├── LockTimeout             exit 1   a lock was not to be had in time: worth another try
│   └── StatementTimeout        exit 1   a statement took longer than it may while others wait for its locks
└── Busy                        exit 1   another process holds the store or the target
"""

from __future__ import annotations


class OneplanError(Exception):
    """An error that a person can act on. `str(error)` is one sentence, without a traceback's vocabulary."""

    exit_code = 1


class UsageError(OneplanError):
    exit_code = 64


class LocationError(UsageError):
    pass


class SourceError(OneplanError):
    """Something cannot be read. The sentence begins with `file:line: ` where they are known."""

    def __init__(self, message: str, *, source: str = "", line: int | None = None) -> None:
        self.message, self.source, self.line = message, source, line
        place = f"{source}:{line}: " if source and line else f"{source}: " if source else ""
        super().__init__(place + message)


class ApprovalNeeded(OneplanError):
    """Nobody consented. `proposal_id` names the proposal that stays pending."""

    exit_code = 3

    def __init__(self, message: str, *, proposal_id: str = "") -> None:
        self.proposal_id = proposal_id
        super().__init__(message)


class Refused(OneplanError):
    exit_code = 4


class Drift(Refused):
    pass


class ApprovalRefused(Refused):
    pass


class RehearsalFailed(Refused):
    def __init__(self, message: str, *, step_id: str = "") -> None:
        self.step_id = step_id
        super().__init__(message)


class StepFailed(OneplanError):
    def __init__(self, message: str, *, step_id: str = "") -> None:
        self.step_id = step_id
        super().__init__(message)


class BackupFailed(OneplanError):
    pass


class DatabaseError(OneplanError):
    """`sql` is the statement that was refused, where there was one."""

    def __init__(self, message: str, *, sql: str = "") -> None:
        self.sql = sql
        super().__init__(message)


class LockTimeout(DatabaseError):
    pass


class StatementTimeout(DatabaseError):
    pass


class Busy(OneplanError):
    pass


class Paused(OneplanError):
    """Somebody asked for it to stop, and it came to a safe place first."""

    exit_code = 130


def is_interrupt(error: BaseException) -> bool:
    """Whether DuckDB says by this error that Ctrl-C was pressed while a query ran."""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"
