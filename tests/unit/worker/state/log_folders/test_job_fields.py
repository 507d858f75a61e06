import json
from pathlib import Path

import pytest

from jobwire.broker.engine import Launch
from jobwire.schemas.jobs.process_limits import ResourceLimit
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.naming import AttemptKey
from jobwire.worker.state.log_folders import folders, job_files, new_folders
from jobwire.worker.state.log_folders.job_fields import find_wrong

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)


def written(logs: Path, spec: JobSpec) -> Path:
    new_folders.write_intent(str(logs), Launch(KEY, spec), directory=b"/", grace_ms=7)
    return Path(folders.intent_path(str(logs), folders.handle(KEY)), "job")


def test_nothing_is_wrong_with_what_is_written(tmp_path: Path) -> None:
    spec = JobSpec(
        (b"\xff", b""),
        environment=((b"A", b"\n"),),
        labels=(("a", "\N{SNOWMAN}"),),
        time_limit_ms=(1 << 62),
        priority=-5,
        nice=-20,
        umask=0o777,
        rlimits=(ResourceLimit("core", 0, None),),
        start_at_us=0,
    )
    for one in (spec, JobSpec((b"true",), terminal=TerminalSize(24, 80)), JobSpec((b"true",), feed=True)):
        assert find_wrong(json.loads(written(tmp_path, one).read_text())) == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("argv", 5),
        ("argv", []),
        ("argv", [1]),
        ("argv", ["\ud800"]),
        ("environment", {"A": "b"}),
        ("environment", [["A"]]),
        ("directory", None),
        ("has_stdin", 1),
        ("name", "\ud800"),
        ("labels", [["a", 1]]),
        ("time_limit_ms", "x"),
        ("time_limit_ms", -5),
        ("time_limit_ms", True),
        ("time_limit_ms", 1 << 80),
        ("stop_signal", 0),
        ("stop_signal", 9999),
        ("grace_ms", None),
        ("output_limit_bytes", "x"),
        ("linger", "yes"),
        ("terminal", [0, 80]),
        ("terminal", 5),
        ("memory_bytes", -1),
        ("umask", 0o1000),
        ("rlimits", [["cpu", "x", "y"]]),
        ("rlimits", [["cpu", 1]]),
        ("key_file", 1),
        ("id", "../../x"),
        ("owner", ""),
        ("attempt", 1 << 70),
    ],
)
def test_a_file_with_a_value_that_cannot_be_is_damaged(tmp_path: Path, field: str, value: object) -> None:
    file = written(tmp_path, JobSpec((b"true",)))
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with pytest.raises(ValueError, match="job is damaged"):
        job_files.read_job(str(file.parent))
