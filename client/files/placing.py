"""Put files and folders into the folder of an existing job; shared by the blocking and the asynchronous client.

Each content is hashed while it is sent, as an upload with a token; then one request, which names the digests, puts all of them in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...schemas.frames import TOKEN_BYTES
from ...schemas.generated import request_pb2
from ...schemas.jobs import brought_files
from ...schemas.jobs.brought_files import MOST_FILES, BroughtFile
from ...schemas.naming import JobKey
from ...schemas.refusal import Reason, Refused
from ...schemas.wire_codec import key_to_wire
from .local_files import Chosen
from .sending import Progress, Reading, send_all

if TYPE_CHECKING:
    from ..sockets.connection import Connection

# The worker may have put everything into place before the connection broke, and then it has the contents no more.
ATTEMPTS = 3


def put(connection: Connection, key: JobKey, chosen: Sequence[Chosen]) -> None:
    """Put files and folders into the folder of a job; of more than 64, groups of that size appear together.

    Raises Refused if one of them changes, or what the worker refuses.
    """
    progress = Progress(sum(one.survey.size for one in chosen))
    with connection.waits_for(progress.purpose):
        for some in parts(chosen):
            _put_some(connection, key, some, progress)


def _put_some(connection: Connection, key: JobKey, some: Sequence[Chosen], progress: Progress) -> None:
    connection.call(place_request(key, [to_be_checked(one) for one in some], only_check=True))
    for left in reversed(range(ATTEMPTS)):
        readings = [Reading(one, hashes=True) for one in some]
        contents = [(upload_request(key, one), reading) for one, reading in zip(some, readings, strict=True)]
        send_all(connection, contents, progress)
        try:
            connection.call(place_request(key, [sent(one, reading) for one, reading in zip(some, readings, strict=True)]))
        except Refused as refused:
            if refused.reason is not Reason.FILES_MISSING or not left:
                raise
        else:
            return


def parts(chosen: Sequence[Chosen]) -> Iterator[Sequence[Chosen]]:
    """Return the groups that are put with one request each."""
    return (chosen[at : at + MOST_FILES] for at in range(0, len(chosen), MOST_FILES))


def upload_request(key: JobKey, content: Chosen) -> request_pb2.Request:
    """Return a request to send a content; an interrupted upload is resumed if the content is still the same."""
    what = (*key, content.local, content.survey.validator)
    token = hashlib.blake2b(b"\0".join(what), digest_size=TOKEN_BYTES).digest()
    return request_pb2.Request(put=request_pb2.Put(token=token, size=content.survey.size))


def to_be_checked(one: Chosen) -> BroughtFile:
    """Return a file for a request that only checks whether it can be put there."""
    return BroughtFile(one.path, b"", one.survey.size, one.survey.kind, one.mode)


def sent(one: Chosen, reading: Reading) -> BroughtFile:
    """Return a file whose content was sent. Raises Refused if it has changed meanwhile."""
    return to_be_checked(one)._replace(digest=reading.digest())


def place_request(key: JobKey, files: Sequence[BroughtFile], *, only_check: bool = False) -> request_pb2.Request:
    """Return a request to put files into place."""
    wire = map(brought_files.to_wire, files)
    return request_pb2.Request(place=request_pb2.Place(key=key_to_wire(key), files=wire, only_check=only_check))
