import contextlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.schemas.naming import (
    batch_job_id,
    format_folder,
    format_id,
    format_process,
    format_time,
    name_problem,
    new_id,
    parse_folder,
    parse_time,
    parse_typed,
    prefix_of,
    signal_name,
)

# Up to the year 9999, as far as strptime reads.
times = st.integers(1, 253_402_300_799_999_999)


@given(times)
def test_a_time_reads_back(at_us: int) -> None:
    assert parse_time(format_time(at_us)) == at_us


def test_a_time_is_written_as_documented() -> None:
    assert format_time(1_795_498_791_123_456) == "20261124T053951.123456Z"


@given(st.integers(0, 9_999_999_999), times, st.none() | times)
def test_a_folder_name_reads_back(pid: int, start: int, end: int | None) -> None:
    assert parse_folder(format_folder(pid, start, end or 0)) == (pid, start, end or 0)


@given(st.text())
def test_any_other_folder_name_is_not_ours(name: str) -> None:
    found = parse_folder(name)
    assert found is None or format_folder(*found) == name


@given(
    st.from_regex(r"\A\d{1,3}_\d{8}T\d{6}\.\d{6}Z(_\d{8}T\d{6}\.\d{6}Z)?\Z")
    | st.from_regex(r"\A7_202[0-9][01]\d[0-3]\dT[0-2]\d[0-6]\d[0-6]\d\.\d{6}Z\Z")
)
def test_what_looks_like_a_folder_name_reads_back_or_is_none(name: str) -> None:
    found = parse_folder(name)
    assert found is None or format_folder(*found) == name


@given(st.from_regex(r"\A\d{1,11}@\d{8}T\d{6}\.\d{6}Z\Z") | st.text(max_size=40))
def test_whatever_is_typed_names_a_job_or_is_an_error_with_a_message(text: str) -> None:
    with contextlib.suppress(ValueError):
        typed = parse_typed(text)
        assert sum(map(bool, (typed.full_id, typed.process[0], typed.last, typed.name_or_prefix))) == 1


def test_folder_names_sort_by_their_times() -> None:
    assert format_folder(1, 999_999) < format_folder(1, 1_000_000) < format_folder(1, 1_000_001)


def test_a_new_id_is_a_random_uuid() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert {(uuid.UUID(bytes=one).version, uuid.UUID(bytes=one).variant) for one in ids} == {(4, uuid.RFC_4122)}


def test_ids_of_a_batch_are_the_same_each_time_and_differ_by_run_name_and_index() -> None:
    run, other = new_id(), new_id()
    assert batch_job_id(run, "a", 0) == batch_job_id(run, "a", 0)
    assert len({batch_job_id(run, "a", 0), batch_job_id(run, "a", 1), batch_job_id(run, "b", 0), batch_job_id(other, "a", 0)}) == 4


def test_each_way_to_name_a_job_is_recognized_by_its_form() -> None:
    job = new_id()
    assert parse_typed("last").last
    assert parse_typed(format_id(job)).full_id == job
    assert parse_typed(job.hex()).full_id == job
    assert parse_typed(format_process(12, 1_000_000)).process == (12, 1_000_000)
    assert parse_typed("fetch[0]").name_or_prefix == "fetch[0]"
    assert parse_typed("abcd1234").name_or_prefix == "abcd1234"
    with pytest.raises(ValueError, match="does not name a job"):
        parse_typed("what is this?")


@pytest.mark.parametrize("name", ["fetch", "fetch[0]", "a-b_c.d:e+f", "x" * 128, "Z", "123", "2024-11-28", "cafe-1", "ab-cd-ef", "f" * 33])
def test_valid_names_are_accepted(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "last", "abcd", "deadbeef", "has space", "x" * 129, "-n", "12@x", "12345678-1234", "2024", "Cafe", "20241128"]
)
def test_names_that_look_like_something_else_are_not(name: str) -> None:
    assert name_problem(name)


def test_a_prefix_has_at_least_four_digits() -> None:
    assert prefix_of("abc") is None
    assert prefix_of("ABCD12") == "abcd12"
    assert prefix_of("fetch") is None


def test_a_prefix_has_no_dashes_or_those_of_a_uuid() -> None:
    text = format_id(new_id())
    assert [prefix_of(text[:length]) for length in range(4, 37)] == [text[:length].replace("-", "") for length in range(4, 37)]
    assert not any(map(prefix_of, ("ABCD-12", "2024-11-28", "12345678-12345", f"{text[:9]}{text[10:]}", f"{text}0", f"-{text[:8]}")))


def test_a_name_that_could_be_an_id_is_refused_with_a_name_to_use_instead() -> None:
    for name in ("cafe", "2024", "f" * 32):
        problem = name_problem(name)
        assert problem is not None
        assert name_problem(problem.rpartition(" ")[2]) is None


def test_a_signal_has_its_name_or_number() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(33) == "signal 33"
    assert signal_name(40) == "signal 40"
