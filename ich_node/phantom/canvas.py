"""A head in a scanner: slices with their ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.phantom.bleeds import (
    BLEED_KINDS,
    BrainPlane,
    Collection,
    Intraparenchymal,
    Lesion,
)
from ich_node.phantom.brain import paint_brain
from ich_node.phantom.cavity import Footprint, footprint_of, footprint_part
from ich_node.phantom.frame import Field, Frame, Pose, Window, box_of, cover, make_frame, paint
from ich_node.phantom.head import Head
from ich_node.phantom.physics import Scanner, scan
from ich_node.phantom.plane import Plane, plane_at
from ich_node.phantom.skull import AIR_HU, paint_surroundings

SUBLEVELS = (-1 / 3, 0.0, 1 / 3)  # of the slice thickness
MASK_SHARE = 0.4  # of a voxel filled with blood for it to count as a bleed
NEAR_MM = 25.0  # beyond its levels a lesion changes nothing


@dataclass(frozen=True, kw_only=True)
class PhantomSlice:
    """hu_YX: float32, integers in HU. bleed_mask_YX: 0, or 1 + the index into BLEED_KINDS.
    lesion_YX: 0, or 1 + the index of the lesion. level_mm: above the foramen magnum.
    """

    hu_YX: Field
    bleed_mask_YX: NDArray[np.uint8]
    lesion_YX: NDArray[np.uint8] = field(repr=False)
    level_mm: float


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """A head, a scanner and the pixels of its images.

    The head is painted on pixels that are `coarser` times as large as those of the image, in the
    part of the plane where the head is (box).
    """

    head: Head
    scanner: Scanner
    slice_mm: float
    coarser: int
    image: Frame
    image_footprint: Footprint
    painted: Frame
    painted_footprint: Footprint
    box: Window

    def slice_at(
        self, level_mm: float, lesions: Sequence[Lesion], rng: np.random.Generator
    ) -> PhantomSlice:
        """The slice at a level, as the scanner gives it."""
        hu_YX, lesion_YX = self.ground_truth(level_mm, lesions)
        plane = plane_at(
            self.head, frame=self.image, footprint=self.image_footprint, level_mm=level_mm
        )
        codes = [0 if item.kind is None else 1 + BLEED_KINDS.index(item.kind) for item in lesions]
        return PhantomSlice(
            hu_YX=scan(hu_YX, plane=plane, scanner=self.scanner, rng=rng),
            bleed_mask_YX=np.array([0, *codes], dtype=np.uint8)[lesion_YX],
            lesion_YX=lesion_YX,
            level_mm=level_mm,
        )

    def ground_truth(
        self, level_mm: float, lesions: Sequence[Lesion]
    ) -> tuple[Field, NDArray[np.uint8]]:
        """On the image's pixels: the HU averaged over the slice, and 1 + the index of the lesion
        that fills most of each voxel (0: none).
        """
        hu_YX = np.zeros(self.painted.x_YX.shape, dtype=np.float32)
        share_LYX = np.zeros((len(lesions), *hu_YX.shape), dtype=np.float32)
        for sublevel in SUBLEVELS:
            plane = plane_at(
                self.head,
                frame=self.painted,
                footprint=self.painted_footprint,
                level_mm=level_mm + sublevel * self.slice_mm,
            )
            thin_YX = paint_surroundings(plane, self.painted_footprint.base_mm_YX)
            inner = box_of(plane.cavity.brain_YX > -1, margin_px=2)
            if thin_YX[inner].size:
                share_LYX[:, *inner] += _paint_cavity(thin_YX[inner], plane.part(inner), lesions)
            hu_YX += thin_YX
        weight = np.float32(1 / len(SUBLEVELS))
        lesion_YX = np.zeros(self.image.x_YX.shape, dtype=np.uint8)
        rows, columns = (
            slice(span.start * self.coarser, span.stop * self.coarser) for span in self.box
        )
        if len(lesions):
            share_LYX = np.stack(
                [self._enlarged(share_LYX[index] * weight) for index in range(len(lesions))]
            )
            lesion_YX[rows, columns] = np.where(
                share_LYX.max(axis=0) >= MASK_SHARE, share_LYX.argmax(axis=0) + 1, 0
            )
        whole_YX = np.full(self.image.x_YX.shape, AIR_HU, dtype=np.float32)
        whole_YX[rows, columns] = self._enlarged(hu_YX * weight)
        return whole_YX, lesion_YX

    def _enlarged(self, values_YX: Field) -> Field:
        if self.coarser == 1:
            return values_YX
        enlarged: Field = ndimage.zoom(
            values_YX, self.coarser, order=1, mode="nearest", grid_mode=True
        )
        return enlarged


def make_canvas(
    head: Head,
    *,
    scanner: Scanner,
    pose: Pose,
    size: int,
    pixel_mm: float,
    slice_mm: float,
    coarser: int = 1,
) -> Canvas:
    """size: of the image in pixels; a multiple of `coarser`."""
    image = make_frame(size, pixel_mm, pose)
    whole = make_frame(size // coarser, pixel_mm * coarser, pose)
    footprint = footprint_of(head, whole)
    box = _head_box(head, whole, footprint)
    return Canvas(
        head=head,
        scanner=scanner,
        slice_mm=slice_mm,
        coarser=coarser,
        image=image,
        image_footprint=footprint if coarser == 1 else footprint_of(head, image),
        painted=whole.part(box),
        painted_footprint=footprint_part(footprint, box),
        box=box,
    )


def _head_box(head: Head, frame: Frame, footprint: Footprint) -> Window:
    """The part of the plane where the head and the neck are, at any level."""
    margin_mm = 1.4 * head.skull.thickness + 1.5 * head.skull.scalp + 6
    radius_YX = np.sqrt(frame.x_YX**2 + frame.y_YX**2)
    return box_of(
        radius_YX * (1 - 1 / np.maximum(footprint.rho_YX, np.float32(1e-3))) < margin_mm,
        margin_px=1,
    )


def _paint_cavity(hu_YX: Field, plane: Plane, lesions: Sequence[Lesion]) -> Field:
    """Paint brain and lesions into hu_YX; returns the share of each pixel that each lesion fills
    (LYX).
    """
    near = [
        (index, lesion)
        for index, lesion in enumerate(lesions)
        if lesion.levels_mm[0] - NEAR_MM < plane.level_mm < lesion.levels_mm[1] + NEAR_MM
    ]
    shift_YX, pressed_YX = _displacements(plane, [lesion for _, lesion in near])
    spaces = paint_brain(hu_YX, plane=plane, shift_YX=shift_YX, pressed_YX=pressed_YX)
    brain = BrainPlane(
        head=plane.head,
        frame=plane.frame,
        cavity=plane.cavity,
        level_mm=plane.level_mm,
        spaces=spaces,
    )
    share_LYX = np.zeros((len(lesions), *hu_YX.shape), dtype=np.float32)
    for index, lesion in near:
        if isinstance(lesion, Intraparenchymal):
            hu_YX += lesion.rim(brain)
        filled_YX, value = lesion.share(brain)
        paint(hu_YX, value, filled_YX)
        share_LYX *= 1 - filled_YX
        share_LYX[index] = filled_YX
    _paint_calcium(hu_YX, plane)
    return share_LYX


def _displacements(plane: Plane, lesions: Sequence[Lesion]) -> tuple[Field, Field]:
    """How far lesions push the brain to +x and lift it off the skull, in mm."""
    shift_YX, pressed_YX = np.zeros_like(plane.cavity.z_YX), np.zeros_like(plane.cavity.z_YX)
    for lesion in lesions:
        if isinstance(lesion, Intraparenchymal | Collection):
            shift_YX += lesion.push(plane)
        if isinstance(lesion, Collection):
            pressed_YX = np.maximum(pressed_YX, lesion.press(plane))
    return shift_YX, pressed_YX


def _paint_calcium(hu_YX: Field, plane: Plane) -> None:
    frame, cavity = plane.frame, plane.cavity
    for spot in plane.head.calcifications:
        shape = spot.shape
        window = frame.window(shape.centre[:2], max(shape.axes[:2]) + 3)
        if hu_YX[window].size and shape.spans(cavity.z_YX[window]):
            inside_YX = shape.distance(frame.x_YX[window], frame.y_YX[window], cavity.z_YX[window])
            share_YX = cover(np.minimum(inside_YX, cavity.brain_YX[window]), 1.2)
            paint(hu_YX[window], spot.hu, share_YX)
