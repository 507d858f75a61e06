"""What a worker does itself works through a broker too: reruns, what runs end with, schedules."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from brokers import Broker
from daemons import wait_until

from jobwire.keys.identity import Identity
from jobwire.schemas.refusal import Code, Refused


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Identity]]:
    folder = tmp_path_factory.mktemp("lab")
    broker = Broker(folder / "broker").start()
    worker = broker.join(folder / "worker", "one", 2)
    try:
        wait_until(lambda: set(broker.states().values()) == {"ready"}, "the worker has joined")
        yield broker, broker.add("ada", "submitter")
    finally:
        worker.clean()
        broker.kill(signal.SIGTERM)


def test_jobs_run_again_with_everything_as_it_was(lab: tuple[Broker, Identity]) -> None:
    broker, ada = lab
    with broker.client(ada) as client:
        first = client.submit(["sh", "-c", "cat; echo $WHAT"], input=b"kept\n", env={"WHAT": "said"})
        assert first.wait() == 0
        again = first.rerun()
        once_more = again.rerun()
        for job in (again, once_more):
            assert job.wait() == 0
            assert job.read_range("stdout", 0, 100)[0] == b"kept\nsaid\n"
        assert once_more.info().rerun_of == again.key
        first.forget()
        with pytest.raises(Refused) as caught:
            first.rerun()
        assert caught.value.code is Code.NOT_FOUND
        # Repeated, it is answered as before.
        assert first.rerun(id=again.id).key == again.key
    with broker.client() as admin:
        theirs = admin.job(f"ada/{again.id}").rerun()
        assert theirs.wait() == 0
        assert theirs.key.owner == broker.admin.public
