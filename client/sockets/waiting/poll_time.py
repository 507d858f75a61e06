"""The timeout of poll(2) for a time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

# poll(2) takes a C int. A longer wait is repeated.
_LONGEST_WAIT_SECONDS = 3600.0


def milliseconds_until(times: Iterable[float | None]) -> int:
    """Return the timeout up to the first of these times, on `time.monotonic`; -1, for ever, if there is none."""
    first = min([at for at in times if at is not None], default=None)
    return -1 if first is None else max(0, math.ceil(min(first - time.monotonic(), _LONGEST_WAIT_SECONDS) * 1000))
