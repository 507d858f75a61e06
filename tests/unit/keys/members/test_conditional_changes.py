from pathlib import Path

import pytest

from jobwire.keys.identity import format_public, from_seed
from jobwire.keys.members.conditional_changes import Known, NewMember, change_roster, version_of
from jobwire.keys.members.roster import list_members
from jobwire.keys.members.roster_changes import new_name, new_role, removal
from jobwire.schemas.refusal import Code, Reason, Refused

KEYS = {name: from_seed(name[0].encode() * 32).public for name in ("ada", "bob", "eve")}
EVE = NewMember("eve", KEYS["eve"], "viewer")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "roster.toml"
    roles = {"ada": "admin", "bob": "viewer"}
    made.write_text(
        "# ours\n" + "".join(f'[[member]]\nname = "{n}"\nkey = "{format_public(KEYS[n])}"\nrole = "{roles[n]}"\n' for n in roles)
    )
    made.chmod(0o600)
    return made


def version(path: Path) -> bytes:
    return version_of(path.read_text())


def said(path: Path) -> list[tuple[str, str]]:
    return [(member.name, member.role) for member in list_members(path)]


def test_each_change_is_made_to_the_roster_that_was_read(path: Path) -> None:
    assert change_roster(path, version(path), EVE)
    assert change_roster(path, version(path), Known(KEYS["bob"], new_role("operator"), role="operator"))
    assert change_roster(path, version(path), Known(KEYS["bob"], new_name("lab"), name="lab"))
    assert said(path) == [("ada", "admin"), ("lab", "operator"), ("eve", "viewer")]
    assert change_roster(path, version(path), Known(KEYS["eve"], removal()))
    assert said(path) == [("ada", "admin"), ("lab", "operator")]
    assert path.read_text().startswith("# ours\n")


CHANGES = [
    EVE,
    Known(KEYS["bob"], removal()),
    Known(KEYS["bob"], new_role("operator"), role="operator"),
    Known(KEYS["bob"], new_name("x"), name="x"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_roster_that_was_changed_meanwhile_is_left_alone(path: Path, change: NewMember | Known) -> None:
    read = version(path)
    path.write_text(path.read_text() + "# by somebody else\n")
    before = path.read_text()
    with pytest.raises(Refused) as refused:
        change_roster(path, read, change)
    assert refused.value.reason is Reason.ROSTER_CHANGED
    assert path.read_text() == before


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_repeated_is_made_once_and_answered_twice(path: Path, change: NewMember | Known) -> None:
    read = version(path)
    assert change_roster(path, read, change)
    after = path.read_text()
    # As a client does that has not heard the first answer: still with the version from before.
    assert not change_roster(path, read, change)
    assert path.read_text() == after


def test_the_last_admin_stays_one(path: Path) -> None:
    before = path.read_text()
    for change in (Known(KEYS["ada"], removal()), Known(KEYS["ada"], new_role("viewer"), role="viewer")):
        with pytest.raises(Refused, match="the only admin"):
            change_roster(path, version(path), change)
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (NewMember("bob", KEYS["eve"], "viewer"), Code.ALREADY_EXISTS),
        (NewMember("eve", KEYS["bob"], "viewer"), Code.ALREADY_EXISTS),
        (NewMember("e v e", KEYS["eve"], "viewer"), Code.INVALID_ARGUMENT),
        (NewMember("eve", KEYS["eve"], "king"), Code.INVALID_ARGUMENT),
        (NewMember("eve", bytes(32), "viewer"), Code.INVALID_ARGUMENT),
        (Known(KEYS["bob"], new_name("ada"), name="ada"), Code.ALREADY_EXISTS),
        (Known(KEYS["eve"], new_name("x"), name="x"), Code.NOT_FOUND),
    ],
)
def test_what_cannot_be_is_refused(path: Path, change: NewMember | Known, code: Code) -> None:
    before = path.read_text()
    with pytest.raises(Refused) as refused:
        change_roster(path, version(path), change)
    assert refused.value.code is code
    assert path.read_text() == before


def test_a_roster_that_is_gone_is_not_made_anew(path: Path) -> None:
    path.unlink()
    with pytest.raises(Refused, match="there is no roster"):
        change_roster(path, bytes(32), EVE)
    assert not path.exists()
