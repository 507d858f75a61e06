import os
import stat
from pathlib import Path

import pytest

from jobwire.keys.files import ownership, user_folders
from jobwire.schemas.refusal import Code, Refused

STRANGER = 54321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def status(*, uid: int, mode: int = stat.S_IFDIR | 0o700, gid: int = STRANGER) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        ownership.demand_own(path, "the state folder")
    assert caught.value.code is Code.FAILED_PRECONDITION
    return str(caught.value)


@as_root
def test_a_folder_of_somebody_else_is_refused_with_owner_and_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    said = refusal(folder)
    assert f"the state folder {folder} belongs to uid 54321, but jobwire runs as root (uid 0)" in said
    assert "JOBWIRE_STATE" in said


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_to_which_others_may_write_is_refused_with_the_command_that_changes_it(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    said = refusal(folder)
    assert f"others may write to the state folder {folder} (mode {mode:04o})" in said
    assert f"chmod go-w {folder}" in said


@as_root
def test_root_uses_no_folder_that_a_user_could_replace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)
    assert f"is in {home}, which belongs to uid 54321" in refusal(home / "not there yet" / "state")
    (tmp_path / "link").symlink_to(home)
    assert f"is in {tmp_path / 'link'}, which belongs to uid 54321" in refusal(tmp_path / "link" / "state")


@as_root
def test_root_uses_no_folder_below_one_to_which_everybody_may_write_but_one_that_is_sticky(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    ownership.demand_own(shared / "state", "the state folder")
    shared.chmod(0o777)
    assert f"is in {shared}, to which others may write (mode 0777)" in refusal(shared / "state")


def test_what_is_missing_and_what_is_private_pass(tmp_path: Path) -> None:
    ownership.demand_own(tmp_path / "missing", "the state folder")
    ownership.demand_own(tmp_path, "the state folder")


def test_the_owners_own_group_may_write_and_another_group_may_not() -> None:
    # root's own group is called as root is.
    mode = stat.S_IFDIR | 0o770
    assert not ownership.others_may_write(status(uid=0, gid=0, mode=mode))
    assert ownership.others_may_write(status(uid=0, gid=STRANGER, mode=mode))


def test_where_root_wrote_a_file_for_somebody_that_may_be_said() -> None:
    mine, roots = os.geteuid(), status(uid=0)
    ownership.judge_owner(status(uid=mine), Path("roster.toml"), "the roster")
    ownership.judge_owner(roots, Path("roster.toml"), "the roster", roots_too=True)


@pytest.mark.parametrize("home", ["rel", "./home", "~"])
def test_a_home_that_is_not_an_absolute_path_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _forget_folders(monkeypatch)
    monkeypatch.setenv("HOME", home)
    for folder in (user_folders.worker_folder, user_folders.identity_path, user_folders.roster_path):
        with pytest.raises(Refused, match=rf"{home!r} is not an absolute path.*JOBWIRE_CONFIG and JOBWIRE_STATE"):
            folder()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_home_is_that_of_the_user_database(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget_folders(monkeypatch)
    monkeypatch.delenv("HOME")
    unset = user_folders.state_folder()
    monkeypatch.setenv("HOME", "")
    assert user_folders.state_folder() == unset
    assert unset.is_absolute()


def _forget_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOBWIRE_STATE", "JOBWIRE_CONFIG", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_that_may_not_be_written_is_reported_with_its_owner(tmp_path: Path) -> None:
    said = ownership.reason_of(PermissionError(13, "Permission denied"), tmp_path / "missing" / "identity")
    assert said.startswith(f"Permission denied, {tmp_path} belongs to ")
    assert ownership.reason_of(OSError(28, "No space left on device"), tmp_path) == "No space left on device"


def test_nobody_is_told_to_change_the_mode_of_a_device(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(Refused, match="is a device; remove it, or the link to it"):
        ownership.judge((tmp_path / "link").stat(), tmp_path / "link", "the contexts file", roots_too=True)


@as_root
def test_a_home_that_is_a_device_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    words = refusal(Path("/dev/null/.local/state"))
    assert "is in /dev/null, which is not a folder; use folders of your own: set HOME" in words
    assert "chmod" not in words
