"""Jobs that start jobs and wait for them, with a real worker."""

from __future__ import annotations

from daemons import Worker, wait_until
from home import Home, command


def test_jobs_that_have_all_slots_and_wait_for_jobs_are_explained_and_go_on_when_one_is_stopped(own_home: Home, worker: Worker) -> None:
    def start_outer() -> str:
        environment = [f"{name}={value}" for name, value in own_home.env.items() if name.startswith(("JOBWIRE_", "PYTHON"))]
        options = [word for variable in environment for word in ("-e", variable)]
        return own_home.submit("-n", "outer", *options, *command("run", "-n", "inner", "echo", "done"))

    def waits() -> list[str]:
        return [job["waits_for"] for job in own_home.records("list") if job["name"] == "inner"]

    others = [own_home.submit("sleep", "600") for _ in range(worker.slots - 1)]
    outer = [start_outer()]
    one = f"all {worker.slots} slots are in use, one of them by job {outer[0][:8]}, which started this job and waits for it"
    wait_until(lambda: waits() == [one], "the worker knows who waits")
    assert one.encode() in own_home.jobwire("show", "inner").stdout

    own_home.jobwire("stop", "--now", *others)
    wait_until(lambda: own_home.records("show", outer[0])[0]["state"] == "finished", "with a free slot all goes on")

    with worker.client() as client:
        # Started while all slots are in use, so that none of them ends before all run.
        blocks = [client.submit(["sleep", "600"]) for _ in range(worker.slots)]
        outer = [start_outer() for _ in blocks]
        for block in blocks:
            block.kill()
    why = "all of them by jobs that wait for jobs that they started; stop one of them, or none can go on"
    stuck = f"all {worker.slots} slots are in use, {why}"
    wait_until(lambda: waits() == [stuck] * worker.slots, "all wait")
    # Known again after a restart: the commands reconnect.
    worker.kill()
    worker.start()
    wait_until(lambda: waits() == [stuck] * worker.slots, "all wait again")
    own_home.jobwire("stop", "--now", outer[0])
    wait_until(lambda: all(own_home.records("show", job)[0]["state"] == "finished" for job in outer), "the others go on")
    assert {own_home.jobwire("logs", job).stdout for job in outer[1:]} == {b"done\n"}
