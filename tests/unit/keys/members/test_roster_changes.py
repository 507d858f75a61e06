from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobwire.keys.identity import format_public, from_seed
from jobwire.keys.members.rights import Member
from jobwire.keys.members.roster import add_member, list_members
from jobwire.keys.members.roster_changes import differences, remove_member, rename_member, set_role
from jobwire.schemas.refusal import Code, Refused

KEYS = {name: from_seed(name[0].encode() * 32).public for name in ("ada", "bob", "eve")}


def entry(name: str, role: str, *, comment: str = "") -> str:
    return f'[[member]]{comment}\nname = "{name}"\nkey = "{format_public(KEYS[name])}"\nrole = "{role}"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "roster.toml"
    bob = entry("bob", "viewer", comment=" # till May")
    made.write_text(f"# ours\n{entry('ada', 'admin')}\n# the lab\n{bob}running_jobs = 2\n\n{entry('eve', 'submitter')}")
    made.chmod(0o600)
    return made


def test_only_the_lines_of_the_member_change(path: Path) -> None:
    before = path.read_text()
    assert set_role(path, "bob", "operator").role == "viewer"
    assert path.read_text() == before.replace('"viewer"', '"operator"')
    rename_member(path, "bob", "lab")
    assert path.read_text() == before.replace('"viewer"', '"operator"').replace('"bob"', '"lab"')
    assert list_members(path)[1].limits.running_jobs == 2
    removed = remove_member(path, "eve")
    assert removed.key == KEYS["eve"]
    assert [member.name for member in list_members(path)] == ["ada", "lab"]
    assert path.read_text().startswith("# ours\n")
    assert "# till May" in path.read_text()


@pytest.mark.parametrize("wrap", ["\ufeff{}", "crlf"])
def test_files_that_an_editor_touched_are_changed(path: Path, wrap: str) -> None:
    text = path.read_text()
    path.write_bytes((text.replace("\n", "\r\n") if wrap == "crlf" else wrap.format(text)).encode())
    before = path.read_bytes()
    set_role(path, "bob", "operator")
    assert path.read_bytes() == before.replace(b"viewer", b"operator")


def test_the_last_admin_stays_one(path: Path) -> None:
    before = path.read_text()
    for call in (lambda: remove_member(path, "ada"), lambda: set_role(path, "ada", "viewer")):
        with pytest.raises(Refused, match="the only admin"):
            call()
    assert path.read_text() == before
    set_role(path, "ada", "admin")
    rename_member(path, "ada", "boss")
    set_role(path, "eve", "admin")
    remove_member(path, "boss")
    assert [member.role for member in list_members(path)] == ["viewer", "admin"]


def test_what_cannot_be_meant_is_refused_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = path.read_text()
    for call, code in (
        (lambda: remove_member(path, "nobody"), Code.NOT_FOUND),
        (lambda: remove_member(tmp_path / "none" / "roster.toml", "ada"), Code.NOT_FOUND),
        (lambda: remove_member(tmp_path / "none.toml", "ada"), Code.NOT_FOUND),
        (lambda: set_role(path, "bob", "king"), Code.INVALID_ARGUMENT),
        (lambda: rename_member(path, "bob", "a b"), Code.INVALID_ARGUMENT),
        (lambda: rename_member(path, "bob", "eve"), Code.ALREADY_EXISTS),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code is code
    assert path.read_text() == before
    assert not (tmp_path / "none").exists()


def test_members_in_a_list_on_one_line_are_changed_too(path: Path) -> None:
    inline = ", ".join(f'{{name = "{name}", key = "{format_public(KEYS[name])}", role = "admin"}}' for name in ("ada", "bob"))
    path.write_text(f"member = [{inline}]\n")
    set_role(path, "bob", "viewer")
    assert [member.role for member in list_members(path)] == ["admin", "viewer"]
    remove_member(path, "bob")
    assert [member.name for member in list_members(path)] == ["ada"]


def test_changes_at_once_are_all_made(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(remove_member, path, "bob"),
            pool.submit(set_role, path, "eve", "operator"),
            pool.submit(rename_member, path, "ada", "boss"),
            pool.submit(add_member, path, "new", from_seed(b"n" * 32).public, "viewer"),
        ]
        for call in calls:
            call.result()
    assert {member.name: member.role for member in list_members(path)} == {"boss": "admin", "eve": "operator", "new": "viewer"}


def test_each_difference_is_a_sentence() -> None:
    ada, bob, eve = (Member(name, KEYS[name], "viewer") for name in KEYS)
    changed = Member("rob", bob.key, "admin")
    assert list(differences((ada, bob), (changed, eve))) == [
        "ada removed, role viewer",
        "bob changed: name rob, was bob; role admin, was viewer",
        "eve added, role viewer",
    ]
    assert list(differences((ada,), (ada,))) == []


def test_a_member_can_be_added_after_the_only_one_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    add_member(path, "bob", KEYS["bob"], "viewer")
    remove_member(path, "bob")
    add_member(path, "eve", KEYS["eve"], "viewer")
    assert [member.name for member in list_members(path)] == ["eve"]
