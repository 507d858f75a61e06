"""What the jobs of a batch file wait for."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobwire.client.batch.batch_file import Batch, read_batch
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.client.batch.options.option_values import parse_after
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.refusal import Refused

AROUND = Surroundings(Path("/"))
RUN = b"r" * 16


def batch(*tables: str, head: str = "") -> Batch:
    return read_batch((head + "".join(f'[[job]]\nargv = ["true"]\n{table}\n' for table in tables)).encode(), "jobs.toml", AROUND)


def waits(found: Batch) -> list[tuple[After, ...]]:
    return [spec.after for spec in found.specs(RUN).values()]


def refused(*tables: str, head: str = "") -> str:
    with pytest.raises(Refused) as caught:
        batch(*tables, head=head)
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def test_a_name_means_the_job_of_the_file_that_has_it_also_one_further_down() -> None:
    found = batch('name = "a"\nafter = { failed = ["b"], any = "c" }', 'name = "b"\nafter = "c"', 'name = "c"')
    ids = found.ids(RUN)
    assert waits(found) == [
        (After(Condition.FAILED, job=ids[1]), After(Condition.ANY, job=ids[2])),
        (After(Condition.OK, job=ids[2]),),
        (),
    ]
    assert list(found.order.layers) == [2, 1, 0]


def test_a_name_with_for_each_means_all_of_its_jobs_and_an_index_one() -> None:
    found = batch('name = "a"\nfor_each = "1..2"', 'name = "all"\nafter = "a"', 'name = "one"\nafter = ["a[1]"]')
    assert waits(found)[2:] == [(After(Condition.OK, run=RUN, name="a"),), (After(Condition.OK, job=found.ids(RUN)[1]),)]


def test_a_job_of_for_each_can_wait_for_the_one_with_the_same_value() -> None:
    found = batch('name = "get-{item}"\nfor_each = ["x", "y"]', 'name = "put-{item}"\nfor_each = ["x", "y"]\nafter = ["get-{item}"]')
    ids = found.ids(RUN)
    assert waits(found)[2:] == [(After(Condition.OK, job=ids[0]),), (After(Condition.OK, job=ids[1]),)]
    by_index = batch('name = "g"\nfor_each = "1..2"', 'name = "p"\nfor_each = "1..2"\nafter = "g[{index}]"')
    assert waits(by_index)[2] == (After(Condition.OK, job=by_index.ids(RUN)[0]),)


def test_a_name_with_placeholders_means_all_jobs_that_are_made_of_it() -> None:
    found = batch('name = "get-{item}"\nfor_each = ["x", "y"]', 'name = "all"\nafter = ["get-{item}"]')
    ids = found.ids(RUN)
    assert waits(found)[2] == (After(Condition.OK, job=ids[0]), After(Condition.OK, job=ids[1]))


def test_defaults_are_for_jobs_that_wait_for_nothing_of_their_own() -> None:
    found = batch('name = "a"\nafter = []', "", head='[defaults]\nafter = "a"\n')
    assert waits(found) == [(), (After(Condition.OK, job=found.ids(RUN)[0]),)]


def test_a_name_that_no_job_has_is_reported_with_its_place() -> None:
    said = refused('name = "fetch"', 'after = ["fetsch"]\ntime_limit = "soon"', 'after = { any = ["load"] }')
    assert "jobs.toml, line 7, key 'job.time_limit'" in said
    assert "line 10, key 'job.after.any': there is no job 'load' in this file" in said, "both are said at once"
    said = refused('name = "fetch"', 'after = ["fetsch"]', 'after = { any = ["load"] }')
    assert "jobs.toml, line 6, key 'job.after': there is no job 'fetsch' in this file; did you mean 'fetch'?" in said
    assert "jobs.toml, line 9, key 'job.after.any': there is no job 'load' in this file; named are fetch" in said


def test_jobs_that_wait_for_each_other_are_reported_with_their_names() -> None:
    said = refused('name = "a"\nafter = "c"', 'name = "b"\nafter = "a"', 'name = "c"\nafter = "b"')
    assert "jobs.toml, line 4, key 'job.after': jobs wait for each other" in said
    assert "a waits for c waits for b waits for a" in said
    assert "a waits for itself" in refused('name = "a"\nafter = "a"')
    assert "waits for" in refused('name = "a"\nfor_each = "1..2"\nafter = "a"')


def test_each_circle_is_reported_also_beside_other_mistakes_and_through_a_job_that_is_not_valid() -> None:
    said = refused(
        *('name = "a"\nafter = "b"', 'name = "b"\nafter = "a"\nmemory = "lots"', 'name = "c"\nafter = "d"', 'name = "d"\nafter = "c"'),
        'after = "nobody"',
    )
    for what in ("a waits for b waits for a", "c waits for d waits for c", "there is no job 'nobody'", "'lots' is not a size"):
        assert what in said


def test_two_conditions_about_one_job_are_reported() -> None:
    assert "two conditions are about a" in refused('name = "a"', 'after = { ok = "a", any = "a" }')


def test_on_the_command_line_a_condition_is_a_word_and_a_name() -> None:
    assert parse_after("failed:x") == (Condition.FAILED, "x")
    assert parse_after("x:y") == (Condition.OK, "x:y")
    with pytest.raises(Refused, match="names no job"):
        parse_after("ok:")
