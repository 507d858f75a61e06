import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.jobs import spec_check
from jobwire.schemas.jobs.retry import HIGHEST_BACKOFF, LONGEST_DELAY_MS, MOST_RETRIES, RetryRule, check
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.terminal import TerminalSize
from jobwire.schemas.refusal import Code, Refused


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (RetryRule(0), "1 to 100 times, not 0"),
        (RetryRule(101), "1 to 100 times, not 101"),
        (RetryRule(1, 1000 * 86_400_001), "longer than 1000 days"),
        (RetryRule(1, 0, 0.5), "cannot be multiplied by 0.5"),
        (RetryRule(1, 0, float("nan")), "cannot be multiplied by nan"),
        (RetryRule(1, 0, float("inf")), "from 1 to 100"),
        (RetryRule(1, on_exit=(0,)), "succeeded"),
        (RetryRule(1, on_exit=(256,)), "256 is not an exit status"),
        (RetryRule(1, on_exit=(126,)), "could not be executed"),
        (RetryRule(1, on_exit=(127,)), "was not found"),
        (RetryRule(1, on_exit=(153,)), "exceeded a limit"),
        (RetryRule(1, on_exit=tuple(range(1, 66))), "65 exit statuses"),
    ],
)
def test_what_no_worker_could_do_is_refused_with_what_is_wrong(rule: RetryRule, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        check(rule)
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_what_can_be_done_is_not() -> None:
    for rule in (RetryRule(1), RetryRule(100, 86_400_000, 100.0, (1, 6, 124, 137, 255))):
        check(rule)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (JobSpec(argv=(b"cat",), retry=RetryRule(1), feed=True), "whose standard input is a stream cannot be retried"),
        (JobSpec(argv=(b"sh",), retry=RetryRule(1), terminal=TerminalSize(24, 80)), "on a terminal cannot be retried"),
    ],
)
def test_a_job_whose_input_is_gone_after_the_first_attempt_is_not_retried(spec: JobSpec, said: str) -> None:
    with pytest.raises(Refused, match=said):
        spec_check.check(spec)


@given(st.integers(0, LONGEST_DELAY_MS), st.floats(1, HIGHEST_BACKOFF))
def test_a_delay_grows_up_to_a_day_whatever_the_number_of_the_attempt(delay_ms: int, backoff: float) -> None:
    # airflow #47971 and #28171: a delay that doubled a thousand times was no number any more, or later than all dates.
    rule = RetryRule(MOST_RETRIES, delay_ms, backoff)
    check(rule)
    delays = [rule.delay_after_ms(attempt) for attempt in range(1, MOST_RETRIES + 1)]
    assert delays == sorted(delays)
    assert delays[0] == delay_ms
    assert delays[-1] <= max(delay_ms, 86_400_000)
