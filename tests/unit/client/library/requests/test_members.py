from collections.abc import Sequence

import pytest

from jobwire.client.library.requests.dialogue import carry_out
from jobwire.client.library.requests.members import Change, Decide, RosterMember, adding, giving_role, removing, renaming, steps
from jobwire.keys.identity import format_public, from_seed
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Code, Reason, Refused

KEYS = {name: from_seed(name[0].encode() * 32).public for name in ("ada", "bob", "eve")}
ADA, BOB = RosterMember("ada", KEYS["ada"], "admin"), RosterMember("bob", KEYS["bob"], "viewer")


class Worker:
    """A roster that others change, `faster` times before a change of ours arrives."""

    def __init__(self, *members: RosterMember, faster: int = 0, they_make: Sequence[RosterMember] | None = None) -> None:
        self.members: Sequence[RosterMember] = members
        self.version = 0
        self.faster = faster
        self.they_make = they_make
        self.asked: list[request_pb2.ChangeMembers] = []

    def call(self, request: request_pb2.Request) -> request_pb2.Reply:
        if request.HasField("list_members"):
            reply = request_pb2.ListMembersReply(version=str(self.version).encode())
            for one in self.members:
                reply.members.add(name=one.name, key=one.key, role=one.role)
            return request_pb2.Reply(list_members=reply)
        if self.faster:
            self.faster -= 1
            self.version += 1
            if self.they_make is not None:
                self.members = self.they_make
        if request.change_members.version != str(self.version).encode():
            raise Refused(Code.FAILED_PRECONDITION, "changed", reason=Reason.ROSTER_CHANGED)
        self.asked.append(request.change_members)
        return request_pb2.Reply(done=request_pb2.Done())

    def change(self, decide: Decide) -> Change:
        return carry_out(self.call, steps(decide))


def test_members_are_named_by_their_keys() -> None:
    worker = Worker(ADA, BOB)
    assert worker.change(removing("bob")).member == BOB
    assert worker.change(giving_role("bob", "operator")).member == BOB
    assert worker.change(renaming("bob", "lab")).member == BOB
    worker.change(adding("eve", format_public(KEYS["eve"]), "viewer"))
    removed, given, renamed, added = worker.asked
    assert removed.remove == given.set_role.key == renamed.rename.key == KEYS["bob"]
    assert (given.set_role.role, renamed.rename.name) == ("operator", "lab")
    assert (added.add.name, added.add.key, added.add.role) == ("eve", KEYS["eve"], "viewer")


@pytest.mark.parametrize("decide", [giving_role("bob", "viewer"), renaming("bob", "bob"), adding(*BOB)])
def test_nothing_is_asked_for_that_is_so(decide: Decide) -> None:
    worker = Worker(ADA, BOB)
    assert worker.change(decide) == Change(None, BOB)
    assert not worker.asked


def test_a_change_is_made_again_in_the_roster_of_somebody_who_was_faster() -> None:
    worker = Worker(ADA, BOB, faster=3)
    worker.change(giving_role("bob", "operator"))
    assert [change.set_role.role for change in worker.asked] == ["operator"]


@pytest.mark.parametrize(
    ("they_make", "why"),
    [([ADA], "there is no member 'bob'"), ([ADA, BOB._replace(key=KEYS["eve"])], "bob is another member now than when the roster")],
)
def test_a_name_that_is_gone_meanwhile_or_that_of_another_member_is_refused(they_make: Sequence[RosterMember], why: str) -> None:
    for decide in (removing("bob"), giving_role("bob", "admin"), renaming("bob", "rob")):
        worker = Worker(ADA, BOB, faster=1, they_make=they_make)
        with pytest.raises(Refused, match=why):
            worker.change(decide)
        assert not worker.asked


def test_it_is_not_tried_for_ever() -> None:
    worker = Worker(ADA, BOB, faster=10_000)
    with pytest.raises(Refused) as refused:
        worker.change(removing("bob"))
    assert refused.value.reason is Reason.ROSTER_CHANGED
    assert worker.faster > 9_000


def test_another_refusal_is_not_tried_again() -> None:
    worker = Worker(ADA, BOB)
    asked = 0

    def call(request: request_pb2.Request) -> request_pb2.Reply:
        nonlocal asked
        if request.HasField("change_members"):
            asked += 1
            raise Refused(Code.FAILED_PRECONDITION, "the only admin")
        return worker.call(request)

    with pytest.raises(Refused, match="the only admin"):
        carry_out(call, steps(removing("bob")))
    assert asked == 1
