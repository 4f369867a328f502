"""What all objects of one set of results have in common: equipment, time, patient and study, and
the source of their UIDs.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import highdicom as hd
from pydicom import Dataset
from pydicom.uid import UID
from pydicom.valuerep import DA, DT, TM

from ich_node.dicom.derived_uid import device_uid
from ich_node.dicom.identity import PRODUCT
from ich_node.report.identity import TYPE_2
from ich_node.report.predecessor import zone_of
from ich_node.report.result import name_implementation
from ich_node.report.source_words import SourceWords
from ich_node.report.uids import UidMaker

# highdicom prints unusual names in warnings, raises for illegal values, and would write the
# acquisition time as the time at which the scanner contributed to our object.
NOT_FOR_CONSTRUCTORS = {"AcquisitionDateTime", *TYPE_2}


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """Software and model. version: of the software; details: operating point and peak rule;
    demonstration: the model is no model for patients, which every result says.
    """

    name: str
    version: str
    bundle_name: str
    bundle_sha256: str
    details: str
    demonstration: bool = False


@dataclass(frozen=True, kw_only=True)
class ResultHeader:
    """ae_title: this node's name in the objects; source_header: the clean header of the first
    source object; source: its series in words; at: the time of all objects, in the time zone of the
    source.
    """

    algorithm: Algorithm
    ae_title: str
    uids: UidMaker
    source_header: Dataset
    source: SourceWords
    at: datetime

    @property
    def device_uid(self) -> UID:
        return device_uid(self.ae_title)

    @property
    def date(self) -> str:
        return self.at.strftime("%Y%m%d")

    @property
    def time(self) -> str:
        return self.at.strftime("%H%M%S.%f")

    def equipment(self) -> dict[str, Any]:
        """General Equipment and dates, as keyword arguments of highdicom's constructors."""
        return {
            "manufacturer": PRODUCT,
            "manufacturer_model_name": PRODUCT,
            "software_versions": self.algorithm.version,
            "device_serial_number": self.ae_title,
            "content_date": self.date,
            "content_time": self.time,
            "series_date": self.date,
            "series_time": self.time,
            "specific_character_set": "ISO_IR 192",
        }

    def finish(self, dataset: hd.base.SOPClass) -> None:
        """Copy patient and study from the source, and set every time to `at`, so that a second
        build gives the same bytes.
        """
        dataset.copy_patient_and_study_information(self.source_header)
        dataset.InstanceCreationDate, dataset.InstanceCreationTime = DA(self.date), TM(self.time)
        dataset.TimezoneOffsetFromUTC = self.at.strftime("%z")[:5]
        dataset.StationName = self.ae_title
        for item in dataset.get("ContributingEquipmentSequence", []):
            if "ContributionDateTime" in item:
                item.ContributionDateTime = DT(
                    f"{self.date}{self.time}{dataset.TimezoneOffsetFromUTC}"
                )
        name_implementation(dataset, self.algorithm.version)


def without_person(header: Dataset) -> Dataset:
    """The header for highdicom's constructors; `ResultHeader.finish` adds patient and study."""
    kept = Dataset()
    for element in header:
        if element.keyword not in NOT_FOR_CONSTRUCTORS:
            kept.add(element)
    for keyword in TYPE_2:
        setattr(kept, keyword, "")
    return kept


def in_the_zone_of(header: Dataset, at: datetime) -> datetime:
    """`at` in the time zone of the source, if the source has one: TimezoneOffsetFromUTC applies to
    every time of an object, those copied from the source included.

    Raises ValueError if `at` has no time zone.
    """
    if at.utcoffset() is None:
        raise ValueError("the time of a report needs its time zone")
    zone = zone_of(header)
    return at if zone is None else at.astimezone(zone)
