"""What was answered, what each destination got of it, and whether the PACS lists what it took."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ich_node.answer import Answer
from ich_node.commission.archive import Listed, list_study, source_named, source_of
from ich_node.commission.arrival import Patience
from ich_node.commission.checks import CheckOutcome, CheckPart, CommissioningCheck, check, said
from ich_node.commission.phantom import TestPatient
from ich_node.commission.record import ObjectSent
from ich_node.config.config import Config
from ich_node.config.destinations import Destination, DicomDestination, StowDestination
from ich_node.config.settings import Source
from ich_node.detection.kept_reading import KeptReading, UnreadableReading, decode
from ich_node.errors import IchNodeError
from ich_node.ledger import Delivery, DeliveryState, Job, JobState, Ledger, Result
from ich_node.percent import percent_text
from ich_node.spool import Spool

# A PACS may list an object some time after it took it.
LISTED_SECONDS = 30.0
PART = CheckPart.RESULTS


def answered_at(ledger: Ledger, job: Job) -> datetime | None:
    return ledger.searching.answered_at([job]).get(job.id)


def seconds_after_last_slice(job: Job, at: datetime | None) -> float | None:
    return None if at is None else (at - job.last_received_at).total_seconds()


def check_reading(job: Job, answered: datetime | None, *, minutes: float) -> CommissioningCheck:
    part, facts = CheckPart.ANSWER, {"job": job.id}
    match job.state:
        case JobState.DONE if job.answer is not None:
            return check(
                part,
                "read",
                CheckOutcome.PASSED,
                answer=job.answer.replace("_", " "),
                score="none" if job.series_probability is None else _score(job),
                seconds=seconds_after_last_slice(job, answered) or 0.0,
                **facts,
            )
        case JobState.REFUSED:
            reason, detail = str(job.reason), job.detail or ""
            return check(
                part, "read", CheckOutcome.FAILED, "refused", reason=reason, detail=detail, **facts
            )
        case JobState.HELD:
            return check(part, "read", CheckOutcome.FAILED, "held", rule=job.rule, **facts)
        case JobState.CANCELLED:
            return check(part, "read", CheckOutcome.FAILED, "cancelled", **facts)
        case JobState.SET_ASIDE:
            return check(part, "read", CheckOutcome.FAILED, "set_aside", **facts)
        case JobState.WAITING | JobState.READING:
            state = job.state.words
            return check(
                part, "read", CheckOutcome.FAILED, "late", state=state, minutes=minutes, **facts
            )
    return check(part, "read", CheckOutcome.FAILED, detail=job.detail or str(job.reason), **facts)


def _score(job: Job) -> str:
    assert job.series_probability is not None
    return percent_text(job.series_probability)


def kept_reading(ledger: Ledger, spool: Spool, job: Job) -> KeptReading | None:
    """Its marks; None if they were not kept."""
    file = ledger.maps.of(job.id)
    if file is None:
        return None
    try:
        return decode(spool.read(file.path)).reading
    except (OSError, UnreadableReading):
        return None


def check_bleeds(
    patient: TestPatient, job: Job, reading: KeptReading | None, *, must_find: bool
) -> CommissioningCheck:
    """must_find: a demonstration model reads, which has learned from phantoms."""
    facts: dict[str, object] = {
        "answer": (job.answer or Answer.NOT_ANALYSED).replace("_", " "),
        "planted": len(patient.bleeds),
        "kinds": patient.kinds,
    }
    if reading is None:
        return check(CheckPart.ANSWER, "found", CheckOutcome.LOOK, "unknown", **facts)
    compared = patient.compared(reading)
    facts |= {"found": compared.found, "elsewhere": compared.elsewhere}
    if job.answer is Answer.PRESENT and compared.found:
        outcome = CheckOutcome.PASSED
    else:
        outcome = CheckOutcome.FAILED if must_find else CheckOutcome.LOOK
    return check(CheckPart.ANSWER, "found", outcome, **facts)


def objects_of(job: Job, deliveries: Sequence[Delivery]) -> list[ObjectSent]:
    return [
        ObjectSent(
            destination=each.destination,
            kind=each.kind,
            sop_instance_uid=each.sop_instance_uid,
            state=each.state.lower(),
            sent_at=each.sent_at,
            seconds=seconds_after_last_slice(job, each.sent_at),
            detail=each.detail or "",
        )
        for each in deliveries
    ]


def check_deliveries(
    config: Config, job: Job, objects: Sequence[ObjectSent]
) -> Iterator[CommissioningCheck]:
    """For each destination."""
    for destination in config.destinations:
        name = destination.name
        own = [each for each in objects if each.destination == name]
        if not own:
            why = said("why_nothing", _why_nothing(destination, job), source=job.source)
            yield check(PART, "delivered", CheckOutcome.NOT_TRIED, name=name, why=why)
            continue
        sent = [each for each in own if each.seconds is not None and _is_sent(each)]
        facts = {"name": name, "count": len(own), "sent": len(sent), "job": job.id}
        if len(sent) == len(own):
            seconds = max(each.seconds or 0.0 for each in sent)
            yield check(PART, "delivered", CheckOutcome.PASSED, seconds=seconds, **facts)
        else:
            unsent = [each for each in own if not _is_sent(each)]
            detail = next((each.detail for each in unsent if each.detail), unsent[0].state)
            yield check(PART, "delivered", CheckOutcome.FAILED, detail=detail, **facts)


def _is_sent(each: ObjectSent) -> bool:
    return each.state == DeliveryState.SENT.lower()


def _why_nothing(destination: Destination, job: Job) -> str:
    if not destination.may_have({job.source}):
        return "not_routed"
    if destination.only_if_positive and job.answer is Answer.ABSENT:
        return "only_positive"
    return "otherwise"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """listed: by destination, the UIDs in the answer of the PACS; only of those that answered."""

    checks: Sequence[CommissioningCheck]
    listed: Mapping[str, frozenset[str]]


def check_listing(
    config: Config,
    objects: Sequence[ObjectSent],
    study_instance_uid: str,
    *,
    query: str | None,
    patience: Callable[[], Patience] = lambda: Patience(seconds=LISTED_SECONDS),
) -> Listing:
    """Each PACS is asked for what it took. query: the source that is asked instead of the one with
    the destination's address. Raises ConfigError.
    """
    named = source_named(config, query) if query else None
    checks, listed = [], {}
    for destination in config.destinations:
        if not isinstance(destination, DicomDestination | StowDestination):
            continue
        taken = {
            each.sop_instance_uid: each.kind
            for each in objects
            if each.destination == destination.name and _is_sent(each)
        }
        if not taken:
            continue
        source = named or source_of(config, destination)
        if source is None or source.query is None:
            cannot = check(PART, "listed", CheckOutcome.NOT_TRIED, "cannot", name=destination.name)
            checks.append(cannot)
            continue
        words = f"{source.name}: {source.query.address(source.ae_title)}"
        facts: dict[str, object] = {
            "name": destination.name,
            "query": words,
            "count": len(taken),
        }
        try:
            answer = _listed(config, source, study_instance_uid, taken, patience())
        except IchNodeError as error:
            facts["detail"] = f"{error.detail}."
            checks.append(check(PART, "listed", CheckOutcome.FAILED, "unanswered", **facts))
            continue
        listed[destination.name] = answer.uids
        missing = [uid for uid in taken if uid not in answer.uids]
        checks.append(_compared(answer, missing, taken, facts))
    return Listing(checks=checks, listed=listed)


def _listed(
    config: Config,
    source: Source,
    study_instance_uid: str,
    taken: Mapping[str, str],
    patience: Patience,
) -> Listed:
    """The last answer."""
    answers: list[Listed] = []

    def are_all_there() -> bool:
        answers.append(list_study(config, source, study_instance_uid))
        return taken.keys() <= answers[-1].uids

    patience.until(are_all_there)
    return answers[-1]


def _compared(
    answer: Listed, missing: Sequence[str], taken: Mapping[str, str], facts: Mapping[str, object]
) -> CommissioningCheck:
    if not missing:
        return check(PART, "listed", CheckOutcome.PASSED, **facts)
    if answer.doubt:
        here = len(taken) - len(missing)
        detail = answer.doubt
        return check(PART, "listed", CheckOutcome.LOOK, "doubt", here=here, detail=detail, **facts)
    kinds = ", ".join(sorted({taken[uid].replace("_", " ") for uid in missing}))
    return check(PART, "listed", CheckOutcome.FAILED, missing=len(missing), kinds=kinds, **facts)


def overlay_of(results: Sequence[Result]) -> Result | None:
    """The picture for the report: the first slice in colour."""
    return next((each for each in results if each.kind == "overlay"), None)
