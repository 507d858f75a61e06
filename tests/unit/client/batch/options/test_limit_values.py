import pytest

from jobwire.client.batch.options.limit_values import parse_nice, parse_umask, read_limits
from jobwire.schemas.jobs.process_limits import ResourceLimit
from jobwire.schemas.refusal import Refused


def test_limits_are_read_as_prlimit_reads_them() -> None:
    typed = ["nofile=64", "CORE=unlimited", "stack=64K:8M", "cpu=10m:unlimited", "RLIMIT_NPROC=5"]
    read = (
        ResourceLimit("nofile", 64, 64),
        ResourceLimit("core", None, None),
        ResourceLimit("stack", 65536, 8 << 20),
        ResourceLimit("cpu", 600, None),
        ResourceLimit("nproc", 5, 5),
    )
    assert read_limits(typed) == read
    table = {"nofile": 64, "core": -1, "stack": ("64K", 8 << 20), "cpu": (600, None), "nproc": "5"}
    assert read_limits(table) == read


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("nofile", "has no value"),
        ("files=3", "not the name of a limit; known are as, core"),
        ("rss=3", "--memory limits"),
        ("nofile=many", "'many' is not a limit nofile; write a whole number"),
        ("stack=1:2:3", "3 values"),
        ("stack=x", "a size such as 64M"),
        ("cpu=x", "a time such as"),
        ("nofile=", "'' is not a limit nofile"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_to_write(typed: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        read_limits([typed])
    assert words in f"{refused.value.message}; {refused.value.next_step}"


def test_a_umask_is_octal_and_a_nice_value_is_a_number() -> None:
    assert [parse_umask(said) for said in ("027", "27", "0o27", 0o27)] == [0o27] * 4
    assert [parse_nice(said) for said in ("-20", 19)] == [-20, 19]
    for said in ("8", "0x1", "7777", ""):
        with pytest.raises(Refused, match="umask"):
            parse_umask(said)
    for said in ("low", "20", "-21"):
        with pytest.raises(Refused, match="nice"):
            parse_nice(said)
