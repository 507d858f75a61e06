"""Where binding fails, what was asked for is named."""

from __future__ import annotations

import errno

import pytest
import zmq

from jobwire.broker.sockets.binding import CannotListen, bind_events

ASKED, NEXT, CHOSEN = "tcp://127.0.0.1:7341", "tcp://127.0.0.1:7342", "tcp://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("taken", "events", "named", "option"),
    [
        ({NEXT}, "", NEXT, "--events"),
        ({ASKED, NEXT}, "", ASKED, "--listen"),
        ({ASKED, CHOSEN}, CHOSEN, CHOSEN, "--events"),
    ],
    ids=["only the next port", "both ports", "a chosen one"],
)
def test_a_port_in_use_that_nobody_asked_for_is_named_only_if_the_other_one_is_free(
    taken: set[str], events: str, named: str, option: str
) -> None:
    def bind(endpoint: str) -> str:
        if endpoint in taken:
            raise zmq.ZMQError(errno.EADDRINUSE)
        return endpoint

    with pytest.raises(CannotListen) as refused:
        bind_events(bind, ASKED, events)
    assert refused.value.message == f"cannot listen on {named}: Address already in use"
    assert refused.value.next_step == f"use another with {option}, or end the program that uses it"
