from hypothesis import given
from hypothesis import strategies as st

from jobwire.broker.pairing.validity import Validity
from jobwire.keys.members.rights import PAIRING, Invitation, Member
from jobwire.keys.pairing.invitations import REMEMBERED_US
from jobwire.schemas.clock import Reading

KEY = b"k" * 32
WALL_US = 1_800_000_000_000_000


def token(left_us: int) -> Member:
    return Member("laptop", KEY, PAIRING, invited=Invitation(WALL_US + left_us, "viewer"))


@given(st.integers(0, 1 << 40), st.integers(-(1 << 50), 1 << 50))
def test_setting_the_clock_neither_prolongs_nor_ends_a_token(passed_us: int, jump_us: int) -> None:
    validity = Validity()
    validity.see([token(600)], Reading(1000, WALL_US))
    now = Reading(1000 + passed_us, WALL_US + jump_us)
    # The roster is read again with the other clock, as somebody else was added.
    validity.see([token(600)], now)
    assert validity.ended_us(KEY, now) == passed_us - 600


def test_a_token_that_ended_while_the_daemon_was_off_is_over() -> None:
    validity = Validity()
    validity.see([token(-5)], Reading(1000, WALL_US))
    assert validity.ended_us(KEY, Reading(1000, WALL_US)) == 5
    assert validity.may_come(KEY, Reading(1000, WALL_US))


def test_who_comes_a_day_later_is_not_let_in_any_more() -> None:
    validity = Validity()
    validity.see([token(0)], Reading(0, WALL_US))
    assert validity.may_come(KEY, Reading(REMEMBERED_US, WALL_US))
    assert not validity.may_come(KEY, Reading(REMEMBERED_US + 1, WALL_US))


def test_a_token_that_is_not_in_the_roster_is_over() -> None:
    validity = Validity()
    validity.see([token(600)], Reading(0, WALL_US))
    validity.see([], Reading(0, WALL_US))
    assert not validity.may_come(KEY, Reading(0, WALL_US))
    # The same one again, by a copy of the file that somebody put there.
    validity.see([token(600)], Reading(1, WALL_US))
    assert validity.ended_us(KEY, Reading(1, WALL_US)) == -600
