"""The anatomy of a tissue that drawing needs: skull, the cavity inside it, fluid, the midline."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.series.brain_region import BONE_GAP_MM, BONE_HU, SMALLEST_CM2
from ich_node.series.morphology import closed, dilated, eroded, holes, in_pixels
from training.drawn.midline import Midline, midline_of
from training.drawn.noise import Field, Spacing, smooth_noise
from training.tissue.tissue import Tissue

Mask = NDArray[np.bool_]

HEAD_HU = -300.0
MARGIN_PX = 6  # around the head
PART_CM2 = 3.0  # a smaller closed space beside the largest one is no fossa of the skull
PART_HU = (-10.0, 70.0)  # as is most of such a fossa
PART_SHARE = 0.85
NECK_MM = 3.0  # what is narrower than twice this joins the cavity with other spaces
BRAIN_HU = (5.0, 70.0)
FLUID_BELOW_BRAIN_HU = 10.0  # from here on a voxel is taken as partly fluid
FLUID_HU = 6.0  # cerebrospinal fluid; 0 to 15 HU in the literature
SMOOTHING_MM = 1.0  # of HU, before fluid is told from noise
MOST_GRAIN = 2.8  # standard deviations; more is an edge
RIM_MM = 2.2  # partial volume of bone under the inner table
VENTRICLE_DEPTH_MM = 17.0  # ventricles lie deeper under the skull than sulci
VENTRICLE_MM2 = 30.0
VAULT_BINS = 120  # directions from the middle of a slice


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A stack cut to its head. hu_SYX changes with each thing drawn (`replace`), the skull's
    cavity does not.

    cavity_SYX: what is inside the skull, up to the inner table. depth_SYX: mm from the inner table,
    measured in three dimensions; 0 outside. grain_SYX: the noise of the scan, which everything
    drawn has too. brain_hu: the median of the brain.
    """

    hu_SYX: Field
    spacing: Spacing
    cavity_SYX: Mask
    depth_SYX: Field
    grain_SYX: Field
    brain_hu: float

    @cached_property
    def smooth_SYX(self) -> Field:
        """HU without most of the noise."""
        return _smoothed(self.hu_SYX, self.cavity_SYX, self.spacing)

    @cached_property
    def fluid_SYX(self) -> Field:
        """The share of fluid in a voxel of the cavity, 0 to 1."""
        top = self.brain_hu - FLUID_BELOW_BRAIN_HU
        share_SYX = (np.float32(top) - self.smooth_SYX) * np.float32(1 / (top - FLUID_HU))
        fluid_SYX: Field = np.clip(share_SYX, 0, 1) * (self.cavity_SYX & (self.smooth_SYX > -15))
        return fluid_SYX

    @cached_property
    def filled_SYX(self) -> Field:
        """What blood fills: bodies of fluid up to the brain, with the rim that is fluid in part."""
        top = np.float32(self.brain_hu - 1)
        share_SYX = np.clip((top - self.smooth_SYX) / np.float32(top - FLUID_HU), 0, 1)
        near_SYX = ndimage.maximum_filter(self.fluid_SYX, size=(1, 5, 5))
        filled_SYX: Field = np.sqrt(share_SYX) * np.clip(near_SYX * 4 - 0.4, 0, 1)
        return filled_SYX * self.cavity_SYX

    @cached_property
    def ventricles_SYX(self) -> NDArray[np.int32]:
        """Numbered bodies of fluid deep in the brain, joined through slices; 0 elsewhere."""
        deep_SYX = (self.fluid_SYX > 0.3) & (self.depth_SYX > VENTRICLE_DEPTH_MM)
        parts_SYX, count = ndimage.label(deep_SYX)
        area_mm2 = np.bincount(parts_SYX.ravel(), minlength=count + 1) * self.pixel_mm2
        small_L = area_mm2 < VENTRICLE_MM2
        parts_SYX[small_L[parts_SYX]] = 0
        numbered: NDArray[np.int32] = parts_SYX.astype(np.int32)
        return numbered

    @cached_property
    def midline(self) -> Midline:
        return midline_of(np.clip(self.smooth_SYX, 0, 80), self.cavity_SYX, self.spacing[1])

    @cached_property
    def valleys_SYX(self) -> Field:
        """0 to 1: darker than what lies around, near the surface: sulci too tight to show fluid."""
        wide_SYX = self.softened(np.where(self.cavity_SYX, self.smooth_SYX, self.brain_hu), 3.0)
        deeper_SYX = (wide_SYX - self.smooth_SYX - np.float32(1.5)) * np.float32(1 / 5)
        near_SYX = np.clip((24 - self.depth_SYX) / 6, 0, 1) * (self.depth_SYX > 1)
        return np.clip(deeper_SYX, 0, 1) * near_SYX

    @cached_property
    def vault_SYX(self) -> Field:
        """1 under the vault and outside the cavity, 0 where the nearest bone stands inside the
        skull: petrous and sphenoid ridges, the sella.
        """
        shape = self.hu_SYX.shape
        found_SYX = np.zeros(shape, dtype=np.float32)
        rows, columns = np.ogrid[: shape[1], : shape[2]]
        for index, inside_YX in enumerate(self.cavity_SYX):
            if not inside_YX.any():
                continue
            row, column = ndimage.center_of_mass(inside_YX)
            y, x = (rows - row) * self.spacing[1], (columns - column) * self.spacing[2]
            bin_YX = ((np.arctan2(y, x) + np.pi) * (VAULT_BINS / (2 * np.pi))).astype(int)
            bin_YX = np.minimum(bin_YX, VAULT_BINS - 1)
            away_YX = np.sqrt(y**2 + x**2)
            edge_B = np.zeros(VAULT_BINS)
            np.maximum.at(edge_B, bin_YX[inside_YX], away_YX[inside_YX])
            edge_B = ndimage.maximum_filter1d(edge_B, 3, mode="wrap")
            within_YX = edge_B[bin_YX] - away_YX - 1.6 * self.depth_SYX[index]
            found_SYX[index] = np.where(inside_YX, np.clip(1.6 - within_YX / 8, 0, 1), 1)
        return found_SYX

    @cached_property
    def solid_S(self) -> NDArray[np.float64]:
        """Share of the cavity in what its outline encloses: low where the skull base stands in."""
        filled = [_between(self.cavity_SYX, axis).sum(axis=(1, 2)) for axis in (1, 2)]
        area = np.count_nonzero(self.cavity_SYX, axis=(1, 2))
        share_S: NDArray[np.float64] = area / np.maximum(np.maximum(*filled), 1)
        return share_S

    @cached_property
    def air_cm2_S(self) -> NDArray[np.float64]:
        """Air inside the head: sinuses and mastoids, at and below the skull base."""
        areas = []
        for hu_YX in self.hu_SYX:
            parts_YX, _ = ndimage.label(np.pad(hu_YX < HEAD_HU, 1, constant_values=True))
            areas.append(np.count_nonzero(parts_YX > 1) * self.pixel_mm2 / 100)
        return np.array(areas)

    @property
    def pixel_mm2(self) -> float:
        return self.spacing[1] * self.spacing[2]

    @cached_property
    def area_cm2_S(self) -> NDArray[np.float64]:
        """Of the cavity in each slice."""
        voxels_S = np.count_nonzero(self.cavity_SYX, axis=(1, 2))
        area_S: NDArray[np.float64] = voxels_S * (self.pixel_mm2 / 100)
        return area_S

    def away_mm(self, place: tuple[float, float, float]) -> tuple[Field, Field, Field]:
        """Distances from a place (index of slice, row, column) along the axes, for broadcasting."""
        axes = [
            (np.arange(length, dtype=np.float32) - np.float32(at)) * np.float32(step)
            for length, at, step in zip(self.hu_SYX.shape, place, self.spacing, strict=True)
        ]
        return axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]

    def noise(self, rng: np.random.Generator, cell_mm: float) -> Field:
        return smooth_noise(rng, self.hu_SYX.shape, spacing=self.spacing, cell_mm=cell_mm)

    def softened(self, share_SYX: Field, sigma_mm: float) -> Field:
        """With the edge of the scanner's resolution, in the plane."""
        sigma = (0.0, sigma_mm / self.spacing[1], sigma_mm / self.spacing[2])
        soft_SYX: Field = ndimage.gaussian_filter(share_SYX, sigma, truncate=2.5)
        return soft_SYX


@dataclass(frozen=True, kw_only=True)
class Crop:
    """Where a ground lies in its tissue."""

    rows: slice
    columns: slice


def crop_of(hu_SYX: Field) -> Crop | None:
    """The rows and columns of the head, with a margin; None if there is nothing but air."""
    head_YX = np.any(hu_SYX > HEAD_HU, axis=0)
    rows, columns = np.flatnonzero(head_YX.any(axis=1)), np.flatnonzero(head_YX.any(axis=0))
    if not len(rows):
        return None
    return Crop(
        rows=slice(max(0, int(rows[0]) - MARGIN_PX), int(rows[-1]) + 1 + MARGIN_PX),
        columns=slice(max(0, int(columns[0]) - MARGIN_PX), int(columns[-1]) + 1 + MARGIN_PX),
    )


def ground_of(tissue: Tissue) -> Ground | None:
    """None if no slice shows brain inside closed bone: a neck, air."""
    spacing = (tissue.slice_mm, tissue.pixel_mm, tissue.pixel_mm)
    cavity_SYX = np.stack([_cavity(hu_YX, tissue.pixel_mm) for hu_YX in tissue.hu_SYX])
    if not cavity_SYX.any():
        return None
    hu_SYX = tissue.hu_SYX.astype(np.float32)
    inner_SYX = np.stack([eroded(mask_YX, 3) for mask_YX in cavity_SYX])
    values = hu_SYX[inner_SYX & (hu_SYX > BRAIN_HU[0]) & (hu_SYX < BRAIN_HU[1])]
    if values.size < 200:
        return None
    return Ground(
        hu_SYX=hu_SYX,
        spacing=spacing,
        cavity_SYX=cavity_SYX,
        depth_SYX=_depth(cavity_SYX, spacing),
        grain_SYX=_grain(hu_SYX, cavity_SYX, inner_SYX, spacing),
        brain_hu=float(np.median(values)),
    )


def _cavity(hu_YX: Field, pixel_mm: float) -> Mask:
    """Spaces inside closed bone that hold brain; nothing if the largest is too small."""
    bone_YX = hu_YX > BONE_HU
    gap_px = in_pixels(BONE_GAP_MM, pixel_mm)
    margin = np.s_[gap_px:-gap_px, gap_px:-gap_px]
    enclosed_YX = holes(closed(np.pad(bone_YX, gap_px), gap_px)[margin])
    # with calcifications, which are holes of the space; without the rim that is mostly bone
    enclosed_YX |= holes(enclosed_YX)
    soft_YX = enclosed_YX & (hu_YX > -25) & (hu_YX < 100)
    neck_px = in_pixels(NECK_MM, pixel_mm)
    parts_YX, count = ndimage.label(eroded(soft_YX | _islands(enclosed_YX & ~soft_YX), neck_px))
    if count == 0:
        return np.zeros(hu_YX.shape, dtype=bool)
    area_cm2_L = np.bincount(parts_YX.ravel())[1:] * pixel_mm**2 / 100
    # most of a space of the face is fat, air, thin bone and what lies between them
    in_range_YX = (hu_YX > PART_HU[0]) & (hu_YX < PART_HU[1])
    like_brain_L = ndimage.mean(in_range_YX, parts_YX, np.arange(1, count + 1)) > PART_SHARE
    if not like_brain_L.any() or (area_cm2_L * like_brain_L).max() < SMALLEST_CM2:
        return np.zeros(hu_YX.shape, dtype=bool)
    kept_L = np.concatenate([[False], like_brain_L & (area_cm2_L > PART_CM2)])
    return dilated(kept_L[parts_YX], neck_px + 1) & enclosed_YX & (hu_YX < BONE_HU)


def _between(mask_SYX: Mask, axis: int) -> Mask:
    """Filled along an axis from its first voxel to its last."""
    before = np.maximum.accumulate(mask_SYX, axis=axis)
    after = np.flip(np.maximum.accumulate(np.flip(mask_SYX, axis), axis=axis), axis)
    return before & after


def _islands(mask_YX: Mask) -> Mask:
    """Small parts of a mask: air in a fracture, calcifications, not a whole sinus."""
    parts_YX, _ = ndimage.label(mask_YX)
    small_L = np.bincount(parts_YX.ravel()) < 150
    small_L[0] = False
    found: Mask = small_L[parts_YX]
    return found


def _depth(cavity_SYX: Mask, spacing: Spacing) -> Field:
    """Distance from the cavity's wall in mm. The squares of the distances in the planes, and the
    least over the slices around: exact as far as the slices looked at, and faster than in 3D.
    """
    plane_SYX = np.stack(
        [
            ndimage.distance_transform_edt(mask_YX, sampling=spacing[1:]).astype(np.float32)
            for mask_YX in cavity_SYX
        ]
    )
    square_SYX = plane_SYX**2
    least_SYX = square_SYX.copy()
    for steps in range(1, min(5, len(cavity_SYX))):
        rise = np.float32((steps * spacing[0]) ** 2)
        np.minimum(least_SYX[steps:], square_SYX[:-steps] + rise, out=least_SYX[steps:])
        np.minimum(least_SYX[:-steps], square_SYX[steps:] + rise, out=least_SYX[:-steps])
    depth_SYX: Field = np.sqrt(least_SYX)
    return depth_SYX


def _smoothed(hu_SYX: Field, cavity_SYX: Mask, spacing: Spacing) -> Field:
    """Bone does not bleed into the cavity."""
    sigma = (0, SMOOTHING_MM / spacing[1], SMOOTHING_MM / spacing[2])
    inside_SYX = cavity_SYX.astype(np.float32)
    weight_SYX = ndimage.gaussian_filter(inside_SYX, sigma, truncate=2.5)
    limited_SYX = np.clip(hu_SYX, -30, 110) * inside_SYX
    smooth_SYX = ndimage.gaussian_filter(limited_SYX, sigma, truncate=2.5)
    smooth_SYX /= np.maximum(weight_SYX, np.float32(1e-3))
    found_SYX: Field = np.where(cavity_SYX, smooth_SYX, hu_SYX)
    return found_SYX


def _grain(hu_SYX: Field, cavity_SYX: Mask, inner_SYX: Mask, spacing: Spacing) -> Field:
    """Detail that smoothing removes, without edges of anatomy: limited by its median."""
    detail_SYX = hu_SYX - _smoothed(hu_SYX, cavity_SYX, spacing)
    inner = np.abs(detail_SYX[inner_SYX])
    most = np.float32(MOST_GRAIN * 1.4826 * np.median(inner)) if inner.size else np.float32(0)
    return np.clip(detail_SYX, -most, most) * cavity_SYX
