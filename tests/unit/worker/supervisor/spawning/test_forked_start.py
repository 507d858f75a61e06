"""What is said when the kernel refuses a limit."""

from __future__ import annotations

import pytest

from jobwire.worker.supervisor.spawning.forked_start import only_root, why_limit_refused


@pytest.mark.parametrize(
    ("name", "hard", "most_files", "is_root", "why"),
    [
        ("nofile", 2000, 1024, False, "nobody may have more than 1024 (fs.nr_open); to change that, root types: sysctl fs.nr_open=NUMBER"),
        ("nofile", None, 1024, True, "nobody may have more than 1024 (fs.nr_open); to change that, root types: sysctl fs.nr_open=NUMBER"),
        ("nofile", 1024, 1024, False, "the hard limit of the worker is 512, and only root may go above it"),
        ("nofile", None, 0, False, "the hard limit of the worker is 512, and only root may go above it"),
        (
            "core",
            None,
            1024,
            True,
            f"the hard limit of the worker is 512, and {only_root('go above it', 'CAP_SYS_RESOURCE', is_root=True)}",
        ),
    ],
)
def test_who_could_have_a_higher_limit_is_said(name: str, hard: int | None, most_files: int, why: str, *, is_root: bool) -> None:
    assert why_limit_refused(name, hard, 512, most_files, is_root=is_root) == why


def test_root_is_not_told_that_only_root_may() -> None:
    assert only_root("do it", "CAP_SYS_NICE", is_root=False) == "only root may do it"
    assert (
        only_root("do it", "CAP_SYS_NICE", is_root=True) == "root may do it only with the capability CAP_SYS_NICE, which the worker lacks"
    )
