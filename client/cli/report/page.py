"""The page: a single HTML file that needs no network, built from the files in `page/`.

Everything from jobs is escaped, and a policy in the page permits only its own script, by its digest.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from ....schemas.naming import short_id
from ....schemas.text.printable import printable
from ...library.values.job_info import JobInfo
from ...library.values.run_info import RunInfo
from ..shown.last_lines import last_lines
from ..shown.sentences import how_it_ended
from ..targets.runs import state_of
from ..terminal.screen import duration
from .columns import as_shown, columns
from .facts import Times, Used, bar_of, cpu_us, earlier_bars, most_used, sentences, times_of

_SCRIPTS = ("data.js", "timeline.js", "table.js", "start.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
# What could end the element that the data are in, or begin another one.
_IN_SCRIPTS = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_OPEN_FAILURES = 3


class Run(NamedTuple):
    """The subject of a report. `made`: the program that made it, and when."""

    info: RunInfo
    jobs: Sequence[JobInfo]
    slots: int
    made: str
    tail_lines: int


def page_of(run: Run) -> str:
    """Return the page."""
    bars = [*(bar for bar in map(bar_of, run.jobs) if bar is not None), *(one.bar for one in earlier_bars(run.jobs))]
    times = times_of(run.info, bars)
    style, script = _read("report.css"), "\n".join(["'use strict';", *map(_read, _SCRIPTS)])
    return fill(
        _read("report.html"),
        {
            "policy": f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}",
            "title": escape(_title(run.info)),
            "state": state_of(run.info),
            "id": run.info.id,
            "words": "".join(f"<p>{escape(printable(said))}</p>" for said in sentences(run.info, run.jobs, times, run.slots)),
            "tiles": _tiles(run, times),
            "failures": _failures(run),
            "most": "".join(map(_most, most_used(run.jobs))),
            "made": escape(run.made),
            "style": style,
            "script": script,
            "data": in_script(columns(run.jobs, times, run.slots)),
        },
    )


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with the values filled in; placeholders in a value stay as they are."""
    return _PLACE.sub(lambda place: values[place[1]], template)


def in_script(data: Mapping[str, Any]) -> str:
    """Return data as JSON that cannot end the element around it."""
    return json.dumps(data, separators=(",", ":")).translate(_IN_SCRIPTS)


def _read(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text()


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _title(run: RunInfo) -> str:
    return printable(run.batch.name) or f"Run {short_id(run.batch.id)}"


def _tiles(run: Run, times: Times) -> str:
    info = run.info
    tiles = [("Jobs", str(info.jobs), ""), ("Ok", str(info.ok), "ok" if info.ok else "")]
    tiles.append(("Failed", str(info.failed), "failed" if info.failed else ""))
    if not info.has_ended:
        tiles += [("Running", str(info.running), ""), ("Queued", str(info.queued), "")]
    tiles += [("Took" if info.has_ended else "So far", duration(times.length_us), ""), ("CPU", duration(sum(map(cpu_us, run.jobs))), "")]
    if run.slots:
        tiles.append(("Slots in use", f"{min(1.0, times.busy_us / times.length_us / run.slots):.0%}", ""))
    return "".join(f'<div class="tile {kind}"><dt>{name}</dt><dd>{value}</dd></div>' for name, value, kind in tiles)


def _failures(run: Run) -> str:
    if not run.info.failed:
        return '<p class="quiet">No job failed.</p>'
    shown = []
    for position, (job, tail) in enumerate(run.info.failures):
        lines = "\n".join(escape(line) for line in last_lines(tail, run.tail_lines))
        said = escape(printable(how_it_ended(job.outcome))) if job.outcome else ""
        name, number = escape(as_shown(job)), short_id(job.key.id)
        nothing = "It wrote nothing to standard error." if job.started_at_us else "It did not run."
        log = f'<pre tabindex="0">{lines}</pre>' if lines else f'<p class="quiet">{nothing}</p>'
        shown.append(
            f"<details{' open' if position < _OPEN_FAILURES else ''}><summary><b>{name}</b> <code>{number}</code>"
            f" <span>{said}</span></summary>{log}</details>"
        )
    if (more := run.info.failed - len(shown)) > 0:
        shown.append(f'<p class="quiet">{more} more failed; they are in the table below.</p>')
    return "".join(shown)


def _most(used: Used) -> str:
    if not used.jobs:
        return ""
    rows = "".join(
        f'<li><span class="what">{escape(as_shown(job))}</span><meter value="{part:.3f}" aria-label="{used.what}">{amount}</meter>'
        f'<span class="amount">{amount}</span></li>'
        for job, amount, part in used.jobs
    )
    return f"<div><h3>{used.what}</h3><ol>{rows}</ol></div>"
