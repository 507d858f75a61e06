from __future__ import annotations

import pytest

from jobwire.schemas.workers.warning_subjects import Subject
from jobwire.worker.engine.supervisor import Hello
from jobwire.worker.engine.troubles import find

WELL = Hello(pid=2, keeper_pid=3, cgroups=True)


def running(_pid: int) -> str:
    return "S"


def test_an_engine_that_is_well_says_nothing() -> None:
    assert not list(find(WELL, [], answers=True, state=running))


def test_what_is_missing_is_said_and_everybody_learns_that_jobs_can_escape() -> None:
    [keeper, containment, lacks] = find(WELL._replace(keeper_pid=0, cgroups=False), ["no more than 2 CPUs"], answers=True, state=running)
    assert (keeper.about, containment.about, lacks.about) == (Subject.KEEPER, Subject.CONTAINMENT, Subject.SURROUNDINGS)
    assert containment.needs is None
    assert keeper.needs is lacks.needs is not None
    [supervisor] = find(WELL._replace(keeper_pid=0), [], answers=False, state=running)
    assert supervisor.about is Subject.SUPERVISOR


def test_where_jobs_have_no_marks_nobody_is_told_that_marks_hold_them() -> None:
    [containment] = find(WELL._replace(cgroups=False, marks=False), [], answers=True, state=running)
    assert "by session only" in containment.sentence
    assert "RLIMIT_RTTIME" in containment.sentence


@pytest.mark.parametrize(("pid", "about"), [(2, Subject.SUPERVISOR), (3, Subject.KEEPER)])
def test_a_suspended_process_is_named_with_how_it_goes_on(pid: int, about: Subject) -> None:
    [one] = find(WELL, [], answers=True, state=lambda asked: "T" if asked == pid else "S")
    assert one.about is about
    assert one.sentence.endswith(f"kill -CONT {pid}")
