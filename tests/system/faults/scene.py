"""One test of faults: a desk, client processes that can be killed, subscribers, and the comparison at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import ledger as ledgers
from comparison import Account, Evidence, compare
from daemons import wait_until
from house import PATIENCE_SECONDS, House
from orders import Order
from submitters import Address, Submitter
from witness import Wanted, Witness

from jobwire.keys.identity import Identity


class Desk(Evidence, Protocol):
    """Whom the clients speak to: a worker, or a broker with its workers. It is running."""

    @property
    def admin(self) -> Identity: ...

    @property
    def other(self) -> Identity: ...

    @property
    def address(self) -> Address: ...

    def await_whole(self) -> None:
        """Wait until all of its daemons are running."""

    def clean(self) -> None:
        """Stop everything."""

    def logged(self) -> str: ...

    def keep(self, folder: Path) -> None:
        """Copy what is needed to analyse a fault."""


_House = TypeVar("_House", bound=Desk)


class Scene(Generic[_House]):
    """Everything of one run of faults."""

    def __init__(self, folder: Path, house: _House, *, submitters: int = 1) -> None:
        self.folder = folder
        self.house = house
        self.ledger = folder / "ledger"
        ledgers.ends(self.ledger).mkdir()
        ledgers.tries(self.ledger).mkdir()
        self.acknowledged = ledgers.Acknowledgements(folder / "acknowledged")
        self.orders: dict[str, Order] = {}
        self.stopped: set[str] = set()
        # Members whose jobs are their own affair.
        self.visitors: set[bytes] = set()
        self._wishes = 0
        self._gate = -1
        self._gated = 0
        self.submitters: list[Submitter] = []
        self.witnesses: list[Witness] = []
        try:
            for number in range(submitters):
                identity = self.house.other if number else self.house.admin
                file = folder / f"client-{number}"
                self.submitters.append(Submitter(self.house.address, identity, folder / "acknowledged", self.ledger, file))
            self.everything = self.witness(Wanted("everything"))
        except BaseException:
            self.close()
            raise

    # --- what is asked

    def witness(self, wanted: Wanted) -> Witness:
        """Add a subscriber from now on."""
        witness = Witness(self.house.connect, wanted)
        self.witnesses.append(witness)
        return witness.go_on(wait=True)

    def submit(self, *orders: Order, by: int = 0, batch: bytes = b"") -> None:
        """Send jobs with one request; does not wait."""
        self.orders.update((order.id, order) for order in orders)
        self._send(by, {"do": "start", "orders": [order.to_json() for order in orders], "batch": batch.hex()})

    def stop(self, order: Order, *, by: int = 0) -> None:
        """Stop a job; does not wait."""
        self.stopped.add(order.id)
        self._send(by, {"do": "stop", "id": order.id})

    def _send(self, by: int, wish: dict[str, Any]) -> None:
        self._wishes += 1
        self.submitters[by].send({"number": self._wishes, **wish})

    def look(self) -> None:
        """Read what was acknowledged to clients."""
        done = self.acknowledged.look().done
        for submitter in self.submitters:
            submitter.assert_alive()
            for number in submitter.open_wishes.keys() & done:
                del submitter.open_wishes[number]

    def outstanding(self) -> int:
        """Return how many jobs were requested and have not been reported as ended."""
        return len(self.orders.keys() - self.everything.finished)

    def is_acknowledged(self, order: Order) -> bool:
        return order.id in self.acknowledged.jobs

    def has_ended(self, order: Order) -> bool:
        return order.id in self.everything.finished

    def run_gated(self, count: int) -> list[Order]:
        """Start jobs that wait for `open_gate` before they write."""
        orders = [self.gated(status) for status in range(count)]
        self.submit(*orders)
        self.await_started(orders)
        return orders

    def gated(self, status: int) -> Order:
        """Return a job that waits for `open_gate`."""
        if self._gate < 0:
            os.mkfifo(self.folder / "gate")
            # Opened for both, so that nobody blocks in open(2), and no late reader finds the end of the file.
            self._gate = os.open(self.folder / "gate", os.O_RDWR)
        self._gated += 1
        return new_order(gate=str(self.folder / "gate"), status=status)

    def open_gate(self) -> None:
        """Let all of them through, including later ones."""
        if self._gated:
            os.write(self._gate, b"\n" * self._gated)
            self._gated = 0

    # --- waiting

    def await_acknowledged(self, orders: Iterable[Order] = ()) -> None:
        """Wait until these jobs are acknowledged; none: until every request is completed."""
        wanted = {order.id for order in orders}

        def look() -> bool:
            self.look()
            if wanted:
                return wanted <= self.acknowledged.jobs
            return not any(submitter.open_wishes for submitter in self.submitters)

        wait_until(look, "the acknowledgement of jobs", PATIENCE_SECONDS)

    def await_started(self, orders: Sequence[Order]) -> None:
        """Wait until these jobs have recorded that they run."""
        wait_until(
            lambda: {order.text_id for order in orders} <= ledgers.read(self.ledger).starts.keys(), "the start of jobs", PATIENCE_SECONDS
        )

    def await_writing(self, orders: Sequence[Order]) -> None:
        """Wait until these jobs have written something."""
        wait_until(
            lambda: {order.text_id for order in orders} <= ledgers.read(self.ledger).wrote.keys(), "jobs that write", PATIENCE_SECONDS
        )

    def await_quiet(self) -> None:
        """Wait until every request is completed, every job has ended, and supervisor and keeper are running."""
        self.await_acknowledged()

        def has_ended() -> bool:
            if self.everything.failure is not None:
                raise AssertionError(f"the subscriber failed: {self.everything.failure!r}")
            return self.acknowledged.jobs <= self.everything.finished

        wait_until(has_ended, "the end of all jobs", PATIENCE_SECONDS)
        self.house.await_whole()

    def account(self) -> Account:
        """Wait until everything has ended, and compare."""
        self.await_quiet()
        # The last event of each: some finish later than others.
        for witness in self.witnesses:
            witness.go_on()
        for witness in self.witnesses:
            wait_until(lambda witness=witness: self._has_caught_up(witness), f"{witness.wanted.name} hears the rest", PATIENCE_SECONDS)
        return self.compare()

    def compare(self) -> Account:
        """Compare the current state."""
        self.look()
        account = compare(
            self.house, list(self.orders.values()), self.acknowledged.jobs, self.stopped, self.ledger, self.witnesses, self.visitors
        )
        account.problems += self.acknowledged.refusals
        return account

    def _has_caught_up(self, witness: Witness) -> bool:
        last = self.everything.heard[-1:]
        mine = [heard for heard in self.everything.heard if self._concerns(witness, heard.id, heard.owner)]
        return bool(last) and (witness.failure is not None or not mine or witness.last_seq >= mine[-1].seq)

    def _concerns(self, witness: Witness, job_id: bytes, owner: bytes) -> bool:
        wanted = witness.wanted
        if wanted.label and (job_id.hex() not in self.orders or self.orders[job_id.hex()].label != wanted.label):
            return False
        return not wanted.owner or owner == wanted.owner

    def close(self) -> None:
        """Stop everything."""
        for submitter in self.submitters:
            submitter.close(kill=True)
        for witness in self.witnesses:
            witness.pause()
        if self._gate >= 0:
            os.close(self._gate)
        self.house.clean()

    def logged(self) -> str:
        return "\n".join([self.house.logged(), *(submitter.logged() for submitter in self.submitters)])


def with_a_worker(
    folder: Path, *, slots: int = 4, env: dict[str, str] | None = None, submitters: int = 1, options: Sequence[str] = ()
) -> Scene[House]:
    """Return a scene with one worker."""
    return Scene(folder, House(folder / "house", slots=slots, env=env, options=options).start(), submitters=submitters)


def new_order(**fields: Any) -> Order:
    """Return one with an id of its own."""
    return Order(secrets.token_hex(16), **fields)
