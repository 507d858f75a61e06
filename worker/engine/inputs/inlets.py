"""The standard inputs of running jobs that clients feed: bytes are written into a memfd, which the supervisor holds too.

The supervisor moves them to the job; see worker/supervisor/streams/feed.py. If it is killed, the memfd survives with everything written to
it; the next supervisor is asked for it again.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Sequence

from ....broker.engine import Feeder
from ....broker.store.repair.soundness import size_limit
from ....schemas import fault_points
from ....schemas.frames import LARGEST_FEED_WINDOW
from ....schemas.naming import AttemptKey
from ....schemas.refusal import Code, Refused
from ...state.log_folders import folders
from ...wire.words import DO, FACT, ToSupervisor, ToWorker
from ..supervisor_line import DESCRIPTOR, Message
from .input_notes import InputNotes

_Say = Callable[[Sequence[Message]], None]


class LocalInlet:
    """The input of one job. `forget` is called when it is closed."""

    def __init__(
        self, handle: str, token: bytes, feeder: Feeder, say: _Say, forget: Callable[[LocalInlet], None], notes: InputNotes
    ) -> None:
        self._notes = notes
        self.handle = handle
        self.feeder = feeder
        self._token = token
        self._say = say
        self._forget = forget
        # -1: the supervisor has not answered yet.
        self._memory = -1
        self._reached = 0

    @property
    def reached(self) -> int:
        """How many bytes have arrived."""
        return self._reached

    @property
    def limit(self) -> int:
        """Up to which offset bytes may be written now."""
        return os.lseek(self._memory, 0, os.SEEK_CUR) + LARGEST_FEED_WINDOW if self._memory >= 0 else 0

    def asked(self) -> Message:
        """Return the message that requests the memfd."""
        return {DO: ToSupervisor.FEED, "job": self.handle, "token": self._token.hex()}

    def opened(self, memory: int) -> None:
        """Use this memfd from now on; it may be the same one as before."""
        self._close_file()
        self._memory = memory
        self._reached = os.fstat(memory).st_size

    def write(self, data: memoryview) -> None:
        """Add bytes.

        Raises Refused(RESOURCE_EXHAUSTED) if there is no memory for them, and FAILED_PRECONDITION after the end.
        """
        before = self._reached
        try:
            while data:
                written = os.pwrite(self._memory, data, self._reached)
                self._reached += written
                data = data[written:]
        except PermissionError:
            raise Refused(Code.FAILED_PRECONDITION, "the standard input of the job has ended") from None
        except OSError as error:
            if error.errno == errno.EFBIG:
                # RLIMIT_FSIZE counts for files in memory too, and does not pass: whoever fed the job again would wait in vain.
                why = size_limit() or error.strerror
                self.finish(f"the worker cannot hold more of it: {why}")
                raise Refused(Code.RESOURCE_EXHAUSTED, f"the worker cannot hold the standard input of the job: {why}") from None
            raise Refused(Code.RESOURCE_EXHAUSTED, f"the worker cannot hold the standard input of the job: {error.strerror}") from None
        if fault_points.ARMED:
            fault_points.reach("after-input-before-given")
        # Only if the supervisor has not given everything before these bytes, it finds them by itself.
        if os.lseek(self._memory, 0, os.SEEK_CUR) >= before:
            self._say([{DO: ToSupervisor.FED, "job": self.handle}])

    def note(self, size: int, state: bytes) -> None:
        """Store a state of the feeder at offset `size`, once that many bytes have arrived."""
        self._notes.note(self.handle, size, state)

    def noted(self) -> tuple[int, bytes]:
        """Return the last note whose size has been reached, and its size."""
        return self._notes.find(self.handle, self._reached)

    def reread(self, start: int) -> bytes:
        """Return the bytes from an offset on: those that the job has not read, and the megabyte before them, are available."""
        return os.pread(self._memory, self._reached - start, start)

    def finish(self, problem: str = "") -> None:
        """End the input: the job reads end of file after what was written. `problem` says what is wrong with the input."""
        if problem:
            # The supervisor ends it when it has noted that. If it is killed before, nobody goes on feeding the job, which fails too.
            self._say([{DO: ToSupervisor.FED, "job": self.handle, "problem": problem}])
            return
        fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        self._say([{DO: ToSupervisor.FED, "job": self.handle}])

    def close(self) -> None:
        """Close it: nobody feeds the job through this inlet any more."""
        self._forget(self)
        self._close_file()
        self._say([{DO: ToSupervisor.UNFED, "job": self.handle}])

    def _close_file(self) -> None:
        memory, self._memory = self._memory, -1
        if memory >= 0:
            os.close(memory)


class Inlets:
    """All inlets, by handle; `say` sends messages to the supervisor."""

    def __init__(self, say: _Say, notes: InputNotes) -> None:
        self._say = say
        self._notes = notes
        self._open: dict[str, LocalInlet] = {}

    def open(self, key: AttemptKey, token: bytes, feeder: Feeder) -> LocalInlet:
        """Request the input of a running job; the feeder is called when it may write."""
        handle = folders.handle(key)
        inlet = self._open[handle] = LocalInlet(handle, token, feeder, self._say, self._forget, self._notes)
        self._say([inlet.asked()])
        return inlet

    def again(self) -> list[Message]:
        """Return the messages that request all memfds from a new supervisor."""
        return [inlet.asked() for inlet in self._open.values()]

    def hear(self, message: Message) -> None:
        """Process a fact about the input of a job."""
        inlet = self._open.get(message["job"])
        descriptor: int = message.get(DESCRIPTOR, -1)
        if inlet is None:
            if descriptor >= 0:
                os.close(descriptor)
            return
        match message[FACT]:
            case ToWorker.FEED if descriptor < 0:
                # The kernel delivers the message without its descriptor if this process may open no more files, recvmsg(2).
                inlet.feeder.refuse(Refused(Code.RESOURCE_EXHAUSTED, "the worker has too many open files to receive the input of the job"))
            case ToWorker.FEED:
                inlet.opened(descriptor)
                inlet.feeder.advance()
            case ToWorker.GIVEN:
                inlet.feeder.advance()
            case ToWorker.FEED_OVER:
                inlet.feeder.over(message["why"])
            case _:
                inlet.feeder.taken()

    def close(self) -> None:
        """Close all files."""
        for inlet in list(self._open.values()):
            inlet.close()

    def _forget(self, inlet: LocalInlet) -> None:
        if self._open.get(inlet.handle) is inlet:
            del self._open[inlet.handle]
