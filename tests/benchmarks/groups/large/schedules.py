"""The cost of schedules that are not due: processor time of an idle worker that has a thousand of them."""

from __future__ import annotations

from groups.idle import each, ticks
from stage import Ground
from table import Line, amount, at_most

SCHEDULES = 1000


def measure(ground: Ground) -> list[Line]:
    """Measure a worker that waits for its schedules, without a subscriber."""
    seconds = 5 if ground.quick else 20
    with ground.stage(slots=4) as stage:
        with stage.client() as client:
            for number in range(SCHEDULES):
                # Never while this is measured, and each at another time.
                client.schedules.add(f"schedule-{number}", ["true"], cron=f"{number % 60} {number % 24} 29 2 *", zone="Europe/Berlin")
        stage.wait_for_end_of("worker", 2)
        before = ticks(stage)
        if stage.wait_for_end_of("worker", seconds):
            raise RuntimeError(f"the worker ended:\n{stage.logged()}")
        spent = {name: after - before[name] for name, after in ticks(stage).items()}
    return [
        amount(
            f"{SCHEDULES} schedules, idle for {seconds} s, processor time", sum(spent.values()), at_most(0, 0, "ticks"), note=each(spent)
        )
    ]
