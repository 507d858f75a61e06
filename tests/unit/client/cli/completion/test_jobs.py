from jobwire.client.cli.completion.jobs import batch_words, job_words
from jobwire.client.cli.completion.line import Wish
from jobwire.client.cli.completion.words import find_words
from jobwire.schemas.generated import job_pb2

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
JOBS = [job(1, "old", FINISHED), job(2, "held", paused=True), job(3, "busy"), job(4, state=QUEUED)]


def texts(path: str, typed: str = "", jobs: list[job_pb2.Job] = JOBS) -> list[str]:
    return [word.text for word in job_words(path, typed, jobs)]


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
    assert texts("jobwire attach", jobs=[*JOBS, shell, left]) == ["shell"]


def test_what_is_typed_of_an_id_or_a_process_is_continued() -> None:
    assert "03030303" in texts("jobwire show", "03")
    assert "03030303-0303-0303-0303-030303030303" in texts("jobwire show", "03030303-")
    assert any(text.startswith("103@2026") for text in texts("jobwire show", "103@"))
    assert not any("@" in text for text in texts("jobwire show", "10"))


def test_batches_are_offered_where_a_batch_means_its_jobs() -> None:
    jobs = [job(1, "a", batch="nightly"), job(2, "b", batch="nightly"), job(3, "c", batch="")]
    assert texts("jobwire stop", jobs=jobs) == ["last", "c", "b", "a", "00000000-0000-0000-0000-000000000007", "nightly"]
    assert "nightly" in texts("jobwire show", jobs=jobs)
    assert "nightly" in texts("jobwire signal", jobs=jobs)
    assert [word.text for word in batch_words("", jobs[:2])] == ["nightly"]
    assert [word.text for word in batch_words("0", jobs[:2])] == ["nightly", "00000000-0000-0000-0000-000000000007"]


def test_of_several_jobs_of_a_name_the_newest_explains_it_and_a_job_is_offered_once() -> None:
    found = job_words("jobwire show", "", [job(1, "x", FINISHED), job(2, "x")])
    assert [(word.text, word.about.partition(":")[0]) for word in found] == [("last", "the newest job"), ("x", "running")]
    wish = Wish("JOB", "", "jobwire stop", used=frozenset({"busy"}))
    assert [word.text for word in find_words(wish, lambda _: JOBS)] == ["last", "04040404", "held"]


def test_a_name_that_cannot_be_typed_as_it_is_shown_is_left_out() -> None:
    jobs = [job(1, "a", batch="two words"), job(2, "b", batch="bell\x07"), job(3, "c", batch="fine")]
    assert [word.text for word in find_words(Wish("BATCH", ""), lambda _: jobs)] == ["fine"]


def test_after_an_owner_only_jobs_of_this_member_are_offered() -> None:
    hers, his = job(1, "nightly"), job(2, "daily")
    hers.owner_name, his.owner_name = "ada", "bob"
    assert texts("jobwire show", "ada/", [hers, his]) == ["ada/last", "ada/nightly"]
    assert texts("jobwire show", "eve/", [hers, his]) == []
