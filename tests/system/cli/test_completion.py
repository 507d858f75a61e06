"""Completion in the shells themselves, and what it must not do."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from home import SECONDS, Home
from tab_modules import LIBRARIES, OURS, REAL

from jobwire.client.cli.completion.lookup.quick_line import QuickLine
from jobwire.client.config import contexts
from jobwire.keys import identity
from jobwire.schemas.generated import job_pb2, request_pb2

PROGRAM = Path(sys.executable).parent
# What a shell writes to colour, to move, and because there was no answer in time.
_STYLES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x07")


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"this machine has no {shell}")


def install(home: Home, shell: str) -> Home:
    """Give a user completion in their shell."""
    home.env |= {"HOME": str(home.folder), "PATH": f"{PROGRAM}:{home.env['PATH']}", "PS1": "> ", "PROMPT_COMMAND": ""}
    home.jobwire("completion", "install", shell)
    # Some people live with these.
    for name, options in ((".bashrc", "set -u"), (".zshrc", "setopt nounset ksharrays")):
        with (home.folder / name).open("a") as startup:
            startup.write(f"{options}\n")
    return home


class Prompt:
    """A shell on a terminal, at which Tab is pressed until the expected text is there: a busy machine may answer too late for one Tab."""

    def __init__(self, home: Home, *shell: str) -> None:
        self._master, slave = os.openpty()
        self._process = subprocess.Popen(
            shell, stdin=slave, stdout=slave, stderr=slave, env=home.env, cwd=home.folder, start_new_session=True
        )
        os.close(slave)
        self._screen = b""

    def _read(self, text: bytes, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while text not in _STYLES.sub(b"", self._screen):
            if not select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return False
            self._screen += os.read(self._master, 65536)
        return True

    def completes(self, typed: str, text: str) -> None:
        """Type the beginning of a line at a new prompt, and Tab until it has become what is expected."""
        self._screen = b""
        os.write(self._master, b"\x15" + typed.encode())
        assert self._read(typed.encode()[-1:], SECONDS)
        deadline = time.monotonic() + SECONDS
        os.write(self._master, b"\t")
        while not self._read(text.encode(), 2):
            assert time.monotonic() < deadline, f"{typed!r} became {self._screen!r}"
            os.write(self._master, b"\t")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.mark.parametrize(
    "shell",
    [pytest.param(("bash",), id="bash"), pytest.param(("zsh", "-o", "NO_GLOBAL_RCS"), id="zsh", marks=needs("zsh"))],
)
def test_a_tab_completes_commands_and_jobs_in_the_shell(home: Home, shell: tuple[str, ...]) -> None:
    user = install(home, shell[0])
    (user.folder / "slow.toml").touch()
    user.submit("-n", "slow:2026[0]", "--", "sleep", "600")
    prompt = Prompt(user, *shell)
    try:
        prompt.completes("jobwire sho", "jobwire show")
        prompt.completes("jobwire stop slow:2", r"2026\[0\]")
        prompt.completes("jobwire stop 'slow", "'slow:2026[0]'")
        prompt.completes("jobwire batch slo", "slow.toml")
        prompt.completes("jobwire keys add me key --role=ad", "role=admin")
    finally:
        prompt.close()


@needs("fish")
def test_fish_completes_commands_and_jobs_with_what_they_mean(home: Home) -> None:
    user = install(home, "fish")
    user.submit("-n", "slow", "--", "sleep", "600")
    (user.folder / "slow.toml").touch()

    def complete(typed: str) -> list[str]:
        script = f"complete -C '{typed}'"
        return subprocess.run(
            ["fish", "-c", script], env=user.env, cwd=user.folder, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    assert complete("jobwire sho") == ["show\tShow the details of jobs, including why one is waiting or failed."]
    assert [line.partition("\t")[0] for line in complete("jobwire batch slo")] == ["slow.toml"]
    deadline = time.monotonic() + SECONDS
    while not (found := complete("jobwire stop slo")):
        assert time.monotonic() < deadline
    assert found == ["slow\trunning: sleep 600"]


def answer(home: Home, *said: str) -> list[str]:
    return subprocess.run(
        [PROGRAM / "jobwire", "__complete", *said],
        env=home.env,
        cwd=home.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    ).stdout.splitlines()


def test_a_job_is_never_completed_with_a_file_and_no_private_worker_is_started(empty_home: Home) -> None:
    (empty_home.folder / "file").touch()
    before = sorted(path.name for path in empty_home.folder.iterdir())
    assert answer(empty_home, "bash", "jobwire stop f") == ["words"]
    assert answer(empty_home, "zsh", "show", "") == ["words"]
    assert answer(empty_home, "fish", "run", "-C", "/") == ["folders"]
    assert sorted(path.name for path in empty_home.folder.iterdir()) == before


def test_nothing_that_is_typed_makes_it_fail(home: Home) -> None:
    assert answer(home, "bash", "jobwire show '\udcff\x01") == ["words"]
    assert answer(home, "bash") == answer(home, "bash", "jobwire ")
    assert answer(home, "zsh", *["x"] * 3000) == ["words"]
    # The folder of another machine is not looked for on this one.
    assert answer(home, "bash", "jobwire run -C /et") == ["words"]


def loaded_by(home: Home, program: str) -> set[str]:
    told = subprocess.run([sys.executable, "-c", f"{program}\n{REAL}"], env=home.env, capture_output=True, text=True, check=True)
    return set(told.stdout.rpartition("!")[2].split())


@pytest.mark.parametrize("owner", ["home", "empty_home"])
def test_an_answer_with_jobs_loads_only_what_is_allowed(owner: str, request: pytest.FixtureRequest) -> None:
    home = request.getfixturevalue(owner)
    home.jobwire("run", "-n", "build", "--", "true")
    loaded = loaded_by(home, "from jobwire.client.cli.completion.answer import main; main(['zsh', 'show', 'bu'])")
    ours = {name for name in loaded if name.startswith("jobwire.")}
    assert ours - OURS == set()
    libraries = {name for name in loaded_by(home, LIBRARIES) if not name.startswith("jobwire.")}
    assert loaded - ours - libraries == set()


def test_the_words_of_completion_load_neither_parser_nor_sockets(home: Home) -> None:
    program = "import sys; from jobwire.client.cli.completion.answer import main; main(['bash', 'jobwire stop --']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], env=home.env, capture_output=True, text=True, check=True).stdout
    assert not {"typer", "zmq", "nacl", "google.protobuf", "rich", "dataclasses", "pathlib"} & set(loaded.split())


def test_a_worker_picks_out_the_jobs_that_begin_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("xray", "zebra", "zoo"):
        home.jobwire("run", "-n", name, "--", "true")
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    context = contexts.resolve_running()
    assert context is not None
    deadline = time.monotonic() + SECONDS
    line = QuickLine(context.endpoint, context.server_key, identity.load(context.identity_path), deadline)

    def listed(begins: str) -> list[job_pb2.Job]:
        wanted = request_pb2.List(all=True, begins=begins, newest_first=True)
        return list(line.next(line.ask(request_pb2.Request(list=wanted)), deadline).list.jobs)

    try:
        assert "beginnings" in line.hello(deadline).features
        assert [job.spec.name for job in listed("z")] == ["zoo", "zebra"]
        assert [job.spec.name for job in listed("zeb")] == ["zebra"]
        assert listed("zz") == []
        # By the beginning of an id, which may be that of other jobs too.
        [xray] = listed("xray")
        assert "xray" in {job.spec.name for job in listed(xray.key.id.hex()[:3])}
    finally:
        line.close()


def test_the_members_of_a_worker_that_is_named_are_completed_for_its_admin(own_home: Home) -> None:
    deadline = time.monotonic() + SECONDS
    while answer(own_home, "zsh", "--context", "lab", "keys", "rm", "ad") != ["words", "admin\tadmin"]:
        assert time.monotonic() < deadline


def test_a_worker_that_is_suspended_keeps_nobody_waiting_at_a_tab(empty_home: Home) -> None:
    empty_home.jobwire("run", "-n", "build", "--", "true")
    [worker] = empty_home.records("worker", "status")
    os.kill(worker["pid"], signal.SIGSTOP)
    try:
        for said in (["zsh", "show", ""], ["fish", "stop", "bu"], ["bash", "jobwire schedule show "], ["zsh", "list", "--user", ""]):
            assert answer(empty_home, *said) == ["words"]
    finally:
        os.kill(worker["pid"], signal.SIGCONT)
    deadline = time.monotonic() + SECONDS
    while answer(empty_home, "zsh", "show", "bu") != ["words", "build\tended: true"]:
        assert time.monotonic() < deadline
