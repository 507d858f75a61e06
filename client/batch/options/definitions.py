"""The options of a job: one definition for the command line, the library and the keys of a batch file."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """One option of a job: its key in a batch file, and its flags, placeholder and help on the command line.

    `keyword`: its parameter in the library, if its name differs from the key. `many`: it may be repeated. `switch`: it takes no value.
    """

    key: str
    flags: tuple[str, ...]
    placeholder: str
    help: str
    keyword: str = ""
    many: bool = False
    switch: bool = False

    @property
    def parameter(self) -> str:
        """The name of its parameter in the library."""
        return self.keyword or self.key


OPTIONS = (
    Option("name", ("-n", "--name"), "NAME", "Name the job."),
    Option("dir", ("-C", "--dir"), "DIR", "Run in this folder of the worker's machine; ~ is the home of the job.", keyword="cwd"),
    Option(
        *("env", ("-e", "--env"), "K[=V]"),
        "Set a variable of the job's environment. K alone copies the value from this shell, and 'LC_*' all whose names match.",
        many=True,
    ),
    Option("env_all", ("--env-all",), "", "Copy the variables of this shell, PATH included, except what looks like a secret.", switch=True),
    Option(
        "stdin", ("--stdin",), "FILE|-", "Use this file as standard input; - is this command's own, read to its end first.", keyword="input"
    ),
    Option("time_limit", ("-t", "--time-limit"), "TIME", "Stop the job after this time: 90, 10s, 1h30m. Default: no limit."),
    Option("stop_signal", ("--stop-signal",), "SIGNAL", "Signal to send first when the job is stopped. Default: TERM."),
    Option("grace", ("--grace",), "TIME", "Time from that signal to SIGKILL. Default: the worker's."),
    Option("output_limit", ("--output-limit",), "SIZE", "Stop the job when it has written more: 500K, 10M, 1.5G. Default: no limit."),
    Option("linger", ("--linger",), "", "When the job exits, let the processes that it leaves behind continue.", switch=True),
    Option("priority", ("-p", "--priority"), "N", "Start it before your other jobs with a lower priority: -1000 to 1000. Default: 0."),
    Option(
        "after",
        ("--after",),
        "[WHEN:]JOB",
        "Start the job when that one, or all jobs of a run, ended as WHEN says: ok, failed or any. Default: ok.",
        many=True,
    ),
    Option("hold", ("--hold",), "", "Do not start the job until jobwire release.", switch=True),
    Option("stderr_to_stdout", ("--stderr-to-stdout",), "", "Give the job one pipe for both, like 2>&1 in a shell.", switch=True),
    Option("retry", ("--retry",), "N", "If the job fails, run it again, up to N times. Default: 0."),
    Option("retry_delay", ("--retry-delay",), "TIME", "Wait this long before each retry. Default: 0.", keyword="retry"),
    Option("retry_backoff", ("--retry-backoff",), "FACTOR", "Multiply that time by this after each retry. Default: 1.", keyword="retry"),
    Option(
        *("retry_on_exit", ("--retry-on-exit",), "STATUS[,STATUS]..."),
        "Retry only after these exit statuses; 124 is the time limit, which must be named. Default: all others.",
        keyword="retry",
    ),
    Option(*("memory", ("--memory",), "SIZE"), "Let all processes of the job use this much memory together: 500M, 2G. Default: no limit."),
    Option("nice", ("--nice",), "N", "Run it with this nice value: -20 to 19, the lowest gets most CPU time. Default: the worker's."),
    Option("umask", ("--umask",), "MASK", "Create files without these permissions: 027. Default: 022."),
    Option("rlimits", ("--rlimit",), "NAME=SOFT[:HARD]", "Limit each of its processes, as prlimit does: nofile=4096, core=0.", many=True),
    Option("cpus", ("--cpus",), "N", "Let the job take N of the worker's slots. Default: 1."),
    Option("gpus", ("--gpus",), "N", "Give the job N GPUs for itself, in CUDA_VISIBLE_DEVICES and similar variables. Default: none."),
    Option(
        *("resources", ("--resource",), "NAME=N"),
        "Let the job take N of a resource that the worker's operator defined, such as licences.",
        many=True,
    ),
    Option("only_one", ("--only-one",), "NAME", "Of your jobs with this name here, run one at a time."),
    Option("on", ("--on",), "LABEL[=VALUE]", "Run it on a worker with this label: gpu, gpu=a100, host=lab3, gpu=a100,h100.", many=True),
    Option("not_on", ("--not-on",), "LABEL[=VALUE]", "Run it on a worker without this label.", many=True),
    Option("at", ("--at",), "TIME", "Do not start the job before this time: 02:30, +1h, 2026-12-24T18:00, 2026-12-24T18:00Z."),
    Option(
        *("not_after", ("--not-after",), "TIME"),
        "Cancel the job if it has not started by this time, or after this duration: 18:00, 2h, 2026-12-24T18:00.",
    ),
    Option("may_submit", ("--may-submit",), "", "Let the job start jobs for you while it runs, with a key of its own.", switch=True),
    Option("labels", ("-l", "--label"), "K=V", "Set a label, shown by jobwire show and events --json.", many=True),
)


# What a job brings, and what is wanted of its folder. In the library, paths are not written as FILE:PATH.
FILE_OPTIONS = (
    Option("script", ("--script",), "FILE", "Send this file along and run it; COMMAND and ARG are its arguments."),
    Option("put", ("--put",), "FILE[:PATH]", "Copy a file or folder into the job's own folder, its working folder then.", many=True),
    Option("get", ("--get",), "PATH[:DEST]", "Fetch a file or folder from the job's own folder when it has ended.", many=True),
)
