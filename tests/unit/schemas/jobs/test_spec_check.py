import signal

import pytest

from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.spec_check import LARGEST_ARGUMENTS, LARGEST_STDIN, LONGEST_ARGUMENT, check
from jobwire.schemas.refusal import Code, Refused

GOOD = JobSpec(argv=(b"true",))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (JobSpec(()), "no program"),
        (JobSpec((b"",)), "no program"),
        (JobSpec((b"a", b"b\0c")), "argument 1 has a NUL byte"),
        (JobSpec((b"a", b"x" * (LONGEST_ARGUMENT + 1))), "Linux accepts at most"),
        (JobSpec((b"a", *(b"x" * 1000 for _ in range(LARGEST_ARGUMENTS // 1000)))), "the limit is"),
        (JobSpec((b"a",), ((b"A=B", b""),)), "environment variable"),
        (JobSpec((b"a",), ((b"", b"x"),)), "empty name"),
        (JobSpec((b"a",), directory=b"here"), "not an absolute path"),
        (JobSpec((b"a",), directory=b"~ada/x"), "not an absolute path"),
        (JobSpec((b"a",), directory=b"~/\0"), "NUL"),
        (JobSpec((b"a",), directory=b"/\0"), "NUL"),
        (JobSpec((b"a",), stdin=b"x" * (LARGEST_STDIN + 1)), "standard input"),
        (JobSpec((b"a",), name="deadbeef"), "could be the beginning of an id.*write it like job-deadbeef"),
        (JobSpec((b"a",), labels=(("", "x"),)), "label"),
        (JobSpec((b"a",), labels=tuple((str(n), "") for n in range(65))), "65 labels"),
        (JobSpec((b"a",), stop_signal=signal.NSIG), "not the number of a signal"),
        (JobSpec((b"a",), time_limit_ms=0), "could never run"),
        (JobSpec((b"a",), time_limit_ms=2**62), "1000 days"),
        (JobSpec((b"a",), grace_ms=2**62), "1000 days"),
        (JobSpec((b"a",), output_limit_bytes=2**63), "of 8388608 TiB is more than any file can hold"),
    ],
)
def test_what_no_worker_could_run_is_refused_in_one_sentence(spec: JobSpec, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        check(spec)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert "\n" not in str(refused.value)


def test_what_can_be_run_is_let_through() -> None:
    check(GOOD)
    check(
        JobSpec((b"\xff\xfe", b"", b"x" * LONGEST_ARGUMENT), ((b"A", b"=\n"),), b"/\xff", b"\0" * 100, "fetch[0]", (("a", "b"),), 1, 64, 0)
    )
