"""Marks -> Lesions: one connected region of the likelihood map through neighbouring slices is one
lesion, with one mark on each slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.reading import Finding, LikelihoodMap
from ich_node.detection.regions import Region, connected, regions_of
from ich_node.series.series import Slice

Steps = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A Finding with its place. slice_index: in the Series; patient_mm: x, y, z (PS3.3
    C.7.6.2.1.1).
    """

    slice_index: int
    slice: Slice
    finding: Finding
    patient_mm: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """A bleed. number: 1 is the most certain. marks: one on a slice, the peak first, then in the
    order of the slices. extent_mm: along the slice normal, from the first to the last marked slice
    with half a step on either side. regions: its parts, also on slices between and beside the
    marked ones. size_mm3: of the regions, which are larger than the blood: for the order alone.
    """

    number: int
    marks: tuple[Mark, ...]
    extent_mm: float
    regions: tuple[Region, ...] = field(default=(), repr=False, compare=False)
    size_mm3: float = 0.0

    @property
    def peak(self) -> Mark:
        return self.marks[0]

    @property
    def certainty(self) -> float:
        """0..1: the probability of the peak."""
        return self.peak.finding.probability

    @property
    def slice_indices(self) -> tuple[int, ...]:
        """The marked slices, each once, in the order of the slices."""
        return tuple(sorted({mark.slice_index for mark in self.marks}))


def find_lesions(
    slices: Sequence[Slice],
    findings: Sequence[Sequence[Finding]],
    maps: Sequence[LikelihoodMap] = (),
) -> tuple[Lesion, ...]:
    """The most certain Lesion first; of equally certain ones, in whole percent, the largest.

    slices: ordered by stack and position. findings: for each of them. maps: of slices, in any
    order; a finding outside of all regions of its map, or on a slice without a map, is a region of
    its own.
    """
    marks = [
        Mark(
            slice_index=index,
            slice=slice_,
            finding=finding,
            patient_mm=to_patient(slice_, finding.row, finding.column),
        )
        for index, (slice_, found) in enumerate(zip(slices, findings, strict=True))
        for finding in found
    ]
    if not marks:
        return ()
    steps_mm = _steps(slices)
    marked = _marked_regions(slices, marks, maps)
    usual_mm = {
        stack: float(
            np.median(
                [
                    step
                    for slice_, step in zip(slices, steps_mm, strict=True)
                    if slice_.stack == stack
                ]
            )
        )
        for stack in {slice_.stack for slice_ in slices}
    }
    groups = connected([region for region, _ in marked], step_mm=usual_mm)
    marks_of = {id(region): its_marks for region, its_marks in marked}
    lesions = []
    for regions in groups:
        its_marks = [mark for region in regions for mark in marks_of[id(region)]]
        if its_marks:
            lesions.append(_lesion(its_marks, regions, steps_mm))
    lesions.sort(
        key=lambda lesion: (
            -round(100 * lesion.certainty),
            -lesion.size_mm3,
            -lesion.certainty,
            -len(lesion.marks),
            lesion.peak.slice_index,
            lesion.peak.patient_mm,
        )
    )
    return tuple(replace(lesion, number=number) for number, lesion in enumerate(lesions, start=1))


def to_patient(slice_: Slice, row: float, column: float) -> tuple[float, float, float]:
    """The patient coordinates (x, y, z in mm) of a place in a Slice. row, column: 0-based indices
    of pixel centres; they may be fractional.
    """
    along_row, along_column = np.asarray(slice_.image_orientation).reshape(2, 3)
    row_mm, column_mm = slice_.pixel_spacing_mm
    x, y, z = (
        np.asarray(slice_.image_position_mm)
        + column * column_mm * along_row
        + row * row_mm * along_column
    )
    return float(x), float(y), float(z)


def _marked_regions(
    slices: Sequence[Slice], marks: Sequence[Mark], maps: Sequence[LikelihoodMap]
) -> list[tuple[Region, list[Mark]]]:
    """Every region with its marks, also regions without any, in the order of the slices."""
    map_of = {likelihood_map.image: likelihood_map for likelihood_map in maps}
    marked: list[tuple[Region, list[Mark]]] = []
    for index, slice_ in enumerate(slices):
        likelihood_map = map_of.get(slice_.image)
        found = regions_of(likelihood_map, slice_, index) if likelihood_map else []
        its_marks: list[list[Mark]] = [[] for _ in found]
        for mark in marks:
            if mark.slice_index != index:
                continue
            place = next(
                (
                    place
                    for place, region in enumerate(found)
                    if region.contains(mark.finding.row, mark.finding.column)
                ),
                None,
            )
            if place is None:
                found.append(Region.of_point(slice_, index, mark.finding))
                its_marks.append([mark])
            else:
                its_marks[place].append(mark)
        marked += zip(found, its_marks, strict=True)
    return marked


def _lesion(marks: Sequence[Mark], regions: Sequence[Region], steps_mm: Steps) -> Lesion:
    best: dict[int, Mark] = {}
    for mark in sorted(marks, key=_rank):
        best.setdefault(mark.slice_index, mark)
    peak = min(best.values(), key=_rank)
    others = [best[index] for index in sorted(best) if best[index] is not peak]
    return Lesion(
        number=0,
        marks=(peak, *others),
        extent_mm=_extent(list(best.values()), steps_mm),
        regions=tuple(regions),
        size_mm3=sum(region.area_mm2 * float(steps_mm[region.slice_index]) for region in regions),
    )


def _rank(mark: Mark) -> tuple[float, float, int, tuple[float, float, float]]:
    """The best mark first."""
    finding = mark.finding
    return -finding.probability, -finding.likelihood, mark.slice_index, mark.patient_mm


def _steps(slices: Sequence[Slice]) -> Steps:
    """For each slice the mean distance to its neighbours in its stack; 0 for a lone slice."""
    steps_mm = np.zeros(len(slices))
    for stack in {slice_.stack for slice_ in slices}:
        index_N = [index for index, slice_ in enumerate(slices) if slice_.stack == stack]
        gaps_mm = np.diff([slices[index].position_mm for index in index_N])
        if len(gaps_mm):
            steps_mm[index_N] = (
                np.append(gaps_mm, gaps_mm[-1]) + np.insert(gaps_mm, 0, gaps_mm[0])
            ) / 2
    return steps_mm


def _extent(group: Sequence[Mark], steps_mm: Steps) -> float:
    first, last = (choose(group, key=lambda mark: mark.slice_index) for choose in (min, max))
    ends_mm = (steps_mm[first.slice_index] + steps_mm[last.slice_index]) / 2
    return float(last.slice.position_mm - first.slice.position_mm + ends_mm)
