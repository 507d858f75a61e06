"""Events of the past, and an end."""

from __future__ import annotations

from pathlib import Path

from home import Home, read_until


def test_events_since_a_time_end_when_nothing_runs_any_more(own_home: Home, tmp_path: Path) -> None:
    own_home.jobwire("run", "-n", "first", "true")
    cursor = own_home.records("events", "--since", "1h", "--until-idle")[-1]["cursor"]
    assert b"first  exited with status 0" in own_home.jobwire("events", "--since", "1h", "--until-idle").stdout
    # Nothing runs and nothing happened: it ends at once.
    assert own_home.jobwire("events", "--until-idle").stdout == b""
    go_on = tmp_path / "go on"
    own_home.submit("-n", "second", "sh", "-c", 'until [ -e "$0" ]; do sleep 0.05; done; exit 3', str(go_on))
    third = own_home.submit("-n", "third", "--after", "any:second", "true")
    telling = own_home.start("events", "--from", cursor, "--until-idle")
    of_one = own_home.start("events", "--until-idle", "--since", "1h", "--job", third)
    assert telling.stdout
    assert of_one.stdout
    before = read_until(telling.stdout, b"second  started")
    read_until(of_one.stdout, b"third  queued")
    go_on.touch()
    told = before + telling.communicate(timeout=60)[0]
    assert b"first" not in told
    assert b"second  exited with status 3" in told
    # The one that waited for it is the last that ends.
    assert told.splitlines()[-1].endswith(b"third  exited with status 0")
    rest, _ = of_one.communicate(timeout=60)
    assert rest.splitlines()[-1].endswith(b"third  exited with status 0")
    assert b"second" not in rest
    assert (telling.returncode, of_one.returncode) == (0, 0)
    assert b"where to start" in own_home.jobwire("events", "--since", "1h", "--from", "start", status=2).stderr
