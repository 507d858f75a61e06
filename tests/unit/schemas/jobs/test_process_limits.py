from dataclasses import replace

import pytest

from jobwire.schemas.jobs.process_limits import NUMBERS, ResourceLimit, format_limits
from jobwire.schemas.jobs.spec import JobSpec, digest, from_wire, to_wire
from jobwire.schemas.jobs.spec_check import check
from jobwire.schemas.refusal import Code, Refused

PLAIN = JobSpec(argv=(b"true",))
FULL = replace(
    PLAIN,
    memory_bytes=1 << 30,
    nice=-5,
    umask=0o27,
    rlimits=(ResourceLimit("nofile", 64, 4096), ResourceLimit("core", 0, 0), ResourceLimit("stack", 65536, None)),
)


def test_what_was_sent_is_what_arrives() -> None:
    for spec in (PLAIN, FULL, replace(PLAIN, nice=0, umask=0), replace(PLAIN, rlimits=(ResourceLimit("as", None, None),))):
        check(spec)
        assert from_wire(to_wire(spec)) == spec


def test_each_of_them_makes_another_job_and_their_order_does_not_matter() -> None:
    others = [
        replace(PLAIN, memory_bytes=4 << 20),
        replace(PLAIN, nice=0),
        replace(PLAIN, umask=0),
        replace(PLAIN, rlimits=(ResourceLimit("core", 0, 0),)),
        replace(PLAIN, rlimits=(ResourceLimit("core", 0, None),)),
        FULL,
    ]
    assert len({digest(spec) for spec in (PLAIN, *others)}) == len(others) + 1
    assert digest(replace(FULL, rlimits=FULL.rlimits[::-1])) == digest(FULL)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"memory_bytes": 4096}, "4 KiB is not from 4 MiB"),
        ({"memory_bytes": 1 << 63}, "is not from"),
        ({"nice": 20}, "nice value 20"),
        ({"umask": 0o1000}, "umask 1000"),
        ({"rlimits": (ResourceLimit("files", 1, 1),)}, "'files' is not the name of a limit"),
        ({"rlimits": (ResourceLimit("rttime", 1, 1),)}, "recognises the processes"),
        ({"rlimits": (ResourceLimit("nofile", 2, 1),)}, "soft limit nofile of 2 is above the hard one of 1"),
        ({"rlimits": (ResourceLimit("nofile", None, 1),)}, "unlimited is above"),
        ({"rlimits": (ResourceLimit("nofile", 1 << 63, None),)}, "is not from 0"),
        ({"rlimits": (ResourceLimit("core", 0, 0),) * 2}, "set twice"),
    ],
)
def test_what_no_kernel_could_give_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        check(replace(PLAIN, **wrong))  # type: ignore[arg-type] # reason: of any field
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_limits_have_the_numbers_of_this_kernel() -> None:
    import resource  # noqa: PLC0415 -- only here

    for name, number in NUMBERS.items():
        assert getattr(resource, f"RLIMIT_{name.upper()}") == number


def test_they_are_written_as_they_are_typed() -> None:
    assert format_limits(FULL.rlimits) == ["nofile=64:4096", "core=0", "stack=65536:unlimited"]
