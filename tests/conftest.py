"""Tests do not see what the shell around them has chosen for its user: a worker, folders, a terminal."""

from __future__ import annotations

import os

# Also those that call what the command line calls, in this process.
for name in ("JOBWIRE_CONFIG", "JOBWIRE_CONTEXT", "JOBWIRE_STATE", "TMUX", "TMUX_PANE"):
    os.environ.pop(name, None)
