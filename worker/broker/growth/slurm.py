"""Slurm, through its commands sbatch, squeue, scancel, sinfo and scontrol: run without a shell, with a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ....broker.growth.cluster import NoAnswer, Phase, Seen
from ....broker.own_process.threads import on_thread
from ....schemas.generated import request_pb2
from ....schemas.refusal import Code, Refused
from . import slurm_text

# What these commands need to find Slurm and its users; sbatch would pass everything else on to the allocation.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "LD_LIBRARY_PATH", "TZ")
_ANSWER_SECONDS = 30.0
# How these commands say that slurmctld did not answer, and nothing else.
_SILENCE = ("unable to contact slurm controller", "socket timed out", "connection refused", "zero bytes were transmitted", "communication")
_LONGEST_REASON = 300


class Slurm:
    """The cluster whose commands are on PATH."""

    def __init__(self, environment: Mapping[str, str], poll_seconds: float = 10.0) -> None:
        self.poll_seconds = poll_seconds
        self._environment = {name: environment[name] for name in _KEPT if name in environment} | {"LC_ALL": "C"}
        self._contains: bool | None = None

    async def check(self, queue: request_pb2.GrowthQueue) -> None:
        """Raise Refused if sbatch refuses such an allocation, or Slurm does not answer."""
        slurm_text.check_options(queue.options)
        try:
            # Refused only for what can never start: a queue that is full now says when it could.
            await self._submit(["--test-only", *slurm_text.submission(queue, "jobwire-test", Path("/tmp"))], "#!/bin/sh\n")  # noqa: S108 -- nothing is written
        except NoAnswer as error:
            raise Refused(Code.UNAVAILABLE, f"Slurm does not respond: {error}", "try again when it does") from error

    async def submit(self, queue: request_pb2.GrowthQueue, name: str, folder: Path) -> str:
        """Submit an allocation."""
        text = slurm_text.script(queue.python or sys.executable, folder, max(1, queue.per_node))
        said = await self._submit(slurm_text.submission(queue, name, folder), text)
        found = slurm_text.read_id(said)
        if found is None:
            raise NoAnswer(f"sbatch printed no id: {_short(said)}")
        return found

    async def _submit(self, argv: Sequence[str], text: str) -> str:
        # Read by sbatch, and kept by Slurm: nothing of it is secret.
        with tempfile.NamedTemporaryFile("w", prefix="jobwire-", suffix=".sh") as file:
            file.write(text)
            file.flush()
            done = await self._run("sbatch", *argv, file.name)
        if done.returncode:
            reason = _short(done.stderr)
            if _is_silence(reason):
                raise NoAnswer(reason)
            raise Refused(Code.FAILED_PRECONDITION, f"sbatch refused it: {reason or f'exit status {done.returncode}'}")
        return done.stdout

    async def list(self, prefix: str) -> Sequence[Seen]:
        """Return the allocations of this user whose names have this prefix."""
        if self._contains is None:
            self._contains = slurm_text.ends_processes(await self._ask("scontrol", "show", "config"))
        argv = ("squeue", "--noheader", "--states=all", f"--user={os.geteuid()}", f"--format={slurm_text.LIST_FORMAT}")
        found = slurm_text.read_list(await self._ask(*argv), prefix, contains=self._contains)
        ended = [nodes for one, nodes in found if one.phase is Phase.ENDED and one.proves_end and nodes]
        if not ended:
            return [one for one, _ in found]
        said = await self._ask("sinfo", "--Node", "--noheader", "--format=%N|%T", f"--nodes={','.join(sorted(set(ended)))}")
        unsound = slurm_text.unsound_nodes(said)
        # Each allocation is of one node.
        return [one._replace(proves_end=one.proves_end and nodes not in unsound) for one, nodes in found]

    async def cancel(self, cluster_ids: Sequence[str]) -> None:
        """Cancel allocations."""
        done = await self._run("scancel", "--quiet", *cluster_ids)
        if done.returncode and _is_silence(reason := _short(done.stderr)):
            raise NoAnswer(reason)

    async def _ask(self, *argv: str) -> str:
        done = await self._run(*argv)
        if done.returncode:
            # Whatever it is, it is no list: nothing follows from what is missing in it.
            raise NoAnswer(f"{argv[0]}: {_short(done.stderr) or f'exit status {done.returncode}'}")
        return done.stdout

    async def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return await on_thread(self._run_here, argv)

    def _run_here(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                text=True,
                errors="replace",
                timeout=_ANSWER_SECONDS,
                env=self._environment,
                cwd="/",
            )
        except FileNotFoundError as error:
            message = f"the Slurm command {argv[0]} was not found on this machine"
            raise Refused(Code.FAILED_PRECONDITION, message, "run the broker where sbatch, squeue and scancel are") from error
        except subprocess.TimeoutExpired as error:
            raise NoAnswer(f"{argv[0]} did not respond within {_ANSWER_SECONDS:.0f} s") from error


def _is_silence(reason: str) -> bool:
    return any(words in reason.lower() for words in _SILENCE)


def _short(said: str) -> str:
    """Return a message of these commands, shortened to one line."""
    lines = [line.strip().removeprefix("sbatch: ").removeprefix("error: ") for line in said.splitlines() if line.strip()]
    return "; ".join(lines)[:_LONGEST_REASON]
