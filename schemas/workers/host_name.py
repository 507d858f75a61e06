"""What this machine calls itself: for sentences, names and labels."""

from __future__ import annotations

import os

from ..text.printable import printable


def host_name() -> str:
    r"""Return the name of this machine. The kernel takes any bytes for one: those that are no text are shown as `\xff`."""
    return printable(os.uname().nodename)
