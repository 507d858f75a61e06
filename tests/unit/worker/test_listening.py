import pytest

from jobwire.schemas.refusal import Code, Refused
from jobwire.worker.listening import has_next_port, hidden_loopback, is_loopback, read_endpoint


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
def test_an_endpoint_is_read_and_whether_only_this_machine_reaches_it(text: str, read: str, only_here: bool) -> None:  # noqa: FBT001 -- a case
    assert read_endpoint(text) == read
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
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_endpoint(text)
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_the_last_port_has_none_after_it() -> None:
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
def test_a_name_that_stands_for_the_loopback_is_found_out_by_its_addresses(endpoint: str, addresses: list[str], hidden: str) -> None:
    assert hidden_loopback(endpoint, addresses) == hidden
