from __future__ import annotations

import pytest
from fake_daemon import FakeDaemon

from jobwire.client.library.client import Client
from jobwire.client.library.requests import filters
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.states import JobTime, State
from jobwire.schemas.refusal import Code, Refused


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"name": "build"}, "name"),
        ({"user": "ada"}, "owner name"),
        ({"since": "1d"}, "since"),
        ({"failed": True}, "failed"),
        ({"states": [State.RUNNING]}, "states"),
        ({"labels": {"team": "blue"}}, "labels"),
        ({"sorted_by": JobTime.ENDED}, "sorted by"),
        ({"newest_first": True}, "newest first"),
    ],
)
def test_a_worker_that_would_ignore_a_filter_is_not_asked(client: Client, daemon: FakeDaemon, wanted: dict[str, object], word: str) -> None:
    with pytest.raises(Refused, match=rf"too old for a list with {word};") as refused:
        next(client.list(**wanted))  # type: ignore[arg-type] # reason: a filter for each case
    assert refused.value.code is Code.UNIMPLEMENTED
    assert "list" not in daemon.verbs()


def test_an_older_worker_lists_as_ever_and_a_limit_is_kept_to(client: Client, daemon: FakeDaemon) -> None:
    for _ in range(5):
        client.submit(["true"])
    assert len(list(client.list(all=True))) == 5
    assert len(list(client.list(all=True, limit=3))) == 3
    assert list(client.list(limit=0)) == []


def test_every_filter_that_is_new_is_announced() -> None:
    # Those that were there before the feature; whatever is added is new.
    older = {field.name for field in request_pb2.List.DESCRIPTOR.fields if field.number <= 6}
    assert older == filters._OLDER


def test_text_that_is_not_unicode_is_refused(client: Client) -> None:
    with pytest.raises(Refused) as refused:
        client.list(user="\udcff")
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("wanted", [{"user": "b\udcff"}, {"name": "b\udcff"}, {"labels": {"k": "b\udcff"}}, {"labels": {"b\udcff": ""}}])
def test_bytes_that_no_job_can_have_as_a_name_are_told_as_such(client: Client, wanted: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"no job has a name, owner or label with 'b\\udcff': that is not UTF-8"):
        next(client.list(**wanted))  # type: ignore[arg-type] # reason: a filter for each case
