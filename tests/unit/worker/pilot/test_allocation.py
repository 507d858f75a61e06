"""What a worker learns from Slurm about its allocation."""

from __future__ import annotations

import pytest

from jobwire.worker.pilot.allocation import Given, read_environment, read_left, share_of


def test_an_allocation_says_what_it_gives() -> None:
    said = {"SLURM_JOB_ID": "17", "SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "4000", "CUDA_VISIBLE_DEVICES": "0,1"}
    assert read_environment(said) == Given("17", 8, 4000 << 20, ("0", "1"))
    said = {"SLURM_JOB_ID": "17", "SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_CPU": "100", "SLURM_JOB_GPUS": "3"}
    # One GPU with the id 3, and not three of them.
    assert read_environment(said) == Given("17", 8, 800 << 20, ("3",))
    assert read_environment({"SLURM_JOB_ID": "17"}) == Given("17", 1, None, ())
    assert read_environment({"SLURM_JOB_ID": "17", "CUDA_VISIBLE_DEVICES": "NoDevFiles", "SLURM_CPUS_ON_NODE": "x"}) == Given(
        "17", 1, None, ()
    )


def test_several_workers_get_equal_parts() -> None:
    whole = Given("17", 8, 9 << 30, ("0", "1", "2", "3", "4"))
    assert share_of(whole, 0, 1) == whole
    assert [share_of(whole, number, 2) for number in (0, 1)] == [
        Given("17", 4, (9 << 30) // 2, ("0", "1")),
        Given("17", 4, (9 << 30) // 2, ("2", "3")),
    ]
    # There may be less than was asked for: nobody gets what another one has.
    assert [share_of(Given("17", 1, None, ("7",)), number, 2) for number in (0, 1)] == [Given("17", 1, None, ())] * 2


def test_outside_of_an_allocation_there_is_none() -> None:
    assert read_environment({}) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("4:00\n", 240),
        ("59", 59),
        ("1:02:03", 3723),
        ("2-01:02:03", 176_523),
        ("0:00", 0),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_the_time_that_is_left_is_read(said: str, seconds: float | None) -> None:
    assert read_left(said) == seconds
