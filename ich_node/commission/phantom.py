"""The head of a test patient, with bleeds that are known. Each run has new UIDs and the time of
now, so that no PACS takes it for the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import generate_uid

from ich_node.detection.kept_reading import KeptReading
from ich_node.errors import Unavailable
from ich_node.phantom import Bleed, BleedKind, make_study

PATIENT_NAME, PATIENT_ID = "ICH^PHANTOM", "ICH-PHANTOM"
SEED = 7  # one head: what is answered can be compared from run to run
KINDS: tuple[BleedKind, ...] = ("IPH", "SDH")
NEAR_PX = 12.0  # 5 to 6 mm around a planted bleed


@dataclass(frozen=True, kw_only=True)
class FoundBleeds:
    """found: how many planted bleeds have a mark; elsewhere: marks that lie on none."""

    found: int
    elsewhere: int


@dataclass(frozen=True, kw_only=True)
class TestPatient:
    """His head, as CT Image Storage, and the bleeds in it."""

    __test__ = False  # no test of pytest

    datasets: Sequence[Dataset]
    bleeds: Sequence[Bleed]

    @classmethod
    def make(cls, *, now: datetime, patient_id: str, accession: str) -> "TestPatient":
        made = make_study(SEED, bleeds=KINDS)
        datasets = made.datasets(patient_id=patient_id, patient_name=PATIENT_NAME)
        study, series, frame = (
            generate_uid(prefix=None),
            generate_uid(prefix=None),
            generate_uid(prefix=None),
        )
        local = now.astimezone()
        for ds in datasets:
            ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
            ds.FrameOfReferenceUID, ds.SOPInstanceUID = frame, generate_uid(prefix=None)
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            for kind in ("Study", "Series", "Acquisition", "Content"):
                setattr(ds, f"{kind}Date", local.strftime("%Y%m%d"))
                setattr(ds, f"{kind}Time", local.strftime("%H%M%S"))
            ds.AccessionNumber = accession
            ds.StudyDescription = "Commissioning phantom"
        return cls(datasets=datasets, bleeds=made.bleeds)

    @property
    def study_instance_uid(self) -> str:
        return str(self.datasets[0].StudyInstanceUID)

    @property
    def series_instance_uid(self) -> str:
        return str(self.datasets[0].SeriesInstanceUID)

    @property
    def kinds(self) -> str:
        return ", ".join(bleed.kind for bleed in self.bleeds)

    @cached_property
    def _slice_of(self) -> dict[str, int]:
        return {str(ds.SOPInstanceUID): index for index, ds in enumerate(self.datasets)}

    def write(self, folder: Path) -> None:
        """A file for each slice. Raises Unavailable."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for index, ds in enumerate(self.datasets):
                ds.save_as(folder / f"slice-{index:03d}.dcm", enforce_file_format=True)
        except OSError as error:
            raise Unavailable(f"cannot write to {folder}: {error.strerror}") from error

    def compared(self, reading: KeptReading) -> FoundBleeds:
        """Its marks beside the planted bleeds."""
        hit: set[int] = set()
        elsewhere = 0
        for slice_ in reading.slices:
            # an archive may give an object another UID
            index = self._slice_of.get(slice_.sop_instance_uid, -1)
            for mark in slice_.marks:
                on = {
                    number
                    for number, bleed in enumerate(self.bleeds)
                    if index in bleed.boxes and _is_near(mark.row, mark.column, bleed.boxes[index])
                }
                hit |= on
                elsewhere += not on
        return FoundBleeds(found=len(hit), elsewhere=elsewhere)


def _is_near(row: float, column: float, box: tuple[int, int, int, int]) -> bool:
    row0, column0, row1, column1 = box
    return (
        row0 - NEAR_PX <= row <= row1 + NEAR_PX and column0 - NEAR_PX <= column <= column1 + NEAR_PX
    )
