"""Output of a job, checked against the hashes that its worker signed: existing files, and logs as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....keys.identity import format_public
from ....keys.proofs.log_hash import BLOCK_BYTES, group_of
from ....schemas.generated import request_pb2
from ....schemas.naming import format_id, short_id
from ....schemas.refusal import Code, Refused
from ...library.client import Client
from ...library.job import Job
from ...library.known_jobs import StreamName
from ...proofs import text
from ...proofs.checks import Check
from ...proofs.ends import SignedEnd
from ...proofs.logs import LogCheck, PartCheck, SignedLog, signed_logs
from ...proofs.verification import Verdict, verify
from . import trust

_NAME = "logs"


def find_end(verdict: Verdict, attempt: int | None) -> SignedEnd | None:
    """Return the signed end of an attempt, or of the last one; None if there is none."""
    ends = [end for end in verdict.ends if attempt is None or end.end.attempt == attempt]
    return max(ends, key=lambda one: one.end.attempt, default=None)


def check_files(verdict: Verdict, proof: request_pb2.JobProof, path: Path, attempt: int | None) -> list[Check]:
    """Return whether files match the signed output. `path`: a folder, as jobwire logs --to writes it, or a file of stdout."""
    found = find_end(verdict, attempt)
    if found is None:
        return [Check(_NAME, "no worker has signed how that attempt ended, and so nothing about its output", holds=False)]
    checks = []
    for log in signed_logs(found.end, proof):
        file = _file_of(path, log.stream, proof, verdict)
        if file is not None:
            checks.append(_check_file(file, log, found))
        elif log.size and path.is_dir():
            checks.append(Check(_NAME, f"{path} has no file of {log.stream}, of which {log.size} bytes are signed", holds=False))
    return checks


def _file_of(path: Path, stream: str, proof: request_pb2.JobProof, verdict: Verdict) -> Path | None:
    """Return the file of a stream: in the folder of a log, or as jobwire logs --to names it."""
    if not path.is_dir():
        return path if stream == "stdout" else None
    name = verdict.asked.spec.name if verdict.asked is not None and verdict.asked.spec is not None else ""
    job = short_id(proof.key.id)
    names = (f"{name}-{job}.{stream}", f"{name}.{stream}", f"{job}.{stream}", stream)
    return next((path / one for one in names if (path / one).is_file()), None)


def _check_file(file: Path, log: SignedLog, found: SignedEnd) -> Check:
    checking = LogCheck(log)
    try:
        with file.open("rb") as content:
            while not checking.problem and (block := content.read(BLOCK_BYTES)):
                checking.add(block)
    except OSError as error:
        return Check(_NAME, f"{file} cannot be read: {error.strerror}", holds=False)
    if log.why_not:
        return Check(_NAME, f"{file} cannot be checked: {log.why_not}", proven=False)
    if problem := checking.end():
        return Check(_NAME, f"{file}: {problem}", holds=False)
    return Check(_NAME, f"{file} has the {log.size} bytes of {log.stream} that are signed", proven=found.is_trusted)


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """One log of an attempt, of which only bytes signed by its worker are returned."""

    job: Job
    stream: StreamName
    attempt: int
    signed: SignedLog

    @property
    def size(self) -> int:
        """How many bytes are signed."""
        return self.signed.size

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Iterate over a part, each byte of which is checked before it is returned.

        In a log of more than 1 GiB several blocks share one hash: they are read twice, and both reads are compared.

        Raises Refused(FAILED_PRECONDITION) that says which part differs, and as `Job.read_range` does.
        """
        end = min(end, self.size)
        group = group_of(self.size) * BLOCK_BYTES
        for number in range(start // group, -(-end // group)):
            blocks = range(number * group, min((number + 1) * group, self.size), BLOCK_BYTES)
            checking = PartCheck(self.signed, number)
            leaves = {}
            last = b""
            for at in blocks:
                last = self._block(at)
                leaves[at] = checking.add(last)
            if problem := checking.end():
                raise _wrong(problem)
            for at in blocks:
                if at < end and at + BLOCK_BYTES > start:
                    again = last if len(blocks) == 1 else self._block(at)
                    if len(blocks) > 1 and PartCheck(self.signed, number).add(again) != leaves[at]:
                        raise _wrong(f"{self.stream} was different when it was read again, from byte {at} on")
                    yield again[max(0, start - at) : end - at]

    def _block(self, start: int) -> bytes:
        length = min(BLOCK_BYTES, self.size - start)
        data, _ = self.job.read_range(self.stream, start, length, attempt=self.attempt)
        if len(data) < length:
            raise _wrong(f"{self.stream} ends at byte {start + len(data)}, and {self.size} bytes are signed")
        return data


def checked_logs(
    connected: Client, job: Job, streams: Sequence[StreamName], attempt: int | None, workers: Sequence[str]
) -> list[tuple[StreamName, CheckedLog]]:
    """Return the logs of an attempt, if they are signed by a worker that the user trusts; `workers`: the values of options.

    Raises Refused(FAILED_PRECONDITION) that says what is missing or wrong.
    """
    proof = text.read(connected.proof(format_id(job.key.id)))
    wanted = trust.wanted(workers)
    verdict = verify(proof, wanted)
    for check in verdict.checks:
        if not check.holds:
            raise _wrong(f"the proof does not hold: {check.name}: {check.sentence}")
    found = find_end(verdict, attempt)
    if found is None:
        raise Refused(Code.FAILED_PRECONDITION, "no worker has signed how that attempt ended", "wait for its end: jobwire wait JOB")
    if not found.is_trusted:
        who = f"{wanted.name(found.worker)}, which is not one of the workers that you trust"
        raise Refused(
            Code.FAILED_PRECONDITION,
            f"the output is signed by {who}; its key is {format_public(found.worker)}",
            "if that is the key of your worker, add --worker KEY",
        )
    signed = {log.stream: log for log in signed_logs(found.end, proof)}
    return [(stream, _checked(job, stream, found, signed[stream])) for stream in streams]


def _checked(job: Job, stream: StreamName, found: SignedEnd, signed: SignedLog) -> CheckedLog:
    if signed.why_not:
        raise Refused(Code.FAILED_PRECONDITION, f"only the size of {stream} is signed: {signed.why_not}")
    if signed.parts is None:
        raise _wrong(f"the hashes of the parts of {stream} are not those that are signed")
    return CheckedLog(job, stream, found.end.attempt, signed)


def _wrong(message: str) -> Refused:
    return Refused(Code.FAILED_PRECONDITION, message, "do not rely on it: whoever passed it on has altered it, or its worker has")
