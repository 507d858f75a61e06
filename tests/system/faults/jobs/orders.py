"""What the jobs of these tests do, and what must be known of each afterwards. Pure, but for the text of their program.

Every job writes into one ledger (O_APPEND, a line a write): `start ID PID UPTIME GPUS`, `wrote ID LINES`, `end ID UPTIME`; and known lines,
the same ones, to stdout and to stderr. A job with retries counts its starts in a file of its own, and from the second on its ID is `ID.2`.
Its last deed is to make the file `LEDGER.ends/ID`, whose age tells when it ended. So it can be told from files that no daemon of ours ever
touches how often it ran, until when, and what its logs must hold.
"""

from __future__ import annotations

import enum
import signal
import sys
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from jobwire.client.library.options.retry import Retry
from jobwire.client.library.options.specs import job_spec
from jobwire.schemas.jobs.conditions import After, Condition
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import Outcome, OutcomeKind
from jobwire.schemas.naming import format_id

_PROGRAM = """
me=$JOBWIRE_JOB_ID try=1
if [ "$RETRIES" != 0 ]; then
  echo >> "$LEDGER.tries/$me"
  try=0; while read -r _; do try=$((try + 1)); done < "$LEDGER.tries/$me"
  [ "$try" = 1 ] || me=$me.$try
fi
read -r up _ < /proc/uptime
echo "start $me $$ $up $JOBWIRE_GPUS" >> "$LEDGER"
while read -r name mask; do
  case "$name$mask" in SigBlk:*[1-9a-f]*|SigIgn:*[1-9a-f]*) echo "odd $me $name $mask" >> "$LEDGER" ;; esac
done < /proc/$$/status
eval "$ODD"
[ -z "$GATE" ] || read _ < "$GATE"
round=0
while [ "$round" -lt "$ROUNDS" ]; do
  first=$((round * LINES + 1)); last=$((round * LINES + LINES))
  seq -f "$JOBWIRE_JOB_ID %.0f" "$first" "$last"
  seq -f "$JOBWIRE_JOB_ID %.0f" "$first" "$last" >&2
  echo "wrote $me $last" >> "$LEDGER"
  [ -z "$PAUSE" ] || sleep "$PAUSE"
  round=$((round + 1))
done
[ "$RETURNS" = 0 ] || head -c "$RETURNS" /dev/zero | tr '\\0' '\\r' | tee /dev/stderr
read -r up _ < /proc/uptime
echo "end $me $up" >> "$LEDGER"
: > "$LEDGER.ends/$me"
eval "$LAST"
"""
# The same, in a program that hides from other processes of its user, or whose main thread has ended while it works.
_HIDING = """
import ctypes, os, platform, signal, sys, threading, time
job, ledger = os.environ["JOBWIRE_JOB_ID"], os.environ["LEDGER"]
rounds, lines, pause, last, trick = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
def note(text):
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, text.encode())
    os.close(file)
def tell(data):
    for stream in (1, 2):
        rest = data
        while rest:
            rest = rest[os.write(stream, rest):]
def work():
    note(f"start {job} {os.getpid()}\\n")
    for number in range(rounds):
        tell("".join(f"{job} {line}\\n" for line in range(number * lines + 1, number * lines + lines + 1)).encode())
        note(f"wrote {job} {(number + 1) * lines}\\n")
        time.sleep(pause)
    note(f"end {job}\\n")
    open(f"{ledger}.ends/{job}", "w").close()
    if last < 0:
        os.kill(os.getpid(), -last)
    os._exit(last)
libc = ctypes.CDLL(None)
if trick == "hidden":
    libc.prctl(4, 0, 0, 0, 0)
    work()
threading.Thread(target=work).start()
libc.syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""
# What a job does to itself before its work, in shell. The second program does what a shell cannot.
_BEFORE = {
    "": "",
    "chmod": "chmod 000 /proc/self/fd/1 /proc/self/fd/2",
    "moves": 'mkdir -p "$CGROUP" 2>&- && echo $$ 2>&- > "$CGROUP/cgroup.procs"',
    "other user": "setpriv --reuid=65534 --regid=65534 --clear-groups sleep 0.3 2>&- &",
}
HIDING = ("hidden", "headless")
ODDITIES = (*_BEFORE, *HIDING)
GRACE_SECONDS = 20
HOG_LIMIT = "32M"


class Deed(enum.Enum):
    """How a job ends, if nobody stops it."""

    EXIT = "exit"
    KILL_ITSELF = "kill-itself"
    NO_PROGRAM = "no-program"
    # It takes more memory than its limit.
    HOG = "hog"


@dataclass(frozen=True, slots=True)
class Order:
    """One job. `pause` between its rounds in seconds, `gate` a FIFO that it waits at before it writes.

    `oddity` is one of ODDITIES, `returns` how many carriage returns end its output, `cgroup` where it goes if it moves.
    `after`: what it waits for, `CONDITION:ID` or `CONDITION:RUN:NAME`; `run`, `on_failure`, `parallel`: of the batch that it is part of,
    which arrives in parts of one job if it is `staged`.
    `retries`, `delay` in seconds before each, `good_at`: the attempt that exits with 0, or 0. `wait`: seconds, of `at`; `not_before`: the
    uptime before which it must not start, 0 for any. `licences`: of the resource with that name. `schedule`: which one starts it.
    """

    id: str
    deed: Deed = Deed.EXIT
    status: int = 0
    rounds: int = 1
    lines: int = 3
    pause: float = 0
    gate: str = ""
    label: str = ""
    oddity: str = ""
    returns: int = 0
    cgroup: str = ""
    name: str = ""
    after: tuple[str, ...] = ()
    run: str = ""
    on_failure: int = 0
    parallel: int = 0
    staged: bool = False
    retries: int = 0
    delay: float = 0
    good_at: int = 0
    wait: float = 0
    not_before: float = 0
    cpus: int = 1
    gpus: int = 0
    licences: int = 0
    only_one: str = ""
    schedule: str = ""

    @property
    def key_id(self) -> bytes:
        return bytes.fromhex(self.id)

    @property
    def text_id(self) -> str:
        return format_id(self.key_id)

    @property
    def log_bytes(self) -> int:
        """Return how many bytes it may write to each stream."""
        return len(self.written()) if self.deed is not Deed.NO_PROGRAM else 0

    @property
    def own_name(self) -> str:
        """Return the name of the job."""
        return self.name or self.deed.value

    @property
    def attempts(self) -> int:
        """Return how many attempts there are if nobody stops it and none is lost."""
        if self.deed is not Deed.EXIT or self.status == 0:
            return 1
        return min(self.good_at or self.retries + 1, self.retries + 1)

    def name_of(self, attempt: int) -> str:
        """Return what an attempt is called in the ledger."""
        return self.text_id if attempt == 1 else f"{self.text_id}.{attempt}"

    def status_of(self, attempt: int) -> int:
        """Return the exit status of an attempt."""
        return 0 if self.good_at and attempt >= self.good_at else self.status

    def written(self) -> bytes:
        """Return what it writes to each stream if it is not stopped."""
        name = self.text_id
        return b"".join(b"%s %d\n" % (name.encode(), number) for number in range(1, self.rounds * self.lines + 1)) + b"\r" * self.returns

    def spec(self, ledger: str) -> JobSpec:
        last = f"exit {self.status}"
        if self.good_at:
            last = f'[ "$try" -lt {self.good_at} ] || exit 0; {last}'
        if self.deed is not Deed.EXIT:
            last = "exec tail /dev/zero" if self.deed is Deed.HOG else 'kill -KILL "$$"'
        environment = {"LEDGER": ledger, "GATE": self.gate, "ROUNDS": str(self.rounds), "LINES": str(self.lines), "LAST": last}
        environment["RETRIES"] = str(self.retries)
        environment["PAUSE"] = str(self.pause) if self.pause else ""
        environment |= {"ODD": _BEFORE.get(self.oddity, ""), "RETURNS": str(self.returns), "CGROUP": self.cgroup}
        argv = ["/nonexistent/program"] if self.deed is Deed.NO_PROGRAM else ["sh", "-c", _PROGRAM]
        if self.oddity in HIDING and self.deed in (Deed.EXIT, Deed.KILL_ITSELF):
            last_deed = -signal.SIGKILL if self.deed is Deed.KILL_ITSELF else self.status
            argv = [sys.executable, "-S", "-c", _HIDING, str(self.rounds), str(self.lines), str(self.pause), str(last_deed), self.oddity]
        spec = job_spec(
            argv,
            env=environment,
            labels={"group": self.label},
            name=self.own_name,
            grace=GRACE_SECONDS,
            memory=HOG_LIMIT if self.deed is Deed.HOG else None,
            retry=Retry(self.retries, self.delay),
            at=timedelta(seconds=self.wait) if self.wait else None,
            cpus=self.cpus,
            gpus=self.gpus,
            resources={"licence": self.licences} if self.licences else None,
            only_one=self.only_one,
        )
        return replace(spec, after=tuple(map(_after, self.after)))

    def allows(self, outcome: Outcome, *, stopped: bool, attempt: int = 1) -> bool:
        """Return whether its last attempt may have ended so; `lost` is judged elsewhere."""
        ended = (outcome.kind, outcome.exit_status, outcome.signal)
        match self.deed:
            case Deed.EXIT:
                natural = (OutcomeKind.EXITED, self.status_of(attempt), 0)
            case Deed.KILL_ITSELF:
                natural = (OutcomeKind.SIGNALED, 0, signal.SIGKILL)
            case Deed.NO_PROGRAM:
                natural = (OutcomeKind.FAILED_TO_START, 127, 0)
            case Deed.HOG:
                natural = (OutcomeKind.OVER_LIMIT, outcome.exit_status, outcome.signal)
        # The kernel may kill one that takes too much memory while it is being stopped.
        killers = {signal.SIGTERM, signal.SIGKILL} if "more memory than" in outcome.sentence else {signal.SIGTERM}
        by_stop = (outcome.kind is OutcomeKind.SIGNALED and outcome.signal in killers) or outcome.kind is OutcomeKind.CANCELLED
        return ended == natural or (stopped and by_stop)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"deed": self.deed.value}


def _after(said: str) -> After:
    word, target, *name = said.split(":")
    condition = Condition[word.upper()]
    return After(condition, run=bytes.fromhex(target), name=name[0]) if name else After(condition, job=bytes.fromhex(target))


def from_json(fields: dict[str, Any]) -> Order:
    """Return an order that was sent to this process."""
    return Order(**{**fields, "deed": Deed(fields["deed"])})
