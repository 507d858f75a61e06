"""Numbers in options have the digits 0 to 9: Python reads those of any script, and underscores, which nobody means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobwire.broker.schedules.cron import read_times
from jobwire.client.batch.options.limit_values import read_limits
from jobwire.client.batch.options.option_values import parse_amount, parse_priority, parse_signal
from jobwire.client.batch.options.retries import parse_backoff, parse_count, parse_statuses
from jobwire.client.cli import arguments
from jobwire.schemas.refusal import Refused

READERS: dict[str, Callable[[str], object]] = {
    "priority": parse_priority,
    "amount": parse_amount,
    "signal": parse_signal,
    "retries": parse_count,
    "backoff": parse_backoff,
    "statuses": parse_statuses,
    "limit": lambda said: read_limits([f"nofile={said}"]),
    "count": arguments.parse_count,
    "cron": lambda said: read_times(f"{said} * * * *", "UTC"),
}


@pytest.mark.parametrize("said", ["\u0661\u0662", "1_2", "\uff11\uff12", "\u00b2"])
@pytest.mark.parametrize("reader", READERS)
def test_other_digits_and_underscores_are_refused(reader: str, said: str) -> None:
    with pytest.raises(Refused):
        READERS[reader](said)


@pytest.mark.parametrize("reader", READERS)
def test_ordinary_digits_are_read(reader: str) -> None:
    READERS[reader]("12")
