import signal

import pytest

from jobwire.worker.supervisor.jobs.ending import Reason
from jobwire.worker.supervisor.jobs.outcome import Course, compose, judge, what_is_missing


@pytest.mark.parametrize(
    ("status", "kind", "exit_status", "number", "sentence"),
    [
        (0, "exited", 0, 0, "exited with status 0"),
        (3 << 8, "exited", 3, 0, "exited with status 3"),
        (signal.SIGTERM, "signaled", 0, 15, "ended by SIGTERM"),
        (signal.SIGSEGV | 0x80, "signaled", 0, 11, "ended by SIGSEGV, and left a core dump"),
    ],
)
def test_a_wait_status_is_described_in_words(status: int, kind: str, exit_status: int, number: int, sentence: str) -> None:
    verdict = judge(status)
    assert (verdict.kind, verdict.exit_status, verdict.signal, verdict.sentence) == (kind, exit_status, number, sentence)


def test_a_job_killed_after_its_grace_says_so() -> None:
    assert judge(9, killed_after_ms=1500).sentence == "did not end within 1.5 s of being told to, and was killed (SIGKILL)"
    assert judge(9, killed_after_ms=1500, untold="no way").sentence == "was killed (SIGKILL) after 1.5 s; no way"
    assert judge(9, killed_after_ms=0).sentence == "ended by SIGKILL"
    assert judge(15, killed_after_ms=1500).sentence == "ended by SIGTERM"


def test_a_time_limit_is_the_kind_whatever_the_status() -> None:
    for status in (0, 9, None):
        verdict = judge(status, limit_passed_ms=2000, why_unknown="nobody saw it")
        assert verdict.kind == "timed_out"
        assert verdict.sentence.startswith("exceeded its time limit of 2 s, and ")


def test_an_unknown_status_is_lost() -> None:
    verdict = judge(None, why_unknown="nobody saw it")
    assert (verdict.kind, verdict.exit_status, verdict.sentence) == ("lost", 0, "how it ended is not known: nobody saw it")


def test_an_output_limit_is_the_kind_whatever_the_status() -> None:
    verdict = judge(0, output_limit_bytes=10 << 20)
    assert (verdict.kind, verdict.sentence) == ("over_limit", "wrote more than its output limit of 10 MiB, and exited with status 0")
    assert judge(15, output_limit_bytes=1).sentence == "wrote more than its output limit of 1 byte, and ended by SIGTERM"


def test_a_limit_on_memory_is_the_kind_whatever_the_status() -> None:
    verdict = judge(9, memory_limit_bytes=100 << 20, killed_after_ms=0)
    assert (verdict.kind, verdict.sentence) == ("over_limit", "used more memory than its limit of 100 MiB, and ended by SIGKILL")
    assert judge(None, memory_limit_bytes=1 << 30, why_unknown="nobody saw it").kind == "over_limit"


def test_a_job_that_takes_too_much_memory_while_it_is_stopped_says_who_killed_it() -> None:
    stopped = Course(7, 1, 2, 9, "", 3, 4, "", "", Reason.ASKED, memory_limit_bytes=32 << 20, is_over_memory=True)
    outcome = compose(stopped)
    assert outcome.kind == "signaled"
    assert outcome.sentence == "ended by SIGKILL; it also used more memory than its limit of 32 MiB, so the kernel killed it"
    assert compose(stopped._replace(reason=Reason.MEMORY)).sentence == "used more memory than its limit of 32 MiB, and ended by SIGKILL"


def test_what_a_job_used_is_in_its_outcome_if_it_is_known() -> None:
    course = Course(7, 1, 2, 0, "", 3, 4, "", "", cpu_us=5, peak_memory_bytes=6, moved_bytes=(0, 7), ended_passed_us=8)
    assert compose(course)[-5:] == (5, 6, 0, 7, 8)
    assert compose(Course(7, 1, 2, 0, "", 3, 4, "", ""))[-5:] == (0, 0, -1, -1, 0)


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        ("", "", ""),
        ("disk full", "", "; its stdout is incomplete: disk full"),
        ("disk full", "too large", "; its stdout is incomplete: disk full; its stderr is incomplete: too large"),
        ("disk full", "disk full", "; its stdout and stderr are incomplete: disk full"),
        ("nobody saw it", "", "; the end of its stdout may be missing"),
        ("nobody saw it", "nobody saw it", "; the end of its stdout and stderr may be missing"),
        ("nobody saw it", "disk full", "; the end of its stdout may be missing; its stderr is incomplete: disk full"),
    ],
)
def test_each_incomplete_stream_is_named_even_if_the_reason_was_given_before(stdout: str, stderr: str, said: str) -> None:
    assert what_is_missing("how it ended is not known: nobody saw it", {"stdout": stdout, "stderr": stderr}) == said


@pytest.mark.parametrize(
    ("status", "limits", "used", "said"),
    [
        (9, (1, 1), 1_004_000, "ended by SIGKILL; it had used 1.004 s of CPU time, and its limit (--rlimit cpu) was 1 s for each process"),
        (24, (2, None), 2_000_000, "ended by SIGXCPU; it had used 2 s of CPU time, and its limit (--rlimit cpu) was 2 s for each process"),
        # Somebody else's signal, at any time.
        (9, (1, 1), 700_000, "ended by SIGKILL"),
        (9, (1, None), 5_000_000, "ended by SIGKILL"),
        (15, (1, 1), 5_000_000, "ended by SIGTERM"),
        (9, (None, None), 5_000_000, "ended by SIGKILL"),
    ],
)
def test_what_was_used_of_a_limit_is_told_with_the_signal_that_the_kernel_sends_for_it(
    status: int, limits: tuple[int | None, int | None], used: int, said: str
) -> None:
    assert compose(Course(7, 1, 2, status, "", 3, 4, "", "", cpu_us=used, rlimits=(("nofile", 64, 64), ("cpu", *limits)))).sentence == said


def test_a_job_that_is_stopped_when_it_has_used_its_cpu_time_was_stopped() -> None:
    stopped = Course(7, 1, 2, 9, "", 3, 4, "", "", Reason.ASKED, cpu_us=5_000_000, rlimits=(("cpu", 1, 1),))
    assert compose(stopped).sentence == "ended by SIGKILL"


def test_that_memory_was_short_is_said_and_not_guessed() -> None:
    killed = Course(7, 1, 2, 9, "", 3, 4, "", "", oom_kills=1)
    said = "; meanwhile the kernel killed a process on this machine because memory was short (dmesg says which)"
    assert compose(killed).sentence == f"ended by SIGKILL{said}"
    assert compose(killed._replace(wait_status=137 << 8, oom_kills=2)).sentence.startswith(
        "exited with status 137; meanwhile the kernel killed 2"
    )
    assert compose(killed._replace(oom_kills=0)).sentence == "ended by SIGKILL"
