"""Texts in datagrams: how many, in which order, and what becomes of them where nobody reads."""

from __future__ import annotations

import itertools
import json
import os
import select
import socket
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from jobwire.worker.keeper.supervisor_line import Line
from jobwire.worker.wire import datagrams

LENGTHS = st.lists(st.sampled_from([1, 10, 29_990, 29_998, 29_999, 30_000, 59_997, 59_998, 59_999, 60_000, 70_000]), min_size=1, max_size=8)


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    theirs.settimeout(0)
    return ours, theirs


@given(LENGTHS)
def test_all_texts_travel_in_order_in_datagrams_that_are_read_whole(lengths: list[int]) -> None:
    texts = [f'"{str(number)[0] * (length - 2)}"' for number, length in enumerate(lengths)]
    arrays, lines = datagrams.arrays(texts), datagrams.lines(texts)
    assert [f'"{text}"' for datagram in arrays for text in json.loads(datagram)] == texts
    assert [line for datagram in lines for line in datagram.decode().split("\n")] == texts
    for packed in (arrays, lines):
        # A single text is never divided.
        assert all(len(one) <= datagrams.LARGEST_DATAGRAM or one.count(b'"') == 2 for one in packed)
        assert all(len(one) + len(other) > datagrams.LARGEST_DATAGRAM - 3 for one, other in itertools.pairwise(packed))


def test_what_the_other_side_does_not_take_waits_and_an_end_is_told_from_nothing() -> None:
    ours, theirs = pair()
    waiting: deque[tuple[bytes, tuple[int, ...]]] = deque([(b"x" * 50_000, ()), *((bytes([number]) * 50_000, ()) for number in range(20))])
    with ours:
        with theirs:
            assert datagrams.receive(theirs) is None
            assert not datagrams.send_waiting(ours, waiting)
            left = len(waiting)
            assert 0 < left < 21
            received = []
            while left:
                while (one := datagrams.receive(theirs)) is not None:
                    received.append(one[0])
                left = 0 if datagrams.send_waiting(ours, waiting) else len(waiting)
            while (one := datagrams.receive(theirs)) is not None:
                received.append(one[0])
            assert received == [ord("x"), *range(20)]
        assert datagrams.receive(ours) == b""


def test_the_keeper_hears_of_as_many_adopted_jobs_as_one_message_can_name() -> None:
    ours, theirs = pair()
    heard: list[str] = []
    line = Line(select.poll(), lambda text, _: heard.append(text))
    adopted = " ".join(["adopted", *(str(4_000_000 + number) for number in range(15_000))])
    with ours, theirs:
        line.open(ours)  # type: ignore[arg-type] # reason: the public class has all that is used
        (datagram,) = datagrams.lines([adopted])
        theirs.send(datagram)
        line.listen()
        line.hang_up()
    assert len(datagram) > datagrams.LARGEST_DATAGRAM
    assert heard == [adopted]


def test_descriptors_come_with_their_datagram_and_are_not_inherited() -> None:
    ours, theirs = pair()
    pipe = os.pipe()
    with ours, theirs:
        for count in (0, 1, 2):
            datagrams.send_with(ours, b"datagram", pipe[:count])
            received = datagrams.receive_with(theirs)
            assert received is not None
            assert (received[0], len(received[1])) == (b"datagram", count)
            for own, came in zip(pipe, received[1], strict=False):
                assert os.path.sameopenfile(own, came)
                assert not os.get_inheritable(came)
                os.close(came)
        assert datagrams.receive_with(theirs) is None
        ours.close()
        assert datagrams.receive_with(theirs) == (b"", ())
    for end in pipe:
        os.close(end)
