"""For how long to poll until a time, as poll(2) takes it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

# poll(2) takes a C int. A longer wait is repeated.
_LONGEST_WAIT_SECONDS = 3600.0


def milliseconds_until(times: Iterable[float | None]) -> int:
    """Return for how long to poll if the first of these times, on `time.monotonic`, is to be met; -1, for ever, if there is none."""
    first = min([at for at in times if at is not None], default=None)
    return -1 if first is None else max(0, math.ceil(min(first - time.monotonic(), _LONGEST_WAIT_SECONDS) * 1000))
