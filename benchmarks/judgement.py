"""What a bundle says to the judged series, as figures: JSON values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from statistics import fmean
from typing import Any

from benchmarks.judged_series import Group, JudgedSeries, Part
from ich_node.demo.play import NEAR_PX
from ich_node.detection.reading import Finding, Reading, SliceReading
from ich_node.model.bundle import Bundle
from ich_node.model.detector import Detector
from ich_node.phantom import PhantomStudy
from ich_node.scoring.counts import count, count_all
from ich_node.scoring.points import Point, ScoredSlice
from ich_node.series.read import read_series

SMALL_CM2 = 6.0  # an extradural's boxes in a slice together, at most: a lens of about 1 x 5 cm
EXTRADURAL = "EDH"
EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)  # of the calibration's bins
Read = tuple[JudgedSeries, Reading]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One bundle's readings of all judged series."""

    bundle: Bundle
    read: tuple[Read, ...]

    def of(self, group: Group, part: Part | None = None) -> list[Read]:
        return [
            (item, reading)
            for item, reading in self.read
            if item.group == group and item.part == part
        ]


def judge(
    bundle: Bundle, judged: Sequence[JudgedSeries], progress: Callable[[int, int], None]
) -> Judgement:
    """Read every series as serving does, with torch on the CPU."""
    detector, read = Detector(bundle), []
    for done, item in enumerate(judged, start=1):
        read.append((item, detector.read(item.series)))
        progress(done, len(judged))
    return Judgement(bundle=bundle, read=tuple(read))


def marks(reading: Reading) -> int:
    return sum(len(slice_.findings) for slice_ in reading.slices)


def highest_logit(reading: Reading) -> float:
    """The network's, before calibration."""
    return max(map_.logit for map_ in reading.maps)


def development_figures(judgement: Judgement) -> dict[str, Any]:
    """Of the real series of known answer, and of the slices with expert boxes."""
    positive, negative = judgement.of("positive"), judgement.of("negative")
    threshold = judgement.bundle.operating_point.threshold
    # by logit: of two probabilities near 1 neither may be the higher one
    pairs = [
        highest_logit(above) > highest_logit(below)
        for (_, above), (_, below) in product(positive, negative)
    ]
    return {
        "series": [
            {
                "series": item.name,
                "group": item.group,
                "probability": reading.series_probability,
                "logit": highest_logit(reading),
                "above_threshold": reading.positive,
                "marks": marks(reading),
                "slices": len(reading.slices),
            }
            for group in ("positive", "negative", "apart")
            for item, reading in judgement.of(group)
        ],
        "pairs": [sum(pairs), len(pairs)],
        "positives_found": [sum(reading.positive for _, reading in positive), len(positive)],
        "marks_on_positives": sum(marks(reading) for _, reading in positive),
        "points_on_negatives": sum(marks(reading) for _, reading in negative),
        "margin_logit": _log_odds(judgement.bundle, judgement.bundle.calibration.logit(threshold))
        - max(_log_odds(judgement.bundle, highest_logit(reading)) for _, reading in negative)
        if negative
        else None,
        "margin_p": threshold - max(reading.series_probability for _, reading in negative)
        if negative
        else None,
        "boxed": [_boxed_figures(item, reading) for item, reading in judgement.of("boxed")],
    }


def tissue_figures(judgement: Judgement, part: Part) -> dict[str, Any]:
    """Of the patients of a part: how many are found, slice by slice and as a stack, and how many
    of their clean halves stay below the threshold.
    """
    slices, halves = judgement.of("bleeding", part), judgement.of("clean half", part)
    patients = [_patient_figures(judgement, item, part) for item in judgement.of("stack", part)]
    extradurals = [(item, reading) for item, reading in slices if _is_small_extradural(item)]
    counts = count_all(_scored(*read) for read in slices if read[0].boxes)
    return {
        "part": part,
        "patients": patients,
        "found": [sum(patient["found"] for patient in patients), len(patients)],
        "found_as_stack": [sum(patient["found_as_stack"] for patient in patients), len(patients)],
        "marked": [
            sum(patient["marked_slices"] > 0 for patient in patients if patient["boxed_slices"]),
            sum(patient["boxed_slices"] > 0 for patient in patients),
        ],
        "slices_found": [sum(reading.positive for _, reading in slices), len(slices)],
        "small_extradurals_found": [
            sum(reading.positive for _, reading in extradurals),
            len(extradurals),
        ],
        "small_extradurals_marked": [
            sum(count(_scored(*read)).tp > 0 for read in extradurals),
            len(extradurals),
        ],
        "small_extradurals_missed": [
            item.name for item, reading in extradurals if not reading.positive
        ],
        "boxes": {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "dice": counts.dice},
        "halves_below": [sum(not reading.positive for _, reading in halves), len(halves)],
        "points_on_halves": sum(marks(reading) for _, reading in halves),
        "halves_above": [item.name for item, reading in halves if reading.positive],
        "calibration": _calibration(
            [(reading.series_probability, True) for _, reading in slices]
            + [(reading.series_probability, False) for _, reading in halves]
        ),
    }


def demo_figures(bundle: Bundle, studies: Sequence[PhantomStudy]) -> dict[str, Any]:
    """Planted bleeds with a mark on or near them, as the demo counts; points where none is."""
    detector, found, planted, points = Detector(bundle), 0, 0, 0
    for study in studies:
        datasets = study.datasets()
        index_of = {str(ds.SOPInstanceUID): index for index, ds in enumerate(datasets)}
        reading = detector.read(read_series(datasets))
        for bleed in study.bleeds:
            planted += 1
            found += any(
                _is_near(mark, bleed.boxes.get(index_of[read.sop_instance_uid]))
                for read in reading.slices
                for mark in read.findings
            )
        if not study.bleeds:
            points += marks(reading)
    return {"found": [found, planted], "points_without_bleeds": points}


def _is_near(mark: Finding, box: tuple[int, int, int, int] | None) -> bool:
    if box is None:
        return False
    row0, column0, row1, column1 = box
    return (
        row0 - NEAR_PX <= mark.row <= row1 + NEAR_PX
        and column0 - NEAR_PX <= mark.column <= column1 + NEAR_PX
    )


def _patient_figures(judgement: Judgement, stack: Read, part: Part) -> dict[str, Any]:
    patient = stack[0].patient
    slices = [read for read in judgement.of("bleeding", part) if read[0].patient == patient]
    halves = [read for read in judgement.of("clean half", part) if read[0].patient == patient]
    boxed = [read for read in slices if read[0].boxes]
    kinds = frozenset().union(*(kinds for item, _ in slices for kinds in item.kinds.values()))
    return {
        "patient": patient,
        "kinds": sorted(kinds),
        "small_extradural": any(_is_small_extradural(item) for item, _ in slices),
        "slices": len(slices),
        "slices_found": sum(reading.positive for _, reading in slices),
        "found": any(reading.positive for _, reading in slices),
        "probability": max(reading.series_probability for _, reading in slices),
        "found_as_stack": stack[1].positive,
        "probability_as_stack": stack[1].series_probability,
        "boxed_slices": len(boxed),
        "marked_slices": sum(count(_scored(*read)).tp > 0 for read in boxed),
        "halves": len(halves),
        "halves_below": sum(not reading.positive for _, reading in halves),
        "missed": [item.name for item, reading in slices if not reading.positive],
    }


def _is_small_extradural(item: JudgedSeries) -> bool:
    """A slice with boxes of at most SMALL_CM2 together, whose bleeds are extradurals."""
    (slice_,) = item.series.slices
    row_mm, column_mm = slice_.pixel_spacing_mm
    boxes = item.boxes.get(slice_.sop_instance_uid, ())
    area_cm2 = sum(
        (box.row1 - box.row0) * row_mm * (box.column1 - box.column0) * column_mm / 100
        for box in boxes
    )
    return item.kinds[slice_.sop_instance_uid] == {EXTRADURAL} and 0 < area_cm2 <= SMALL_CM2


def _boxed_figures(item: JudgedSeries, reading: Reading) -> dict[str, Any]:
    scored = _scored(item, reading)
    counts = count(scored)
    return {
        "slice": item.name,
        "copy": item.copy,
        "above_threshold": reading.positive,
        "probability": reading.series_probability,
        "logit": highest_logit(reading),
        "hit": counts.tp,
        "of": len(scored.boxes),
        "missed": [box.kind for box in scored.boxes if not scored.is_found(box)],
        "false_points": counts.fp,
    }


def _scored(item: JudgedSeries, reading: Reading) -> ScoredSlice:
    """The one slice of a series of one."""
    (read,), (slice_,) = reading.slices, item.series.slices
    return ScoredSlice(
        patient_id=item.patient,
        points=_points(read),
        boxes=item.boxes.get(read.sop_instance_uid, ()),
        pixel_spacing_mm=slice_.pixel_spacing_mm,
    )


def _points(read: SliceReading) -> tuple[Point, ...]:
    return tuple(
        Point(row=mark.row, column=mark.column, score=mark.probability) for mark in read.findings
    )


def _log_odds(bundle: Bundle, logit: float) -> float:
    """log(p / (1 - p)) of the calibrated probability of a logit of the network."""
    return (logit + bundle.calibration.shift) / bundle.calibration.temperature


def _calibration(answers: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    """By bins of the probability: its mean, the share with blood, and how many slices."""
    bins = []
    for low, high in pairwise(EDGES):
        held = [
            (probability, blood)
            for probability, blood in answers
            if low <= probability < high or (high == 1.0 and probability == 1.0)
        ]
        bins.append(
            {
                "from": low,
                "to": high,
                "slices": len(held),
                "mean": fmean(probability for probability, _ in held) if held else None,
                "with_blood": fmean(blood for _, blood in held) if held else None,
            }
        )
    return bins
