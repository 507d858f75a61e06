"""The words of the protocol between worker, supervisor and keeper. Imports nothing, does nothing.

Worker and supervisor exchange JSON over the SEQPACKET socket `STATE/supervisor.sock`: each datagram is an array of objects. An object of
the worker has a request under `do`, one of the supervisor an event under `fact`. `job` is the handle of a job, see
worker/state/log_folders/folders.py. The other keys are listed with the words below.

Supervisor and keeper exchange lines over a pair of SEQPACKET sockets: a word and its arguments, separated by one space, several lines in a
datagram. The descriptors of a datagram belong to its last line.

The two sides of a line may have different versions, so the meaning of a word never changes. Words and keys may be added: an unknown word is
logged or ignored, and has no other effect. Nothing may depend on the order of keys.
"""

# A worker must not use a supervisor with a higher number than its own. New words and keys do not raise it.
VERSION = 1

# The keys that hold the word in an object of the worker, and in one of the supervisor.
DO = "do"
FACT = "fact"

# How long a job waits for somebody to feed it, unless HELLO says otherwise.
USUAL_FEED_WAIT_MS = 120_000

# An empty argument in a line.
EMPTY = "-"


class ToSupervisor:
    """The requests of the worker, under `do`."""

    # feed_wait_ms (may be missing): how long a job waits for somebody to feed it. Answered by the fact of that name, which is the first to
    # be sent; cancels RETIRE.
    HELLO = "hello"
    # job, queued_at_us; file (may be missing, and earlier versions ignore it): the content of its `job` file, which need not be read then;
    # at_once (likewise): whether STARTED is not held back.
    # Start the intent of this name. Has no effect for a job that is known.
    START = "start"
    # job, signal: send a signal to all processes of a job. Each is answered by SIGNALLED.
    SIGNAL = "signal"
    # job, signal, grace_ms: stop a job with this signal, and with SIGKILL after the grace time.
    END = "end"
    # job, time_limit_ms (0: none): change the time limit of a job, which counts from its start. Earlier versions log it only.
    LIMIT = "limit"
    # job: suspend a job. Answered by PAUSED.
    PAUSE = "pause"
    # job: resume a suspended job. Answered by PAUSED.
    RESUME = "resume"
    # job, token: feed a job. Answered by FEED, FEED_REFUSED or FEED_OVER. Only if `feeds` of the fact HELLO is true.
    FEED = "feed"
    # job: bytes or a seal were added to the file of FEED; needed only if the supervisor may have found its end. With problem, which says
    # what is wrong with it, nothing follows. Earlier versions wait for a feeder then, and end the input too.
    FED = "fed"
    # job: nobody feeds it at present. Said too by the end of the line.
    UNFED = "unfed"
    # jobs: a list of jobs whose end is durable; they can be forgotten.
    SETTLED = "settled"
    # Send STARTED and ENDED again for all jobs, then RECOVERED.
    RECOVER = "recover"
    # folders: a list of names; adopt the jobs of these log folders, which were removed and created again.
    ADOPT = "adopt"
    # job: send the terminal of a running job. Answered by TERMINAL or FEED_OVER. Only if `terminals` of the fact HELLO is true.
    TERMINAL = "terminal"
    # Exit as soon as nothing is left, without waiting a minute for another worker.
    RETIRE = "retire"
    # Exit for a supervisor of the version on the disk. Only if `handover` of the fact HELLO is not 0.
    RELOAD = "reload"


class ToWorker:
    """The facts of the supervisor, under `fact`."""

    # version, pid, keeper_pid (0: the keeper is gone), cgroups, handover (the version of the keeper's handover, 0: none),
    # answers (whether signals are answered; missing in earlier versions), feeds (whether jobs can be fed; likewise),
    # terminals (whether jobs can have a terminal; likewise), joins_streams (whether stdout and stderr can be one pipe; likewise),
    # limits (whether jobs can have limits of the kernel; likewise), memory (why their memory cannot be limited; empty: it can),
    # sets_gpus (whether jobs are told which GPUs they have; likewise), names_keys (whether jobs are told where their key is; likewise),
    # marks (whether jobs have marks; missing in earlier versions, of which they have).
    HELLO = "hello"
    # job, pid, started_at_us; only if set: paused, waits (see WAITS), stuck (the `why` of STUCK). Unless START said `at_once`, sent some
    # milliseconds after the start, or not at all if the job ends before: ENDED holds the same.
    STARTED = "started"
    # job, kind (see Kind), the other members of its `outcome` file; and user_us, system_us, max_resident_bytes.
    ENDED = "ended"
    # job, why: a signal was sent; `why` says which processes did not get it, empty if all did.
    SIGNALLED = "signalled"
    # job, paused, why: whether the job is suspended now, and why not, if that was requested.
    PAUSED = "paused"
    # job, pids (if there are many, some of them), why: processes of a job that is being stopped cannot be ended.
    STUCK = "stuck"
    # job: its start waits for disk space; or, with why, for something else.
    DELAYED = "delayed"
    # job, waits: it waits in its writes for disk space, or no longer does.
    WAITS = "waits"
    # job: with the descriptor of the file in memory for its input, in a datagram of its own. Its size is how many bytes have arrived, its
    # position how many were given to the job. F_SEAL_GROW: nothing follows.
    FEED = "feed"
    # job: who has another token feeds it.
    FEED_REFUSED = "feed_refused"
    # job: the position of that file has moved on.
    GIVEN = "given"
    # job: with the descriptor of the master of its terminal, in a datagram of its own.
    TERMINAL = "terminal"
    # job, why: it gets no more; `why` is empty if it has got everything.
    FEED_OVER = "feed_over"
    # The answer to RECOVER is complete.
    RECOVERED = "recovered"


class Kind:
    """How a job ended, under `kind` of ENDED and in its `outcome` file."""

    EXITED = "exited"
    SIGNALED = "signaled"
    FAILED_TO_START = "failed_to_start"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    OVER_LIMIT = "over_limit"
    LOST = "lost"


class ToKeeper:
    """The words from the supervisor to the keeper, with the arguments in capitals."""

    # HANDLE: with the two read ends of a job that is forked next, or the master of its terminal and one read end; the last line of its
    # datagram.
    # Without descriptors: a job that has ended.
    DEPOSIT = "deposit"
    # HANDLE: with the file in memory for the input of a deposited job, and the write end of its pipe; the last line of its datagram.
    FEED = "feed"
    # HANDLE: the job gets no more input.
    FED = "fed"
    # HANDLE FOLDER: the job has ended, and its logs are in this folder.
    ENDED = "ended"
    # HANDLE: no process has its pipes open for writing any more.
    DRAINED = "drained"
    # HANDLE: the desk has recorded how it ended.
    SETTLED = "settled"
    # Send HANDED again, after everything that is known by now.
    AGAIN = "again"
    # PID...: some of the processes of ADOPTED, which follows; said only if they do not fit into that line. Missing in earlier versions.
    ADOPTING = "adopting"
    # PID...: adoption is complete; from now on, report only the ends of these processes, and of those of ADOPTING.
    ADOPTED = "adopted"
    # PID: with the pidfd of a leader that is not a child of the keeper; its holder can read the status.
    STRANGER = "stranger"
    # PID: its end is on disk.
    RECORDED = "recorded"
    # Exit when the supervisor exits.
    RETIRE = "retire"
    # When the supervisor exits, execute the version on the disk, and start the next supervisor.
    RELOAD = "reload"


class FromKeeper:
    """The words from the keeper to the supervisor, with the arguments in capitals."""

    # HANDLE FOLDER SETTLED: with the read ends, unless it is drained. FOLDER is EMPTY unless ENDED was sent; SETTLED is 1 or 0.
    DEPOSIT = "deposit"
    # HANDLE: after its DEPOSIT, with what came with FEED, unless FED was sent.
    FEED = "feed"
    # PID: with the pidfd.
    STRANGER = "stranger"
    # PID STATUS MARK SESSION TICKS USER_US SYSTEM_US RESIDENT_BYTES: this child was reaped.
    DIED = "died"
    # FIRST: the end of the list. FIRST is 1 if this keeper had no supervisor before.
    HANDED = "handed"
