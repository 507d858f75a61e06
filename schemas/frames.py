"""Convert frames to messages and back; which verbs are signed, and the limits that both sides keep.

Client to worker: one frame, an Envelope, and after that of a Push one frame of bytes. Worker to client: a Reply, and after a LogRange,
LogChunk or FetchChunk one frame of bytes. Published: the topic, and a News. A frame that cannot be read is `Refused`, which affects only
its sender.
"""

from __future__ import annotations

from typing import cast

from google.protobuf.message import DecodeError

from .generated import event_pb2, request_pb2
from .jobs.brought_files import MOST_FILES
from .jobs.spec_check import HIGHEST_PRIORITY, LARGEST_STDIN, LONGEST_LABEL, MOST_ARGUMENTS, MOST_LABELS, MOST_VARIABLES
from .refusal import Code, Reason, Refused

TOPIC_BYTES = 16
NONCE_BYTES = 16
STORE_ID_BYTES = 16
# Requests that change something must be signed by the identity of the connection.
SIGNED_VERBS = frozenset(
    {
        *("start", "stop", "signal", "forget", "pause", "resume", "feed", "put", "change", "place", "set_slots"),
        *("add_schedule", "change_schedule", "change_worker", "stage", "commit", "unstage", "pair", "remove_worker"),
        *("add_queue", "change_queue", "change_members"),
    }
)

# A spec may hold 2 MiB of arguments and 1 MiB of stdin; a request of many jobs is cut by this too.
LARGEST_MESSAGE = 8 * 1024 * 1024
# The envelope around the largest request: proof and protobuf framing.
ENVELOPE_BYTES = 1024
# All jobs of a start are written in one transaction, as are those of a part of a batch that is staged: others wait for that, some
# milliseconds. More jobs than in one start are staged. `LARGEST_PART`: of more than one job; `_KEPT_`: so many an earlier version took.
MOST_JOBS_PER_START = 250
MOST_JOBS_PER_KEPT_START = 20_000
MOST_JOBS_PER_PART = 250
MOST_JOBS_PER_KEPT_PART = 1000
LARGEST_PART = 1024 * 1024
MOST_PARTS = 2000
# Jobs of a run that run at once.
LARGEST_WIDTH = 20_000
# In one stop, forget, pause, resume or change; in one request between a broker and a worker; and in one filter.
MOST_KEYS = 250
MOST_KEYS_OF_A_KEPT_REQUEST = 1000
MOST_KEYS_OF_A_LINK = 1000
MOST_JOBS_PER_FILTER = 1000
# Of any request except a start and a stage.
LARGEST_OTHER_MESSAGE = 128 * 1024
MOST_FRAMES = 2
LARGEST_CHUNK = 256 * 1024
# The bytes of one push, and how many bytes of a job's input may be under way or wait for the job.
LARGEST_PUSH = 256 * 1024
LARGEST_FEED_WINDOW = 4 * 1024 * 1024
# How much may be typed at a terminal before the job has taken it.
LARGEST_TYPED = 64 * 1024
TOKEN_BYTES = 16
LARGEST_RANGE = 1024 * 1024
MOST_TAIL_LINES = 1000
LARGEST_TAIL = 64 * 1024
LARGEST_CREDIT = 16 * 1024 * 1024
# Of one identity, unless its entry in the roster sets another limit (keys/members/limits.py).
MOST_CONNECTIONS = 64
MOST_STREAMS = 256
MOST_GRANTS = 64
# Twice the credit that one stream can have, so that no honest reader reaches it with one stream.
MOST_UNREAD_BYTES = 2 * LARGEST_CREDIT
MOST_QUEUED_JOBS = 100_000
# Specs with their inputs, of the jobs of one identity that have not ended. The worker has them in memory; running a job again sends none.
MOST_HELD_BYTES = 1024 * 1024 * 1024
# The contents that are kept of one member, all together; none of them can be larger than that.
MOST_FILE_BYTES = 16 * 1024 * 1024 * 1024
# Uploads, and fetched files or folders, of one member at once: each of them uses a thread and descriptors.
MOST_PUTS = 8
MOST_FETCHES = 8
# Digests in one refusal; a client that lacks more is refused again.
MOST_MISSING = 1000
# libzmq: a CURVE client cannot shake hands with an XPUB that takes less than 292 bytes; a topic needs 17.
LARGEST_SUBSCRIPTION = 512
_SEND = "send one frame that holds an Envelope, and in its field `request` a serialized Request"


def limits() -> request_pb2.Limits:
    """Return the limits of a member whose roster entry sets none, as `hello` reports them."""
    return request_pb2.Limits(
        message_bytes=LARGEST_MESSAGE,
        jobs_per_start=MOST_JOBS_PER_START,
        stdin_bytes=LARGEST_STDIN,
        tail_lines=MOST_TAIL_LINES,
        tail_bytes=LARGEST_TAIL,
        range_bytes=LARGEST_RANGE,
        credit_bytes=LARGEST_CREDIT,
        streams=MOST_STREAMS,
        grants=MOST_GRANTS,
        connections=MOST_CONNECTIONS,
        unread_bytes=MOST_UNREAD_BYTES,
        queued_jobs=MOST_QUEUED_JOBS,
        keys_per_request=MOST_KEYS,
        jobs_per_filter=MOST_JOBS_PER_FILTER,
        other_message_bytes=LARGEST_OTHER_MESSAGE,
        arguments=MOST_ARGUMENTS,
        variables=MOST_VARIABLES,
        labels=MOST_LABELS,
        label_characters=LONGEST_LABEL,
        push_bytes=LARGEST_PUSH,
        file_bytes=MOST_FILE_BYTES,
        files_per_job=MOST_FILES,
        highest_priority=HIGHEST_PRIORITY,
        jobs_per_part=MOST_JOBS_PER_PART,
        parts_per_batch=MOST_PARTS,
    )


def read_envelope(frame: bytes) -> tuple[request_pb2.Request, request_pb2.Envelope]:
    """Return the envelope that a client sent; it holds the raw request bytes and the proof.

    Raises `Refused(INVALID_ARGUMENT)` for a malformed frame.
    """
    try:
        envelope = request_pb2.Envelope.FromString(frame)
        request = request_pb2.Request.FromString(envelope.request)
    except DecodeError:
        raise Refused(Code.INVALID_ARGUMENT, "the frame is not an Envelope with a Request in it: it cannot be decoded", _SEND) from None
    if not envelope.request:
        raise Refused(Code.INVALID_ARGUMENT, f"{_without_request(frame)}, so there is nothing to do", _SEND)
    if not request.id:
        raise Refused(Code.INVALID_ARGUMENT, "the request has no id, or the id 0", "number requests from 1")
    return request, envelope


def _without_request(frame: bytes) -> str:
    if not frame:
        return "the frame is empty"
    try:
        # Enough to recognize one; a long frame takes long to decode.
        bare = request_pb2.Request.FromString(frame) if len(frame) <= LARGEST_OTHER_MESSAGE else request_pb2.Request()
    except DecodeError:
        bare = request_pb2.Request()
    # An Envelope's proof stands where a Request's hello does.
    if bare.id or bare.WhichOneof("verb") not in (None, "hello"):
        return "the frame is a Request without an Envelope around it"
    return "the Envelope holds no Request"


def read_reply(frame: bytes) -> request_pb2.Reply:
    """Return the reply that a worker sent.

    Raises `Refused(INTERNAL)` for a malformed frame.
    """
    try:
        return request_pb2.Reply.FromString(frame)
    except DecodeError:
        raise Refused(Code.INTERNAL, "the worker sent a frame that is not a jobwire reply") from None


def read_news(frame: bytes) -> event_pb2.News:
    """Return the news that a worker published.

    Raises `Refused(INTERNAL)` for a malformed frame.
    """
    try:
        return event_pb2.News.FromString(frame)
    except DecodeError:
        raise Refused(Code.INTERNAL, "the worker published a frame that is not news") from None


def refusal_message(refused: Refused) -> request_pb2.Refusal:
    """Return a refusal as a message of the wire."""
    return request_pb2.Refusal(
        code=cast("request_pb2.Code", refused.code.value),
        message=refused.message,
        next_step=refused.next_step,
        job_index=refused.job_index,
        reason=cast("request_pb2.Reason", refused.reason or 0),
        missing=refused.missing,
    )


def refusal_from(message: request_pb2.Refusal) -> Refused:
    """Return a refusal received over the wire; an unknown code becomes `INTERNAL`, an unknown reason none."""
    try:
        code = Code(message.code)
    except ValueError:
        code = Code.INTERNAL
    try:
        reason = Reason(message.reason) if message.reason else None
    except ValueError:
        reason = None
    refused = Refused(code, message.message, message.next_step, message.job_index if message.HasField("job_index") else None, reason)
    refused.missing = tuple(message.missing)
    return refused
