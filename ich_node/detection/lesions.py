"""Marks -> Lesions: a bleed reaches through several slices and is marked in each of them; people
count it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.reading import Finding
from ich_node.series.series import Slice

# The peak of a long bleed moves along it from slice to slice, further than a bleed is wide. Bleeds
# on both sides of the head are further apart than this.
IN_PLANE_MM = 20.0
# One slice of 5 mm without a mark does not end a bleed. Of thicker slices only the next one is a
# neighbour.
THROUGH_PLANE_MM = 10.0


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
    """Marks that belong together. number: 1 is the most certain. marks: the peak first, then in the
    order of the slices. extent_mm: along the slice normal, from the first to the last marked slice
    with half a step on either side.
    """

    number: int
    marks: tuple[Mark, ...]
    extent_mm: float

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
    slices: Sequence[Slice], findings: Sequence[Sequence[Finding]]
) -> tuple[Lesion, ...]:
    """Link marks of neighbouring slices that lie close together; the most certain Lesion first.

    slices: ordered by position. findings: for each of them.
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
    steps_mm = _steps(slices)
    groups = [_peak_first([marks[index] for index in group]) for group in _linked(marks)]
    groups.sort(
        key=lambda group: (
            -group[0].finding.probability,
            -len(group),
            group[0].slice.position_mm,
            group[0].patient_mm,
        )
    )
    return tuple(
        Lesion(number=number, marks=tuple(group), extent_mm=_extent(group, steps_mm))
        for number, group in enumerate(groups, start=1)
    )


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


def _linked(marks: Sequence[Mark]) -> list[list[int]]:
    """The connected components of the graph of links, as indices into marks."""
    group_of = list(range(len(marks)))
    for later, mark in enumerate(marks):
        for earlier in range(later):
            if group_of[earlier] != group_of[later] and _are_neighbours(marks[earlier], mark):
                old, new = group_of[later], group_of[earlier]
                group_of = [new if group == old else group for group in group_of]
    return [
        [index for index, own in enumerate(group_of) if own == group]
        for group in sorted(set(group_of))
    ]


def _are_neighbours(one: Mark, other: Mark) -> bool:
    """Whether they lie in different slices, next to each other or nearly so, and close in the
    plane.

    The distance is split into parts along the slice normal and in the plane, so that a tilted
    gantry links the same marks as an upright one.
    """
    if one.slice_index == other.slice_index:
        return False
    through_mm = abs(one.slice.position_mm - other.slice.position_mm)
    distance_mm = float(np.linalg.norm(np.subtract(one.patient_mm, other.patient_mm)))
    in_plane_mm = max(0.0, distance_mm**2 - through_mm**2) ** 0.5
    is_next = abs(one.slice_index - other.slice_index) == 1
    return in_plane_mm <= IN_PLANE_MM and (is_next or through_mm <= THROUGH_PLANE_MM)


def _peak_first(group: list[Mark]) -> list[Mark]:
    peak = max(
        group,
        key=lambda mark: (mark.finding.probability, mark.finding.likelihood, -mark.slice_index),
    )
    return [peak, *(mark for mark in group if mark is not peak)]


def _steps(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """For each slice the mean distance to its neighbours; 0 for a lone slice."""
    positions_mm = np.array([slice_.position_mm for slice_ in slices])
    if len(positions_mm) < 2:
        return np.zeros(len(positions_mm))
    gaps_mm = np.diff(positions_mm)
    steps_mm: NDArray[np.float64] = (
        np.append(gaps_mm, gaps_mm[-1]) + np.insert(gaps_mm, 0, gaps_mm[0])
    ) / 2
    return steps_mm


def _extent(group: Sequence[Mark], steps_mm: NDArray[np.float64]) -> float:
    first, last = (choose(group, key=lambda mark: mark.slice_index) for choose in (min, max))
    ends_mm = (steps_mm[first.slice_index] + steps_mm[last.slice_index]) / 2
    return float(last.slice.position_mm - first.slice.position_mm + ends_mm)
