"""What Slurm is told and says: options, ids, lists of allocations, and what proves that nothing of one is left."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from jobwire.broker.growth.cluster import Phase
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused
from jobwire.worker.broker.growth import slurm_text

QUEUE = request_pb2.GrowthQueue(name="q", cluster="slurm", partition="short", max_workers=3, time_ms=90 * 60_000, cpus=2)


def test_an_allocation_is_asked_for_once_under_its_name() -> None:
    argv = slurm_text.submission(QUEUE, "jw-q-1", Path("/shared/jw-q-1"))
    assert {"--parsable", "--no-requeue", "--nodes=1", "--job-name=jw-q-1", "--time=90", "--partition=short", "--cpus-per-task=2"} <= set(
        argv
    )
    assert "--output=/shared/jw-q-1/output" in argv
    assert not any(one.startswith(("--mem", "--gpus")) for one in argv)
    more = request_pb2.GrowthQueue(time_ms=30_000, memory_bytes=(1 << 30) + 1, gpus=2, options=["--account=physics", "-Cfast"])
    argv = slurm_text.submission(more, "n", Path("/a%b"))
    assert argv[-2:] == ["--account=physics", "-Cfast"]
    # Memory is rounded up, and no time is not asked for. In a pattern, a percent sign stands for itself only twice.
    assert {"--mem=1048577K", "--gpus=2", "--time=1", "--output=/a%%b/output", "--cpus-per-task=1"} <= set(argv)


def test_an_allocation_of_several_workers_is_asked_for_what_all_of_them_get() -> None:
    several = request_pb2.GrowthQueue(time_ms=60_000, cpus=2, memory_bytes=1 << 30, gpus=1, per_node=3)
    argv = slurm_text.submission(several, "n", Path("/a"))
    assert {"--nodes=1", "--ntasks=1", "--cpus-per-task=6", "--mem=3145728K", "--gpus=3"} <= set(argv)
    assert slurm_text.script("/p", Path("/a"), 3).endswith(" jobwire.worker.pilot.main /a/1 /a/2 /a/3\n")


def test_the_script_takes_paths_as_they_are() -> None:
    folder = Path("/shared/it's $HOME; rm -rf x")
    first, command = slurm_text.script("/opt/py thon/bin/python", folder).splitlines()
    assert first == "#!/bin/sh"
    assert shlex.split(command) == ["exec", "/opt/py thon/bin/python", "-P", "-m", "jobwire.worker.pilot.main", str(folder)]


@pytest.mark.parametrize(
    "option",
    [
        *(
            "--array=1-3",
            "-a1-3",
            "--arr=1-3",
            "--requeue",
            "--requ",
            "--wrap=id",
            "--job-name=x",
            "-Jx",
            "--time=1",
            "-t1",
            "--export=ALL",
        ),
        *(
            "script.sh",
            "physics",
            "",
            "-",
            "--",
            "-1",
            "--account=a\nb",
            "--nodes=2",
            "-N2",
            "--error=x",
            "--parsable",
            "--version",
            "-Mall",
            "--clusters=x",
        ),
    ],
)
def test_an_option_that_the_broker_sets_itself_or_that_is_none_is_refused(option: str) -> None:
    with pytest.raises(Refused):
        slurm_text.check_options([option])


def test_other_options_are_passed_on() -> None:
    slurm_text.check_options(
        ["--account=physics", "-Aphysics", "--qos=high", "--constraint=a&b", "--exclusive", "--mem-per-cpu=2G", "--nodelist=n1"]
    )


def test_the_id_is_read_with_the_name_of_a_cluster_and_after_warnings() -> None:
    assert slurm_text.read_id("123\n") == "123"
    assert slurm_text.read_id("123;cluster-1\n") == "123"
    assert slurm_text.read_id("a note of the site\n124\n") == "124"
    assert slurm_text.read_id("") is None
    assert slurm_text.read_id("Submitted batch job 5") is None


def test_a_list_is_read_and_what_is_not_ours_is_skipped() -> None:
    said = """7|jw-a|PENDING|
8|jw-b|RUNNING|n1
9|jw-c|COMPLETING|n2
10|jw-d|CANCELLED|n1
11|jw-e|NODE_FAIL|n1
12|other|RUNNING|n1
13_[1-4]|jw-f|PENDING|
slurm_load_jobs: a warning
14|jw-g|A_STATE_OF_A_LATER_VERSION|
15|jw-h|REQUEUED|
"""
    found = {one.name: (one.phase, one.proves_end) for one, _ in slurm_text.read_list(said, "jw-", contains=True)}
    assert found == {
        "jw-a": (Phase.WAITING, False),
        "jw-b": (Phase.RUNNING, False),
        # Its processes are still being ended.
        "jw-c": (Phase.ENDING, False),
        "jw-d": (Phase.ENDED, True),
        # On a node that does not answer, anything may go on.
        "jw-e": (Phase.ENDED, False),
        "jw-g": (Phase.ENDING, False),
        "jw-h": (Phase.WAITING, False),
    }
    # Where a double fork leaves the allocation, its end proves nothing.
    assert not any(one.proves_end for one, _ in slurm_text.read_list(said, "jw-", contains=False))


def test_only_cgroups_hold_all_processes() -> None:
    assert slurm_text.ends_processes("PriorityType = x\nProctrackType           = proctrack/cgroup\nY = z\n")
    assert not slurm_text.ends_processes("ProctrackType           = proctrack/linuxproc\n")
    assert not slurm_text.ends_processes("")


def test_a_node_that_does_not_answer_is_known_by_its_state() -> None:
    said = "n1|idle\nn2|down*\nn3|mixed\nn4|idle*\nn5|drained\nn6|down\nn7|unknown\n"
    assert slurm_text.unsound_nodes(said) == {"n2", "n4", "n6", "n7"}
