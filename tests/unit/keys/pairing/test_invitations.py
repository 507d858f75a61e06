import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jobwire.keys.identity import format_public, from_seed
from jobwire.keys.members.limits import OF_PAIRING
from jobwire.keys.members.rights import PAIRING, Member
from jobwire.keys.members.roster import add_member, list_members, read
from jobwire.keys.members.roster_changes import remove_member, set_role
from jobwire.keys.pairing import invitations
from jobwire.keys.pairing.invitations import MOST_OPEN, REMEMBERED_US, Joined
from jobwire.schemas.refusal import Code, Reason, Refused

TEMPORARY, OTHER_TEMPORARY, LAPTOP, PHONE = (from_seed(bytes([number]) * 32).public for number in range(1, 5))
NOW_US = 1_800_000_000_000_000
LATER_US = NOW_US + 600_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "roster.toml"


def invite(path: Path, temporary: bytes = TEMPORARY, role: str = "submitter", name: str = "laptop", now_us: int = NOW_US) -> None:
    invitations.invite(path, temporary, role, now_us + 600_000_000, now_us, name=name)


def test_an_invitation_is_a_member_that_may_do_nothing(path: Path) -> None:
    invite(path)
    (token,) = list_members(path)
    assert (token.name, token.key, token.role, token.limits) == ("laptop", TEMPORARY, PAIRING, OF_PAIRING)
    assert token.invited is not None
    assert (token.invited.role, token.invited.until_us) == ("submitter", LATER_US)
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_joins_takes_the_place_of_the_invitation_and_nothing_else_changes(path: Path) -> None:
    path.write_text("# ours\n")
    invite(path, OTHER_TEMPORARY, "viewer", "phone")
    invite(path)
    path.write_text(f"{path.read_text()}running_jobs = 2 # few\n# the end\n")
    before = path.read_text()
    assert invitations.join(path, TEMPORARY, LAPTOP, name="ignored") == Joined("laptop", "submitter")
    phone, laptop = list_members(path)
    assert phone.role == PAIRING
    assert (laptop.name, laptop.key, laptop.role, laptop.limits.running_jobs) == ("laptop", LAPTOP, "submitter", 2)
    assert path.read_text().splitlines()[:6] == before.splitlines()[:6]
    assert path.read_text().endswith("running_jobs = 2 # few\n# the end\n")
    assert read(path).member(TEMPORARY) is not None


def test_the_same_key_is_answered_again_and_another_one_is_refused_with_the_fingerprint_of_who_came(path: Path) -> None:
    invite(path)
    invitations.join(path, TEMPORARY, LAPTOP)
    before = path.read_text()
    assert invitations.join(path, TEMPORARY, LAPTOP) == Joined("laptop", "submitter", again=True)
    with pytest.raises(Refused, match="already used, by laptop with the key") as refused:
        invitations.join(path, TEMPORARY, PHONE)
    assert refused.value.reason is Reason.TOKEN_USED
    assert path.read_text() == before


def test_a_name_and_a_role_that_were_changed_later_are_answered_as_they_are(path: Path) -> None:
    invite(path)
    invitations.join(path, TEMPORARY, LAPTOP)
    set_role(path, "laptop", "operator")
    assert invitations.join(path, TEMPORARY, LAPTOP) == Joined("laptop", "operator", again=True)


def test_of_many_at_once_exactly_one_joins(path: Path) -> None:
    invite(path)
    keys = [from_seed(os.urandom(32)).public for _ in range(16)]

    def attempt(key: bytes) -> Joined | Reason | None:
        try:
            return invitations.join(path, TEMPORARY, key)
        except Refused as refused:
            return refused.reason

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, keys))
    assert sorted(map(str, results)) == sorted([str(Joined("laptop", "submitter")), *[str(Reason.TOKEN_USED)] * 15])
    assert [member.key for member in list_members(path)] == [keys[results.index(Joined("laptop", "submitter"))]]


def test_an_invitation_that_was_removed_or_never_was_is_withdrawn(path: Path) -> None:
    for withdraw in (lambda: remove_member(path, "laptop"), lambda: invitations.withdraw(path, TEMPORARY)):
        invite(path)
        withdraw()
        with pytest.raises(Refused) as refused:
            invitations.join(path, TEMPORARY, LAPTOP)
        assert refused.value.reason is Reason.TOKEN_WITHDRAWN
    assert list_members(path) == ()
    path.unlink()
    with pytest.raises(Refused, match="withdrawn"):
        invitations.join(path, TEMPORARY, LAPTOP)
    assert not invitations.withdraw(path, TEMPORARY)


def test_a_member_who_joined_stays_when_its_invitation_is_withdrawn_too_late(path: Path) -> None:
    invite(path)
    invitations.join(path, TEMPORARY, LAPTOP)
    assert not invitations.withdraw(path, TEMPORARY)
    assert [member.key for member in list_members(path)] == [LAPTOP]


def test_a_member_does_not_use_up_a_token(path: Path) -> None:
    add_member(path, "ada", LAPTOP, "viewer")
    invite(path)
    with pytest.raises(Refused, match="already on the roster, as ada with the role viewer; the token was not used") as refused:
        invitations.join(path, TEMPORARY, LAPTOP)
    assert refused.value.reason is Reason.MEMBER_ALREADY
    assert invitations.join(path, TEMPORARY, PHONE).name == "laptop"


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("lab1", "lab1"), ("", "machine"), ("ada", "ada-2"), ("a b/c", "a-b-c"), ("-..x", "x"), ("x" * 100, "x" * 64), ("ü", "machine")],
)
def test_a_name_that_is_left_to_who_joins_is_made_a_valid_one(path: Path, wanted: str, name: str) -> None:
    add_member(path, "ada", PHONE, "viewer")
    invite(path, name="")
    assert invitations.join(path, TEMPORARY, LAPTOP, name=wanted).name == name


def test_roles_and_names_that_nobody_can_be_invited_to_are_refused(path: Path) -> None:
    for role, name, words in (
        ("relay", "x", "cannot be invited"),
        ("pairing", "x", "temporary key"),
        ("boss", "x", "no role"),
        ("viewer", "a b", "may have only"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            invite(path, role=role, name=name)
        assert refused.value.code is Code.INVALID_ARGUMENT
    assert not path.exists()


def test_a_name_in_use_is_refused_unless_its_token_has_ended(path: Path) -> None:
    invite(path)
    with pytest.raises(Refused, match="the name laptop is already"):
        invite(path, OTHER_TEMPORARY)
    invite(path, OTHER_TEMPORARY, now_us=LATER_US + 1)
    assert [member.key for member in list_members(path)] == [OTHER_TEMPORARY]


def test_tokens_are_remembered_for_a_day_and_then_removed_from_the_file(path: Path) -> None:
    add_member(path, "ada", PHONE, "viewer")
    invite(path, name="used")
    invitations.join(path, TEMPORARY, LAPTOP)
    invite(path, OTHER_TEMPORARY, name="unused")
    text = path.read_text()
    third, fourth = (from_seed(os.urandom(32)).public for _ in range(2))
    invite(path, third, name="soon", now_us=LATER_US + REMEMBERED_US)
    assert path.read_text().startswith(text)
    invite(path, fourth, name="late", now_us=LATER_US + REMEMBERED_US + 1)
    assert [member.name for member in list_members(path)] == ["ada", "used", "soon", "late"]
    assert {member.key for member in read(path).temporary_keys} == {third, fourth}
    with pytest.raises(Refused, match="withdrawn"):
        invitations.join(path, TEMPORARY, LAPTOP)


def test_so_many_invitations_may_be_open_and_no_more(path: Path) -> None:
    keys = [from_seed(number.to_bytes(32, "big")).public for number in range(100, 101 + MOST_OPEN)]
    text = "".join(
        f'[[member]]\nname = "m{number}"\nkey = "{format_public(key)}"\nrole = "pairing"\n'
        'invited = { role = "viewer", until = 2027-01-15T08:00:01Z }\n'
        for number, key in enumerate(keys[:-1])
    )
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Refused, match="256 invitations are open") as refused:
        invite(path)
    assert refused.value.reason is Reason.TOO_MANY_INVITATIONS
    assert path.read_text() == text
    remove_member(path, "m7")
    invite(path)


def test_an_entry_that_was_edited_by_hand_is_refused_and_left_as_it_is(path: Path) -> None:
    invite(path)
    path.write_text(path.read_text().replace('role = "pairing"', 'role = "pairing" # mine'))
    before = path.read_text()
    with pytest.raises(Refused, match="was edited, and cannot be used"):
        invitations.join(path, TEMPORARY, LAPTOP)
    assert path.read_text() == before


def test_the_role_of_an_invitation_is_not_changed(path: Path) -> None:
    invite(path)
    with pytest.raises(Refused, match="has not joined yet"):
        set_role(path, "laptop", "admin")


def test_a_file_with_the_line_ends_of_windows_keeps_them(path: Path) -> None:
    path.write_bytes(b"# ours\r\n")
    path.chmod(0o600)
    invite(path)
    invitations.join(path, TEMPORARY, LAPTOP)
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")


class Tokens(RuleBasedStateMachine):
    """Any order of invitations, joins, withdrawals and removals: a token serves one key, and everybody else stays as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.invited: dict[int, str] = {}
        self.joined: dict[int, tuple[int, str]] = {}
        self.members: dict[int, str] = {}

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "roster.toml"
        add_member(self.path, "boss", key_of(99), "admin")

    @rule(token=st.integers(0, 3), role=st.sampled_from(["viewer", "worker"]))
    def invite(self, token: int, role: str) -> None:
        if token in self.invited or token in self.joined:
            with pytest.raises(Refused, match="already in"):
                invitations.invite(self.path, key_of(10 + token), role, LATER_US, NOW_US, name=f"token{token}")
        else:
            invitations.invite(self.path, key_of(10 + token), role, LATER_US, NOW_US, name=f"token{token}")
            self.invited[token] = role

    @rule(token=st.integers(0, 3), key=st.integers(0, 3))
    def join(self, token: int, key: int) -> None:
        try:
            joined = invitations.join(self.path, key_of(10 + token), key_of(key))
        except Refused as refused:
            match refused.reason:
                case Reason.TOKEN_USED:
                    assert self.joined[token][0] != key
                case Reason.MEMBER_ALREADY:
                    assert key in self.members
                    assert token in self.invited
                case reason:
                    assert reason is Reason.TOKEN_WITHDRAWN
                    assert token not in self.invited
                    assert token not in self.joined
        else:
            assert joined.name == f"token{token}"
            if joined.again:
                assert self.joined[token] == (key, joined.role)
            else:
                self.joined[token] = (key, self.invited.pop(token))
                assert key not in self.members
                self.members[key] = joined.role

    @rule(token=st.integers(0, 3))
    def withdraw(self, token: int) -> None:
        assert invitations.withdraw(self.path, key_of(10 + token)) == (self.invited.pop(token, None) is not None)

    @rule(token=st.integers(0, 3))
    def remove(self, token: int) -> None:
        if token in self.joined:
            remove_member(self.path, f"token{token}")
            del self.members[self.joined.pop(token)[0]]

    @invariant()
    def the_roster_has_exactly_these(self) -> None:
        if not hasattr(self, "path"):
            return
        found = {(member.key, member.role) for member in list_members(self.path)}
        expected = {(key_of(key), role) for key, role in self.members.items()}
        assert found == {(key_of(99), "admin"), *expected, *((key_of(10 + token), PAIRING) for token in self.invited)}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


def key_of(number: int) -> bytes:
    return from_seed(bytes([number]) * 32).public


Tokens.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestTokens = Tokens.TestCase


def test_what_is_in_the_entry_of_a_member_is_not_its_role() -> None:
    assert Member("x", LAPTOP, PAIRING).rights == frozenset()
