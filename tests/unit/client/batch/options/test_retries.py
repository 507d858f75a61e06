from pathlib import Path

import pytest

from jobwire.client.batch.options.job_options import Surroundings, Wishes, spec_from
from jobwire.client.batch.options.option_values import Misunderstood
from jobwire.schemas.jobs.retry import RetryRule


def rule_of(**said: object) -> RetryRule | None:
    return spec_from(["true"], Wishes(**said), Surroundings(Path("/"))).retry  # type: ignore[arg-type] # reason: as they are typed


def test_a_number_is_enough_and_none_and_0_are_no_retries() -> None:
    assert rule_of() is None
    assert rule_of(retry="0", retry_delay="1s") is None
    assert rule_of(retry="3") == RetryRule(3)
    assert rule_of(retry=3, retry_delay=2.5, retry_backoff=2, retry_on_exit=[28, 6, 6]) == RetryRule(3, 2500, 2.0, (6, 28))
    assert rule_of(retry="3", retry_delay="1m", retry_backoff="1.5", retry_on_exit="28, 6") == RetryRule(3, 60_000, 1.5, (6, 28))


@pytest.mark.parametrize(
    ("said", "key", "what"),
    [
        ({"retry": "often"}, "retry", "'often' is not a number of retries"),
        ({"retry": "-1"}, "retry", "is not a number of retries"),
        ({"retry": "1000"}, "retry", "1 to 100 times"),
        ({"retry": "1", "retry_delay": "soon"}, "retry_delay", "'soon' is not a time"),
        ({"retry": "1", "retry_backoff": "x"}, "retry_backoff", "'x' is not a factor"),
        ({"retry": "1", "retry_backoff": "0.5"}, "retry_backoff", "cannot be multiplied"),
        ({"retry": "1", "retry_backoff": "0"}, "retry_backoff", "cannot be multiplied by 0"),
        ({"retry": 1, "retry_backoff": 0.0}, "retry_backoff", "cannot be multiplied by 0"),
        ({"retry": "1", "retry_on_exit": "6;28"}, "retry_on_exit", "'6;28' is not an exit status"),
        ({"retry": "1", "retry_on_exit": ""}, "retry_on_exit", "no exit status"),
        ({"retry": "1", "retry_on_exit": "127"}, "retry_on_exit", "never retried"),
        ({"retry_delay": "1s"}, "retry_delay", "it has no effect without retries"),
        ({"retry_on_exit": "6"}, "retry_on_exit", "it has no effect without retries"),
    ],
)
def test_what_is_wrong_names_the_option(said: dict[str, str], key: str, what: str) -> None:
    with pytest.raises(Misunderstood, match=what) as misunderstood:
        rule_of(**said)
    assert misunderstood.value.key == key
