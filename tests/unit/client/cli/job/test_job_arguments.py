"""What is said of options that other tools spell the same and mean otherwise."""

import pytest

from jobwire.client.batch.options.job_options import Wishes
from jobwire.client.cli.job.job_arguments import job_spec
from jobwire.client.config.contexts import EMBEDDED


@pytest.mark.parametrize(
    ("name", "is_terminal", "is_said"), [("4", True, True), ("4", False, False), ("4x", True, False), (None, True, False)]
)
def test_a_number_after_n_is_told_to_be_a_name_to_a_person(
    name: str | None,
    is_terminal: bool,  # noqa: FBT001
    is_said: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobwire.client.cli.job.job_arguments.is_terminal", lambda _: is_terminal)
    assert job_spec(["true"], Wishes(name=name), EMBEDDED).name == (name or "")
    assert ("the job is called 4, as -n is its name" in capsys.readouterr().err) == is_said
