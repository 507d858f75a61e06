import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.engine import Launch
from jobwire.schemas.naming import JobKey
from jobwire.schemas.spec import JobSpec
from jobwire.worker.state import folders, rebuild
from jobwire.worker.state.folders import OutcomeFile

KEY = JobKey(b"o" * 32, b"i" * 16)
START, END = 1_795_500_000_000_001, 1_795_500_000_000_002


def write_intent(logs: Path, spec: JobSpec, key: JobKey = KEY) -> Path:
    folders.write_intent(str(logs), Launch(key, spec), directory=b"/fallback", grace_ms=7)
    return Path(folders.intent_path(str(logs), folders.handle(key)))


def make_run(logs: Path, key: JobKey, pid: int, start: int, end: int = 0) -> Path:
    path = Path(folders.run_path(str(logs), pid, start, end))
    write_intent(logs, JobSpec((b"true",)), key).rename(path)
    return path


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_a_handle_is_read_back(owner: bytes, job_id: bytes) -> None:
    assert folders.key_of(folders.handle(JobKey(owner, job_id))) == JobKey(owner, job_id)


@pytest.mark.parametrize("text", ["", "a.b", f"{'0' * 32}.{'g' * 64}", f"{'0' * 32}.{'0' * 64}\n", f"../{'0' * 29}.{'0' * 64}"])
def test_what_is_no_handle_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the handle of a job"):
        folders.key_of(text)


def test_an_intent_comes_back_byte_for_byte(tmp_path: Path) -> None:
    spec = JobSpec(
        argv=(b"\xff\xfe", b"", b"\xc3\xa4", b'"\\'),
        environment=((b"A", b"\x80"), (b"B", b"")),
        directory=b"/tmp/\xf0",
        stdin=b"\0\xff",
        name="n",
        labels=(("k", "\N{SNOWMAN}"),),
        time_limit_ms=5,
        stop_signal=2,
        grace_ms=9,
    )
    folder = write_intent(tmp_path, spec)
    job = folders.read_job(str(folder))
    assert job.handle == folders.handle(KEY)
    assert rebuild.spec_of(job, (folder / "stdin").read_bytes()) == spec
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_a_spec_leaves_open_is_filled_in(tmp_path: Path) -> None:
    job = folders.read_job(str(write_intent(tmp_path, JobSpec((b"true",)))))
    assert (job.directory, job.grace_ms, job.has_stdin, job.time_limit_ms) == ("/fallback", 7, False, None)


def test_a_half_written_intent_is_written_anew(tmp_path: Path) -> None:
    folder = write_intent(tmp_path, JobSpec((b"long" * 1000,)))
    (folder / "job").write_text("{")
    assert folders.read_job(str(write_intent(tmp_path, JobSpec((b"true",))))).argv == ["true"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id":1}', "\xff"])
def test_a_broken_job_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "job").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r".*"):
        folders.read_job(str(tmp_path))


def test_an_outcome_is_read_back_and_half_of_one_is_none(tmp_path: Path) -> None:
    outcome = OutcomeFile("exited", 3, sentence="exited with status 3", pid=4, started_at_us=START, ended_at_us=END)
    assert folders.read_outcome(str(tmp_path)) is None
    text = folders.outcome_text(outcome)
    folders.write_outcome(str(tmp_path), text)
    assert folders.read_outcome(str(tmp_path)) == outcome
    assert json.loads(text)["version"] == 1
    for broken in ("", text[:30], "[]", "{}"):
        (tmp_path / "outcome").write_text(broken)
        assert folders.read_outcome(str(tmp_path)) is None


OUTCOMES = st.builds(OutcomeFile, *(st.text() if isinstance(value, str) else st.integers() for value in OutcomeFile("")))


@given(OUTCOMES)
def test_an_outcome_is_one_json_object_of_its_fields(outcome: OutcomeFile) -> None:
    assert json.loads(folders.outcome_text(outcome)) == {"version": 1, **outcome._asdict()}


@pytest.mark.parametrize("said", ['"exit_status":null', '"signal":"9"', '"signal":true', '"sentence":3', '"stdout_bytes":[]'])
def test_an_outcome_that_says_something_else_than_numbers_and_texts_is_none(tmp_path: Path, said: str) -> None:
    folders.write_outcome(str(tmp_path), f'{{"kind":"exited","exit_status":0,{said}}}')
    assert folders.read_outcome(str(tmp_path)) is None


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_a_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert folders.read_file(str(tmp_path / "file")) == bytes(size)


@pytest.mark.parametrize(("text", "value"), [("{}", {}), (' {"a":1}\n', {"a": 1})])
def test_white_space_around_json_is_borne(text: str, value: object) -> None:
    assert folders.from_json(text) == value


@pytest.mark.parametrize("text", ["", "{", "{}{}", '{"a":1}x'])
def test_json_that_is_broken_or_followed_by_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        folders.from_json(text)


def test_a_run_is_found_by_its_process_and_start(tmp_path: Path) -> None:
    running = make_run(tmp_path, KEY, 7, START)
    ended = make_run(tmp_path, KEY, 7, START - 10, END)
    logs = str(tmp_path)
    assert folders.find_run(logs, 7, START) == str(running)
    assert folders.find_run(logs, 7, START - 10) == str(ended)
    assert folders.find_run(logs, 7, START - 10, END) == str(ended)
    assert folders.find_run(logs, 7, START - 10, END + 1) is None
    assert folders.find_run(logs, 8, START) is None


def test_ended_jobs_are_found_by_handle_and_the_newest_run_counts(tmp_path: Path) -> None:
    other = JobKey(b"p" * 32, b"i" * 16)
    make_run(tmp_path, KEY, 5, START, END)
    newest = make_run(tmp_path, KEY, 4, START + 100, END + 100)
    make_run(tmp_path, other, 6, START)
    (tmp_path / "notes").mkdir()
    found = folders.find_ended(str(tmp_path), {folders.handle(KEY), folders.handle(other)})
    assert found == {folders.handle(KEY): str(newest)}
