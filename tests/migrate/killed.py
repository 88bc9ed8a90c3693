"""A process that applies or rolls back a plan and kills itself at a chosen boundary: no clean-up, no exit handlers.

Arguments: a file with the pickled (plan, location, home, verb, number of the boundary), where it is told all of them in
turn when the number is -1.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from tests.migrate.kit import Desk
from tools.migrate.pace import Pace


def main(path: str) -> None:
    plan, location, home, verb, fatal = pickle.loads(Path(path).read_bytes())
    passed: list[tuple[str, str]] = []

    def observer(stage: str, step: str) -> None:
        if len(passed) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        passed.append((stage, step))

    desk: Any = Desk(home)
    if verb == "apply":
        desk.run_all(plan, location, observer=observer, pace=Pace(least=20, most=20))
    else:
        desk.roll_back(location, observer=observer)
    print(len(passed))


if __name__ == "__main__":
    main(sys.argv[1])
