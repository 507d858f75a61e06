"""Random faults of a broker, three workers and the network between them, over a random stream of jobs; then quiet, and the comparison.

    python tests/system/faults/fleet/soak.py --seconds S [--seed N] [--json FILE]

As root each daemon is on a machine of its own: a network namespace, whose link is cut in the middle of whatever is under way. For other
users all of it runs on the loopback, and a daemon that is cut off is stopped by a signal instead. As with the soak of one worker, a seed
brings back the kind of run and not the very run.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path += [
    str(Path(__file__).parents[3] / room)
    for room in (
        "support",
        "support/machines",
        "support/users",
        *(f"system/faults{room}" for room in ("", "/jobs", "/verdict", "/bystanders")),
    )
]

import drawing
from comparison import Account
from fleet import BROKER, WORKERS, Fleet
from followers import Followers
from house import Victim
from orders import Deed, Order
from requesting import GROUPS, Requests
from scene import Scene
from trial import Trial, carry_out, read_options
from witness import Wanted

_SUBMITTERS = 3
_SLOTS = 4
_PROGRESS_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 0.15
_SEPARATED = "JOBWIRE_SOAK_HAS_A_NETWORK"
_NETWORK = "ip link add one type bridge && ip link add two type veth peer name three"
# What happens next, and how often among a hundred or so.
_DEEDS = {
    "submit": 110,
    "batch": 15,
    "resend": 8,
    "stop": 14,
    "follow": 14,
    "kill broker": 4,
    "kill worker": 5,
    "kill supervisor": 4,
    "kill keeper": 1,
    "kill worker+supervisor": 1,
    "kill supervisor+keeper": 1,
    "kill broker+worker": 2,
    "kill client": 3,
    "cut worker": 8,
    "cut broker": 3,
    "cut clients": 3,
    "still broker": 2,
    "still worker": 3,
    "still supervisor": 1,
    "drain": 4,
    "distrust": 4,
    "wander": 4,
}
# For how long, mostly; TCP gives up connections in use after some seconds.
_LASTING = (0.2, 1, 3, 8)
_LONGEST_SUPERVISOR_SECONDS = 2.0
# Of cuts, that last until each end has given the other up: after 30 s without a sign of life.
_LONG = 0.08
_LONG_SECONDS = 40.0


class Soak(Trial):
    """One run."""

    def __init__(
        self, folder: Path, seed: int, seconds: float, interrupted: threading.Event, without: Collection[str], *, separated: bool
    ) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._seconds = seconds
        self._interrupted = interrupted
        self._separated = separated
        self.fleet = Fleet(folder, slots=_SLOTS, separated=separated)
        self.scene: Scene[Fleet] = Scene(folder, self.fleet, submitters=_SUBMITTERS)
        deeds = [Deed.EXIT, Deed.KILL_ITSELF, Deed.NO_PROGRAM]
        self.requests = Requests(self._random, self.scene, _SUBMITTERS, deeds=deeds, wish=_wish)
        self.followers = Followers(self.fleet, self._random)
        self.counts: Counter[str] = Counter()
        self._deeds = {deed: weight for deed, weight in _DEEDS.items() if deed not in without}
        self._wanderer = self.scene.witness(Wanted("wanderer"))
        self.scene.witness(Wanted("owner", owner=self.fleet.other.public))
        self.scene.witness(Wanted("label", label=GROUPS[0]))
        # What is disturbed, and what ends that, when it is due.
        self._disturbed: set[str] = set()
        self._numbers = itertools.count()
        self._repairs: list[tuple[float, int, str, Callable[[], None]]] = []

    # --- the run

    def run(self) -> Account:
        begun = said = time.monotonic()
        while (now := time.monotonic()) < begun + self._seconds and not self._interrupted.is_set():
            if now - said > _PROGRESS_SECONDS:
                said = now
                events = len(self.scene.everything.heard)
                print(
                    f"{now - begun:5.0f} s: {len(self.scene.orders)} jobs, {sum(self._faults().values())} faults, {events} events",
                    flush=True,
                )
            self._repair(now)
            self._step()
            self._interrupted.wait(self._random.uniform(0, _LONGEST_PAUSE_SECONDS))
        self._repair(float("inf"))
        self.fleet.start()
        print("quiet: waiting for what still runs", flush=True)
        self.fleet.await_whole()
        account = self.scene.account()
        account.problems += self.followers.problems(self.fleet.rows())
        return account

    def _step(self) -> None:
        deed = self._random.choices(list(self._deeds), list(self._deeds.values()))[0]
        self.scene.look()
        self.fleet.close_gaps()
        kind, _, what = deed.partition(" ")
        match kind:
            case "submit" | "batch":
                done = self.requests.submit(batch=kind == "batch")
            case "resend":
                done = self.requests.resend()
            case "stop":
                done = self.requests.stop()
            case "follow":
                done = self._follow()
            case "wander":
                done = self._wander()
            case "kill" if what == "client":
                self._random.choice(self.scene.submitters).kill_and_replace()
                done = True
            case _:
                done = self._disturb(kind, what)
        self.counts[deed] += bool(done)

    def _follow(self) -> bool:
        known = [(by, order) for by, order in self.requests.recent() if self.scene.is_acknowledged(order) and not order.retries]
        if known:
            by, order = self._random.choice(known)
            self.followers.add(order, (self.fleet.other if by else self.fleet.admin).public)
        return bool(known)

    def _wander(self) -> bool:
        # One that cannot connect cannot leave, and no fault would end meanwhile.
        if self._is_deaf():
            return False
        self._wanderer.pause()
        self._wanderer.go_on()
        return True

    # --- faults

    def _disturb(self, kind: str, what: str) -> bool:
        """Disturb somebody who is not disturbed already, until a moment later; return whether that was possible."""
        name = self._random.choice(WORKERS)
        lasting = self._random.uniform(0, self._random.choice(_LASTING))
        match kind, what:
            case "kill", "broker+worker":
                return self._disturb("kill", "broker") | self._disturb("kill", "worker")
            case "kill", _:
                return self._kill(what if what == BROKER else name, what, lasting)
            case "cut", _:
                return self._cut(what if what != "worker" else name, lasting)
            case "still", _:
                name = BROKER if what == BROKER else name
                return self._stand_still(name, Victim.SUPERVISOR if what == "supervisor" else Victim.WORKER, lasting)
            case "distrust", _:
                trust = self.fleet.trust
                return self._until(lasting, f"trust of {name}", lambda: trust(name, trusted=False), lambda: trust(name, trusted=True))
        return self._drain(name, lasting)

    def _until(self, seconds: float, what: str, begin: Callable[[], object], end: Callable[[], object]) -> bool:
        if what in self._disturbed:
            return False
        self._disturbed.add(what)
        begin()
        heapq.heappush(self._repairs, (time.monotonic() + seconds, next(self._numbers), what, lambda: end() and None))
        return True

    def _repair(self, now: float) -> None:
        while self._repairs and self._repairs[0][0] <= now:
            _, _, what, end = heapq.heappop(self._repairs)
            end()
            self._disturbed.discard(what)

    def _kill(self, name: str, what: str, seconds: float) -> bool:
        if name == BROKER:
            return self._until(seconds, BROKER, self.fleet.kill_broker, self.fleet.start_broker)
        house = self.fleet.houses[name]
        return self._until(seconds, name, lambda: house.kill(*(Victim(victim) for victim in what.split("+"))), house.start)

    def _cut(self, what: str, seconds: float) -> bool:
        silence, cut, mend = self.fleet.silence_clients, self.fleet.cut, self.fleet.mend
        if what == "clients":
            return self._until(seconds, what, lambda: silence(silent=True), lambda: silence(silent=False))
        noticed = self._random.random() < 0.5  # as often as not
        if self._random.random() < _LONG:
            seconds = _LONG_SECONDS
        return self._until(seconds, f"link of {what}", lambda: cut(what, noticed=noticed), lambda: mend(what))

    def _stand_still(self, name: str, victim: Victim, seconds: float) -> bool:
        pid = self.fleet.pid_of(name, victim)
        if not pid or name in self._disturbed:
            return False

        def go_on() -> None:
            # The same one: while one pair takes over from another, there are two.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        if victim is Victim.SUPERVISOR:
            # A worker that starts waits for it.
            os.kill(pid, signal.SIGSTOP)
            self._interrupted.wait(min(seconds, _LONGEST_SUPERVISOR_SECONDS))
            go_on()
            return True
        return self._until(seconds, name, lambda: os.kill(pid, signal.SIGSTOP), go_on)

    def _drain(self, name: str, seconds: float) -> bool:
        """Drain a worker, as long as the broker can be asked; it is undrained when that can be asked again."""
        if self._is_deaf():
            return False

        def undrain() -> None:
            for other in [one for one in self._repairs if one[2] in _DEAF]:
                self._repairs.remove(other)
                other[3]()
                self._disturbed.discard(other[2])
            heapq.heapify(self._repairs)
            self.fleet.drain(name, drained=False)

        return self._until(seconds, f"drained {name}", lambda: self.fleet.drain(name, drained=True), undrain)

    def _is_deaf(self) -> bool:
        return bool(self._disturbed & _DEAF)

    # --- the end

    def _faults(self) -> dict[str, int]:
        return {
            deed: count
            for deed, count in sorted(self.counts.items())
            if deed.partition(" ")[0] in ("kill", "cut", "still", "drain", "distrust")
        }

    def report(self, account: Account) -> dict[str, object]:
        faults = self._faults()
        lost = sum(len(house.gaps) for house in self.fleet.houses.values())
        followed = sum(len(one.data) for one in self.followers.all)
        print(f"seed {self._seed}, {'namespaces' if self._separated else 'loopback'}: {account.jobs} jobs, {account.attempts} attempts")
        print(", ".join(f"{count} {deed}" for deed, count in faults.items()))
        print(f"{account.log_bytes} bytes in logs, {len(self.followers.all)} logs followed ({followed} bytes), {account.events} events")
        print(f"nobody held the jobs {lost} times; honestly lost then: {account.honestly_lost}; wrong: {len(account.problems)}")
        return {
            "seed": self._seed,
            "seconds": self._seconds,
            "separated": self._separated,
            "jobs": account.jobs,
            "attempts": account.attempts,
            "asked": dict(self.requests.asked),
            "counts": dict(self.counts),
            "log_bytes": account.log_bytes,
            "followed": len(self.followers.all),
            "events": account.events,
            "lost_honestly": account.honestly_lost,
            "problems": account.problems,
        }

    def close(self) -> None:
        self._repair(float("inf"))
        self.scene.close()


_DEAF = {BROKER, f"link of {BROKER}", "clients"}


def _wish(draw: random.Random, kind: str, owner: str, known: list[Order], status: int) -> dict[str, Any]:
    """Draw what a job asks; these workers have only slots to claim."""
    if kind == "claim":
        return {"cpus": draw.randint(2, _SLOTS)}
    return drawing.wish(draw, kind, owner, known, status)


def _can_be_separated() -> bool:
    """Return whether this process is in a network of its own; if there can be one, it starts again in one."""
    if os.environ.get(_SEPARATED):
        return True
    if subprocess.run(["unshare", "--net", "sh", "-c", _NETWORK], check=False, capture_output=True).returncode:
        print("no network namespaces can be made here (that needs root, and ip): all of it runs on the loopback", flush=True)
        return False
    # It continues in main(), from the beginning.
    return bool(os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv], {**os.environ, _SEPARATED: "1"}))


def main() -> int:
    """Run with the options of the command line."""
    options = read_options("Random faults of a broker, its workers and their network.", list(_DEEDS))
    separated = _can_be_separated()

    def make(folder: Path, interrupted: threading.Event) -> Soak:
        return Soak(folder, options.seed, options.seconds, interrupted, set(options.without), separated=separated)

    return carry_out(options, make)


if __name__ == "__main__":
    sys.exit(main())
