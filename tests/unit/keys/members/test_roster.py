"""The roster's file: added to, and in force as it changes. Waits are on the descriptor that the loop would watch."""

from __future__ import annotations

import os
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import own_descriptors

from jobwire.keys import identity
from jobwire.keys.members import roster as rosters
from jobwire.keys.members.rights import Member
from jobwire.keys.members.roster import LARGEST_ROSTER, Roster, RosterFile, add_member, list_members, read
from jobwire.schemas.refusal import Code, Refused

LAPTOP = identity.from_seed(b"a" * 32)
LAB = identity.from_seed(b"b" * 32)
DEADLINE_SECONDS = 60


def entry(name: str, who: identity.Identity) -> str:
    return f'[[member]]\nname = "{name}"\nkey = "{identity.format_public(who.public)}"\nrole = "viewer"\n'


ONE, TWO = entry("laptop", LAPTOP), entry("laptop", LAPTOP) + entry("lab", LAB)


class Watched:
    """A roster file, and what was reported about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changes: list[Roster] = []
        self.problems: list[str] = []
        self.file = RosterFile(path, self.problems.append)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            readable, _, _ = select.select([self.file.fileno()], [], [], deadline - time.monotonic())
            assert readable, "nothing was told in time"
            self.drain()

    def drain(self) -> None:
        if self.file.drain():
            self.changes.append(self.file.roster)

    def wait_for(self, *names: str) -> None:
        self.wait_until(lambda: tuple(member.name for member in self.file.roster.members) == names)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    path = tmp_path / "roster.toml"
    path.write_text(ONE)
    made = Watched(path)
    yield made
    made.file.close()


def test_what_stands_in_the_file_is_in_force_from_the_beginning(watched: Watched) -> None:
    assert watched.file.roster.member(LAPTOP.public) == Member("laptop", LAPTOP.public, "viewer")
    assert watched.changes == watched.problems == []


def test_an_edit_in_place_is_in_force(watched: Watched) -> None:
    watched.path.write_text(TWO)
    watched.wait_for("laptop", "lab")
    assert watched.changes == [watched.file.roster]
    watched.path.write_text(ONE)
    watched.wait_for("laptop")


def test_a_file_put_in_its_place_is_in_force(watched: Watched) -> None:
    for text, names in ((TWO, ("laptop", "lab")), (ONE, ("laptop",))):
        new = watched.path.with_suffix(".new")
        new.write_text(text)
        new.rename(watched.path)
        watched.wait_for(*names)


def test_a_deleted_file_lets_nobody_in_and_a_new_one_counts(watched: Watched) -> None:
    watched.path.unlink()
    watched.wait_for()
    assert watched.file.roster.by_curve(LAPTOP.curve_public) is None
    watched.path.write_text(TWO)
    watched.wait_for("laptop", "lab")
    assert watched.problems == []


def test_a_file_moved_away_lets_nobody_in(watched: Watched) -> None:
    watched.path.rename(watched.path.with_suffix(".off"))
    watched.wait_for()


def test_a_file_linked_into_its_place_is_in_force(watched: Watched) -> None:
    other = watched.path.with_suffix(".other")
    other.write_text(TWO)
    watched.path.unlink()
    os.link(other, watched.path)
    watched.wait_for("laptop", "lab")


def test_an_editor_that_moves_the_old_file_away_shuts_nobody_out_meanwhile(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    # However late the editor comes to it here.
    monkeypatch.setattr(rosters, "_SETTLE_SECONDS", DEADLINE_SECONDS)
    watched.path.rename(watched.path.with_suffix(".toml~"))
    # Another process, as the drain waits for the writer.
    program = "import sys, pathlib; print(flush=True); sys.stdin.readline(); pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    with subprocess.Popen([sys.executable, "-c", program, str(watched.path), TWO], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as editor:
        assert editor.stdin is not None
        assert editor.stdout is not None
        editor.stdout.readline()
        editor.stdin.write(b"\n")
        editor.stdin.flush()
        watched.wait_for("laptop", "lab")
        assert len(watched.changes) == 1
    assert editor.returncode == 0


def test_a_broken_edit_keeps_the_old_one_and_is_reported_once(watched: Watched) -> None:
    watched.path.write_text(TWO + "[[member]]\nrole = 3\n")
    watched.wait_until(lambda: bool(watched.problems))
    (watched.path.parent / "other file").write_text("wakes the watch again")
    watched.drain()
    assert len(watched.problems) == 1
    assert f"{watched.path}, line 10: " in watched.problems[0]
    assert "the previous roster stays in force" in watched.problems[0]
    assert [member.name for member in watched.file.roster.members] == ["laptop"]
    assert watched.changes == []
    watched.path.write_text(TWO)
    watched.wait_for("laptop", "lab")


def test_the_same_broken_edit_is_reported_again_after_it_was_fixed(watched: Watched) -> None:
    for times in (1, 2):
        watched.path.write_text("[[")
        watched.wait_until(lambda times=times: len(watched.problems) == times)  # type: ignore[misc]
        watched.path.write_text(ONE)
        select.select([watched.file.fileno()], [], [], DEADLINE_SECONDS)
        watched.drain()
    assert watched.changes == []


def test_a_change_of_a_comment_changes_nothing(watched: Watched) -> None:
    watched.path.write_text("# hello\n" + ONE)
    select.select([watched.file.fileno()], [], [], DEADLINE_SECONDS)
    watched.drain()
    assert watched.changes == watched.problems == []


def test_a_roster_that_anybody_could_write_is_not_taken(watched: Watched) -> None:
    watched.path.chmod(0o666)
    watched.path.write_text(TWO)
    watched.wait_until(lambda: bool(watched.problems))
    assert "anyone can write to" in watched.problems[0]
    assert "chmod 600" in watched.problems[0]
    watched.path.chmod(0o600)
    watched.wait_for("laptop", "lab")


def test_what_a_link_leads_to_is_in_force_as_it_changes(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target.toml"
    target.write_text(ONE)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "roster.toml").symlink_to(target)
    watched = Watched(tmp_path / "etc" / "roster.toml")
    try:
        target.write_text(TWO)
        watched.wait_for("laptop", "lab")
        target.unlink()
        watched.wait_for()
    finally:
        watched.file.close()


def test_a_file_that_is_not_there_yet_counts_when_it_comes(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "new" / "roster.toml")
    try:
        assert watched.file.roster == Roster()
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
        add_member(watched.path, "laptop", LAPTOP.public, "viewer")
        watched.wait_for("laptop")
    finally:
        watched.file.close()


def test_a_folder_that_is_removed_lets_nobody_in_and_is_reported(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "etc" / "roster.toml")
    try:
        add_member(watched.path, "laptop", LAPTOP.public, "viewer")
        watched.wait_for("laptop")
        watched.path.parent.rename(tmp_path / "elsewhere")
        watched.wait_for()
        assert ["take effect only after a restart" in problem for problem in watched.problems] == [True]
    finally:
        watched.file.close()


def test_a_roster_that_is_broken_at_the_beginning_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text("[[")
    opened = own_descriptors()
    with pytest.raises(Refused, match="line 1"):
        Watched(path)
    assert own_descriptors() == opened


def test_files_that_are_no_rosters_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"#" * (LARGEST_ROSTER + 1))
    (tmp_path / "latin").write_bytes(b"# caf\n# caf\xe9\n")
    (tmp_path / "utf16").write_bytes("[[member]]\n".encode("utf-16"))
    (tmp_path / "nul").write_bytes(b"[[member]]\n# \0\n")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    opened = own_descriptors()
    for name, words in (
        ("loop", "the roster .* is a symbolic link that points to itself; move it away: mv "),
        ("fifo", "fifo is a pipe, not a file; move it away: mv "),
        ("large", "large has more than"),
        ("latin", "line 2: this is not UTF-8: byte 0xe9"),
        ("utf16", "line 1: this is UTF-16, not UTF-8"),
        ("nul", "line 2: it has a NUL byte"),
        (".", "is a folder, not a file"),
    ):
        with pytest.raises(Refused, match=words):
            read(tmp_path / name)
    assert own_descriptors() == opened


def test_a_member_is_added_to_a_new_private_file(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "roster.toml"
    add_member(path, "laptop", LAPTOP.public, "admin")
    add_member(path, "lab", LAB.public, "viewer")
    assert list_members(path) == (Member("laptop", LAPTOP.public, "admin"), Member("lab", LAB.public, "viewer"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [made.name for made in path.parent.iterdir()] == ["roster.toml"]


@pytest.mark.parametrize("end", ["", "\n", "  # no newline", "\r\n"])
def test_what_a_person_wrote_stays_byte_for_byte(tmp_path: Path, end: str) -> None:
    path = tmp_path / "roster.toml"
    before = ("# mine\n\n" + ONE + "# the end" + end).encode()
    path.write_bytes(before)
    add_member(path, "lab", LAB.public, "viewer")
    assert path.read_bytes().startswith(before)
    assert [member.name for member in list_members(path)] == ["laptop", "lab"]


def test_a_known_name_or_key_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(ONE)
    negative = LAPTOP.public[:31] + bytes([LAPTOP.public[31] ^ 0x80])
    for name, public, words in (
        ("laptop", LAB.public, "the name laptop is already in"),
        ("eve", LAPTOP.public, "as that of laptop"),
        ("eve", negative, "as that of laptop"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            add_member(path, name, public, "viewer")
        assert refused.value.code is Code.ALREADY_EXISTS
    assert path.read_text() == ONE


def test_a_member_that_is_not_valid_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    for name, public, role in (
        ("a b", LAPTOP.public, "viewer"),
        ("laptop", LAPTOP.public, "boss"),
        ("laptop", LAPTOP.public, "pairing"),
        ("laptop", bytes(32), "viewer"),
    ):
        with pytest.raises(Refused) as refused:
            add_member(path, name, public, role)
        assert refused.value.code is Code.INVALID_ARGUMENT
    assert not path.exists()


def test_nothing_is_added_to_a_broken_roster_or_one_in_another_form(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    key = identity.format_public(LAPTOP.public)
    for text, words in (("[[", "line 1"), (f'member = [{{ name = "laptop", key = "{key}", role = "viewer" }}]', "by hand")):
        path.write_text(text)
        with pytest.raises(Refused, match=words):
            add_member(path, "lab", LAB.public, "viewer")
        assert path.read_text() == text


def test_a_link_stays_a_link_when_a_member_is_added(tmp_path: Path) -> None:
    target, link = tmp_path / "target.toml", tmp_path / "roster.toml"
    target.write_text(ONE)
    link.symlink_to(target)
    add_member(link, "lab", LAB.public, "viewer")
    assert link.is_symlink()
    assert len(list_members(target)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write the file of another user")
def test_a_file_that_root_adds_to_still_belongs_to_its_user(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    os.chown(tmp_path, 1234, 1235)
    for name, who in (("laptop", LAPTOP), ("lab", LAB)):
        add_member(path, name, who.public, "viewer")
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_an_editor_that_writes_beside_it_changes_nothing(watched: Watched) -> None:
    with watched.path.open("w") as half_written:
        half_written.write("[[")
        half_written.flush()
        watched.path.with_suffix(".toml~").write_text("another file")
        select.select([watched.file.fileno()], [], [], DEADLINE_SECONDS)
        watched.drain()
        assert watched.changes == watched.problems == []
        half_written.seek(0)
        half_written.write(TWO)
    watched.wait_for("laptop", "lab")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for made in (Watched, lambda path: add_member(path, "laptop", LAPTOP.public, "viewer")):
        with pytest.raises(Refused):
            made(tmp_path / "file" / "roster.toml")


def test_of_members_added_by_several_processes_at_once_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    program = (
        "import sys; from pathlib import Path\n"
        "from jobwire.keys.identity import generate; from jobwire.keys.members.roster import add_member\n"
        "for number in range(5): add_member(Path(sys.argv[1]), f'{sys.argv[2]}-{number}', generate().public, 'viewer')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), f"process{number}"]) for number in range(4)]
    try:
        assert [process.wait(timeout=60) for process in processes] == [0] * 4
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert len(list_members(path)) == 20


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b" \t\n"),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b" \n\t\n" + text,
        lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"  \r\n"),
    ],
    ids=["a mark", "blanks", "CR LF", "lines of blanks", "all of it"],
)
def test_a_roster_that_an_editor_touched_is_read_and_added_to_byte_for_byte(tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "roster.toml"
    before = edit(ONE.encode())
    path.write_bytes(before)
    add_member(path, "lab", LAB.public, "viewer")
    assert [member.name for member in list_members(path)] == ["laptop", "lab"]
    assert path.read_bytes().startswith(before)
    # The lines that are added end as the others do.
    assert (b"\r\n" in before) == (path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_roster_that_a_user_could_swap_lets_nobody_into_what_root_runs(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "roster.toml").write_text(ONE)
    os.chown(folder, 1234, 1235)
    with pytest.raises(Refused, match=r"is in .*service, which belongs to uid 1234"):
        RosterFile(folder / "roster.toml", lambda _problem: None)
