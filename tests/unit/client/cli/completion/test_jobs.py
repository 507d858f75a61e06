from collections.abc import Iterator

import pytest

from jobwire.client.cli.completion.jobs import MOST_WORDS, job_words
from jobwire.client.cli.completion.line import Wish
from jobwire.client.cli.completion.words import Asks, find_words
from jobwire.schemas.generated import job_pb2, request_pb2

RUN = bytes(15) + b"\x07"


def job(number: int, name: str = "", state: int = job_pb2.STATE_RUNNING, *, batch: str | None = None, paused: bool = False) -> job_pb2.Job:
    made = job_pb2.Job(
        key=job_pb2.JobKey(owner=bytes(32), id=bytes([number] * 16)),
        spec=job_pb2.JobSpec(name=name, argv=[b"sleep", b"\xff"]),
        state=state,  # type: ignore[arg-type] # reason: a number is one
        paused=paused,
    )
    if batch is not None:
        made.batch.CopyFrom(job_pb2.Batch(id=RUN, name=batch))
    if state != job_pb2.STATE_QUEUED:
        made.pid, made.started_at_us = 100 + number, 1_790_000_000_000_000
    return made


QUEUED, RUNNING, FINISHED = job_pb2.STATE_QUEUED, job_pb2.STATE_RUNNING, job_pb2.STATE_FINISHED
# Newest first, as they come.
JOBS = [job(4, state=QUEUED), job(3, "busy"), job(2, "held", paused=True), job(1, "old", FINISHED)]


def texts(path: str, typed: str = "", jobs: list[job_pb2.Job] = JOBS) -> list[str]:
    return [word.text for word in job_words(Wish("JOB", typed, path), jobs)]


def test_jobs_are_offered_newest_first_by_name_or_else_by_id() -> None:
    assert texts("jobwire show") == ["last", "04040404", "busy", "held", "old"]


def test_a_command_is_offered_only_the_jobs_that_it_can_mean() -> None:
    assert texts("jobwire stop") == ["last", "04040404", "busy", "held"]
    assert texts("jobwire resume") == ["last", "held"]
    assert "04040404" not in texts("jobwire pause")
    assert texts("jobwire forget") == ["old"]
    assert texts("jobwire show", jobs=[]) == []
    shell, left = job(5, "shell"), job(6, "left", FINISHED)
    for one in (shell, left):
        one.spec.terminal.SetInParent()
    assert texts("jobwire attach", jobs=[left, shell, *JOBS]) == ["shell"]


def test_what_is_typed_of_an_id_or_a_process_is_continued() -> None:
    assert "03030303" in texts("jobwire show", "03")
    assert "03030303-0303-0303-0303-030303030303" in texts("jobwire show", "03030303-")
    assert any(text.startswith("103@2026") for text in texts("jobwire show", "103@"))
    assert not any("@" in text for text in texts("jobwire show", "10"))


def test_batches_are_offered_where_a_batch_means_its_jobs() -> None:
    jobs = [job(3, "c", batch=""), job(2, "b", batch="nightly"), job(1, "a", batch="nightly")]
    assert texts("jobwire stop", jobs=jobs) == ["last", "c", "b", "a", "00000000-0000-0000-0000-000000000007", "nightly"]
    assert "nightly" in texts("jobwire show", jobs=jobs)
    assert "nightly" in texts("jobwire signal", jobs=jobs)
    assert [word.text for word in job_words(Wish("BATCH", ""), jobs[1:])] == ["nightly"]
    assert [word.text for word in job_words(Wish("BATCH", "0"), jobs[1:])] == ["00000000-0000-0000-0000-000000000007"]


def run(name: str, *, queued: int = 0, running: int = 0, ok: int = 0) -> request_pb2.Run:
    return request_pb2.Run(batch=job_pb2.Batch(id=RUN, name=name), queued=queued, running=running, ok=ok, owner_name="ada")


def test_a_run_is_offered_although_its_jobs_were_not_looked_at() -> None:
    runs = [run("waits", queued=1), run("past", ok=1)]

    def offered(path: str, kind: str = "JOB", typed: str = "") -> list[str]:
        return [word.text for word in job_words(Wish(kind, typed, path), runs)]

    assert offered("jobwire show") == ["waits", "past"]
    assert offered("jobwire show", typed="pa") == ["past"]
    assert offered("jobwire stop") == ["waits"]
    assert offered("jobwire rerun") == ["past"]
    # Whether one of its jobs is paused is not known.
    assert offered("jobwire resume") == []
    assert offered("jobwire put") == []
    assert offered("jobwire list", "BATCH") == ["waits", "past"]
    assert offered("jobwire show", typed="ada/w") == ["ada/waits"]
    assert offered("jobwire show", typed="bob/") == []


@pytest.mark.parametrize("kind", ["JOB", "BATCH"])
def test_no_more_is_looked_at_once_there_are_enough_words(kind: str) -> None:
    looked: list[int] = []

    def jobs() -> Iterator[job_pb2.Job]:
        for number in range(5 * MOST_WORDS):
            looked.append(number)
            made = job(number % 250, f"job{number}", batch=f"batch{number}")
            made.batch.id = number.to_bytes(16)
            yield made

    words = job_words(Wish(kind, "", "jobwire put"), jobs())
    assert len(looked) == MOST_WORDS
    assert len(words) == MOST_WORDS + (kind == "JOB")


def test_of_several_jobs_of_a_name_the_newest_explains_it_and_a_job_is_offered_once() -> None:
    found = job_words(Wish("JOB", "", "jobwire show"), [job(2, "x"), job(1, "x", FINISHED)])
    assert [(word.text, word.about.partition(":")[0]) for word in found] == [("last", "the newest job"), ("x", "running")]
    wish = Wish("JOB", "", "jobwire stop", used=frozenset({"busy"}))
    assert [word.text for word in find_words(wish, Asks(lambda _: JOBS))] == ["last", "04040404", "held"]


def test_a_name_that_cannot_be_typed_as_it_is_shown_is_left_out() -> None:
    jobs = [job(3, "c", batch="fine"), job(2, "b", batch="bell\x07"), job(1, "a", batch="two words")]
    assert [word.text for word in find_words(Wish("BATCH", ""), Asks(lambda _: jobs))] == ["fine"]


def test_after_an_owner_only_jobs_of_this_member_are_offered() -> None:
    hers, his = job(1, "nightly"), job(2, "daily")
    hers.owner_name, his.owner_name = "ada", "bob"
    assert texts("jobwire show", "ada/", [hers, his]) == ["ada/last", "ada/nightly"]
    assert texts("jobwire show", "eve/", [hers, his]) == []


@pytest.mark.parametrize("command", [b"make\nforged\tword", b"\x1b[2J", b"a\rb", "\u2028".encode()])
def test_a_command_of_somebody_else_adds_no_line_and_controls_no_terminal(command: bytes) -> None:
    one = job(5, "lines")
    one.spec.argv[:] = [b"sh", b"-c", command]
    (found,) = find_words(Wish("JOB", "li", "jobwire show"), Asks(lambda _: [one]))
    assert found.text == "lines"
    assert found.about.isprintable()
    assert found.about.startswith("running: sh -c ")
