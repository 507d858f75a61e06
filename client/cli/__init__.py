"""The command line: what people type."""

from __future__ import annotations

from typing import NoReturn

from ...schemas.c_signal import signal


def main() -> NoReturn:
    """Run the command. Until its modules are loaded, Ctrl-C ends it without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import main as run  # noqa: PLC0415 -- as said

    run()
