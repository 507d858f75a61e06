from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.desk.queue.queue import Queue
from jobwire.broker.jobs.job import Attempt, Job
from jobwire.broker.jobs.life import Phase
from jobwire.broker.jobs.loans import Loans, starters, why_never
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import AttemptKey, JobKey
from jobwire.schemas.workers.capacity import GPUS, MEMORY, PLAIN, Capacity, Wants

OWNER = b"o" * 32


def key(number: int) -> JobKey:
    return JobKey(OWNER, number.to_bytes(16, "big"))


def attempt(number: int, which: int = 1) -> AttemptKey:
    return AttemptKey(*key(number), which)


def test_a_job_waits_from_its_first_watch_to_the_end_of_the_last_job_that_it_watches() -> None:
    loans = Loans()
    assert loans.begin(attempt(0), [key(1), key(2)])
    assert not loans.begin(attempt(0), [key(2), key(3)])
    assert loans.ended(key(1)) == []
    assert not loans.end(attempt(0), [key(1), key(2)])
    assert loans.ended(key(2)) == []
    assert loans.ended(key(3)) == [attempt(0)]
    assert not loans.end(attempt(0), [key(2), key(3)])
    assert len(loans) == 0


def test_a_watch_of_nothing_that_goes_on_is_no_wait() -> None:
    loans = Loans()
    assert not loans.begin(attempt(0), [])
    assert len(loans) == 0


def test_what_an_earlier_attempt_waited_for_says_nothing_of_the_next() -> None:
    loans = Loans()
    loans.begin(attempt(0), [key(1)])
    loans.drop(attempt(0))
    assert loans.begin(attempt(0, 2), [key(1)])
    assert not loans.end(attempt(0), [key(1)])
    assert loans.ended(key(1)) == [attempt(0, 2)]


@given(st.lists(st.tuples(st.sampled_from("bend"), st.integers(0, 2), st.sets(st.integers(3, 6))), max_size=30))
def test_any_course_of_watches_is_counted(course: list[tuple[str, int, set[int]]]) -> None:
    loans, open_watches = Loans(), {outer: Counter[int]() for outer in range(3)}
    for what, outer, inner in course:
        before = +open_watches[outer]
        if what == "b":
            open_watches[outer].update(inner)
            assert loans.begin(attempt(outer), map(key, sorted(inner))) == (not before and bool(inner))
        elif what == "e":
            inner &= set(before)
            open_watches[outer].subtract(inner)
            assert loans.end(attempt(outer), map(key, sorted(inner))) == (bool(before) and not +open_watches[outer])
        elif what == "n":
            loans.drop(attempt(outer))
            open_watches[outer].clear()
        else:
            for one in inner:
                over = [other for other, watched in open_watches.items() if +watched and set(+watched) == {one}]
                for watched in open_watches.values():
                    del watched[one]
                assert sorted(loans.ended(key(one))) == [attempt(other) for other in over]
        assert len(loans) == sum(bool(+watched) for watched in open_watches.values())


def job(number: int, started_by: int | None = None, phase: Phase = Phase.RUNNING, wants: Wants = PLAIN) -> Job:
    made = Job(number, key(number), JobSpec((b"x",)), b"", None, 0, Attempt(attempt(number), phase))
    made.started_by = b"" if started_by is None else key(started_by).id
    made.wants = wants
    return made


def test_those_that_started_a_job_are_found_as_far_as_they_run() -> None:
    jobs = [job(0), job(1, 0), job(2, 1)]
    live = {one.key: one for one in jobs}
    assert list(starters(OWNER, key(2).id, live)) == jobs[::-1]
    jobs[0].attempt.phase = Phase.ENDED_RUNNING
    assert list(starters(OWNER, key(2).id, live)) == jobs[:0:-1]
    assert list(starters(OWNER, key(9).id, live)) == []
    assert list(starters(OWNER, b"", live)) == []


CAPACITY = Capacity(4, 100, ("0", "1"), (("license", 3),))


@pytest.mark.parametrize(
    ("wants", "kept", "why"),
    [
        (Wants(4), [Wants(4)], ""),
        (Wants(1, ((MEMORY, 60),)), [Wants(1, ((MEMORY, 40),))], ""),
        (Wants(1, ((MEMORY, 61),)), [Wants(1, ((MEMORY, 40),))], "keeps 40 bytes of memory until it ends"),
        (
            Wants(1, ((GPUS, 1),)),
            [Wants(1, ((GPUS, 1),)), Wants(1, ((GPUS, 1),))],
            "it takes 1 gpu, and the 2 jobs that started each other down to it keep 2 gpus",
        ),
        (Wants(1, (("license", 2),)), [Wants(), Wants(1, (("license", 2),))], "keeps 2 of license"),
        (Wants(only_one="a"), [Wants(only_one="b")], ""),
        (Wants(only_one="a"), [Wants(), Wants(only_one="a")], "only one 'a' runs at once, and job 00000001, which started it,"),
        # What never fits is refused before, and waits for another reason.
        (Wants(1, ((GPUS, 3),)), [Wants(1, ((GPUS, 1),))], ""),
    ],
)
def test_what_those_keep_that_wait_for_a_job_is_missing_for_it(wants: Wants, kept: list[Wants], why: str) -> None:
    said = why_never(wants, [job(number << 96, wants=one) for number, one in enumerate(kept)], CAPACITY)
    assert why in said
    assert bool(why) == bool(said)


@dataclass
class Tree:
    """A job that runs to its end if it starts no jobs, and else starts some at once and waits for them."""

    children: list["Tree"] = field(default_factory=list)
    cpus: int = 1


def grow(random: Random, levels: int) -> Tree:
    cpus = random.randint(1, 3)
    if levels == 1 or random.random() < 0.4:
        return Tree([], cpus)
    return Tree([grow(random, levels - 1) for _ in range(random.randint(1, 3))], cpus)


@pytest.mark.parametrize("seed", range(20))
def test_jobs_that_wait_for_jobs_never_block_each_other_and_few_wait_at_once(seed: int) -> None:
    random = Random(seed)
    roots, slots = [grow(random, 6) for _ in range(random.randint(1, 12))], random.randint(3, 4)
    queue, loans = Queue(slots), Loans()
    made: list[tuple[Tree, int, int | None]] = []
    left: dict[int, int] = {}

    def add(tree: Tree, depth: int, parent: int | None) -> JobKey:
        made.append((tree, depth, parent))
        left[len(made) - 1] = len(tree.children)
        queue.add(key(len(made) - 1), None, wants=Wants(tree.cpus, level=depth + 1 if tree.children else 0))
        return key(len(made) - 1)

    def end(number: int) -> None:
        for outer in loans.ended(key(number)):
            queue.take_back(outer.job)
        queue.release(key(number))
        running.discard(number)
        parent = made[number][2]
        if parent is not None:
            left[parent] -= 1

    for root in roots:
        add(root, 0, None)
    running: set[int] = set()
    while running or len(queue):
        free = queue.stock.free_slots
        started_now = queue.take()
        assert sum(made[int.from_bytes(one.id, "big")][0].cpus for one in started_now) <= max(0, free)
        for started in started_now:
            number = int.from_bytes(started.id, "big")
            running.add(number)
            tree, depth, _ = made[number]
            children = [add(child, depth + 1, number) for child in tree.children]
            if children and loans.begin(attempt(number), children):
                queue.lend(started)
        parents = Counter(made[one][1] for one in running if made[one][0].children)
        assert all(count <= 2 * slots for count in parents.values())
        able = [one for one in sorted(running) if not left[one]]
        assert able or started_now, "all wait for each other"
        if able:
            end(random.choice(able))
    assert queue.stock.used_slots == 0
