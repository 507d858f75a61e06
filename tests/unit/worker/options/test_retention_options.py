import pytest

from jobwire.schemas.refusal import Refused
from jobwire.worker.options import retention_options


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * 86400), ("12h", 43200), ("2w", 14 * 86400), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5d", 129600), ("all", None)],
)
def test_ages_are_read(text: str, seconds: float | None) -> None:
    assert retention_options.parse_age(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("10G", 10 * 1024**3), ("500M", 500 * 1024**2), ("7", 7), ("1.5G", 3 * 1024**3 // 2), ("all", None)]
)
def test_sizes_are_read(text: str, size: int | None) -> None:
    assert retention_options.parse_bytes(text) == size


def test_counts_are_read() -> None:
    assert retention_options.parse_count("100000") == 100_000
    assert retention_options.parse_count("all") is None


@pytest.mark.parametrize("text", ["", "0", "0d", "-1", "1.5", "ten", "1 h", "ALL", "1e9", "٣"])
def test_what_is_not_a_limit_is_refused_with_how_to_write_it(text: str) -> None:
    for parse in (retention_options.parse_age, retention_options.parse_bytes, retention_options.parse_count):
        with pytest.raises(Refused, match="or all for no limit"):
            parse(text)


def test_an_age_without_unit_is_refused_because_days_may_be_meant() -> None:
    with pytest.raises(Refused, match="write it like 30d"):
        retention_options.parse_age("30")
