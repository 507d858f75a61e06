"""Whether bytes match the log that a worker hashed and signed; if not, which part differs.

Knows no file and no connection: bytes are added in order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ...keys.proofs.log_hash import BLOCK_BYTES, LEAF, LogTree, blocks_of, group_of, parts_of
from ...keys.proofs.merkle import Tree
from ...schemas.generated import job_pb2, request_pb2

STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class SignedLog:
    """What was signed about one log of an attempt: its size and its root. `parts`: the hashes of its groups of blocks; None: unknown."""

    stream: str
    size: int
    root: bytes
    parts: tuple[bytes, ...] | None
    # Why there is no root, if so.
    why_not: str = ""


def signed_logs(end: job_pb2.EndStatement, proof: request_pb2.JobProof) -> list[SignedLog]:
    """Return what is known about the logs of an attempt, stdout and stderr."""
    said = end.outcome
    beside = next((one for one in proof.log_hashes if one.attempt == end.attempt), job_pb2.LogHashes())
    found = []
    for stream in STREAMS:
        size, root = int(getattr(said, f"{stream}_bytes")), bytes(getattr(said, f"{stream}_root"))
        parts = parts_of(size, root, getattr(beside, stream))
        found.append(SignedLog(stream, size, root, tuple(parts) if parts is not None else None, _why_not(said, size, root)))
    return found


def _why_not(said: job_pb2.Outcome, size: int, root: bytes) -> str:
    if root or not size:
        return ""
    if said.hash_problem:
        return f"the worker says why it is not hashed: {said.hash_problem}"
    if said.hash_follows:
        return "the worker had not hashed it when it signed this, and does so later: get the proof again"
    return "its worker does not hash output"


class LogCheck:
    """Checks one log from its first byte on."""

    def __init__(self, log: SignedLog) -> None:
        self._log = log
        self._tree = LogTree(log.size)
        self._block = hashlib.sha256(LEAF)
        self._in_block = 0
        self._seen = 0
        self.problem = log.why_not

    def add(self, data: bytes | memoryview) -> str:
        """Add the next bytes; return in words what is wrong, empty if nothing is so far."""
        view = memoryview(data)
        while view and not self.problem:
            part = view[: min(BLOCK_BYTES - self._in_block, self._log.size - self._seen)]
            if not part:
                size, stream = self._log.size, self._log.stream
                self.problem = f"{stream} is longer than the {size} bytes that are signed; what came after the end of the job is not"
                break
            self._block.update(part)
            self._in_block += len(part)
            self._seen += len(part)
            view = view[len(part) :]
            if self._in_block == BLOCK_BYTES or self._seen == self._log.size:
                self._add_block()
        return self.problem

    def end(self) -> str:
        """Return in words what is wrong with the whole log, empty if nothing is."""
        if not self.problem and self._seen < self._log.size:
            self.problem = f"{self._log.stream} has {self._seen} bytes, and {self._log.size} are signed"
        if not self.problem and self._tree.root != self._log.root:
            self.problem = f"{self._log.stream} differs from what is signed; the proof has no hashes of its parts, so it is not known where"
        return self.problem

    def _add_block(self) -> None:
        self._tree.add(self._block.digest())
        self._block, self._in_block = hashlib.sha256(LEAF), 0
        done = len(self._tree.hashes)
        if self._log.parts is not None and done and self._tree.hashes[-1] != self._log.parts[done - 1]:
            self.problem = _differs(self._log, done - 1)


class PartCheck:
    """Checks one group of blocks of a log; `add` gets its blocks in order."""

    def __init__(self, log: SignedLog, number: int) -> None:
        self._log = log
        self._number = number
        self._tree = Tree()

    def add(self, block: bytes) -> bytes:
        """Add a block, and return its leaf."""
        leaf = hashlib.sha256(LEAF + block).digest()
        self._tree.add(leaf)
        return leaf

    def end(self) -> str:
        """Return in words what is wrong, empty if nothing is."""
        if self._log.parts is not None and self._tree.root == self._log.parts[self._number]:
            return ""
        return _differs(self._log, self._number)


def _differs(log: SignedLog, number: int) -> str:
    group = group_of(log.size)
    first, last = number * group, min((number + 1) * group, blocks_of(log.size))
    which = f"block {first + 1}" if group == 1 else f"blocks {first + 1} to {last}"
    return f"{log.stream} differs from what is signed in {which}, bytes {first * BLOCK_BYTES} to {min(last * BLOCK_BYTES, log.size) - 1}"
