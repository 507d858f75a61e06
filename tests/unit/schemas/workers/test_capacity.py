import pytest

from jobwire.schemas.jobs import claims
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.refusal import Refused
from jobwire.schemas.workers.capacity import (
    PLAIN,
    Capacity,
    Settings,
    Wants,
    capacity_problem,
    parse_gpus,
    parse_resource,
    read_settings,
    shortage,
    wants_of,
)

HERE = Capacity(4, 8 << 30, ("0", "1"), (("license", 2),))


def test_a_job_that_asks_for_nothing_takes_one_slot() -> None:
    assert wants_of(JobSpec((b"x",))) is PLAIN
    spec = JobSpec((b"x",), cpus=2, gpus=1, memory_bytes=5, resources=(("license", 3),), only_one="a")
    assert wants_of(spec) == Wants(2, (("gpus", 1), ("license", 3), ("memory", 5)), "a")


@pytest.mark.parametrize(
    ("wants", "why"),
    [
        (PLAIN, ""),
        (Wants(4, (("gpus", 2), ("license", 2), ("memory", 8 << 30))), ""),
        (Wants(5), "it takes 5 slots, but there are 4"),
        (Wants(1, (("gpus", 3),)), "it takes 3 gpus, but there are 2"),
        (Wants(1, (("memory", 9 << 30),)), "it takes 9 GiB of memory, but the worker has 8 GiB"),
        (Wants(1, (("license", 3),)), "it takes 3 of license, but there are 2"),
        (Wants(1, (("lic", 1),)), "it takes 1 of lic, which this worker does not have (defined here: license)"),
    ],
)
def test_what_can_never_fit_is_said_with_what_there_is(wants: Wants, why: str) -> None:
    assert shortage(wants, HERE) == why


def test_without_gpus_there_are_none_and_one_slot_is_one() -> None:
    assert shortage(Wants(2), Capacity(1)) == "it takes 2 slots, but there is 1"
    assert shortage(Wants(1, (("gpus", 1),)), Capacity(4)) == "it takes 1 gpu, but there are none"


def test_settings_count_more_than_what_the_worker_was_started_with_and_are_read_as_written() -> None:
    first = Settings(slots=12, gpus=(), resources=(("license", 0), ("seat", 1)))
    both = first.then(Settings(memory_bytes=1 << 30, resources=(("seat", 5),)))
    assert both.over(HERE) == Capacity(12, 1 << 30, (), (("seat", 5),))
    assert read_settings(dict(both.rows())) == both
    assert Settings().over(HERE) == HERE
    assert Settings().rows() == []


@pytest.mark.parametrize(
    ("said", "ids"), [("0", ()), ("3", ("0", "1", "2")), ("0,2", ("0", "2")), ("3,", ("3",)), ("GPU-8932f937", ("GPU-8932f937",))]
)
def test_gpus_are_a_number_or_ids(said: str, ids: tuple[str, ...]) -> None:
    assert parse_gpus(said) == ids


@pytest.mark.parametrize("said", ["", "a,a", "a b", "1,,2", "99"])
def test_other_gpus_are_refused(said: str) -> None:
    with pytest.raises(Refused):
        parse_gpus(said)


def test_resources_are_names_with_amounts() -> None:
    assert parse_resource("license=4") == ("license", 4)
    assert parse_resource("license=0", fewest=0) == ("license", 0)
    for said in ("license", "license=", "license=0", "license=-1", "=1", "9a=1", "gpus=1", "memory=1", "a=9999999999999999999"):
        with pytest.raises(Refused):
            parse_resource(said)


def test_a_capacity_has_slots() -> None:
    assert not capacity_problem(HERE)
    assert capacity_problem(Capacity(0))
    assert capacity_problem(Capacity(1, gpus=("a", "a")))


def test_claims_that_no_worker_can_have_are_refused() -> None:
    claims.check(0, 0, (), "")
    claims.check(8, 2, (("license", 1),), "site")
    for wrong in ((100_001, 0, (), ""), (0, 65, (), ""), (0, 0, (("a", 1), ("a", 2)), ""), (0, 0, (("a", 0),), ""), (0, 0, (), "last")):
        with pytest.raises(Refused):
            claims.check(*wrong)
