"""All that the page shows, of one moment. Every question to the ledger follows an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ich_node.health import ServiceHealth, Trouble, TroubleKind, services, troubles_now
from ich_node.health.certificates import Certificate, certificates
from ich_node.health.disks import Disk, disks
from ich_node.health.sentences import remedy_of, sentence_of
from ich_node.health.services import is_alive
from ich_node.ledger.backlog import Backlog, backlog
from ich_node.ledger.current import Arriving, BeingRead, BeingSent, LastObject, Queue, SeriesOutcome
from ich_node.ledger.destination_states import DestinationState
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.pauses import RECEIVING, TO, Pause
from ich_node.ledger.status import JobsAt, OwedTo, Stage
from ich_node.web.now.chart import HOURS, MOST_SERIES, Chart, chart_of
from ich_node.web.site import Site

MOST_ARRIVING = 5
MOST_RESULTS = 12
# Of these it is not known since when, only that it is so.
WITHOUT_BEGINNING = (TroubleKind.DISK_FULL, TroubleKind.CERTIFICATE_EXPIRES)
PAGES = {
    TroubleKind.SERVICE_DOWN: "/#services",
    TroubleKind.DISK_FULL: "/#disks",
    TroubleKind.HEAD_OVERDUE: "/series",
    TroubleKind.SERIES_FAILED: "/series",
    TroubleKind.READER_KILLED: "/series",
    TroubleKind.DELIVERY_FAILED: "/owed",
    TroubleKind.DESTINATION_DOWN: "/owed",
    TroubleKind.CERTIFICATE_EXPIRES: "/config",
    TroubleKind.SCORES_DRIFTED: "/quality",
}


@dataclass(frozen=True, kw_only=True)
class ToMend:
    """A trouble in words. page: where it is mended; since: None if that is not known."""

    kind: TroubleKind
    sentence: str
    remedy: str
    since: datetime | None
    page: str


@dataclass(frozen=True, kw_only=True)
class Process:
    """is_alive: its heartbeat is not too old."""

    heartbeat: Heartbeat
    is_alive: bool


@dataclass(frozen=True, kw_only=True)
class ServiceWithProcesses:
    """One of the node's, with its processes."""

    health: ServiceHealth
    processes: Sequence[Process]


@dataclass(frozen=True, kw_only=True)
class JobBeingRead:
    """A job that is read; process: of the analyser that does, if it is known."""

    job: BeingRead
    process: Heartbeat | None


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A destination. kind: None if config.toml does not name it any more, and it is still owed
    something.
    """

    name: str
    kind: str | None
    state: DestinationState | None
    owed: OwedTo | None
    sending: int
    pause: Pause | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """backlog: what still waits, while the node is drained."""

    at: datetime
    troubles: Sequence[ToMend]
    services: Sequence[ServiceWithProcesses]
    last_object: LastObject | None
    arriving: Sequence[Arriving]
    stages: Mapping[Stage, JobsAt]
    queues: Sequence[Queue]
    reading: Sequence[JobBeingRead]
    sending: Sequence[BeingSent]
    results: Sequence[SeriesOutcome]
    chart: Chart
    destinations: Sequence[Receiver]
    disks: Sequence[Disk]
    certificates: Sequence[Certificate]
    pauses: Sequence[Pause]
    backlog: Backlog | None


def facts_of(site: Site) -> Facts:
    """Raises Unavailable."""
    ledger, config, now = site.ledger, site.config(), site.clock()
    all_services = services(ledger, now)
    processes = {
        (process.host, process.pid): process
        for service in all_services
        for process in service.processes
    }
    pauses = ledger.pauses.in_force(now)
    is_drained = any(pause.target == RECEIVING for pause in pauses)
    since = now - timedelta(hours=HOURS)
    sending = ledger.current.being_sent()
    return Facts(
        at=now,
        troubles=[_to_mend(trouble) for trouble in troubles_now(ledger, config, now)],
        services=[
            ServiceWithProcesses(
                health=service,
                processes=[
                    Process(heartbeat=each, is_alive=is_alive(each, now))
                    for each in service.processes
                ],
            )
            for service in all_services
        ],
        last_object=ledger.current.last_object(),
        arriving=ledger.current.arriving(now, limit=MOST_ARRIVING),
        stages=ledger.status.jobs_by_state(now),
        queues=ledger.current.queues(now),
        reading=[
            JobBeingRead(job=job, process=processes.get(_host_and_pid(job.owner)))
            for job in ledger.current.being_read()
        ],
        sending=sending,
        results=ledger.current.newest_outcomes(limit=MOST_RESULTS),
        chart=chart_of(ledger.current.outcomes_since(since, limit=MOST_SERIES), now),
        destinations=_destinations(site, now, pauses, sending),
        disks=disks(config),
        certificates=certificates(config),
        pauses=pauses,
        backlog=backlog(ledger.database) if is_drained else None,
    )


def _to_mend(trouble: Trouble) -> ToMend:
    return ToMend(
        kind=trouble.kind,
        sentence=sentence_of(trouble),
        remedy=remedy_of(trouble),
        since=None if trouble.kind in WITHOUT_BEGINNING else trouble.since,
        page=_page(trouble),
    )


def _page(trouble: Trouble) -> str:
    page, job = PAGES[trouble.kind], trouble.facts.get("job")
    if page == "/series" and job is not None:
        return f"{page}/{job}"
    if trouble.kind is TroubleKind.SERIES_FAILED:
        return f"{page}?state=failed"
    return page


def _host_and_pid(owner: str) -> tuple[str, int]:
    """Of the owner of a lease."""
    host, _, process = owner.rpartition(":")
    pid = process.partition(".")[0]
    return host, int(pid) if pid.isdecimal() else 0


def _destinations(
    site: Site, now: datetime, pauses: Sequence[Pause], sending: Sequence[BeingSent]
) -> list[Receiver]:
    """Those of the configuration, and those that are owed something all the same."""
    ledger = site.ledger
    kinds = {each.name: each.kind for each in site.config().destinations}
    owed = {each.destination: each for each in ledger.status.owed_by_destination(now)}
    states = {each.destination: each for each in ledger.destination_states.all()}
    paused = {each.target.removeprefix(TO): each for each in pauses if each.target.startswith(TO)}
    sent = {each.destination: each.objects for each in sending}
    return [
        Receiver(
            name=name,
            kind=kinds.get(name),
            state=states.get(name),
            owed=owed.get(name),
            sending=sent.get(name, 0),
            pause=paused.get(name),
        )
        for name in [*kinds, *sorted(set(owed) - set(kinds))]
    ]
