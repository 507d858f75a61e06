import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.endpoint import has_next_port, hidden_loopback, is_loopback, is_taken_by, to_connect, to_listen
from jobwire.schemas.refusal import Code, Refused


@pytest.mark.parametrize(
    ("text", "read", "only_here"),
    [
        ("tcp://0.0.0.0:7341", "tcp://0.0.0.0:7341", False),
        ("127.0.0.1:*", "tcp://127.0.0.1:*", True),
        ("localhost:65535", "tcp://localhost:65535", True),
        ("tcp://*:0", "tcp://*:0", False),
        ("tcp://[::1]:7361", "tcp://[::1]:7361", True),
        ("tcp://[::]:0", "tcp://[::]:0", False),
        ("[fe80::1%eth0]:7341", "tcp://[fe80::1%eth0]:7341", False),
        ("tcp://[::ffff:10.0.0.1]:7341", "tcp://[::ffff:10.0.0.1]:7341", False),
        ("tcp://eth0:7341", "tcp://eth0:7341", False),
    ],
)
def test_an_endpoint_to_listen_on_is_read_and_whether_only_this_machine_reaches_it(text: str, read: str, only_here: bool) -> None:  # noqa: FBT001 -- a case
    assert to_listen(text) == read
    assert is_loopback(read) is only_here


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1",
        "10.0.0.1:99999",
        "10.0.0.1:65536",
        "10.0.0.1:",
        "::1:7341",
        "[nonsense]:7341",
        "[10.0.0.1]:7341",
        "udp://a:1",
        "a b:1",
        "a:1\n",
        "a:٣",
    ],
)
def test_what_is_not_an_endpoint_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        to_listen(text)
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("listen", "events", "taken"),
    [
        ("127.0.0.1:7341", "127.0.0.1:7341", True),
        ("0.0.0.0:7341", "127.0.0.1:7341", True),
        ("[::1]:7341", "[::]:7341", True),
        ("*:7341", "lab:7341", True),
        ("127.0.0.1:7341", "127.0.0.2:7341", False),
        ("127.0.0.1:7341", "127.0.0.1:7342", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("*:*", "*:*", False),
    ],
)
def test_requests_and_events_cannot_share_an_endpoint(listen: str, events: str, *, taken: bool) -> None:
    assert is_taken_by(to_listen(listen), to_listen(events)) is taken


def test_endpoints_that_were_not_said_are_not_the_same() -> None:
    assert not is_taken_by("", "")


def test_the_last_port_has_no_next_one() -> None:
    assert has_next_port("tcp://0.0.0.0:6553")
    assert not has_next_port("tcp://[::]:65535")


@pytest.mark.parametrize(
    ("endpoint", "addresses", "hidden"),
    [
        ("tcp://debian:7341", ["127.0.1.1"], "127.0.1.1"),
        ("tcp://both:7341", ["10.0.0.1", "::1"], "::1"),
        ("tcp://lab:7341", ["10.0.0.1", "fe80::1%eth0"], ""),
        ("tcp://localhost:7341", ["127.0.0.1"], ""),
        ("tcp://127.0.0.1:7341", ["127.0.0.1"], ""),
    ],
)
def test_a_name_that_stands_for_the_loopback_is_recognized_by_its_addresses(endpoint: str, addresses: list[str], hidden: str) -> None:
    assert hidden_loopback(endpoint, addresses) == hidden


@pytest.mark.parametrize("text", ["lab:1", "tcp://lab:65535", "10.0.0.1:7341", "[::1]:7341", "tcp://[fe80::1%eth0]:7341"])
def test_an_endpoint_to_connect_to_is_host_and_port(text: str) -> None:
    assert to_connect(text) == f"tcp://{text.removeprefix('tcp://')}"


@pytest.mark.parametrize(
    "text", ["lab", "", "lab:0", "lab:65536", "*:1", "udp://lab:1", "http://lab:1", "::1:1", "lab:1/x", "lab:", "a b:1"]
)
def test_what_is_not_an_endpoint_to_connect_to_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        to_connect(text)
    assert refused.value.code is Code.INVALID_ARGUMENT


@given(st.text(max_size=40) | st.from_regex(r"(tcp://)?([0-9a-fA-F:.%]{0,12}|[\w.-]{0,12}|\[[0-9a-f:]{0,9}\]):\d{0,7}", fullmatch=True))
def test_any_text_is_an_endpoint_to_connect_to_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        whole = to_connect(text)
        assert to_connect(whole) == whole
        assert whole.startswith("tcp://")
        assert whole.isascii()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "::", "*", "0", "0x0", "0.0", "[::ffff:0.0.0.0]", "[0:0:0:0:0:0:0:0]", "[::%eth0]"])
def test_where_a_daemon_listens_is_not_where_it_is_reached(host: str) -> None:
    with pytest.raises(Refused, match=r"listened on, but not connected to; .* name or an address of that machine"):
        to_connect(f"tcp://{host}:7341")


@pytest.mark.parametrize("endpoint", ["tcp://lab:0", "10.0.0.1:00", "[::1]:0"])
def test_a_daemon_cannot_be_reached_at_port_0(endpoint: str) -> None:
    with pytest.raises(Refused, match="is not a port"):
        to_connect(endpoint)


def test_a_name_with_other_letters_is_written_as_it_is_in_dns() -> None:
    with pytest.raises(Refused, match="letters beyond ASCII") as refused:
        to_connect("tcp://bücher.example:7341")
    assert refused.value.next_step == "write it as it is in DNS: xn--bcher-kva.example"
    with pytest.raises(Refused) as refused:
        to_connect(f"{'ü' * 64}.example:7341")
    assert "xn--" in refused.value.next_step
