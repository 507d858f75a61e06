from jobwire.client.cli.completion.line import Wish, understand
from jobwire.client.cli.completion.table import COMMANDS
from jobwire.client.cli.completion.words import Asks, find_words
from jobwire.schemas.generated import request_pb2

TAKE_ONE = ("show", "pause", "resume", "run-now", "rm")


def schedule(name: str, *, paused: bool = False) -> request_pb2.ScheduleInfo:
    return request_pb2.ScheduleInfo(name=name, cron="@daily", zone="UTC", paused=paused)


SCHEDULES = [schedule("nightly"), schedule("hourly", paused=True), schedule("nightly"), schedule("two words")]


def offered(*words: str) -> list[str]:
    asked: list[Wish] = []

    def ask(wish: Wish) -> list[request_pb2.ScheduleInfo]:
        asked.append(wish)
        return SCHEDULES

    found = find_words(understand(words), Asks(lambda _: (), ask))
    assert [wish.context for wish in asked] in ([], ["lab"])
    return [f"{word.text}|{word.about}" for word in found]


def test_a_command_is_offered_the_schedules_that_it_can_mean_each_once() -> None:
    both = ["hourly|paused: @daily in UTC", "nightly|@daily in UTC"]
    for command in ("show", "run-now", "rm"):
        assert offered("--context=lab", "schedule", command, "") == both
    assert offered("--context=lab", "schedule", "pause", "") == ["nightly|@daily in UTC"]
    assert offered("--context=lab", "schedule", "resume", "") == ["hourly|paused: @daily in UTC"]
    assert offered("--context=lab", "schedule", "show", "ni") == ["nightly|@daily in UTC"]


def test_a_name_that_is_new_and_a_second_name_are_not_offered() -> None:
    assert offered("schedule", "add", "ni") == []
    assert offered("schedule", "show", "nightly", "h") == []


def test_every_command_for_a_schedule_says_so_with_its_placeholder() -> None:
    assert {path for path, command in COMMANDS.items() if "SCHEDULE" in command.arguments} == {
        f"jobwire schedule {one}" for one in TAKE_ONE
    }
