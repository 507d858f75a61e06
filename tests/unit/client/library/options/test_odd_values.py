"""What no option of a job can be: the error names the option, whatever kind of value it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobwire.client.library.options.arguments import make_id, must_be_whole, once, seconds
from jobwire.client.library.options.retry import Retry
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.requests.encoding import encode
from jobwire.client.library.verbs.actions import capacity_request, change_requests
from jobwire.client.protocol.proving import START_LASTS_US, good_until_us
from jobwire.schemas.jobs.retry import RetryRule
from jobwire.schemas.private_parts.frozen import replace
from jobwire.schemas.refusal import Code, Refused


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("env", ["A=B"]),
        ("env", {5: "x"}),
        ("labels", "a=b"),
        ("labels", {"a": None}),
        ("rlimits", [1]),
        ("resources", ["license"]),
        ("resources", {"license": 1.5}),
        ("resources", {"license": True}),
        ("priority", "5"),
        ("priority", 1.5),
        ("priority", True),
        ("cpus", 1.5),
        ("cpus", True),
        ("gpus", "1"),
        ("nice", True),
        ("output_limit", True),
        ("memory", 1.5),
        ("umask", False),
        ("stop_signal", "TERM"),
        ("only_one", 5),
        ("on", [1]),
        ("not_on", 7),
        ("hold", "no"),
        ("linger", 5),
        ("may_submit", None),
    ],
)
def test_a_value_of_another_type_is_named(option: str, value: object) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(TypeError, match=option.replace("env", "env|variable")):
        job_spec(["true"], **options)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("output_limit", -1),
        ("memory", -1),
        ("umask", -1),
        ("stop_signal", -1),
        ("priority", 10**30),
        ("cpus", 0),
        ("cpus", -1),
        ("gpus", -1),
        ("gpus", 1 << 63),
        ("resources", {"license": -1}),
    ],
)
def test_a_number_that_none_can_be_is_named(option: str, value: object) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(Refused, match=option) as caught:
        encode(job_spec(["true"], **options))
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_moment_before_the_calendar_of_the_machine_is_refused() -> None:
    with pytest.raises(Refused, match="1970"):
        job_spec(["true"], at=datetime(1, 1, 1))  # noqa: DTZ001 -- the local zone is what leads out of the calendar


def test_what_can_be_read_only_once_is_whole_in_the_job() -> None:
    """An empty list would let the job run on any worker, or at once."""
    first, second = make_id(None), make_id(None)
    spec = job_spec(["true"], on=iter(["gpu=a100", "disk"]), not_on=(term for term in ("slow",)), after=iter([first, second]))
    assert spec.on == ("gpu=a100", "disk")
    assert spec.not_on == ("slow",)
    assert [after.job for after in spec.after] == [first, second]


@pytest.mark.parametrize("said", ["nobody", b"x", ""])
def test_an_id_that_is_none_is_refused_wherever_it_is_given(said: str | bytes) -> None:
    with pytest.raises(Refused, match="is not the id of a job"):
        make_id(said)
    with pytest.raises(Refused, match="is not the id of a job"):
        job_spec(["true"], after=said)
    with pytest.raises(Refused, match="is not the id of a job"):
        job_spec(["true"], after={"any": [said]})


def test_an_id_of_another_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="an id"):
        make_id(5)  # type: ignore[arg-type]


def test_how_long_a_start_is_good_can_be_said_for_the_longest_delay() -> None:
    spec = encode(job_spec(["true"], at=timedelta.max))
    assert START_LASTS_US < good_until_us([spec], 0) < 1 << 63


class Two:
    """An integer of another library."""

    def __index__(self) -> int:
        return 2


class OneAndAHalf:
    """A number of another library."""

    def __float__(self) -> float:
        return 1.5


def test_numbers_of_other_libraries_are_numbers_in_every_option() -> None:
    whole = dict.fromkeys(
        ("cpus", "memory", "output_limit", "umask", "nice", "priority", "gpus", "stop_signal", "retry", "time_limit", "grace"), Two()
    )
    options: dict[str, Any] = whole | {"resources": {"license": Two()}, "rlimits": {"nofile": Two(), "core": (Two(), None)}}
    plain: dict[str, Any] = dict.fromkeys(whole, 2) | {"resources": {"license": 2}, "rlimits": {"nofile": 2, "core": (2, None)}}
    spec = job_spec(["true"], **options)
    assert spec == job_spec(["true"], **plain)
    assert encode(spec) == encode(job_spec(["true"], **plain))
    assert {type(value) for value in (spec.cpus, spec.memory_bytes, spec.umask, spec.nice, spec.stop_signal)} == {int}
    retry: Any = Retry(Two(), OneAndAHalf(), 2, [Two()])  # type: ignore[arg-type, list-item]
    assert job_spec(["true"], retry=retry).retry == job_spec(["true"], retry=Retry(2, 1.5, 2, [2])).retry
    assert seconds(OneAndAHalf()) == 1.5  # type: ignore[arg-type]
    assert seconds(Two()) == 2  # type: ignore[arg-type]


def test_true_is_no_number_anywhere() -> None:
    yes: Any = True
    for make in (
        lambda: job_spec(["true"], retry=True),
        lambda: job_spec(["true"], time_limit=True),
        lambda: job_spec(["true"], grace=False),
        lambda: job_spec(["true"], rlimits={"nofile": True}),
        lambda: Retry(yes),
        lambda: Retry(1, on_exit=[True]),
        lambda: seconds(yes),
        lambda: change_requests([], priority=True),
        lambda: capacity_request(yes, None, None, None, None, reset=False),
        lambda: capacity_request(None, yes, None, None, None, reset=False),
        lambda: capacity_request(None, None, None, {"license": True}, None, reset=False),
    ):
        with pytest.raises(TypeError, match="bool"):
            make()


def test_a_value_for_many_jobs_is_the_same_for_each() -> None:
    retry = Retry(3, on_exit=iter([6, 28]))
    assert job_spec(["true"], retry=retry) == job_spec(["true"], retry=retry) == job_spec(["true"], retry=Retry(3, 0, 1, (28, 6)))
    assert job_spec(["true"], retry=retry).retry == RetryRule(3, 0, 1.0, (6, 28))
    assert retry == replace(retry) == Retry(3, on_exit=[6, 28])
    assert hash(retry) == hash(replace(retry))
    with pytest.raises(TypeError, match="on_exit"):
        Retry(3, on_exit=6)  # type: ignore[arg-type]
    assert [*once(iter(["echo", "x"]))] == ["echo", "x"]
    assert [*once("echo")] == [*"echo"], "refused later"


def test_integers_of_other_libraries_are_whole_numbers() -> None:
    must_be_whole("cpus", Two(), 1)
    with pytest.raises(Refused, match="must be 3 or more"):
        must_be_whole("cpus", Two(), 3)
