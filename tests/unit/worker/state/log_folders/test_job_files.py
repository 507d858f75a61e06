import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.engine import Launch
from jobwire.schemas.jobs.brought_files import BroughtFile, FileKind
from jobwire.schemas.jobs.process_limits import ResourceLimit
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.worker.state import rebuilt_jobs
from jobwire.worker.state.log_folders import folders, job_files, new_folders, outcomes
from jobwire.worker.state.log_folders.outcomes import OutcomeFile

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)
START, END = 1_795_500_000_000_001, 1_795_500_000_000_002


def write_intent(logs: Path, spec: JobSpec, key: AttemptKey = KEY) -> Path:
    new_folders.write_intent(str(logs), Launch(key, spec), directory=b"/fallback", grace_ms=7)
    return Path(folders.intent_path(str(logs), folders.handle(key)))


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
    job = job_files.read_job(str(folder))
    assert job.handle == folders.handle(KEY)
    assert rebuilt_jobs.spec_of(job, (folder / "stdin").read_bytes()) == spec
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_an_intent_of_a_job_with_files_comes_back_and_runs_in_a_folder_of_its_own(tmp_path: Path) -> None:
    files = (BroughtFile(b"a\xff", b"d" * 32, 7, mode=0o700), BroughtFile(b"", b"e" * 32, 1024, FileKind.TREE))
    for spec in (JobSpec((b"true",), files=files, outputs=(b"", b"o\n")), JobSpec((b"true",), directory=b"/x", outputs=(b"o",))):
        job = job_files.read_job(str(write_intent(tmp_path, spec)))
        assert rebuilt_jobs.spec_of(job, None) == spec
        assert job.job_folder.endswith(f"/work/{KEY.id.hex()}.{KEY.owner.hex()}/{KEY.attempt}")
        assert job.directory == (job.job_folder if not spec.directory else "/x")


def test_an_intent_has_what_its_job_takes_and_the_gpus_that_it_was_handed_out(tmp_path: Path) -> None:
    for spec, gpus in (
        (JobSpec((b"true",), cpus=2, gpus=2, resources=(("license", 1),), only_one="site"), ("0", "GPU-8932f937")),
        (JobSpec((b"true",), only_one="site"), ()),
        (JobSpec((b"true",)), ()),
    ):
        new_folders.write_intent(str(tmp_path), Launch(KEY, spec, gpus=gpus), directory=b"/", grace_ms=7)
        job = job_files.read_job(folders.intent_path(str(tmp_path), folders.handle(KEY)))
        assert (rebuilt_jobs.spec_of(job, None), job.handed_out) == (spec, gpus)


def test_what_a_spec_leaves_open_is_filled_in(tmp_path: Path) -> None:
    job = job_files.read_job(str(write_intent(tmp_path, JobSpec((b"true",)))))
    assert (job.directory, job.grace_ms, job.has_stdin, job.time_limit_ms) == ("/fallback", 7, False, None)


def test_a_job_file_names_the_job_that_it_runs_again(tmp_path: Path) -> None:
    before = JobKey(b"p" * 32, b"b" * 16)
    new_folders.write_intent(str(tmp_path), Launch(KEY, JobSpec((b"true",)), 0, before), directory=b"/", grace_ms=7)
    folder = folders.intent_path(str(tmp_path), folders.handle(KEY))
    assert job_files.read_job(folder).rerun_of == before
    fields = json.loads(Path(folder, "job").read_text())
    for said in ({}, {"rerun_of": None}):
        Path(folder, "job").write_text(json.dumps({name: value for name, value in fields.items() if name != "rerun_of"} | said))
        assert job_files.read_job(folder).rerun_of is None
    for wrong in ("x", {"owner": "0"}, {"owner": "00", "id": 7}):
        Path(folder, "job").write_text(json.dumps(fields | {"rerun_of": wrong}))
        with pytest.raises(ValueError, match="is damaged"):
            job_files.read_job(folder)


def test_what_is_not_set_is_not_written_and_an_earlier_version_wrote_it_for_each_job(tmp_path: Path) -> None:
    folder = write_intent(tmp_path, JobSpec((b"true",)))
    job = job_files.read_job(str(folder))
    fields = json.loads((folder / "job").read_text())
    always = ("version", "owner", "id", "attempt", "argv", "environment", "directory", "has_stdin", "name", "labels")
    assert fields.keys() == {*always, "time_limit_ms", "stop_signal", "grace_ms", "left_open"}
    flags = dict.fromkeys(("linger", "feed", "held", "stderr_to_stdout"), False)
    nulls = dict.fromkeys(("output_limit_bytes", "terminal", "start_at_us", "start_in_ms", "retry", "rerun_of"))
    (folder / "job").write_text(json.dumps(fields | flags | nulls | {"priority": 0}))
    assert job_files.read_job(str(folder)) == job


def test_all_that_is_set_comes_back(tmp_path: Path) -> None:
    spec = JobSpec(
        (b"true",),
        output_limit_bytes=9,
        linger=True,
        priority=-3,
        held=True,
        stderr_to_stdout=True,
        start_in_ms=1500,
        retry=RetryRule(2, 10, 1.5, (6, 28)),
        memory_bytes=1 << 30,
        nice=5,
        umask=0,
        rlimits=(ResourceLimit("core", 0, None),),
    )
    for one in (spec, JobSpec((b"true",), feed=True, start_at_us=0), JobSpec((b"true",), terminal=TerminalSize(24, 80))):
        assert rebuilt_jobs.spec_of(job_files.read_job(str(write_intent(tmp_path, one))), None) == one


def test_a_half_written_intent_is_written_again(tmp_path: Path) -> None:
    folder = write_intent(tmp_path, JobSpec((b"long" * 1000,)))
    (folder / "job").write_text("{")
    assert job_files.read_job(str(write_intent(tmp_path, JobSpec((b"true",))))).argv == ["true"]


def test_a_job_file_names_its_attempt(tmp_path: Path) -> None:
    second = KEY._replace(attempt=2)
    folder = write_intent(tmp_path, JobSpec((b"true",)), second)
    assert json.loads((folder / "job").read_text())["attempt"] == 2
    assert folders.key_of(job_files.read_job(str(folder)).handle) == second


def test_a_job_file_from_before_attempts_were_counted_means_the_first(tmp_path: Path) -> None:
    folder = write_intent(tmp_path, JobSpec((b"true",)))
    fields = json.loads((folder / "job").read_text())
    del fields["attempt"]
    (folder / "job").write_text(json.dumps(fields))
    assert folders.key_of(job_files.read_job(str(folder)).handle) == KEY


@pytest.mark.parametrize("attempt", [0, -1, True, "2", 1.5, None])
def test_a_job_file_with_an_invalid_attempt_is_broken(tmp_path: Path, attempt: object) -> None:
    folder = write_intent(tmp_path, JobSpec((b"true",)))
    fields = json.loads((folder / "job").read_text())
    (folder / "job").write_text(json.dumps(fields | {"attempt": attempt}))
    with pytest.raises(ValueError, match="is damaged"):
        job_files.read_job(str(folder))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id":1}', "\xff"])
def test_a_broken_job_file_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "job").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r".*"):
        job_files.read_job(str(tmp_path))


def test_an_outcome_is_read_back_and_half_of_one_is_not_an_outcome(tmp_path: Path) -> None:
    outcome = OutcomeFile("exited", 3, sentence="exited with status 3", pid=4, started_at_us=START, ended_at_us=END)
    assert outcomes.read_outcome(str(tmp_path)) is None
    text = outcomes.outcome_text(outcome)
    outcomes.write_outcome(str(tmp_path), text)
    assert outcomes.read_outcome(str(tmp_path)) == outcome
    assert json.loads(text)["version"] == 1
    for broken in ("", text[:30], "[]", "{}"):
        (tmp_path / "outcome").write_text(broken)
        assert outcomes.read_outcome(str(tmp_path)) is None


USE = ("cpu_us", "peak_memory_bytes", "read_bytes", "written_bytes", "ended_passed_us")
OUTCOMES = st.builds(OutcomeFile, *(st.text() if isinstance(value, str) else st.integers() for value in OutcomeFile("")))


@given(OUTCOMES)
def test_an_outcome_is_one_json_object_of_its_fields(outcome: OutcomeFile) -> None:
    text = outcomes.outcome_text(outcome)
    known = {key: value for key, value in outcome._asdict().items() if key not in USE or f'"{key}"' in text}
    assert json.loads(text) == {"version": 1, **known}


@pytest.mark.parametrize("said", ['"exit_status":null', '"signal":"9"', '"signal":true', '"sentence":3', '"stdout_bytes":[]'])
def test_an_outcome_with_other_values_than_numbers_and_strings_is_not_an_outcome(tmp_path: Path, said: str) -> None:
    outcomes.write_outcome(str(tmp_path), f'{{"kind":"exited","exit_status":0,{said}}}')
    assert outcomes.read_outcome(str(tmp_path)) is None


def test_the_content_of_the_job_file_is_returned_unless_another_file_says_more(tmp_path: Path) -> None:
    launch = Launch(KEY, JobSpec((b"/bin/\xe9\xff",), name="a", time_limit_ms=5))
    text = new_folders.write_intent(str(tmp_path), launch, directory=b"/", grace_ms=7)
    assert job_files.job_of(json.loads(text)) == job_files.read_job(f"{tmp_path}/.new-{folders.handle(KEY)}")
    assert new_folders.write_intent(str(tmp_path), launch._replace(changed_limit_ms=9), directory=b"/", grace_ms=7) == b""


@given(st.binary(max_size=20).filter(lambda one: b"\0" not in one), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_whatever_a_spec_says_is_said_in_ascii(tmp_path_factory: pytest.TempPathFactory, argument: bytes, name: str) -> None:
    launch = Launch(KEY, JobSpec((b"true", argument), name=name, labels=(("a", name),), retry=RetryRule(2, 10, 1.5, ())))
    text = new_folders.write_intent(str(tmp_path_factory.mktemp("logs")), launch, directory=b"/", grace_ms=7)
    assert text.isascii()
    fields = json.loads(text)
    said = fields["argv"][1].encode("utf-8", "surrogateescape"), fields["name"], fields["labels"], fields["retry"]
    assert said == (argument, name, [["a", name]], [2, 10, 1.5, []])
