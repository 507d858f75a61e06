"""The page of a report: whole, small, and safe whatever jobs are called."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from made_runs import FAILED, job, large_run, run_of

from jobwire.client.cli.report.page import Run, fill, in_script, page_of
from jobwire.schemas.jobs.states import Outcome, OutcomeKind

EVIL = "</script><script>alert(1)</script>"


class Reader(HTMLParser):
    """The elements of a page, and what is in its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, list[str]] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._inside, []).append(data)


def page(*argv: bytes, name: str = "", tail: bytes = b"") -> str:
    jobs = [job(1, 0, 5), job(2, 1, 5, FAILED, name=name, argv=argv or (b"true",))]
    return page_of(Run(run_of(jobs, tail), jobs, 4, "Made now.", 20))


def test_what_jobs_are_called_and_write_is_text() -> None:
    read = Reader(page(b"sh", EVIL.encode(), name=EVIL, tail=EVIL.encode() + b"<img src=x onerror=alert(1)>\n"))
    assert read.tags.count("script") == 2
    assert "img" not in read.tags
    assert EVIL in "".join(read.texts["b"])
    data = json.loads(read.texts["script"][0])
    assert EVIL in data["texts"]


def test_a_failure_without_last_lines_says_whether_the_job_ran() -> None:
    jobs = [job(1, 0, 5, FAILED), job(2, None, 0, Outcome(OutcomeKind.CANCELLED))]
    said = page_of(Run(run_of(jobs), jobs, 4, "Made now.", 20))
    assert said.index("It wrote nothing to standard error.") < said.index("It did not run.")


def test_bytes_that_are_not_text_are_shown_as_such() -> None:
    data = json.loads(Reader(page(b"echo", b"\xff\xfe", tail=b"\xff\n")).texts["script"][0])
    assert r"echo '\xff\xfe'" in data["texts"]
    page(b"echo", b"\xff").encode()


def test_it_asks_no_network_and_only_its_own_script_may_run() -> None:
    made = page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)
    assert policy is not None
    assert re.fullmatch(r"default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'", policy[1])
    names = {name for name, _ in Reader(made).attributes}
    assert not names & {"src", "href", "style", "onclick"}


def test_ten_thousand_jobs_are_a_small_page_and_a_name_is_written_once() -> None:
    jobs = large_run(10_000, 16)
    made = page_of(Run(run_of(jobs, b"out of memory\n"), jobs, 16, "Made now.", 20))
    assert len(made) < 2_500_000
    data = json.loads(Reader(made).texts["script"][0])
    assert (len(data["id"]), data["lanes"]) == (10_000, 16)
    assert made.count("exited with status 0") == 1


def test_a_run_of_which_nothing_has_run_is_a_page_too() -> None:
    jobs = [job(1, None, 5, None)]
    made = page_of(Run(run_of(jobs), jobs, 4, "Made now.", 20))
    assert "1 job of ada: 1 still queued." in made
    assert "No job failed." in made


def test_what_looks_like_a_place_in_a_value_stays() -> None:
    assert fill("{{one}} {{two}}", {"one": "{{two}}", "two": "2"}) == "{{two}} 2"


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_data_in_a_script_are_the_same_and_end_nothing(data: object) -> None:
    text = in_script({"data": data})
    assert json.loads(text) == {"data": data}
    assert not set(text) & set("<>&")
