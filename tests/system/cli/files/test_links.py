"""Commands with unusual files: on file systems without hard links, and with symbolic links."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from daemons import Worker, wait_until
from home import Home, command

from jobwire.schemas.jobs.states import OutcomeKind

SECONDS = 60


@pytest.fixture
def home(tmp_path: Path, bytecode: Path) -> Home:
    """An empty home; nothing here starts a worker."""
    return Home(tmp_path / "home", bytecode)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP"])
def test_an_identity_is_made_on_a_file_system_without_hard_links(home: Home, error: str) -> None:
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=link,linkat", "-e", f"inject=link,linkat:error={error}"]
    made = subprocess.run([*strace, *command("keys", "new")], env=home.env, capture_output=True, text=True, timeout=SECONDS, check=False)
    if "PTRACE" in made.stderr:
        pytest.skip(f"strace may not look at processes here: {made.stderr}")
    assert (made.returncode, home.jobwire("keys", "show").stdout.decode()) == (0, made.stdout)
    assert [path.name for path in home.config.iterdir()] == ["identity"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP"])
def test_jobs_run_on_a_file_system_without_any_links(worker: Worker, tmp_path: Path, error: str) -> None:
    """And whole is what they write, if supervisor and keeper are killed."""
    worker.kill(signal.SIGTERM)
    calls = "link,linkat,symlink,symlinkat"
    worker.prefix = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    try:
        worker.start()
    except AssertionError:
        if "PTRACE" in worker.logged():
            pytest.skip("strace may not look at processes here")
        raise
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with worker.client() as client:
        job = client.submit(["sh", "-c", f"echo early; read _ < {gate}; echo late; exit 3"])
        wait_until(lambda: job.read_range("stdout", 0, 0)[1], "it has written")
        said = worker.described()
        for name in ("keeper_pid", "supervisor_pid"):
            os.kill(said[name], signal.SIGKILL)
        wait_until(lambda: worker.described()["supervisor_pid"] != said["supervisor_pid"], "another supervisor is there")
        gate.write_bytes(b"\n")
        result = job.result(timeout=60)
        assert result.stdout == b"early\nlate\n"
        assert result.outcome.kind in {OutcomeKind.EXITED, OutcomeKind.LOST}
        assert not result.outcome.stdout_problem
    # strace itself takes no SIGTERM, and ends with the last of them.
    os.kill(worker.described()["pid"], signal.SIGTERM)
    assert worker.process is not None
    worker.process.wait(60)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray so")
def test_root_adds_nobody_to_a_roster_to_which_a_service_user_leads_it(home: Home, tmp_path: Path) -> None:
    key = home.jobwire("keys", "show").stdout.decode().strip()
    service = tmp_path / "service"
    service.mkdir()
    os.chown(service, 54321, 54321)
    (service / "roster.toml").symlink_to(home.config / "roster.toml")
    os.chown(service / "roster.toml", 54321, 54321, follow_symlinks=False)
    refused = home.jobwire("keys", "add", "friend", key, "--role", "admin", "--roster", str(service / "roster.toml"), status=125)
    assert b"roster.toml is a symbolic link that uid 54321 may have created, and is not followed" in refused.stderr
    assert not (home.config / "roster.toml").exists()
