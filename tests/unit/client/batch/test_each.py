from pathlib import Path

import pytest

from jobwire.client.batch.batch_file import Batch, read_batch
from jobwire.client.batch.each import expand, for_worker, questions
from jobwire.client.batch.options.job_options import Surroundings
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.naming import LONGEST_NAME
from jobwire.schemas.refusal import Refused

RUN = bytes(16)


def batch_of(text: str) -> Batch:
    return read_batch(text.encode(), "f.toml", Surroundings(Path("/tmp")))


def test_a_job_for_a_worker_is_bound_to_it_and_named_after_it() -> None:
    bound = for_worker(JobSpec(argv=(b"/bin/nvidia-smi",), on=("gpu",), labels=(("a", "b"),)), "lab1")
    assert (bound.name, bound.on, bound.labels) == ("nvidia-smi[lab1]", ("gpu", "worker=lab1"), (("a", "b"), ("worker", "lab1")))


def test_a_long_name_keeps_that_of_the_worker_and_a_label_of_the_job_is_kept() -> None:
    bound = for_worker(JobSpec(argv=(b"x",), name="n" * LONGEST_NAME, labels=(("worker", "mine"),)), "a@b")
    assert bound.name.endswith("n[a_b]")
    assert len(bound.name) == LONGEST_NAME
    assert bound.on == ("worker=a@b",)
    assert bound.labels == (("worker", "mine"),)


def test_a_job_that_asks_for_too_many_labels_is_refused() -> None:
    with pytest.raises(Refused, match="at most 32 labels"):
        for_worker(JobSpec(argv=(b"x",), on=("gpu",) * 32), "lab1")


def test_what_waits_for_such_a_job_waits_for_it_on_all_workers() -> None:
    batch = batch_of(
        '[[job]]\nname = "prep"\nargv = ["p"]\non_each = true\n'
        '[[job]]\nname = "work"\nargv = ["w"]\non_each = true\nafter = "prep"\n'
        '[[job]]\nname = "sum"\nargv = ["s"]\nafter = { any = "work" }\n'
    )
    assert batch.each == {0, 1}
    whole = expand(batch, {0: ["a", "b"], 1: ["b"]})
    specs = [*whole.specs(RUN).values()]
    assert [spec.name for spec in specs] == ["prep[a]", "prep[b]", "work[b]", "sum"]
    ids = [*whole.specs(RUN)]
    assert [[one.job for one in spec.after] for spec in specs] == [[], [], ids[:2], [ids[2]]]
    assert whole.order.layers == [0, 0, 1, 2]
    assert not whole.each


def test_a_group_that_is_on_each_worker_is_waited_for_one_by_one_and_others_as_groups() -> None:
    batch = batch_of(
        '[[job]]\nname = "get"\nargv = ["g"]\nfor_each = "1..2"\non_each = true\n'
        '[[job]]\nname = "put"\nargv = ["p"]\nfor_each = "1..2"\n'
        '[[job]]\nname = "sum"\nargv = ["s"]\nafter = ["get", "put"]\n'
    )
    whole = expand(batch, {0: ["a", "b"], 1: ["a"]})
    last = [*whole.specs(RUN).values()][-1]
    ids = [*whole.specs(RUN)]
    assert {one.job for one in last.after if one.job} == set(ids[:3])
    assert [one.name for one in last.after if one.name] == ["put"]


def test_on_each_is_also_a_default_that_a_job_can_change() -> None:
    assert batch_of('[defaults]\non_each = true\n[[job]]\nargv = ["a"]\n[[job]]\nargv = ["b"]\non_each = false\n').each == {0}


def test_a_run_that_was_submitted_before_keeps_its_workers() -> None:
    batch = batch_of('[[job]]\nname = "a"\nargv = ["a"]\non_each = true\n[[job]]\nname = "b"\nargv = ["b"]\non_each = true\n')
    known = [for_worker(batch.jobs[0], "lab1"), for_worker(batch.jobs[1], "lab2"), JobSpec(argv=(b"c",), name="a[lab3]")]
    assert [(place, before) for place, _, before in questions(batch, known)] == [(0, ("lab1",)), (1, ("lab2",))]
    assert [before for *_, before in questions(batch)] == [(), ()]
