"""All of the commissioning, in its order. The record is saved after each check, so that who looks
sees how far it is.
"""

import base64
import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ich_node.commission import configuration, peers
from ich_node.commission.arrival import Patience, Phantom, rejected_associations
from ich_node.commission.checks import CheckOutcome, CheckPart, CommissioningCheck, check, said
from ich_node.commission.phantom import TestPatient
from ich_node.commission.record import Record, RunTimes
from ich_node.commission.results import (
    answered_at,
    check_bleeds,
    check_deliveries,
    check_listing,
    check_reading,
    kept_reading,
    objects_of,
    overlay_of,
    seconds_after_last_slice,
)
from ich_node.commission.route import (
    destination_named,
    entrances,
    listener_at,
    own_addresses,
    send,
)
from ich_node.config.load import LoadedConfig
from ich_node.errors import IchNodeError
from ich_node.ledger import Job, Ledger
from ich_node.spool import Spool

PICTURE_PX = 420


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """source, query: names of sources; through: of a destination; None: what fits. minutes: how
    long is waited for the phantom and its results.
    """

    source: str | None = None
    through: str | None = None
    folder: Path | None = None
    query: str | None = None
    no_phantom: bool = False
    minutes: float = 10


@dataclass(kw_only=True)
class Commissioning:
    """mistakes: in the configuration. ledger: None if there is none; ledger_problem says why. tell:
    is called with each check, tell_wait with what takes time; save: after each.
    """

    loaded: LoadedConfig
    mistakes: Sequence[str]
    ledger: Ledger | None
    ledger_problem: str
    spool: Spool
    wishes: Wishes
    record: Record
    clock: Callable[[], datetime]
    tell: Callable[[CommissioningCheck], None]
    tell_wait: Callable[[str], None]
    save: Callable[[Record], None]
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Raises ConfigError for a wish that names nothing, before anything is sent."""
        self._require_names()
        self.save(self.record)
        try:
            self._try()
        except IchNodeError as error:  # e.g. the ledger does not answer any more
            self._add(check(CheckPart.RESULTS, "broken", CheckOutcome.FAILED, detail=error.detail))
        except KeyboardInterrupt:
            self._add(
                check(
                    CheckPart.RESULTS, "broken", CheckOutcome.FAILED, detail=said("broken", "hand")
                )
            )
        self.record.ended_at, self.record.waits_for = self.clock(), ""
        self.save(self.record)

    def _try(self) -> None:
        self._configuration()
        self._peers()
        if self.wishes.no_phantom:
            self._add(
                check(
                    CheckPart.PHANTOM, "sent", CheckOutcome.NOT_TRIED, why=said("sent", "unasked")
                )
            )
        elif patient := self._sent():
            self._follow(patient)

    def _require_names(self) -> None:
        config, wishes = self.loaded.config, self.wishes
        if wishes.source:
            entrances(config, wishes.source)
        if wishes.through:
            destination_named(config, wishes.through)
        if wishes.query:
            check_listing(config, (), "", query=wishes.query)

    def _wait(self, words: str, /, **facts: object) -> None:
        self.record.waits_for = said("waiting", words, **facts)
        self.tell_wait(self.record.waits_for)
        self.save(self.record)

    def _add(self, *checks: CommissioningCheck) -> None:
        for each in checks:
            self.record.checks.append(each)
            self.record.waits_for = ""
            self.tell(each)
        self.save(self.record)

    def _add_all(self, checks: Iterable[CommissioningCheck]) -> None:
        for each in checks:
            self._add(each)

    def _configuration(self) -> None:
        now = self.clock()
        self._add_all(
            configuration.check_settings(self.loaded, self.record.config_path, self.mistakes)
        )
        if self.ledger is None:
            facts = {"detail": self.ledger_problem}
            self._add(check(CheckPart.CONFIGURATION, "ledger", CheckOutcome.FAILED, **facts))
        else:
            self._add_all(configuration.check_services(self.ledger, now))
        bundle = configuration.check_bundle(self.loaded, self.ledger)
        self.record.bundle = bundle.sentence
        self._add(bundle)
        if self.ledger is not None:
            demonstration = configuration.is_demonstration(self.loaded, self.ledger)
            self.record.is_demonstration = demonstration
            self._add_all(configuration.check_state(self.loaded, self.ledger, now))

    def _peers(self) -> None:
        config = self.loaded.config
        self._silent: set[str] = set()
        for destination in config.destinations:
            asked = peers.check_destination(config, destination)
            if asked.outcome is CheckOutcome.FAILED:
                self._silent.add(destination.name)
            self._add(asked)
        if not config.destinations:
            self._add(peers.check_no_destination())
        self._add(peers.check_listener(config, self.wishes.source))
        self._add_all(peers.check_queries(config))

    def _sent(self) -> TestPatient | None:
        """The test patient, if his head is on its way."""
        if (untried := self._why_not_sent()) is not None:
            self._add(untried)
            return None
        config, wishes = self.loaded.config, self.wishes
        patient = TestPatient.make(
            now=self.clock(), patient_id=self.record.patient_id, accession=self.record.accession
        )
        self.record.study_instance_uid = patient.study_instance_uid
        assert self.ledger is not None
        self._began = self.clock()
        self._rejected_before = rejected_associations(self.ledger)
        facts = {
            "slices": len(patient.datasets),
            "patient": f"{self.record.patient_name}, {self.record.patient_id}",
        }
        if wishes.folder is not None:
            facts["to"] = str(wishes.folder.absolute())
            patient.write(wishes.folder)
            self._add(check(CheckPart.PHANTOM, "sent", CheckOutcome.PASSED, "folder", **facts))
            return patient
        if wishes.through is not None:
            to = destination_named(config, wishes.through)
            calling_ae = getattr(to, "calling_ae_title", None) or config.scp.ae_title
            facts |= {"to": f"{to.name} ({to.address})", "ae": calling_ae}
        else:
            way = entrances(config, wishes.source)[0]
            to, calling_ae = listener_at(config, way.host), way.source.ae_title
            facts |= {"to": f"the node ({to.address})", "ae": calling_ae}
        began = time.monotonic()
        try:
            send(config, to, calling_ae, patient.datasets)
        except IchNodeError as error:
            detail = f"{error.detail}."
            self._add(check(CheckPart.PHANTOM, "sent", CheckOutcome.FAILED, detail=detail, **facts))
            return None
        seconds = time.monotonic() - began
        self._add(check(CheckPart.PHANTOM, "sent", CheckOutcome.PASSED, seconds=seconds, **facts))
        return patient

    def _why_not_sent(self) -> CommissioningCheck | None:
        """Without the services nothing would come of it."""
        config, wishes = self.loaded.config, self.wishes
        if self.ledger is None:
            why = said("sent", "ledger")
            return check(CheckPart.PHANTOM, "sent", CheckOutcome.NOT_TRIED, why=why)
        if down := configuration.down(self.ledger, self.clock()):
            why = said("sent", "services", services=", ".join(down))
            return check(CheckPart.PHANTOM, "sent", CheckOutcome.NOT_TRIED, why=why)
        if wishes.through or wishes.folder or entrances(config, wishes.source):
            return None
        hosts = ", ".join(own_addresses(config))
        return check(CheckPart.PHANTOM, "sent", CheckOutcome.FAILED, "no_source", hosts=hosts)

    def _follow(self, patient: TestPatient) -> None:
        assert self.ledger is not None
        patience = Patience(seconds=self.wishes.minutes * 60, sleep=self.sleep)
        phantom = Phantom(
            ledger=self.ledger,
            study_instance_uid=patient.study_instance_uid,
            slices=len(patient.datasets),
        )
        self._wait("arrival", minutes=self.wishes.minutes)
        patience.until(phantom.is_here)
        job = phantom.job()
        if job is None:
            rejected = rejected_associations(self.ledger) - self._rejected_before
            self._add(self._not_arrived(rejected))
            return
        self.record.job_id = job.id
        self._add(self._arrived(job, phantom))
        self._wait("answer")
        patience.until(phantom.has_ended)
        job = phantom.job() or job
        self.record.job_id = job.id
        answered = answered_at(self.ledger, job)
        self._add(check_reading(job, answered, minutes=self.wishes.minutes))
        if job.answer is not None and job.series_probability is not None:
            reading = kept_reading(self.ledger, self.spool, job)
            must_find = self.record.is_demonstration
            self._add(check_bleeds(patient, job, reading, must_find=must_find))
        self._wait("results")
        patience.until(lambda: phantom.is_delivered(self._silent))
        self._results(job, phantom, answered)
        self._say_how_to_remove(job, patient)

    def _arrived(self, job: Job, phantom: Phantom) -> CommissioningCheck:
        facts = {"source": job.source, "slices": phantom.slices}
        if job.objects < phantom.slices:
            facts |= {"here": job.objects, "minutes": self.wishes.minutes}
            return check(CheckPart.PHANTOM, "arrived", CheckOutcome.FAILED, "partly", **facts)
        seconds = max(0.0, (job.last_received_at - self._began).total_seconds())
        return check(CheckPart.PHANTOM, "arrived", CheckOutcome.PASSED, seconds=seconds, **facts)

    def _not_arrived(self, rejected: "dict[str, int]") -> CommissioningCheck:
        config, wishes = self.loaded.config, self.wishes
        reasons = ", ".join(reason.replace("_", " ") for reason in rejected)
        words = (
            said("arrived", "rejected", count=sum(rejected.values()), reasons=reasons)
            if rejected
            else ""
        )
        facts = {
            "minutes": wishes.minutes,
            "rejected": words,
            "own": config.scp.ae_title,
            "port": config.scp.port,
        }
        if wishes.through:
            to = destination_named(config, wishes.through)
            facts["ae"] = getattr(to, "calling_ae_title", None) or config.scp.ae_title
            return check(CheckPart.PHANTOM, "arrived", CheckOutcome.FAILED, "not_back", **facts)
        if wishes.folder:
            facts["to"] = str(wishes.folder)
            return check(CheckPart.PHANTOM, "arrived", CheckOutcome.FAILED, "not_sent", **facts)
        return check(CheckPart.PHANTOM, "arrived", CheckOutcome.FAILED, "nothing", **facts)

    def _results(self, job: Job, phantom: Phantom, answered: datetime | None) -> None:
        assert self.ledger is not None
        config = self.loaded.config
        objects = objects_of(job, phantom.deliveries())
        self.record.objects = objects
        sent = [each.seconds for each in objects if each.seconds is not None]
        reports = [e.seconds for e in objects if e.kind == "sr" and e.seconds is not None]
        self.record.times = RunTimes(
            answer=seconds_after_last_slice(job, answered),
            report=min(reports, default=None),
            last_result=max(sent, default=None),
        )
        self.record.picture = self._picture(job)
        self._add_all(check_deliveries(config, job, objects))
        self._wait("listing")
        listing = check_listing(
            config, objects, phantom.study_instance_uid, query=self.wishes.query
        )
        self.record.objects = [
            replace(each, listed=each.sop_instance_uid in listing.listed[each.destination])
            if each.destination in listing.listed
            else each
            for each in objects
        ]
        self._add(*listing.checks)

    def _picture(self, job: Job) -> str:
        """The first slice in colour, as PNG in base64; '' without one."""
        from PIL import Image
        from pydicom import dcmread

        assert self.ledger is not None
        overlay = overlay_of(self.ledger.operator.results(job.id))
        if overlay is None:
            return ""
        try:
            pixels = dcmread(self.spool.absolute(overlay.path)).pixel_array
        except OSError:
            return ""
        image = Image.fromarray(pixels)
        image.thumbnail((PICTURE_PX, PICTURE_PX))
        png = io.BytesIO()
        image.save(png, "PNG", optimize=True)
        return base64.b64encode(png.getvalue()).decode()

    def _say_how_to_remove(self, job: Job, patient: TestPatient) -> None:
        self.record.removal = [
            said("remove", "jobs", job=job.id),
            said(
                "remove",
                "study",
                study=patient.study_instance_uid,
                name=self.record.patient_name,
                id=self.record.patient_id,
            ),
        ]
