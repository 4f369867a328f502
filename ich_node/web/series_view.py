"""What the page of one series shows."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ich_node.answer import Answer
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
class SaidOfSeries:
    """What the model said, in numbers and sentences. slices: those that were read."""

    threshold: float
    slices: int
    positive_slices: int
    lesions: int
    missing: Sequence[str]
    warnings: Sequence[str]
    demonstration: bool
    bundle_name: str


@dataclass(frozen=True, kw_only=True)
class SeriesView:
    """said: if its message, or its reading, is still in the spool. by_id: the jobs of its study.
    results: how many of each kind. bundle_name: empty if the node does not know the bundle any
    more.
    """

    job: Job
    study: Sequence[Job]
    said: SaidOfSeries | None
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
    said = _said(site, job, [result.path for result in results if result.kind == KIND])
    return SeriesView(
        job=job,
        study=operator.study(job),
        said=said,
        instances=operator.instances(job),
        scan=operator.scan(job.id),
        bundle_name=_bundle_name(site, job, said),
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


def _said(site: Site, job: Job, messages: Sequence[str]) -> SaidOfSeries | None:
    """By the reading that is kept for the viewer, or by the newest message."""
    if job.answer in (None, Answer.NOT_ANALYSED):
        return None
    kept = site.pictures.of(job).reading
    if kept is not None:
        scores = [each.probability for each in kept.slices]
        return SaidOfSeries(
            threshold=kept.threshold,
            slices=len(scores),
            positive_slices=sum(score >= kept.threshold for score in scores),
            lesions=len(kept.lesions),
            missing=[each.detail for each in kept.missing],
            warnings=[each.detail for each in kept.warnings],
            demonstration=kept.demonstration,
            bundle_name=kept.bundle.name,
        )
    for path in messages[-1:]:
        with suppress(FileNotFoundError, NotANotification):  # swept, or of another version
            return _said_by(decode(site.spool.read(path)))
    return None


def _said_by(told: Notification) -> SaidOfSeries | None:
    if told.threshold is None or told.withdrawal is not None:
        return None
    return SaidOfSeries(
        threshold=told.threshold,
        slices=told.slices or 0,
        positive_slices=told.positive_slices or 0,
        lesions=told.lesions or 0,
        missing=[each.sentence() for each in told.missing],
        warnings=[each.detail for each in told.warnings],
        demonstration=told.demonstration,
        bundle_name=told.bundle_name,
    )


def _bundle_name(site: Site, job: Job, said: SaidOfSeries | None) -> str:
    if said is not None:
        return said.bundle_name
    used = site.ledger.comparing.used_bundles() if job.bundle_sha256 else []
    return next((each.name for each in used if each.sha256 == job.bundle_sha256), "")
