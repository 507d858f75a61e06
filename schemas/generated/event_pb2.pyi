from . import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_QUEUED: _ClassVar[EventKind]
    EVENT_KIND_STARTED: _ClassVar[EventKind]
    EVENT_KIND_STOPPING: _ClassVar[EventKind]
    EVENT_KIND_FINISHED: _ClassVar[EventKind]
    EVENT_KIND_ADOPTED: _ClassVar[EventKind]
    EVENT_KIND_HELD: _ClassVar[EventKind]
    EVENT_KIND_RELEASED: _ClassVar[EventKind]
    EVENT_KIND_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_RETRYING: _ClassVar[EventKind]
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_QUEUED: EventKind
EVENT_KIND_STARTED: EventKind
EVENT_KIND_STOPPING: EventKind
EVENT_KIND_FINISHED: EventKind
EVENT_KIND_ADOPTED: EventKind
EVENT_KIND_HELD: EventKind
EVENT_KIND_RELEASED: EventKind
EVENT_KIND_CHANGED: EventKind
EVENT_KIND_RETRYING: EventKind

class Event(_message.Message):
    __slots__ = ("seq", "kind", "key", "at_us", "name", "labels", "batch", "pid", "started_at_us", "outcome", "sentence", "attempt", "next_delay_ms")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NEXT_DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    seq: int
    kind: EventKind
    key: _job_pb2.JobKey
    at_us: int
    name: str
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    batch: bytes
    pid: int
    started_at_us: int
    outcome: _job_pb2.Outcome
    sentence: str
    attempt: int
    next_delay_ms: int
    def __init__(self, seq: _Optional[int] = ..., kind: _Optional[_Union[EventKind, str]] = ..., key: _Optional[_Union[_job_pb2.JobKey, _Mapping]] = ..., at_us: _Optional[int] = ..., name: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., batch: _Optional[bytes] = ..., pid: _Optional[int] = ..., started_at_us: _Optional[int] = ..., outcome: _Optional[_Union[_job_pb2.Outcome, _Mapping]] = ..., sentence: _Optional[str] = ..., attempt: _Optional[int] = ..., next_delay_ms: _Optional[int] = ...) -> None: ...

class Cursor(_message.Message):
    __slots__ = ("store", "seq")
    STORE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    store: bytes
    seq: int
    def __init__(self, store: _Optional[bytes] = ..., seq: _Optional[int] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("owner", "batch", "labels", "jobs")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    batch: bytes
    labels: _containers.RepeatedCompositeFieldContainer[_job_pb2.Label]
    jobs: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobKey]
    def __init__(self, owner: _Optional[bytes] = ..., batch: _Optional[bytes] = ..., labels: _Optional[_Iterable[_Union[_job_pb2.Label, _Mapping]]] = ..., jobs: _Optional[_Iterable[_Union[_job_pb2.JobKey, _Mapping]]] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("head",)
    HEAD_FIELD_NUMBER: _ClassVar[int]
    head: Cursor
    def __init__(self, head: _Optional[_Union[Cursor, _Mapping]] = ...) -> None: ...

class Events(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("head",)
    HEAD_FIELD_NUMBER: _ClassVar[int]
    head: Cursor
    def __init__(self, head: _Optional[_Union[Cursor, _Mapping]] = ...) -> None: ...

class News(_message.Message):
    __slots__ = ("count", "nonce", "ready", "events", "heartbeat")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    count: int
    nonce: bytes
    ready: Ready
    events: Events
    heartbeat: Heartbeat
    def __init__(self, count: _Optional[int] = ..., nonce: _Optional[bytes] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., events: _Optional[_Union[Events, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...
