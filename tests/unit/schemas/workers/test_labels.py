from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs import spec_check
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.refusal import Refused
from jobwire.schemas.workers.capacity import Capacity, Settings, read_settings, shortage, wants_of
from jobwire.schemas.workers.labels import Where, called, check, holds, label_value, parse_label

LABELS = (("arch", "x86_64"), ("gpu", "a100"), ("host", "lab3"), ("lab", ""))


@pytest.mark.parametrize(
    ("on", "not_on", "fits"),
    [
        (("gpu",), (), True),
        (("lab",), (), True),
        (("gpu=a100",), (), True),
        (("gpu=h100",), (), False),
        (("gpu=h100,a100",), (), True),
        (("gpu", "host=lab3"), (), True),
        (("gpu", "host=lab4"), (), False),
        (("nothing",), (), False),
        ((), ("gpu=a100",), False),
        ((), ("gpu=h100",), True),
        ((), ("nothing",), True),
        (("gpu",), ("host=lab3,lab4",), False),
    ],
)
def test_a_job_runs_where_all_terms_hold_and_none_of_the_others(on: tuple[str, ...], not_on: tuple[str, ...], *, fits: bool) -> None:
    assert holds(Where(on, not_on), LABELS) is fits


def test_a_worker_that_tells_no_labels_is_older_and_gets_no_job_that_asks_for_some() -> None:
    assert holds(Where(), ())
    assert not holds(Where(not_on=("gpu",)), ())


@pytest.mark.parametrize("term", ["", "=a", "gpu=", "gpu=a,", "gpu=a b", "1x", "gpu=a|b", "g" * 65, "gpu=" + "a" * 300])
def test_what_is_no_term_is_refused_with_how_to_write_one(term: str) -> None:
    with pytest.raises(Refused, match="write it like gpu, gpu=a100 or gpu=a100,h100"):
        check((term,), ())
    with pytest.raises(Refused):
        spec_check.check(JobSpec(argv=(b"x",), not_on=(term,)))


def test_more_terms_than_the_limit_are_refused() -> None:
    with pytest.raises(Refused, match="at most 32"):
        check([f"x{number}" for number in range(33)], ())


@pytest.mark.parametrize("label", ["host=x", "worker=x", "arch=arm", "1=2", "gpu=", "gpu=a,b", "a b"])
def test_what_cannot_be_a_label_is_refused(label: str) -> None:
    with pytest.raises(Refused):
        parse_label(label)


@given(st.text(max_size=20))
def test_what_is_parsed_as_a_label_can_be_asked_for(said: str) -> None:
    try:
        name, value = parse_label(said)
    except Refused:
        return
    term = f"{name}={value}" if value else name
    check((term,), ())
    assert holds(Where(on=(term,)), ((name, value),))


def test_a_spec_keeps_what_it_asks_for_on_the_wire_and_in_its_digest() -> None:
    spec = JobSpec(argv=(b"x",), on=("gpu=a100", "lab"), not_on=("host=lab3",))
    assert specs.from_wire(specs.to_wire(spec)) == spec
    plain = JobSpec(argv=(b"x",))
    digests = {specs.digest(one) for one in (plain, spec, JobSpec(argv=(b"x",), on=("lab",)), JobSpec(argv=(b"x",), not_on=("lab",)))}
    assert len(digests) == 4
    assert specs.digest(spec) == specs.digest(JobSpec(argv=(b"x",), on=("lab", "gpu=a100"), not_on=("host=lab3",)))


def test_what_a_worker_alone_does_not_have_is_said_with_its_own_labels() -> None:
    wants = wants_of(JobSpec(argv=(b"x",), on=("gpu=h100",), not_on=("lab",)))
    why = shortage(wants, Capacity(1, labels=LABELS))
    assert why == "it asks for a worker with gpu=h100, not lab, but this one has: arch=x86_64 gpu=a100 host=lab3 lab"


def test_labels_are_set_changed_and_removed_and_kept_as_settings() -> None:
    base = Capacity(2, labels=(("gpu", "a100"), ("host", "lab3")))
    first = Settings(labels=(("gpu", "h100"), ("lab", "")))
    later = first.then(Settings(labels=(("lab", None),)))
    assert first.over(base).labels == (("gpu", "h100"), ("host", "lab3"), ("lab", ""))
    assert later.over(base).labels == (("gpu", "h100"), ("host", "lab3"))
    assert read_settings(dict(later.rows())).over(base) == later.over(base)
    assert Settings(labels=(("gpu", None),)).over(base).labels == (("host", "lab3"),)


@given(st.text(st.characters(), max_size=200))
def test_any_name_of_a_machine_makes_a_value_that_a_job_can_ask_for(name: str) -> None:
    value = label_value(name)
    assert len(value) <= 128
    if value:
        check([f"host={value}"], [])
        assert holds(Where((f"host={value}",)), (("host", value),))


def test_a_worker_has_the_name_at_its_broker_as_a_label_whatever_it_calls_itself() -> None:
    assert called((("worker", "vm"), ("arch", "x86_64")), "vm-2") == (("arch", "x86_64"), ("worker", "vm-2"))
    assert called((("arch", "x86_64"),), "lab") == (("arch", "x86_64"), ("worker", "lab"))
    # Of an older version: it takes no job that asks for a label.
    assert called((), "lab") == ()
