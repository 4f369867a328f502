"""The served Detector on labelled DICOM series: what it found, beside the truth.

The code is that of serving: `read_series` reads, `Detector.read` marks, `scoring` counts. Several
bundles read the same series side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.peaks import upsample
from ich_node.detection.reading import LikelihoodMap, Reading, SliceReading
from ich_node.model.bundle import Bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import required_engine
from ich_node.scoring.counts import Counts, count
from ich_node.scoring.points import Point, ScoredSlice
from ich_node.series.series import Series, Slice
from training.datasets import LabelledSeries, LabelledSlice, Skip
from training.errors import DataError
from training.predictions import load_or_skip

EXAMPLES = ("found", "missed", "false point")  # a box found, a box missed, a false point
EXAMPLES_OF_EACH = 2


@dataclass(frozen=True, kw_only=True)
class Example:
    """A slice for a picture as Fig. 2 of the paper: image, boxes, marks and likelihood map (0..1).
    shows: one of EXAMPLES.
    """

    shows: str
    hu_YX: NDArray[np.int16] | NDArray[np.float32]
    likelihood_YX: NDArray[np.float32]
    scored: ScoredSlice
    probability: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Probability and truth of a slice or of a study."""

    patient_id: str
    probability: float
    label: bool


@dataclass(kw_only=True)
class Evaluation:
    """All results of one bundle. scored: the slices that carry marks (of a slab, the slice in the
    middle). unlocated_slices: those of them that bleed, or may bleed, and have no box: nobody can
    say whether a mark on them is right, and they are not scored.
    """

    bundle: Bundle
    scored: list[ScoredSlice] = field(default_factory=list)
    slices: list[Outcome] = field(default_factory=list)
    studies: dict[str, Outcome] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    skipped: list[Skip] = field(default_factory=list)
    series: int = 0
    negative_series: int = 0
    points_on_negative_series: int = 0
    unread_boxes: int = 0
    unlocated_slices: int = 0


def evaluate(
    bundles: Sequence[Bundle],
    *,
    labelled: Sequence[LabelledSeries],
    ignored_kinds: frozenset[str] = frozenset(),
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Evaluation]:
    """Read every series with every bundle. Raises DataError if no series could be read, ConfigError
    if the device cannot be used.
    """
    detectors = [Detector(bundle, required_engine(bundle, device)) for bundle in bundles]
    evaluations = [Evaluation(bundle=bundle) for bundle in bundles]
    for done, item in enumerate(labelled, start=1):
        series = load_or_skip(item)
        for detector, evaluation in zip(detectors, evaluations, strict=True):
            if isinstance(series, Skip):
                evaluation.skipped.append(series)
            else:
                _add_series(
                    evaluation,
                    detector=detector,
                    item=item,
                    series=series,
                    ignored_kinds=ignored_kinds,
                )
        progress(done, len(labelled))
    for evaluation in evaluations:
        if not evaluation.series:
            reasons = (
                "; ".join(f"{skip.what}: {skip.reason}" for skip in evaluation.skipped[:3])
                or "there was none"
            )
            raise DataError(
                f"no series could be evaluated ({reasons}); "
                "`ich-node train check-data` says what the folder holds"
            )
    return evaluations


def _add_series(
    evaluation: Evaluation,
    *,
    detector: Detector,
    item: LabelledSeries,
    series: Series,
    ignored_kinds: frozenset[str],
) -> None:
    reading = detector.read(series)
    labels = {slice_.sop_instance_uid: slice_ for slice_ in item.slices}
    images = {slice_.sop_instance_uid: slice_ for slice_ in series.slices}
    maps = {map_.sop_instance_uid: map_ for map_ in reading.maps}
    evaluation.series += 1
    for read in reading.slices:
        uid = read.sop_instance_uid
        label = labels[uid].label
        if label is not None:
            evaluation.slices.append(
                Outcome(patient_id=item.patient_id, probability=read.probability, label=label)
            )
        if uid in maps and not labels[uid].is_located:
            evaluation.unlocated_slices += 1
        elif uid in maps:
            top = _top(maps[uid], detector.bundle.input.size_px)
            scored = _score(
                read, labelled=labels[uid], top=top, image=images[uid], ignored_kinds=ignored_kinds
            )
            evaluation.scored.append(scored)
            if shows := _example_wanted(evaluation, scored):
                evaluation.examples.append(
                    Example(
                        shows=shows,
                        hu_YX=images[uid].hu_YX,
                        likelihood_YX=detector.likelihood_on_slice(maps[uid], images[uid]),
                        scored=scored,
                        probability=read.probability,
                    )
                )
    boxed = sum(len(slice_.boxes) for slice_ in item.slices)
    evaluation.unread_boxes += boxed - sum(len(labels[uid].boxes) for uid in maps)
    if item.label is not None:
        _add_study(evaluation, item=item, label=item.label, reading=reading)


def _add_study(
    evaluation: Evaluation, *, item: LabelledSeries, label: bool, reading: Reading
) -> None:
    """The probability of a study is the highest of its series."""
    before = evaluation.studies.get(item.study_instance_uid)
    evaluation.studies[item.study_instance_uid] = Outcome(
        patient_id=item.patient_id,
        probability=max(reading.series_probability, before.probability if before else 0.0),
        label=label or (before is not None and before.label),
    )
    if not label:
        evaluation.negative_series += 1
        evaluation.points_on_negative_series += sum(len(read.findings) for read in reading.slices)


def _score(
    read: SliceReading,
    *,
    labelled: LabelledSlice,
    top: Point,
    image: Slice,
    ignored_kinds: frozenset[str],
) -> ScoredSlice:
    boxes = tuple(box for box in labelled.boxes if box.kind not in ignored_kinds)
    return ScoredSlice(
        patient_id=labelled.patient_id,
        points=tuple(
            Point(row=mark.row, column=mark.column, score=mark.probability)
            for mark in read.findings
        ),
        boxes=boxes,
        ignored=tuple(box for box in labelled.boxes if box.kind in ignored_kinds),
        pixel_spacing_mm=image.pixel_spacing_mm,
        top=top if boxes else None,
    )


def _top(map_: LikelihoodMap, size_px: int) -> Point:
    """The highest place of a map, on the slice."""
    map_YX = upsample(map_.likelihood_YX, size_px)
    row, column = map_.grid.to_slice(*divmod(int(map_YX.argmax()), size_px))
    return Point(row=row, column=column, score=float(map_YX.max()))


def _example_wanted(evaluation: Evaluation, scored: ScoredSlice) -> str | None:
    """What the slice shows, if it becomes an example: the first slices of each kind do, one per
    patient and kind. So nobody chooses them by their looks.
    """
    shows = _shows(count(scored))
    alike = [example.scored.patient_id for example in evaluation.examples if example.shows == shows]
    wanted = len(alike) < EXAMPLES_OF_EACH and scored.patient_id not in alike
    return shows if wanted else None


def _shows(counts: Counts) -> str | None:
    if counts.tp and not counts.fn:
        return EXAMPLES[0]
    if counts.fn:
        return EXAMPLES[1]
    return EXAMPLES[2] if counts.fp else None
