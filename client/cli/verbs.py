"""The table of all subcommands: where each is, and its line in the help. Loads none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

CONTEXT_VARIABLE = "JOBWIRE_CONTEXT"


class Verb(NamedTuple):
    """Where a subcommand is, and its line in the help. If the place is empty, it is found as an entry point.

    `place` is a module of commands/, or with a dot one of another room.
    """

    place: str
    attribute: str
    help: str
    hidden: bool = False

    @property
    def module(self) -> str:
        """The name of its module, relative to this package."""
        return f".{self.place}" if "." in self.place else f".commands.{self.place}"


VERBS = {
    "run": Verb("run", "run", "Run a command, show its output and exit with its status."),
    "submit": Verb("submit", "submit", "Submit a command and print the id of its job."),
    "batch": Verb("batch", "batch", "Submit many jobs from a file, all or none, and wait for them."),
    "sweep": Verb("sweep", "sweep", "Run a command once for each value, or each combination of values, as jobs of one batch."),
    "convert": Verb("convert", "convert", "Turn a Slurm script, or a command line of GNU parallel or xargs, into a batch file."),
    "rerun": Verb("rerun", "rerun", "Run jobs again, with the same options, files and input."),
    "list": Verb("list", "list_jobs", "List queued and running jobs, oldest first."),
    "ps": Verb("list", "list_jobs", "Same as list.", hidden=True),
    "show": Verb("show", "show", "Show the details of jobs, including why one is waiting or failed."),
    "verify": Verb("verify", "verify_proof", "Check a proof of who asked for a job, without a connection."),
    "report": Verb("report", "report", "Write a page about a run: when its jobs ran, which failed and why, and what used most."),
    "logs": Verb("logs", "logs", "Print the output of a job, byte for byte."),
    "put": Verb("put", "put", "Put files and folders into the folder of a job."),
    "get": Verb("get", "get", "Fetch files and folders from the folder of a job."),
    "attach": Verb("attach", "attach", "Attach to the terminal of a running job."),
    "status": Verb("status.command", "status", "Show the state of the worker in use, and who you are there."),
    "doctor": Verb("doctor.command", "doctor", "Check everything between you and the worker in use, and say how to fix what is wrong."),
    "wait": Verb("wait", "wait", "Wait until jobs have ended."),
    "events": Verb("events", "events", "Show events of jobs as they happen."),
    "stop": Verb("stop", "stop", "Stop jobs and all processes that they started."),
    "pause": Verb("signal", "pause", "Suspend jobs and all their processes."),
    "resume": Verb("signal", "resume", "Continue paused jobs."),
    "hold": Verb("change", "hold", "Hold queued jobs: they do not start until released."),
    "release": Verb("change", "release", "Release held jobs, so that they can start."),
    "set": Verb("change", "set_", "Change queued jobs, the time limit of running jobs, or a run."),
    "signal": Verb("signal", "send_signal", "Send a signal to all processes of a job."),
    "schedule": Verb("schedule", "app", "Start jobs again and again, at times such as those of cron."),
    "forget": Verb("forget", "forget", "Remove jobs that have ended, with their logs."),
    "shell": Verb("shell.command", "shell", "Run commands, one per line, in order, over one open connection."),
    "keys": Verb("keys", "app", "Manage your key and the members of your workers."),
    "join": Verb("join", "join", "Join a worker or broker with a token, and use it."),
    "context": Verb("context", "app", "Manage the workers that you use."),
    "worker": Verb("", "worker", "Run and manage a worker on this machine."),
    "broker": Verb("", "broker", "Run a broker, which joins several workers, and manage its workers."),
    "completion": Verb("completion.command", "app", "Complete commands, options and jobs in your shell."),
    "help": Verb("help", "show_help", "Show the help of a command, or the list of commands."),
}
# Commands of a group whose others are those of a daemon: they need a connection.
OF_CLIENTS = {
    "worker": {"set": Verb("worker_set", "set_worker", "")},
    "broker": {
        "list": Verb("broker", "list_workers", ""),
        "drain": Verb("broker", "drain", ""),
        "show": Verb("broker", "show", ""),
        "undrain": Verb("broker", "undrain", ""),
        "remove": Verb("broker", "remove", ""),
        "grow": Verb("grow", "grow", ""),
    },
}
GROUPS = {"schedule", "keys", "context", "worker", "broker", "completion"}
# Their arguments are a command: options of jobwire end where it begins.
TAKES_A_COMMAND = {"run", "submit", "sweep"}


def find(verb: Verb) -> Any:
    """Import a subcommand, and return its function, or its group of commands."""
    return getattr(import_module(verb.module, __package__), verb.attribute)
