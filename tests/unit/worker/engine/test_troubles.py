from __future__ import annotations

from jobwire.schemas.jobs.subjects import Subject
from jobwire.worker.engine.supervisor import Hello
from jobwire.worker.engine.troubles import find

WELL = Hello(pid=2, keeper_pid=3, cgroups=True)


def test_an_engine_that_is_well_says_nothing() -> None:
    assert not list(find(WELL, [], connected=True))


def test_what_is_missing_is_said_and_everybody_learns_that_jobs_can_escape() -> None:
    [keeper, containment, lacks] = find(WELL._replace(keeper_pid=0, cgroups=False), ["no more than 2 CPUs"], connected=True)
    assert (keeper.about, containment.about, lacks.about) == (Subject.KEEPER, Subject.CONTAINMENT, Subject.SURROUNDINGS)
    assert containment.needs is None
    assert keeper.needs is lacks.needs is not None
    [supervisor] = find(WELL._replace(keeper_pid=0), [], connected=False)
    assert supervisor.about is Subject.SUPERVISOR
