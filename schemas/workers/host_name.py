"""The name of this machine, for sentences, names and labels."""

from __future__ import annotations

import os

from ..text.printable import printable


def host_name() -> str:
    r"""Return the name of this machine. The kernel accepts any bytes: those that are not text are shown as `\xff`."""
    return printable(os.uname().nodename)
