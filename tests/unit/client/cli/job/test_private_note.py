import pytest

from jobwire.client.cli.job.private_note import tell_of_start
from jobwire.client.config.contexts import EMBEDDED
from jobwire.schemas.clock import wall_us
from jobwire.schemas.jobs.spec import JobSpec

SECOND_US = 1_000_000


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (JobSpec((b"true",), start_in_ms=2000), ""),
        (JobSpec((b"true",), start_in_ms=3_600_000), "after a reboot"),
        (JobSpec((b"true",), start_at_us=wall_us() + 86_400 * SECOND_US), "after a reboot"),
        (JobSpec((b"true",), start_at_us=wall_us() - SECOND_US), "is past"),
        (JobSpec((b"true",)), ""),
    ],
)
def test_of_all_but_jobs_that_start_in_a_moment_it_says_what_a_reboot_does(
    spec: JobSpec, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_of_start(EMBEDDED, [spec])
    said = capsys.readouterr().err
    assert words in said
    assert bool(words) == bool(said)


def test_another_worker_comes_back_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    tell_of_start("lab", [JobSpec((b"true",), start_in_ms=3_600_000)])
    assert not capsys.readouterr().err
