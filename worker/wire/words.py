"""The words between worker, supervisor and keeper: the protocol of our three processes. Imports nothing, does nothing.

Worker and supervisor exchange JSON over the SEQPACKET socket `STATE/supervisor.sock`: each datagram is an array of objects. An object of
the worker says under `do` what is to be done, one of the supervisor says under `fact` what happened. `job` is the handle of a job, see
worker/state/folders.py. The other keys stand beside the words below.

Supervisor and keeper exchange lines over a pair of SEQPACKET sockets: a word and its arguments with one blank between them, and several
lines to a datagram. The descriptors that come with a datagram belong to its last line.

The two sides of a line may be of different versions. So nothing here changes its meaning. Words and keys may be added: a word that is
not known is logged or ignored, and costs nothing else. Nothing may depend on the order of keys.
"""

# An older worker must not speak to a supervisor that says a higher number. New words and keys do not raise it.
VERSION = 1

# What an object of the worker, or of the supervisor, does or says.
DO = "do"
FACT = "fact"

# Stands for an empty argument in a line.
EMPTY = "-"


class ToSupervisor:
    """What the worker wants, under `do`."""

    # Answered by the fact of that name. Nothing is told before; takes RETIRE back.
    HELLO = "hello"
    # job, queued_at_us: start the intent of this name. Said again for a job that is known, it has no effect.
    START = "start"
    # job, signal: send one signal to all processes of a job. Each is answered by SIGNALLED.
    SIGNAL = "signal"
    # job, signal, grace_ms: end a job with this signal, and with SIGKILL after the grace.
    END = "end"
    # job: suspend a job. Answered by PAUSED.
    PAUSE = "pause"
    # job: let a suspended job go on. Answered by PAUSED.
    RESUME = "resume"
    # jobs: a list of jobs whose end is durable; they can be forgotten.
    SETTLED = "settled"
    # Tell STARTED and ENDED once more of all jobs, then RECOVERED.
    RECOVER = "recover"
    # folders: a list of names; look for the processes of these log folders, which were removed and made again.
    ADOPT = "adopt"
    # End as soon as nothing is left, without waiting a minute for another worker.
    RETIRE = "retire"
    # Make way for a supervisor of the version on the disk. Only where `handover` of the fact HELLO is not 0.
    RELOAD = "reload"


class ToWorker:
    """What the supervisor tells, under `fact`."""

    # version, pid, keeper_pid (0: the keeper is gone), cgroups, handover (the form in which the keeper can hand over, 0: not at all),
    # answers (whether signals are answered; missing in earlier versions).
    HELLO = "hello"
    # job, pid, started_at_us; where it is so: paused, waits (see WAITS), stuck (the `why` of STUCK).
    STARTED = "started"
    # job, kind (see Kind), the other members of its `outcome` file; and user_us, system_us, max_resident_bytes.
    ENDED = "ended"
    # job, why: a signal was sent; `why` says who did not get it, empty if all did.
    SIGNALLED = "signalled"
    # job, paused, why: whether the job is suspended now, and why not, where it was to be.
    PAUSED = "paused"
    # job, pids, why: processes of a job that is to end cannot be ended.
    STUCK = "stuck"
    # job: its start waits for room on the disk.
    DELAYED = "delayed"
    # job, waits: it waits in its writes for room on the disk, or no longer does.
    WAITS = "waits"
    # That was all that RECOVER asked for.
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
    """What the supervisor says to the keeper, with the arguments in capitals."""

    # HANDLE: with the two read ends of a job that is forked next; the last line of its datagram. Without descriptors: of a job that ended.
    DEPOSIT = "deposit"
    # HANDLE FOLDER: the job ended, and its logs are in this folder now.
    ENDED = "ended"
    # HANDLE: nobody writes into its pipes any more.
    DRAINED = "drained"
    # HANDLE: the desk knows how it ended.
    SETTLED = "settled"
    # Say HANDED once more, after all that is known by now.
    AGAIN = "again"
    # PID...: the handover is over; of what ends from now on only these matter.
    ADOPTED = "adopted"
    # PID: with the pidfd of a leader that is not the keeper's child; who holds that will be told its status.
    STRANGER = "stranger"
    # PID: its end is on disk.
    RECORDED = "recorded"
    # End when the supervisor ends.
    RETIRE = "retire"
    # When the supervisor ends become the version on the disk, and start the next supervisor.
    RELOAD = "reload"


class FromKeeper:
    """What the keeper says to the supervisor, with the arguments in capitals."""

    # HANDLE FOLDER SETTLED: with the read ends, unless it is drained. FOLDER is EMPTY unless ENDED was said; SETTLED is 1 or 0.
    DEPOSIT = "deposit"
    # PID: with the pidfd.
    STRANGER = "stranger"
    # PID STATUS MARK SESSION TICKS USER_US SYSTEM_US RESIDENT_BYTES: this child was reaped.
    DIED = "died"
    # FIRST: that was all. FIRST is 1 if this keeper had no supervisor before.
    HANDED = "handed"
