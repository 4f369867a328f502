"""The headers of a job's objects, from the spool."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pydicom
import structlog
from pydicom import Dataset

from ich_node.dicom.geometry import orientation_key
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Refusal
from ich_node.ledger import Instance, Job
from ich_node.series.frames import MULTI_FRAME_CLASSES, frames_of
from ich_node.series.object_file import read_object
from ich_node.series.placed import Placed, placed
from ich_node.series.rule_facts import RuleFacts, rule_facts
from ich_node.series.shipped_rules import NONE
from ich_node.series.site_rules import NO_SITE_RULES, SiteRules
from ich_node.spool import Spool
from ich_node.study.facts import KEYWORDS, SeriesFacts, facts_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobHeaders:
    """instances: the objects of a job, from the ledger. site_rules: they may take shipped rules
    away. Its methods raise Unavailable.
    """

    spool: Spool
    instances: Callable[[Job], Sequence[Instance]]
    site_rules: SiteRules = NO_SITE_RULES

    def facts(self, job: Job) -> SeriesFacts | None:
        """From the headers of the lowest and the highest slice; None if they cannot be read."""
        instances = self.instances(job)
        multi_frame = [each for each in instances if each.sop_class_uid in MULTI_FRAME_CLASSES]
        if multi_frame:
            return self._facts_of_frames(job, multi_frame)
        placed = [each for each in instances if each.position_mm is not None]
        placed.sort(key=lambda each: each.position_mm or 0.0)
        headers = self._read(placed[:1] + placed[-1:], only=KEYWORDS)
        return facts_of(
            headers,
            [(each.orientation, each.position_mm) for each in instances],
            self._ignored(job, headers, slices=len(instances)),
        )

    def _facts_of_frames(self, job: Job, instances: Sequence[Instance]) -> SeriesFacts | None:
        """The same of multi-frame objects, whose positions the ledger does not have."""
        found: list[Placed] = []
        for header in self._read(instances):
            try:
                frames = frames_of(header)
            except Refusal:
                continue
            for frame in frames:
                with suppress(Refusal):  # a localizer, or a frame without a place
                    found.append(placed(frame))
        found.sort(key=lambda each: each.position_mm)
        headers = [each.dataset for each in found[:1] + found[-1:]]
        return facts_of(
            headers,
            [(orientation_key(each.image_orientation), each.position_mm) for each in found],
            self._ignored(job, headers, slices=len(found)),
        )

    def _ignored(self, job: Job, headers: Sequence[Dataset], *, slices: int) -> frozenset[str]:
        """The shipped rules that do not hold for the series, as far as a few headers tell."""
        if not self.site_rules.rules:
            return NONE
        facts = rule_facts(headers, source=job.source, slices=slices)
        return self.site_rules.decide_on(facts, released=True).ignored

    def rule_facts(self, job: Job, *, most: int = 12) -> RuleFacts | None:
        """What the rules of a site look at, from at most so many headers, evenly spread; None if
        none can be read. Of more objects the ledger says how many slices there are.
        """
        instances = sorted(self.instances(job), key=lambda each: each.position_mm or 0.0)
        step = max(1, -(-len(instances) // most))
        chosen = instances[::step]
        headers = self._read(chosen)
        slices = len(instances) if len(chosen) < len(instances) else None
        return rule_facts(headers, source=job.source, slices=slices) if headers else None

    def all(self, job: Job) -> tuple[list[Instance], list[Dataset]]:
        """The objects whose headers can be read, and these, without pixels."""
        readable: list[Instance] = []
        headers: list[Dataset] = []
        for instance in self.instances(job):
            for header in self._read([instance]):
                readable.append(instance)
                headers.append(header)
        return readable, headers

    def _read(self, instances: Sequence[Instance], only: Sequence[str] = ()) -> list[Dataset]:
        headers = [self._header(instance, only) for instance in instances]
        return [header for header in headers if header is not None]

    def _header(self, instance: Instance, only: Sequence[str]) -> Dataset | None:
        """What comes before the damage, of a file that cannot be read to its pixels; None if that
        does not say whose it is.
        """
        path = self.spool.absolute(instance.path)
        try:
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(only) or None)
        except PARSING_ERRORS as error:  # an OSError among them: the file is gone
            log.info(
                "header_unreadable",
                sop_instance_uid=instance.sop_instance_uid,
                error=type(error).__name__,
            )
        try:
            with path.open("rb") as file:
                damaged = read_object(file, sop_instance_uid=instance.sop_instance_uid)
        except PARSING_ERRORS:
            return None
        return damaged if "StudyInstanceUID" in damaged else None
