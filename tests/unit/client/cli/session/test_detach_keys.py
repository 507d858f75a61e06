import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.session.detach_keys import DetachKeys, DetachWatch, parse_detach_keys

KEY = b"\x1d"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("a", b"a"),
        ("ctrl-],x", b"\x1dx"),
        ("CTRL-A", b"\x01"),
        ("ctrl-@", b"\x00"),
        ("ctrl-\\", b"\x1c"),
        ("~,.", b"~."),
        ("ctrl-p,DEL", b"\x10\x7f"),
    ],
)
def test_keys_are_written_as_dockers(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == DetachKeys(keys, None)


def test_no_keys_are_the_usual_ones_as_for_docker() -> None:
    assert parse_detach_keys("") == DetachKeys()


@pytest.mark.parametrize("text", [",", "ctrl-", "ctrl-pp", "ab", "a,,b", "ctrl-1", "é", "\x01", "alt-x"])
def test_what_is_no_key_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        parse_detach_keys(text)


def test_three_times_within_a_second_leaves_and_what_follows_does_not_count() -> None:
    watch = DetachWatch(DetachKeys())
    assert watch.take(b"ls\n" + KEY, 0.0) == (b"ls\n" + KEY, False)
    assert watch.take(KEY, 0.5) == (KEY, False)
    assert watch.take(KEY + b"rest", 1.0) == (b"", True)


def test_three_times_within_more_than_a_second_reach_the_job() -> None:
    watch = DetachWatch(DetachKeys())
    assert [watch.take(KEY, now) for now in (0.0, 0.6, 1.2, 1.8, 2.4)] == [(KEY, False)] * 5


def test_another_key_between_them_begins_anew() -> None:
    assert DetachWatch(DetachKeys()).take(KEY + KEY + b"x" + KEY + KEY, 0.0) == (KEY + KEY + b"x" + KEY + KEY, False)


def test_keys_of_ones_own_are_held_back_until_they_are_no_beginning_any_more() -> None:
    watch = DetachWatch(parse_detach_keys("ctrl-p,ctrl-q"))
    assert watch.take(b"a\x10", 0.0) == (b"a", False)
    assert watch.take(b"b", 0.4) == (b"\x10b", False)
    assert watch.take(b"\x10\x10", 100.0) == (b"\x10", False)
    assert watch.take(b"\x11", 100.4) == (b"", True)


def test_a_beginning_that_nothing_follows_is_for_the_job() -> None:
    watch = DetachWatch(parse_detach_keys("ctrl-p,ctrl-q"))
    assert watch.due is None
    assert watch.take(b"\x10", 10.0) == (b"", False)
    assert (watch.due, watch.overdue(10.4)) == (10.5, b"")
    assert (watch.overdue(10.5), watch.due) == (b"\x10", None)
    assert watch.take(b"\x11", 10.6) == (b"\x11", False)
    # Whoever looks too late.
    assert watch.take(b"\x10", 20.0) == (b"", False)
    assert watch.take(b"\x11", 21.0) == (b"\x10\x11", False)
    assert DetachWatch(DetachKeys()).due is None


def test_keys_are_found_behind_what_looks_like_their_beginning() -> None:
    watch = DetachWatch(parse_detach_keys("a,a,b"))
    assert watch.take(b"aaab", 0.0) == (b"a", True)
    assert DetachWatch(parse_detach_keys("a,b,a,c")).take(b"ababac", 0.0) == (b"ab", True)


@given(st.lists(st.binary(max_size=6)), st.sampled_from([b"ab", b"aab", b"aba", b"a", KEY * 3]))
def test_nothing_is_lost_or_doubled_before_the_keys(typed: list[bytes], keys: bytes) -> None:
    watch = DetachWatch(DetachKeys(keys, None))
    passed = b""
    for number, part in enumerate(typed):
        more, left = watch.take(part, 0.0)
        passed += more
        if left:
            assert (passed + keys) == b"".join(typed)[: len(passed) + len(keys)]
            return
        whole = b"".join(typed[: number + 1])
        assert whole.startswith(passed)
        assert keys.startswith(whole[len(passed) :])
