"""Likelihood maps -> Regions: the connected parts of a slice that look like blood, and which of
them continue from slice to slice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage import measure

from ich_node.detection.peaks import upsample
from ich_node.detection.reading import Finding, LikelihoodMap
from ich_node.series.series import Slice

# Regions of two slices that come this near to each other in the plane touch: a bleed along the
# skull, which leans by up to 45 degrees, moves by this in a slice of 5 mm. The result is the same
# from 3.6 mm, a cell of the finest map, to 7.2 mm, one of the coarsest.
IN_PLANE_MM = 5.0
# A slice of 5 mm without a region, as a movement of the head makes them, does not end a bleed. Half
# a millimetre more, since positions are rounded.
THROUGH_PLANE_MM = 10.5
# Of thicker slices the next one is a neighbour, but none beyond a hole.
STEPS = 1.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A connected part of one slice. pixel_N2: its rows and columns in pixels of the network's
    input, or the place of a peak outside of any such part.
    """

    slice_index: int
    slice: Slice
    likelihood_map: LikelihoodMap | None
    pixel_N2: NDArray[np.float64]

    @classmethod
    def of_point(cls, slice_: Slice, slice_index: int, finding: Finding) -> "Region":
        """Of a peak outside of any part; in pixels of the slice."""
        return cls(
            slice_index=slice_index,
            slice=slice_,
            likelihood_map=None,
            pixel_N2=np.array([[finding.row, finding.column]]),
        )

    def contains(self, row: float, column: float) -> bool:
        """Whether a place in pixels of the slice lies in it."""
        if self.likelihood_map is None:
            return False
        return tuple(np.rint(self.likelihood_map.grid.to_input(row, column))) in self._pixels

    @cached_property
    def _pixels(self) -> set[tuple[float, float]]:
        return set(map(tuple, self.pixel_N2.tolist()))

    @cached_property
    def plane_mm_N2(self) -> NDArray[np.float64]:
        """The places along the directions of the slice's rows and columns, from the origin of the
        patient's coordinates.
        """
        row_N, column_N = self.pixel_N2.T
        if self.likelihood_map is not None:
            row_N, column_N = self.likelihood_map.grid.to_slice(row_N, column_N)
        row_mm, column_mm = self.slice.pixel_spacing_mm
        along_row, along_column = np.asarray(self.slice.image_orientation).reshape(2, 3)
        origin_mm = np.asarray(self.slice.image_position_mm)
        return np.stack(
            [
                origin_mm @ along_row + column_N * column_mm,
                origin_mm @ along_column + row_N * row_mm,
            ],
            axis=1,
        )

    @cached_property
    def tree(self) -> cKDTree:
        return cKDTree(self.plane_mm_N2)

    @property
    def area_mm2(self) -> float:
        """0 for a peak outside of any region."""
        if self.likelihood_map is None:
            return 0.0
        grid, (row_mm, column_mm) = self.likelihood_map.grid, self.slice.pixel_spacing_mm
        return float(len(self.pixel_N2) * grid.row_scale * row_mm * grid.column_scale * column_mm)

    def mask_YX(self) -> NDArray[np.bool_]:
        """The region in the pixels of the slice."""
        mask_YX: NDArray[np.bool_] = np.zeros(self.slice.hu_YX.shape, dtype=bool)
        if self.likelihood_map is None:
            row, column = np.rint(self.pixel_N2[0]).astype(int)
            mask_YX[row, column] = True
            return mask_YX
        size_px = self.likelihood_map.size_px
        inside_YX = np.zeros((size_px, size_px), dtype=bool)
        inside_YX[tuple(self.pixel_N2.astype(int).T)] = True
        grid = self.likelihood_map.grid
        rows, columns = mask_YX.shape
        row_N = np.rint((np.arange(rows) - grid.row_offset) / grid.row_scale).astype(int)
        column_N = np.rint((np.arange(columns) - grid.column_offset) / grid.column_scale).astype(
            int
        )
        # only the box around it: the whole slice takes ten times as long
        (top, left), (bottom, right) = self.pixel_N2.min(axis=0), self.pixel_N2.max(axis=0)
        row_in_N = np.flatnonzero((row_N >= top) & (row_N <= bottom))
        column_in_N = np.flatnonzero((column_N >= left) & (column_N <= right))
        mask_YX[np.ix_(row_in_N, column_in_N)] = inside_YX[
            np.ix_(row_N[row_in_N], column_N[column_in_N])
        ]
        return mask_YX


def regions_of(likelihood_map: LikelihoodMap, slice_: Slice, slice_index: int) -> list[Region]:
    """The regions of one slice: what is at least `region_from` and connected, corners counted."""
    if likelihood_map.likelihood_YX.max() < likelihood_map.region_from:
        return []  # bilinear upsampling cannot exceed the coarse maximum
    fine_YX = upsample(likelihood_map.likelihood_YX, likelihood_map.size_px)
    labels_YX = measure.label(fine_YX >= likelihood_map.region_from, connectivity=2)
    return [
        Region(
            slice_index=slice_index,
            slice=slice_,
            likelihood_map=likelihood_map,
            pixel_N2=found.coords.astype(float),
        )
        for found in measure.regionprops(labels_YX)
    ]


def connected(regions: Sequence[Region], *, step_mm: Mapping[int, float]) -> list[list[Region]]:
    """The regions, grouped by what continues through the slices of one stack. regions: in the order
    of their slices. step_mm: the usual distance of the slices of each stack.
    """
    group_of = list(range(len(regions)))

    def root(index: int) -> int:
        while group_of[index] != index:
            group_of[index] = index = group_of[group_of[index]]
        return index

    for one, other in _neighbours(regions, step_mm):
        if root(one) != root(other) and _touch(regions[one], regions[other]):
            group_of[root(other)] = root(one)
    groups: dict[int, list[Region]] = {}
    for index, region in enumerate(regions):
        groups.setdefault(root(index), []).append(region)
    return list(groups.values())


def _neighbours(
    regions: Sequence[Region], step_mm: Mapping[int, float]
) -> Iterator[tuple[int, int]]:
    """Pairs of regions on different slices of a stack that are near enough along the normal, the
    nearer slice first.
    """
    for later, region in enumerate(regions):
        stack = region.slice.stack
        reach_mm = max(THROUGH_PLANE_MM, STEPS * step_mm[stack])
        for earlier in range(later - 1, -1, -1):
            other = regions[earlier]
            if (
                other.slice.stack != stack
                or region.slice.position_mm - other.slice.position_mm > reach_mm
            ):
                break
            if other.slice_index != region.slice_index:
                yield earlier, later


def _touch(one: Region, other: Region) -> bool:
    few, many = sorted((one, other), key=lambda region: len(region.pixel_N2))
    lower_mm, upper_mm = many.plane_mm_N2.min(axis=0), many.plane_mm_N2.max(axis=0)
    near_N = np.all(
        (few.plane_mm_N2 >= lower_mm - IN_PLANE_MM) & (few.plane_mm_N2 <= upper_mm + IN_PLANE_MM),
        axis=1,
    )
    if not near_N.any():
        return False
    within_mm = IN_PLANE_MM + 1e-6  # the bound is exclusive
    distance_mm_N, _ = many.tree.query(few.plane_mm_N2[near_N], distance_upper_bound=within_mm)
    return bool(np.isfinite(distance_mm_N).any())
