"""What an installation must be able to do before a worker gives its place to it."""

import pytest

from jobwire.broker.store import tables
from jobwire.schemas.refusal import Code, Refused
from jobwire.worker import reload
from jobwire.worker.keeper import handover
from jobwire.worker.wire import words


def test_an_installation_like_this_one_or_newer_can_take_over() -> None:
    reload.judge("1.0", tables.VERSION, words.VERSION, list(handover.READABLE), handover.VERSION)
    reload.judge("2.0", tables.VERSION + 1, words.VERSION + 1, [*handover.READABLE, handover.VERSION + 1], handover.VERSION)
    # A keeper that does not hand over stays what it is, whatever is installed.
    reload.judge("3.0", tables.VERSION, words.VERSION, [handover.VERSION + 2], 0)


@pytest.mark.parametrize(
    ("store", "spoken", "handovers", "words"),
    [
        (tables.VERSION - 1, words.VERSION, [handover.VERSION], "supports store version"),
        (tables.VERSION, words.VERSION - 1, [handover.VERSION], "of the protocol with its supervisor, but this worker uses"),
        (tables.VERSION, words.VERSION, [handover.VERSION + 1], "cannot read version"),
    ],
    ids=["older store", "older link", "other handover"],
)
def test_an_installation_that_lacks_something_is_refused_with_a_message(store: int, spoken: int, handovers: list[int], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        reload.judge("0.0.1", store, spoken, handovers, handover.VERSION)
    assert refused.value.code is Code.FAILED_PRECONDITION
    assert "jobwire 0.0.1" in refused.value.message
