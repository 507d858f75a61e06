"""Which messages to the supervisor are repeated, and when jobs are forgotten."""

from __future__ import annotations

import msgspec

from jobwire.broker.engine import Delayed, Expected, Launch
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.engine.desk_facts import WRITES_DELAYED
from jobwire.worker.engine.supervisor_line import Message
from jobwire.worker.engine.unanswered import Unanswered
from jobwire.worker.state.log_folders import folders
from jobwire.worker.wire.words import ToWorker

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)
HANDLE = folders.handle(KEY)
SPEC = JobSpec((b"true",))
STARTED: Message = {"fact": "started", "job": HANDLE, "pid": 7, "started_at_us": 9}
OUTCOME = {"exit_status": 0, "signal": 0, "sentence": "", "stdout_bytes": 0, "stderr_bytes": 0}
ENDED: Message = {"fact": "ended", "job": HANDLE, "kind": "exited", "pid": 7, "started_at_us": 9, "ended_at_us": 9, **OUTCOME}


def test_all_of_a_job_is_forgotten_when_it_ends_or_is_settled() -> None:
    """It is settled without an end if that was found in the log folders."""
    for is_told in (True, False):
        unanswered = Unanswered("logs")
        unanswered.start([(Launch(KEY, SPEC), b"")])
        unanswered.read(STARTED)
        unanswered.pause(HANDLE, paused=True)
        unanswered.end(HANDLE, 15, 0)
        assert [message["do"] for message in unanswered.again()] == ["pause", "end"]
        assert [job.spec for job in unanswered.running()] == [SPEC]
        if is_told:
            unanswered.read(ENDED)
        else:
            unanswered.forget([HANDLE])
        assert (unanswered.again(), unanswered.running()) == ([], [])
        unanswered.read(STARTED)
        assert [job.spec for job in unanswered.running()] == [None]


def test_the_spec_of_an_expected_job_is_forgotten_when_it_is_settled() -> None:
    unanswered = Unanswered("logs")
    unanswered.expect([Expected(KEY, 0, 0, 5, launched=False, spec=SPEC)])
    unanswered.forget([HANDLE])
    unanswered.read(STARTED)
    assert [job.spec for job in unanswered.running()] == [None]


def test_a_start_brings_a_short_job_file_and_leaves_a_long_one_on_the_disk() -> None:
    unanswered = Unanswered("logs")
    for text, said in ((b'{"argv":["true"]}', True), (b'"' + b"a" * 5000 + b'"', False), (b"", False)):
        (message,) = unanswered.start([(Launch(KEY, SPEC), text)])
        assert ("file" in message) is said
        again = msgspec.json.decode(msgspec.json.encode(unanswered.again()))
        assert again == [{"do": "start", "job": HANDLE, "queued_at_us": 0} | ({"file": {"argv": ["true"]}} if said else {})]


def test_a_start_says_whether_it_is_told_at_once_and_is_starting_until_there_is_a_fact() -> None:
    for fact in (STARTED, ENDED):
        unanswered = Unanswered("logs")
        (message,) = unanswered.start([(Launch(KEY, SPEC), b"")], at_once=True)
        assert message["at_once"] is True
        assert unanswered.starting == 1
        unanswered.read(fact)
        assert unanswered.starting == 0


def test_output_that_waits_for_space_is_told_to_those_who_wait_for_the_end() -> None:
    unanswered = Unanswered("logs")
    for waits, why in ((True, WRITES_DELAYED), (False, "")):
        said = unanswered.read({"fact": ToWorker.WAITS, "job": HANDLE, "waits": waits})
        assert said == [Delayed(KEY, why, stuck=waits)]
