"""Records of jobs, as `--json` prints them, read as a batch file: they ask for the same jobs again."""

import json
import re

import pytest
from batch_texts import read, record, refusal
from documents import ROOT

from jobwire.client.cli.shown.json_lines import job_record
from jobwire.client.library.values.job_info import JobInfo
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey


def test_a_record_of_a_job_asks_for_the_same_job_again() -> None:
    (plain,) = read(record(argv=["echo", "\udcff"])).jobs
    assert plain == JobSpec((b"echo", b"\xff"))
    full = record(
        argv=["a"],
        name="n",
        dir="/srv/\udce9",
        env={"A": "\udcff"},
        labels={"x": "y"},
        time_limit_ms=90_001,
        grace_ms=0,
        output_limit_bytes=5,
        linger=True,
        stop_signal=2,
    )
    assert read(full).jobs == (JobSpec((b"a",), ((b"A", b"\xff"),), b"/srv/\xe9", None, "n", (("x", "y"),), 90_001, 2, 0, 5, True),)  # noqa: FBT003


@pytest.mark.parametrize("folder", ["/srv/$HOME/a$", "~", "~/x$y", r"/a\$b", "/~x"])
def test_the_folder_of_a_record_is_the_same_again(folder: str) -> None:
    assert [job.directory for job in read(record(argv=["a"], dir=folder)).jobs] == [folder.encode()]


def test_a_field_of_a_record_that_is_not_known_is_not_dropped_in_silence() -> None:
    assert "key 'user': 'user' is not available yet" in refusal(record(argv=["a"], user=3))
    assert read(record(argv=["a"], priority=3, held=True, held_by="ada")).jobs[0].priority == 3


def test_a_record_of_a_job_that_had_an_input_is_refused_unless_the_input_is_added_or_dropped() -> None:
    had = record(argv=["a"], stdin_bytes=0)
    said = refusal(record(argv=["b"]) + b"\n" + had)
    assert said.startswith("jobs.toml, line 2, key 'stdin_bytes': this job had 0 bytes of standard input")
    assert "jobwire rerun x" in said
    assert read(record(argv=["a"], stdin_bytes=4, stdin={"text": "five!"})).jobs[0].stdin == b"five!"
    assert read(record(argv=["a"], stdin_bytes=None, rerun_of="y")).jobs[0].stdin is None


def test_the_document_says_what_becomes_of_each_field_of_a_record() -> None:
    section = (ROOT / "docs" / "commands.md").read_text().partition("### Jobs from JSON again")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    spec = JobSpec((b"a",), name="n")
    info = JobInfo(JobKey(b"o" * 32, b"i" * 16), spec, State.FINISHED, "me", None, 1, 2, 3, 4, Outcome(OutcomeKind.EXITED), "")
    listed = job_record(info)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(listed)
    assert read(json.dumps(listed).encode()).jobs == (spec,)
