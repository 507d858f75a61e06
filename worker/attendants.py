"""What keeper and supervisor have in common: how they are started, and the log that they share. Imports next to nothing."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    # The C part only, which does not load enum.
    import _signal as signal

# For posix_spawn: what is started ignores no signal, whatever we do, or did who started us.
DEFAULT_SIGNALS = tuple({int(number) for number in signal.valid_signals()} - {int(signal.SIGKILL), int(signal.SIGSTOP)})


def say(sentence: str) -> None:
    """Write a line into the log that keeper and supervisor share."""
    try:
        print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), f"[{os.getpid()}]", sentence, file=sys.stderr, flush=True)  # noqa: T201 -- the log
    except OSError:
        # The disk is full, for instance: who keeps jobs must not die of what cannot be said.
        return


def command(call: str) -> list[str]:
    """Make the argv of an interpreter that imports from this package and calls: without site-packages, which would double its size."""
    # Isolated, so that no module is imported from a working folder. The package's parent comes last and hides no module of Python's.
    package = __package__ or ""
    parent = os.path.abspath(__file__).removesuffix(f"/{package.replace('.', '/')}/attendants.py")  # noqa: PTH100 -- pathlib is not light
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", f"import sys; sys.path.append({parent!r}); from {package}.{call}"]
