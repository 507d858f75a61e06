from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FileKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILE_KIND_UNSPECIFIED: _ClassVar[FileKind]
    FILE_KIND_FILE: _ClassVar[FileKind]
    FILE_KIND_TREE: _ClassVar[FileKind]

class Condition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONDITION_UNSPECIFIED: _ClassVar[Condition]
    CONDITION_OK: _ClassVar[Condition]
    CONDITION_FAILED: _ClassVar[Condition]
    CONDITION_ANY: _ClassVar[Condition]

class OnFailure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_FAILURE_UNSPECIFIED: _ClassVar[OnFailure]
    ON_FAILURE_CANCEL_REST: _ClassVar[OnFailure]
    ON_FAILURE_STOP_REST: _ClassVar[OnFailure]

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_UNSPECIFIED: _ClassVar[State]
    STATE_QUEUED: _ClassVar[State]
    STATE_RUNNING: _ClassVar[State]
    STATE_STOPPING: _ClassVar[State]
    STATE_FINISHED: _ClassVar[State]

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_KIND_UNSPECIFIED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_EXITED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_SIGNALED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_FAILED_TO_START: _ClassVar[OutcomeKind]
    OUTCOME_KIND_TIMED_OUT: _ClassVar[OutcomeKind]
    OUTCOME_KIND_CANCELLED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_OVER_LIMIT: _ClassVar[OutcomeKind]
    OUTCOME_KIND_LOST: _ClassVar[OutcomeKind]
FILE_KIND_UNSPECIFIED: FileKind
FILE_KIND_FILE: FileKind
FILE_KIND_TREE: FileKind
CONDITION_UNSPECIFIED: Condition
CONDITION_OK: Condition
CONDITION_FAILED: Condition
CONDITION_ANY: Condition
ON_FAILURE_UNSPECIFIED: OnFailure
ON_FAILURE_CANCEL_REST: OnFailure
ON_FAILURE_STOP_REST: OnFailure
STATE_UNSPECIFIED: State
STATE_QUEUED: State
STATE_RUNNING: State
STATE_STOPPING: State
STATE_FINISHED: State
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
OUTCOME_KIND_EXITED: OutcomeKind
OUTCOME_KIND_SIGNALED: OutcomeKind
OUTCOME_KIND_FAILED_TO_START: OutcomeKind
OUTCOME_KIND_TIMED_OUT: OutcomeKind
OUTCOME_KIND_CANCELLED: OutcomeKind
OUTCOME_KIND_OVER_LIMIT: OutcomeKind
OUTCOME_KIND_LOST: OutcomeKind

class JobKey(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    id: bytes
    def __init__(self, owner: _Optional[bytes] = ..., id: _Optional[bytes] = ...) -> None: ...

class EnvironmentVariable(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    value: bytes
    def __init__(self, name: _Optional[bytes] = ..., value: _Optional[bytes] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class JobFile(_message.Message):
    __slots__ = ("path", "digest", "size", "kind", "mode")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    path: bytes
    digest: bytes
    size: int
    kind: FileKind
    mode: int
    def __init__(self, path: _Optional[bytes] = ..., digest: _Optional[bytes] = ..., size: _Optional[int] = ..., kind: _Optional[_Union[FileKind, str]] = ..., mode: _Optional[int] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("name", "amount")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    amount: int
    def __init__(self, name: _Optional[str] = ..., amount: _Optional[int] = ...) -> None: ...

class Terminal(_message.Message):
    __slots__ = ("rows", "columns")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    columns: int
    def __init__(self, rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class Retry(_message.Message):
    __slots__ = ("max", "delay_ms", "backoff", "on_exit")
    MAX_FIELD_NUMBER: _ClassVar[int]
    DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    ON_EXIT_FIELD_NUMBER: _ClassVar[int]
    max: int
    delay_ms: int
    backoff: float
    on_exit: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, max: _Optional[int] = ..., delay_ms: _Optional[int] = ..., backoff: _Optional[float] = ..., on_exit: _Optional[_Iterable[int]] = ...) -> None: ...

class ResourceLimit(_message.Message):
    __slots__ = ("name", "soft", "hard")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOFT_FIELD_NUMBER: _ClassVar[int]
    HARD_FIELD_NUMBER: _ClassVar[int]
    name: str
    soft: int
    hard: int
    def __init__(self, name: _Optional[str] = ..., soft: _Optional[int] = ..., hard: _Optional[int] = ...) -> None: ...

class JobSpec(_message.Message):
    __slots__ = ("argv", "environment", "directory", "stdin", "name", "labels", "time_limit_ms", "stop_signal", "grace_ms", "output_limit_bytes", "linger", "feed", "terminal", "files", "outputs", "priority", "held", "stderr_to_stdout", "after", "retry", "memory_bytes", "nice", "umask", "rlimits", "cpus", "gpus", "resources", "only_one", "start_at_us", "start_in_ms", "may_submit", "not_after_us", "not_after_ms", "on", "not_on")
    ARGV_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_MS_FIELD_NUMBER: _ClassVar[int]
    STOP_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    LINGER_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    STDERR_TO_STDOUT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    NICE_FIELD_NUMBER: _ClassVar[int]
    UMASK_FIELD_NUMBER: _ClassVar[int]
    RLIMITS_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    ONLY_ONE_FIELD_NUMBER: _ClassVar[int]
    START_AT_US_FIELD_NUMBER: _ClassVar[int]
    START_IN_MS_FIELD_NUMBER: _ClassVar[int]
    MAY_SUBMIT_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    NOT_ON_FIELD_NUMBER: _ClassVar[int]
    argv: _containers.RepeatedScalarFieldContainer[bytes]
    environment: _containers.RepeatedCompositeFieldContainer[EnvironmentVariable]
    directory: bytes
    stdin: bytes
    name: str
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    time_limit_ms: int
    stop_signal: int
    grace_ms: int
    output_limit_bytes: int
    linger: bool
    feed: bool
    terminal: Terminal
    files: _containers.RepeatedCompositeFieldContainer[JobFile]
    outputs: _containers.RepeatedScalarFieldContainer[bytes]
    priority: int
    held: bool
    stderr_to_stdout: bool
    after: _containers.RepeatedCompositeFieldContainer[After]
    retry: Retry
    memory_bytes: int
    nice: int
    umask: int
    rlimits: _containers.RepeatedCompositeFieldContainer[ResourceLimit]
    cpus: int
    gpus: int
    resources: _containers.RepeatedCompositeFieldContainer[Resource]
    only_one: str
    start_at_us: int
    start_in_ms: int
    may_submit: bool
    not_after_us: int
    not_after_ms: int
    on: _containers.RepeatedScalarFieldContainer[str]
    not_on: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, argv: _Optional[_Iterable[bytes]] = ..., environment: _Optional[_Iterable[_Union[EnvironmentVariable, _Mapping]]] = ..., directory: _Optional[bytes] = ..., stdin: _Optional[bytes] = ..., name: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ..., time_limit_ms: _Optional[int] = ..., stop_signal: _Optional[int] = ..., grace_ms: _Optional[int] = ..., output_limit_bytes: _Optional[int] = ..., linger: _Optional[bool] = ..., feed: _Optional[bool] = ..., terminal: _Optional[_Union[Terminal, _Mapping]] = ..., files: _Optional[_Iterable[_Union[JobFile, _Mapping]]] = ..., outputs: _Optional[_Iterable[bytes]] = ..., priority: _Optional[int] = ..., held: _Optional[bool] = ..., stderr_to_stdout: _Optional[bool] = ..., after: _Optional[_Iterable[_Union[After, _Mapping]]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., memory_bytes: _Optional[int] = ..., nice: _Optional[int] = ..., umask: _Optional[int] = ..., rlimits: _Optional[_Iterable[_Union[ResourceLimit, _Mapping]]] = ..., cpus: _Optional[int] = ..., gpus: _Optional[int] = ..., resources: _Optional[_Iterable[_Union[Resource, _Mapping]]] = ..., only_one: _Optional[str] = ..., start_at_us: _Optional[int] = ..., start_in_ms: _Optional[int] = ..., may_submit: _Optional[bool] = ..., not_after_us: _Optional[int] = ..., not_after_ms: _Optional[int] = ..., on: _Optional[_Iterable[str]] = ..., not_on: _Optional[_Iterable[str]] = ...) -> None: ...

class After(_message.Message):
    __slots__ = ("condition", "job", "run", "name")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    condition: Condition
    job: bytes
    run: bytes
    name: str
    def __init__(self, condition: _Optional[_Union[Condition, str]] = ..., job: _Optional[bytes] = ..., run: _Optional[bytes] = ..., name: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("id", "name", "parallel", "on_failure", "on_finish", "on_finish_state", "on_finish_outcome", "is_whole")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    ON_FINISH_FIELD_NUMBER: _ClassVar[int]
    ON_FINISH_STATE_FIELD_NUMBER: _ClassVar[int]
    ON_FINISH_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    IS_WHOLE_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    name: str
    parallel: int
    on_failure: OnFailure
    on_finish: JobSpec
    on_finish_state: State
    on_finish_outcome: Outcome
    is_whole: bool
    def __init__(self, id: _Optional[bytes] = ..., name: _Optional[str] = ..., parallel: _Optional[int] = ..., on_failure: _Optional[_Union[OnFailure, str]] = ..., on_finish: _Optional[_Union[JobSpec, _Mapping]] = ..., on_finish_state: _Optional[_Union[State, str]] = ..., on_finish_outcome: _Optional[_Union[Outcome, _Mapping]] = ..., is_whole: _Optional[bool] = ...) -> None: ...

class ResourceUse(_message.Message):
    __slots__ = ("user_us", "system_us", "max_resident_bytes", "cpu_us", "peak_memory_bytes", "read_bytes", "written_bytes")
    USER_US_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_US_FIELD_NUMBER: _ClassVar[int]
    MAX_RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_US_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_BYTES_FIELD_NUMBER: _ClassVar[int]
    user_us: int
    system_us: int
    max_resident_bytes: int
    cpu_us: int
    peak_memory_bytes: int
    read_bytes: int
    written_bytes: int
    def __init__(self, user_us: _Optional[int] = ..., system_us: _Optional[int] = ..., max_resident_bytes: _Optional[int] = ..., cpu_us: _Optional[int] = ..., peak_memory_bytes: _Optional[int] = ..., read_bytes: _Optional[int] = ..., written_bytes: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("kind", "exit_status", "signal", "sentence", "use", "stdout_bytes", "stderr_bytes", "stdout_problem", "stderr_problem", "stdin_problem", "unneeded", "attestation", "expired", "stdout_root", "stderr_root", "hash_follows", "hash_problem", "late_end")
    KIND_FIELD_NUMBER: _ClassVar[int]
    EXIT_STATUS_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    STDOUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    STDERR_BYTES_FIELD_NUMBER: _ClassVar[int]
    STDOUT_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    STDERR_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    STDIN_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    UNNEEDED_FIELD_NUMBER: _ClassVar[int]
    ATTESTATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    STDOUT_ROOT_FIELD_NUMBER: _ClassVar[int]
    STDERR_ROOT_FIELD_NUMBER: _ClassVar[int]
    HASH_FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    HASH_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    LATE_END_FIELD_NUMBER: _ClassVar[int]
    kind: OutcomeKind
    exit_status: int
    signal: int
    sentence: str
    use: ResourceUse
    stdout_bytes: int
    stderr_bytes: int
    stdout_problem: str
    stderr_problem: str
    stdin_problem: str
    unneeded: bool
    attestation: bytes
    expired: bool
    stdout_root: bytes
    stderr_root: bytes
    hash_follows: bool
    hash_problem: str
    late_end: bytes
    def __init__(self, kind: _Optional[_Union[OutcomeKind, str]] = ..., exit_status: _Optional[int] = ..., signal: _Optional[int] = ..., sentence: _Optional[str] = ..., use: _Optional[_Union[ResourceUse, _Mapping]] = ..., stdout_bytes: _Optional[int] = ..., stderr_bytes: _Optional[int] = ..., stdout_problem: _Optional[str] = ..., stderr_problem: _Optional[str] = ..., stdin_problem: _Optional[str] = ..., unneeded: _Optional[bool] = ..., attestation: _Optional[bytes] = ..., expired: _Optional[bool] = ..., stdout_root: _Optional[bytes] = ..., stderr_root: _Optional[bytes] = ..., hash_follows: _Optional[bool] = ..., hash_problem: _Optional[str] = ..., late_end: _Optional[bytes] = ...) -> None: ...

class Attestation(_message.Message):
    __slots__ = ("worker", "statement", "signature")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    worker: bytes
    statement: bytes
    signature: bytes
    def __init__(self, worker: _Optional[bytes] = ..., statement: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class EndStatement(_message.Message):
    __slots__ = ("store", "key", "attempt", "pid", "started_at_us", "ended_at_us", "outcome")
    STORE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    store: bytes
    key: JobKey
    attempt: int
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: Outcome
    def __init__(self, store: _Optional[bytes] = ..., key: _Optional[_Union[JobKey, _Mapping]] = ..., attempt: _Optional[int] = ..., pid: _Optional[int] = ..., started_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class LogHashes(_message.Message):
    __slots__ = ("attempt", "stdout", "stderr")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    stdout: bytes
    stderr: bytes
    def __init__(self, attempt: _Optional[int] = ..., stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ...) -> None: ...

class EarlierAttempt(_message.Message):
    __slots__ = ("attempt", "pid", "started_at_us", "ended_at_us", "outcome")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: Outcome
    def __init__(self, attempt: _Optional[int] = ..., pid: _Optional[int] = ..., started_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("key", "spec", "state", "owner_name", "batch", "queued_at_us", "started_at_us", "ended_at_us", "pid", "outcome", "waits_for", "paused", "lasted_us", "ended_ago_us", "attempt", "rerun_of", "stdin_bytes", "priority", "held", "held_by", "time_limit_ms", "after", "earlier_attempts", "starts_in_us", "expires_in_us", "gpus", "starts_at_us", "started_by", "lends_slots", "worker")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OWNER_NAME_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    QUEUED_AT_US_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    LASTED_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AGO_US_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RERUN_OF_FIELD_NUMBER: _ClassVar[int]
    STDIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HELD_BY_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_MS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    EARLIER_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    STARTS_IN_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_US_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_US_FIELD_NUMBER: _ClassVar[int]
    STARTED_BY_FIELD_NUMBER: _ClassVar[int]
    LENDS_SLOTS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    key: JobKey
    spec: JobSpec
    state: State
    owner_name: str
    batch: Batch
    queued_at_us: int
    started_at_us: int
    ended_at_us: int
    pid: int
    outcome: Outcome
    waits_for: str
    paused: bool
    lasted_us: int
    ended_ago_us: int
    attempt: int
    rerun_of: JobKey
    stdin_bytes: int
    priority: int
    held: bool
    held_by: str
    time_limit_ms: int
    after: _containers.RepeatedCompositeFieldContainer[Awaited]
    earlier_attempts: _containers.RepeatedCompositeFieldContainer[EarlierAttempt]
    starts_in_us: int
    expires_in_us: int
    gpus: _containers.RepeatedScalarFieldContainer[str]
    starts_at_us: int
    started_by: JobKey
    lends_slots: bool
    worker: str
    def __init__(self, key: _Optional[_Union[JobKey, _Mapping]] = ..., spec: _Optional[_Union[JobSpec, _Mapping]] = ..., state: _Optional[_Union[State, str]] = ..., owner_name: _Optional[str] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., queued_at_us: _Optional[int] = ..., started_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., pid: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ..., waits_for: _Optional[str] = ..., paused: _Optional[bool] = ..., lasted_us: _Optional[int] = ..., ended_ago_us: _Optional[int] = ..., attempt: _Optional[int] = ..., rerun_of: _Optional[_Union[JobKey, _Mapping]] = ..., stdin_bytes: _Optional[int] = ..., priority: _Optional[int] = ..., held: _Optional[bool] = ..., held_by: _Optional[str] = ..., time_limit_ms: _Optional[int] = ..., after: _Optional[_Iterable[_Union[Awaited, _Mapping]]] = ..., earlier_attempts: _Optional[_Iterable[_Union[EarlierAttempt, _Mapping]]] = ..., starts_in_us: _Optional[int] = ..., expires_in_us: _Optional[int] = ..., gpus: _Optional[_Iterable[str]] = ..., starts_at_us: _Optional[int] = ..., started_by: _Optional[_Union[JobKey, _Mapping]] = ..., lends_slots: _Optional[bool] = ..., worker: _Optional[str] = ...) -> None: ...

class Awaited(_message.Message):
    __slots__ = ("after", "name", "state", "left")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    after: After
    name: str
    state: State
    left: int
    def __init__(self, after: _Optional[_Union[After, _Mapping]] = ..., name: _Optional[str] = ..., state: _Optional[_Union[State, str]] = ..., left: _Optional[int] = ...) -> None: ...
