"""Whether the clock of this host is right: leases, times of results and certificates need it."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta

from ich_node.doctor.complaint import Complaint
from ich_node.ledger import Ledger

AHEAD = timedelta(seconds=30)  # of the clocks of two hosts
SECONDS_FOR_CLOCK = 10


def about_the_clock(*, is_synchronized: bool) -> Iterator[Complaint]:
    if not is_synchronized:
        yield Complaint(
            sentence="The clock of this host follows no server.",
            remedy="Start a client of NTP, e.g. systemd-timesyncd or chrony.",
        )


def about_other_clocks(ledger: Ledger, now: datetime) -> Iterator[Complaint]:
    """Those ahead of ours, by their heartbeats. Raises Unavailable."""
    for each in ledger.heartbeats.all():
        if each.beat_at - now > AHEAD:
            seconds = (each.beat_at - now).total_seconds()
            yield Complaint(
                sentence=f"The clock of {each.host} is {seconds:.0f} s ahead of this host's.",
                remedy="Let the clocks of all hosts follow the same servers.",
            )


def clock_is_synchronized() -> bool | None:
    """As systemd knows it; None where it cannot say."""
    program = shutil.which("timedatectl")
    if program is None:
        return None
    try:
        said = subprocess.run(
            [program, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=SECONDS_FOR_CLOCK,
            check=False,
        ).stdout.strip()
    except subprocess.TimeoutExpired:
        return None
    return {"yes": True, "no": False}.get(said)
