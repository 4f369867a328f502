"""An evaluation as figures: JSON values with their intervals."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.scoring.counts import Counts, count, count_all
from ich_node.scoring.froc import froc
from ich_node.scoring.intervals import Interval, bootstrap
from ich_node.scoring.points import ScoredSlice
from ich_node.scoring.recall import Recall, by_kind, by_size, pointing_game
from ich_node.scoring.roc import (
    area_under_curve,
    ppv_at_prevalence,
    roc_point,
    sensitivity_at_specificity,
)
from training.evaluate import Evaluation, Outcome

SPECIFICITIES = (0.90, 0.95)
PREVALENCES = (0.02, 0.10, 0.40)  # a screening list, an emergency department, a curated data set
FALSE_POINTS_PER_SLICE = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def figures(evaluation: Evaluation, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Every figure as JSON values; what cannot be computed is None. Intervals are 95 % bootstrap
    intervals over patients.
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
            "unlocated_slices": evaluation.unlocated_slices,
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
    """The counts are summed by patient, since the bootstrap draws patients."""
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
    """At the bundle's own threshold; the PPV at other prevalences than the data set's by Bayes."""
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
    """JSON has neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
