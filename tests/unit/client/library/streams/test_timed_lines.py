from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.terminal.timed_copying import with_times
from jobwire.client.library.streams.timed_lines import Block, Span, TimedLines, Wanted, plan
from jobwire.client.protocol.exchange import Chunk
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import JobKey

OUT, ERR = request_pb2.STREAM_STDOUT, request_pb2.STREAM_STDERR


def chunk(*pieces: tuple[request_pb2.Stream, bytes, int]) -> Chunk:
    reply = request_pb2.Reply()
    for stream, data, at_us in pieces:
        reply.log_chunk.pieces.add(stream=stream, size=len(data), at_us=at_us)
    return Chunk(reply, 0, b"".join(data for _, data, _ in pieces))


def short(blocks: list[Block]) -> list[tuple[bytes, int]]:
    return [(block.data, block.at_us) for block in blocks]


def test_lines_are_whole_and_in_the_order_of_their_ends() -> None:
    lines = TimedLines(Span())
    assert short(lines.add(chunk((OUT, b"be", 1), (ERR, b"x\n", 2)))) == [(b"x\n", 2)]
    assert short(lines.add(chunk((OUT, b"gin\nre", 3)))) == [(b"begin\n", 3)]
    assert short(lines.finish()) == [(b"re", 3)]


def test_the_unfinished_lines_of_both_come_in_their_order() -> None:
    lines = TimedLines(Span())
    lines.add(chunk((OUT, b"a", 1), (ERR, b"x", 2), (OUT, b"b", 3)))
    assert short(lines.finish()) == [(b"x", 2), (b"ab", 3)]


def test_a_line_without_end_is_passed_on_in_parts_and_has_one_time() -> None:
    lines = TimedLines(Span())
    first = lines.add(chunk((OUT, b"a" * 70_000, 1)))
    then = lines.add(chunk((OUT, b"b\nc\n", 2)))
    assert [(block.begins, len(block.data)) for block in first + then] == [(True, 70_000), (False, 4)]
    assert with_times(then[0]) == b"b\n1970-01-01T00:00:00.000Z c\n"


def test_only_the_last_lines_of_the_history_and_then_everything() -> None:
    lines = TimedLines(Span(sizes=(6, 4), tail=2))
    assert lines.add(chunk((OUT, b"1\n2\n", 1))) == []
    assert short(lines.add(chunk((ERR, b"x\ny\n", 2), (OUT, b"3\n", 3)))) == [(b"y\n", 2), (b"3\n", 3)]
    assert short(lines.add(chunk((OUT, b"4\n", 4)))) == [(b"4\n", 4)]


def test_without_following_it_ends_with_what_was_written_before() -> None:
    lines = TimedLines(Span(sizes=(2, 3), ends=True))
    assert short(lines.add(chunk((OUT, b"1\n2\n", 1)))) == [(b"1\n", 1)]
    assert not lines.is_complete
    assert short(lines.add(chunk((ERR, b"x\ny\n", 2)))) == [(b"x\n", 2)]
    assert lines.is_complete
    assert short(lines.finish()) == [(b"y", 2)]
    assert TimedLines(Span(ends=True)).is_complete


def test_only_what_arrived_in_a_time() -> None:
    lines = TimedLines(Span(since_us=2000, until_us=3000))
    part = chunk((OUT, b"1\n", 1000), (OUT, b"2\n", 2000), (ERR, b"3\n", 3999))
    assert short(lines.add(part)) == [(b"2\n", 2000), (b"3\n", 3999)]
    assert not lines.is_complete
    assert lines.add(chunk((OUT, b"4\n", 4000))) == []
    assert lines.is_complete


_TEXTS = st.lists(st.tuples(st.sampled_from([OUT, ERR]), st.text("ab\n", min_size=1, max_size=6)), max_size=20)


@given(_TEXTS, st.integers(1, 5))
def test_no_byte_is_lost_and_a_tail_is_the_end_of_everything(texts: list[tuple[request_pb2.Stream, str]], tail: int) -> None:
    pieces = [(stream, text.encode(), at) for at, (stream, text) in enumerate(texts)]
    everything = TimedLines(Span())
    blocks = [block for piece in pieces for block in everything.add(chunk(piece))] + everything.finish()
    for stream, name in ((OUT, "stdout"), (ERR, "stderr")):
        assert b"".join(block.data for block in blocks if block.stream == name) == b"".join(data for s, data, _ in pieces if s == stream)
    sizes = tuple(sum(len(data) for s, data, _ in pieces if s == stream) for stream in (OUT, ERR))
    last = TimedLines(Span(sizes=(sizes[0], sizes[1]), ends=True, tail=tail))
    shown = [block for piece in pieces for block in last.add(chunk(piece))]
    shown += last.finish()
    lines = [line.line for block in blocks for line in block.lines()]
    assert [line.line for block in shown for line in block.lines()] == lines[-tail:]


def test_each_line_begins_with_its_time() -> None:
    assert with_times(Block(1_500, "stdout", b"a\n\nb\n")) == b"".join(
        b"1970-01-01T00:00:00.001Z %s\n" % line for line in (b"a", b"", b"b")
    )


def test_ages_are_those_of_the_workers_clock() -> None:
    key = JobKey(b"o" * 32, b"i" * 16)
    asking = plan(key, Wanted(("stdout",), since=timedelta(seconds=1), until=datetime(1970, 1, 2, tzinfo=UTC)))
    assert next(asking).read_log.stream == OUT
    now = request_pb2.Reply(log_range=request_pb2.LogRange(size=10, now_us=5_000_000))
    assert asking.send(Chunk(now, 0, b"")).read_log.since_us == 4_000_000
    found = request_pb2.Reply(log_range=request_pb2.LogRange(start=7, stderr_start=3))
    with pytest.raises(StopIteration) as planned:
        asking.send(Chunk(found, 7, b""))
    assert planned.value.value == Span((4, 3), (10, 0), since_us=4_000_000, until_us=86_400_000_000)
