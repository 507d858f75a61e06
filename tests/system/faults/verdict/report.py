"""What one run of the soak did and found, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comparison import Account
    from soak import Soak


def report(soak: Soak, account: Account, seed: int, seconds: float) -> dict[str, object]:
    """Print what a run did and found, and return it for a file."""
    kills = {deed.removeprefix("kill "): count for deed, count in sorted(soak.counts.items()) if deed.startswith("kill")}
    result: dict[str, object] = {
        "seed": seed,
        "seconds": seconds,
        "jobs": account.jobs,
        "acknowledged": len(soak.scene.acknowledged.jobs),
        "stopped": len(soak.scene.stopped),
        "resent": soak.counts["resend"],
        "batches": soak.counts["batch"],
        "asked": dict(soak.requests.asked),
        "schedules": {"by hand": soak.counts["schedule"], "by the clock": soak.timetable.firings, "runs": soak.timetable.runs},
        "attempts": account.attempts,
        "cancelled": account.cancelled,
        "kills": kills,
        "stood_still": soak.counts["still"],
        "clock_set": soak.counts["clock"],
        "attacks": soak.counts["attack"],
        "removed": sum(count for deed, count in soak.counts.items() if deed.startswith("remove")),
        "log_bytes": account.log_bytes,
        "events": account.events,
        "lost_honestly": account.honestly_lost,
        "gaps": len(soak.scene.house.gaps),
        "visits": soak.visitor.visits if soak.visitor is not None else 0,
        "problems": account.problems,
    }
    shown = ", ".join(f"{count} of {who}" for who, count in kills.items())
    print(f"seed {seed}: {account.jobs} jobs, {sum(kills.values())} kills ({shown})")
    print(f"{account.log_bytes} bytes in logs, {account.events} events stored and heard; wrong: {len(account.problems)}")
    asked = ", ".join(f"{count} {kind}" for kind, count in sorted(soak.requests.asked.items()))
    print(f"asked: {asked}; {account.attempts} attempts, {account.cancelled} cancelled, {account.over_limit} over a limit")
    times = soak.timetable
    print(f"started by schedules: {soak.counts['schedule']} by hand, {times.firings} by the clock, most in {times.runs} runs of a batch")
    print(f"nobody held the jobs {len(soak.scene.house.gaps)} times; honestly lost then: {account.honestly_lost}")
    if soak.visitor is not None:
        print(f"{soak.visitor.visits} visits, {soak.visitor.killed} killed in the middle; wrong: {len(soak.visitor.problems)}")
    return result
