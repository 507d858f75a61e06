from typing import cast

import pytest

from jobwire.client.cli.job.conditions import find_conditions
from jobwire.client.library.client import Client
from jobwire.schemas.refusal import Code, Refused


@pytest.mark.parametrize(
    ("typed", "each"),
    [
        ("fetch,load", "--after fetch --after load"),
        ("any:fetch,load", "--after any:fetch --after any:load"),
        ("fetch,failed:load,", "--after fetch --after failed:load"),
    ],
)
def test_several_jobs_in_one_condition_are_refused_with_how_each_is_named(typed: str, each: str) -> None:
    with pytest.raises(Refused, match=f"--after names one job, not .*; repeat it: {each}$") as refused:
        # It is refused before anything is asked.
        find_conditions(cast("Client", None), [typed])
    assert refused.value.code is Code.INVALID_ARGUMENT
