from . import event_pb2 as _event_pb2
from . import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_UNSPECIFIED: _ClassVar[Code]
    CODE_INVALID_ARGUMENT: _ClassVar[Code]
    CODE_NOT_FOUND: _ClassVar[Code]
    CODE_ALREADY_EXISTS: _ClassVar[Code]
    CODE_PERMISSION_DENIED: _ClassVar[Code]
    CODE_RESOURCE_EXHAUSTED: _ClassVar[Code]
    CODE_FAILED_PRECONDITION: _ClassVar[Code]
    CODE_OUT_OF_RANGE: _ClassVar[Code]
    CODE_UNIMPLEMENTED: _ClassVar[Code]
    CODE_UNAVAILABLE: _ClassVar[Code]
    CODE_INTERNAL: _ClassVar[Code]
    CODE_UNAUTHENTICATED: _ClassVar[Code]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_STALE_NONCE: _ClassVar[Reason]
    REASON_MAY_HAVE_RUN: _ClassVar[Reason]
    REASON_CURSOR_OF_ANOTHER_STORE: _ClassVar[Reason]
    REASON_CURSOR_TOO_OLD: _ClassVar[Reason]
    REASON_CURSOR_BEYOND_HEAD: _ClassVar[Reason]
    REASON_BEYOND_END: _ClassVar[Reason]
    REASON_QUEUE_FULL: _ClassVar[Reason]
    REASON_DISK_FULL: _ClassVar[Reason]
    REASON_TOO_MANY_STREAMS: _ClassVar[Reason]
    REASON_TOO_MANY_GRANTS: _ClassVar[Reason]
    REASON_TOO_MANY_CONNECTIONS: _ClassVar[Reason]
    REASON_FORGOTTEN: _ClassVar[Reason]
    REASON_ID_TAKEN: _ClassVar[Reason]
    REASON_NO_SUCH_JOB: _ClassVar[Reason]
    REASON_AMBIGUOUS: _ClassVar[Reason]
    REASON_NOT_STARTED: _ClassVar[Reason]
    REASON_NOT_ENDED: _ClassVar[Reason]
    REASON_ENDING: _ClassVar[Reason]
    REASON_ENDED: _ClassVar[Reason]
    REASON_ROLE: _ClassVar[Reason]
    REASON_NOT_ON_ROSTER: _ClassVar[Reason]
    REASON_NO_COMMON_VERSION: _ClassVar[Reason]
    REASON_UNKNOWN_VERB: _ClassVar[Reason]
    REASON_UNKNOWN_FIELD: _ClassVar[Reason]
    REASON_STORE_DAMAGED: _ClassVar[Reason]
    REASON_STDIN_NOT_KEPT: _ClassVar[Reason]
    REASON_FED_BY_ANOTHER: _ClassVar[Reason]
    REASON_FILES_MISSING: _ClassVar[Reason]
    REASON_CHANGED: _ClassVar[Reason]
    REASON_NO_SUCH_FILE: _ClassVar[Reason]
    REASON_STARTED: _ClassVar[Reason]
    REASON_NO_SUCH_SCHEDULE: _ClassVar[Reason]
    REASON_NAME_TAKEN: _ClassVar[Reason]
    REASON_PART_MISSING: _ClassVar[Reason]
    REASON_RUN_CLOSED: _ClassVar[Reason]
    REASON_START_MISSING: _ClassVar[Reason]
    REASON_ANOTHER_STORE: _ClassVar[Reason]
    REASON_UNREACHABLE: _ClassVar[Reason]
    REASON_TOKEN_USED: _ClassVar[Reason]
    REASON_TOKEN_EXPIRED: _ClassVar[Reason]
    REASON_TOKEN_WITHDRAWN: _ClassVar[Reason]
    REASON_MEMBER_ALREADY: _ClassVar[Reason]
    REASON_TOO_MANY_INVITATIONS: _ClassVar[Reason]
    REASON_EXPIRED: _ClassVar[Reason]
    REASON_NO_SUCH_QUEUE: _ClassVar[Reason]
    REASON_ROSTER_CHANGED: _ClassVar[Reason]

class Stream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STREAM_UNSPECIFIED: _ClassVar[Stream]
    STREAM_STDOUT: _ClassVar[Stream]
    STREAM_STDERR: _ClassVar[Stream]
    STREAM_BOTH: _ClassVar[Stream]

class Pick(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PICK_UNSPECIFIED: _ClassVar[Pick]
    PICK_NEWEST: _ClassVar[Pick]
    PICK_ALIVE: _ClassVar[Pick]

class JobTime(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_TIME_UNSPECIFIED: _ClassVar[JobTime]
    JOB_TIME_QUEUED: _ClassVar[JobTime]
    JOB_TIME_STARTED: _ClassVar[JobTime]
    JOB_TIME_ENDED: _ClassVar[JobTime]

class Overlap(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVERLAP_UNSPECIFIED: _ClassVar[Overlap]
    OVERLAP_SKIP: _ClassVar[Overlap]
    OVERLAP_QUEUE: _ClassVar[Overlap]
    OVERLAP_STOP: _ClassVar[Overlap]

class Missed(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISSED_UNSPECIFIED: _ClassVar[Missed]
    MISSED_ONCE: _ClassVar[Missed]
    MISSED_SKIP: _ClassVar[Missed]
    MISSED_ALL: _ClassVar[Missed]

class WorkerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKER_STATE_UNSPECIFIED: _ClassVar[WorkerState]
    WORKER_STATE_JOINING: _ClassVar[WorkerState]
    WORKER_STATE_READY: _ClassVar[WorkerState]
    WORKER_STATE_DRAINING: _ClassVar[WorkerState]
    WORKER_STATE_UNREACHABLE: _ClassVar[WorkerState]
    WORKER_STATE_NEVER_SEEN: _ClassVar[WorkerState]
    WORKER_STATE_REMOVED: _ClassVar[WorkerState]

class QueueChange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUE_CHANGE_UNSPECIFIED: _ClassVar[QueueChange]
    QUEUE_CHANGE_PAUSE: _ClassVar[QueueChange]
    QUEUE_CHANGE_RESUME: _ClassVar[QueueChange]
    QUEUE_CHANGE_REMOVE: _ClassVar[QueueChange]

class AllocationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALLOCATION_STATE_UNSPECIFIED: _ClassVar[AllocationState]
    ALLOCATION_STATE_INTENDED: _ClassVar[AllocationState]
    ALLOCATION_STATE_PENDING: _ClassVar[AllocationState]
    ALLOCATION_STATE_STARTING: _ClassVar[AllocationState]
    ALLOCATION_STATE_JOINED: _ClassVar[AllocationState]
    ALLOCATION_STATE_LEAVING: _ClassVar[AllocationState]
CODE_UNSPECIFIED: Code
CODE_INVALID_ARGUMENT: Code
CODE_NOT_FOUND: Code
CODE_ALREADY_EXISTS: Code
CODE_PERMISSION_DENIED: Code
CODE_RESOURCE_EXHAUSTED: Code
CODE_FAILED_PRECONDITION: Code
CODE_OUT_OF_RANGE: Code
CODE_UNIMPLEMENTED: Code
CODE_UNAVAILABLE: Code
CODE_INTERNAL: Code
CODE_UNAUTHENTICATED: Code
REASON_UNSPECIFIED: Reason
REASON_STALE_NONCE: Reason
REASON_MAY_HAVE_RUN: Reason
REASON_CURSOR_OF_ANOTHER_STORE: Reason
REASON_CURSOR_TOO_OLD: Reason
REASON_CURSOR_BEYOND_HEAD: Reason
REASON_BEYOND_END: Reason
REASON_QUEUE_FULL: Reason
REASON_DISK_FULL: Reason
REASON_TOO_MANY_STREAMS: Reason
REASON_TOO_MANY_GRANTS: Reason
REASON_TOO_MANY_CONNECTIONS: Reason
REASON_FORGOTTEN: Reason
REASON_ID_TAKEN: Reason
REASON_NO_SUCH_JOB: Reason
REASON_AMBIGUOUS: Reason
REASON_NOT_STARTED: Reason
REASON_NOT_ENDED: Reason
REASON_ENDING: Reason
REASON_ENDED: Reason
REASON_ROLE: Reason
REASON_NOT_ON_ROSTER: Reason
REASON_NO_COMMON_VERSION: Reason
REASON_UNKNOWN_VERB: Reason
REASON_UNKNOWN_FIELD: Reason
REASON_STORE_DAMAGED: Reason
REASON_STDIN_NOT_KEPT: Reason
REASON_FED_BY_ANOTHER: Reason
REASON_FILES_MISSING: Reason
REASON_CHANGED: Reason
REASON_NO_SUCH_FILE: Reason
REASON_STARTED: Reason
REASON_NO_SUCH_SCHEDULE: Reason
REASON_NAME_TAKEN: Reason
REASON_PART_MISSING: Reason
REASON_RUN_CLOSED: Reason
REASON_START_MISSING: Reason
REASON_ANOTHER_STORE: Reason
REASON_UNREACHABLE: Reason
REASON_TOKEN_USED: Reason
REASON_TOKEN_EXPIRED: Reason
REASON_TOKEN_WITHDRAWN: Reason
REASON_MEMBER_ALREADY: Reason
REASON_TOO_MANY_INVITATIONS: Reason
REASON_EXPIRED: Reason
REASON_NO_SUCH_QUEUE: Reason
REASON_ROSTER_CHANGED: Reason
STREAM_UNSPECIFIED: Stream
STREAM_STDOUT: Stream
STREAM_STDERR: Stream
STREAM_BOTH: Stream
PICK_UNSPECIFIED: Pick
PICK_NEWEST: Pick
PICK_ALIVE: Pick
JOB_TIME_UNSPECIFIED: JobTime
JOB_TIME_QUEUED: JobTime
JOB_TIME_STARTED: JobTime
JOB_TIME_ENDED: JobTime
OVERLAP_UNSPECIFIED: Overlap
OVERLAP_SKIP: Overlap
OVERLAP_QUEUE: Overlap
OVERLAP_STOP: Overlap
MISSED_UNSPECIFIED: Missed
MISSED_ONCE: Missed
MISSED_SKIP: Missed
MISSED_ALL: Missed
WORKER_STATE_UNSPECIFIED: WorkerState
WORKER_STATE_JOINING: WorkerState
WORKER_STATE_READY: WorkerState
WORKER_STATE_DRAINING: WorkerState
WORKER_STATE_UNREACHABLE: WorkerState
WORKER_STATE_NEVER_SEEN: WorkerState
WORKER_STATE_REMOVED: WorkerState
QUEUE_CHANGE_UNSPECIFIED: QueueChange
QUEUE_CHANGE_PAUSE: QueueChange
QUEUE_CHANGE_RESUME: QueueChange
QUEUE_CHANGE_REMOVE: QueueChange
ALLOCATION_STATE_UNSPECIFIED: AllocationState
ALLOCATION_STATE_INTENDED: AllocationState
ALLOCATION_STATE_PENDING: AllocationState
ALLOCATION_STATE_STARTING: AllocationState
ALLOCATION_STATE_JOINED: AllocationState
ALLOCATION_STATE_LEAVING: AllocationState

class Envelope(_message.Message):
    __slots__ = ("request", "proof", "delegation", "shown")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    DELEGATION_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    proof: Proof
    delegation: Delegation
    shown: _containers.RepeatedCompositeFieldContainer[SignedJob]
    def __init__(self, request: _Optional[bytes] = ..., proof: _Optional[_Union[Proof, _Mapping]] = ..., delegation: _Optional[_Union[Delegation, _Mapping]] = ..., shown: _Optional[_Iterable[_Union[SignedJob, _Mapping]]] = ...) -> None: ...

class Delegation(_message.Message):
    __slots__ = ("worker", "owner", "job", "attempt", "key", "signature", "audience", "store", "possession")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    POSSESSION_FIELD_NUMBER: _ClassVar[int]
    worker: bytes
    owner: bytes
    job: bytes
    attempt: int
    key: bytes
    signature: bytes
    audience: bytes
    store: bytes
    possession: bytes
    def __init__(self, worker: _Optional[bytes] = ..., owner: _Optional[bytes] = ..., job: _Optional[bytes] = ..., attempt: _Optional[int] = ..., key: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., audience: _Optional[bytes] = ..., store: _Optional[bytes] = ..., possession: _Optional[bytes] = ...) -> None: ...

class SignedJob(_message.Message):
    __slots__ = ("index", "path")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    index: int
    path: bytes
    def __init__(self, index: _Optional[int] = ..., path: _Optional[bytes] = ...) -> None: ...

class Proof(_message.Message):
    __slots__ = ("signer", "audience", "nonce", "signature", "not_after_us", "jobs", "root")
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    signer: bytes
    audience: bytes
    nonce: bytes
    signature: bytes
    not_after_us: int
    jobs: int
    root: bytes
    def __init__(self, signer: _Optional[bytes] = ..., audience: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., not_after_us: _Optional[int] = ..., jobs: _Optional[int] = ..., root: _Optional[bytes] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("id", "hello", "start", "stop", "signal", "query_one", "list", "read_log", "follow_log", "credit", "cancel", "subscribe", "unsubscribe", "replay", "forget", "pause", "resume", "status", "feed", "push", "resize", "put", "fetch", "query_run", "change", "place", "add_schedule", "change_schedule", "list_schedules", "query_schedule", "list_runs", "set_slots", "stage", "commit", "unstage", "enlist", "deliver", "follow_facts", "settle", "relay", "list_workers", "change_worker", "discard", "query_proof", "pair", "query_worker", "remove_worker", "relay_feed", "relay_put", "relay_fetch", "add_queue", "change_queue", "list_queues", "leave", "lend", "find_workers", "removed", "list_members", "change_members")
    ID_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    QUERY_ONE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    READ_LOG_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_LOG_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    QUERY_RUN_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    ADD_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    LIST_SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    QUERY_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    LIST_RUNS_FIELD_NUMBER: _ClassVar[int]
    SET_SLOTS_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    UNSTAGE_FIELD_NUMBER: _ClassVar[int]
    ENLIST_FIELD_NUMBER: _ClassVar[int]
    DELIVER_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FACTS_FIELD_NUMBER: _ClassVar[int]
    SETTLE_FIELD_NUMBER: _ClassVar[int]
    RELAY_FIELD_NUMBER: _ClassVar[int]
    LIST_WORKERS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_WORKER_FIELD_NUMBER: _ClassVar[int]
    DISCARD_FIELD_NUMBER: _ClassVar[int]
    QUERY_PROOF_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    QUERY_WORKER_FIELD_NUMBER: _ClassVar[int]
    REMOVE_WORKER_FIELD_NUMBER: _ClassVar[int]
    RELAY_FEED_FIELD_NUMBER: _ClassVar[int]
    RELAY_PUT_FIELD_NUMBER: _ClassVar[int]
    RELAY_FETCH_FIELD_NUMBER: _ClassVar[int]
    ADD_QUEUE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_QUEUE_FIELD_NUMBER: _ClassVar[int]
    LIST_QUEUES_FIELD_NUMBER: _ClassVar[int]
    LEAVE_FIELD_NUMBER: _ClassVar[int]
    LEND_FIELD_NUMBER: _ClassVar[int]
    FIND_WORKERS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    LIST_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    id: int
    hello: Hello
    start: Start
    stop: Stop
    signal: Signal
    query_one: QueryOne
    list: List
    read_log: ReadLog
    follow_log: FollowLog
    credit: Credit
    cancel: Cancel
    subscribe: Subscribe
    unsubscribe: Unsubscribe
    replay: Replay
    forget: Forget
    pause: Pause
    resume: Resume
    status: Status
    feed: Feed
    push: Push
    resize: Resize
    put: Put
    fetch: Fetch
    query_run: QueryRun
    change: Change
    place: Place
    add_schedule: AddSchedule
    change_schedule: ChangeSchedule
    list_schedules: ListSchedules
    query_schedule: QuerySchedule
    list_runs: ListRuns
    set_slots: SetSlots
    stage: Stage
    commit: Commit
    unstage: Unstage
    enlist: Enlist
    deliver: Deliver
    follow_facts: FollowFacts
    settle: Settle
    relay: Relay
    list_workers: ListWorkers
    change_worker: ChangeWorker
    discard: Discard
    query_proof: QueryProof
    pair: Pair
    query_worker: QueryWorker
    remove_worker: RemoveWorker
    relay_feed: RelayFeed
    relay_put: RelayPut
    relay_fetch: RelayFetch
    add_queue: AddQueue
    change_queue: ChangeQueue
    list_queues: ListQueues
    leave: Leave
    lend: Lend
    find_workers: FindWorkers
    removed: Removed
    list_members: ListMembers
    change_members: ChangeMembers
    def __init__(self, id: _Optional[int] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., start: _Optional[_Union[Start, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., query_one: _Optional[_Union[QueryOne, _Mapping]] = ..., list: _Optional[_Union[List, _Mapping]] = ..., read_log: _Optional[_Union[ReadLog, _Mapping]] = ..., follow_log: _Optional[_Union[FollowLog, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., subscribe: _Optional[_Union[Subscribe, _Mapping]] = ..., unsubscribe: _Optional[_Union[Unsubscribe, _Mapping]] = ..., replay: _Optional[_Union[Replay, _Mapping]] = ..., forget: _Optional[_Union[Forget, _Mapping]] = ..., pause: _Optional[_Union[Pause, _Mapping]] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., status: _Optional[_Union[Status, _Mapping]] = ..., feed: _Optional[_Union[Feed, _Mapping]] = ..., push: _Optional[_Union[Push, _Mapping]] = ..., resize: _Optional[_Union[Resize, _Mapping]] = ..., put: _Optional[_Union[Put, _Mapping]] = ..., fetch: _Optional[_Union[Fetch, _Mapping]] = ..., query_run: _Optional[_Union[QueryRun, _Mapping]] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., place: _Optional[_Union[Place, _Mapping]] = ..., add_schedule: _Optional[_Union[AddSchedule, _Mapping]] = ..., change_schedule: _Optional[_Union[ChangeSchedule, _Mapping]] = ..., list_schedules: _Optional[_Union[ListSchedules, _Mapping]] = ..., query_schedule: _Optional[_Union[QuerySchedule, _Mapping]] = ..., list_runs: _Optional[_Union[ListRuns, _Mapping]] = ..., set_slots: _Optional[_Union[SetSlots, _Mapping]] = ..., stage: _Optional[_Union[Stage, _Mapping]] = ..., commit: _Optional[_Union[Commit, _Mapping]] = ..., unstage: _Optional[_Union[Unstage, _Mapping]] = ..., enlist: _Optional[_Union[Enlist, _Mapping]] = ..., deliver: _Optional[_Union[Deliver, _Mapping]] = ..., follow_facts: _Optional[_Union[FollowFacts, _Mapping]] = ..., settle: _Optional[_Union[Settle, _Mapping]] = ..., relay: _Optional[_Union[Relay, _Mapping]] = ..., list_workers: _Optional[_Union[ListWorkers, _Mapping]] = ..., change_worker: _Optional[_Union[ChangeWorker, _Mapping]] = ..., discard: _Optional[_Union[Discard, _Mapping]] = ..., query_proof: _Optional[_Union[QueryProof, _Mapping]] = ..., pair: _Optional[_Union[Pair, _Mapping]] = ..., query_worker: _Optional[_Union[QueryWorker, _Mapping]] = ..., remove_worker: _Optional[_Union[RemoveWorker, _Mapping]] = ..., relay_feed: _Optional[_Union[RelayFeed, _Mapping]] = ..., relay_put: _Optional[_Union[RelayPut, _Mapping]] = ..., relay_fetch: _Optional[_Union[RelayFetch, _Mapping]] = ..., add_queue: _Optional[_Union[AddQueue, _Mapping]] = ..., change_queue: _Optional[_Union[ChangeQueue, _Mapping]] = ..., list_queues: _Optional[_Union[ListQueues, _Mapping]] = ..., leave: _Optional[_Union[Leave, _Mapping]] = ..., lend: _Optional[_Union[Lend, _Mapping]] = ..., find_workers: _Optional[_Union[FindWorkers, _Mapping]] = ..., removed: _Optional[_Union[Removed, _Mapping]] = ..., list_members: _Optional[_Union[ListMembers, _Mapping]] = ..., change_members: _Optional[_Union[ChangeMembers, _Mapping]] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("request_id", "last", "refusal", "hello", "acknowledged", "reports", "done", "query_one", "list", "log_range", "log_chunk", "log_end", "subscribe", "replay", "forget", "status", "window", "feed_end", "fetch_chunk", "fetch_end", "query_run", "list_schedules", "query_schedule", "list_runs", "slots", "stage", "deliver", "facts", "list_workers", "proof", "pair", "query_worker", "list_queues", "find_workers", "list_members", "proofs")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    QUERY_ONE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    LOG_RANGE_FIELD_NUMBER: _ClassVar[int]
    LOG_CHUNK_FIELD_NUMBER: _ClassVar[int]
    LOG_END_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FEED_END_FIELD_NUMBER: _ClassVar[int]
    FETCH_CHUNK_FIELD_NUMBER: _ClassVar[int]
    FETCH_END_FIELD_NUMBER: _ClassVar[int]
    QUERY_RUN_FIELD_NUMBER: _ClassVar[int]
    LIST_SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    QUERY_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    LIST_RUNS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DELIVER_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    LIST_WORKERS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    QUERY_WORKER_FIELD_NUMBER: _ClassVar[int]
    LIST_QUEUES_FIELD_NUMBER: _ClassVar[int]
    FIND_WORKERS_FIELD_NUMBER: _ClassVar[int]
    LIST_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PROOFS_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    last: bool
    refusal: Refusal
    hello: HelloReply
    acknowledged: Acknowledged
    reports: Reports
    done: Done
    query_one: QueryOneReply
    list: ListReply
    log_range: LogRange
    log_chunk: LogChunk
    log_end: LogEnd
    subscribe: SubscribeReply
    replay: ReplayReply
    forget: ForgetReply
    status: StatusReply
    window: Window
    feed_end: FeedEnd
    fetch_chunk: FetchChunk
    fetch_end: FetchEnd
    query_run: QueryRunReply
    list_schedules: ListSchedulesReply
    query_schedule: QueryScheduleReply
    list_runs: ListRunsReply
    slots: SlotsReply
    stage: StageReply
    deliver: DeliverReply
    facts: Facts
    list_workers: ListWorkersReply
    proof: JobProof
    pair: PairReply
    query_worker: QueryWorkerReply
    list_queues: ListQueuesReply
    find_workers: FindWorkersReply
    list_members: ListMembersReply
    proofs: JobProofs
    def __init__(self, request_id: _Optional[int] = ..., last: _Optional[bool] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., hello: _Optional[_Union[HelloReply, _Mapping]] = ..., acknowledged: _Optional[_Union[Acknowledged, _Mapping]] = ..., reports: _Optional[_Union[Reports, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., query_one: _Optional[_Union[QueryOneReply, _Mapping]] = ..., list: _Optional[_Union[ListReply, _Mapping]] = ..., log_range: _Optional[_Union[LogRange, _Mapping]] = ..., log_chunk: _Optional[_Union[LogChunk, _Mapping]] = ..., log_end: _Optional[_Union[LogEnd, _Mapping]] = ..., subscribe: _Optional[_Union[SubscribeReply, _Mapping]] = ..., replay: _Optional[_Union[ReplayReply, _Mapping]] = ..., forget: _Optional[_Union[ForgetReply, _Mapping]] = ..., status: _Optional[_Union[StatusReply, _Mapping]] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., feed_end: _Optional[_Union[FeedEnd, _Mapping]] = ..., fetch_chunk: _Optional[_Union[FetchChunk, _Mapping]] = ..., fetch_end: _Optional[_Union[FetchEnd, _Mapping]] = ..., query_run: _Optional[_Union[QueryRunReply, _Mapping]] = ..., list_schedules: _Optional[_Union[ListSchedulesReply, _Mapping]] = ..., query_schedule: _Optional[_Union[QueryScheduleReply, _Mapping]] = ..., list_runs: _Optional[_Union[ListRunsReply, _Mapping]] = ..., slots: _Optional[_Union[SlotsReply, _Mapping]] = ..., stage: _Optional[_Union[StageReply, _Mapping]] = ..., deliver: _Optional[_Union[DeliverReply, _Mapping]] = ..., facts: _Optional[_Union[Facts, _Mapping]] = ..., list_workers: _Optional[_Union[ListWorkersReply, _Mapping]] = ..., proof: _Optional[_Union[JobProof, _Mapping]] = ..., pair: _Optional[_Union[PairReply, _Mapping]] = ..., query_worker: _Optional[_Union[QueryWorkerReply, _Mapping]] = ..., list_queues: _Optional[_Union[ListQueuesReply, _Mapping]] = ..., find_workers: _Optional[_Union[FindWorkersReply, _Mapping]] = ..., list_members: _Optional[_Union[ListMembersReply, _Mapping]] = ..., proofs: _Optional[_Union[JobProofs, _Mapping]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "message", "next_step", "job_index", "reason", "missing")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_FIELD_NUMBER: _ClassVar[int]
    JOB_INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    code: Code
    message: str
    next_step: str
    job_index: int
    reason: Reason
    missing: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, code: _Optional[_Union[Code, str]] = ..., message: _Optional[str] = ..., next_step: _Optional[str] = ..., job_index: _Optional[int] = ..., reason: _Optional[_Union[Reason, str]] = ..., missing: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("oldest_version", "newest_version", "software", "about")
    OLDEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    NEWEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    oldest_version: int
    newest_version: int
    software: str
    about: _job_pb2.JobKey
    def __init__(self, oldest_version: _Optional[int] = ..., newest_version: _Optional[int] = ..., software: _Optional[str] = ..., about: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("message_bytes", "jobs_per_start", "stdin_bytes", "tail_lines", "tail_bytes", "range_bytes", "credit_bytes", "streams", "grants", "connections", "unread_bytes", "queued_jobs", "running_jobs", "keys_per_request", "jobs_per_filter", "other_message_bytes", "arguments", "variables", "labels", "label_characters", "push_bytes", "file_bytes", "files_per_job", "highest_priority", "jobs_per_part", "parts_per_batch")
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    JOBS_PER_START_FIELD_NUMBER: _ClassVar[int]
    STDIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    TAIL_BYTES_FIELD_NUMBER: _ClassVar[int]
    RANGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    UNREAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUEUED_JOBS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_JOBS_FIELD_NUMBER: _ClassVar[int]
    KEYS_PER_REQUEST_FIELD_NUMBER: _ClassVar[int]
    JOBS_PER_FILTER_FIELD_NUMBER: _ClassVar[int]
    OTHER_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    PUSH_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILES_PER_JOB_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_PRIORITY_FIELD_NUMBER: _ClassVar[int]
    JOBS_PER_PART_FIELD_NUMBER: _ClassVar[int]
    PARTS_PER_BATCH_FIELD_NUMBER: _ClassVar[int]
    message_bytes: int
    jobs_per_start: int
    stdin_bytes: int
    tail_lines: int
    tail_bytes: int
    range_bytes: int
    credit_bytes: int
    streams: int
    grants: int
    connections: int
    unread_bytes: int
    queued_jobs: int
    running_jobs: int
    keys_per_request: int
    jobs_per_filter: int
    other_message_bytes: int
    arguments: int
    variables: int
    labels: int
    label_characters: int
    push_bytes: int
    file_bytes: int
    files_per_job: int
    highest_priority: int
    jobs_per_part: int
    parts_per_batch: int
    def __init__(self, message_bytes: _Optional[int] = ..., jobs_per_start: _Optional[int] = ..., stdin_bytes: _Optional[int] = ..., tail_lines: _Optional[int] = ..., tail_bytes: _Optional[int] = ..., range_bytes: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., streams: _Optional[int] = ..., grants: _Optional[int] = ..., connections: _Optional[int] = ..., unread_bytes: _Optional[int] = ..., queued_jobs: _Optional[int] = ..., running_jobs: _Optional[int] = ..., keys_per_request: _Optional[int] = ..., jobs_per_filter: _Optional[int] = ..., other_message_bytes: _Optional[int] = ..., arguments: _Optional[int] = ..., variables: _Optional[int] = ..., labels: _Optional[int] = ..., label_characters: _Optional[int] = ..., push_bytes: _Optional[int] = ..., file_bytes: _Optional[int] = ..., files_per_job: _Optional[int] = ..., highest_priority: _Optional[int] = ..., jobs_per_part: _Optional[int] = ..., parts_per_batch: _Optional[int] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("version", "software", "kind", "daemon", "store", "nonce", "event_endpoint", "limits", "features", "your_name", "your_role", "slots", "host", "roster_problem", "now_us", "silent_worker", "silent_ms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DAEMON_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    YOUR_NAME_FIELD_NUMBER: _ClassVar[int]
    YOUR_ROLE_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ROSTER_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    SILENT_WORKER_FIELD_NUMBER: _ClassVar[int]
    SILENT_MS_FIELD_NUMBER: _ClassVar[int]
    version: int
    software: str
    kind: str
    daemon: bytes
    store: bytes
    nonce: bytes
    event_endpoint: str
    limits: Limits
    features: _containers.RepeatedScalarFieldContainer[str]
    your_name: str
    your_role: str
    slots: int
    host: str
    roster_problem: str
    now_us: int
    silent_worker: str
    silent_ms: int
    def __init__(self, version: _Optional[int] = ..., software: _Optional[str] = ..., kind: _Optional[str] = ..., daemon: _Optional[bytes] = ..., store: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., event_endpoint: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., features: _Optional[_Iterable[str]] = ..., your_name: _Optional[str] = ..., your_role: _Optional[str] = ..., slots: _Optional[int] = ..., host: _Optional[str] = ..., roster_problem: _Optional[str] = ..., now_us: _Optional[int] = ..., silent_worker: _Optional[str] = ..., silent_ms: _Optional[int] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("running", "queued", "your_running", "your_queued", "up_us", "load", "cpus", "disk_free_bytes", "disk_bytes", "refuses", "rights", "members", "roster_problem", "slots", "stocks", "memory_problem", "labels", "warnings")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    YOUR_RUNNING_FIELD_NUMBER: _ClassVar[int]
    YOUR_QUEUED_FIELD_NUMBER: _ClassVar[int]
    UP_US_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    REFUSES_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ROSTER_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    STOCKS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    running: int
    queued: int
    your_running: int
    your_queued: int
    up_us: int
    load: _containers.RepeatedScalarFieldContainer[float]
    cpus: int
    disk_free_bytes: int
    disk_bytes: int
    refuses: str
    rights: _containers.RepeatedScalarFieldContainer[str]
    members: int
    roster_problem: str
    slots: int
    stocks: _containers.RepeatedCompositeFieldContainer[Stock]
    memory_problem: str
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, running: _Optional[int] = ..., queued: _Optional[int] = ..., your_running: _Optional[int] = ..., your_queued: _Optional[int] = ..., up_us: _Optional[int] = ..., load: _Optional[_Iterable[float]] = ..., cpus: _Optional[int] = ..., disk_free_bytes: _Optional[int] = ..., disk_bytes: _Optional[int] = ..., refuses: _Optional[str] = ..., rights: _Optional[_Iterable[str]] = ..., members: _Optional[int] = ..., roster_problem: _Optional[str] = ..., slots: _Optional[int] = ..., stocks: _Optional[_Iterable[_Union[Stock, _Mapping]]] = ..., memory_problem: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class Stock(_message.Message):
    __slots__ = ("name", "total", "used", "others")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    total: int
    used: int
    others: int
    def __init__(self, name: _Optional[str] = ..., total: _Optional[int] = ..., used: _Optional[int] = ..., others: _Optional[int] = ...) -> None: ...

class SetSlots(_message.Message):
    __slots__ = ("slots", "memory_bytes", "gpus", "resources", "reset", "labels", "removed_labels")
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_LABELS_FIELD_NUMBER: _ClassVar[int]
    slots: int
    memory_bytes: int
    gpus: GpuList
    resources: _containers.RepeatedCompositeFieldContainer[_job_pb2.Resource]
    reset: bool
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    removed_labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, slots: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., gpus: _Optional[_Union[GpuList, _Mapping]] = ..., resources: _Optional[_Iterable[_Union[_job_pb2.Resource, _Mapping]]] = ..., reset: _Optional[bool] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., removed_labels: _Optional[_Iterable[str]] = ...) -> None: ...

class GpuList(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class SlotsReply(_message.Message):
    __slots__ = ("slots", "stocks")
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    STOCKS_FIELD_NUMBER: _ClassVar[int]
    slots: int
    stocks: _containers.RepeatedCompositeFieldContainer[Stock]
    def __init__(self, slots: _Optional[int] = ..., stocks: _Optional[_Iterable[_Union[Stock, _Mapping]]] = ...) -> None: ...

class NewJob(_message.Message):
    __slots__ = ("id", "spec", "rerun", "feed", "after")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    RERUN_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    spec: _job_pb2.JobSpec
    rerun: _job_pb2.JobKey
    feed: bool
    after: _containers.RepeatedCompositeFieldContainer[_job_pb2.After]
    def __init__(self, id: _Optional[bytes] = ..., spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ..., rerun: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., feed: _Optional[bool] = ..., after: _Optional[_Iterable[_Union[_job_pb2.After, _Mapping]]] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("jobs", "batch", "watch", "tail_lines", "credit_messages", "first_store", "within")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    FIRST_STORE_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[NewJob]
    batch: _job_pb2.Batch
    watch: bool
    tail_lines: int
    credit_messages: int
    first_store: bytes
    within: bytes
    def __init__(self, jobs: _Optional[_Iterable[_Union[NewJob, _Mapping]]] = ..., batch: _Optional[_Union[_job_pb2.Batch, _Mapping]] = ..., watch: _Optional[bool] = ..., tail_lines: _Optional[int] = ..., credit_messages: _Optional[int] = ..., first_store: _Optional[bytes] = ..., within: _Optional[bytes] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("jobs", "batch", "number", "for_schedule")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FOR_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[NewJob]
    batch: bytes
    number: int
    for_schedule: bool
    def __init__(self, jobs: _Optional[_Iterable[_Union[NewJob, _Mapping]]] = ..., batch: _Optional[bytes] = ..., number: _Optional[int] = ..., for_schedule: _Optional[bool] = ...) -> None: ...

class StageReply(_message.Message):
    __slots__ = ("parts", "jobs")
    PARTS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    parts: int
    jobs: int
    def __init__(self, parts: _Optional[int] = ..., jobs: _Optional[int] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("batch", "parts", "first_store", "good_until_us")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_STORE_FIELD_NUMBER: _ClassVar[int]
    GOOD_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    batch: _job_pb2.Batch
    parts: _containers.RepeatedScalarFieldContainer[bytes]
    first_store: bytes
    good_until_us: int
    def __init__(self, batch: _Optional[_Union[_job_pb2.Batch, _Mapping]] = ..., parts: _Optional[_Iterable[bytes]] = ..., first_store: _Optional[bytes] = ..., good_until_us: _Optional[int] = ...) -> None: ...

class Unstage(_message.Message):
    __slots__ = ("batch",)
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch: bytes
    def __init__(self, batch: _Optional[bytes] = ...) -> None: ...

class Acknowledged(_message.Message):
    __slots__ = ("cursor", "known", "jobs")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    cursor: _event_pb2.Cursor
    known: int
    jobs: int
    def __init__(self, cursor: _Optional[_Union[_event_pb2.Cursor, _Mapping]] = ..., known: _Optional[int] = ..., jobs: _Optional[int] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("key", "state", "pid", "started_at_us", "ended_at_us", "outcome", "stdout_tail", "stderr_tail", "waits_for", "attempt")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STDOUT_TAIL_FIELD_NUMBER: _ClassVar[int]
    STDERR_TAIL_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    state: _job_pb2.State
    pid: int
    started_at_us: int
    ended_at_us: int
    outcome: _job_pb2.Outcome
    stdout_tail: bytes
    stderr_tail: bytes
    waits_for: str
    attempt: int
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., state: _Optional[_Union[_job_pb2.State, str]] = ..., pid: _Optional[int] = ..., started_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., outcome: _Optional[_Union[_job_pb2.Outcome, _Mapping]] = ..., stdout_tail: _Optional[bytes] = ..., stderr_tail: _Optional[bytes] = ..., waits_for: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class Reports(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[Report]
    def __init__(self, reports: _Optional[_Iterable[_Union[Report, _Mapping]]] = ...) -> None: ...

class Selection(_message.Message):
    __slots__ = ("owner", "batch", "batch_name", "everything")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    BATCH_NAME_FIELD_NUMBER: _ClassVar[int]
    EVERYTHING_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    batch: bytes
    batch_name: str
    everything: bool
    def __init__(self, owner: _Optional[bytes] = ..., batch: _Optional[bytes] = ..., batch_name: _Optional[str] = ..., everything: _Optional[bool] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("keys", "signal", "grace_ms", "tail_lines", "credit_messages", "only_queued", "selection")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    CREDIT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ONLY_QUEUED_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    signal: int
    grace_ms: int
    tail_lines: int
    credit_messages: int
    only_queued: bool
    selection: Selection
    def __init__(self, keys: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ..., signal: _Optional[int] = ..., grace_ms: _Optional[int] = ..., tail_lines: _Optional[int] = ..., credit_messages: _Optional[int] = ..., only_queued: _Optional[bool] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("key", "signal", "selection")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    signal: int
    selection: Selection
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., signal: _Optional[int] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ("keys", "selection")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    selection: Selection
    def __init__(self, keys: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("keys", "selection")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    selection: Selection
    def __init__(self, keys: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("keys", "selection", "held", "priority", "parallel", "time_limit_ms")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_FIELD_NUMBER: _ClassVar[int]
    TIME_LIMIT_MS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    selection: Selection
    held: bool
    priority: int
    parallel: int
    time_limit_ms: int
    def __init__(self, keys: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., held: _Optional[bool] = ..., priority: _Optional[int] = ..., parallel: _Optional[int] = ..., time_limit_ms: _Optional[int] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("jobs", "bulk")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    BULK_FIELD_NUMBER: _ClassVar[int]
    jobs: int
    bulk: bool
    def __init__(self, jobs: _Optional[int] = ..., bulk: _Optional[bool] = ...) -> None: ...

class ByteRange(_message.Message):
    __slots__ = ("start", "length")
    START_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    start: int
    length: int
    def __init__(self, start: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class QueryOne(_message.Message):
    __slots__ = ("key", "name", "stdout_range", "stderr_range", "pick")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STDOUT_RANGE_FIELD_NUMBER: _ClassVar[int]
    STDERR_RANGE_FIELD_NUMBER: _ClassVar[int]
    PICK_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    name: str
    stdout_range: ByteRange
    stderr_range: ByteRange
    pick: Pick
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., name: _Optional[str] = ..., stdout_range: _Optional[_Union[ByteRange, _Mapping]] = ..., stderr_range: _Optional[_Union[ByteRange, _Mapping]] = ..., pick: _Optional[_Union[Pick, str]] = ...) -> None: ...

class QueryOneReply(_message.Message):
    __slots__ = ("job", "stdout", "stderr", "stdout_size", "stderr_size")
    JOB_FIELD_NUMBER: _ClassVar[int]
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    STDOUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    STDERR_SIZE_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    stdout: bytes
    stderr: bytes
    stdout_size: int
    stderr_size: int
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., stdout_size: _Optional[int] = ..., stderr_size: _Optional[int] = ...) -> None: ...

class QueryProof(_message.Message):
    __slots__ = ("key", "keys")
    KEY_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    keys: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., keys: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ...) -> None: ...

class JobProof(_message.Message):
    __slots__ = ("key", "start", "staged_job", "staged_hashes", "due_us", "stop", "told", "ends", "log_hashes")
    KEY_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    STAGED_JOB_FIELD_NUMBER: _ClassVar[int]
    STAGED_HASHES_FIELD_NUMBER: _ClassVar[int]
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    TOLD_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    LOG_HASHES_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    start: bytes
    staged_job: bytes
    staged_hashes: bytes
    due_us: int
    stop: bytes
    told: _containers.RepeatedCompositeFieldContainer[_job_pb2.EarlierAttempt]
    ends: _containers.RepeatedScalarFieldContainer[bytes]
    log_hashes: _containers.RepeatedCompositeFieldContainer[_job_pb2.LogHashes]
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., start: _Optional[bytes] = ..., staged_job: _Optional[bytes] = ..., staged_hashes: _Optional[bytes] = ..., due_us: _Optional[int] = ..., stop: _Optional[bytes] = ..., told: _Optional[_Iterable[_Union[_job_pb2.EarlierAttempt, _Mapping]]] = ..., ends: _Optional[_Iterable[bytes]] = ..., log_hashes: _Optional[_Iterable[_Union[_job_pb2.LogHashes, _Mapping]]] = ...) -> None: ...

class JobProofs(_message.Message):
    __slots__ = ("looked_at", "starts", "staged_hashes", "jobs")
    LOOKED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    STAGED_HASHES_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    looked_at: int
    starts: _containers.RepeatedScalarFieldContainer[bytes]
    staged_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    jobs: _containers.RepeatedCompositeFieldContainer[SharedProof]
    def __init__(self, looked_at: _Optional[int] = ..., starts: _Optional[_Iterable[bytes]] = ..., staged_hashes: _Optional[_Iterable[bytes]] = ..., jobs: _Optional[_Iterable[_Union[SharedProof, _Mapping]]] = ...) -> None: ...

class SharedProof(_message.Message):
    __slots__ = ("position", "start", "staged_hashes", "staged_job", "due_us")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    STAGED_HASHES_FIELD_NUMBER: _ClassVar[int]
    STAGED_JOB_FIELD_NUMBER: _ClassVar[int]
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    position: int
    start: int
    staged_hashes: int
    staged_job: bytes
    due_us: int
    def __init__(self, position: _Optional[int] = ..., start: _Optional[int] = ..., staged_hashes: _Optional[int] = ..., staged_job: _Optional[bytes] = ..., due_us: _Optional[int] = ...) -> None: ...

class QueryRun(_message.Message):
    __slots__ = ("name", "until_ended", "longest", "failures", "tail_lines", "owner")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_ENDED_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    name: str
    until_ended: bool
    longest: int
    failures: int
    tail_lines: int
    owner: bytes
    def __init__(self, name: _Optional[str] = ..., until_ended: _Optional[bool] = ..., longest: _Optional[int] = ..., failures: _Optional[int] = ..., tail_lines: _Optional[int] = ..., owner: _Optional[bytes] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("batch", "owner", "owner_name", "queued", "running", "ok", "failed", "queued_at_us", "ended_at_us", "lasted_us")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    OWNER_NAME_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    LASTED_US_FIELD_NUMBER: _ClassVar[int]
    batch: _job_pb2.Batch
    owner: bytes
    owner_name: str
    queued: int
    running: int
    ok: int
    failed: int
    queued_at_us: int
    ended_at_us: int
    lasted_us: int
    def __init__(self, batch: _Optional[_Union[_job_pb2.Batch, _Mapping]] = ..., owner: _Optional[bytes] = ..., owner_name: _Optional[str] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ..., ok: _Optional[int] = ..., failed: _Optional[int] = ..., queued_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., lasted_us: _Optional[int] = ...) -> None: ...

class FailedJob(_message.Message):
    __slots__ = ("job", "stderr_tail")
    JOB_FIELD_NUMBER: _ClassVar[int]
    STDERR_TAIL_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    stderr_tail: bytes
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., stderr_tail: _Optional[bytes] = ...) -> None: ...

class QueryRunReply(_message.Message):
    __slots__ = ("run", "longest", "failures")
    RUN_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    run: Run
    longest: _containers.RepeatedCompositeFieldContainer[_job_pb2.Job]
    failures: _containers.RepeatedCompositeFieldContainer[FailedJob]
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ..., longest: _Optional[_Iterable[_Union[_job_pb2.Job, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[FailedJob, _Mapping]]] = ...) -> None: ...

class ListRuns(_message.Message):
    __slots__ = ("owner", "owner_name", "batch_name", "limit", "page")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    OWNER_NAME_FIELD_NUMBER: _ClassVar[int]
    BATCH_NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    owner_name: str
    batch_name: str
    limit: int
    page: bytes
    def __init__(self, owner: _Optional[bytes] = ..., owner_name: _Optional[str] = ..., batch_name: _Optional[str] = ..., limit: _Optional[int] = ..., page: _Optional[bytes] = ...) -> None: ...

class ListRunsReply(_message.Message):
    __slots__ = ("runs", "next_page")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    next_page: bytes
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., next_page: _Optional[bytes] = ...) -> None: ...

class List(_message.Message):
    __slots__ = ("all", "owner", "batch", "batch_name", "limit", "page", "states", "failed", "name", "labels", "owner_name", "sorted_by", "newest_first", "since_us", "since_ago_us", "until_us", "until_ago_us", "begins")
    ALL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    BATCH_NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    OWNER_NAME_FIELD_NUMBER: _ClassVar[int]
    SORTED_BY_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    SINCE_AGO_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_AGO_US_FIELD_NUMBER: _ClassVar[int]
    BEGINS_FIELD_NUMBER: _ClassVar[int]
    all: bool
    owner: bytes
    batch: bytes
    batch_name: str
    limit: int
    page: bytes
    states: _containers.RepeatedScalarFieldContainer[_job_pb2.State]
    failed: bool
    name: str
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    owner_name: str
    sorted_by: JobTime
    newest_first: bool
    since_us: int
    since_ago_us: int
    until_us: int
    until_ago_us: int
    begins: str
    def __init__(self, all: _Optional[bool] = ..., owner: _Optional[bytes] = ..., batch: _Optional[bytes] = ..., batch_name: _Optional[str] = ..., limit: _Optional[int] = ..., page: _Optional[bytes] = ..., states: _Optional[_Iterable[_Union[_job_pb2.State, str]]] = ..., failed: _Optional[bool] = ..., name: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., owner_name: _Optional[str] = ..., sorted_by: _Optional[_Union[JobTime, str]] = ..., newest_first: _Optional[bool] = ..., since_us: _Optional[int] = ..., since_ago_us: _Optional[int] = ..., until_us: _Optional[int] = ..., until_ago_us: _Optional[int] = ..., begins: _Optional[str] = ...) -> None: ...

class ListReply(_message.Message):
    __slots__ = ("jobs", "next_page")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[_job_pb2.Job]
    next_page: bytes
    def __init__(self, jobs: _Optional[_Iterable[_Union[_job_pb2.Job, _Mapping]]] = ..., next_page: _Optional[bytes] = ...) -> None: ...

class ReadLog(_message.Message):
    __slots__ = ("key", "stream", "range", "tail_lines", "since_us", "attempt")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    stream: Stream
    range: ByteRange
    tail_lines: int
    since_us: int
    attempt: int
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., stream: _Optional[_Union[Stream, str]] = ..., range: _Optional[_Union[ByteRange, _Mapping]] = ..., tail_lines: _Optional[int] = ..., since_us: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class LogRange(_message.Message):
    __slots__ = ("start", "size", "ended", "stderr_start", "now_us", "attempt")
    START_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    STDERR_START_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    start: int
    size: int
    ended: bool
    stderr_start: int
    now_us: int
    attempt: int
    def __init__(self, start: _Optional[int] = ..., size: _Optional[int] = ..., ended: _Optional[bool] = ..., stderr_start: _Optional[int] = ..., now_us: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class FollowLog(_message.Message):
    __slots__ = ("key", "stream", "start", "credit_bytes", "timed", "stderr_start", "attempt")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIMED_FIELD_NUMBER: _ClassVar[int]
    STDERR_START_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    stream: Stream
    start: int
    credit_bytes: int
    timed: bool
    stderr_start: int
    attempt: int
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., stream: _Optional[_Union[Stream, str]] = ..., start: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., timed: _Optional[bool] = ..., stderr_start: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class LogPiece(_message.Message):
    __slots__ = ("stream", "size", "at_us")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    stream: Stream
    size: int
    at_us: int
    def __init__(self, stream: _Optional[_Union[Stream, str]] = ..., size: _Optional[int] = ..., at_us: _Optional[int] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__ = ("start", "pieces", "attempt")
    START_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    start: int
    pieces: _containers.RepeatedCompositeFieldContainer[LogPiece]
    attempt: int
    def __init__(self, start: _Optional[int] = ..., pieces: _Optional[_Iterable[_Union[LogPiece, _Mapping]]] = ..., attempt: _Optional[int] = ...) -> None: ...

class LogEnd(_message.Message):
    __slots__ = ("size", "outcome", "next_attempt", "next_in_us")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NEXT_IN_US_FIELD_NUMBER: _ClassVar[int]
    size: int
    outcome: _job_pb2.Outcome
    next_attempt: int
    next_in_us: int
    def __init__(self, size: _Optional[int] = ..., outcome: _Optional[_Union[_job_pb2.Outcome, _Mapping]] = ..., next_attempt: _Optional[int] = ..., next_in_us: _Optional[int] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("request_id", "bytes", "messages")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    bytes: int
    messages: int
    def __init__(self, request_id: _Optional[int] = ..., bytes: _Optional[int] = ..., messages: _Optional[int] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    def __init__(self, request_id: _Optional[int] = ...) -> None: ...

class Subscribe(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: _event_pb2.Filter
    def __init__(self, filter: _Optional[_Union[_event_pb2.Filter, _Mapping]] = ...) -> None: ...

class SubscribeReply(_message.Message):
    __slots__ = ("topic", "head")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    topic: bytes
    head: _event_pb2.Cursor
    def __init__(self, topic: _Optional[bytes] = ..., head: _Optional[_Union[_event_pb2.Cursor, _Mapping]] = ...) -> None: ...

class Unsubscribe(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: bytes
    def __init__(self, topic: _Optional[bytes] = ...) -> None: ...

class Replay(_message.Message):
    __slots__ = ("filter", "after", "limit")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    filter: _event_pb2.Filter
    after: _event_pb2.Cursor
    limit: int
    def __init__(self, filter: _Optional[_Union[_event_pb2.Filter, _Mapping]] = ..., after: _Optional[_Union[_event_pb2.Cursor, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class ReplayReply(_message.Message):
    __slots__ = ("events", "upto", "more")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    UPTO_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    upto: _event_pb2.Cursor
    more: bool
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., upto: _Optional[_Union[_event_pb2.Cursor, _Mapping]] = ..., more: _Optional[bool] = ...) -> None: ...

class Forget(_message.Message):
    __slots__ = ("keys", "selection", "ended_ago_us", "dry_run")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    ENDED_AGO_US_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    selection: Selection
    ended_ago_us: int
    dry_run: bool
    def __init__(self, keys: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., ended_ago_us: _Optional[int] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class ForgetReply(_message.Message):
    __slots__ = ("jobs", "log_bytes")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    jobs: int
    log_bytes: int
    def __init__(self, jobs: _Optional[int] = ..., log_bytes: _Optional[int] = ...) -> None: ...

class Feed(_message.Message):
    __slots__ = ("key", "token", "sealed")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    token: bytes
    sealed: bool
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., token: _Optional[bytes] = ..., sealed: _Optional[bool] = ...) -> None: ...

class Push(_message.Message):
    __slots__ = ("request_id", "start", "last", "seal")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    start: int
    last: bool
    seal: bytes
    def __init__(self, request_id: _Optional[int] = ..., start: _Optional[int] = ..., last: _Optional[bool] = ..., seal: _Optional[bytes] = ...) -> None: ...

class Resize(_message.Message):
    __slots__ = ("request_id", "rows", "columns")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    rows: int
    columns: int
    def __init__(self, request_id: _Optional[int] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ("reached", "limit")
    REACHED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    reached: int
    limit: int
    def __init__(self, reached: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class FeedEnd(_message.Message):
    __slots__ = ("reached", "why")
    REACHED_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    reached: int
    why: str
    def __init__(self, reached: _Optional[int] = ..., why: _Optional[str] = ...) -> None: ...

class Put(_message.Message):
    __slots__ = ("digest", "size", "token")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    size: int
    token: bytes
    def __init__(self, digest: _Optional[bytes] = ..., size: _Optional[int] = ..., token: _Optional[bytes] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("key", "files", "only_check")
    KEY_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ONLY_CHECK_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    files: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobFile]
    only_check: bool
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., files: _Optional[_Iterable[_Union[_job_pb2.JobFile, _Mapping]]] = ..., only_check: _Optional[bool] = ...) -> None: ...

class Fetch(_message.Message):
    __slots__ = ("key", "path", "start", "credit_bytes", "validator")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    VALIDATOR_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    path: bytes
    start: int
    credit_bytes: int
    validator: bytes
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., path: _Optional[bytes] = ..., start: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., validator: _Optional[bytes] = ...) -> None: ...

class FetchChunk(_message.Message):
    __slots__ = ("start", "kind", "validator")
    START_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALIDATOR_FIELD_NUMBER: _ClassVar[int]
    start: int
    kind: _job_pb2.FileKind
    validator: bytes
    def __init__(self, start: _Optional[int] = ..., kind: _Optional[_Union[_job_pb2.FileKind, str]] = ..., validator: _Optional[bytes] = ...) -> None: ...

class FetchEnd(_message.Message):
    __slots__ = ("size", "digest", "kind", "mode")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    size: int
    digest: bytes
    kind: _job_pb2.FileKind
    mode: int
    def __init__(self, size: _Optional[int] = ..., digest: _Optional[bytes] = ..., kind: _Optional[_Union[_job_pb2.FileKind, str]] = ..., mode: _Optional[int] = ...) -> None: ...

class AddSchedule(_message.Message):
    __slots__ = ("id", "name", "spec", "cron", "zone", "overlap", "missed", "from_us", "batch", "parts")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    CRON_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    name: str
    spec: _job_pb2.JobSpec
    cron: str
    zone: str
    overlap: Overlap
    missed: Missed
    from_us: int
    batch: _job_pb2.Batch
    parts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, id: _Optional[bytes] = ..., name: _Optional[str] = ..., spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ..., cron: _Optional[str] = ..., zone: _Optional[str] = ..., overlap: _Optional[_Union[Overlap, str]] = ..., missed: _Optional[_Union[Missed, str]] = ..., from_us: _Optional[int] = ..., batch: _Optional[_Union[_job_pb2.Batch, _Mapping]] = ..., parts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ChangeSchedule(_message.Message):
    __slots__ = ("key", "paused", "run_now", "remove", "spec", "batch", "parts")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    RUN_NOW_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    paused: bool
    run_now: bytes
    remove: bool
    spec: _job_pb2.JobSpec
    batch: _job_pb2.Batch
    parts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., paused: _Optional[bool] = ..., run_now: _Optional[bytes] = ..., remove: _Optional[bool] = ..., spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ..., batch: _Optional[_Union[_job_pb2.Batch, _Mapping]] = ..., parts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListSchedules(_message.Message):
    __slots__ = ("owner", "page")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    page: bytes
    def __init__(self, owner: _Optional[bytes] = ..., page: _Optional[bytes] = ...) -> None: ...

class ScheduleInfo(_message.Message):
    __slots__ = ("key", "owner_name", "name", "spec", "cron", "zone", "overlap", "missed", "paused", "next_us", "fired_upto_us", "waiting", "firings", "batch", "jobs")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OWNER_NAME_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    CRON_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    NEXT_US_FIELD_NUMBER: _ClassVar[int]
    FIRED_UPTO_US_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    FIRINGS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    owner_name: str
    name: str
    spec: _job_pb2.JobSpec
    cron: str
    zone: str
    overlap: Overlap
    missed: Missed
    paused: bool
    next_us: _containers.RepeatedScalarFieldContainer[int]
    fired_upto_us: int
    waiting: int
    firings: _containers.RepeatedCompositeFieldContainer[Firing]
    batch: _job_pb2.Batch
    jobs: int
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., owner_name: _Optional[str] = ..., name: _Optional[str] = ..., spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ..., cron: _Optional[str] = ..., zone: _Optional[str] = ..., overlap: _Optional[_Union[Overlap, str]] = ..., missed: _Optional[_Union[Missed, str]] = ..., paused: _Optional[bool] = ..., next_us: _Optional[_Iterable[int]] = ..., fired_upto_us: _Optional[int] = ..., waiting: _Optional[int] = ..., firings: _Optional[_Iterable[_Union[Firing, _Mapping]]] = ..., batch: _Optional[_Union[_job_pb2.Batch, _Mapping]] = ..., jobs: _Optional[int] = ...) -> None: ...

class Firing(_message.Message):
    __slots__ = ("due_us", "job", "note", "state", "outcome", "run")
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    due_us: int
    job: bytes
    note: str
    state: _job_pb2.State
    outcome: _job_pb2.Outcome
    run: Run
    def __init__(self, due_us: _Optional[int] = ..., job: _Optional[bytes] = ..., note: _Optional[str] = ..., state: _Optional[_Union[_job_pb2.State, str]] = ..., outcome: _Optional[_Union[_job_pb2.Outcome, _Mapping]] = ..., run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class ListSchedulesReply(_message.Message):
    __slots__ = ("schedules", "next_page")
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_FIELD_NUMBER: _ClassVar[int]
    schedules: _containers.RepeatedCompositeFieldContainer[ScheduleInfo]
    next_page: bytes
    def __init__(self, schedules: _Optional[_Iterable[_Union[ScheduleInfo, _Mapping]]] = ..., next_page: _Optional[bytes] = ...) -> None: ...

class QuerySchedule(_message.Message):
    __slots__ = ("owner", "id", "name")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    id: bytes
    name: str
    def __init__(self, owner: _Optional[bytes] = ..., id: _Optional[bytes] = ..., name: _Optional[str] = ...) -> None: ...

class QueryScheduleReply(_message.Message):
    __slots__ = ("schedule", "signed")
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    schedule: ScheduleInfo
    signed: bytes
    def __init__(self, schedule: _Optional[_Union[ScheduleInfo, _Mapping]] = ..., signed: _Optional[bytes] = ...) -> None: ...

class Enlist(_message.Message):
    __slots__ = ("software", "left_ms", "bulk")
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    LEFT_MS_FIELD_NUMBER: _ClassVar[int]
    BULK_FIELD_NUMBER: _ClassVar[int]
    software: str
    left_ms: int
    bulk: bool
    def __init__(self, software: _Optional[str] = ..., left_ms: _Optional[int] = ..., bulk: _Optional[bool] = ...) -> None: ...

class Deliver(_message.Message):
    __slots__ = ("store", "digest", "start", "jobs", "hashes", "parent")
    STORE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    store: bytes
    digest: bytes
    start: bytes
    jobs: _containers.RepeatedCompositeFieldContainer[Delivery]
    hashes: _containers.RepeatedScalarFieldContainer[bytes]
    parent: ParentStart
    def __init__(self, store: _Optional[bytes] = ..., digest: _Optional[bytes] = ..., start: _Optional[bytes] = ..., jobs: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., hashes: _Optional[_Iterable[bytes]] = ..., parent: _Optional[_Union[ParentStart, _Mapping]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("index", "attempt", "finish", "due_us", "staged_job", "limit")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    STAGED_JOB_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    index: int
    attempt: int
    finish: RunEnd
    due_us: int
    staged_job: bytes
    limit: bytes
    def __init__(self, index: _Optional[int] = ..., attempt: _Optional[int] = ..., finish: _Optional[_Union[RunEnd, _Mapping]] = ..., due_us: _Optional[int] = ..., staged_job: _Optional[bytes] = ..., limit: _Optional[bytes] = ...) -> None: ...

class RunEnd(_message.Message):
    __slots__ = ("outcome", "ok", "failed", "cancelled")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    ok: int
    failed: int
    cancelled: int
    def __init__(self, outcome: _Optional[str] = ..., ok: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ...) -> None: ...

class DeliverReply(_message.Message):
    __slots__ = ("not_accepted",)
    NOT_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    not_accepted: _containers.RepeatedCompositeFieldContainer[NotAccepted]
    def __init__(self, not_accepted: _Optional[_Iterable[_Union[NotAccepted, _Mapping]]] = ...) -> None: ...

class NotAccepted(_message.Message):
    __slots__ = ("job", "refusal")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    job: Delivery
    refusal: Refusal
    def __init__(self, job: _Optional[_Union[Delivery, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class FollowFacts(_message.Message):
    __slots__ = ("tail_lines",)
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    tail_lines: int
    def __init__(self, tail_lines: _Optional[int] = ...) -> None: ...

class Facts(_message.Message):
    __slots__ = ("facts", "complete", "stocks", "renewed", "labels", "stopped")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    STOCKS_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[Fact]
    complete: bool
    stocks: _containers.RepeatedCompositeFieldContainer[Stock]
    renewed: bool
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    stopped: bool
    def __init__(self, facts: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., complete: _Optional[bool] = ..., stocks: _Optional[_Iterable[_Union[Stock, _Mapping]]] = ..., renewed: _Optional[bool] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., stopped: _Optional[bool] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("report", "paused", "waits_for", "log_hashes", "ended_ago_us", "delegation")
    REPORT_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    LOG_HASHES_FIELD_NUMBER: _ClassVar[int]
    ENDED_AGO_US_FIELD_NUMBER: _ClassVar[int]
    DELEGATION_FIELD_NUMBER: _ClassVar[int]
    report: Report
    paused: bool
    waits_for: str
    log_hashes: _job_pb2.LogHashes
    ended_ago_us: int
    delegation: Delegation
    def __init__(self, report: _Optional[_Union[Report, _Mapping]] = ..., paused: _Optional[bool] = ..., waits_for: _Optional[str] = ..., log_hashes: _Optional[_Union[_job_pb2.LogHashes, _Mapping]] = ..., ended_ago_us: _Optional[int] = ..., delegation: _Optional[_Union[Delegation, _Mapping]] = ...) -> None: ...

class Settle(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[AttemptName]
    def __init__(self, jobs: _Optional[_Iterable[_Union[AttemptName, _Mapping]]] = ...) -> None: ...

class AttemptName(_message.Message):
    __slots__ = ("owner", "id", "attempt")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    id: bytes
    attempt: int
    def __init__(self, owner: _Optional[bytes] = ..., id: _Optional[bytes] = ..., attempt: _Optional[int] = ...) -> None: ...

class Relay(_message.Message):
    __slots__ = ("job", "request")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    job: AttemptName
    request: bytes
    def __init__(self, job: _Optional[_Union[AttemptName, _Mapping]] = ..., request: _Optional[bytes] = ...) -> None: ...

class RelayFeed(_message.Message):
    __slots__ = ("job", "request", "types")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    job: AttemptName
    request: bytes
    types: bool
    def __init__(self, job: _Optional[_Union[AttemptName, _Mapping]] = ..., request: _Optional[bytes] = ..., types: _Optional[bool] = ...) -> None: ...

class RelayPut(_message.Message):
    __slots__ = ("owner", "digest", "size")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    digest: bytes
    size: int
    def __init__(self, owner: _Optional[bytes] = ..., digest: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class RelayFetch(_message.Message):
    __slots__ = ("job", "fetch")
    JOB_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    job: AttemptName
    fetch: Fetch
    def __init__(self, job: _Optional[_Union[AttemptName, _Mapping]] = ..., fetch: _Optional[_Union[Fetch, _Mapping]] = ...) -> None: ...

class Discard(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[AttemptName]
    def __init__(self, jobs: _Optional[_Iterable[_Union[AttemptName, _Mapping]]] = ...) -> None: ...

class ListWorkers(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WorkerInfo(_message.Message):
    __slots__ = ("name", "key", "state", "host", "software", "slots", "jobs", "used_slots", "stocks", "since_us", "drained", "labels", "clock_ahead_us", "stopped")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    USED_SLOTS_FIELD_NUMBER: _ClassVar[int]
    STOCKS_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_AHEAD_US_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    name: str
    key: bytes
    state: WorkerState
    host: str
    software: str
    slots: int
    jobs: int
    used_slots: int
    stocks: _containers.RepeatedCompositeFieldContainer[Stock]
    since_us: int
    drained: bool
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    clock_ahead_us: int
    stopped: bool
    def __init__(self, name: _Optional[str] = ..., key: _Optional[bytes] = ..., state: _Optional[_Union[WorkerState, str]] = ..., host: _Optional[str] = ..., software: _Optional[str] = ..., slots: _Optional[int] = ..., jobs: _Optional[int] = ..., used_slots: _Optional[int] = ..., stocks: _Optional[_Iterable[_Union[Stock, _Mapping]]] = ..., since_us: _Optional[int] = ..., drained: _Optional[bool] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., clock_ahead_us: _Optional[int] = ..., stopped: _Optional[bool] = ...) -> None: ...

class ListWorkersReply(_message.Message):
    __slots__ = ("workers",)
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[WorkerInfo]
    def __init__(self, workers: _Optional[_Iterable[_Union[WorkerInfo, _Mapping]]] = ...) -> None: ...

class ChangeWorker(_message.Message):
    __slots__ = ("name", "drained")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    name: str
    drained: bool
    def __init__(self, name: _Optional[str] = ..., drained: _Optional[bool] = ...) -> None: ...

class PairingToken(_message.Message):
    __slots__ = ("endpoint", "daemon", "seed", "role", "called", "slots", "labels")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    DAEMON_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CALLED_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    daemon: bytes
    seed: bytes
    role: str
    called: str
    slots: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, endpoint: _Optional[str] = ..., daemon: _Optional[bytes] = ..., seed: _Optional[bytes] = ..., role: _Optional[str] = ..., called: _Optional[str] = ..., slots: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class Pair(_message.Message):
    __slots__ = ("key", "possession", "name")
    KEY_FIELD_NUMBER: _ClassVar[int]
    POSSESSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    possession: bytes
    name: str
    def __init__(self, key: _Optional[bytes] = ..., possession: _Optional[bytes] = ..., name: _Optional[str] = ...) -> None: ...

class PairReply(_message.Message):
    __slots__ = ("name", "role")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: str
    def __init__(self, name: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class QueryWorker(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class QueryWorkerReply(_message.Message):
    __slots__ = ("worker", "store", "jobs")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    worker: WorkerInfo
    store: bytes
    jobs: _containers.RepeatedCompositeFieldContainer[WorkerJob]
    def __init__(self, worker: _Optional[_Union[WorkerInfo, _Mapping]] = ..., store: _Optional[bytes] = ..., jobs: _Optional[_Iterable[_Union[WorkerJob, _Mapping]]] = ...) -> None: ...

class WorkerJob(_message.Message):
    __slots__ = ("key", "name", "owner_name", "state", "attempt", "accepted")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    key: _job_pb2.JobKey
    name: str
    owner_name: str
    state: _job_pb2.State
    attempt: int
    accepted: bool
    def __init__(self, key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., name: _Optional[str] = ..., owner_name: _Optional[str] = ..., state: _Optional[_Union[_job_pb2.State, str]] = ..., attempt: _Optional[int] = ..., accepted: _Optional[bool] = ...) -> None: ...

class FindWorkers(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _job_pb2.JobSpec
    def __init__(self, spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ...) -> None: ...

class FindWorkersReply(_message.Message):
    __slots__ = ("workers", "left_out")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[FoundWorker]
    left_out: _containers.RepeatedCompositeFieldContainer[LeftOutWorker]
    def __init__(self, workers: _Optional[_Iterable[_Union[FoundWorker, _Mapping]]] = ..., left_out: _Optional[_Iterable[_Union[LeftOutWorker, _Mapping]]] = ...) -> None: ...

class FoundWorker(_message.Message):
    __slots__ = ("name", "waits_for")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    waits_for: str
    def __init__(self, name: _Optional[str] = ..., waits_for: _Optional[str] = ...) -> None: ...

class LeftOutWorker(_message.Message):
    __slots__ = ("name", "why")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    name: str
    why: str
    def __init__(self, name: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class RemoveWorker(_message.Message):
    __slots__ = ("name", "declare_lost", "key", "asked_at_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DECLARE_LOST_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    declare_lost: bool
    key: bytes
    asked_at_us: int
    def __init__(self, name: _Optional[str] = ..., declare_lost: _Optional[bool] = ..., key: _Optional[bytes] = ..., asked_at_us: _Optional[int] = ...) -> None: ...

class GrowthQueue(_message.Message):
    __slots__ = ("name", "cluster", "partition", "max_workers", "time_ms", "idle_ms", "assumed_ms", "cpus", "memory_bytes", "gpus", "options", "folder", "scratch", "python", "endpoint", "jobs_as_root", "labels", "per_node")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    MAX_WORKERS_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    IDLE_MS_FIELD_NUMBER: _ClassVar[int]
    ASSUMED_MS_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    SCRATCH_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    JOBS_AS_ROOT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PER_NODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    cluster: str
    partition: str
    max_workers: int
    time_ms: int
    idle_ms: int
    assumed_ms: int
    cpus: int
    memory_bytes: int
    gpus: int
    options: _containers.RepeatedScalarFieldContainer[str]
    folder: str
    scratch: str
    python: str
    endpoint: str
    jobs_as_root: bool
    labels: _containers.RepeatedScalarFieldContainer[str]
    per_node: int
    def __init__(self, name: _Optional[str] = ..., cluster: _Optional[str] = ..., partition: _Optional[str] = ..., max_workers: _Optional[int] = ..., time_ms: _Optional[int] = ..., idle_ms: _Optional[int] = ..., assumed_ms: _Optional[int] = ..., cpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., gpus: _Optional[int] = ..., options: _Optional[_Iterable[str]] = ..., folder: _Optional[str] = ..., scratch: _Optional[str] = ..., python: _Optional[str] = ..., endpoint: _Optional[str] = ..., jobs_as_root: _Optional[bool] = ..., labels: _Optional[_Iterable[str]] = ..., per_node: _Optional[int] = ...) -> None: ...

class AddQueue(_message.Message):
    __slots__ = ("queue",)
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    queue: GrowthQueue
    def __init__(self, queue: _Optional[_Union[GrowthQueue, _Mapping]] = ...) -> None: ...

class ChangeQueue(_message.Message):
    __slots__ = ("name", "change")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    change: QueueChange
    def __init__(self, name: _Optional[str] = ..., change: _Optional[_Union[QueueChange, str]] = ...) -> None: ...

class ListQueues(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AllocationInfo(_message.Message):
    __slots__ = ("name", "cluster_id", "state", "since_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    cluster_id: str
    state: AllocationState
    since_us: int
    def __init__(self, name: _Optional[str] = ..., cluster_id: _Optional[str] = ..., state: _Optional[_Union[AllocationState, str]] = ..., since_us: _Optional[int] = ...) -> None: ...

class QueueInfo(_message.Message):
    __slots__ = ("queue", "paused", "why", "allocations")
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ALLOCATIONS_FIELD_NUMBER: _ClassVar[int]
    queue: GrowthQueue
    paused: bool
    why: str
    allocations: _containers.RepeatedCompositeFieldContainer[AllocationInfo]
    def __init__(self, queue: _Optional[_Union[GrowthQueue, _Mapping]] = ..., paused: _Optional[bool] = ..., why: _Optional[str] = ..., allocations: _Optional[_Iterable[_Union[AllocationInfo, _Mapping]]] = ...) -> None: ...

class ListQueuesReply(_message.Message):
    __slots__ = ("queues",)
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedCompositeFieldContainer[QueueInfo]
    def __init__(self, queues: _Optional[_Iterable[_Union[QueueInfo, _Mapping]]] = ...) -> None: ...

class Leave(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Removed(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    def __init__(self, request: _Optional[bytes] = ...) -> None: ...

class ListMembers(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RosterMember(_message.Message):
    __slots__ = ("name", "key", "role")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    key: bytes
    role: str
    def __init__(self, name: _Optional[str] = ..., key: _Optional[bytes] = ..., role: _Optional[str] = ...) -> None: ...

class ListMembersReply(_message.Message):
    __slots__ = ("members", "version")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[RosterMember]
    version: bytes
    def __init__(self, members: _Optional[_Iterable[_Union[RosterMember, _Mapping]]] = ..., version: _Optional[bytes] = ...) -> None: ...

class ChangeMembers(_message.Message):
    __slots__ = ("version", "add", "remove", "set_role", "rename")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    SET_ROLE_FIELD_NUMBER: _ClassVar[int]
    RENAME_FIELD_NUMBER: _ClassVar[int]
    version: bytes
    add: RosterMember
    remove: bytes
    set_role: RosterMember
    rename: RosterMember
    def __init__(self, version: _Optional[bytes] = ..., add: _Optional[_Union[RosterMember, _Mapping]] = ..., remove: _Optional[bytes] = ..., set_role: _Optional[_Union[RosterMember, _Mapping]] = ..., rename: _Optional[_Union[RosterMember, _Mapping]] = ...) -> None: ...

class Lend(_message.Message):
    __slots__ = ("job", "begins")
    JOB_FIELD_NUMBER: _ClassVar[int]
    BEGINS_FIELD_NUMBER: _ClassVar[int]
    job: AttemptName
    begins: bool
    def __init__(self, job: _Optional[_Union[AttemptName, _Mapping]] = ..., begins: _Optional[bool] = ...) -> None: ...

class ParentStart(_message.Message):
    __slots__ = ("start", "job", "hashes")
    START_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    start: bytes
    job: Delivery
    hashes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, start: _Optional[bytes] = ..., job: _Optional[_Union[Delivery, _Mapping]] = ..., hashes: _Optional[_Iterable[bytes]] = ...) -> None: ...
