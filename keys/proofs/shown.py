"""Part of a signed start, without its other jobs: each job comes with its path to the root that was signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...schemas.generated import job_pb2, request_pb2
from ...schemas.requests import large
from . import merkle

# The fields `Start.jobs` and `Request.start`, as they are written: number and wire type.
_JOBS = b"\x0a"
_START = b"\x1a"
# About a millisecond.
_JOBS_A_STEP = 256
_BYTES_A_STEP = 256 * 1024


class Whole:
    """A start as its client sent it; `jobs` are serialized, in their order.

    Raises Refused for bytes that are not a request.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._request, self._envelope, pieces, rest = large.read_kept(raw)
        self.jobs: Sequence[bytes] = pieces if pieces is not None else [job.SerializeToString() for job in self._request.start.jobs]
        self._rest = rest or b""
        self._found_paths: merkle.Paths | None = None

    @property
    def verb(self) -> str:
        """The verb of the request: adding a schedule counts too, because jobs follow from it."""
        return self._request.WhichOneof("verb") or ""

    @property
    def batch(self) -> job_pb2.Batch:
        """The run that it is about."""
        return self._request.commit.batch if self._request.HasField("commit") else self._request.start.batch

    @property
    def delegation(self) -> request_pb2.Delegation | None:
        """The statement for whom its signer acted, if that is the key of a job."""
        return self._envelope.delegation if self._envelope.HasField("delegation") else None

    @property
    def can_be_shown_in_part(self) -> bool:
        """Whether it is signed by a root over its jobs, and is not itself a part."""
        return bool(self._envelope.proof.root) and not self._envelope.shown

    @property
    def needs_roots(self) -> bool:
        """Whether only a worker with the feature `roots` can check its signature."""
        return bool(self._envelope.proof.root or self._envelope.proof.not_after_us)

    def part(self, indexes: Sequence[int]) -> bytes:
        """Return an Envelope with these jobs of the start, in this order."""
        start = b"".join(_JOBS + _varint(len(job)) + job for job in map(self.jobs.__getitem__, indexes)) + self._rest
        request = request_pb2.Request(id=self._request.id).SerializeToString() + _START + _varint(len(start)) + start
        shown = [request_pb2.SignedJob(index=index, path=self._paths.of(index)) for index in indexes]
        envelope = request_pb2.Envelope(request=request, proof=self._envelope.proof, shown=shown)
        if self._envelope.HasField("delegation"):
            envelope.delegation.CopyFrom(self._envelope.delegation)
        return envelope.SerializeToString()

    @property
    def _paths(self) -> merkle.Paths:
        if self._found_paths is None:
            for _ in self.prepare():
                pass
        if self._found_paths is None:
            raise RuntimeError("the tree was not built")
        return self._found_paths

    def prepare(self) -> Iterator[None]:
        """Build the tree that proves parts, in steps of about a millisecond; without this, the first `part` takes as long as all steps."""
        leaves: list[bytes] = []
        for jobs in _parts(self.jobs):
            for job in jobs:
                leaves.append((yield from merkle.leaf_in_steps(job)))  # noqa: PERF401 -- in steps
            yield
        paths = merkle.Paths.begun(leaves)
        yield from paths.steps()
        self._found_paths = paths


class Shown:
    """Extracts single jobs from starts; caches the last start, because requests for several of its jobs tend to follow each other."""

    def __init__(self) -> None:
        self._raw = b""
        self._whole: Whole | None = None
        self._positions: dict[bytes, int] = {}

    def only(self, raw: bytes, job_id: bytes) -> bytes:
        """Return a start reduced to this job, as far as it can be proven without the others."""
        return self.some(raw, [job_id])

    def some(self, raw: bytes, job_ids: Sequence[bytes]) -> bytes:
        """Return a start reduced to these jobs, as far as they can be proven without the others."""
        whole = self._in_parts(raw)
        # What the run ends with is in each part.
        return raw if whole is None else whole.part(sorted({self._positions.get(job_id, 0) for job_id in job_ids}))

    def size(self, raw: bytes, job_id: bytes, *, is_first: bool) -> int:
        """Return about how many bytes a job of a start adds to an extract of it; `is_first`: it is the only one so far."""
        whole = self._in_parts(raw)
        if whole is None:
            return len(raw) if is_first else 0
        return len(whole.jobs[self._positions.get(job_id, 0)]) + len(whole.jobs).bit_length() * merkle.HASH_BYTES

    def prepare(self, raw: bytes) -> Iterator[None]:
        """Read a start in steps of some milliseconds; a call about it that follows directly takes no longer than one step."""
        if raw == self._raw:
            return
        whole = Whole(raw)
        yield
        positions: dict[bytes, int] = {}
        if in_parts := whole.can_be_shown_in_part and len(whole.jobs) > 1:
            yield from whole.prepare()
            for jobs in _parts(whole.jobs):
                positions |= {large.read_job(job).id: index for index, job in enumerate(jobs, len(positions))}
                yield
        self._raw, self._whole, self._positions = raw, whole if in_parts else None, positions

    def _in_parts(self, raw: bytes) -> Whole | None:
        """Return a start of which each job can be shown without the others; None if that is not so."""
        for _ in self.prepare(raw):
            pass
        return self._whole


def _parts(jobs: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Divide jobs into as many as one step handles, at least one."""
    part: list[bytes] = []
    size = 0
    for job in jobs:
        if len(part) == _JOBS_A_STEP or (part and size + len(job) > _BYTES_A_STEP):
            yield part
            part, size = [], 0
        part.append(job)
        size += len(job)
    if part:
        yield part


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:  # noqa: PLR2004 -- seven bits a byte
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
