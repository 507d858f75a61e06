"""Written by `make commands` from the definitions of the commands. Not edited by hand."""
# ruff: noqa: E501

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command: its summary, its options (flags, placeholder, help), its arguments, and whether these are a command themselves."""

    help: str
    options: tuple[tuple[str, str, str], ...]
    arguments: tuple[str, ...] = ()
    ends_options: bool = False


# fmt: off
COMMANDS: dict[str, Command] = {
    "jobwire": Command("Run any Linux program on another machine, safely, and be told the moment it ends.", (
        ("--context", "NAME", "The worker to use. See jobwire context."),
        ("--version", "", "Print the version and exit."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire run": Command("Run a command, show its output and exit with its status.", (
        ("--id", "UUID", "Id of the job: the same id never starts a second one."),
        ("--no-stdin", "", "Do not read standard input; that of the job is empty."),
        ("-it --tty", "", "Run on a terminal, as bash, top or vim need it: keys go to the job, also Ctrl-C and Ctrl-Z."),
        ("--detach-keys", "KEYS", "Keys that leave the terminal, such as ctrl-p,ctrl-q. Default: ^] three times within a second."),
        ("--detach-on-hangup", "", "Let the job continue if the terminal of this command is closed."),
        ("-n --name", "NAME", "Name the job."),
        ("-C --dir", "DIR", "Run in this folder of the worker's machine; ~ is the home of the job."),
        ("-e --env", "K[=V]...", "Set a variable of the job's environment. K alone copies the value from this shell, and 'LC_*' all whose names match."),
        ("--env-all", "", "Copy the variables of this shell, PATH included, except what looks like a secret."),
        ("--stdin", "FILE|-", "Use this file as standard input; - is this command's own, read to its end first."),
        ("-t --time-limit", "TIME", "Stop the job after this time: 90, 10s, 1h30m. Default: no limit."),
        ("--stop-signal", "SIGNAL", "Signal to send first when the job is stopped. Default: TERM."),
        ("--grace", "TIME", "Time from that signal to SIGKILL. Default: the worker's."),
        ("--output-limit", "SIZE", "Stop the job when it has written more: 500K, 10M, 1.5G. Default: no limit."),
        ("--linger", "", "When the job exits, let the processes that it leaves behind continue."),
        ("-p --priority", "N", "Start it before your other jobs with a lower priority: -1000 to 1000. Default: 0."),
        ("--hold", "", "Do not start the job until jobwire release."),
        ("--stderr-to-stdout", "", "Give the job one pipe for both, like 2>&1 in a shell."),
        ("-l --label", "K=V...", "Set a label, shown by jobwire show and events --json."),
        ("--script", "FILE", "Send this file along and run it; COMMAND and ARG are its arguments."),
        ("--put", "FILE[:PATH]...", "Copy a file or folder into the job's own folder, its working folder then."),
        ("--get", "PATH[:DEST]...", "Fetch a file or folder from the job's own folder when it has ended."),
        ("-h --help", "", "Show this message and exit."),
    ), ("COMMAND [ARG]...",), ends_options=True),
    "jobwire submit": Command("Submit a command and print the id of its job.", (
        ("--id", "UUID", "Id of the job: the same id never starts a second one."),
        ("--array", "1-N[%W]", "Submit a job for each index, at most W at once. JOBWIRE_ARRAY_INDEX is the index."),
        ("--wait", "", "Wait for the job and exit with its status."),
        ("--follow", "", "Like --wait, and show the output instead of the id."),
        ("-q --quiet", "", "Print only the id."),
        ("--tty", "", "Run on a terminal, for jobwire attach. Its size is that of this one, or 24 rows, 80 columns."),
        ("-n --name", "NAME", "Name the job."),
        ("-C --dir", "DIR", "Run in this folder of the worker's machine; ~ is the home of the job."),
        ("-e --env", "K[=V]...", "Set a variable of the job's environment. K alone copies the value from this shell, and 'LC_*' all whose names match."),
        ("--env-all", "", "Copy the variables of this shell, PATH included, except what looks like a secret."),
        ("--stdin", "FILE|-", "Use this file as standard input; - is this command's own, read to its end first."),
        ("-t --time-limit", "TIME", "Stop the job after this time: 90, 10s, 1h30m. Default: no limit."),
        ("--stop-signal", "SIGNAL", "Signal to send first when the job is stopped. Default: TERM."),
        ("--grace", "TIME", "Time from that signal to SIGKILL. Default: the worker's."),
        ("--output-limit", "SIZE", "Stop the job when it has written more: 500K, 10M, 1.5G. Default: no limit."),
        ("--linger", "", "When the job exits, let the processes that it leaves behind continue."),
        ("-p --priority", "N", "Start it before your other jobs with a lower priority: -1000 to 1000. Default: 0."),
        ("--hold", "", "Do not start the job until jobwire release."),
        ("--stderr-to-stdout", "", "Give the job one pipe for both, like 2>&1 in a shell."),
        ("-l --label", "K=V...", "Set a label, shown by jobwire show and events --json."),
        ("--script", "FILE", "Send this file along and run it; COMMAND and ARG are its arguments."),
        ("--put", "FILE[:PATH]...", "Copy a file or folder into the job's own folder, its working folder then."),
        ("--get", "PATH[:DEST]...", "Fetch a file or folder from the job's own folder when it has ended."),
        ("-h --help", "", "Show this message and exit."),
    ), ("COMMAND [ARG]...",), ends_options=True),
    "jobwire batch": Command("Submit many jobs from a file, all or none, and wait for them.", (
        ("--lines", "", "Read one command per line, split into words as a shell does. No shell runs them."),
        ("--set", "K=V...", "Replace {K} by V in all jobs; counts more than [set] in the file."),
        ("--id", "RUN", "Id of this run. Repeating a run starts no job twice."),
        ("--parallel", "N", "Run at most N of its jobs at once. 0: no limit."),
        ("--no-wait", "", "Print the run id and exit once the batch is recorded."),
        ("--dry-run", "", "List the jobs, in order, without submitting them."),
        ("--json", "", "With --dry-run: print JSON, one object per line."),
        ("-q --quiet", "", "Print only what failed; with --no-wait, only the run id."),
        ("--retry-failed", "BATCH", "Instead of a file: run what failed of this run again, as a new run."),
        ("--schema", "", "Print the JSON Schema of batch files, for editors, and exit."),
        ("-C --dir", "DIR", "Run in this folder of the worker's machine; ~ is the home of the job."),
        ("-e --env", "K[=V]...", "Set a variable of the job's environment. K alone copies the value from this shell, and 'LC_*' all whose names match."),
        ("--env-all", "", "Copy the variables of this shell, PATH included, except what looks like a secret."),
        ("-t --time-limit", "TIME", "Stop the job after this time: 90, 10s, 1h30m. Default: no limit."),
        ("--stop-signal", "SIGNAL", "Signal to send first when the job is stopped. Default: TERM."),
        ("--grace", "TIME", "Time from that signal to SIGKILL. Default: the worker's."),
        ("--output-limit", "SIZE", "Stop the job when it has written more: 500K, 10M, 1.5G. Default: no limit."),
        ("--linger", "", "When the job exits, let the processes that it leaves behind continue."),
        ("-p --priority", "N", "Start it before your other jobs with a lower priority: -1000 to 1000. Default: 0."),
        ("--hold", "", "Do not start the job until jobwire release."),
        ("--stderr-to-stdout", "", "Give the job one pipe for both, like 2>&1 in a shell."),
        ("-l --label", "K=V...", "Set a label, shown by jobwire show and events --json."),
        ("--script", "FILE", "Send this file along and run it; COMMAND and ARG are its arguments."),
        ("--put", "FILE[:PATH]...", "Copy a file or folder into the job's own folder, its working folder then."),
        ("--get", "PATH[:DEST]...", "Fetch a file or folder from the job's own folder when it has ended."),
        ("-h --help", "", "Show this message and exit."),
    ), ("[FILE|-]",), ends_options=False),
    "jobwire sweep": Command("Run a command once for each value, or each combination of values, as jobs of one batch.", (
        ("--id", "RUN", "Id of this run. Repeating a run starts no job twice."),
        ("--parallel", "N", "Run at most N of its jobs at once. 0: no limit."),
        ("--no-wait", "", "Print the run id and exit once the batch is recorded."),
        ("--dry-run", "", "List the jobs, in order, without submitting them."),
        ("--json", "", "With --dry-run: print JSON, one object per line."),
        ("-q --quiet", "", "Print only what failed; with --no-wait, only the run id."),
        ("-n --name", "NAME", "Name the job."),
        ("-C --dir", "DIR", "Run in this folder of the worker's machine; ~ is the home of the job."),
        ("-e --env", "K[=V]...", "Set a variable of the job's environment. K alone copies the value from this shell, and 'LC_*' all whose names match."),
        ("--env-all", "", "Copy the variables of this shell, PATH included, except what looks like a secret."),
        ("--stdin", "FILE|-", "Use this file as standard input; - is this command's own, read to its end first."),
        ("-t --time-limit", "TIME", "Stop the job after this time: 90, 10s, 1h30m. Default: no limit."),
        ("--stop-signal", "SIGNAL", "Signal to send first when the job is stopped. Default: TERM."),
        ("--grace", "TIME", "Time from that signal to SIGKILL. Default: the worker's."),
        ("--output-limit", "SIZE", "Stop the job when it has written more: 500K, 10M, 1.5G. Default: no limit."),
        ("--linger", "", "When the job exits, let the processes that it leaves behind continue."),
        ("-p --priority", "N", "Start it before your other jobs with a lower priority: -1000 to 1000. Default: 0."),
        ("--hold", "", "Do not start the job until jobwire release."),
        ("--stderr-to-stdout", "", "Give the job one pipe for both, like 2>&1 in a shell."),
        ("-l --label", "K=V...", "Set a label, shown by jobwire show and events --json."),
        ("--script", "FILE", "Send this file along and run it; COMMAND and ARG are its arguments."),
        ("--put", "FILE[:PATH]...", "Copy a file or folder into the job's own folder, its working folder then."),
        ("--get", "PATH[:DEST]...", "Fetch a file or folder from the job's own folder when it has ended."),
        ("-h --help", "", "Show this message and exit."),
    ), ("COMMAND [ARG]... ::: VALUES...",), ends_options=True),
    "jobwire rerun": Command("Run jobs again, with everything as it was.", (
        ("--failed", "", "Only jobs that failed; those that have not ended are left out."),
        ("--id", "UUID", "Id of the new job or run: the same id never starts a second one."),
        ("--wait", "", "Wait for the end. Exit with the status of the job, or 1 if any failed."),
        ("--follow", "", "Like --wait, and show the output of the job instead of its id."),
        ("-q --quiet", "", "Print only ids."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire list": Command("List queued and running jobs, oldest first.", (
        ("-a --all", "", "Include jobs that have ended."),
        ("--state", "STATE...", "Only queued, running, stopping or finished jobs. Can be repeated."),
        ("--failed", "", "Only jobs that have ended and failed, sorted by their end."),
        ("-n --name", "NAME", "Only jobs of this name."),
        ("-l --label", "K=V...", "Only jobs with this label. Can be repeated."),
        ("--batch", "BATCH", "Only jobs of this batch, by its name or a run id."),
        ("--user", "NAME", "Only jobs of this member."),
        ("--since", "TIME", "Only jobs queued since then: 1d (ago), 2026-11-28, '2026-11-28 14:30'."),
        ("--until", "TIME", "Only jobs queued until then."),
        ("--sort", "[-]TIME", "Sort by queued, started or ended; with -, newest first. Default: queued."),
        ("--limit", "N", "Only the newest N of them."),
        ("--columns", "NAMES", "Columns to show, with commas: id, uuid, name, state, time, queued, started, ended, owner, batch, run, priority, labels, process, command."),
        ("--runs", "", "List runs of batches instead of jobs, newest first: 20 of them, with -a all."),
        ("--watch", "", "Show the list on the whole terminal, always up to date, until Ctrl-C."),
        ("--header", "", "Print the headings in a pipe too."),
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), ("[BATCH]",), ends_options=False),
    "jobwire show": Command("Show the details of jobs, including why one is waiting or failed.", (
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire logs": Command("Print the output of a job, byte for byte.", (
        ("-f --follow", "", "Follow the output until the job has ended."),
        ("--tail", "N", "Start with the last N lines."),
        ("--stdout", "", "Only standard output."),
        ("--stderr", "", "Only standard error."),
        ("--from", "BYTE", "Start at this byte, counted from 0."),
        ("--bytes", "SIZE", "Print at most this much: 4096, 10K, 1.5M."),
        ("--merged", "", "Print both on standard output, line by line, about in order."),
        ("-t --timestamps", "", "Begin each line with the time at which it arrived."),
        ("--since", "TIME", "Only lines that arrived from then on: 10m, 2026-11-28, yesterday."),
        ("--until", "TIME", "Only lines that arrived until then."),
        ("--to", "DIR", "Write files instead: DIR/NAME.stdout and DIR/NAME.stderr of each job."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB",), ends_options=False),
    "jobwire put": Command("Put files and folders into the folder of a job.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB", "FILE[:PATH]..."), ends_options=False),
    "jobwire get": Command("Fetch files and folders from the folder of a job.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB", "[PATH[:DEST]]..."), ends_options=False),
    "jobwire attach": Command("Attach to the terminal of a running job.", (
        ("--read-only", "", "Only watch: send no keys, and do not resize the terminal."),
        ("--detach-keys", "KEYS", "Keys that leave the terminal, such as ctrl-p,ctrl-q. Default: ^] three times within a second."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB",), ends_options=False),
    "jobwire status": Command("Show how the worker in use is, and who you are there.", (
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire wait": Command("Wait until jobs have ended.", (
        ("--any", "", "Return when one of them has ended."),
        ("--timeout", "TIME", "Give up after this time, with status 124."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire events": Command("Show events of jobs as they happen.", (
        ("--from", "now|start|CURSOR", "Start now, with the oldest event kept, or after the cursor of an event."),
        ("--job", "JOB...", "Only this job, or the jobs of this batch. Can be repeated."),
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire stop": Command("Stop jobs and all processes that they started.", (
        ("--signal", "SIGNAL", "Signal to send first. Default: the job's stop signal."),
        ("--grace", "TIME", "Time from that signal to SIGKILL. Default: the job's grace."),
        ("--now", "", "Send SIGKILL at once."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire pause": Command("Suspend jobs and all their processes.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire resume": Command("Continue paused jobs.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire hold": Command("Hold queued jobs: they do not start until released.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire release": Command("Release held jobs, so that they can start.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire set": Command("Change queued jobs, the time limit of running jobs, or a run.", (
        ("-p --priority", "N", "Start them before your other jobs with a lower one: -1000 to 1000."),
        ("-t --time-limit", "TIME", "Stop them when they have run so long; 0: no limit."),
        ("--parallel", "N", "For a run: how many of its jobs may run at once. 0: no limit."),
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB...",), ends_options=False),
    "jobwire signal": Command("Send a signal to all processes of a job.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("JOB", "SIGNAL"), ends_options=False),
    "jobwire forget": Command("Remove jobs that have ended, with their logs.", (
        ("--all-ended", "", "Forget all your jobs that have ended."),
        ("--older-than", "TIME", "Only jobs that ended longer ago than this: 12h, 30d."),
        ("--dry-run", "", "Show what would be removed without removing it."),
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), ("[JOB]...",), ends_options=False),
    "jobwire shell": Command("Run commands one a line, in order, over one open connection.", (
        ("--keep-going", "", "Run the other lines too if one fails."),
        ("-h --help", "", "Show this message and exit."),
    ), ("[[FILE]]",), ends_options=False),
    "jobwire keys": Command("Manage your key and the members of your workers.", (
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire keys new": Command("Create your key pair and print the public key.", (
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire keys show": Command("Print your public key, which others add to their rosters.", (
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire keys list": Command("List the members of the roster.", (
        ("--roster", "FILE", "Roster file to use. Default: that of your own workers."),
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire keys add": Command("Add a member to the roster. It takes effect at once, without a restart.", (
        ("--role", "ROLE", "viewer, submitter, operator or admin."),
        ("--roster", "FILE", "Roster file to use. Default: that of your own workers."),
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME", "KEY"), ends_options=False),
    "jobwire keys rm": Command("Remove a member from the roster. It is disconnected at once; its jobs continue.", (
        ("--roster", "FILE", "Roster file to use. Default: that of your own workers."),
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME",), ends_options=False),
    "jobwire keys set-role": Command("Give a member another role. It takes effect at once, without a restart.", (
        ("--roster", "FILE", "Roster file to use. Default: that of your own workers."),
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME", "ROLE"), ends_options=False),
    "jobwire keys rename": Command("Give a member another name. Its jobs stay its own.", (
        ("--roster", "FILE", "Roster file to use. Default: that of your own workers."),
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME", "NEW_NAME"), ends_options=False),
    "jobwire context": Command("Manage the workers that you use.", (
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire context add": Command("Add a worker under a name. The first one added becomes the current one.", (
        ("--key", "WORKER_KEY", "Public key of the worker, as printed there by jobwire worker status."),
        ("--force", "", "Replace endpoint and key of a context that exists."),
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME", "ENDPOINT"), ends_options=False),
    "jobwire context list": Command("List the contexts and mark the current one.", (
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire context use": Command("Make a context the current one.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME",), ends_options=False),
    "jobwire context rm": Command("Remove a context. Its jobs continue.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("NAME",), ends_options=False),
    "jobwire context show": Command("Show a context: its endpoint, the key of its worker, and your identity there. Connects to nobody.", (
        ("--json", "", "Print JSON, one object per line."),
        ("-h --help", "", "Show this message and exit."),
    ), ("[[NAME]]",), ends_options=False),
    "jobwire context test": Command("Connect to a worker, and say who it is, how fast it answers, and who you are there.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("[[NAME]]",), ends_options=False),
    "jobwire worker": Command("Run and manage a worker on this machine.", (
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire worker run": Command("Run a worker in the foreground until SIGTERM or SIGINT. Its jobs outlive it.", (
        ("--listen", "tcp://ADDR:PORT", "Listen here for other machines. Default: loopback, any port."),
        ("--events", "tcp://ADDR:PORT", "Publish events here. Default: the next port."),
        ("--state", "DIR", "State folder of the worker. Default: that of your private worker."),
        ("--roster", "FILE", "Roster file. Default: roster.toml in the config folder."),
        ("--slots", "N", "Number of jobs to run at once. Default: one per CPU, at least 4."),
        ("--directory", "DIR", "Working directory for jobs that do not set one."),
        ("--keep-for", "AGE", "How long to keep jobs that have ended: 30d, 12h, 2w, or all."),
        ("--keep-jobs", "N", "How many jobs that have ended to keep, or all."),
        ("--keep-bytes", "SIZE", "How much of their logs, folders and input: 10G, 500M, or all."),
        ("--keep-free", "SIZE", "Refuse new jobs if the disk has less free space. 0 disables the check."),
        ("--feed-wait", "TIME", "How long a job waits if the command that sends its standard input is gone."),
        ("--jobs-as-root", "", "As root, run the jobs of other members as root."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire worker status": Command("Show whether the worker is running, its endpoint, key and jobs. Exits with 1 if it is not running.", (
        ("--state", "DIR", "State folder of the worker. Default: that of your private worker."),
        ("--json", "", "Print one JSON object."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire worker stop": Command("Stop the worker. Running jobs continue; queued jobs wait for its next start.", (
        ("--state", "DIR", "State folder of the worker. Default: that of your private worker."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire worker reload": Command("Make worker, supervisor and keeper run the version that is installed now. Jobs continue. Exits with 1 if that fails.", (
        ("--state", "DIR", "State folder of the worker. Default: that of your private worker."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire worker rebuild": Command("Rebuild a lost or damaged store from the log folders. The old one is kept. The worker must not be running.", (
        ("--state", "DIR", "State folder of the worker. Default: that of your private worker."),
        ("--force", "", "Rebuild even if the store is intact; the old one is kept."),
        ("--json", "", "Print one JSON object."),
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire completion": Command("Complete commands, options and jobs in your shell.", (
        ("-h --help", "", "Show this message and exit."),
    ), (), ends_options=False),
    "jobwire completion install": Command("Install completion for your shell.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("[[SHELL]]",), ends_options=False),
    "jobwire completion show": Command("Print the script for a shell, to load it in another way.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("SHELL",), ends_options=False),
    "jobwire help": Command("Show the help of a command, or the list of commands.", (
        ("-h --help", "", "Show this message and exit."),
    ), ("[COMMAND]...",), ends_options=False),
}
