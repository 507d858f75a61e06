"""The page of a report, opened in a browser: it draws, is searched and walked through, and fits a phone, with any number of jobs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from home import Home
from made_runs import large_run, run_of

from jobwire.client.cli.report.page import Run, page_of

CHROMIUM = shutil.which("chromium")
EVIL = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
# As wide as a phone.
WIDTH = 390
# The pages are in frames, where this script may look at them; their own policies hold there.
LOOK = """
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
async function look(frame) {
  const page = frame.contentDocument, byId = (id) => page.getElementById(id), found = {};
  const painted = (id) => {
    const canvas = byId(id), data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return data.filter((value, at) => at % 4 === 3 && value > 0).length;
  };
  const press = (key) => byId('bars').dispatchEvent(new frame.contentWindow.KeyboardEvent('keydown', { key, bubbles: true }));
  await pause(300);
  found.ready = page.documentElement.dataset.ready;
  found.scrolls = page.documentElement.scrollWidth > page.documentElement.clientWidth;
  found.rows = byId('rows').children.length;
  found.bars = painted('bars');
  found.busy = painted('busy');
  press('ArrowRight');
  found.first = byId('chosen').textContent;
  press('ArrowRight');
  found.second = byId('chosen').textContent;
  byId('headings').children[1].firstChild.click();
  found.sorted = byId('headings').children[1].getAttribute('aria-sort');
  byId('kind').value = '1';
  byId('kind').dispatchEvent(new frame.contentWindow.Event('change'));
  found.failed = byId('count').textContent;
  byId('text').value = 'NO such';
  byId('text').dispatchEvent(new frame.contentWindow.Event('input'));
  found.matches = byId('count').textContent;
  found.hurt = frame.contentWindow.hurt || window.hurt || 0;
  return found;
}
addEventListener('load', async () => {
  const found = [];
  for (const frame of document.querySelectorAll('iframe')) found.push(await look(frame));
  document.body.append(Object.assign(document.createElement('output'), { textContent: JSON.stringify(found) }));
});
"""


def looked_at(folder: Path, *pages: str) -> list[dict[str, Any]]:
    """Return what a browser shows of pages."""
    frames = "".join(f'<iframe width="{WIDTH}" height="800" srcdoc="{escape(page)}"></iframe>' for page in pages)
    (folder / "look.html").write_text(f"<!doctype html><meta charset=utf-8><script>{LOOK}</script>{frames}")
    command = [
        str(CHROMIUM),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder}/chromium",
    ]
    command += ["--virtual-time-budget=10000", "--dump-dom", f"file://{folder}/look.html"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout
    output = re.search(r"<output>(.*)</output>", shown)
    assert output is not None, shown[-2000:]
    return json.loads(unescape(output[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_report_is_a_page_that_works_in_a_browser(home: Home, tmp_path: Path) -> None:
    program = 'test "$1" != 2 || { echo one >&2; echo "$2" >&2; exit 3; }'
    jobs = [{"argv": ["sh", "-c", program, "sh", str(number), EVIL], "name": f"step-{number}"} for number in range(1, 5)]
    jobs.append({"argv": ["true", "\udcff"]})
    (tmp_path / "jobs.json").write_text(json.dumps({"batch": {"name": "steps"}, "job": jobs}))
    home.jobwire("batch", "-q", str(tmp_path / "jobs.json"), status=1)
    home.jobwire("report", "steps", "-o", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert not [name for name in tmp_path.iterdir() if "report.html." in name.name]
    assert home.jobwire("report", "steps", "-o", "-").stdout.decode().startswith("<!doctype html>")
    assert b"there is no batch typo" in home.jobwire("report", "typo", "-o", "-", status=1).stderr
    assert b"/none/report.html cannot be written" in home.jobwire("report", "steps", "-o", "/none/report.html", status=2).stderr

    many = large_run(10_000, 16)
    small, large = looked_at(tmp_path, page, page_of(Run(run_of(many, b"out of memory\n"), many, 16, "Made now.", 20)))
    assert (small["ready"], large["ready"]) == ("yes", "yes")
    assert (small["scrolls"], large["scrolls"], small["hurt"]) == (False, False, 0)
    assert (small["rows"], large["rows"]) == (5, 100)
    assert min(small["bars"], small["busy"]) > 1000
    assert large["bars"] > WIDTH * 100
    assert re.match(r"(step-\d|true)", small["first"])
    assert small["first"] != small["second"]
    assert small["sorted"] == "ascending"
    assert small["failed"] == "1 of 5 jobs"
    assert large["failed"].startswith("104 of 10000 jobs")
    assert (small["matches"], large["matches"]) == ("0 of 5 jobs", "0 of 10000 jobs")
