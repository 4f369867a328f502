"""What the page of one series shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ich_node.ledger import (
    Delivery,
    DeliveryState,
    Instance,
    Job,
    JobEvent,
    Scan,
    SecondReading,
    Verdict,
)
from ich_node.ledger.possible import Possible, possible
from ich_node.ledger.story import Fate, fates, joined
from ich_node.notification import KIND, NotANotification, Notification, decode
from ich_node.web.site import Site

ENDS = ("done", "refused", "failed")


@dataclass(frozen=True, kw_only=True)
class Step:
    """name: first, last, claimed, answered, or delivered. seconds: since the step before; of a
    delivery since the answer. destination: of a delivery.
    """

    name: str
    at: datetime
    seconds: float
    destination: str = ""


@dataclass(frozen=True, kw_only=True)
class SeriesView:
    """told: its newest message, if it is still in the spool. by_id: the jobs of its study. results:
    how many of each kind. bundle_name: empty if the node does not know the bundle any more.
    """

    job: Job
    study: Sequence[Job]
    told: Notification | None
    instances: Sequence[Instance]
    scan: Scan | None
    bundle_name: str
    events: Sequence[JobEvent]
    steps: Sequence[Step]
    fates: Sequence[Fate]
    results: dict[str, int]
    readings: Sequence[SecondReading]
    verdicts: Sequence[Verdict]
    possible: Possible
    swept_at: datetime | None

    @property
    def by_id(self) -> dict[int, Job]:
        return {each.id: each for each in self.study}

    @property
    def revisions(self) -> list[Job]:
        """The others of this series."""
        mine = self.job.series_instance_uid
        return [
            each
            for each in self.study
            if each.series_instance_uid == mine and each.id != self.job.id
        ]

    @property
    def others(self) -> list[Job]:
        """The other series of the study, each in its newest revision."""
        newest = {each.series_instance_uid: each for each in self.study}
        newest.pop(self.job.series_instance_uid, None)
        return list(newest.values())

    @property
    def changes(self) -> bool:
        """Whether something is still to happen by itself."""
        unsettled = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.STORED)
        return self.job.state in ("WAITING", "READING", "HELD") or any(
            fate.state in unsettled for fate in self.fates
        )


def view_of(site: Site, job: Job) -> SeriesView:
    operator = site.ledger.operator
    deliveries, swept_at = operator.deliveries(job.id), operator.swept_at(job.id)
    events = operator.events(job.id)
    results = operator.results(job.id)
    kinds: dict[str, int] = {}
    for result in results:
        kinds[result.kind] = kinds.get(result.kind, 0) + 1
    messages = [result.path for result in results if result.kind == KIND]
    told = _told(site, messages[-1]) if messages and swept_at is None else None
    return SeriesView(
        job=job,
        study=operator.study(job),
        told=told,
        instances=operator.instances(job),
        scan=operator.scan(job.id),
        bundle_name=_bundle_name(site, job.bundle_sha256, told),
        events=joined(events),
        steps=steps_of(job, events, deliveries),
        fates=fates(deliveries),
        results=kinds,
        readings=site.ledger.rereading.of_job(job.id),
        verdicts=site.ledger.verdicts.of_job(job.id),
        possible=possible(job, deliveries, is_swept=swept_at is not None),
        swept_at=swept_at,
    )


def steps_of(job: Job, events: Sequence[JobEvent], deliveries: Sequence[Delivery]) -> list[Step]:
    """From the first object to the destinations that have everything."""
    times = [("first", job.first_received_at), ("last", job.last_received_at)]
    ended = max((each.at for each in events if each.event in ENDS), default=None)
    claims = [each.at for each in events if each.event == "claimed"]
    claimed = max((at for at in claims if ended is None or at <= ended), default=None)
    if claimed is not None:
        times.append(("claimed", claimed))
    if ended is not None:
        times.append(("answered", ended))
    steps = [
        Step(name=name, at=at, seconds=(at - times[max(index - 1, 0)][1]).total_seconds())
        for index, (name, at) in enumerate(times)
    ]
    return steps + (_deliveries(ended, deliveries) if ended is not None else [])


def _deliveries(since: datetime, deliveries: Sequence[Delivery]) -> list[Step]:
    arrived: dict[str, datetime] = {}
    owed = {each.destination for each in deliveries if each.state is not DeliveryState.SENT}
    for each in deliveries:
        if each.sent_at is not None and each.destination not in owed:
            at = arrived.get(each.destination, each.sent_at)
            arrived[each.destination] = max(at, each.sent_at)
    return [
        Step(
            name="delivered",
            at=at,
            seconds=(at - since).total_seconds(),
            destination=destination,
        )
        for destination, at in sorted(arrived.items(), key=lambda one: one[1])
    ]


def _told(site: Site, path: str) -> Notification | None:
    """Also None of a message that another version wrote."""
    try:
        return decode(site.spool.read(path))
    except (FileNotFoundError, NotANotification):
        return None


def _bundle_name(site: Site, sha256: str | None, told: Notification | None) -> str:
    if told is not None and told.bundle_sha256 == sha256:
        return told.bundle_name
    used = site.ledger.comparing.used_bundles() if sha256 else []
    return next((each.name for each in used if each.sha256 == sha256), "")
