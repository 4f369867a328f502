"""A node with delivered series, and the tasks of its maintenance."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ich_node.config.settings import SpoolSettings
from ich_node.ledger import Instance, Job
from ich_node.maintenance import Maintenance, housekeeping
from ich_node.spool import Stored
from tests.support.node import Node
from tests.support.results import give_results, result_object
from tests.support.standing_clock import Clock

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=15)
BEGAN = datetime.now(UTC) - 30 * DAY  # files have the time of the machine
REMOVE_FILES = (
    "sweep_spool_by_retention",
    "sweep_spool_at_watermark",
    "remove_files_without_row",
)


@dataclass(kw_only=True)
class MaintainedNode(Node):
    """With delivered series. Its time begins long before the machine's."""

    clock: Clock = field(default_factory=lambda: Clock(now=BEGAN))

    def maintenance(self, *, keep_days: float = 365, **settings: Any) -> Maintenance:
        """settings: of [spool]. By default the disk is never too full."""
        tasks = housekeeping(
            ledger=self.ledger.maintenance,
            spool=self.spool,
            settings=SpoolSettings(**{"watermark_percent": 100, **settings}),
            keep_days=keep_days,
            longest_wait=LONGEST_WAIT,
            clock=self.clock,
            ticks=self.clock.ticks,
        )
        return Maintenance(tasks=tasks, clock=self.clock, ticks=self.clock.ticks)

    def deliver(self, series: int = 1, state: str = "SENT") -> int:
        """A series with one result, whose delivery is in this state; the number of the job."""
        give_results(
            self.ledger, self.spool, [result_object(0, series=series)], ("pacs",), self.clock.now
        )
        if state != "PENDING":
            (delivery,) = self.ledger.delivery.claim_deliveries(
                owner="me", now=self.clock.now, lease=DAY, limit=9
            )
            held: dict[str, Any] = {"owner": "me", "now": self.clock.now}
            if state == "SENT":
                self.ledger.delivery.delivered([delivery.id], **held)
            elif state == "FAILED":
                self.ledger.delivery.give_up([delivery.id], **held, detail="away")
            elif state == "STORED":
                self.ledger.delivery.stored(
                    [delivery.id],
                    **held,
                    transaction_uid="2.25.1",
                    answer_by=self.clock.now + 90 * DAY,
                )
        return self.ledger.operator.list()[0].id

    def add_object(self, number: int, *, series: int = 1) -> Instance:
        """A CT slice arrives."""
        return self.record(number, self.spool.put(str(number).encode()), series=series)

    def record(self, number: int, stored: Stored, *, series: int = 1) -> Instance:
        """Write the row of a slice that is in the spool."""
        result = result_object(0, series=series)
        arrived = Instance(
            sop_instance_uid=f"{result.SeriesInstanceUID}.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            study_instance_uid=result.StudyInstanceUID,
            series_instance_uid=result.SeriesInstanceUID,
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
            source="ct",
            received_at=self.clock.now,
        )
        self.ledger.receiving.add(arrived, ready_at=self.clock.now, max_wait=DAY)
        return arrived

    def claim(self) -> Job:
        job = self.ledger.reading.claim(
            owner="me", now=self.clock.now + DAY, lease=DAY, max_attempts=3
        )
        assert job is not None
        return job

    def refuse(self) -> None:
        """The series that is due is refused."""
        self.ledger.reading.refuse(
            self.claim(), now=self.clock.now, reason="too_few_slices", detail=""
        )

    def files(self) -> list[Path]:
        return sorted(
            self.spool.absolute("objects/00/" + "0" * 64 + ".dcm").parents[1].rglob("*.dcm")
        )

    def age(self) -> None:
        """Files have the time of the machine: make them as old as the node's clock says."""
        for path in self.files():
            os.utime(path, (0, 0))


def files_removed(maintenance: Maintenance) -> int:
    """Run what is due; how many files are gone."""
    changed = maintenance.run_due()
    return sum(changed.get(name, 0) for name in REMOVE_FILES)
