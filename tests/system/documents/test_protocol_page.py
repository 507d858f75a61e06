"""Check docs/protocol.md against a worker, with a client that was written from that page alone."""

from __future__ import annotations

import random
import re
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from daemons import Worker, wait_until
from google.protobuf import text_format
from page_client import PageClient, read_printed, schema

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "protocol.md").read_text()
FINISHED = "FINISHED"


STATES = schema().Report.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@contextmanager
def greeted(worker: Worker) -> Iterator[PageClient]:
    """Return a client with what a person has: an endpoint, a printed key, an identity."""
    with PageClient(worker.endpoint, read_printed(str(worker.description["key"])), worker.admin.seed) as client:
        client.greet()
        yield client


# --- the conversation


def holds(shown: Any, got: Any) -> bool:
    """Return whether everything that is shown of a message is in the received one."""
    for field, value in shown.ListFields():
        came = getattr(got, field.name)
        if field.message_type and field.is_repeated:
            same = len(value) == len(came) and all(map(holds, value, came))
        elif field.message_type:
            same = got.HasField(field.name) and holds(value, came)
        else:
            same = value == came
        if not same:
            return False
    return True


def test_the_conversation_goes_as_it_is_shown(worker: Worker) -> None:
    said = 0
    job_id = "".join(f"\\x{byte:02x}" for byte in uuid.uuid4().bytes)
    with PageClient(worker.endpoint, worker.public, worker.admin.seed) as client:
        for line in block("transcript").replace("JOB", f'"{job_id}"').splitlines():
            direction, _, rest = line.partition(" ")
            if direction == ">":
                client.send(text_format.Parse(rest, schema().Request()))
                said += 1
            elif direction == "<":
                shown, _, bulk = rest.partition(" + ")
                expected = text_format.Parse(shown, schema().Reply())
                got, data = client.receive(expected.request_id)
                assert holds(expected, got), f"shown {shown}, but came {got}"
                assert expected.last == got.last
                assert data.decode() == bulk.strip('"')
                if got.HasField("hello"):
                    client.hello = got.hello
            elif direction == "-":
                assert not client.has_more(int(rest))
            else:
                assert direction == "#"
    assert said > 5


# --- what is sent, in which order


def start(client: PageClient, *argv: bytes, job_id: bytes = b"", **options: Any) -> tuple[int, bytes]:
    """Start a job and watch it; return the id of the request and that of the job."""
    job = schema().NewJob(id=job_id or uuid.uuid4().bytes, spec=schema().JobSpec(argv=argv, **options))
    wish = schema().Start(jobs=[job], watch=True, credit_messages=100, first_store=client.hello.store)
    request_id = client.send(schema().Request(start=wish))
    assert client.answer(request_id).HasField("acknowledged")
    return request_id, job.id


def states(client: PageClient, request_id: int, *, until_running: bool = False) -> list[str]:
    """Return the states that are reported, up to the last, or to the first."""
    told: list[str] = []
    while True:
        reply = client.answer(request_id)
        told += [STATES[report.state].name.removeprefix("STATE_") for report in reply.reports.reports]
        if reply.last or until_running:
            return told


def events(client: PageClient, job_id: bytes) -> list[str]:
    """Return all events of a job."""
    wanted = schema().Filter(jobs=[schema().JobKey(id=job_id)])
    found = client.ask(replay=schema().Replay(filter=wanted)).replay.events
    kinds = schema().Event.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_number
    return [kinds[event.kind].name.removeprefix("EVENT_KIND_") for event in found]


def stop(client: PageClient, job_id: bytes) -> None:
    """Stop a job, and check what the page says about that: one report."""
    wish = schema().Stop(keys=[schema().JobKey(id=job_id)], grace_ms=0, credit_messages=100)
    request_id = client.send(schema().Request(stop=wish))
    assert client.answer(request_id).HasField("acknowledged")
    assert states(client, request_id) == [FINISHED]


Told = tuple[list[str], list[str]]


def whole(client: PageClient, request: tuple[int, bytes]) -> Told:
    return states(client, request[0]), events(client, request[1])


def runs(worker: Worker) -> Told:
    with greeted(worker) as client:
        return whole(client, start(client, b"true"))


def cannot_start(worker: Worker) -> Told:
    with greeted(worker) as client:
        return whole(client, start(client, b"/no/such/program"))


def stopped_running(worker: Worker) -> Told:
    with greeted(worker) as client:
        request_id, job_id = start(client, b"sleep", b"600")
        told = states(client, request_id, until_running=True)
        stop(client, job_id)
        return told + states(client, request_id), events(client, job_id)


def stopped_waiting(worker: Worker) -> Told:
    with greeted(worker) as client:
        blocker, blocking = start(client, b"sleep", b"600")
        request_id, job_id = start(client, b"true")
        stop(client, job_id)
        told = whole(client, (request_id, job_id))
        stop(client, blocking)
        assert states(client, blocker)[-1] == FINISHED
        return told


def over_time(worker: Worker) -> Told:
    with greeted(worker) as client:
        return whole(client, start(client, b"sleep", b"600", time_limit_ms=100))


def restarted(worker: Worker) -> Told:
    with greeted(worker) as client:
        request_id, job_id = start(client, b"sleep", b"600")
        told = states(client, request_id, until_running=True)
    worker.kill()
    worker.start()
    with greeted(worker) as client:
        request_id, job_id = start(client, b"sleep", b"600", job_id=job_id)
        assert states(client, request_id, until_running=True) == told
        stop(client, job_id)
        kinds = events(client, job_id)
        # That it was stopped is another row.
        kinds.remove("STOPPING")
        return told + states(client, request_id), kinds


def retried(worker: Worker) -> Told:
    with greeted(worker) as client:
        second = worker.state.parent / "second"
        once = b'[ -e "$1" ] || { : > "$1"; exit 1; }'
        return whole(client, start(client, b"sh", b"-c", once, b"sh", bytes(second), retry=schema().Retry(max=1)))


def stopped_between_attempts(worker: Worker) -> Told:
    with greeted(worker) as client:
        request_id, job_id = start(client, b"false", retry=schema().Retry(max=1, delay_ms=600_000))
        told = states(client, request_id, until_running=True)
        while events(client, job_id)[-1] != "RETRYING":
            pass
        stop(client, job_id)
        return told + states(client, request_id), events(client, job_id)


def released(worker: Worker) -> Told:
    with greeted(worker) as client:
        request_id, job_id = start(client, b"true", held=True)
        wish = schema().Change(keys=[schema().JobKey(id=job_id)], held=False)
        assert client.ask(change=wish).HasField("done")
        return whole(client, (request_id, job_id))


def ended_before(worker: Worker) -> Told:
    with greeted(worker) as client:
        request_id, job_id = start(client, b"true")
        states(client, request_id)
        before = events(client, job_id)
        request_id, _ = start(client, b"true", job_id=job_id)
        return states(client, request_id), events(client, job_id)[len(before) :]


CASES: dict[str, Callable[[Worker], Told]] = {
    "it runs and ends": runs,
    "it cannot be started": cannot_start,
    "it is stopped while it runs": stopped_running,
    "it is stopped while it waits": stopped_waiting,
    "its time limit passes": over_time,
    "the worker is restarted while it runs": restarted,
    "it fails once, and is retried": retried,
    "it is stopped before a retry": stopped_between_attempts,
    "it is submitted as `held`, and released": released,
    "it had ended before it was watched": ended_before,
}


def sequences() -> dict[str, Told]:
    """Return the table of the page."""
    table = PAGE.split("\n## The order of reports and events\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in row[1:-1].split("|")] for row in re.findall(r"^\|.*\|$", table, re.MULTILINE)][2:]
    return {row[0]: (row[1].split(", "), [] if row[2] == "none" else row[2].split(", ")) for row in rows}


def test_every_sequence_of_the_page_is_tried() -> None:
    assert set(sequences()) == set(CASES)


@pytest.mark.parametrize("worker", [{"slots": 1}], indirect=True)
def test_reports_and_events_come_in_the_order_that_is_shown(worker: Worker) -> None:
    # On one worker, which takes longer to start than any of them takes.
    assert {name: case(worker) for name, case in CASES.items()} == sequences()


# --- the subscriber


class Reader:
    """Runs the subscriber of the page, and loses and delays what it receives."""

    def __init__(self, client: PageClient, seed: int) -> None:
        self.client = client
        self.dice = random.Random(seed)
        self.told: list[Any] = []
        self.loses = True
        self.lost = 0
        self._topic: bytes | None = None
        self._pending = 0
        names: dict[str, Any] = {**vars(schema()), "send": self._send, "listen": self._listen, "tell": self.told.append}
        exec(block("subscriber"), names)
        # Every event from the first on.
        self.subscriber = names["Subscriber"](schema().Filter(), schema().Cursor(store=client.hello.store, seq=0))

    def _send(self, **verb: Any) -> None:
        self._pending = self.client.send(schema().Request(**verb))

    def _listen(self, topic: bytes | None) -> None:
        if self._topic:
            self.client.events.unsubscribe(self._topic)
        self._topic = topic
        if topic:
            self.client.events.subscribe(topic)

    @property
    def has_something(self) -> bool:
        """Whether a step would not wait for an event."""
        return bool(self._pending or self.client.events.poll(0))

    def step(self) -> None:
        """Process one reply, or one message."""
        if self._pending and (self.dice.random() < 0.5 or not self.client.events.poll(0)):
            reply = self.client.answer(self._pending)
            self._pending = 0
            if reply.HasField("subscribe"):
                self.subscriber.granted(reply.subscribe)
            elif reply.HasField("replay"):
                self.subscriber.replayed(reply.replay)
            else:
                self.subscriber.refused(reply.refusal.message)
            return
        topic, news = self.client.news()
        if topic != self._topic:
            return
        if self.loses and self.dice.random() < 0.3:
            self.lost += 1
        elif self.loses and self.dice.random() < 0.1:
            self.subscriber.grant_lost()
        else:
            self.subscriber.heard(news)


def test_the_subscriber_of_the_page_misses_nothing_and_tells_nothing_twice(worker: Worker) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    jobs = 40
    with greeted(worker) as client, greeted(worker) as other:
        reader = Reader(client, seed)
        for number in range(jobs):
            reader.loses = number < jobs - 10
            request_id, _ = start(other, b"true")
            assert states(other, request_id)[-1] == FINISHED
            while number < jobs - 5 and reader.has_something:
                reader.step()

        def all_told() -> bool:
            reader.step()
            return sum(event.HasField("outcome") for event in reader.told) == jobs

        wait_until(all_told, "all ends are told")
        everything = other.ask(replay=schema().Replay()).replay.events
        assert [event.seq for event in reader.told] == [event.seq for event in everything]
        assert reader.lost > 3
        assert reader.subscriber.state == "LIVE"


def test_a_cursor_that_no_daemon_gave_ends_the_subscriber_of_the_page(worker: Worker) -> None:
    with greeted(worker) as client:
        reader = Reader(client, 1)
        for cursor in (schema().Cursor(store=bytes(16), seq=0), schema().Cursor(store=client.hello.store, seq=10**6)):
            reader.subscriber.cursor = cursor
            reader.subscriber.grant_lost()
            reader.step()
            assert reader.subscriber.state == "ENDED"


# --- refusals that a program acts on


def test_a_program_is_told_why_by_numbers(worker: Worker) -> None:
    with greeted(worker) as client:
        reasons = dict(schema().Refusal.DESCRIPTOR.fields_by_name["reason"].enum_type.values_by_number)

        def reason(reply: Any) -> str:
            assert reply.last
            return str(reasons[reply.refusal.reason].name).removeprefix("REASON_")

        store = client.hello.store
        _, ended = start(client, b"true")
        key = schema().JobKey(id=ended)
        wait_until(lambda: client.ask(query_one=schema().QueryOne(key=key)).query_one.job.state == 4, "the job ends")
        head = schema().Cursor(store=store, seq=10**6)
        assert reason(client.ask(replay=schema().Replay(after=head))) == "CURSOR_BEYOND_HEAD"
        assert reason(client.ask(replay=schema().Replay(after=schema().Cursor(store=bytes(16))))) == "CURSOR_OF_ANOTHER_STORE"
        assert reason(client.ask(signal=schema().Signal(key=key, signal=15))) == "ENDED"
        assert reason(client.ask(pause=schema().Pause(keys=[key]))) == "ENDED"
        assert reason(client.ask(query_one=schema().QueryOne(key=schema().JobKey(id=bytes(16))))) == "NO_SUCH_JOB"
        beyond = schema().FollowLog(key=key, stream=1, start=10, credit_bytes=1)
        assert reason(client.ask(follow_log=beyond)) == "BEYOND_END"
        new = schema().NewJob(id=ended, spec=schema().JobSpec(argv=[b"false"]))
        assert reason(client.ask(start=schema().Start(jobs=[new]))) == "ID_TAKEN"
        new.id = uuid.uuid4().bytes
        assert reason(client.ask(start=schema().Start(jobs=[new], first_store=bytes(16)))) == "MAY_HAVE_RUN"
        for short in ({"key": schema().JobKey(id=ended, owner=b"x")}, {"key": schema().JobKey(id=ended[:15])}):
            assert client.ask(query_one=schema().QueryOne(**short)).refusal.code == 1
        assert client.ask(list=schema().List(batch=b"x")).refusal.code == 1
        again = schema().NewJob(id=uuid.uuid4().bytes, spec=schema().JobSpec(argv=[b"true"]))
        refusal = client.ask(start=schema().Start(jobs=[again, again])).refusal
        assert (refusal.code, refusal.job_index) == (1, 1)
        plan = {"name": "plan", "cron": "0 0 1 1 *", "zone": "UTC", "spec": schema().JobSpec(argv=[b"true"])}
        assert client.ask(add_schedule=schema().AddSchedule(id=bytes(16), **plan)).HasField("query_schedule")
        assert reason(client.ask(add_schedule=schema().AddSchedule(id=uuid.uuid4().bytes, **plan))) == "NAME_TAKEN"
        assert client.ask(query_schedule=schema().QuerySchedule()).refusal.code == 1
        assert reason(client.ask(hello=schema().Hello(oldest_version=7, newest_version=9))) == "NO_COMMON_VERSION"
        client.hello.nonce = bytes(16)
        assert reason(client.ask(start=schema().Start(jobs=[new]))) == "STALE_NONCE"


# --- limits


def of_one_job(**fields: Any) -> dict[str, Any]:
    new = schema().NewJob(id=uuid.uuid4().bytes, spec=schema().JobSpec(**{"argv": [b"true"], **fields}))
    return {"start": schema().Start(jobs=[new])}


def over_the_limits(key: Any, limits: Any) -> dict[str, dict[str, Any]]:
    """Request, for each limit of one request, one more than allowed."""
    label = schema().Label(name="a", value="b")
    jobs = [schema().NewJob(id=number.to_bytes(16, "big")) for number in range(limits.jobs_per_start + 1)]
    keys = [key] * (limits.keys_per_request + 1)
    beyond = schema().ByteRange(length=limits.range_bytes + 1)
    follow = schema().FollowLog(key=key, stream=1, credit_bytes=limits.credit_bytes + 1)
    variables = [schema().EnvironmentVariable(name=b"%d" % number) for number in range(limits.variables + 1)]
    return {
        "jobs_per_start": {"start": schema().Start(jobs=jobs)},
        "jobs_per_part": {"stage": schema().Stage(batch=bytes(16), jobs=jobs[: limits.jobs_per_part + 1])},
        "parts_per_batch": {"stage": schema().Stage(batch=bytes(16), number=limits.parts_per_batch, jobs=jobs[:1])},
        "keys_per_request": {"forget": schema().Forget(keys=keys)},
        "jobs_per_filter": {"subscribe": schema().Subscribe(filter=schema().Filter(jobs=[key] * (limits.jobs_per_filter + 1)))},
        "arguments": of_one_job(argv=[b"x"] * (limits.arguments + 1)),
        "variables": of_one_job(environment=variables),
        "labels": of_one_job(labels=[label] * (limits.labels + 1)),
        "label_characters": of_one_job(labels=[schema().Label(name="x", value="y" * limits.label_characters)]),
        "files_per_job": of_one_job(outputs=[b"a"] * (limits.files_per_job + 1)),
        "stdin_bytes": of_one_job(stdin=bytes(limits.stdin_bytes + 1)),
        "tail_lines": {"read_log": schema().ReadLog(key=key, stream=1, tail_lines=limits.tail_lines + 1)},
        "range_bytes": {"read_log": schema().ReadLog(key=key, stream=1, range=beyond)},
        "credit_bytes": {"follow_log": follow},
        # The last one: nothing else is answered over this connection.
        "other_message_bytes": {"list": schema().List(batch_name="x" * limits.other_message_bytes)},
    }


def test_over_each_limit_of_one_request_happens_what_the_page_says(worker: Worker) -> None:
    rows = re.findall(r"^\| `(\w+)` \| \d+ \|.*\| (.*) \|$", PAGE.split("\n## Limits\n")[1].split("\n## ")[0], re.MULTILINE)
    outcomes = {name: over.removesuffix(", then closed") for name, over in rows}
    said = {name: over for name, over in outcomes.items() if over in ("`INVALID_ARGUMENT`", "cut to it")}
    with greeted(worker) as client:
        request_id, job_id = start(client, b"true")
        assert states(client, request_id)[-1] == FINISHED
        asked = over_the_limits(schema().JobKey(id=job_id), client.hello.limits)
        # The limit of the last lines in a report is not visible in any reply to one request, and a push has none (attacks/test_pushes.py).
        assert set(asked) == set(said) - {"tail_bytes", "push_bytes"}
        for name, verb in asked.items():
            reply = client.ask(**verb)
            happened = "`INVALID_ARGUMENT`" if reply.refusal.code == 1 else "cut to it" if not reply.HasField("refusal") else str(reply)
            assert (name, happened) == (name, said[name])
