"""Which file in memory an inlet writes to, and what its feeder is told."""

from __future__ import annotations

import os
import resource
import signal
import socket

import pytest

from jobwire.broker.engine import Inlet
from jobwire.schemas.naming import AttemptKey
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.engine.inputs.inlets import Inlets
from jobwire.worker.engine.inputs.input_notes import InputNotes
from jobwire.worker.engine.supervisor_line import DESCRIPTOR, Message
from jobwire.worker.state.log_folders import folders
from jobwire.worker.wire import datagrams

KEY = AttemptKey(b"o" * 32, b"i" * 16, 1)
HANDLE = folders.handle(KEY)


class RecordingFeeder:
    """Records what it is told, and closes its inlet when it is refused, as a stream does."""

    def __init__(self) -> None:
        self.told: list[str | Code] = []
        self.inlet: Inlet | None = None

    def advance(self) -> None:
        self.told.append("advance")

    def over(self, why: str) -> None:
        self.told.append(why)

    def taken(self) -> None:
        self.told.append("taken")

    def refuse(self, refused: Refused) -> None:
        self.told.append(refused.code)
        assert self.inlet is not None
        self.inlet.close()


def fed(descriptors: tuple[int, ...]) -> Message:
    return {"fact": "feed", "job": HANDLE, **({DESCRIPTOR: descriptors[0]} if descriptors else {})}


def test_a_file_that_could_not_be_received_is_a_refusal_and_the_job_waits_for_its_feeder() -> None:
    said: list[Message] = []
    feeder = RecordingFeeder()
    inlets = Inlets(said.extend, InputNotes("."))
    feeder.inlet = inlets.open(KEY, b"t" * 16, feeder)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    memory = os.memfd_create("input")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        datagrams.send_with(theirs, b"[]", (memory,))
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
        received = datagrams.receive_with(ours)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for one in (ours, theirs):
            one.close()
        os.close(memory)
    assert received == (b"[]", ())
    inlets.hear(fed(received[1]))
    assert feeder.told == [Code.RESOURCE_EXHAUSTED]
    assert [message["do"] for message in said] == ["feed", "unfed"]
    assert inlets.again() == []


def test_a_file_that_comes_after_its_feeder_has_gone_is_closed() -> None:
    inlets = Inlets(lambda _: None, InputNotes("."))
    inlets.open(KEY, b"t" * 16, RecordingFeeder()).close()
    memory = os.memfd_create("input")
    inlets.hear(fed((memory,)))
    lowest = os.dup(0)
    os.close(lowest)
    assert lowest == memory


def test_a_limit_that_does_not_pass_ends_the_input_and_names_itself() -> None:
    said: list[Message] = []
    feeder = RecordingFeeder()
    inlets = Inlets(said.extend, InputNotes("."))
    inlet = feeder.inlet = inlets.open(KEY, b"t" * 16, feeder)
    inlets.hear(fed((os.memfd_create("input", os.MFD_ALLOW_SEALING),)))
    limits, heed = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(Refused, match="files may be at most 1000 bytes long here"):
            inlet.write(memoryview(b"x" * 1500))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heed)
    assert inlet.reached == 1000
    assert "problem" in said[-1]
    inlet.close()
