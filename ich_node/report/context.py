"""What every object of one set of results shares: who read what, when, and the UIDs that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import highdicom as hd
from pydicom import Dataset
from pydicom.uid import UID
from pydicom.valuerep import DA, DT, TM

from ich_node.detection.detector import Finding, Reading, SliceReading
from ich_node.detection.series import Series, Slice
from ich_node.report.evidence import to_evidence
from ich_node.report.result import name_implementation
from ich_node.report.uids import UidMaker, uid_from

PRODUCT = "ich-node"
WITHHELD = {"PatientName", "ReferringPhysicianName", "AcquisitionDateTime"}
RESEARCH_USE = "Research use only. Not a medical device."


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """max_overlays: the most Secondary Captures of one reading. ae_title: this node's name in the objects."""

    max_overlays: int = 20
    ae_title: str = "ICHNODE"


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """What read. version: of the software; details: the operating point in words."""

    name: str
    version: str
    bundle_name: str
    bundle_sha256: str
    details: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """The series that was read. datasets: headers of all its Slices (pixel data not needed).

    digest: sha256, hex, over the sorted content hashes of the source objects. revision: of the job; late slices raise it.
    """

    series: Series
    datasets: Sequence[Dataset]
    digest: str
    revision: int


@dataclass(frozen=True, kw_only=True)
class ReadSlice:
    """A Slice, its place in the Series (1-based, from the feet), its clean header and what was read in it."""

    number: int
    slice: Slice
    header: Dataset
    reading: SliceReading

    @property
    def findings(self) -> list[Finding]:
        """The marks that can be pointed at, those inside the image; the highest first."""
        rows, columns = self.slice.hu_YX.shape
        inside = [
            finding
            for finding in self.reading.findings
            if -0.5 <= finding.row <= rows - 0.5 and -0.5 <= finding.column <= columns - 0.5
        ]
        return sorted(inside, key=lambda finding: -finding.likelihood)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that an object of the results is written from."""

    reading: Reading
    slices: tuple[ReadSlice, ...]
    algorithm: Algorithm
    options: ReportOptions
    uids: UidMaker
    at: datetime

    @property
    def positive_slices(self) -> tuple[ReadSlice, ...]:
        """Slices that say blood by themselves or bear a mark; none in a negative reading."""
        if not self.reading.positive:
            return ()
        return tuple(read for read in self.slices if read.reading.probability >= self.reading.threshold or read.reading.findings)

    @property
    def device_uid(self) -> UID:
        return uid_from("device", self.options.ae_title)

    def equipment(self) -> dict[str, Any]:
        """General Equipment and the dates of an object, as highdicom's constructors take them."""
        return {
            "manufacturer": PRODUCT,
            "manufacturer_model_name": PRODUCT,
            "software_versions": self.algorithm.version,
            "device_serial_number": self.options.ae_title,
            "content_date": self.date,
            "content_time": self.time,
            "series_date": self.date,
            "series_time": self.time,
            "specific_character_set": "ISO_IR 192",
        }

    @property
    def date(self) -> str:
        return self.at.strftime("%Y%m%d")

    @property
    def time(self) -> str:
        return self.at.strftime("%H%M%S.%f")

    def finish(self, dataset: hd.base.SOPClass, header: Dataset) -> None:
        """Inherit patient and study; say where, by whom and when (from `at` alone: a second build is the same bytes)."""
        dataset.copy_patient_and_study_information(header)
        dataset.InstanceCreationDate, dataset.InstanceCreationTime = DA(self.date), TM(self.time)
        dataset.TimezoneOffsetFromUTC = self.at.strftime("%z")[:5]
        dataset.StationName = self.options.ae_title
        for item in dataset.ContributingEquipmentSequence:
            if "ContributionDateTime" in item:
                item.ContributionDateTime = DT(f"{self.date}{self.time}{dataset.TimezoneOffsetFromUTC}")
        name_implementation(dataset, self.algorithm.version)


def to_context(source: Source, reading: Reading, algorithm: Algorithm, options: ReportOptions, at: datetime) -> Context:
    """Raises ReportError if the source cannot be referenced."""
    headers = to_evidence(source.series, source.datasets)
    by_uid = {slice_reading.sop_instance_uid: slice_reading for slice_reading in reading.slices}
    facts = (
        source.series.series_instance_uid,
        source.digest,
        str(source.revision),
        algorithm.bundle_sha256,
        algorithm.version,
        repr(options),
        at.isoformat(),
    )
    return Context(
        reading=reading,
        slices=tuple(
            ReadSlice(number=number, slice=slice_, header=header, reading=by_uid[slice_.sop_instance_uid])
            for number, (slice_, header) in enumerate(zip(source.series.slices, headers, strict=True), start=1)
        ),
        algorithm=algorithm,
        options=options,
        uids=UidMaker(facts=facts),
        at=_in_the_zone_of(headers[0], at),
    )


def without_person(header: Dataset) -> Dataset:
    """The header for highdicom's constructors, which warn of unusual names by printing them; `finish` adds the patient.

    Without the acquisition time, too: it would be written as the time at which the scanner contributed to our object.
    """
    kept = Dataset()
    for element in header:
        if element.keyword not in WITHHELD:
            kept.add(element)
    kept.PatientName = kept.ReferringPhysicianName = ""
    return kept


def _in_the_zone_of(header: Dataset, at: datetime) -> datetime:
    """TimezoneOffsetFromUTC governs every time of an object, inherited ones too: where the source names its zone, ours follow."""
    if at.utcoffset() is None:
        raise ValueError("the time of a report needs its time zone")
    offset = str(header.get("TimezoneOffsetFromUTC", ""))
    if not offset:
        return at
    sign = -1 if offset[0] == "-" else 1
    return at.astimezone(timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))))
