"""An expected "no": a code, a sentence, and the next step if there is one.

The codes are gRPC's (https://grpc.io/docs/guides/status-codes/); their numbers are those of `Code` in request.proto. Programs act
on the code and the reason, never on the sentence.
"""

from __future__ import annotations

import enum

from .text.brief import brief, sendable


class Code(enum.IntEnum):
    """Why something was refused."""

    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    ALREADY_EXISTS = 3
    PERMISSION_DENIED = 4
    RESOURCE_EXHAUSTED = 5
    FAILED_PRECONDITION = 6
    OUT_OF_RANGE = 7
    UNIMPLEMENTED = 8
    UNAVAILABLE = 9
    INTERNAL = 10
    UNAUTHENTICATED = 11


class Reason(enum.IntEnum):
    """The exact reason, for programs that act on it; `Reason` in request.proto explains each."""

    STALE_NONCE = 1
    MAY_HAVE_RUN = 2
    CURSOR_OF_ANOTHER_STORE = 3
    CURSOR_TOO_OLD = 4
    CURSOR_BEYOND_HEAD = 5
    BEYOND_END = 6
    QUEUE_FULL = 7
    DISK_FULL = 8
    TOO_MANY_STREAMS = 9
    TOO_MANY_GRANTS = 10
    TOO_MANY_CONNECTIONS = 11
    FORGOTTEN = 12
    ID_TAKEN = 13
    NO_SUCH_JOB = 14
    AMBIGUOUS = 15
    NOT_STARTED = 16
    NOT_ENDED = 17
    ENDING = 18
    ENDED = 19
    ROLE = 20
    NOT_ON_ROSTER = 21
    NO_COMMON_VERSION = 22
    UNKNOWN_VERB = 23
    UNKNOWN_FIELD = 24
    STORE_DAMAGED = 25
    STDIN_NOT_KEPT = 26
    FED_BY_ANOTHER = 27
    FILES_MISSING = 28
    CHANGED = 29
    NO_SUCH_FILE = 30
    STARTED = 31
    NO_SUCH_SCHEDULE = 32
    NAME_TAKEN = 33
    START_MISSING = 40
    ANOTHER_STORE = 41
    UNREACHABLE = 42
    TOKEN_USED = 50
    TOKEN_EXPIRED = 51
    TOKEN_WITHDRAWN = 52
    MEMBER_ALREADY = 53
    TOO_MANY_INVITATIONS = 54
    EXPIRED = 67
    NO_SUCH_QUEUE = 70
    PART_MISSING = 34
    RUN_CLOSED = 35
    ROSTER_CHANGED = 137


class Refused(Exception):  # noqa: N818 -- a fact in the past tense; a refusal is an answer, not an error of ours
    """Raised if a request is refused; the edge turns it into a reply, the command line into a message.

    `job_index` is the position of the job that the refusal is about, in a list of jobs; `missing` are the digests of contents that must be
    sent first.
    """

    def __init__(self, code: Code, message: str, next_step: str = "", job_index: int | None = None, reason: Reason | None = None) -> None:
        # Who sent 5,000 characters as a name need not get them back.
        message = sendable(brief(message))
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = sendable(next_step)
        self.job_index = job_index
        self.reason = reason
        self.missing: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        """Return the sentence, with the next step if there is one."""
        return f"{self.message}; {self.next_step}" if self.next_step else self.message

    def anew(self) -> Refused:
        """Return a copy to raise: an exception that was raised before keeps all frames that it passed alive."""
        refused = Refused(self.code, self.message, self.next_step, self.job_index, self.reason)
        refused.missing = self.missing
        return refused

    def __reduce__(self) -> tuple[type[Refused], tuple[Code, str, str, int | None, Reason | None]]:
        """Return how to pickle it, which process pools need."""
        return type(self), (self.code, self.message, self.next_step, self.job_index, self.reason)
