from __future__ import annotations

import pytest
from fake_daemon import FakeDaemon, Later

from jobwire.client.library.client import Client
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import job_pb2
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Refused


def the_job(daemon: FakeDaemon) -> bytes:
    return next(iter(daemon.jobs))


def test_waiting_for_any_returns_those_that_have_ended(client: Client, daemon: FakeDaemon) -> None:
    jobs = [client.submit(["wait"]) for _ in range(3)]
    daemon.finish(jobs[1].key.id)

    assert client.wait(jobs, any=True, timeout=60) == [jobs[1]]
    assert client.wait(jobs, any=True) == [jobs[1]]


def test_a_job_that_ended_long_ago_is_waited_for(client: Client, daemon: FakeDaemon, identity: Identity) -> None:
    job_id = new_id()
    client.run(["echo"], id=job_id)
    with Client.connect(daemon.endpoint, daemon.public, identity) as other:
        job = other.job_by_key(identity.public, job_id)

        assert job.wait() == 0
        assert job.poll() == 0


@pytest.mark.parametrize("lose", [False, True])
def test_a_job_that_nobody_watches_is_waited_for_through_events(client: Client, daemon: FakeDaemon, *, lose: bool) -> None:
    jobs = [client.submit(["wait"], watch=False) for _ in range(70)]

    def end() -> None:
        for job in jobs[1:]:
            daemon.finish(job.key.id)
        if lose:
            daemon.restart()
        daemon.finish(jobs[0].key.id, 9)

    later = Later(daemon, "query_one", end, 140)

    assert client.wait(jobs, timeout=60) == jobs
    later.join()
    assert jobs[0].returncode == 9


def test_a_job_that_ends_between_question_and_grant_is_not_missed(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"], watch=False)
    daemon.swallow["subscribe"] = 1

    def end() -> None:
        daemon.finish(job.key.id)
        daemon.restart()

    later = Later(daemon, "subscribe", end)

    assert job.wait(timeout=60) == 0
    later.join()


def test_beyond_some_watches_none_are_opened(client: Client, daemon: FakeDaemon) -> None:
    for _ in range(65):
        client.submit(["wait"])

    starts = [request.start.watch for request in daemon.requests if request.HasField("start")]
    assert starts == [True] * 64 + [False]


def test_jobs_are_listed_page_by_page(client: Client, daemon: FakeDaemon) -> None:
    names = [f"job-{n}" for n in range(5)]
    for name in names:
        client.submit(["echo"], name=name)

    listed = list(client.list(all=True))

    assert [info.name for info in listed] == names
    assert listed[0].argv == (b"echo",)
    assert listed[0].returncode == 0
    assert daemon.verbs().count("list") == 3


def test_a_client_that_is_no_longer_admitted_learns_it_from_what_waits(client: Client, daemon: FakeDaemon, identity: Identity) -> None:
    with client.events() as events:
        daemon.members.remove(identity.public)
        daemon.stop()
        daemon.start()
        with pytest.raises(Refused, match="does not let your key in"):
            next(events)


def test_a_wait_that_missed_events_asks_for_the_state_of_its_jobs(client: Client, daemon: FakeDaemon) -> None:
    client.submit(["sleep"])
    job_id = the_job(daemon)
    other = Client.connect(client.connection.endpoint, daemon.public, client.connection.identity)
    job = other.job_by_key(client.connection.identity.public, job_id)

    def end_unheard() -> None:
        def end() -> None:
            daemon.grants.clear()
            daemon._finish(daemon.jobs[job_id], job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, exit_status=3))
            daemon.first_seq = len(daemon.events) + 1

        daemon.do(end)
        daemon.restart()

    later = Later(daemon, "subscribe", end_unheard)
    with other:
        assert job.wait(timeout=60) == 3
    later.join()


def test_jobs_are_completed_in_the_order_of_their_ends(client: Client, daemon: FakeDaemon) -> None:
    one, two, three = (client.submit(["wait"], name=name, watch=name != "two") for name in ("one", "two", "three"))
    ended = client.submit(["echo"])
    ended.wait()
    ends = client.as_completed([one, two, ended, three, one])
    assert next(ends) is ended
    daemon.finish(two.key.id)
    assert next(ends) is two
    # Other waits in between do not disturb it.
    daemon.finish(one.key.id, 3)
    assert three.poll() is None
    assert one.wait() == 3
    daemon.finish(three.key.id)
    assert three.result().returncode == 0
    assert [*ends] == [one, three]


def test_as_completed_gives_up_its_subscription_and_keeps_its_deadline(client: Client, daemon: FakeDaemon) -> None:
    job = client.submit(["wait"], watch=False)
    ends = client.as_completed([job], timeout=0.3)
    with pytest.raises(TimeoutError):
        next(ends)
    list(client.list())
    assert not daemon.do(lambda: len(daemon.grants))
