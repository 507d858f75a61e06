"""The command line: what people type."""

from __future__ import annotations

import gc
import os
import sys

from ...schemas.private_parts.c_signal import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command. Until its modules are loaded, Ctrl-C ends it silently."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] == ["__complete"]:
        # At each Tab: without the parser, which takes longer than a user notices, and over before there is garbage.
        gc.disable()
        from .completion.answer import main as complete  # noqa: PLC0415 -- as said

        complete(sys.argv[2:])
        os._exit(0)
    from .main import main as run  # noqa: PLC0415 -- as said

    run()
