"""The life of an allocation, as a table: its state after each happening. Pure."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """The state of an allocation; numbers as in request.proto and the store.

    After its end it has a row only while its worker has jobs.
    """

    INTENDED = 1
    PENDING = 2
    STARTING = 3
    JOINED = 4
    LEAVING = 5
    # What its worker had is not known yet to have ended.
    ENDED = 6


class Happening(enum.Enum):
    """Something that happens to an allocation."""

    # The cluster has it: it says so, or lists it by its name.
    FOUND_WAITING = enum.auto()
    FOUND_RUNNING = enum.auto()
    # It lists it as ended, or not any more; or has never had it.
    FOUND_ENDED = enum.auto()
    # The worker is connected.
    JOINED = enum.auto()
    # It is told to leave, or what waits is given back.
    GIVEN_BACK = enum.auto()


NEXT: dict[tuple[State, Happening], State] = {
    (State.INTENDED, Happening.FOUND_WAITING): State.PENDING,
    (State.INTENDED, Happening.FOUND_RUNNING): State.STARTING,
    # The answer was lost, and it is listed no more or has ended already.
    (State.INTENDED, Happening.FOUND_ENDED): State.ENDED,
    # The worker was faster than the answer.
    (State.INTENDED, Happening.JOINED): State.JOINED,
    (State.INTENDED, Happening.GIVEN_BACK): State.INTENDED,
    (State.PENDING, Happening.FOUND_WAITING): State.PENDING,
    (State.PENDING, Happening.FOUND_RUNNING): State.STARTING,
    (State.PENDING, Happening.FOUND_ENDED): State.ENDED,
    (State.PENDING, Happening.JOINED): State.JOINED,
    (State.PENDING, Happening.GIVEN_BACK): State.LEAVING,
    # Suspended, or put back into the queue by an administrator.
    (State.STARTING, Happening.FOUND_WAITING): State.PENDING,
    (State.STARTING, Happening.FOUND_RUNNING): State.STARTING,
    (State.STARTING, Happening.FOUND_ENDED): State.ENDED,
    (State.STARTING, Happening.JOINED): State.JOINED,
    (State.STARTING, Happening.GIVEN_BACK): State.LEAVING,
    (State.JOINED, Happening.FOUND_WAITING): State.JOINED,
    (State.JOINED, Happening.FOUND_RUNNING): State.JOINED,
    (State.JOINED, Happening.FOUND_ENDED): State.ENDED,
    (State.JOINED, Happening.JOINED): State.JOINED,
    (State.JOINED, Happening.GIVEN_BACK): State.LEAVING,
    (State.LEAVING, Happening.FOUND_WAITING): State.LEAVING,
    (State.LEAVING, Happening.FOUND_RUNNING): State.LEAVING,
    (State.LEAVING, Happening.FOUND_ENDED): State.ENDED,
    (State.LEAVING, Happening.JOINED): State.LEAVING,
    (State.LEAVING, Happening.GIVEN_BACK): State.LEAVING,
    # A cluster may say more about one that it did not list for a while.
    (State.ENDED, Happening.FOUND_WAITING): State.ENDED,
    (State.ENDED, Happening.FOUND_RUNNING): State.ENDED,
    (State.ENDED, Happening.FOUND_ENDED): State.ENDED,
    (State.ENDED, Happening.JOINED): State.ENDED,
    (State.ENDED, Happening.GIVEN_BACK): State.ENDED,
}
COMING = frozenset({State.INTENDED, State.PENDING, State.STARTING})
