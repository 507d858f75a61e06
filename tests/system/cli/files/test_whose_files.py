"""Folders and files of other users, and users without a home: refused before anything is written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from daemons import Worker
from home import SECONDS, command

STRANGER = 54321
# Through a shell: what setpriv itself executes still has root's capabilities. With a umask that takes everything away, for good measure.
AS_STRANGER = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "sh", "-c", 'umask 0777; exec "$@"', "sh"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def strangers_home() -> Iterator[Path]:
    """Return the home of an ordinary user without an entry in the user database, in a folder that this user can access."""
    above = Path(tempfile.mkdtemp())
    above.chmod(0o755)
    home = above / "home"
    home.mkdir(mode=0o700)
    os.chown(home, STRANGER, STRANGER)
    yield home
    shutil.rmtree(above)


def run(arguments: list[str], environment: Mapping[str, str], cwd: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        env={"PATH": os.environ["PATH"], **environment},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_root_with_the_home_of_a_user_starts_no_worker_there(strangers_home: Path) -> None:
    # 1 is a worker that does not start; the others could ask nobody.
    for arguments, status in ((("run", "true"), 125), (("keys", "new"), 125), (("worker", "run"), 1), (("context", "list"), 125)):
        ended = run(command(*arguments), {"HOME": str(strangers_home)})
        assert ended.returncode == status, arguments
        assert f"belongs to uid {STRANGER}, but jobwire runs as root (uid 0)" in ended.stderr
        assert "JOBWIRE_STATE and JOBWIRE_CONFIG" in ended.stderr
    assert list(strangers_home.iterdir()) == []


def test_a_home_that_is_relative_is_refused_and_no_folder_made(tmp_path: Path) -> None:
    ended = run(command("run", "true"), {"HOME": "rel"}, tmp_path)
    assert (ended.returncode, list(tmp_path.iterdir())) == (125, [])
    assert "the home folder 'rel' is not an absolute path" in ended.stderr


@pytest.mark.parametrize(("owner", "mode"), [(0, 0o777), (STRANGER, 0o700)])
def test_a_worker_of_root_uses_no_state_folder_that_others_may_write_or_own(tmp_path: Path, owner: int, mode: int) -> None:
    worker = Worker(tmp_path)
    worker.state.mkdir()
    worker.state.chmod(mode)
    os.chown(worker.state, owner, owner)
    said = worker.refusal()
    assert str(worker.state) in said
    assert "others may write" in said if owner == 0 else f"belongs to uid {STRANGER}" in said
    assert list(worker.state.iterdir()) == []


def test_a_worker_of_root_takes_no_roster_of_a_user(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    os.chown(worker.roster, STRANGER, STRANGER)
    assert f"the roster {worker.roster} belongs to uid {STRANGER}" in worker.refusal()


@pytest.fixture(scope="module")
def anybodys_python() -> tuple[list[str], dict[str, str]]:
    """Return a Python that any user may run, and the variables with which it finds jobwire."""
    found = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        with_it = [*AS_STRANGER, python, "-P"]
        try:
            if run([*with_it, "-c", "import jobwire.client.cli.main, zmq, nacl, google.protobuf"], found).returncode == 0:
                return with_it, found
        except OSError:
            continue
    pytest.skip("there is no Python of this version here that another user may run together with jobwire")


def test_a_user_without_a_home_is_told_the_variables_and_works_with_them(
    strangers_home: Path, anybodys_python: tuple[list[str], dict[str, str]]
) -> None:
    python, variables = anybodys_python
    jobwire = [*python, "-m", "jobwire.client.cli.main"]
    ended = run([*jobwire, "run", "true"], variables)
    assert ended.returncode == 125
    assert f"HOME is not set, and uid {STRANGER} has no entry in the user database; set HOME" in ended.stderr
    assert "JOBWIRE_CONFIG and JOBWIRE_STATE" in ended.stderr
    variables = variables | {"JOBWIRE_STATE": str(strangers_home / "s"), "JOBWIRE_CONFIG": str(strangers_home / "c")}
    try:
        ended = run([*jobwire, "run", "id", "-u"], variables)
        assert (ended.stdout, ended.returncode) == (f"{STRANGER}\n", 0), ended.stderr
    finally:
        run([*jobwire, "worker", "stop"], variables)
