"""The parent of all jobs: spawns, pumps output, waits, signals, writes outcomes. Knows no network and no keys."""
