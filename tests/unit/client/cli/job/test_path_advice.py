import pytest

from jobwire.client.cli.job.path_advice import USUAL_FOLDERS, path_advice
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.worker.supervisor.jobs.spawn import _base_environment

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
