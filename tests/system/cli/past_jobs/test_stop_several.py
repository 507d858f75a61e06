"""Commands that do something to several jobs, one of which does not exist, has ended, or is somebody else's."""

from __future__ import annotations

import pytest
from daemons import Worker
from home import Home


@pytest.mark.parametrize("verb", ["stop", "pause", "resume"])
def test_what_does_not_exist_is_told_and_the_others_are_done(home: Home, verb: str) -> None:
    jobs = [home.submit("-n", name, "sleep", "600") for name in ("one", "two")]
    for job in jobs:
        home.until_running(job)
    if verb == "resume":
        home.jobwire("pause", *jobs)
    said = home.jobwire(verb, "one", "nosuch", "two", status=1).stderr.decode()
    assert "there is no job nosuch" in said
    now = [job["outcome"] is not None or job["paused"] for job in home.records("show", *jobs)]
    assert now == [verb != "resume"] * 2


def test_what_may_not_be_stopped_is_told_and_the_others_are_stopped(home: Home, worker: Worker) -> None:
    with worker.client() as admin:
        strange = admin.submit(["sleep", "600"])
        own = home.submit("sleep", "600")
        said = home.jobwire("stop", strange.id, own, status=1).stderr.decode()
        assert "jobwire: job " + own[:8] in said
        assert len(said.splitlines()) == 2
        assert home.records("show", own)[0]["outcome"]["exit_status"] == 143
        assert strange.outcome is None
        strange.stop(grace=0)


def test_what_has_ended_is_stopped_and_cannot_be_paused_resumed_or_sent_a_signal_be_it_a_job_or_a_run(home: Home) -> None:
    home.jobwire("run", "-n", "job", "true")
    home.jobwire("batch", "-q", "-", stdin=b'{"batch": {"name": "run"}, "job": [{"argv": ["true"]}]}')
    for name in ("job", "run"):
        assert b"already ended" in home.jobwire("stop", name).stderr
        for command in (["pause", name], ["resume", name], ["signal", name, "HUP"]):
            assert home.jobwire(*command, status=1).stderr


def test_a_signal_reaches_the_running_jobs_of_a_run(home: Home) -> None:
    text = b"""{"batch": {"name": "all"}, "job": [{"argv": ["true"]}, {"argv": ["sleep", "600"]}, {"argv": ["sleep", "600"]}]}"""
    home.jobwire("batch", "--no-wait", "-", stdin=text)
    done, *going = home.records("list", "all")
    home.jobwire("wait", done["id"])
    for job in going:
        home.until_running(job["id"])
    home.jobwire("signal", "all", "USR1")
    home.jobwire("wait", "all", status=1)
    assert [job["outcome"]["signal"] for job in home.records("list", "all")] == [None, 10, 10]
