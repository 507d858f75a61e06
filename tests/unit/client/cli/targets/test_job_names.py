"""Which jobs the arguments of a command name, and how many requests that takes."""

from __future__ import annotations

import pytest
from fake_daemon import FakeDaemon

from jobwire.client.cli.targets.job_names import one_job_info, one_unfinished_job
from jobwire.client.library.client import Client
from jobwire.schemas.refusal import Refused


def test_what_is_no_name_is_refused_without_a_look_at_the_jobs(client: Client, daemon: FakeDaemon) -> None:
    client.hello()
    with pytest.raises(Refused):
        one_unfinished_job(client, "no name")
    assert set(daemon.verbs()) == {"hello"}


def test_all_about_a_job_is_one_request(client: Client, daemon: FakeDaemon) -> None:
    client.submit(["wait"], name="one")
    assert one_job_info(client, "one").name == "one"
    assert daemon.verbs().count("query_one") == 1
