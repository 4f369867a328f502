"""The served Detector on labelled DICOM series: what it found, beside what is known, as figures.

Nothing is forked: series come through `read_series`, marks come from `Detector.read`, the rules are
those of `scoring`. Several bundles read the same series side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.peaks import upsample
from ich_node.detection.reading import LikelihoodMap, Reading, SliceReading
from ich_node.model.bundle import Bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import required_engine
from ich_node.scoring.counts import Counts, count, count_all
from ich_node.scoring.froc import froc
from ich_node.scoring.intervals import Interval, bootstrap
from ich_node.scoring.points import Point, ScoredSlice
from ich_node.scoring.recall import Recall, by_kind, by_size, pointing_game
from ich_node.scoring.roc import (
    area_under_curve,
    ppv_at_prevalence,
    roc_point,
    sensitivity_at_specificity,
)
from ich_node.series.series import Series, Slice
from training.datasets import LabelledSeries, LabelledSlice, Skip
from training.errors import DataError
from training.predictions import load_or_skip

SPECIFICITIES = (0.90, 0.95)
PREVALENCES = (0.02, 0.10, 0.40)  # a screening list, an emergency department, a curated data set
FALSE_POINTS_PER_SLICE = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
PANELS = 2  # of each kind: a box found, a box missed, a false point
EXAMPLES = ("found", "missed", "false point")


@dataclass(frozen=True, kw_only=True)
class Example:
    """A slice to look at, as in Fig. 2 of the paper: the image, the boxes, the marks, the map
    (0..1).
    """

    shows: str
    hu_YX: NDArray[np.int16] | NDArray[np.float32]
    likelihood_YX: NDArray[np.float32]
    scored: ScoredSlice
    probability: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A probability and the truth, where it is known: of a slice or of a study."""

    patient_id: str
    probability: float
    label: bool


@dataclass(kw_only=True)
class Evaluation:
    """All that one bundle did. scored: the slices that carry marks (of a slab, the one in the
    middle).
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


def evaluate(
    bundles: Sequence[Bundle],
    labelled: Sequence[LabelledSeries],
    *,
    ignored_kinds: frozenset[str] = frozenset(),
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Evaluation]:
    """Read every series with every bundle. Raises DataError if nothing could be read, ConfigError
    if the device cannot.
    """
    detectors = [Detector(bundle, required_engine(bundle, device)) for bundle in bundles]
    evaluations = [Evaluation(bundle=bundle) for bundle in bundles]
    for done, item in enumerate(labelled, start=1):
        series = load_or_skip(item)
        for detector, evaluation in zip(detectors, evaluations, strict=True):
            if isinstance(series, Skip):
                evaluation.skipped.append(series)
            else:
                _add(evaluation, detector, item, series, ignored_kinds)
        progress(done, len(labelled))
    for evaluation in evaluations:
        if not evaluation.series:
            reasons = (
                "; ".join(f"{skip.what}: {skip.reason}" for skip in evaluation.skipped[:3])
                or "none was given"
            )
            raise DataError(
                f"no series could be evaluated ({reasons}); `ich-node train check-data` says what the folder holds"
            )
    return evaluations


def _add(
    evaluation: Evaluation,
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
        if uid in maps:
            scored = _score(
                detector, item.patient_id, read, labels[uid], maps[uid], images[uid], ignored_kinds
            )
            evaluation.scored.append(scored)
            _remember(evaluation, detector, read, scored, maps[uid], images[uid])
    boxed = sum(len(slice_.boxes) for slice_ in item.slices)
    evaluation.unread_boxes += boxed - sum(len(labels[uid].boxes) for uid in maps)
    if item.label is not None:
        _add_study(evaluation, item, item.label, reading)


def _add_study(evaluation: Evaluation, item: LabelledSeries, label: bool, reading: Reading) -> None:
    """A study is as probable as the most probable of its series."""
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
    detector: Detector,
    patient_id: str,
    read: SliceReading,
    labelled: LabelledSlice,
    map_: LikelihoodMap,
    image: Slice,
    ignored_kinds: frozenset[str],
) -> ScoredSlice:
    boxes = tuple(box for box in labelled.boxes if box.kind not in ignored_kinds)
    return ScoredSlice(
        patient_id=patient_id,
        points=tuple(
            Point(row=mark.row, column=mark.column, score=mark.probability)
            for mark in read.findings
        ),
        boxes=boxes,
        ignored=tuple(box for box in labelled.boxes if box.kind in ignored_kinds),
        pixel_spacing_mm=image.pixel_spacing_mm,
        top=_top(map_, detector.bundle.input.size_px) if boxes else None,
    )


def _top(map_: LikelihoodMap, size_px: int) -> Point:
    map_YX = upsample(map_.likelihood_YX, size_px)
    row, column = map_.grid.to_slice(*divmod(int(map_YX.argmax()), size_px))
    return Point(row=row, column=column, score=float(map_YX.max()))


def _remember(
    evaluation: Evaluation,
    detector: Detector,
    read: SliceReading,
    scored: ScoredSlice,
    map_: LikelihoodMap,
    image: Slice,
) -> None:
    """The first few slices of each kind, one a patient and kind: a choice that nobody makes by
    looking.
    """
    shows = _shows(count(scored))
    alike = [example.scored.patient_id for example in evaluation.examples if example.shows == shows]
    if shows is None or len(alike) >= PANELS or scored.patient_id in alike:
        return
    evaluation.examples.append(
        Example(
            shows=shows,
            hu_YX=image.hu_YX,
            likelihood_YX=detector.likelihood_on_slice(map_, image),
            scored=scored,
            probability=read.probability,
        )
    )


def _shows(counts: Counts) -> str | None:
    if counts.tp and not counts.fn:
        return EXAMPLES[0]
    if counts.fn:
        return EXAMPLES[1]
    return EXAMPLES[2] if counts.fp else None


def figures(evaluation: Evaluation, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Every figure as JSON values; what cannot be computed is None. Intervals are of 95 %, by
    patients drawn with replacement.
    """
    counts = count_all(evaluation.scored)
    curve = froc(evaluation.scored)
    pointed = pointing_game(evaluation.scored)
    document = {
        "bundle": {"name": evaluation.bundle.name, "sha256": evaluation.bundle.sha256},
        "series": evaluation.series,
        "skipped": [
            {"what": skip.what, "reason": skip.reason, "detail": skip.detail}
            for skip in evaluation.skipped
        ],
        "localisation": {
            "slices": len(evaluation.scored),
            "boxes": counts.tp + counts.fn,
            "unread_boxes": evaluation.unread_boxes,
            "tp": counts.tp,
            "fp": counts.fp,
            "fn": counts.fn,
            "ppv": counts.ppv,
            "sensitivity": counts.sensitivity,
            "dice": counts.dice,
            "intervals": _count_intervals(evaluation.scored, resamples=resamples, seed=seed),
        },
        "froc": {
            str(cost): curve.sensitivity_at(cost) if counts.tp + counts.fn else None
            for cost in FALSE_POINTS_PER_SLICE
        },
        "pointing_game": _found(pointed),
        "kinds": {name: _found(found) for name, found in by_kind(evaluation.scored).items()},
        "sizes": {name: _found(found) for name, found in by_size(evaluation.scored).items()},
        "slice": _classification(evaluation.slices, resamples=resamples, seed=seed),
        "study": _classification(list(evaluation.studies.values()), resamples=resamples, seed=seed)
        | _operation(
            list(evaluation.studies.values()), evaluation.bundle.operating_point.threshold
        ),
        "negative_series": {
            "series": evaluation.negative_series,
            "points": evaluation.points_on_negative_series,
        },
    }
    cleaned: dict[str, Any] = _without_nan(document)
    return cleaned


def _count_intervals(
    scored: Sequence[ScoredSlice], *, resamples: int, seed: int
) -> dict[str, list[float]]:
    """Slices are added up by patient first: the draw is of patients."""
    of_patient: dict[str, Counts] = {}
    for slice_ in scored:
        of_patient[slice_.patient_id] = of_patient.get(slice_.patient_id, Counts()) + count(slice_)
    counts_P3 = np.array([[counts.tp, counts.fp, counts.fn] for counts in of_patient.values()])

    def interval(figure: Callable[[Counts], float]) -> list[float]:
        def statistic(rows: NDArray[np.intp]) -> float:
            tp, fp, fn = (int(total) for total in counts_P3[rows].sum(axis=0))
            return figure(Counts(tp=tp, fp=fp, fn=fn))

        return _pair(bootstrap(list(of_patient), statistic, seed=seed, resamples=resamples))

    return {
        "ppv": interval(lambda counts: counts.ppv),
        "sensitivity": interval(lambda counts: counts.sensitivity),
        "dice": interval(lambda counts: counts.dice),
    }


def _classification(outcomes: Sequence[Outcome], *, resamples: int, seed: int) -> dict[str, Any]:
    score_N, label_N = _arrays(outcomes)
    patients = [outcome.patient_id for outcome in outcomes]
    interval = bootstrap(
        patients,
        lambda rows: area_under_curve(score_N[rows], label_N[rows]),
        seed=seed,
        resamples=resamples,
    )
    at = [
        sensitivity_at_specificity(score_N, label_N, specificity) for specificity in SPECIFICITIES
    ]
    return {
        "count": len(outcomes),
        "positive": int(label_N.sum()),
        "auc": area_under_curve(score_N, label_N),
        "auc_interval": _pair(interval),
        "sensitivity_at_specificity": {
            str(wanted): {
                "sensitivity": point.sensitivity,
                "specificity": point.specificity,
                "threshold": point.threshold,
            }
            for wanted, point in zip(SPECIFICITIES, at, strict=True)
        },
    }


def _operation(outcomes: Sequence[Outcome], threshold: float) -> dict[str, Any]:
    """At the bundle's own threshold; the PPV at other prevalences than this data set's by Bayes."""
    point = roc_point(*_arrays(outcomes), threshold)
    return {
        "threshold": threshold,
        "sensitivity": point.sensitivity,
        "specificity": point.specificity,
        "ppv_at_prevalence": {
            str(prevalence): ppv_at_prevalence(
                sensitivity=point.sensitivity, specificity=point.specificity, prevalence=prevalence
            )
            for prevalence in PREVALENCES
        },
    }


def _arrays(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return (
        np.array([outcome.probability for outcome in outcomes], dtype=float),
        np.array([outcome.label for outcome in outcomes], dtype=bool),
    )


def _found(found: Recall) -> dict[str, Any]:
    return {"found": found.found, "of": found.boxes, "share": found.sensitivity}


def _pair(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _without_nan(value: Any) -> Any:
    """JSON knows neither nan nor infinity."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
