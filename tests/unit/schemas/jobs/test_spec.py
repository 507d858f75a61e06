import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from messages import messages

from jobwire.schemas.generated import job_pb2
from jobwire.schemas.jobs.spec import JobSpec, digest, from_wire, to_wire
from jobwire.schemas.jobs.spec_check import check
from jobwire.schemas.refusal import Code, Refused

arguments = st.binary(max_size=20).filter(lambda data: b"\0" not in data)
specs = st.builds(
    JobSpec,
    argv=st.tuples(arguments.filter(bool)) | st.lists(arguments, min_size=1, max_size=4).map(tuple),
    environment=st.lists(st.tuples(arguments, arguments), max_size=3).map(tuple),
    directory=arguments,
    stdin=st.none() | st.binary(max_size=20),
    name=st.text(max_size=10),
    labels=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple),
    time_limit_ms=st.none() | st.integers(0, 2**40),
    stop_signal=st.integers(1, 64),
    grace_ms=st.none() | st.integers(0, 2**40),
    output_limit_bytes=st.none() | st.integers(0, 2**40),
    linger=st.booleans(),
)
GOOD = JobSpec(argv=(b"true",))


@given(specs)
def test_a_spec_travels_unchanged(spec: JobSpec) -> None:
    assert from_wire(job_pb2.JobSpec.FromString(to_wire(spec).SerializeToString())) == spec


def test_each_field_of_a_spec_is_read_and_one_without_any_has_no_arguments() -> None:
    assert {field.name for field in job_pb2.JobSpec.DESCRIPTOR.fields} == set(JobSpec.__match_args__)
    assert from_wire(job_pb2.JobSpec()) == JobSpec(argv=())


@given(specs, specs)
def test_two_specs_have_one_digest_only_if_they_ask_for_the_same(one: JobSpec, two: JobSpec) -> None:
    def ordered(spec: JobSpec) -> JobSpec:
        return dataclasses.replace(spec, environment=tuple(sorted(spec.environment)), labels=tuple(sorted(spec.labels)))

    assert (digest(one) == digest(two)) == (ordered(one) == ordered(two))


@given(messages(job_pb2.JobSpec))
def test_any_spec_off_the_wire_can_be_run_or_is_refused(message: job_pb2.JobSpec) -> None:
    """And what is let through is the same when it is stored and read again."""
    refusal = problem_of(message)
    if refusal is not None:
        assert refusal.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED)
        assert "\n" not in str(refusal)
        return
    spec = from_wire(message)
    assert digest(from_wire(job_pb2.JobSpec.FromString(to_wire(spec).SerializeToString()))) == digest(spec)


def problem_of(message: job_pb2.JobSpec) -> Refused | None:
    try:
        check(from_wire(message))
    except Refused as refused:
        return refused
    return None


def test_the_digest_does_not_change_with_the_version_of_the_code() -> None:
    spec = JobSpec((b"a", b"b"), ((b"K", b"V"),), b"/tmp", b"in", "name", (("l", "v"),), 5, 15, 7)
    assert digest(spec).hex() == "534d57ec6c6de92471f100d8da1a31a7"


def test_empty_stdin_differs_from_no_stdin() -> None:
    assert digest(JobSpec((b"cat",), stdin=b"")) != digest(JobSpec((b"cat",)))
