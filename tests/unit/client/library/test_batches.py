"""What `Client.batch` submits: of a file, of its tables, and of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobwire.client.library.batches import PlannedBatch, plan_batch
from jobwire.client.library.options.specs import job_spec
from jobwire.client.library.requests.dialogue import carry_out
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.states import OnFailure
from jobwire.schemas.naming import batch_job_id
from jobwire.schemas.refusal import Code, Refused

RUN = b"r" * 16
NOTHING: dict[str, Any] = dict.fromkeys(("name", "parallel", "on_failure", "on_finish", "values"))


def plan(jobs: Any, **options: Any) -> PlannedBatch:
    return plan_batch(jobs, **{"id": RUN, "lines": False, **NOTHING, **options})


def test_jobs_have_ids_that_follow_from_the_run_and_their_names() -> None:
    jobs = [["echo", "one"], job_spec(["true"], name="a"), job_spec(["false"], name="a")]
    planned = plan(jobs, name="n", parallel=2, on_failure="cancel-rest", on_finish=["bye"])
    assert [*planned.specs] == [batch_job_id(RUN, "", 0), batch_job_id(RUN, "a", 0), batch_job_id(RUN, "a", 1)]
    assert planned.args == [("echo", "one"), ("true",), ("false",)]
    about = planned.about
    assert (about.id, about.name, about.parallel, about.on_failure) == (RUN, "n", 2, OnFailure.CANCEL_REST)
    assert about.on_finish == job_spec(["bye"])
    assert plan(jobs, id=None).about.id != plan(jobs, id=None).about.id


def test_a_file_is_read_as_the_command_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(
        "[batch]\nname = 'n'\nparallel = 3\non_finish = ['bye']\n[set]\nx = 1\n"
        "[[job]]\nname = 'a'\nargv = ['echo', '{x}']\nstdin = 'in'\n[[job]]\nname = 'b'\nargv = ['b']\nafter = 'a'\n"
    )
    (tmp_path / "in").write_text("input")
    planned = plan(file, values={"x": 7})
    first, second = planned.specs.values()
    assert (first.argv, first.stdin) == ((b"echo", b"7"), b"input")
    assert second.after == (After(Condition.OK, job=batch_job_id(RUN, "a", 0)),)
    assert (planned.about.name, planned.about.parallel) == ("n", 3)
    assert planned.about.on_finish is not None
    assert plan(str(file), name="other", parallel=0, on_failure="stop-rest").about[1:4] == ("other", 0, OnFailure.STOP_REST)
    file.write_text("echo 'a b'\n# nothing\ntrue\n")
    assert plan(file, lines=True).args == [("echo", "a b"), ("true",)]


def test_an_argv_may_stand_among_tables() -> None:
    planned = plan([["echo", b"a"], {"name": "b", "argv": ["b"]}, {"argv": ["c"], "after": "b"}])
    assert planned.args == [("echo", "a"), ("b",), ("c",)]


def test_tables_are_those_of_a_file() -> None:
    jobs = [{"name": "a", "argv": ["echo", "{item}"], "for_each": "1..3"}, {"argv": ["b"], "after": {"any": ["a"]}}]
    whole = {"batch": {"name": "n", "on_failure": "stop-rest"}, "job": jobs}
    for planned in (plan(jobs), plan(whole)):
        assert planned.args == [("echo", "1"), ("echo", "2"), ("echo", "3"), ("b",)]
        assert [len(spec.after) for spec in planned.specs.values()] == [0, 0, 0, 1]
    assert plan(whole).about[1:4] == ("n", 0, OnFailure.STOP_REST)


def test_mistakes_are_told_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"the batch, key 'job.nope': there is no key 'nope' here") as refused:
        plan([{"argv": ["a"], "time_limit": "soon"}, {"argv": ["a"], "nope": 1}])
    assert any("key 'job.time_limit': 'soon' is not a time" in note for note in refused.value.__notes__)
    with pytest.raises(Refused, match=r"none.toml cannot be read: No such file"):
        plan(tmp_path / "none.toml")
    with pytest.raises(Refused, match="'sometimes' is not an action for failed jobs"):
        plan([["a"]], on_failure="sometimes")
    with pytest.raises(Refused, match="are for a batch file"):
        plan([["a"]], values={"x": 1})
    with pytest.raises(TypeError, match="cannot be mixed"):
        plan([job_spec(["a"]), {"argv": ["b"]}])
    with pytest.raises(Refused, match="is not the id"):
        plan([["a"]], id="x")


def test_a_run_that_is_known_gets_no_further_jobs() -> None:
    first = plan([["echo", "one"], ["echo", "two"]])
    known = [*first.specs]
    first.demand_same(known)
    first.demand_same([])
    plan([["echo", "one"]]).demand_same(known)
    with pytest.raises(Refused, match="without 1 of these 3 jobs, such as echo three") as refused:
        plan([["echo", "one"], ["echo", "two"], ["echo", "three"]]).demand_same(known)
    assert refused.value.code is Code.ALREADY_EXISTS
    with pytest.raises(Refused, match=r"without this job \(a\)"):
        plan([job_spec(["true"], name="a")]).demand_same(known)


def test_jobs_that_run_on_each_worker_are_placed_once_and_stay_there() -> None:
    asked: list[request_pb2.Request] = []

    def answer(request: request_pb2.Request) -> request_pb2.Reply:
        asked.append(request)
        found = [request_pb2.FoundWorker(name=name) for name in ("left", "right")]
        return request_pb2.Reply(find_workers=request_pb2.FindWorkersReply(workers=found))

    tables = {"job": [{"name": "all", "argv": ["a"], "on_each": True, "on": "gpu"}, {"name": "one", "argv": ["b"]}]}
    placed = carry_out(answer, plan(tables).placed([]))
    assert [spec.name for spec in placed.specs.values()] == ["all[left]", "all[right]", "one"]
    assert placed.args == [("a",), ("a",), ("b",)]
    assert [[*request.find_workers.spec.on] for request in asked] == [["gpu"]]
    again = carry_out(answer, plan(tables).placed([*placed.specs.values()][1:]))
    assert [spec.name for spec in again.specs.values()] == ["all[right]", "one"]
    # Nothing is asked about jobs that run anywhere.
    assert carry_out(answer, plan([["echo"]]).placed([])) == plan([["echo"]])
    assert len(asked) == 1
