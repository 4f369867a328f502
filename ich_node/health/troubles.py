"""All that is wrong now."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ich_node.config.config import Config
from ich_node.health.certificates import certificates
from ich_node.health.disks import disks
from ich_node.health.services import GRACE, is_alive, missing_since, services
from ich_node.health.trouble import Trouble, TroubleKind
from ich_node.ledger import Ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.measurements import DRIFT
from ich_node.ledger.pauses import TO
from ich_node.ledger.troubles import Some, TroubledJob

DOWN_FOR = timedelta(minutes=15)
# A reader that was killed is a trouble for so long; most series are read at the next attempt.
KILLED_FOR = timedelta(hours=1)
DRIFT_COUNTS_FOR = timedelta(hours=3)
# An upgrade of several hosts, one after the other, may take so long.
DIFFER_FOR = timedelta(days=1)
OTHERS = "others"  # the subject of what is not listed one by one


def troubles_now(ledger: Ledger, config: Config, now: datetime) -> list[Trouble]:
    """In the order in which they want a hand. Of a kind at most 20 series are listed, the oldest;
    one more trouble says how many others there are. Raises Unavailable.
    """
    found = [
        *_services(ledger, now),
        *_disks(config, now),
        *_jobs(
            TroubleKind.HEAD_OVERDUE,
            ledger.troubles.overdue_series(
                long_ago=now - timedelta(minutes=config.study.overdue_minutes)
            ),
            now,
        ),
        *_jobs(TroubleKind.SERIES_FAILED, ledger.troubles.failed_series(), now),
        *_jobs(
            TroubleKind.READER_KILLED, ledger.troubles.killed_readers(since=now - KILLED_FOR), now
        ),
        *_given_up(ledger, now),
        *_destinations(ledger, config, now),
        *_certificates(config, now),
        *_drift(ledger, now),
        *_versions(ledger, now),
    ]
    order = list(TroubleKind)
    return sorted(found, key=lambda trouble: order.index(trouble.kind))


def _services(ledger: Ledger, now: datetime) -> Iterator[Trouble]:
    all_of_them = services(ledger, now)
    for each in all_of_them:
        since = missing_since(all_of_them, each)
        if not each.is_up and since is not None and now - since > GRACE:
            yield Trouble(
                kind=TroubleKind.SERVICE_DOWN,
                subject=each.service,
                since=since,
                facts={
                    "service": each.service,
                    "hosts": sorted({process.host for process in each.processes}),
                },
            )


def _disks(config: Config, now: datetime) -> Iterator[Trouble]:
    for disk in disks(config):
        if disk.refuses or disk.is_filling:
            yield Trouble(
                kind=TroubleKind.DISK_FULL,
                subject=disk.holds,
                since=now,
                facts={
                    "holds": disk.holds,
                    "free_bytes": disk.free_bytes,
                    "used_percent": round(disk.used_percent),
                    "reserve_bytes": disk.reserve_bytes,
                },
            )


def _jobs(kind: TroubleKind, found: Some[TroubledJob], now: datetime) -> Iterator[Trouble]:
    for job in found.first:
        yield Trouble(
            kind=kind,
            subject=f"job {job.job_id}",
            since=job.since,
            facts={
                "job": job.job_id,
                "series_instance_uid": job.series_instance_uid,
                "source": job.source,
                "reason": job.reason,
                "seconds": (now - job.since).total_seconds(),
            },
        )
    yield from _more(kind, found, now)


def _given_up(ledger: Ledger, now: datetime) -> Iterator[Trouble]:
    found = ledger.troubles.given_up()
    for each in found.first:
        yield Trouble(
            kind=TroubleKind.DELIVERY_FAILED,
            subject=f"job {each.job_id}, {each.destination}",
            since=each.since,
            facts={
                "job": each.job_id,
                "destination": each.destination,
                "objects": each.objects,
                "seconds": (now - each.since).total_seconds(),
            },
        )
    yield from _more(TroubleKind.DELIVERY_FAILED, found, now)


def _more(kind: TroubleKind, found: Some[Any], now: datetime) -> Sequence[Trouble]:
    if not found.more:
        return ()
    return (Trouble(kind=kind, subject=OTHERS, since=now, facts={"more": found.more}),)


def _destinations(ledger: Ledger, config: Config, now: datetime) -> Iterator[Trouble]:
    """One that an operator has paused is not missed."""
    paused = {pause.target.removeprefix(TO) for pause in ledger.pauses.in_force(now)}
    missed = {each.name for each in config.destinations} - paused
    for state in ledger.destination_states.all():
        if not state.is_up and state.destination in missed and now - state.since >= DOWN_FOR:
            yield Trouble(
                kind=TroubleKind.DESTINATION_DOWN,
                subject=state.destination,
                since=state.since,
                facts={
                    "destination": state.destination,
                    "detail": state.detail,
                    "seconds": (now - state.since).total_seconds(),
                },
            )


def _certificates(config: Config, now: datetime) -> Iterator[Trouble]:
    for each in certificates(config):
        facts: Mapping[str, Any] = {"of": each.of, "path": str(each.path)}
        if each.ends is None:
            facts = {**facts, "problem": each.problem}
        elif each.ends - now >= timedelta(days=config.tls.warn_days):
            continue
        else:
            facts = {
                **facts,
                "ends": each.ends.isoformat(),
                "seconds": (each.ends - now).total_seconds(),
            }
        yield Trouble(kind=TroubleKind.CERTIFICATE_EXPIRES, subject=each.of, since=now, facts=facts)


def _drift(ledger: Ledger, now: datetime) -> Iterator[Trouble]:
    found = ledger.measurements.newest(DRIFT)
    if found is None or not found.facts["has_drifted"] or now - found.at > DRIFT_COUNTS_FOR:
        return
    yield Trouble(
        kind=TroubleKind.SCORES_DRIFTED,
        subject=str(found.facts["bundle_sha256"]),
        since=datetime.fromisoformat(found.facts["since"]),
        facts=found.facts,
    )


def _versions(ledger: Ledger, now: datetime) -> Iterator[Trouble]:
    """Of the processes that live: a host was left out, or a service was not restarted."""
    by_version: dict[str, list[Heartbeat]] = {}
    for process in ledger.heartbeats.all():
        if is_alive(process, now):
            by_version.setdefault(process.version, []).append(process)
    if len(by_version) < 2:
        return
    began = sorted(min(each.started_at for each in found) for found in by_version.values())
    if now - began[1] < DIFFER_FOR:
        return
    yield Trouble(
        kind=TroubleKind.VERSIONS_DIFFER,
        subject="versions",
        since=began[1],
        facts={
            "seconds": (now - began[1]).total_seconds(),
            "versions": "; ".join(
                f"{version}: "
                + ", ".join(sorted(f"{each.service} on {each.host}" for each in found))
                for version, found in sorted(by_version.items())
            ),
        },
    )
