"""A REPL over the fake tools, run by a test in a pseudo-terminal: `python pty_chat.py FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.chdir(sys.argv[1])

from assistant.repl import run_repl  # noqa: E402
from assistant.scripted import ScriptedModel, call  # noqa: E402
from assistant.session import Workspace  # noqa: E402
from assistant.threads import Conversation  # noqa: E402
from tests.assistant.fakes import FAKES  # noqa: E402

Conversation.__init__.__kwdefaults__["table"] = FAKES
SCRIPT = {
    "two": [[call("write_notes", lines=["one", "two"])], "Both are written."],
    "slow": [[call("count_slowly")], "Counted."],
    "rest": ["Here again."],
}
code = run_repl(Workspace(), ScriptedModel(SCRIPT[sys.argv[2]]), thread="pty")
print(f"exit code {code}")
sys.exit(code)
