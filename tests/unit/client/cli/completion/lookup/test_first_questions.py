import pytest

from jobwire.client.cli.completion.line import Wish, understand
from jobwire.client.cli.completion.lookup.first_questions import MOST_PAGES, MOST_PAGES_TYPED, MOST_RUNS, questions
from jobwire.schemas.generated import job_pb2, request_pb2


def verbs(wish: Wish) -> list[str]:
    return [request.WhichOneof("verb") or "" for request in questions(wish).requests]


def listed(*words: str) -> request_pb2.List:
    (found,) = (request.list for request in questions(understand(words)).requests if request.HasField("list"))
    return found


@pytest.mark.parametrize(
    ("words", "asked", "most"),
    [
        (("show", ""), ["list_runs", "list"], MOST_PAGES),
        (("show", "ni"), ["query_one", "list_runs", "list"], MOST_PAGES_TYPED),
        (("show", "ada/"), ["list_runs", "list"], MOST_PAGES),
        (("put", ""), ["list"], MOST_PAGES),
        (("put", "x"), ["query_one", "list"], MOST_PAGES_TYPED),
        (("list", "--batch", ""), ["list_runs"], MOST_PAGES),
        (("list", "--user", ""), ["list"], MOST_PAGES_TYPED),
        (("submit", "--after", "ok:ni"), ["query_one", "list_runs", "list"], MOST_PAGES_TYPED),
    ],
)
def test_a_worker_is_asked_a_few_questions_about_a_few_jobs(words: tuple[str, ...], asked: list[str], most: int) -> None:
    wish = understand(words)
    assert verbs(wish) == asked
    assert questions(wish).most_pages == most


def test_however_many_jobs_are_kept_a_tab_looks_through_a_few_pages() -> None:
    # A page of 50 takes a worker 5 ms, of the 100 that a person does not notice: see docs/performance.md before these are raised.
    assert (MOST_PAGES, MOST_PAGES_TYPED, MOST_RUNS) == (1, 6, 50)


@pytest.mark.parametrize(
    ("command", "everything", "states"),
    [
        ("show", True, []),
        ("stop", False, []),
        ("resume", False, []),
        ("forget", True, [job_pb2.STATE_FINISHED]),
        ("attach", True, [job_pb2.STATE_RUNNING]),
        ("pause", False, [job_pb2.STATE_RUNNING]),
        ("release", False, [job_pb2.STATE_QUEUED]),
    ],
)
def test_only_jobs_that_the_command_can_mean_are_asked_for_newest_first(command: str, *, everything: bool, states: list[int]) -> None:
    found = listed(command, "")
    assert (found.all, list(found.states), found.newest_first, found.limit) == (everything, states, True, 0)


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (("show", ""), ""),
        (("show", "ni"), "ni"),
        (("show", "ada/ni"), "ni"),
        (("submit", "--after", "ok:ni"), "ni"),
        # No name begins so, but what names a process does.
        (("show", "4711@2"), ""),
        (("list", "--user", "ad"), ""),
    ],
)
def test_a_worker_picks_out_what_begins_as_typed(words: tuple[str, ...], begins: str) -> None:
    assert listed(*words).begins == begins


def test_after_an_owner_only_theirs_are_asked_for_and_a_name_is_asked_for_as_it_is_typed() -> None:
    one, runs, jobs = questions(understand(["show", "ada/ni"])).requests
    assert (one.query_one.name, one.query_one.pick) == ("ada/ni", request_pb2.PICK_NEWEST)
    assert (runs.list_runs.owner_name, jobs.list.owner_name) == ("ada", "ada")
