"""Holds what is against what must be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ich_node.ledger import DeliveryState, Job, JobState, Ledger
from ich_node.spool import Spool
from tests.chaos.peer import Peer

MOST_JOBS = 10_000
OWED = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.STORED)


@dataclass(frozen=True)
class Judge:
    """acknowledged: what the modalities were told that we have."""

    ledger: Ledger
    spool: Spool
    acknowledged: dict[str, bytes]
    peers: Sequence[Peer]

    def wrong(self, all_series: set[str]) -> Iterator[str]:
        """One sentence for each thing that must not be."""
        jobs = self.ledger.operator.list(limit=MOST_JOBS)
        newest: dict[str, Job] = {}
        for job in sorted(jobs, key=lambda job: job.revision):
            newest[job.series_instance_uid] = job
        yield from (f"{series}: no job" for series in all_series - newest.keys())
        yield from self._lost(newest.values())
        for job in newest.values():
            if job.state is not JobState.DONE:
                yield (
                    f"job {job.id}, the newest revision of a head that can be read, is {job.state}:"
                    f" {job.reason}, {job.detail}"
                )
        for job in jobs:
            if job.state in (JobState.WAITING, JobState.READING):
                yield f"job {job.id} is stuck as {job.state}"
            if job.state in (JobState.FAILED, JobState.REFUSED) and not (job.reason and job.detail):
                yield f"job {job.id} has no reason"
            if job.state is JobState.DONE:
                yield from self._not_delivered(job)
        known = {
            result.sop_instance_uid
            for job in jobs
            for result in self.ledger.operator.results(job.id)
        }
        for peer in self.peers:
            yield from (
                f"{peer.ae_title} got {uid}, of which the ledger knows nothing"
                for uid in peer.kept.keys() - known
            )
            twice = [uid for uid, hashes in peer.kept.items() if len(hashes) > 1]
            yield from (f"{peer.ae_title} got {uid} with different bytes" for uid in twice)

    def _lost(self, newest: Any) -> Iterator[str]:
        """Acknowledged is on disk bit for bit, and covered by the newest revision of its series."""
        kept = {
            row.sop_instance_uid: row
            for job in newest
            for row in self.ledger.operator.instances(job)
        }
        for uid, data in self.acknowledged.items():
            if uid not in kept:
                yield f"{uid} was acknowledged and is not in the ledger"
            elif not self.spool.read(kept[uid].path).endswith(data):
                yield f"{uid} is on disk with other bytes"

    def _not_delivered(self, job: Job) -> Iterator[str]:
        results = self.ledger.operator.results(job.id)
        if sum(result.kind == "sr" for result in results) != 1:
            yield f"job {job.id} is done without exactly one report"
        for peer in self.peers:
            yield from (
                f"{peer.ae_title} never got {result.sop_instance_uid} of job {job.id}"
                for result in results
                if result.sop_instance_uid not in peer.kept
            )


def rests(ledger: Ledger, all_series: set[str]) -> bool:
    """Whether every series is known, every job has ended, and nothing is owed."""
    jobs = ledger.operator.list(limit=MOST_JOBS)
    known = {job.series_instance_uid for job in jobs} == all_series
    ended = all(job.state not in (JobState.WAITING, JobState.READING) for job in jobs)
    return (
        known
        and ended
        and not any(
            each.state in OWED for job in jobs for each in ledger.operator.deliveries(job.id)
        )
    )
