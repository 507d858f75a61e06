"""What to type for a word for which a command has no argument, and where the value of a missing argument or option is found."""

from __future__ import annotations

_ONE = "name one at a time"
_LISTEN = "where it listens is said with --listen tcp://ADDR:PORT"
_INVITED = "the name of the new member is given with --as {}"
_OF_ALL_JOBS = "jobwire show {} shows a job"

# By the path of the command; {} is the first such word.
UNEXPECTED = {
    **dict.fromkeys(("jobwire context rm", "jobwire context use", "jobwire keys rm"), _ONE),
    **dict.fromkeys((f"jobwire schedule {verb}" for verb in ("rm", "pause", "resume", "run-now", "show")), _ONE),
    **dict.fromkeys((f"jobwire broker {verb}" for verb in ("drain", "undrain", "show", "remove")), _ONE),
    **dict.fromkeys(("jobwire worker run", "jobwire broker run"), _LISTEN),
    **dict.fromkeys(("jobwire worker invite", "jobwire broker invite"), _INVITED),
    **dict.fromkeys(("jobwire status", "jobwire doctor"), _OF_ALL_JOBS),
    "jobwire attach": _ONE,
    "jobwire batch": "name one file at a time",
    "jobwire events": "for the events of a job: jobwire events --job {}",
    "jobwire join": "a token is one word; if it was divided, copy it again",
    "jobwire list": "for several jobs: jobwire show JOB...",
    "jobwire logs": "for one job or one run at a time",
    "jobwire signal": "for one job or one run at a time: jobwire signal JOB SIGNAL",
    "jobwire worker set": "give --slots N, --memory SIZE, --label NAME=VALUE and others, as jobwire worker set --help says",
}

A_JOB = "give a name, an id or last; jobwire list -a shows your jobs"
_KEY = "--key KEY: the worker prints it when it starts, and jobwire worker status there; with a token, no key is needed: jobwire help join"
# By the path of the command, and then by the argument or option.
MISSING = {
    "jobwire broker run": {"--listen": "for all addresses of this machine: --listen tcp://0.0.0.0:7341"},
    "jobwire context add": {"--key": _KEY, "ENDPOINT": "write HOST:PORT and --key KEY, as the worker prints them when it starts"},
    "jobwire join": {"TOKEN": "jobwire worker invite or jobwire broker invite prints one there; - reads it from standard input"},
    "jobwire keys add": {
        "KEY": "jobwire keys show prints it on the other machine",
        "--role": "--role viewer, submitter, operator or admin",
    },
    "jobwire report": {"-o": "-o FILE, or -o - for standard output"},
    "jobwire signal": {"SIGNAL": "jobwire signal JOB TERM, for example"},
}
