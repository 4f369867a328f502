"""The studies of a folder as the node reads them: what the bundle says about each, and why the
others cannot be used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom

from ich_node.detection.reading import Reading, SliceReading
from ich_node.model.detector import Detector
from ich_node.series.series import BrainMeasures, Series
from training.datasets import Found, LabelledSeries, Skip, read_dataset
from training.datasets.recognise import tables_in
from training.predictions import load_or_skip
from training.tissue.negative_series import find_negatives

LEAST_SLICES = 8  # fewer are not a head
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a series was made, as its header says; empty where it does not."""

    scanner: str
    kernel: str
    slice_mm: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study that can be used, by its best series.

    probability: the highest of its slices; highest: that slice, as a person finds it. points: the
    marks that would be shown, all of them false if the head does not bleed.
    """

    labelled: LabelledSeries
    probability: float
    highest: str
    points: int
    brain: BrainMeasures
    protocol: Protocol

    @property
    def study_uid(self) -> str:
        return self.labelled.study_instance_uid

    @property
    def series_uid(self) -> str:
        return self.labelled.series_instance_uid

    @property
    def patient_id(self) -> str:
        return self.labelled.patient_id

    @property
    def folder(self) -> Path:
        return self.labelled.slices[0].path.parent

    def is_named_in(self, uids: frozenset[str]) -> bool:
        """By the UID of the study or of the series."""
        return not uids.isdisjoint({self.study_uid, self.series_uid})


def find_positives(folder: Path, progress: Callable[[int], None] = lambda _: None) -> Found:
    """The series that bleed of a data set; of a folder without a data set's table the best series
    of every study, whose slices nobody has labelled.
    """
    if tables_in(folder):
        found = read_dataset(folder, progress=progress)
        return replace(found, series=tuple(each for each in found.series if each.label))
    found = find_negatives(folder, progress=progress)
    return replace(found, series=tuple(_bleeding(each) for each in found.series))


def read_studies(
    labelled: Sequence[LabelledSeries], detector: Detector, progress: Progress = lambda *_: None
) -> tuple[list[Study], list[Skip]]:
    """Read each as the node does. A series that it refuses, or that shows no whole head, is
    skipped with the reason.
    """
    studies: list[Study] = []
    skipped: list[Skip] = []
    for done, each in enumerate(labelled, start=1):
        study = _read(each, detector)
        if isinstance(study, Skip):
            skipped.append(study)
        else:
            studies.append(study)
        progress(done, len(labelled))
    return studies, skipped


def _bleeding(series: LabelledSeries) -> LabelledSeries:
    slices = tuple(replace(slice_, label=None) for slice_ in series.slices)
    return replace(series, slices=slices, label=True)


def _read(labelled: LabelledSeries, detector: Detector) -> Study | Skip:
    series = load_or_skip(labelled)
    if isinstance(series, Skip):
        return series
    if len(series.slices) < LEAST_SLICES:
        return Skip(
            what=labelled.series_instance_uid,
            reason=f"fewer than {LEAST_SLICES} slices that can be read",
            detail=f"it has {len(series.slices)}",
        )
    if series.brain is None or not series.brain.widest_cm2:
        return Skip(what=labelled.series_instance_uid, reason="no slice shows brain")
    reading = detector.read(series)
    return Study(
        labelled=labelled,
        probability=reading.series_probability,
        highest=_name_of(_highest(reading), series),
        points=points_shown(reading),
        brain=series.brain,
        protocol=_protocol(labelled.slices[0].path),
    )


def points_shown(reading: Reading) -> int:
    """The marks on slices at or above the threshold: only those are shown."""
    return sum(
        len(read.findings) for read in reading.slices if read.probability >= reading.threshold
    )


def _highest(reading: Reading) -> SliceReading:
    return max(reading.slices, key=lambda read: read.probability)


def _name_of(read: SliceReading, series: Series) -> str:
    """As '17 of 32', by position, and the Instance Number where there is one."""
    place, slice_ = next(
        (place, slice_)
        for place, slice_ in enumerate(series.slices, start=1)
        if slice_.image == read.image
    )
    number = "" if slice_.instance_number is None else f" (image {slice_.instance_number})"
    return f"{place} of {len(series.slices)}{number}"


def _protocol(path: Path) -> Protocol:
    header = pydicom.dcmread(
        path,
        stop_before_pixels=True,
        specific_tags=[
            "Manufacturer",
            "ManufacturerModelName",
            "ConvolutionKernel",
            "SliceThickness",
        ],
    )
    words = [str(header.get(key) or "") for key in ("Manufacturer", "ManufacturerModelName")]
    return Protocol(
        scanner=" ".join(word for word in words if word),
        kernel=str(header.get("ConvolutionKernel") or ""),
        slice_mm=str(header.get("SliceThickness") or ""),
    )
