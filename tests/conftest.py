"""Tests do not see what surrounds them: what their user has chosen for the command line, and signals that are ignored or blocked."""

from __future__ import annotations

import os
import signal

# Also those that call what the command line calls, in this process.
for name in ("JOBWIRE_CONFIG", "JOBWIRE_CONTEXT", "JOBWIRE_STATE", "TMUX", "TMUX_PANE"):
    os.environ.pop(name, None)

# Who starts a program, as tests do, passes on what is blocked and ignored, but not what is handled: `&` in a script ignores SIGINT, nohup
# SIGHUP. This process goes on ignoring what it ignored, except Ctrl-C.
signal.pthread_sigmask(signal.SIG_SETMASK, [])
for number in signal.valid_signals():
    # Those two are ignored by Python itself.
    if signal.getsignal(number) is signal.SIG_IGN and number not in {signal.SIGPIPE, signal.SIGXFSZ}:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else lambda *_: None)
