"""Which jobs of a start clean up after others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.jobs.clean_up import Before, Waiter, find_clean_up, groups_of
from jobwire.schemas.jobs.conditions import After, Condition

RUN, OTHER = b"r" * 16, b"o" * 16
OK, FAILED, ANY = Condition.OK, Condition.FAILED, Condition.ANY


def on(number: int, condition: Condition = OK) -> After:
    return After(condition, job=bytes([number]) * 16)


def named(name: str, condition: Condition = OK, run: bytes = RUN) -> After:
    return After(condition, run=run, name=name)


def found(*jobs: tuple[str, list[After]]) -> set[int]:
    """Return the numbers of those that clean up; the first job is number 0."""
    return set(find_clean_up([Waiter(bytes([number]) * 16, *job) for number, job in enumerate(jobs)], RUN))


@pytest.mark.parametrize(
    ("after", "cleans_up"),
    [
        ([on(0)], False),
        ([on(0, FAILED)], True),
        ([on(0, ANY)], True),
        ([named("a", FAILED)], True),
        ([named("a")], False),
        # A job that is not of this run, or is not known to be.
        ([on(9, FAILED)], False),
        ([named("a", ANY, OTHER)], False),
        # As well as anything else that it waits for.
        ([on(9), on(0, ANY)], True),
    ],
)
def test_a_job_cleans_up_if_it_waits_for_a_failure_or_any_end_in_its_run(after: list[After], *, cleans_up: bool) -> None:
    assert (1 in found(("a[0]", []), ("b", after))) is cleans_up


def test_what_waits_well_for_such_a_job_cleans_up_too() -> None:
    jobs = [("a", []), ("mop[0]", [on(0, FAILED)]), ("", [on(1)]), ("", [named("mop")]), ("", [on(3), on(0)]), ("", [on(0)])]
    assert found(*jobs) == {1, 2, 3, 4}
    # In whatever order they are written.
    assert found(("", [on(2)]), ("a", []), ("", [on(1, ANY)]), ("", [named("")])) == {0, 2, 3}


GRAPHS = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        *(st.lists(st.tuples(st.integers(0, count - 1), st.sampled_from(Condition), st.booleans()), max_size=3) for _ in range(count))
    )
)


@given(GRAPHS)
def test_it_is_the_smallest_set_that_the_rule_allows(graph: tuple[list[tuple[int, Condition, bool]], ...]) -> None:
    jobs = [
        (f"n{number}", [named(f"n{target}", condition) if by_name else on(target, condition) for target, condition, by_name in conditions])
        for number, conditions in enumerate(graph)
    ]
    wanted: set[int] = set()
    for _ in graph:
        wanted |= {
            number
            for number, conditions in enumerate(graph)
            if any(condition is not OK or target in wanted for target, condition, _ in conditions)
        }
    assert found(*jobs) == wanted


@given(GRAPHS, st.lists(st.integers(0, 8)))
def test_in_parts_it_is_the_same(graph: tuple[list[tuple[int, Condition, bool]], ...], ends: list[int]) -> None:
    jobs = [
        Waiter(
            bytes([number]) * 16,
            f"n{number}",
            [named(f"n{target}", how) if by_name else on(target, how) for target, how, by_name in conditions if target < number],
        )
        for number, conditions in enumerate(graph)
    ]
    clean_up: set[int] = set()
    begin = 0
    for end in sorted({*(min(one, len(jobs)) for one in ends), len(jobs)}):
        before = Before(
            {job.id for job in jobs[:begin]},
            {jobs[number].id for number in clean_up},
            {group for number in clean_up for group in groups_of(jobs[number].name)},
        )
        clean_up |= {begin + place for place in find_clean_up(jobs[begin:end], RUN, before)}
        begin = end
    assert clean_up == find_clean_up(jobs, RUN)
