"""The documents are true: what they show is done here. What they list in tables is compared in tests/unit/test_documents.py.

In a block marked `console` a line `$ COMMAND` is typed into a shell, in order, one shell for each prompt of a document
(`lab$ COMMAND` into that of a second user). What follows must be what it wrote: the lines of its two streams, each in order.
Spaces and tabs count as one. `...` stands for anything in a line, and alone for any lines; a word in capitals with an underscore,
JOB_ID, for one word, always the same.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from daemons import wait_until
from processes import is_alive

from jobwire.client.batch.batch_file import read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.config import contexts
from jobwire.keys.members import roster_text

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
SECONDS = 60
_END_ALL = """
export JOBWIRE_CONTEXT=embedded
jobs=$(jobwire list | cut -f 1)
[ -z "$jobs" ] || jobwire stop --now $jobs
jobwire worker stop
"""
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"(\w*)\$ (.*)")
_VARYING = re.compile(r"\b(?!JOBWIRE_)[A-Z]+(?:_[A-Z]+)+\b(?!=)")
_END = "--end of the command--"


class Block(NamedTuple):
    kind: str
    text: str


def blocks(document: Path, *kinds: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(document.read_text()) if found[0] in kinds]


class Shell:
    """One user at one prompt: a bash, with folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JOBWIRE_", "XDG_"))}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self.env = {**kept, "PATH": path, "HOME": str(folder), "JOBWIRE_CONFIG": f"{folder}/config", "JOBWIRE_STATE": f"{folder}/state"}
        pipe = subprocess.PIPE
        self.bash = subprocess.Popen(
            ["bash", "--norc"], stdin=pipe, stdout=pipe, stderr=pipe, env=self.env, cwd=folder, start_new_session=True
        )
        self._heard = {self.bash.stdout: "", self.bash.stderr: ""}

    def type(self, command: str) -> None:
        # On a terminal, `run` would not read what is typed next; here it comes from a pipe.
        line = f"{{ {command}\n}} < /dev/null\n__status=$?; echo; echo '{_END}'; (echo; echo '{_END}') >&2; (exit $__status)\n"
        assert self.bash.stdin is not None
        self.bash.stdin.write(line.encode())
        self.bash.stdin.flush()

    def wrote(self, deadline: float) -> bool:
        """Wait for more output; return False when the deadline has passed."""
        ready, _, _ = select.select(list(self._heard), [], [], max(0.0, deadline - time.monotonic()))
        for stream in ready:
            part = os.read(stream.fileno(), 65536)
            assert part, f"the shell ended: {self._heard}"
            self._heard[stream] += part.decode()
        return bool(ready)

    @property
    def prompted(self) -> bool:
        return all(_END in text for text in self._heard.values())

    def lines(self) -> list[list[str]]:
        """Return what was written since the last `clear`, by stream."""
        return [[line.rstrip() for line in text.splitlines() if line.strip() and line != _END] for text in self._heard.values()]

    def clear(self) -> None:
        self._heard = dict.fromkeys(self._heard, "")

    def close(self) -> None:
        """Stop all jobs of this user's worker, and wait until none of their processes is left."""
        described = self.folder / "state" / "worker" / "worker.json"
        if described.exists():
            pids = json.loads(described.read_bytes())
            if is_alive(pids["supervisor_pid"]) or is_alive(pids["pid"]):
                subprocess.run(["bash", "-c", _END_ALL], env=self.env, capture_output=True, timeout=SECONDS, check=True)
                pids = json.loads(described.read_bytes())
            for name in ("pid", "supervisor_pid", "keeper_pid"):
                wait_until(lambda name=name: not is_alive(pids[name]), f"{name} ends")
        try:
            self.bash.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.bash.pid, signal.SIGKILL)
            self.bash.communicate()
            raise


def pattern(line: str, known: dict[str, str]) -> str:
    """Return the regular expression for one line that is shown."""
    parts = []
    for piece in re.split(r"(\.\.\.|\s+|\b(?!JOBWIRE_)[A-Z]+(?:_[A-Z]+)+\b(?!=))", line.strip()):
        if piece == "...":
            parts.append(".*")
        elif not piece.strip():
            parts.append(r"\s+" if piece else "")
        elif _VARYING.fullmatch(piece):
            parts.append(re.escape(known[piece]) if piece in known else f"(?P<{piece}>\\S+)")
        else:
            parts.append(re.escape(piece))
    return r"\s*" + "".join(parts)


def matches(shown: Sequence[str], streams: Sequence[Sequence[str]], known: dict[str, str]) -> dict[str, str] | None:
    """Return the values of placeholders if the shown lines match the streams, in some order of the two; else None."""
    if not shown:
        return None if any(streams) else known
    for at, stream in enumerate(streams):
        if not stream:
            continue
        rest = [*streams[:at], stream[1:], *streams[at + 1 :]]
        if shown[0] == "..." and (found := matches(shown, rest, known)) is not None:
            return found
        met = re.fullmatch(pattern(shown[0], known), stream[0])
        if met and shown[0] != "..." and (found := matches(shown[1:], rest, {**known, **met.groupdict()})) is not None:
            return found
    return matches(shown[1:], streams, known) if shown[0] == "..." else None


def commands(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Return the parts of a console block: user, command, and the lines shown."""
    shown: list[str] = []
    typed: tuple[str, str] | None = None
    for line in [*text.splitlines(), "$ "]:
        prompt = _PROMPT.fullmatch(line)
        if prompt is None:
            shown.append(line.strip())
            continue
        if typed is not None:
            yield *typed, shown
        typed, shown = (prompt[1], prompt[2]), []


def do(shell: Shell, command: str, shown: list[str], known: dict[str, str]) -> None:
    """Type a command, and compare its output with what is shown."""
    shell.type(_VARYING.sub(lambda word: known.get(word[0], word[0]), command))
    deadline = time.monotonic() + SECONDS
    while True:
        found = matches(shown, shell.lines(), known) if shell.prompted else None
        if found is not None:
            known.update(found)
            shell.clear()
            return
        assert shell.wrote(deadline if not shell.prompted or command.endswith("&") else time.monotonic() + 1), (
            f"$ {command}\nshows\n  " + "\n  ".join(shown) + f"\nbut wrote\n  {shell.lines()}"
        )


def run_python(shell: Shell, program: str) -> None:
    expected = re.findall(r"^ *print\(.*\)  # (.*)$", program, re.MULTILINE)
    ended = subprocess.run(
        [sys.executable, "-"], check=False, input=program, env=shell.env, cwd=shell.folder, capture_output=True, text=True, timeout=SECONDS
    )
    assert ended.stdout.splitlines() == expected, ended.stderr


def understand(text: str, folder: Path) -> None:
    """Read a TOML example as jobwire would, and put it where commands find it."""
    name, _, _ = text.removeprefix("# ").partition("\n")
    if name == "roster.toml":
        assert roster_text.parse(text, name).members
    elif name == "contexts.toml":
        (folder / name).write_text(text)
        assert contexts.list_contexts()
    elif name.endswith(".toml"):
        assert read_batch(text.encode(), name, Surroundings(folder)).jobs
        (folder / name).write_text(text)
    else:
        assert name == "vectors", f"no reader is known for {name}"


@contextmanager
def two_ports() -> Iterator[int]:
    """Return a free port whose next port is free too, both reserved; only sockets with SO_REUSEADDR, as those of libzmq, may listen."""
    for port in range(17_341, 32_000, 2):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            for each in (one, two):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            yield port
            return
    raise AssertionError("no two ports are free")


@pytest.fixture
def lab() -> Iterator[str]:
    """Return an address to listen at."""
    with two_ports() as port:
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if blocks(one, "console", "python", "toml")], ids=lambda one: one.stem)
def test_what_a_document_shows_happens(document: Path, lab: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shells: dict[str, Shell] = {}
    known: dict[str, str] = {}

    def shell(user: str) -> Shell:
        if user not in shells:
            shells[user] = Shell(tmp_path / (user or "home"))
        return shells[user]

    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "home"))
    try:
        for block in blocks(document, "console", "python", "toml"):
            if block.kind == "toml":
                understand(block.text, shell("").folder)
            elif block.kind == "python":
                run_python(shell(""), block.text)
            else:
                for user, command, shown in commands(block.text.replace("LAB_HOST:7341", lab)):
                    do(shell(user), command, shown, known)
    finally:
        for one in shells.values():
            one.close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.stem)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings], target
