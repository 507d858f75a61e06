from __future__ import annotations

from jobwire.broker.fleet.transfers.logs import split
from jobwire.client.protocol.conversation import Chunk
from jobwire.schemas.generated import request_pb2


def test_a_chunk_is_split_where_the_credit_ends_with_what_its_bytes_are() -> None:
    reply = request_pb2.Reply()
    for stream, size in ((request_pb2.STREAM_STDOUT, 3), (request_pb2.STREAM_STDERR, 4)):
        reply.log_chunk.pieces.add(stream=stream, size=size, at_us=9)
    first, rest = split(Chunk(reply, 10, b"abcdefg"), 5)
    assert rest is not None
    assert (first.start, bytes(first.data), rest.start, bytes(rest.data)) == (10, b"abcde", 15, b"fg")
    assert [piece.size for piece in first.reply.log_chunk.pieces] == [3, 2]
    assert [(piece.stream, piece.size) for piece in rest.reply.log_chunk.pieces] == [(request_pb2.STREAM_STDERR, 2)]


def test_a_chunk_that_fits_stays_whole() -> None:
    whole = Chunk(request_pb2.Reply(), 0, b"abc")
    assert split(whole, 3) == (whole, None)
