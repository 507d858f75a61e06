"""Run jobs again, with a real worker: everything as it was, once for each id."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from daemons import Worker
from home import Home

import jobwire

FILE = """
[batch]
name = "nightly"
parallel = 1

[[job]]
argv = ["true"]
name = "good"

[[job]]
argv = ["sh", "-c", "cat; test -e fixed"]
name = "bad"
dir = "%s"
stdin = { text = "input" }
env = { A = "1" }
"""


def new_id() -> str:
    return str(uuid.uuid4())


def ids_of(home: Home, run: str) -> set[str]:
    return {job["id"] for job in home.records("list", "-a", "--batch", run)}


def test_a_job_runs_again_with_everything_as_it_was(home: Home) -> None:
    options = ("-n", "reads", "-C", "/", "-e", "A=1", "-l", "team=x", "-t", "1h", "--grace", "3s", "--stdin", "-")
    first = home.jobwire("submit", "-q", *options, "--", "sh", "-c", "pwd; echo $A; cat; exit 3", stdin=b"\xff\0in").stdout.decode().strip()
    home.jobwire("wait", first, status=3)
    ended = home.jobwire("rerun", first, "--follow", status=3)
    assert ended.stdout == b"/\n1\n\xff\0in"
    before, after = home.records("show", first, "last")
    assert after["rerun_of"] == first
    assert (before["stdin_bytes"], after["stdin_bytes"]) == (4, 4)
    same = ("name", "argv", "dir", "env", "labels", "time_limit_ms", "grace_ms", "stop_signal")
    assert [before[field] for field in same] == [after[field] for field in same]
    assert f"reruns       job {first}" in home.jobwire("show", "last").stdout.decode()


def test_a_repeated_rerun_starts_nothing_even_if_the_first_job_was_forgotten(home: Home, tmp_path: Path) -> None:
    first = home.submit("-n", "once", "-C", str(tmp_path), "--", "sh", "-c", "echo ran >> ledger")
    home.jobwire("wait", first)
    again = new_id()
    assert home.jobwire("rerun", first, "--id", again, "--wait", "-q").stdout.decode().strip() == again
    # The name means two jobs by now.
    assert b"submitted before" in home.jobwire("rerun", "once", "--id", again).stderr
    home.jobwire("forget", first)
    said = home.jobwire("rerun", first, "--id", again, "--wait")
    assert b"was forgotten" in said.stderr
    assert said.stdout.decode().strip() == again
    assert (tmp_path / "ledger").read_text() == "ran\n" * 2
    assert b"forgotten" in home.jobwire("rerun", first, "--id", new_id(), status=1).stderr
    home.jobwire("forget", again)
    home.jobwire("rerun", first, "--id", again, status=1)
    assert (tmp_path / "ledger").read_text() == "ran\n" * 2


def test_what_failed_of_a_run_runs_again_as_a_new_run(home: Home) -> None:
    (home.folder / "b.toml").write_text(FILE % home.folder)
    run, again = new_id(), new_id()
    said = home.jobwire("batch", "b.toml", "--id", run, status=1)
    assert f"jobwire batch --retry-failed {run} runs what failed again" in said.stderr.decode()
    home.jobwire("batch", "--retry-failed", "nightly", "--id", again, status=1)
    for name in ("nightly", run):
        said = home.jobwire("batch", "--retry-failed", name, "--id", again, "--parallel", "10", status=1)
        assert b"1 job, all of them submitted before" in said.stderr
        assert b"runs 1 job at once; parallel 10 has no effect" in said.stderr
    (job,) = home.records("list", "-a", "--batch", again)
    assert (job["name"], job["batch"]["name"], job["batch"]["parallel"], job["stdin_bytes"]) == ("bad", "nightly", 1, 5)

    (home.folder / "fixed").touch()
    assert home.jobwire("rerun", "--failed", "--wait", "nightly").stdout.endswith(b"bad: exited with status 0\n")
    assert b"the job has not failed" in home.jobwire("batch", "--retry-failed", "nightly").stderr
    whole = home.jobwire("rerun", "-q", run).stdout.decode().strip()
    home.jobwire("wait", whole)
    assert len(ids_of(home, whole)) == 2
    home.jobwire("forget", run)
    said = home.jobwire("batch", "--retry-failed", run, "--id", again, status=1)
    assert b"its failed jobs were run again before" in said.stderr
    assert len(ids_of(home, again)) == 1
    home.jobwire("batch", "--retry-failed", run, status=1)


def test_a_repeated_id_with_other_options_says_what_has_no_effect(home: Home) -> None:
    (home.folder / "b.toml").write_text(FILE % home.folder)
    (home.folder / "fixed").touch()
    run = new_id()
    home.jobwire("batch", "b.toml", "--id", run)
    assert b"parallel 10 has no effect" in home.jobwire("batch", "b.toml", "--id", run, "--parallel", "10").stderr
    assert home.records("list", "-a", "--batch", run)[0]["batch"]["parallel"] == 1
    (home.folder / "b.toml").write_text((FILE % home.folder).replace('"nightly"', '"daily"').replace('"input"', '"other"'))
    said = home.jobwire("batch", "b.toml", "--id", run, status=1).stderr.decode()
    assert "is called nightly; the name daily has no effect" in said
    assert "job 2 (bad): the id" in said
    assert "another standard input" in said
    job = new_id()
    home.jobwire("submit", "--id", job, "--wait", "true")
    assert b"was submitted before" in home.jobwire("submit", "--id", job, "true").stderr
    assert b"was submitted before" in home.jobwire("run", "--no-stdin", "--id", job, "true").stderr
    said = home.jobwire("run", "--id", job, "true", stdin=b"x", status=1).stderr.decode()
    assert "another standard input" in said
    assert "add --no-stdin each time" in said
    assert b"another time limit" in home.jobwire("run", "--no-stdin", "--id", job, "-t", "5", "true", status=1).stderr


def test_what_cannot_run_again_is_refused_in_words(home: Home) -> None:
    running = home.submit("-n", "nap", "--", "sleep", "600")
    assert b"has not ended" in home.jobwire("rerun", "nap", status=1).stderr
    home.jobwire("stop", "--now", running)
    second = home.jobwire("rerun", "-q", running).stdout.decode().strip()
    home.jobwire("stop", "--now", second)
    both = home.jobwire("rerun", "-q", running, second).stdout.decode().split()
    assert len(both) == 2
    home.jobwire("stop", "--now", *both)
    assert b"is for one job" in home.jobwire("rerun", "--id", new_id(), running, second, status=2).stderr
    assert b"takes no FILE" in home.jobwire("batch", "b.toml", "--retry-failed", "nightly", status=2).stderr
    assert b"name a batch file" in home.jobwire("batch", status=2).stderr
    assert b"there is no job nobody" in home.jobwire("rerun", "nobody", status=1).stderr


def test_the_records_of_jobs_are_fed_back_and_an_input_that_they_lack_is_not_lost(home: Home) -> None:
    home.jobwire("run", "-n", "plain", "-C", "/", "-e", "A=1", "--grace", "2s", "sh", "-c", "echo $A")
    fed = home.jobwire("batch", "-", stdin=home.jobwire("show", "--json", "plain").stdout)
    assert fed.stdout.endswith(b"plain: exited with status 0\n")
    home.jobwire("run", "-n", "reads", "--stdin", "-", "cat", stdin=b"four")
    record = home.jobwire("show", "--json", "reads").stdout
    said = home.jobwire("batch", "-", stdin=record, status=2).stderr.decode()
    assert "standard input, line 1" in said
    assert "4 bytes" in said
    assert "jobwire rerun" in said
    without, with_it = json.loads(record), json.loads(record)
    without["stdin_bytes"] = None
    with_it["stdin"] = {"text": "five!"}
    home.jobwire("batch", "-", stdin=json.dumps([without, with_it]).encode())
    wrote = [job["outcome"]["stdout_bytes"] for job in home.records("list", "-a") if job["name"] == "reads"]
    assert sorted(wrote) == [0, 4, 5]


def test_reruns_of_the_library_survive_a_killed_worker_and_start_once(worker: Worker, tmp_path: Path) -> None:
    with worker.client() as client:
        script = f"cat >> {tmp_path}/ledger"
        first = client.submit(["sh", "-c", script], input=b"x")
        assert first.wait() == 0
        own = uuid.uuid4().bytes
        second = first.rerun(id=own)
        worker.kill()
        worker.start()
        assert second.wait() == 0
        assert client.info(first.id).rerun_of is None
        assert client.info(second.id).rerun_of == first.key
        first.forget()
        assert first.rerun(id=own).wait() == 0
        third, fourth = client.rerun([second, client.info(second.id)], batch=jobwire.BatchInfo(b"r" * 16, "again"))
        assert [job.returncode for job in client.wait([third, fourth])] == [0, 0]
        assert (tmp_path / "ledger").read_bytes() == b"xxxx"


async def test_the_library_of_an_event_loop_runs_jobs_again(worker: Worker) -> None:
    async with jobwire.AsyncClient.connect(worker.endpoint, worker.public, worker.admin) as client:
        first = await client.submit(["cat"], input=b"x")
        await first.wait()
        own = uuid.uuid4()
        second = await first.rerun(id=str(own))
        assert (await second.result()).stdout == b"x"
        (third,) = await client.rerun([second], ids=[own.bytes])
        assert third.key == second.key
        assert (await client.info(second.id)).rerun_of == first.key
