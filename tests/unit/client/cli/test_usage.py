import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from jobwire.client.cli.main import command_line
from jobwire.client.cli.other_words.arguments import A_JOB, MISSING, UNEXPECTED
from jobwire.client.cli.other_words.commands import COMMANDS
from jobwire.client.cli.other_words.hints import DESTRUCTIVE, command_hint, option_hint
from jobwire.client.cli.other_words.options import OF_A_COMMAND, OF_A_JOB, OF_ALL
from jobwire.client.cli.parser.typer_commands import load
from jobwire.client.cli.verbs import VERBS, find
from jobwire.client.config.contexts import list_contexts
from jobwire.keys.identity import format_public, from_seed

KEY = format_public(from_seed(bytes(32)).public)
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOBWIRE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("JOBWIRE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def test_the_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name, verb in VERBS.items() if not verb.hidden)


def test_the_help_lists_every_verb_after_a_mistake_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["nosuch"]) == 2
    assert command_line(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb.help.split()[0] in shown for verb in VERBS.values() if not verb.hidden)
    assert command_line(["show", "--help"]) == 0
    assert "Usage: jobwire show" in capsys.readouterr().out


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line([]) == 0
    assert "Usage" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jobwire ")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (["--context", "", "list"], 2),
        (["--context=", "stop", "last"], 2),
        (["--context", "", "context", "list"], 2),
        (["--context", "", "run", "--", "true"], 2),
        (["context", "show", ""], 2),
        (["context", "test", ""], 2),
        (["context", "use", ""], 1),
        (["list", "--runs", ""], 1),
        (["list", "--runs", "--batch", ""], 1),
        (["worker", "status", "--state", ""], 2),
        (["worker", "stop", "--state="], 2),
        (["worker", "run", "--roster", ""], 2),
        (["worker", "run", "--directory", ""], 2),
        (["broker", "run", "--listen", "tcp://127.0.0.1:1", "--state", ""], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_empty_value_does_not_mean_what_no_value_means(
    line: list[str], status: int, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(line) == status
    said = capsys.readouterr()
    assert said.err.startswith("jobwire: ")
    assert "''" in said.err
    assert said.out == ""
    assert not (folders / "state").exists(), "no worker was started"


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.place])
def test_the_line_in_the_table_is_the_first_of_the_verbs_own_help(name: str) -> None:
    verb = VERBS[name]
    found = find(verb)
    text = found.info.help if isinstance(found, typer.Typer) else found.__doc__
    assert verb.hidden or verb.help == text.splitlines()[0]
    assert load(name).name == name


@pytest.mark.parametrize(
    "arguments",
    [
        ["lst"],
        ["--nope"],
        ["run"],
        ["run", "--nope", "true"],
        ["run", "-t", "soon", "true"],
        ["run", "--stop-signal", "BYE", "true"],
        ["run", "--grace", "x", "true"],
        ["run", "--id", "x", "true"],
        ["run", "-n", "last", "true"],
        ["run", "-e", "=x", "true"],
        ["run", "-e", "NOT_SET_ANYWHERE", "true"],
        ["run", "--stdin", "/no/such/file", "true"],
        ["run", "--", ""],
        ["--context"],
        ["--context", "x"],
        ["logs", "x", "--tail", "1", "--from", "2"],
        ["logs", "x", "--tail", "-1"],
        ["logs", "x", "--bytes", "many"],
        ["forget", "--older-than", "30"],
        ["batch", "x", "--parallel", "-1"],
        ["stop", "x", "--now", "--grace", "1s"],
        ["signal", "x", "BYE"],
        ["wait", "x", "--timeout", "soon"],
        ["doctor", "--timeout", "0"],
        ["doctor", "--timeout", "soon"],
        ["events", "--from", "yesterday"],
        ["batch", "/no/such/file"],
        ["batch", ""],
        ["keys", "add", "me", "nokey", "--role", "admin"],
        ["keys", "add", "me", KEY, "--role", "emperor"],
        ["keys", "add", "me", KEY],
        ["context", "add", "lab", "nowhere", "--key", KEY],
        ["context", "add", "embedded", "lab:1", "--key", KEY],
        ["keys"],
    ],
)
def test_wrong_usage_exits_with_2_prints_one_line_and_sends_nothing(
    arguments: list[str], folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(arguments) == 2
    said = capsys.readouterr()
    if arguments != ["keys"]:
        assert said.out == ""
        assert said.err.startswith("jobwire: ")
        assert said.err.count("\n") == 1
    assert not (folders / "state").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "no such command 'lst'; did you mean list?"),
        (["worker", "stats"], "no such command 'stats'; did you mean status?"),
        (["run", "--lable", "a=b", "true"], "no such option: --lable; did you mean --label?"),
        (["fetch-all"], "no such command 'fetch-all'; see jobwire --help"),
        (["list", "-x"], "no such option: -x; see jobwire list --help"),
    ],
)
def test_a_typing_error_is_answered_with_what_was_meant(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(arguments) == 2
    assert capsys.readouterr().err == f"jobwire: {said}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["stp"],
        ["stopp"],
        ["forgte"],
        ["signl"],
        ["worker", "stopp"],
        ["context", "rmm"],
        ["stop", "--nw", "x"],
        ["stop", "--noww", "x"],
        ["stop", "--al"],
        ["stop", "--alll", "x"],
        ["forget", "--all-endd"],
        ["broker", "remove", "--declare-los", "x"],
    ],
)
def test_nothing_that_ends_a_job_is_suggested(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(arguments) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_whatever_is_mistyped_only_what_is_near_and_harmless_is_suggested() -> None:
    words = ["list", "stop", "logs", "forget", "rm", "signal", "events", "--now", "--json", "-n"]
    for typed in (*words, "lost", "sto", "xx", "-x", "nw", "--noww", "", "events" * 50):
        for hint in (command_hint("jobwire", typed, words), option_hint("jobwire list", typed, words)):
            assert not any(hint.endswith(f" {word}?") for word in DESTRUCTIVE)
    assert command_hint("jobwire", "zzz", words) == ""
    # Programs that a shell here knows.
    assert command_hint("jobwire", "hostname", words, is_program=True) == "to run the program hostname: jobwire run -- hostname"
    for program in ("reboot", "poweroff", "killall", "pkill", "dd", "rm", "shutdown", "kill"):
        assert "jobwire run" not in command_hint("jobwire", program, words, is_program=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kill", "x"], "no such command 'kill'; it is called jobwire stop, or jobwire stop --now"),
        (
            ["worker", "start"],
            "no such command 'start'; jobwire worker run starts one for others, jobwire run your own",
        ),
    ],
)
def test_the_word_of_another_tool_is_answered_with_ours(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(arguments) == 2
    assert capsys.readouterr().err == f"jobwire: {said}\n"


@pytest.mark.parametrize(
    "arguments",
    [["forget", "--failed"], ["pause", "--all"], ["resume", "-a"], ["hold", "--all"], ["release", "--all"], ["stop", "--user", "ada"]],
)
def test_what_is_said_to_type_for_many_jobs_does_nothing_to_those_of_others(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(arguments) == 2
    said = capsys.readouterr().err
    # An operator lists, and may change, the jobs of others too.
    assert "xargs" not in said or "jobwire list --user NAME " in said
    assert "xargs jobwire forget" not in said
    assert "it is called --all\n" not in said


# Words of other tools that people type first.
TYPED_FIRST = (
    "kill login watch whoami retry restart history squeue scancel sbatch srun cp daemon parallel xargs enqueue unpause seff qsub stats",
    "--cwd --mem --dependency --retries --begin --gres --ulimit -d -i --rm -f -T -X --account --mail-type --export --env-file",
)


def test_the_words_of_other_tools_that_people_type_first_have_an_answer() -> None:
    assert all(command_hint("jobwire", word, ()) for word in TYPED_FIRST[0].split())
    assert all(option_hint(f"jobwire {verb}", word, ()) for word in TYPED_FIRST[1].split() for verb in ("run", "submit"))
    assert VERBS["ps"].hidden


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-it", "run", "--", "bash"], "jobwire run -it"),
        (["--name", "x", "run", "true"], "it comes after the command: jobwire COMMAND --name"),
        (["-q", "submit", "true"], "it comes after the command: jobwire COMMAND -q"),
        (["-v"], "jobwire --version"),
        (["--nosuch", "run"], "see jobwire --help"),
    ],
)
def test_an_option_before_its_command_is_explained(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(words) == 2
    assert said in capsys.readouterr().err


def test_a_context_in_the_place_of_a_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["context", "add", "lab", "lab:1", "--key", KEY]) == 0
    assert command_line(["lab", "ls"]) == 2
    assert "jobwire --context lab run -- COMMAND" in capsys.readouterr().err
    assert command_line(["labb", "ls"]) == 2
    assert "context" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["events", "nap"], "unexpected argument: nap; for the events of a job: jobwire events --job nap"),
        (["worker", "invite", "ada"], "unexpected argument: ada; the name of the new member is given with --as ada"),
        (["keys", "add", "ada", KEY, "admin"], "missing option '--role'; --role viewer, submitter, operator or admin"),
        (["context", "rm", "a", "b", "c"], "unexpected argument: b c; name one at a time"),
        (["context", "test", "a", "b"], "unexpected argument: b; see jobwire context test --help"),
        (["context", "add", "lab", "lab:1"], "missing option '--key'; --key KEY: the worker prints it when it starts"),
        (["keys", "add", "ada"], "missing argument 'KEY'; jobwire keys show prints it on the other machine"),
        (["logs"], "missing argument 'JOB'; give a name, an id or last"),
        (["join"], "missing argument 'TOKEN'; jobwire worker invite or jobwire broker invite prints one there"),
        (["report", "x"], "missing option '-o' / '--output'; -o FILE, or -o - for standard output"),
        (["signal", "kill", "last"], "SIGNAL: 'last' is not a signal; the signal comes last: jobwire signal last KILL"),
        (["signal", "9", "nap"], "SIGNAL: 'nap' is not a signal; write it like TERM"),
    ],
)
def test_a_line_with_too_many_or_too_few_words_is_answered_with_where_they_go(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["ada", "ssh-ed25519 AAAA ada@lab"],
            "jobwire has keys of its own, not those of ssh: jobwire keys show prints it on their machine",
        ),
        (["ada", "/home/ada/.ssh/id_ed25519.pub"], "jobwire has keys of its own, not those of ssh: "),
        (["ada", "ada.key"], "; jobwire keys show prints it on their machine"),
        ([KEY, "ada"], "; the name comes first: jobwire keys add NAME KEY"),
        (["ada", KEY[:-2]], "is cut off"),
    ],
)
def test_something_else_than_a_key_is_answered_with_where_the_key_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["keys", "add", *words, "--role", "viewer"]) == 2
    assert said in capsys.readouterr().err
    assert command_line(["context", "add", "lab", "lab:1", "--key", words[1]]) == 2
    shown = capsys.readouterr().err
    assert ("jobwire worker status, or broker status, prints it on that machine" in shown) == ("is cut off" not in shown)


def test_an_option_among_the_values_of_a_sweep_starts_no_job(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["sweep", "echo", ":::", "1..3", "--dry-run"]) == 2
    assert "--dry-run after ::: would be a value, and the jobs would run; options come before the command" in capsys.readouterr().err
    assert command_line(["sweep", "--dry-run", "echo", ":::", "1..3", "--parallel=2", ":::+", "a", "b", "c", "--tag"]) == 0
    said = capsys.readouterr().err
    assert "jobwire: --parallel=2 after ::: is a value; options come before the command\n" in said
    assert "jobwire: --tag after ::: is a value; options come before the command\n" in said
    # That of the command that is run.
    assert command_line(["sweep", "--dry-run", "make", "--dry-run", ":::", "a"]) == 0
    assert "is a value" not in capsys.readouterr().err
    assert not (folders / "state").exists()


def test_a_script_on_standard_input_is_refused_with_how_it_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("run", "submit"):
        assert command_line([verb, "--script", "-", "x"]) == 2
        assert "--script: a script is sent as a file, and - is none; one on standard input is run by: sh -s" in capsys.readouterr().err


def test_a_program_in_the_place_of_a_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["sleep", "5"]) == 2
    assert (
        capsys.readouterr().err == "jobwire: no such command 'sleep'; did you mean sweep? to run the program sleep: jobwire run -- sleep\n"
    )
    assert command_line(["/bin/sh", "-c", "true"]) == 2
    assert "; to run the program /bin/sh: jobwire run -- /bin/sh\n" in capsys.readouterr().err
    # Of a group, no program is meant.
    assert command_line(["keys", "sleep"]) == 2
    assert "program" not in capsys.readouterr().err


def test_where_the_words_of_a_line_go_is_known_of_commands_that_there_are() -> None:
    for path in (*UNEXPECTED, *MISSING):
        _, verb, *part = path.split()
        assert not part or part[0] in load(verb).commands, path
        arguments = {param.name for param in (load(verb).commands[part[0]] if part else load(verb)).params}
        assert arguments, path
    for meant in (*UNEXPECTED.values(), *(said for known in MISSING.values() for said in known.values()), A_JOB):
        for verb in re.findall(r"jobwire (\w+)", meant):
            assert verb in VERBS, meant


def test_words_of_a_tool_mean_there_what_they_mean_to_who_comes_from_it() -> None:
    for path, word, said in (
        ("jobwire sweep", "-k", "--keep-order"),
        ("jobwire batch", "-k", "--fail-fast"),
        ("jobwire sweep", "-N", "convert"),
        ("jobwire run", "-N", "one machine"),
        ("jobwire sweep", "--delay", "--parallel"),
        ("jobwire submit", "-d", "--after"),
        ("jobwire submit", "-a", "--array"),
        ("jobwire run", "-d", "jobwire submit"),
    ):
        assert said in option_hint(path, word, ())
    assert "release" in command_hint("jobwire", "enqueue", ())
    assert "sweep" in command_hint("jobwire", "parallel", ())


def flags_of(path: str) -> set[str]:
    verb, _, part = path.partition(" ")
    command = load(verb).commands[part] if part else load(verb)
    return {flag for param in command.params for flag in param.opts}


def test_every_word_of_another_tool_leads_to_commands_and_options_that_there_are() -> None:
    for words in COMMANDS:
        _, *path = words.split()
        assert path[-1] not in (VERBS if len(path) == 1 else load(path[0]).commands), words
    of_commands = [meant for words in OF_A_COMMAND.values() for meant in words.values()]
    for meant in (*COMMANDS.values(), *OF_A_JOB.values(), *OF_ALL.values(), *of_commands):
        for verb, part in re.findall(r"jobwire (\w+)(?: ([\w-]+))?", meant):
            assert verb in VERBS, meant
            assert not hasattr(load(verb), "commands") or part in load(verb).commands, meant
    for path in ("run", "submit", "sweep", "batch", "schedule add"):
        its_own = flags_of(path)
        for word, meant in (OF_A_JOB | OF_A_COMMAND.get(f"jobwire {path}", {})).items():
            if word == "--cron" and word in its_own:
                continue
            assert word not in its_own, path
            assert set(re.findall(r"called (--[\w-]+)", meant)) <= its_own, (path, meant)
            assert option_hint(f"jobwire {path}", word, its_own) == meant
    for path, others in OF_A_COMMAND.items():
        its_own = flags_of(path.removeprefix("jobwire "))
        assert not its_own & set(others), path
        for word, meant in others.items():
            assert set(re.findall(r"(?:called |^)(--[\w-]+)", meant)) <= its_own, meant
            assert option_hint(path, word, its_own) == meant


@pytest.mark.parametrize("columns", [20, 33, 59])
def test_a_narrow_help_is_read_line_by_line(columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for verb in ("stop", "wait", "get", "keys"):
        assert command_line([verb, "--help"]) == 0
        # A name that has no blank is as long as it is.
        lines = [line for line in capsys.readouterr().out.splitlines() if not line.strip().startswith("--")]
        assert max(map(len, lines)) <= columns, verb


@pytest.mark.parametrize("columns", [20, 45])
def test_a_narrow_help_says_what_each_command_does(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for group, whole in (([], "verify Check a proof of who asked for a job, without a connection. report"), (["keys"], "list List ")):
        assert command_line([*group, "--help"]) == 0
        words = capsys.readouterr().out.split()
        assert words[:3] == ["Usage:", "jobwire", *(group or ["[OPTIONS]"])]
        assert "[OPTIONS]" in words
        assert whole in " ".join(words)
        assert "..." not in words


def test_the_usage_line_reads_as_in_other_manuals(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, usage in (("run", "COMMAND [ARG]..."), ("show", "JOB..."), ("stop", "[JOB]..."), ("forget", "[JOB]..."), ("logs", "JOB")):
        assert command_line([verb, "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"Usage: jobwire {verb} [OPTIONS] {usage} " in shown, shown


def test_no_placeholder_has_two_pairs_of_brackets() -> None:
    # What completion and the man pages show is made from the same definitions.
    assert not [page.name for page in (REPOSITORY / "docs/man").glob("*.1") if "[[" in page.read_text()]
    assert "[[" not in (REPOSITORY / "client/cli/completion/table.py").read_text()


def test_a_switch_is_not_shown_as_if_it_took_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["submit"], ["worker", "run"], ["keys", "add"]):
        assert command_line([*arguments, "--help"]) == 0
        shown = capsys.readouterr().out
        assert "--help" in shown
        assert not re.search(r"<(bool|str|int|list)", shown)


def test_an_output_that_cannot_be_written_is_reported_with_a_message() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device
        command = [sys.executable, "-m", "jobwire.client.cli.main", "context", "list"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 125
    assert ended.stderr.startswith(b"jobwire: ")
    assert ended.stderr.endswith(b"No space left on device\n")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["context", "add", "lab", "lab:1", "--key"], 2, "option '--key' requires an argument; see jobwire context add --help"),
        (["wait", "x", "--timeout"], 2, "option '--timeout' requires an argument; see jobwire wait --help"),
        (["worker", "run", "--slots", "0"], 2, "invalid value for '--slots': it must be at least 1; see jobwire worker run --help"),
        (["worker", "run", "--slots", "x"], 2, "invalid value for '--slots': it is not a whole number; see jobwire worker run --help"),
        (["run", "-l", "blue", "true"], 2, "-l/--label: the label 'blue' has no value; write it like team=blue"),
        (
            ["run", "--stdin", "-", "--no-stdin", "true"],
            2,
            "--no-stdin and --stdin cannot be combined; --no-stdin means that the job has no input",
        ),
        (
            ["run", "-n", "ls"],
            2,
            (
                "missing argument 'COMMAND [ARG]...', or --script FILE; "
                "-n is the name of the job, here 'ls'; for no standard input, jobwire run has --no-stdin"
            ),
        ),
        (
            ["run", "-n", "--", "true"],
            2,
            (
                "-n/--name: the name '--' has characters other than letters, digits and _.[]:+- (or more than 128); "
                "-n is followed by a name; no standard input is --no-stdin, of jobwire run"
            ),
        ),
        (
            ["submit", "--no-stdin", "true"],
            2,
            "no such option: --no-stdin; a job of submit has no standard input unless --stdin names one",
        ),
        (["context", "rm", "embedded"], 1, "'embedded' is built in: it is your private worker; jobwire context use switches to another"),
    ],
)
def test_a_mistake_is_answered_in_plain_words(arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(arguments) == status
    assert capsys.readouterr().err == f"jobwire: {said}\n"


def test_a_broken_roster_is_reported_the_same_to_those_who_read_and_write_it(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = folders / "roster.toml"
    broken.write_text("[[member]\n")
    for arguments in (["list"], ["add", "me", KEY, "--role", "viewer"]):
        assert command_line(["keys", *arguments, "--roster", str(broken)]) == 125
        said = capsys.readouterr().err
        assert said.startswith(f"jobwire: {broken}, line 1: ")
        assert said.endswith("; fix that line\n")


def test_an_unknown_context_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["--context", "nowhere", "list"]) == 1
    assert "jobwire: there is no context 'nowhere'; jobwire context list" in capsys.readouterr().err


def test_an_unexpected_exception_is_one_line_that_says_where_more_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("jobwire.client.config.contexts.list_contexts", lambda: 1 // 0)
    assert command_line(["context", "list"]) == 125
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "JOBWIRE_TRACEBACK=1" in said
    monkeypatch.setenv("JOBWIRE_TRACEBACK", "1")
    assert command_line(["context", "list"]) == 125
    assert "Traceback" in capsys.readouterr().err


def test_keys_are_made_shown_and_admitted(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["keys", "new"]) == 0
    key = capsys.readouterr().out.strip()
    assert command_line(["keys", "new"]) == 1
    assert command_line(["keys", "show"]) == 0
    assert capsys.readouterr().out.strip() == key
    assert command_line(["keys", "add", "laptop", key, "--role", "submitter"]) == 0
    assert command_line(["keys", "add", "laptop", key, "--role", "submitter"]) == 0
    assert "laptop is a member already, role submitter" in capsys.readouterr().err
    assert command_line(["keys", "add", "laptop", key, "--role", "admin"]) == 1
    assert command_line(["keys", "add", "again", key, "--role", "submitter"]) == 1
    capsys.readouterr()
    assert command_line(["keys", "list"]) == 0
    assert capsys.readouterr().out.split("\t")[:2] == ["laptop", "submitter"]
    assert command_line(["keys", "list", "--json"]) == 0
    assert f'"key":"{key}"' in capsys.readouterr().out
    assert command_line(["keys", "list", "--roster", str(folders / "other")]) == 0
    assert capsys.readouterr().out == ""


def test_a_variable_that_counts_more_than_the_context_in_use_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBWIRE_CONTEXT", "embedded")
    for command in (["context", "add", "lab", "lab:7341", "--key", KEY], ["context", "use", "lab"]):
        assert command_line(command) == 0
        assert "this shell still uses embedded, because JOBWIRE_CONTEXT is set" in capsys.readouterr().err
    assert command_line(["context", "use", "embedded"]) == 0
    assert "JOBWIRE_CONTEXT" not in capsys.readouterr().err
    monkeypatch.setenv("JOBWIRE_CONTEXT", "lab")
    assert command_line(["context", "rm", "lab"]) == 0
    assert "still names it" in capsys.readouterr().err


def test_contexts_are_added_used_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["context", "add", "lab", "lab:7341", "--key", KEY]) == 0
    assert command_line(["context", "add", "lab", "lab:7341", "--key", KEY]) == 1
    assert command_line(["context", "add", "shed", "shed:7341", "--key", KEY]) == 0
    assert command_line(["context", "use", "shed"]) == 0
    capsys.readouterr()
    assert command_line(["context", "list"]) == 0
    assert [line.split("\t")[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["", "embedded", "your private worker, started on demand"],
        ["", "lab", "tcp://lab:7341"],
        ["*", "shed", "tcp://shed:7341"],
    ]
    assert command_line(["context", "rm", "shed"]) == 0
    assert command_line(["context", "rm", "shed"]) == 1
    assert [context.name for context in list_contexts()] == ["lab"]


def test_a_dry_run_lists_what_the_example_would_do_and_sends_nothing(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = "7f0c2f4e-0000-4000-8000-000000000001"
    arguments = ["batch", str(REPOSITORY / "examples" / "demo.toml"), "--dry-run", "--id", run]
    assert command_line(arguments) == 0
    first = capsys.readouterr().out
    assert command_line(arguments) == 0
    assert capsys.readouterr().out == first
    assert [line.split("\t")[1] for line in first.splitlines()] == ["hello", "where", "count", "shell", "patient"]
    assert not (folders / "state").exists()


@pytest.mark.parametrize("retries", ["", "retry = 2"])
def test_an_option_about_retries_is_for_the_jobs_of_the_file_that_have_some(
    retries: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(f"[[job]]\nargv = ['true']\n{retries}\n[[job]]\nargv = ['false']\n")
    status = command_line(["batch", "--dry-run", "--json", "--retry-delay", "5s", str(file)])
    out, err = capsys.readouterr()
    if retries:
        assert status == 0
        rules = [json.loads(line)["retry"] for line in out.splitlines()]
        assert rules == [{"max": 2, "delay_ms": 5000, "backoff": 1.0, "on_exit": []}, None]
    else:
        assert status == 2
        assert "--retry-delay: it has no effect without retries, and no job of" in err


def test_a_batch_with_a_mistake_exits_with_2_and_names_file_line_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text("[[job]]\nargv = ['true']\nafter = {ok = ['x']}\n")
    assert command_line(["batch", str(file)]) == 2
    assert (
        capsys.readouterr().err == f"jobwire: {file}, line 3, key 'job.after.ok': there is no job 'x' in this file; give that job a name\n"
    )


def test_lines_are_read_from_standard_input(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "jobwire.client.cli.main", "batch", "--lines", "--dry-run", "-"],
        input=b"echo 'a b'\n# none\nls -l\n",
        capture_output=True,
        check=True,
    )
    assert [line.split(b"\t")[2] for line in ended.stdout.splitlines()] == [b"echo 'a b'", b"ls -l"]


DEAR = {
    "typer",
    "dataclasses",
    "inspect",
    "shutil",
    "uuid",
    "subprocess",
    "pydantic",
    "rich",
    "msgspec",
    "tomlkit",
    "asyncio",
    "platformdirs",
    "importlib.metadata",
    "ctypes",
    "sqlite3",
    "datetime",
    "_hashlib",
    "secrets",
}

# Of ours, what only other commands need, or few jobs.
NOT_TO_RUN = {
    f"jobwire.client.{name}"
    for name in (
        "library.values.job_info",
        "library.values.results",
        "files.fetching",
        "files.sending",
        "cli.targets.job_names",
        "cli.batches.planning.repeats",
    )
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "-e", "A=b", "-t", "1s", "true"],
        ["submit", "--wait", "true"],
        ["logs", "-f", "--tail", "3", "x"],
        ["wait", "--timeout", "1s", "x"],
        ["stop", "--now", "x"],
        ["signal", "x", "TERM"],
        ["list", "-a"],
        ["show", "x"],
        ["events", "--json"],
    ],
)
def test_a_verb_that_speaks_to_the_worker_loads_nothing_expensive(arguments: list[str], folders: Path) -> None:
    (folders / "config").mkdir()
    # There is no such identity, but until that shows all is loaded.
    text = f'current = "lab"\n[contexts.lab]\nendpoint = "lab:1"\nkey = "{KEY}"\nidentity = "/nowhere/identity"\n'
    (folders / "config" / "contexts.toml").write_text(text)
    code = f"import sys; from jobwire.client.cli.main import command_line; command_line({arguments!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, zmq, jobwire.schemas.generated.job_pb2; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert not DEAR & set(loaded) - set(bare.stdout.split())
    assert arguments[0] not in ("run", "submit") or not NOT_TO_RUN & set(loaded)


def test_a_closed_output_is_an_output_that_cannot_be_written() -> None:
    code = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-m', 'jobwire.client.cli.main', '--version'])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    said = b"jobwire: write error: the standard output cannot be written: Bad file descriptor\n"
    assert (ended.returncode, ended.stderr) == (125, said)


def test_a_command_whose_reader_is_gone_exits_quietly_with_141() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "jobwire.client.cli.main", "--version"]
        ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("--after=last", "submit --after"),
        ("--hold", "schedule pause"),
        ("--at=+1h", "submit --at"),
        ("--not-after=1h", "submit --not-after"),
    ],
)
def test_a_schedule_takes_no_option_that_it_would_ignore(option: str, instead: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["schedule", "add", "nightly", "--cron", "@daily", option, "--", "true"]) == 2
    assert instead in capsys.readouterr().err


def test_a_schedule_without_a_name_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["schedule", "add", "--cron", "@daily", "--", "true"]) == 2
    assert "'true' is taken for the name of the schedule" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["list", "--user", ""], "--user: '' is not the name of a member"),
        (["list", "--runs", "--user", ""], "--user: '' is not the name of a member"),
        (["logs", "--to", "", "last"], "--to names no folder"),
        (["verify", "--logs", "", "proof.json"], "--logs names no file"),
    ],
)
def test_an_empty_text_is_not_taken_for_an_option_that_was_not_given(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(arguments) == 2
    assert what in capsys.readouterr().err
