"""put and fetch, and starts of jobs with files: what is refused, and what is said of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
from answers import Answers
from desk_house import OWNER, House, ended, key, started

from jobwire.broker.fairness.turns import Turns
from jobwire.broker.requests.call import Call
from jobwire.broker.requests.start import start
from jobwire.broker.requests.transfers.feed import push
from jobwire.broker.requests.transfers.files import fetch, place, put
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.broker.streams.pushed.put_stream import PutStream
from jobwire.keys.members.rights import Member
from jobwire.schemas.frames import MOST_FETCHES, MOST_PUTS
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import JobKey
from jobwire.schemas.refusal import Code, Reason, Refused
from jobwire.schemas.wire_codec import key_to_wire

ME = Member("somebody", OWNER, "submitter")
STRANGER = b"s" * 32
CONTENT = b"content"
DIGEST = hashlib.sha256(CONTENT).digest()
FILE = job_pb2.JobFile(path=b"a", digest=DIGEST, size=len(CONTENT), kind=job_pb2.FILE_KIND_FILE)


class Sender:
    """One connection, and what came back over it."""

    def __init__(self, house: House, member: Member = ME) -> None:
        self.house = house
        self.member = member
        self.answers = Answers()
        self.peer = Peer(b"r", Meter(-1, b""), Account(member.key), self.answers)
        self.turns = Turns(asyncio.get_running_loop())
        self.number = 0

    def call(self, handler: Callable[[Call], None], bulk: bytes | None = None, **verb: object) -> Refused | None:
        self.number += 1
        request = request_pb2.Request(id=self.number, **verb)  # type: ignore[arg-type] # reason: one verb
        call = Call(self.member, self.peer, request, b"proof", None, self.turns)
        call.bulk = memoryview(bulk) if bulk is not None else None
        before = len(self.answers.refused)
        call.guard(handler, call)
        return self.answers.refused[-1] if len(self.answers.refused) > before else None

    def put(self, digest: bytes = DIGEST, size: int = len(CONTENT), shortage: Refused | None = None) -> Refused | None:
        return self.call(lambda call: put(call, self.house.engine.depot, shortage), put=request_pb2.Put(digest=digest, size=size))

    def fetch(self, which: JobKey, path: bytes = b"a", begin: int = 0) -> Refused | None:
        wanted = request_pb2.Fetch(key=key_to_wire(which), path=path, start=begin, credit_bytes=1)
        return self.call(lambda call: fetch(call, self.house.lookup, self.house.followed, self.house.engine.depot), fetch=wanted)

    def place(self, which: JobKey, *files: job_pb2.JobFile, shortage: Refused | None = None, only_check: bool = False) -> Refused | None:
        house = self.house
        wanted = request_pb2.Place(key=key_to_wire(which), files=files, only_check=only_check)
        return self.call(
            lambda call: place(call, house.lookup, house.followed, house.engine.depot, shortage, house.changed_folders.append), place=wanted
        )

    async def start(
        self, number: int, *files: job_pb2.JobFile, outputs: tuple[bytes, ...] = (), rerun: JobKey | None = None
    ) -> Refused | None:
        house = self.house
        job = request_pb2.NewJob(id=key(number).id)
        if rerun is not None:
            job.rerun.CopyFrom(key_to_wire(rerun))
        else:
            job.spec.CopyFrom(job_pb2.JobSpec(argv=[b"true"], files=files, outputs=outputs))
        refused = self.call(
            lambda call: start(call, house.desk, house.lookup, house.watchers, house.engine, house.store),
            start=request_pb2.Start(jobs=[job]),
        )
        await house.durable()
        return refused


async def test_a_start_without_contents_names_those_that_are_missing_once_each(house: House) -> None:
    other = job_pb2.JobFile(path=b"b/c", digest=b"d" * 32, size=1, kind=job_pb2.FILE_KIND_TREE)
    again = job_pb2.JobFile(path=b"d", digest=DIGEST, size=len(CONTENT), kind=job_pb2.FILE_KIND_FILE)
    sender = Sender(house)

    refused = await sender.start(1, FILE, other, again)

    assert refused is not None
    assert (refused.code, refused.reason) == (Code.FAILED_PRECONDITION, Reason.FILES_MISSING)
    assert sorted(refused.missing) == sorted([DIGEST, b"d" * 32])
    assert house.lookup.job(key(1)) is None


async def test_contents_of_others_do_not_count_but_those_of_a_job_that_runs_again_do(house: House) -> None:
    house.engine.depot.contents.add((OWNER, DIGEST))
    assert await Sender(house).start(1, FILE) is None
    house.engine.expect(("start", (*key(1), 1)))
    house.desk.hear([started(1), ended(1)])
    await house.durable()
    house.engine.expect(("settled", (*key(1), 1)))
    other = Sender(house, Member("other", STRANGER, "operator"))

    refused = await other.start(2, FILE)

    assert refused is not None
    assert refused.missing == (DIGEST,)
    assert await other.start(2, rerun=key(1)) is None
    house.engine.expect(("start", (STRANGER, key(2).id, 1)))
    assert house.lookup.files_in_use(STRANGER, [DIGEST, b"x" * 32]) == {DIGEST}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"path": b"../a"}, "leaves the folder"),
        ({"path": b"/a"}, "absolute"),
        ({"path": b"a//b"}, "empty part"),
        ({"path": b"a\0"}, "NUL"),
        ({"path": b""}, "has no path"),
        ({"path": b"n" * 300}, "longer than 255"),
        ({"digest": b"short"}, "32 bytes"),
        ({"kind": 7}, "does not know"),
        ({"mode": 0o4755}, "bits other than permissions"),
    ],
)
async def test_a_file_that_cannot_be_is_refused(house: House, change: dict[str, object], why: str) -> None:
    file = job_pb2.JobFile()
    file.CopyFrom(FILE)
    for name, value in change.items():
        setattr(file, name, value)
    refused = await Sender(house).start(1, file)
    assert refused is not None
    assert refused.code is Code.INVALID_ARGUMENT
    assert why in refused.message


async def test_two_files_in_one_place_and_outputs_elsewhere_are_refused(house: House) -> None:
    refused = await Sender(house).start(1, FILE, FILE)
    assert refused is not None
    assert "two files" in refused.message
    refused = await Sender(house).start(1, outputs=(b"../x",))
    assert refused is not None
    assert "leaves the folder" in refused.message


async def test_a_content_that_is_there_is_not_sent_again(house: House) -> None:
    house.engine.depot.contents.add((OWNER, DIGEST))
    sender = Sender(house)
    assert sender.put() is None
    assert sender.answers.replied[0].HasField("done")
    assert sender.answers.replied[0].last


async def test_a_content_is_refused_without_space_or_digest_or_right(house: House) -> None:
    full = Refused(Code.RESOURCE_EXHAUSTED, "the disk is full", reason=Reason.DISK_FULL)
    sender = Sender(house)
    assert sender.put(shortage=full) is full
    short = sender.put(digest=b"short")
    assert short is not None
    assert short.code is Code.INVALID_ARGUMENT
    viewer = Sender(house, Member("viewer", OWNER, "viewer")).put()
    assert viewer is not None
    assert viewer.reason is Reason.ROLE


async def test_a_member_sends_and_fetches_only_so_many_files_at_once(house: House) -> None:
    sender = Sender(house)
    assert [sender.put(digest=bytes([number]) * 32) for number in range(MOST_PUTS)] == [None] * MOST_PUTS
    one_more = sender.put(digest=b"m" * 32)
    assert one_more is not None
    assert one_more.reason is Reason.TOO_MANY_STREAMS
    await sender.start(1, outputs=(b"",))
    house.engine.expect(("start", (*key(1), 1)))
    assert [sender.fetch(key(1)) for _ in range(MOST_FETCHES)] == [None] * MOST_FETCHES
    one_more = sender.fetch(key(1))
    assert one_more is not None
    assert one_more.reason is Reason.TOO_MANY_STREAMS
    sender.peer.end()
    assert (sender.peer.account.puts, sender.peer.account.fetches, sender.peer.account.streams) == (0, 0, 0)
    assert key(1) not in house.followed


async def test_what_cannot_be_fetched_is_refused_before_anything_is_read(house: House) -> None:
    sender = Sender(house)
    await sender.start(1)
    house.engine.expect(("start", (*key(1), 1)))
    await sender.start(2, outputs=(b"a",))
    house.engine.expect(("start", (*key(2), 1)))
    plain, out, middle = sender.fetch(key(1)), sender.fetch(key(2), b"../a"), sender.fetch(key(2), begin=5)
    assert plain is not None
    assert "no folder of its own" in plain.message
    assert out is not None
    assert "leaves the folder" in out.message
    assert middle is not None
    assert "no validator" in middle.message
    stranger = Sender(house, Member("other", STRANGER, "submitter")).fetch(key(2))
    assert stranger is not None
    assert stranger.reason is Reason.NO_SUCH_JOB


async def test_files_are_placed_for_a_job_that_waits_and_for_one_that_runs_or_has_ended(house: House) -> None:
    sender = Sender(house)
    await sender.start(1, outputs=(b"",))
    house.engine.expect(("start", (*key(1), 1)))
    unnamed = job_pb2.JobFile(path=b"a", size=1, kind=job_pb2.FILE_KIND_FILE)

    assert sender.place(key(1), unnamed, only_check=True) is None
    assert sender.place(key(1), FILE) is None
    house.desk.hear([started(1)])
    await house.durable()
    assert sender.place(key(1), FILE) is None
    house.desk.hear([ended(1)])
    await house.durable()
    house.engine.expect(("settled", (*key(1), 1)))
    assert sender.place(key(1), FILE) is None

    placed = house.engine.depot.placed
    assert [(one.is_queued, one.only_check) for one in placed] == [(True, True), (True, False), (False, False), (False, False)]
    assert {one.sender for one in placed} == {OWNER}
    assert house.changed_folders == [key(1)]
    assert all(reply.HasField("done") for reply in sender.answers.replied if not reply.HasField("acknowledged"))
    assert key(1) not in house.followed


async def test_what_cannot_be_placed_is_refused_before_anything_is_touched(house: House) -> None:
    sender = Sender(house)
    await sender.start(1)
    await sender.start(2, outputs=(b"",))
    house.engine.expect(("start", (*key(1), 1)), ("start", (*key(2), 1)))
    out = job_pb2.JobFile(path=b"../a", digest=DIGEST, size=1, kind=job_pb2.FILE_KIND_FILE)
    full = Refused(Code.RESOURCE_EXHAUSTED, "the disk is full", reason=Reason.DISK_FULL)
    for refused, said in (
        (sender.place(key(1), FILE), "no folder of its own"),
        (sender.place(key(2), out), "leaves the folder"),
        (sender.place(key(2), FILE, FILE), "two files"),
        (sender.place(key(2), job_pb2.JobFile(path=b"a", size=1, kind=job_pb2.FILE_KIND_FILE)), "32 bytes"),
        (sender.place(key(2), FILE, shortage=full), "disk is full"),
        (sender.place(key(3), FILE), "there is no job"),
        (Sender(house, Member("other", STRANGER, "submitter")).place(key(2), FILE), "there is no job"),
        (Sender(house, Member("viewer", STRANGER, "viewer")).place(key(2), FILE), "may not stop"),
    ):
        assert refused is not None
        assert said in refused.message
    assert house.engine.depot.placed == []
    assert Sender(house, Member("operator", STRANGER, "operator")).place(key(2), FILE) is None


async def test_a_put_has_a_digest_or_a_token(house: House) -> None:
    sender = Sender(house)

    def ask(**wanted: object) -> Refused | None:
        request = request_pb2.Put(size=5, **wanted)  # type: ignore[arg-type] # reason: one or the other
        return sender.call(lambda call: put(call, house.engine.depot, None), put=request)

    assert ask(token=b"t" * 16) is None
    for refused, said in ((ask(token=b"t"), "16 bytes"), (ask(token=b"t" * 16, digest=DIGEST), "not both"), (ask(), "32 bytes")):
        assert refused is not None
        assert said in refused.message
    sender.peer.end()


class Upload:
    """Takes everything up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()

    @property
    def reached(self) -> int:
        return len(self.data)

    def write(self, data: memoryview) -> None:
        self.data += data

    def leave(self, sender: object) -> None:
        self.limit = -1


async def test_bytes_of_a_file_beyond_the_window_are_cut_off(house: House) -> None:
    sender = Sender(house)
    sender.put(size=10_000_000)
    stream = sender.peer.streams[1]
    assert isinstance(stream, PutStream)
    upload = Upload(1000)
    stream.begin(upload)
    assert sender.answers.replied[-1].window.limit == 1000

    assert sender.call(push, b"x" * 600, push=request_pb2.Push(request_id=1, start=0)) is None
    assert sender.call(push, b"x" * 600, push=request_pb2.Push(request_id=1, start=400)) is None
    assert len(upload.data) == 1000
    cut = sender.call(push, b"x", push=request_pb2.Push(request_id=1, start=1000))
    assert cut is not None
    assert "only those before 1000 may be sent" in cut.message


async def test_a_gap_in_a_file_and_a_push_without_bytes_end_it(house: House) -> None:
    for bulk, begin in ((b"x", 5), (None, 0)):
        sender = Sender(house)
        sender.put(size=100)
        stream = sender.peer.streams[1]
        assert isinstance(stream, PutStream)
        stream.begin(Upload(100))
        refused = sender.call(push, bulk, push=request_pb2.Push(request_id=1, start=begin))
        assert refused is not None
        assert refused.code is Code.INVALID_ARGUMENT
        assert sender.peer.streams == {}
