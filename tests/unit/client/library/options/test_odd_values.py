"""What no option of a job can be: the error names the option, whatever kind of value it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobwire.client.library.options.arguments import make_id, must_be_whole
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.requests.encoding import encode
from jobwire.client.protocol.proving import START_LASTS_US, good_until_us
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


def test_integers_of_other_libraries_are_whole_numbers() -> None:
    must_be_whole("cpus", Two(), 1)
    with pytest.raises(Refused, match="must be 3 or more"):
        must_be_whole("cpus", Two(), 3)
