import json

import pytest

from jobwire.client.cli.status.status_text import describe, record
from jobwire.client.library.values.status import WorkerStatus, read_status, status_request
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused

HELLO = request_pb2.HelloReply(
    kind="worker",
    software="jobwire 9",
    host="lab",
    your_name="laptop",
    your_role="submitter",
    slots=8,
    daemon=bytes.fromhex("3b6a27bc" * 8),
)


def told(**fields: object) -> WorkerStatus:
    answer = request_pb2.Reply(status=request_pb2.StatusReply(**fields))  # type: ignore[arg-type] # reason: any field
    return read_status("tcp://lab:1", HELLO, answer)


def lines(**fields: object) -> dict[str, str]:
    return dict(describe("lab", told(**fields)))


def test_a_busy_worker_says_whose_jobs_it_runs_and_what_it_lacks() -> None:
    said = lines(
        running=8, your_running=2, queued=14, up_us=90_000_000, cpus=1, load=[1, 2, 3], rights=["see jobs", "submit jobs"], refuses="full"
    )
    assert said["slots"] == "8, jobs running: 8 (2 yours), queued: 14 (0 yours)"
    assert said["worker"] == "jobwire 9 on lab, up 1m30s"
    assert said["load"] == "1.00 2.00 3.00, 1 CPU"
    assert said["you"] == "laptop, role submitter: may see jobs, submit jobs"
    assert said["new jobs"].startswith("are refused: full; free space and try again: jobwire forget ")
    assert said["roster"] == "in force"


def test_what_is_not_known_is_left_out_and_null() -> None:
    said = lines(members=2)
    assert said["slots"] == "8, jobs running: 0, queued: 0"
    assert said["roster"] == "in force, 2 members"
    assert not said.keys() & {"load", "disk", "new jobs"}
    written = record("lab", told(up_us=5))
    assert written["load"] is None
    assert written["disk_free_bytes"] is None
    assert (written["running"], written["up_us"], written["version"]) == (0, 5, "9")
    json.dumps(written)


def test_a_full_disk_has_zero_bytes_free_and_not_null() -> None:
    assert record("lab", told(disk_bytes=5))["disk_free_bytes"] == 0
    assert lines(disk_bytes=1 << 30)["disk"] == "0 bytes free of 1 GiB"


def test_a_broken_roster_is_shouted() -> None:
    assert lines(warnings=("worker lab3 cannot be reached",))["warning"] == "worker lab3 cannot be reached"
    assert lines(roster_problem="line 3")["roster"] == "BROKEN: line 3"


def test_an_older_worker_tells_what_its_greeting_says() -> None:
    said = dict(describe("lab", read_status("tcp://lab:1", HELLO, None)))
    assert said == {"context": "lab, tcp://lab:1", "worker": "jobwire 9 on lab", "you": "laptop, role submitter", "slots": "8"}
    assert record("lab", read_status("", HELLO, None))["running"] is None


def test_a_worker_is_asked_only_if_it_understands_and_must_answer_that() -> None:
    assert status_request(HELLO) is None
    able = request_pb2.HelloReply(features=["status"])
    asked = status_request(able)
    assert asked is not None
    assert asked.HasField("status")
    with pytest.raises(Refused, match="did not answer with status"):
        read_status("", able, request_pb2.Reply())
