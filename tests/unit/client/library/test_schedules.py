from typing import Any, cast

import pytest

from jobwire.client.library.schedules import Schedules
from jobwire.schemas.refusal import Code, Refused

SCHEDULES = Schedules(cast("Any", None))
WISHES: dict[str, str] = {"name": "backup", "cron": "@daily", "zone": "UTC"}


@pytest.mark.parametrize("wrong", list(WISHES))
def test_what_is_not_utf_8_is_refused_before_it_is_sent(wrong: str) -> None:
    with pytest.raises(Refused, match="not UTF-8") as refused:
        SCHEDULES.add(job=["true"], **(WISHES | {wrong: "\udcff"}))
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_no_schedule_has_a_name_that_is_not_utf_8() -> None:
    with pytest.raises(Refused, match="not UTF-8"):
        SCHEDULES.get("\udcff")
