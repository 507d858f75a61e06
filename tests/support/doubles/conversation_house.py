"""A conversation with a worker that a test plays, and requests and answers for it."""

from __future__ import annotations

import pytest

from jobwire.client.protocol.conversation import Conversation, Happened
from jobwire.keys.identity import Identity, generate
from jobwire.keys.proofs import signature
from jobwire.schemas import frames
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.refusal import Refused

ME = generate()
DAEMON = generate()
STORE = b"s" * 16


class House:
    """A conversation, and the words of a daemon to say in it."""

    def __init__(self, identity: Identity = ME, *, waits_for_room: bool = False) -> None:
        self.conversation = Conversation(identity, DAEMON.public, waits_for_room=waits_for_room)
        self.nonce = b"n" * 16
        self.limits = frames.limits()
        self.features = ["home"]

    def connect(self) -> list[Happened]:
        self.conversation.connected()
        (hello,) = self.sent()
        assert hello.WhichOneof("verb") == "hello"
        return self.greet(hello)

    def greet(self, hello: request_pb2.Request, **changes: object) -> list[Happened]:
        answer = request_pb2.HelloReply(
            version=1, daemon=DAEMON.public, store=STORE, nonce=self.nonce, limits=self.limits, features=self.features
        )
        for name, value in changes.items():
            setattr(answer, name, value)
        return self.say(hello, last=True, hello=answer)

    def sent(self) -> list[request_pb2.Request]:
        return [frames.read_envelope(frame)[0] for frame, *_ in self.conversation.outgoing()]

    def say(self, to: request_pb2.Request | int, data: bytes = b"", **content: object) -> list[Happened]:
        number = to if isinstance(to, int) else to.id
        reply = request_pb2.Reply(request_id=number, **content)  # type: ignore[arg-type]
        return self.conversation.receive(reply.SerializeToString(), data)

    def refuse(self, to: request_pb2.Request, refused: Refused) -> list[Happened]:
        return self.say(to, last=True, refusal=frames.refusal_message(refused))


def listing() -> request_pb2.Request:
    return request_pb2.Request(list=request_pb2.List())


def start(*ids: bytes, watch: bool = True) -> request_pb2.Request:
    jobs = [request_pb2.NewJob(id=job_id, spec=job_pb2.JobSpec(argv=[b"true"])) for job_id in ids]
    return request_pb2.Request(start=request_pb2.Start(jobs=jobs, watch=watch))


def follow() -> request_pb2.Request:
    return request_pb2.Request(follow_log=request_pb2.FollowLog(key=job_pb2.JobKey(id=b"j" * 16)))


def report(job_id: bytes, state: job_pb2.State = job_pb2.STATE_RUNNING) -> request_pb2.Report:
    return request_pb2.Report(key=job_pb2.JobKey(id=job_id), state=state)


def reports(*parts: request_pb2.Report) -> request_pb2.Reports:
    return request_pb2.Reports(reports=parts)


def stale() -> Refused:
    """What a daemon answers to a signature for the run before."""
    request = request_pb2.Request().SerializeToString()
    envelope = request_pb2.Envelope(request=request, proof=signature.sign(ME, DAEMON.public, b"x" * 16, request))
    with pytest.raises(Refused) as caught:
        signature.check(envelope, DAEMON.public, b"y" * 16)
    return caught.value
