"""The tables of the documents are those of the code, and every file and function that they name is there."""

from __future__ import annotations

import ast
import inspect
import re
import string
import tomllib
from pathlib import Path

from documents import ROOT, cells, words
from wire_dump import dump, undump

import jobwire
from jobwire.broker.fleet import verbs as fleet_verbs
from jobwire.broker.jobs.life import NEXT, SHOWN
from jobwire.broker.requests.checks import delegated
from jobwire.broker.requests.reads import hello
from jobwire.client.batch.options.definitions import FILE_OPTIONS, OPTIONS
from jobwire.client.cli import exit_status
from jobwire.client.cli.parser.typer_commands import load
from jobwire.client.cli.shown.json_lines import event_record, job_record, outcome_record
from jobwire.client.cli.verbs import VERBS
from jobwire.client.library.values.event import Event, EventCursor
from jobwire.client.library.values.job_info import JobInfo
from jobwire.client.protocol.subscription import TABLE, Phase
from jobwire.keys import identity as identities
from jobwire.keys.proofs import signature
from jobwire.schemas.frames import SIGNED_VERBS, limits
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.jobs import spec as specs
from jobwire.schemas.jobs import spec_check
from jobwire.schemas.jobs.spec import JobSpec
from jobwire.schemas.jobs.states import EventKind, Outcome, OutcomeKind, State
from jobwire.schemas.naming import JobKey, batch_job_id, name_problem
from jobwire.schemas.refusal import Code, Reason
from jobwire.worker.state.log_folders.job_files import JobFile
from jobwire.worker.state.log_folders.outcomes import OutcomeFile

STOREYS = ("schemas", "keys", "client", "broker", "worker")


def definitions(file: Path) -> set[str]:
    """Name the functions, classes, methods and constants of a module."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return names


def test_every_file_and_function_that_the_architecture_names_exists() -> None:
    for line in (ROOT / "docs/architecture.md").read_text().splitlines():
        paths = [ROOT / name for name in re.findall(r"`((?:worker|broker|client|keys|schemas|tests)/[\w./]*)`", line)]
        for path in paths:
            assert path.exists(), path
        known = set().union(*(definitions(path) for path in paths if path.suffix == ".py"))
        for name in re.findall(r"`([\w.]+)\(\)`", line):
            assert name in known, f"{name} is not in {paths}"


def test_every_room_is_in_the_table_of_the_architecture_and_no_other() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.partition("## Where to look")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w/]+)/` \| (.*) \|$", table, re.MULTILINE))
    rooms = {file.parent.relative_to(ROOT).as_posix() for storey in STOREYS for file in (ROOT / storey).rglob("*.py")}
    rooms = {room for room in rooms if "__pycache__" not in room}
    # A room without a row of its own is named in the row of one around it.
    inner = {
        room
        for room in rooms - rows.keys()
        for around in rows
        if room.startswith(f"{around}/") and f"`{room.rpartition('/')[2]}/`" in rows[around]
    }
    assert rooms - rows.keys() == inner
    assert rows.keys() - rooms == {"tests"}


def test_the_table_of_a_jobs_life_is_the_one_in_the_code() -> None:
    happenings, *rows = cells("docs/architecture.md", "## A job's life")
    shown = {(row[0], what): phase for row in rows for what, phase in zip(happenings[2:], row[2:], strict=True) if phase}
    assert {row[0]: row[1] for row in rows} == {phase.name: state.name for phase, state in SHOWN.items()}
    assert shown == {(before.name, what.name): after.name for (before, what), after in NEXT.items()}


def test_the_picture_of_a_jobs_life_has_every_step_of_the_table() -> None:
    drawn = re.findall(r"^(\w+) -> (\w+):", (ROOT / "docs/pictures/life.d2").read_text(), re.MULTILINE)
    steps = {(before.name.lower(), after.name.lower()) for (before, _), after in NEXT.items() if before is not after}
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == steps


def test_the_library_page_has_every_public_name() -> None:
    named = re.findall(r"^::: jobwire\.(\w+)$", (ROOT / "docs/library.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(set(jobwire.__all__) - {"__version__"})


def test_the_library_page_has_every_option_of_a_job() -> None:
    rows = cells("docs/library.md", "## Options of a job")[1:]
    # Several options can be one parameter, which is named after the first.
    flags: dict[str, str] = {}
    for option in (*OPTIONS, *FILE_OPTIONS):
        flags.setdefault(option.parameter, option.flags[-1])
    assert [(words(row[0])[0], words(row[1])[0]) for row in rows] == list(flags.items())
    parameters = inspect.signature(jobwire.job_spec).parameters
    for row in rows:
        default = str(parameters[words(row[0])[0]].default) or '`""`'
        assert row[2].endswith(f", {default}"), row


def test_the_protocol_page_has_all_limits_codes_and_verbs() -> None:
    table = cells("docs/protocol.md", "## Limits")[1:]
    assert {words(row[0])[0]: int(row[1]) for row in table} == {field.name: value for field, value in limits().ListFields()}
    assert {words(row[0])[0]: int(row[1]) for row in cells("docs/protocol.md", "## Refusals")[1:]} == {
        code.name: code.value for code in Code
    }
    verbs = [field.name for field in request_pb2.Request.DESCRIPTOR.oneofs_by_name["verb"].fields]
    assert [words(row[0])[0] for row in cells("docs/protocol.md", "## Requests")[1:]] == verbs
    keys = {words(row[0])[0]: set(words(row[1])) for row in cells("docs/protocol.md", "## Log folders")[1:]}
    assert keys["outcome"] == {"version", *OutcomeFile._fields}
    assert keys["job"] == {"version", "owner", "id", "attempt", *JobFile._fields} - {"handle", "changed_limit_ms"}


def test_the_protocol_page_has_all_verbs_that_must_be_signed_and_all_that_a_job_may_send() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    assert set(words(page.split("\n## Proof\n")[1].split(" need `Envelope.proof`")[0])) == SIGNED_VERBS
    comment = (ROOT / "schemas/proto/jobwire/v1/request.proto").read_text().split("that changes something: ")[1].split(".")[0]
    assert set(re.findall(r"\w+", comment)) == SIGNED_VERBS
    assert set(words(page.split("means the owner's jobs. It may send ")[1].split(", as far as")[0])) == delegated.VERBS


def test_the_protocol_page_has_all_features() -> None:
    rows = cells("docs/protocol.md", "## After each connection")[1:]
    named = [name for row in rows for name in words(row[0])]
    assert len(named) == len(set(named))
    assert set(named) == {*hello.FEATURES, *fleet_verbs.OWN_FEATURES}


def test_the_protocol_pages_keys_and_signature_are_right() -> None:
    shown = tomllib.loads((ROOT / "docs/protocol.md").read_text().split("```toml\n")[1].split("```")[0])
    identity = identities.from_seed(bytes.fromhex(shown["seed"]))
    assert [identity.public.hex(), identity.curve_public.hex(), identity.curve_secret.hex()] == [
        shown[name] for name in ("public", "curve_public", "curve_secret")
    ]
    assert (identities.format_public(identity.public), identities.fingerprint(identity.public)) == (shown["printed"], shown["fingerprint"])
    request, audience, nonce = (bytes.fromhex(shown[name]) for name in ("request", "audience", "nonce"))
    assert signature.sign(identity, audience, nonce, request).signature.hex() == shown["signature"]
    assert request_pb2.Request.FromString(request).signal.signal == 15
    run = bytes.fromhex(shown["batch_run"])
    assert batch_job_id(run, shown["batch_name"], shown["batch_number"]).hex() == shown["batch_job_id"]


def test_the_protocol_page_has_all_reasons() -> None:
    rows = cells("docs/protocol.md", "## Reasons")[1:]
    assert {words(row[0])[0]: int(row[1]) for row in rows} == {reason.name: reason.value for reason in Reason}
    assert {word for row in rows for word in words(row[2])} <= {code.name for code in Code}
    assert all(row[3] for row in rows)


def test_the_protocol_pages_messages_are_those_bytes() -> None:
    kinds = (request_pb2, job_pb2, event_pb2)
    shown = re.findall(r"^```message\n(.*?)^```$", (ROOT / "docs/protocol.md").read_text(), re.MULTILINE | re.DOTALL)
    read = {}
    for text in shown:
        name, data = undump(text)
        message = next(getattr(module, name) for module in kinds if hasattr(module, name)).FromString(data)
        assert dump(message) == text
        read[name] = message
    assert set(read) == {"JobSpec", "Envelope", "Reply", "News"}
    spec_check.check(specs.from_wire(read["JobSpec"]))
    envelope = read["Envelope"]
    assert signature.check(envelope, envelope.proof.audience, envelope.proof.nonce) == envelope.proof.signer
    assert read["Reply"].hello.daemon == envelope.proof.audience
    assert read["News"].events.events[0].key.owner == envelope.proof.signer


def test_a_subscribers_picture_is_the_table_in_the_code() -> None:
    drawn = re.findall(r"^(\w+) -> (\w+): (.*)$", (ROOT / "docs/pictures/subscriber.d2").read_text(), re.MULTILINE)
    steps = {(before.name, after.name, what.name) for (before, what), after in TABLE.items() if before is not Phase.ENDED}
    assert {(before.upper(), after.upper(), what.upper().replace(" ", "_")) for before, after, what in drawn} == steps
    program = (ROOT / "docs/protocol.md").read_text().split("```subscriber\n")[1].split("```")[0]
    assert set(re.findall(r'"([A-Z_]+)"', program)) == {phase.name for phase in Phase}


def test_the_letters_of_names_are_those_of_the_page() -> None:
    said = "begins with a letter, a digit or `_` and consists of at most 128 ASCII letters, digits and `_.[]:+-`"
    assert said in (ROOT / "docs/protocol.md").read_text()
    letters = string.ascii_letters + string.digits
    assert "".join(filter(lambda one: not name_problem(f"z{one}"), map(chr, range(0x250)))) == "".join(sorted(letters + "_.[]:+-"))
    assert "".join(filter(lambda one: not name_problem(f"{one}z"), map(chr, range(0x250)))) == "".join(sorted(letters + "_"))
    assert (name_problem("z" * 128), bool(name_problem("z" * 129))) == (None, True)
    refused = {"last": True, "cafe": True, "ca-fe": False, "12345678-1": True, "caf": False, "0" * 32: True, "0" * 33: False}
    assert {name: bool(name_problem(name)) for name in refused} == refused


def flags_of(table: list[list[str]]) -> set[str]:
    return {word.split()[0] for row in table for word in words(row[0])}


def test_every_verb_has_a_section_with_all_its_options() -> None:
    of_jobs = {flag for option in (*OPTIONS, *FILE_OPTIONS) for flag in option.flags} | {"--id"}
    assert flags_of(cells("docs/commands.md", "## Options of a job")[1:]) == of_jobs
    for name in (name for name, verb in VERBS.items() if not verb.hidden):
        command = load(name)
        for part, leaf in getattr(command, "commands", {"": command}).items():
            options = [param for param in leaf.params if param.param_type_name == "option" and not getattr(param, "hidden", False)]
            flags = {flag for option in options for flag in option.opts} - {"--help", "--install-completion", "--show-completion"}
            section = f"## {name} {part}".strip()
            of_a_batch = of_jobs - {"-n", "--name", "--stdin", "--id"}
            all_of_them = dict.fromkeys(("run", "submit", "sweep", "schedule add"), of_jobs)
            taken = {**all_of_them, "batch": of_a_batch}.get(section.removeprefix("## "), set())
            table = cells("docs/commands.md", section)[1:] if flags - taken or name == "batch" else []
            assert flags_of(table) | taken == flags, section


def test_the_commands_page_has_all_statuses_and_json_fields() -> None:
    told = {row[0] for row in cells("docs/commands.md", "## Exit statuses")[1:]}
    assert told >= {str(value) for name, value in vars(exit_status).items() if name.isupper()}
    tables = (ROOT / "docs/commands.md").read_text().split("## JSON\n")[1].split("## Batch files")[0]
    fields = [
        set(words("".join(row.split("|")[1] for row in rows)))
        for rows in (re.findall(r"^\|.*$", part, re.MULTILINE) for part in re.split(r"^An ", tables, flags=re.MULTILINE))
    ]
    outcome = Outcome(OutcomeKind.EXITED)
    key = JobKey(bytes(32), bytes(16))
    job = JobInfo(key, JobSpec((b"x",)), State.QUEUED, "", None, 1, 0, 0, None, None, "")
    event = Event(EventCursor(bytes(16), 1), EventKind.QUEUED, key, 1, "", {}, b"", None, 0, None, "")
    assert fields == [set(job_record(job)), set(outcome_record(outcome) or {}), set(event_record(event))]


def test_every_test_that_the_security_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    written = {name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert named
    assert named <= written
