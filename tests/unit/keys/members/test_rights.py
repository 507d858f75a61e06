"""What each role may do, as one table."""

from __future__ import annotations

import pytest

from jobwire.keys.members.rights import PAIRING, PAIRING_VERBS, ROLES, Invitation, Member, Right, demand, may, no_such_job
from jobwire.schemas.refusal import Code, Refused

ME, OTHER = b"m" * 32, b"o" * 32
ASKED = (Right.SEE, Right.SUBMIT, Right.STOP, Right.ADMINISTER)

TABLE = {
    ("viewer", ME): {Right.SEE},
    ("viewer", OTHER): {Right.SEE},
    ("submitter", ME): {Right.SEE, Right.SUBMIT, Right.STOP},
    ("submitter", OTHER): set(),
    ("operator", ME): {Right.SEE, Right.SUBMIT, Right.STOP},
    ("operator", OTHER): {Right.SEE, Right.STOP},
    ("admin", ME): {Right.SEE, Right.SUBMIT, Right.STOP, Right.ADMINISTER},
    ("admin", OTHER): {Right.SEE, Right.STOP, Right.ADMINISTER},
    **{(role, owner): set() for role in ("worker", "relay") for owner in (ME, OTHER)},
}


def member(role: str) -> Member:
    return Member("laptop", ME, role)


def test_the_table_holds_every_role() -> None:
    assert {role for role, _ in TABLE} == set(ROLES)


def test_a_temporary_key_has_no_right_at_all() -> None:
    temporary = Member("laptop", ME, PAIRING, invited=Invitation(0, "admin"))
    assert not temporary.rights
    assert not any(may(temporary, right, owner) for right in Right for owner in (ME, OTHER))
    assert {"hello", "pair"} == PAIRING_VERBS


@pytest.mark.parametrize(("role", "owner"), TABLE)
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: str, owner: bytes) -> None:
    assert {right for right in ASKED if may(member(role), right, owner)} == TABLE[role, owner]


@pytest.mark.parametrize(("role", "owner"), TABLE)
@pytest.mark.parametrize("right", ASKED)
def test_demand_refuses_exactly_what_may_denies(role: str, owner: bytes, right: Right) -> None:
    if may(member(role), right, owner):
        demand(member(role), right, owner, "job")
    else:
        with pytest.raises(Refused):
            demand(member(role), right, owner, "job")


@pytest.mark.parametrize("right", [Right.SEE, Right.STOP])
def test_a_job_that_one_may_not_see_is_refused_like_one_that_does_not_exist(right: Right) -> None:
    with pytest.raises(Refused) as refused:
        demand(member("submitter"), right, OTHER, "1234abcd")
    missing = no_such_job("1234abcd")
    assert refused.value.code is Code.NOT_FOUND
    assert (refused.value.message, refused.value.next_step) == (missing.message, missing.next_step)


@pytest.mark.parametrize("owner", [ME, OTHER])
def test_a_job_that_one_sees_but_may_not_stop_is_denied_with_a_message(owner: bytes) -> None:
    with pytest.raises(Refused, match="role viewer, which may not stop or signal") as refused:
        demand(member("viewer"), Right.STOP, owner, "1234abcd")
    assert refused.value.code is Code.PERMISSION_DENIED
    assert refused.value.next_step


def test_nobody_submits_in_anothers_name() -> None:
    with pytest.raises(Refused) as refused:
        demand(member("admin"), Right.SUBMIT, OTHER)
    assert refused.value.code is Code.PERMISSION_DENIED


def test_an_owner_that_was_not_given_is_nobody() -> None:
    assert not may(member("submitter"), Right.SEE, b"")
