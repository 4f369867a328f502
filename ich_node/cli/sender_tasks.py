"""What `send` does beside its deliveries."""

import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ich_node.config.config import Config
    from ich_node.deliver.watch import DestinationWatch
    from ich_node.health import Trouble
    from ich_node.ledger import Ledger
    from ich_node.maintenance import Task
    from ich_node.spool import Spool

MOST_EVENTS = 1000  # of the journal, removed in one transaction
MOST_PRUNED = 500  # incidents, in one transaction


def now() -> datetime:
    """The clock of the node."""
    return datetime.now(UTC)


def tasks_of_sender(
    config: "Config",
    ledger: "Ledger",
    spool: "Spool",
    watch: "DestinationWatch",
    *,
    owner: str,
) -> "list[Task]":
    """owner: the name of this process in leases."""
    from ich_node.analyse.active_bundle import active_path, references_of_active
    from ich_node.auditing import AuditReporter, AuditSource, Repository
    from ich_node.commission.record import Records
    from ich_node.deliver.retry import LONGEST_RETRY
    from ich_node.deliver.watch import LOOK_EVERY
    from ich_node.health.drift import EVERY, DriftTask
    from ich_node.health.services import KEEP
    from ich_node.maintenance import Task, housekeeping
    from ich_node.report import ReportOptions
    from ich_node.report.algorithm import algorithm_of_file
    from ich_node.study.site_rules import site_rules
    from ich_node.study.teller import Teller

    teller = Teller(
        ledger=ledger.telling,
        spool=spool,
        settings=config.study,
        options=ReportOptions(ae_title=config.scp.ae_title, **config.report.model_dump()),
        destinations=config.destinations,
        site_rules=site_rules(config),
        algorithm=lambda: algorithm_of_file(active_path(ledger.activations, config.bundle.path)),
    )
    auditor = AuditReporter(
        ledger=ledger.audit,
        source=AuditSource(ae_title=config.scp.ae_title, host=socket.gethostname()),
        repository=Repository(settings=config.audit, tls=config.tls)
        if config.audit.syslog
        else None,
    )

    def prune_journal(at: datetime) -> int:
        before = at - timedelta(days=config.database.keep_days)
        return ledger.audit.prune(before=before, limit=MOST_EVENTS)

    drift = DriftTask(
        ledger=ledger,
        references=lambda: references_of_active(ledger.activations, config.bundle.path),
    )
    second, ten_seconds = timedelta(seconds=1), timedelta(seconds=10)
    return housekeeping(
        ledger=ledger.maintenance,
        spool=spool,
        settings=config.spool,
        keep_days=config.database.keep_days,
        longest_wait=max(_longest_wait(config), LONGEST_RETRY),
        clock=now,
        always=[
            Task(name="ask_destinations", every=LOOK_EVERY, run=watch.run),
            Task(name="compare_scores", every=EVERY, run=drift.run),
            Task(name="report_journal", every=ten_seconds, run=auditor.begin),
            *_telling_tasks(config, ledger, owner),
        ],
        more=[
            Task(name="tell_not_analysed", every=second, run=teller.tell_refused),
            Task(name="end_holds", every=second, run=ledger.holds.end_over),
            Task(name="tell_overdue", every=ten_seconds, run=teller.tell_overdue),
            Task(
                name="prune_incidents",
                every=timedelta(minutes=1),
                run=lambda now: ledger.incidents.prune(
                    ended_before=now - timedelta(days=config.database.keep_days), limit=MOST_PRUNED
                ),
            ),
            Task(
                name="remove_commissionings",
                every=timedelta(hours=1),
                run=lambda at: Records(config.spool.path).remove_older(
                    at - timedelta(days=config.database.keep_days)
                ),
            ),
            Task(name="prune_journal", every=timedelta(minutes=1), run=prune_journal),
            Task(
                name="forget_processes",
                every=EVERY,
                run=lambda at: ledger.heartbeats.prune(before=at - KEEP),
            ),
        ],
    )


def _telling_tasks(config: "Config", ledger: "Ledger", owner: str) -> "list[Task]":
    """Somebody is told of troubles, and somebody notices if nobody can be told any more."""
    from ich_node.alerts import HeartbeatSender, IncidentWatch
    from ich_node.alerts.watch import EVERY
    from ich_node.cli.alerts import origin_of
    from ich_node.health.troubles import troubles_now
    from ich_node.maintenance import Task

    def find(now: datetime) -> "Sequence[Trouble]":
        return troubles_now(ledger, config, now)

    watch = IncidentWatch(
        ledger=ledger,
        alerts=config.alerts,
        origin=origin_of(config),
        owner=owner,
        clock=now,
        find=find,
    )
    tasks = [Task(name="tell_troubles", every=EVERY, run=watch.run)]
    if config.heartbeat.is_on:
        sender = HeartbeatSender(settings=config.heartbeat, find=find)
        every = timedelta(seconds=config.heartbeat.every_seconds)
        tasks.append(Task(name="send_heartbeat", every=every, run=sender.run))
    return tasks


def _longest_wait(config: "Config") -> timedelta:
    """The longest time that a series or delivery waits with this configuration: for the series to
    be complete, for a lease to end, for storage commitment, until a hold is over.
    """
    commitments = [
        getattr(destination, "commitment_timeout_seconds", 0) for destination in config.destinations
    ]
    holds = [60 * rule.hold_minutes for rule in config.rules if rule.action == "hold"]
    waits = config.series.max_wait_seconds, config.analysis.lease_seconds
    return timedelta(seconds=max(*waits, *commitments, *holds))
