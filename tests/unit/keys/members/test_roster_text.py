"""What a roster may contain, and which line is reported if it is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.keys import identity
from jobwire.keys.members.rights import Member
from jobwire.keys.members.roster_text import Roster, parse
from jobwire.schemas.refusal import Code, Refused

LAPTOP = identity.from_seed(b"a" * 32)
LAB = identity.from_seed(b"b" * 32)
LAPTOP_KEY = identity.format_public(LAPTOP.public)
LAB_KEY = identity.format_public(LAB.public)
NEGATIVE_KEY = identity.format_public(LAPTOP.public[:31] + bytes([LAPTOP.public[31] ^ 0x80]))

SOUND = f"""# who may come in
[[member]]
name = "laptop"
key = "{LAPTOP_KEY}"
role = "admin"

[[member]]  # the other one
name = "lab"
key = "{LAB_KEY}"
role = "submitter"
"""


def test_members_are_found_by_both_keys() -> None:
    roster = parse(SOUND, "roster.toml")
    laptop, lab = Member("laptop", LAPTOP.public, "admin"), Member("lab", LAB.public, "submitter")
    assert roster.members == (laptop, lab)
    assert roster.member(LAPTOP.public) == laptop
    assert roster.by_curve(LAB.curve_public) == lab
    assert roster.member(LAB.curve_public) is None
    assert roster.by_curve(bytes(32)) is None


def test_an_empty_text_is_an_empty_roster() -> None:
    assert parse("", "roster.toml") == parse("# nobody\n", "roster.toml") == Roster()


def test_members_may_be_written_inline() -> None:
    text = f'member = [{{ name = "laptop", key = "{LAPTOP_KEY}", role = "viewer" }}]'
    assert parse(text, "roster.toml").members == (Member("laptop", LAPTOP.public, "viewer"),)


def changed(old: str, new: str) -> str:
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (changed('name = "lab"', 'name = "lab'), 8, "Illegal character"),
        (changed('role = "submitter"', "role ="), 10, "Invalid value"),
        (SOUND + "[[member", 11, "Expected ']]'"),
        (SOUND + "[[member]]\n", 11, "the key 'name' is missing"),
        (changed('role = "submitter"\n', ""), 7, "the key 'role' is missing"),
        (changed('role = "submitter"', "role = 3"), 10, "expected a string, got a whole number"),
        (changed('role = "submitter"', 'role = "boss"'), 10, "there is no role 'boss'; roles are viewer, submitter, operator, admin"),
        (changed('role = "submitter"', 'role = "pairing"'), 10, "the role 'pairing' is that of a token, but 'invited', which says"),
        (changed('role = "submitter"', 'role = "submitter"\nvouch = "submitter"'), 11, "only a relay can vouch for others"),
        (changed('role = "submitter"', 'role = "relay"\nvouch = "admin"'), 11, "a relay can vouch only for submitter, not for 'admin'"),
        (changed('name = "lab"', 'name = "laptop"'), 8, "the name 'laptop' is used twice"),
        (changed('name = "lab"', 'name = "b b"'), 8, "may have only"),
        (changed('name = "lab"', 'name = ""'), 8, "may have only"),
        (changed(LAB_KEY, LAPTOP_KEY), 9, "'laptop' has the same key"),
        (changed(LAB_KEY, NEGATIVE_KEY), 9, "the key is the negative of that of 'laptop'"),
        (changed(LAB_KEY, LAB_KEY[:-3]), 9, "is cut off"),
        (changed(LAB_KEY, identity.format_public(bytes(32))), 9, "not an Ed25519 public key"),
        (changed('role = "submitter"', 'role = "submitter"\nuser = "lab"'), 11, "the limit 'user' is not available yet"),
        (changed('role = "submitter"', 'role = "submitter"\nrunning_jobs = 0'), 11, "running_jobs must be a whole number from 1 to"),
        (changed('role = "submitter"', 'role = "submitter"\nunread_bytes = "1X"'), 11, "'1X' is not a size; write it like 500K"),
        (changed('role = "submitter"', 'role = "submitter"\nunread_bytes = "1M"'), 11, "from 5242880 to 1000000000, or a size such as 64M"),
        (
            changed('role = "submitter"', 'role = "submitter"\nexecutables = ["/bin/true"]'),
            11,
            "the limit 'executables' is not available yet",
        ),
        (changed('role = "submitter"', 'role = "submitter"\nrolle = "x"'), 11, "unknown key 'rolle'"),
        (changed('role = "submitter"', 'role = "submitter"\nmember = 3'), 11, "unknown key 'member'"),
        ("a = 1\n" + SOUND, 1, "unknown key 'a'"),
        (SOUND + "[limits]\n", 11, "unknown key 'limits'"),
        ("\n[member]\n", 2, "with two brackets"),
        ("\nmember = [1]\n", 2, "expected a table, got a whole number"),
        ("\nmember = 1\n", 2, "with two brackets"),
        ("\na = " + "[" * 10_000, 1, "nested too deeply"),
        ("\na = " + "9" * 5000, 2, ""),
    ],
)
def test_a_broken_roster_is_refused_with_file_line_and_reason(text: str, line: int, words: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text, "/etc/jobwire/roster.toml")
    assert refused.value.code is Code.FAILED_PRECONDITION
    start = f"/etc/jobwire/roster.toml, line {line}: "
    assert refused.value.message.startswith(start)
    assert words in refused.value.message.removeprefix(start)


def test_bytes_may_be_written_as_a_size() -> None:
    for written in ("67108864", '"64M"', '"64 MiB"'):
        roster = parse(changed('role = "submitter"', f'role = "submitter"\nunread_bytes = {written}'), "roster.toml")
        assert roster.members[1].limits.unread_bytes == 64 << 20


def parsed_or_refused(text: str) -> None:
    try:
        parse(text, "roster.toml")
    except Refused as refused:
        assert ", line " in refused.message  # noqa: PT017 -- both ends are right ones


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    parsed_or_refused(text)


@given(st.text(alphabet="[]{}=\"'\n\\#.,-:0123456789Tmemberkynaol \t\r"))
def test_any_text_like_toml_is_parsed_or_refused(text: str) -> None:
    parsed_or_refused(text)


@given(st.integers(0, len(SOUND) - 1), st.integers(0, 40), st.text(max_size=20))
def test_a_sound_roster_with_a_piece_replaced_is_parsed_or_refused(start: int, length: int, piece: str) -> None:
    parsed_or_refused(SOUND[:start] + piece + SOUND[start + length :])


values = st.recursive(
    st.integers() | st.booleans() | st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="'")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["name", "key", "role", "user", "x"]), values)
def test_any_value_of_a_key_is_parsed_or_refused(key: str, value: object) -> None:
    toml = str(value).lower() if isinstance(value, bool) else repr(value).replace("True", "true").replace("False", "false")
    parsed_or_refused(f"[[member]]\n{key} = {toml}\n")


PIECES = [
    "[[member]]\n",
    "[member]\n",
    "member",
    "name",
    "key",
    "role",
    " = ",
    "'laptop'",
    f"'{LAPTOP_KEY}'",
    f"'{NEGATIVE_KEY}'",
    "'viewer'",
    "\n",
    "nan",
    "07:32:00",
]
PIECES += ["1979-05-27T07:32:00Z", "{", "}", "[", "]", '"""', "'''", "\\", "#", "\r\n", "\ufeff", "\0", "1e400", "0x" + "f" * 5000, "."]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_pieces_of_a_roster_are_parsed_or_refused(pieces: list[str]) -> None:
    parsed_or_refused("".join(pieces))
