from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobwire.client.cli.job.first_words import Known, first_word_advice
from jobwire.client.cli.job.path_advice import USUAL_FOLDERS, advise, path_advice
from jobwire.schemas.jobs.brought_files import BroughtFile, FileKind
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.worker.supervisor.spawning.spawner import _base_environment

MISSING = Outcome(OutcomeKind.FAILED_TO_START, 127)
EXITED_1 = Outcome(OutcomeKind.EXITED, 1)
EXITED_127 = Outcome(OutcomeKind.EXITED, 127)
USUAL = ":".join(USUAL_FOLDERS)
VENV = {"PATH": f"/v/bin:{USUAL}", "VIRTUAL_ENV": "/v"}


def advice(outcome: Outcome, program: str, caller: dict[str, str], *, stderr: bytes = b"", is_here: bool = True, **variables: str) -> str:
    spec = JobSpec((program.encode(),), tuple((name.encode(), value.encode()) for name, value in variables.items()))

    def find(name: str, path: str) -> str | None:
        return next((f"{folder}/{name}" for folder in path.split(":") if f"{folder}/{name}" in {"/v/bin/python", "/opt/bin/tool"}), None)

    return path_advice(spec, outcome, caller, find, lambda: stderr, is_here=is_here)


def test_the_usual_folders_are_those_of_a_job() -> None:
    assert _base_environment()["PATH"] == USUAL


def test_a_program_that_this_shell_has_is_named() -> None:
    said = "this shell has /opt/bin/tool, but a job does not get its PATH; to pass it on: -e PATH"
    assert advice(MISSING, "tool", {"PATH": "/opt/bin"}) == said
    assert advice(MISSING, "other", {"PATH": "/opt/bin"}) == ""
    assert advice(MISSING, "tool", {}) == ""


def test_a_program_that_ran_is_not_looked_for_here_whatever_status_it_ends_with() -> None:
    known = Known(list, lambda _: True, lambda _: True)
    spec = JobSpec((b"/bin/sh", b"-c", b"exit 127"))
    for outcome, said in ((MISSING, "/bin/sh is a file of this machine"), (EXITED_127, "")):
        advice = path_advice(spec, outcome, {}, lambda *_: None, bytes, known, is_here=False)
        assert advice.startswith(said)
        assert bool(advice) is bool(said)


def test_a_virtual_environment_that_was_not_used_is_named() -> None:
    said = "the job did not use /v, which is active in this shell; to pass its PATH on: -e PATH"
    assert advice(EXITED_1, "python", VENV) == said
    assert advice(EXITED_1, "python", {"PATH": "/v/bin", "CONDA_PREFIX": "/v/"}) == said.replace("/v,", "/v/,")
    assert advice(EXITED_127, "sh", VENV) == said
    assert advice(EXITED_1, "sh", VENV) == ""
    assert advice(EXITED_1, "sh", VENV, stderr=b"sh: 1: pytest: not found\n") == said
    assert advice(EXITED_1, "./build.sh", VENV, stderr=b"ModuleNotFoundError: No module named 'numpy'\n") == said
    assert advice(EXITED_1, "./build.sh", {"PATH": USUAL}, stderr=b"No module named 'numpy'") == ""
    assert advice(EXITED_1, "python", {"PATH": "/v/bin"}) == ""
    assert advice(EXITED_1, "python", {"PATH": "/v/bin", "VIRTUAL_ENV": "/other"}) == ""


def test_a_shell_that_found_no_command_is_explained_if_this_shell_has_more() -> None:
    assert advice(EXITED_127, "sh", {"PATH": f"{USUAL}:/opt/bin"}) == "a job does not get the PATH of this shell; to pass it on: -e PATH"
    assert advice(EXITED_127, "sh", {"PATH": f"{USUAL}:"}) == ""


@pytest.mark.parametrize(
    "outcome", [Outcome(OutcomeKind.EXITED, 0), Outcome(OutcomeKind.SIGNALED, 137, 9), Outcome(OutcomeKind.FAILED_TO_START, 126)]
)
def test_nothing_is_said_about_other_ends(outcome: Outcome) -> None:
    assert advice(outcome, "python", VENV) == ""
    assert advice(outcome, "python", VENV, is_here=False) == ""


def test_a_command_line_in_quotes_is_explained_near_and_far() -> None:
    said = "the quotes make one word of it: leave them out, or have a shell read it: sh -c '...'"
    assert advice(MISSING, "echo hi", {}) == advice(MISSING, "echo hi", {}, is_here=False) == said
    assert advice(MISSING, "ls -l", VENV, PATH="/x") == said


def test_nothing_is_said_to_who_set_the_path_or_wrote_a_path() -> None:
    for outcome in (MISSING, EXITED_1, EXITED_127):
        assert advice(outcome, "python", VENV, PATH="/usr/bin") == ""
        assert advice(outcome, "python", VENV, is_here=False, PATH="/usr/bin") == ""
    assert advice(MISSING, "./tool", VENV) == ""
    assert advice(EXITED_1, "/usr/bin/python", VENV) == ""


def test_for_another_machine_the_path_of_this_one_is_no_advice() -> None:
    assert advice(MISSING, "python", VENV, is_here=False) == "to search other folders of that machine: -e PATH=/FOLDER:/usr/bin:/bin"
    assert advice(MISSING, "/x/python", VENV, is_here=False) == ""
    assert advice(EXITED_1, "python", VENV, is_here=False) == ""


HERE = Known(lambda: ["lab"], {"job.sh", "./job.sh", "lab"}.__contains__, {"./tool"}.__contains__)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("LANG=C ls", "-e LANG=C"),
        ("A=1;2 ls", "-e 'A=1;2'"),
        ("cd /srv", "-C DIR"),
        ("export A=1", "export is a word of the shell: sh -c 'export ...'"),
        ("lab ls", "jobwire --context lab run -- COMMAND"),
        ("me@lab.example.org ls", "jobwire --context NAME run -- COMMAND"),
        ("job.sh x", "--script job.sh"),
        ("./job.sh", ""),
        ("mistyped", ""),
        ("=", ""),
        ("@", ""),
    ],
)
def test_a_first_word_that_is_no_program_is_explained(argv: str, said: str) -> None:
    found = first_word_advice(argv.encode().split(b" "), HERE)
    assert said in found if said else not found


def test_a_file_of_this_machine_is_not_one_of_the_worker() -> None:
    for program, is_here, is_said in (("./job.sh", False, True), ("./job.sh", True, False), ("./none", False, False)):
        found = path_advice(JobSpec((program.encode(),)), MISSING, {}, lambda *_: None, lambda: b"", HERE, is_here=is_here)
        assert ("--script ./job.sh" in found) == is_said


def test_a_file_that_cannot_be_executed_is_explained_only_where_it_is() -> None:
    outcome = Outcome(OutcomeKind.FAILED_TO_START, 126)
    for program, is_here, is_said in (
        ("./job.sh", True, True),
        ("./job.sh", False, False),
        ("./tool", True, False),
        ("./none", True, False),
    ):
        found = path_advice(JobSpec((program.encode(),)), outcome, {}, lambda *_: None, lambda: b"", HERE, is_here=is_here)
        assert ("--script ./job.sh" in found) == is_said


def test_a_script_on_a_file_system_without_execution_is_not_advised_to_be_executed_there() -> None:
    outcome = Outcome(OutcomeKind.FAILED_TO_START, 126, sentence="could not be started: ...; its file system is mounted with noexec")
    assert advice(outcome, "./s.sh", {}) == "name the interpreter of a script, which only reads it: sh ./s.sh"
    brought = JobSpec((b"./s.sh",), files=(BroughtFile(b"s.sh", bytes(32), 1, FileKind.FILE, 0o755),))
    assert path_advice(brought, outcome, {}, lambda _name, _path: None, bytes, is_here=False).endswith("it: --put FILE -- sh ./s.sh")


@pytest.mark.parametrize(
    ("words", "context", "is_said"),
    [
        (["no-such-program"], "embedded", True),
        (["no-such-program"], "lab", False),
        (["true"], "embedded", False),
        (["./no-such-program"], "embedded", False),
        (["no-such-program", "in"], "embedded", True),
    ],
)
def test_who_does_not_wait_is_told_what_the_job_will_not_find(
    words: list[str],
    context: str,
    is_said: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobwire.client.cli.job.path_advice._contexts", list)
    waiting: Any = SimpleNamespace(outcome=None)
    advise(JobSpec(tuple(word.encode() for word in words)), waiting, context)
    assert ("will find no program 'no-such-program'" in capsys.readouterr().err) == is_said


def test_a_program_in_the_path_of_the_job_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("")
    (tmp_path / "mine").chmod(0o755)
    waiting: Any = SimpleNamespace(outcome=None)
    advise(JobSpec((b"mine",), ((b"PATH", bytes(tmp_path)),)), waiting, "embedded")
    assert capsys.readouterr().err == ""
