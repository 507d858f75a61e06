#!/usr/bin/env python3
"""The steps of weather.toml: `fetch URL FILE`, `convert CSV JSON`, `load JSON DATABASE`, `summary DATABASE`.

Each step can be run again: a file is complete or not there, and rows are replaced.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import urllib.request
from contextlib import closing
from pathlib import Path


def fetch(url: str, file: str) -> None:
    """Download a file; it appears when it is complete."""
    part = Path(f"{file}.part")
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 -- the address is that of the batch
        part.write_bytes(answer.read())
    part.replace(file)


def convert(source: str, target: str) -> None:
    """Turn degrees Celsius into Fahrenheit."""
    with Path(source).open(newline="") as file:
        rows = [{"day": int(row["day"]), **{key: float(row[key]) * 1.8 + 32 for key in ("high", "low")}} for row in csv.DictReader(file)]
    Path(target).write_text(json.dumps(rows))


def load(source: str, database: str) -> None:
    """Put the rows of a station into the database, in place of those that are there."""
    station = Path(source).stem
    rows = [(station, row["day"], row["high"], row["low"]) for row in json.loads(Path(source).read_text())]
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("create table if not exists weather (station, day, high, low, primary key (station, day))")
        db.executemany("insert or replace into weather values (?, ?, ?, ?)", rows)
    print(f"{len(rows)} rows of {station}")


def summary(database: str) -> None:
    """Print the warmest day of each station."""
    with closing(sqlite3.connect(database)) as db:
        for station, day, high in db.execute("select station, day, max(high) from weather group by station order by station"):
            print(f"{station}: day {day}, {high:.1f} F")


if __name__ == "__main__":
    {"fetch": fetch, "convert": convert, "load": load, "summary": summary}[sys.argv[1]](*sys.argv[2:])
