from pathlib import Path

import pytest

from jobwire.broker.retention.ages import BELIEVED_AFTER_SECONDS, Ages, FollowingAges

SECOND_US = 1_000_000
DAY_US = 24 * 3600 * SECOND_US
HOUR_US = BELIEVED_AFTER_SECONDS * SECOND_US


class Machine:
    """Its clocks, and how often it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall = 20_000 * DAY_US
        self.passed = DAY_US
        self.boot = "first"

    def ages(self, *, fresh: bool = False) -> Ages:
        return Ages(self.folder, fresh=fresh, wall_us=lambda: self.wall, passed_us=lambda: self.passed, boot=lambda: self.boot)

    def following(self) -> FollowingAges:
        return FollowingAges(self.folder, wall_us=lambda: self.wall, passed_us=lambda: self.passed, boot=lambda: self.boot)

    def start_again(self, off_us: int) -> None:
        self.wall += off_us
        self.passed = 0
        self.boot += " again"

    def wait(self, us: int) -> None:
        self.wall += us
        self.passed += us


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_grows_older_by_a_clock_that_is_set(machine: Machine) -> None:
    ages = machine.ages(fresh=True)
    ended = ages.now_us()
    machine.wall += 40 * DAY_US
    machine.wait(SECOND_US)
    assert ages.now_us() - ended == SECOND_US
    machine.wall -= 40 * DAY_US
    machine.wait(SECOND_US)
    assert ages.now_us() - ended == 2 * SECOND_US
    assert ages.known


def test_a_daemon_that_is_restarted_while_the_clock_is_wrong_knows_better(machine: Machine) -> None:
    ended = machine.ages(fresh=True).now_us()
    machine.wall += 40 * DAY_US
    machine.wait(SECOND_US)
    ages = machine.ages()
    assert ages.known
    assert ages.now_us() - ended == SECOND_US


def test_what_was_off_for_forty_days_has_aged_by_them_at_once(machine: Machine) -> None:
    ended = machine.ages(fresh=True).now_us()
    machine.wait(40 * DAY_US)
    assert machine.ages().now_us() - ended == 40 * DAY_US


@pytest.mark.parametrize("days", [40, -3650])
def test_a_clock_that_stays_where_it_was_set_makes_nothing_older_while_the_machine_is_up(machine: Machine, days: int) -> None:
    ages = machine.ages(fresh=True)
    ended = ages.now_us()
    machine.wall += days * DAY_US
    for _ in range(3):
        machine.wait(HOUR_US)
        assert ages.now_us() - ended <= 3 * HOUR_US
    meanwhile = ages.now_us()
    machine.wall -= days * DAY_US
    for _ in range(3):
        machine.wait(HOUR_US)
        ages.now_us()
    assert (ages.now_us() - ended, ages.now_us() - meanwhile) == (6 * HOUR_US, 3 * HOUR_US)
    assert machine.ages().now_us() == ages.now_us()


def test_a_clock_that_was_put_right_is_noted_for_the_next_start_of_the_machine(machine: Machine) -> None:
    machine.wall -= 3650 * DAY_US
    ages = machine.ages(fresh=True)
    ended = ages.now_us()
    machine.wall += 3650 * DAY_US
    ages.now_us()
    machine.wait(HOUR_US)
    ages.now_us()
    machine.start_again(off_us=DAY_US)
    ages = machine.ages()
    machine.wait(HOUR_US)
    assert ages.known
    assert ages.now_us() - ended == DAY_US + 2 * HOUR_US


@pytest.mark.parametrize("days", [40, -3650])
def test_a_machine_that_starts_with_a_wrong_clock_drops_nothing_for_it(machine: Machine, days: int) -> None:
    ended = machine.ages(fresh=True).now_us()
    machine.start_again(off_us=DAY_US)
    machine.wall += days * DAY_US
    ages = machine.ages()
    meanwhile = ages.now_us()
    machine.wait(HOUR_US // 2)
    machine.wall -= days * DAY_US
    assert not ages.known
    machine.wait(HOUR_US)
    assert ages.known
    assert ages.now_us() - ended <= DAY_US + 2 * HOUR_US
    assert ages.now_us() - meanwhile <= 2 * HOUR_US


def test_the_time_that_the_machine_was_off_counts(machine: Machine) -> None:
    ended = machine.ages(fresh=True).now_us()
    machine.start_again(off_us=40 * DAY_US)
    ages = machine.ages()
    machine.wait(HOUR_US)
    assert ages.known
    assert ages.now_us() - ended == 40 * DAY_US + HOUR_US


@pytest.mark.parametrize("lost", [False, True])
def test_after_a_restart_of_the_machine_ages_are_not_known_for_an_hour(machine: Machine, *, lost: bool) -> None:
    machine.ages(fresh=True)
    machine.boot = "second"
    machine.passed = 0
    if lost:
        (machine.folder / "clock").write_bytes(b"{")
    ages = machine.ages()
    assert not ages.known
    machine.wait(HOUR_US)
    assert ages.known


def test_a_folder_that_cannot_be_written_costs_only_what_a_restart_knows(machine: Machine) -> None:
    machine.folder /= "gone"
    assert machine.ages(fresh=True).known
    assert not machine.ages().known


def settle(machine: Machine, *all_ages: Ages) -> None:
    """Let a bit more than an hour pass, in which they are looked at."""
    for _ in range(62):
        machine.wait(60 * SECOND_US)
        for ages in all_ages:
            ages.now_us()


def test_one_that_follows_has_the_scale_of_the_other_and_does_not_change_it(machine: Machine) -> None:
    # A machine whose clock is a year ahead at first, and is then put right.
    machine.wall += 365 * DAY_US
    following = machine.following()
    assert not following.known
    ages = machine.ages(fresh=True)
    assert following.known
    ended = ages.now_us()
    machine.wall -= 365 * DAY_US
    settle(machine, following, ages)
    assert following.now_us() == ages.now_us()
    age = ages.now_us() - ended
    assert 0 < age < DAY_US
    assert machine.ages().now_us() - ended == age


def test_one_that_follows_is_looked_at_late_and_takes_over_what_was_found_out(machine: Machine) -> None:
    machine.ages(fresh=True)
    machine.start_again(DAY_US)
    machine.wall += 40 * DAY_US
    following, ages = machine.following(), machine.ages()
    machine.wall -= 40 * DAY_US
    settle(machine, ages)
    assert ages.known
    # Set once more, before it is looked at for the first time.
    machine.wall += 3 * DAY_US
    settle(machine, ages, following)
    assert following.known
    assert following.now_us() == ages.now_us() == machine.ages().now_us()


def test_one_that_follows_finds_out_by_itself_if_nothing_can_be_noted(machine: Machine) -> None:
    following = machine.following()
    settle(machine, following)
    assert following.known
    assert following.now_us() == machine.wall
    assert [*machine.folder.iterdir()] == []


@pytest.mark.parametrize("name", ["clock", "clock.new"])
def test_a_link_in_place_of_the_file_is_not_written_through(machine: Machine, name: str) -> None:
    other = machine.folder / "of somebody"
    other.write_text("precious")
    (machine.folder / name).symlink_to(other)
    machine.ages(fresh=True)
    assert (other.read_text(), (machine.folder / "clock").is_symlink()) == ("precious", False)
    machine.start_again(DAY_US)
    assert machine.ages().known is False


@pytest.mark.parametrize("said", ["[" * 100_000, '{"boot":"x","offset_us":1e999,"scale_us":1,"wall_us":1}', "null"])
def test_a_note_that_cannot_be_understood_is_none(machine: Machine, said: str) -> None:
    (machine.folder / "clock").write_text(said)
    assert not machine.ages().known
