"""The left-out studies of the site, as the node reads them."""

from collections.abc import Callable, Sequence

from ich_node.detection.reading import Reading
from ich_node.model.detector import Detector
from training.adapt.outcome import Shown
from training.adapt.studies import Study, points_shown
from training.datasets import Skip, load
from training.errors import DataError
from training.tissue import Tissue
from training.tissue.negative_series import tissue_of

MOST_PROBABLE = 1 - 1e-12  # it has a finite logit
Progress = Callable[[int, int], None]


def readings_of(
    studies: Sequence[Study], detector: Detector, progress: Progress = lambda *_: None
) -> list[Reading]:
    readings = []
    for done, study in enumerate(studies, start=1):
        readings.append(detector.read(load(study.labelled)))
        progress(done, len(studies))
    return readings


def shown_of(reading: Reading) -> Shown:
    return Shown(
        probability=reading.series_probability,
        positive=reading.positive,
        points=points_shown(reading),
    )


def highest_logit(study: Study, reading: Reading, detector: Detector) -> float:
    """Of the slices that are known to bleed; where nobody said which do, of all of them."""
    known = {slice_.sop_instance_uid for slice_ in study.labelled.slices if slice_.label}
    probability = max(
        read.probability for read in reading.slices if not known or read.sop_instance_uid in known
    )
    return detector.bundle.calibration.logit(min(probability, MOST_PROBABLE))


def tissues_of(studies: Sequence[Study], *, size_px: int) -> list[Tissue]:
    """The heads on the network's grid. Raises DataError if one cannot be read any more."""
    tissues = []
    for study in studies:
        tissue = tissue_of(study.labelled, size_px=size_px)
        if isinstance(tissue, Skip):
            raise DataError(
                f"{tissue.what} could be read before and cannot now: {tissue.reason}"
                f" {tissue.detail}"
            )
        tissues.append(tissue)
    return tissues
