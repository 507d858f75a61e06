from desk_house import OWNER, House, RosterDouble, asked

from jobwire.broker.health.condition import Condition
from jobwire.broker.store.free_space import Room
from jobwire.keys.members.rights import Member


def condition(house: House, problem: str = "", floor: int = 0) -> Condition:
    return Condition(house.state.queue, Room(house.path.parent, floor), RosterDouble(problem), lambda: 7)


async def test_jobs_are_counted_for_all_and_for_the_one_who_asks(house: House) -> None:
    await house.accept(asked(1), asked(2), asked(3))
    other = b"p" * 32
    await house.accept(asked(4), owner=other)
    said = condition(house).describe(Member("ada", OWNER, "submitter"))
    assert (said.running, said.queued) == (2, 2)
    assert (said.your_running, said.your_queued) == (2, 1)
    assert (said.up_us, len(said.load)) == (7, 3)
    assert 0 < said.disk_free_bytes <= said.disk_bytes
    assert not said.refuses
    house.engine.effects.clear()


async def test_only_an_admin_learns_what_the_roster_says(house: House) -> None:
    broken = condition(house, "/etc/roster, line 3: no role; the previous roster stays in force")
    for role in ("viewer", "submitter", "operator"):
        member = Member("ada", OWNER, role)
        said = broken.describe(member)
        assert "line 3" not in said.roster_problem
        assert "previous roster stays in force" in said.roster_problem
        assert said.members == 0
        assert not condition(house).roster_problem(member)
    said = broken.describe(Member("ada", OWNER, "admin"))
    assert "line 3" in said.roster_problem
    assert said.members == 1


async def test_a_disk_that_is_too_full_is_why_jobs_are_refused(house: House) -> None:
    assert "must stay free" in condition(house, floor=1 << 62).describe(Member("ada", OWNER, "viewer")).refuses
