"""Random faults over a random stream of jobs, for the given time; then quiet, and the comparison. Exits with 1 if anything was lost.

    python tests/system/faults/soak.py --seconds S [--seed N] [--json FILE]

Everything that is drawn comes from the seed, printed first: the jobs, who is killed and how often. At which instruction a kill arrives is
the machine's to decide, so a seed brings back the kind of run, not the very run. A run that failed leaves its folder for study.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

sys.path += [
    str(Path(__file__).parents[2] / room)
    for room in ("support", "support/users", "system/faults/jobs", "system/faults/verdict", "system/faults/bystanders")
]

from comparison import Account
from drawing import OPTIONS, of_schedule
from house import Victim
from mischief import FILES, LARGEST_OFFSET_SECONDS, SURROUNDINGS, Attacker, Clock, remove
from orders import ODDITIES, Deed
from promises import SLOTS
from report import report
from requesting import GROUPS, Requests
from scene import with_a_worker
from timetable import BY_HAND, Timetable
from trial import Trial, carry_out, read_options
from visitors import Visitor
from witness import Wanted

_SUBMITTERS = 3
# A log folder takes some 20 kB of disk, plus its content.
_MOST_JOBS = 12_000
_LONGEST_PAUSE_SECONDS = 0.15
_LONGEST_STILL_SECONDS = 2.0
_PROGRESS_SECONDS = 10.0
_WORKER, _SUPERVISOR, _KEEPER = Victim.WORKER, Victim.SUPERVISOR, Victim.KEEPER

# What happens next, and how often among a hundred or so.
_DEEDS = {
    "submit": 110,
    "batch": 15,
    "resend": 8,
    "stop": 10,
    "schedule": 6,
    "run": 3,
    "kill worker": 5,
    "kill supervisor": 6,
    "kill keeper": 2,
    "kill worker+supervisor": 2,
    "kill worker+keeper": 1,
    "kill supervisor+keeper": 1,
    "kill worker+supervisor+keeper": 1,
    "kill client": 4,
    "still": 3,
    "wander": 4,
    "clock": 4,
    "attack": 4,
    **{f"remove {name}": 1 for name in FILES},
}


class Soak(Trial):
    """One run."""

    def __init__(self, folder: Path, seed: int, seconds: float, interrupted: threading.Event, without: Collection[str]) -> None:
        self.clock = Clock(folder)
        # A command that waits for a lost connection stays at its endpoint, which a worker whose worker.json was removed has forgotten.
        listen = ("--listen", f"tcp://127.0.0.1:{_free_port()}", *OPTIONS)
        self.scene = with_a_worker(folder, slots=SLOTS, submitters=_SUBMITTERS, env=self.clock.env, options=listen)
        self.attacker = Attacker(self.scene.house)
        self.visitor = Visitor(self.scene.house, folder, seed) if "visitor" not in without else None
        self.scene.visitors = {self.visitor.owner} if self.visitor is not None else set()
        self._by_hand = of_schedule(random.Random(seed), BY_HAND)
        self.timetable = Timetable(self.scene, self._by_hand)
        self.scene.visitors.add(self.timetable.owner)
        self._deeds = {deed: weight for deed, weight in _DEEDS.items() if deed not in without}
        self._surroundings = SURROUNDINGS if "surroundings" not in without else SURROUNDINGS[:1]
        # The cgroup for jobs that move to another one.
        self._elsewhere = cgroup_of_ours(folder.name)
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        limits_memory = not self.scene.house.worker.described().get("memory_problem")
        self.requests = Requests(
            self._random,
            self.scene,
            _SUBMITTERS,
            deeds=[deed for deed in Deed if deed is not Deed.HOG or limits_memory],
            oddities=[oddity for oddity in ODDITIES if oddity not in without],
            elsewhere=self._elsewhere,
        )
        self._seed = seed
        self._seconds = seconds
        self._interrupted = interrupted
        # Nothing is sent until no job is running: only then a killed keeper is replaced.
        self._calm = False
        self._wanderer = self.scene.witness(Wanted("wanderer"))
        self.scene.witness(Wanted("owner", owner=self.scene.house.other.public))
        self.scene.witness(Wanted("label", label=GROUPS[0]))

    def run(self) -> Account:
        """Inject faults until the time is over, then compare."""
        begun = time.monotonic()
        said = begun
        while (now := time.monotonic()) < begun + self._seconds and not self._interrupted.is_set():
            if now - said > _PROGRESS_SECONDS:
                said = now
                self._say_progress(now - begun)
            self._step()
            # Between two actions time passes, as long as was drawn.
            least = self._seconds / _MOST_JOBS
            self._interrupted.wait(self._random.uniform(least, max(least, _LONGEST_PAUSE_SECONDS)))
        self.attacker.stop()
        self._send_visitor_home()
        self.clock.set_by(0)
        self.scene.house.start()
        self.timetable.stop()
        print("quiet: waiting for what still runs", flush=True)
        account = self.scene.account()
        account.problems += self.timetable.problems()
        if self.visitor is not None:
            account.problems += self.visitor.problems
        return account

    def _send_visitor_home(self) -> None:
        if self.visitor is not None:
            self.visitor.stop()

    def _step(self) -> None:
        deed = self._random.choices(list(self._deeds), list(self._deeds.values()))[0]
        self.scene.look()
        self.scene.house.close_gap()
        if self._calm and self.scene.outstanding() == 0 and self.scene.house.is_whole():
            self._calm = False
        kind, _, what = deed.partition(" ")
        if kind in ("submit", "batch", "schedule", "run"):
            if self._calm or self.requests.are_many:
                return
            if kind == "schedule":
                order = replace(self._by_hand, id=self._random.randbytes(16).hex())
                self.requests.send([order], by=self._random.randint(1, _SUBMITTERS - 1))
            elif kind == "run":
                self.timetable.start_run(self._random.randbytes(16))
            else:
                self.requests.submit(batch=kind == "batch")
        elif kind == "stop":
            self.requests.stop()
        elif kind == "resend":
            self.requests.resend()
        else:
            self._disturb(kind, what)
        self.counts[deed] += 1

    def _disturb(self, kind: str, what: str) -> None:
        match kind:
            case "kill" if what == "client":
                self._random.choice(self.scene.submitters).kill_and_replace()
            case "kill":
                self._kill(tuple(Victim(name) for name in what.split("+")))
            case "still":
                self._stand_still()
            case "clock":
                self._set_clock()
            case "attack":
                self.attacker.turn(self._random)
            case "remove":
                remove(self.scene.house, what)
            case _:
                self._wanderer.pause()
                self._wanderer.go_on()

    def _kill(self, victims: tuple[Victim, ...]) -> None:
        self.scene.house.kill(*victims)
        if self._random.random() < 0.5:  # at once, or a moment later
            self._interrupted.wait(self._random.uniform(0, 0.5))
        self.scene.house.worker.prefix = list(self._random.choice(self._surroundings))
        self.scene.house.start()
        if _KEEPER in victims:
            self._calm = self._random.random() < 0.8  # sometimes the supervisor is not disturbed for longer

    def _set_clock(self) -> None:
        offset = self._random.choice((0, self._random.randint(-LARGEST_OFFSET_SECONDS, LARGEST_OFFSET_SECONDS)))
        if self.clock.set_by(offset):
            self.scene.house.clock_slack_us = 2 * LARGEST_OFFSET_SECONDS * 1_000_000

    def report(self, account: Account) -> dict[str, object]:
        return report(self, account, self._seed, self._seconds)

    def close(self) -> None:
        """Stop everything, and remove the cgroup that jobs moved to."""
        self.attacker.stop()
        self._send_visitor_home()
        self.scene.close()
        with suppress(OSError):
            Path(self._elsewhere).rmdir()

    def _stand_still(self) -> None:
        victim = self._random.choice(list(Victim))
        pid = self.scene.house.signal(victim, signal.SIGSTOP)
        self._interrupted.wait(self._random.uniform(0.05, _LONGEST_STILL_SECONDS))
        # The same one: while one pair takes over from another, there are two.
        with suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGCONT)

    def _say_progress(self, seconds: float) -> None:
        heard = len(self.scene.everything.heard)
        kills = sum(count for deed, count in self.counts.items() if deed.startswith("kill"))
        print(f"{seconds:5.0f} s: {len(self.scene.orders)} jobs, {kills} kills, {heard} events", flush=True)


def _free_port() -> int:
    """Return a port that is free, and so the next, and that no outgoing connection gets, ip(7)."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000, 2):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
            return port
    raise OSError("there is no free port")


def cgroup_of_ours(name: str) -> str:
    """Return the path of a cgroup outside of all others; a job creates it, if it may."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return next((f"{fields[1]}/{name}" for fields in mounts if fields[2] == "cgroup2"), "/nonexistent")


def main() -> int:
    """Run with the options of the command line."""
    everything = [*_DEEDS, *filter(None, ODDITIES), "surroundings", "visitor"]
    options = read_options("Random faults over a random stream of jobs.", everything)
    return carry_out(options, lambda folder, interrupted: Soak(folder, options.seed, options.seconds, interrupted, set(options.without)))


if __name__ == "__main__":
    sys.exit(main())
