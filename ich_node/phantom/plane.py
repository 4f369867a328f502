"""A head in a scanner: one averaged, noisy slice at a level, with its ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.phantom.bleeds import BLEED_KINDS, Collection, Intraparenchymal, Lesion, View
from ich_node.phantom.brain import paint_brain
from ich_node.phantom.cavity import (
    Cavity,
    Footprint,
    cavity_at,
    footprint_of,
    footprint_part,
    part_of,
)
from ich_node.phantom.frame import Field, Frame, Pose, Window, box_of, cover, make_frame, paint
from ich_node.phantom.head import Head
from ich_node.phantom.physics import Scanner, scan
from ich_node.phantom.skull import AIR_HU, paint_surroundings

SUBLEVELS = (-1 / 3, 0.0, 1 / 3)  # of the slice thickness
MASK_SHARE = 0.4  # of a voxel filled with blood for it to count as a bleed
NEAR_MM = 25.0  # beyond its levels a lesion changes nothing


@dataclass(frozen=True, kw_only=True)
class PhantomSlice:
    """hu_YX float32, whole HU; bleed_mask_YX: 0 none, else 1 + the index into BLEED_KINDS.

    lesion_YX: 0 none, else 1 + the index of the lesion; level_mm above the foramen magnum.
    """

    hu_YX: Field
    bleed_mask_YX: NDArray[np.uint8]
    lesion_YX: NDArray[np.uint8] = field(repr=False)
    level_mm: float


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Head and scanner, ready for pictures. Matter is painted on a grid `coarser` times that of the
    image.
    """

    head: Head
    scanner: Scanner
    slice_mm: float
    coarser: int
    image: Frame
    image_footprint: Footprint
    matter: Frame  # the part of the plane that the head can touch
    matter_footprint: Footprint
    matter_box: Window

    def picture(
        self, level_mm: float, lesions: Sequence[Lesion], rng: np.random.Generator
    ) -> PhantomSlice:
        """The slice at a level."""
        hu_YX, lesion_YX = self.truth(level_mm, lesions)
        cavity = cavity_at(self.head, self.image, self.image_footprint, level_mm)
        code_L = np.array(
            [0]
            + [
                0 if lesion.kind is None else 1 + BLEED_KINDS.index(lesion.kind)
                for lesion in lesions
            ],
            dtype=np.uint8,
        )
        return PhantomSlice(
            hu_YX=scan(hu_YX, self.head, self.image, cavity, self.scanner, rng, level_mm=level_mm),
            bleed_mask_YX=code_L[lesion_YX],
            lesion_YX=lesion_YX,
            level_mm=level_mm,
        )

    def truth(self, level_mm: float, lesions: Sequence[Lesion]) -> tuple[Field, NDArray[np.uint8]]:
        """True HU averaged over the slice, and which lesion (1 + index) fills most of each voxel;
        image grid.
        """
        hu_YX = np.zeros(self.matter.x_YX.shape, dtype=np.float32)
        share_LYX = np.zeros((len(lesions), *hu_YX.shape), dtype=np.float32)
        for sublevel in SUBLEVELS:
            self._add_plane(level_mm + sublevel * self.slice_mm, lesions, hu_YX, share_LYX)
        weight = np.float32(1 / len(SUBLEVELS))
        lesion_YX = np.zeros(self.image.x_YX.shape, dtype=np.uint8)
        rows, columns = (
            slice(span.start * self.coarser, span.stop * self.coarser) for span in self.matter_box
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

    def _add_plane(
        self, level_mm: float, lesions: Sequence[Lesion], hu_YX: Field, share_LYX: Field
    ) -> None:
        """Add an infinitely thin plane."""
        cavity = cavity_at(self.head, self.matter, self.matter_footprint, level_mm)
        thin_YX = paint_surroundings(
            self.head, self.matter, self.matter_footprint, cavity, level_mm
        )
        inner = box_of(cavity.brain_YX > -1, margin_px=2)
        if thin_YX[inner].size:
            brain = Brain(
                head=self.head,
                frame=self.matter.part(inner),
                cavity=part_of(cavity, inner),
                level_mm=level_mm,
            )
            brain.fill(thin_YX[inner], lesions, share_LYX[:, *inner])
        hu_YX += thin_YX

    def _enlarged(self, values_YX: Field) -> Field:
        if self.coarser == 1:
            return values_YX
        enlarged: Field = ndimage.zoom(
            values_YX, self.coarser, order=1, mode="nearest", grid_mode=True
        )
        return enlarged


def make_studio(
    head: Head,
    scanner: Scanner,
    pose: Pose,
    *,
    size: int,
    pixel_mm: float,
    slice_mm: float,
    coarser: int = 1,
) -> Canvas:
    """size must be a multiple of `coarser`."""
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
        matter=whole.part(box),
        matter_footprint=footprint_part(footprint, box),
        matter_box=box,
    )


def _head_box(head: Head, frame: Frame, footprint: Footprint) -> Window:
    """Where the head and the neck are at any level."""
    margin_mm = 1.4 * head.skull.thickness + 1.5 * head.skull.scalp + 6
    radius_YX = np.sqrt(frame.x_YX**2 + frame.y_YX**2)
    return box_of(
        radius_YX * (1 - 1 / np.maximum(footprint.rho_YX, np.float32(1e-3))) < margin_mm,
        margin_px=1,
    )


@dataclass(frozen=True, kw_only=True)
class Brain:
    """The cavity of an infinitely thin plane, to be filled."""

    head: Head
    frame: Frame
    cavity: Cavity
    level_mm: float

    def fill(self, hu_YX: Field, lesions: Sequence[Lesion], share_LYX: Field) -> None:
        """Paint brain and lesions into hu_YX; add to share_LYX what the plane holds of each lesion."""
        head, frame, cavity, level_mm = self.head, self.frame, self.cavity, self.level_mm
        near = [
            (index, lesion)
            for index, lesion in enumerate(lesions)
            if lesion.levels_mm[0] - NEAR_MM < level_mm < lesion.levels_mm[1] + NEAR_MM
        ]
        shift_YX, pressed_YX = self._displaced([lesion for _, lesion in near])
        spaces = paint_brain(head, frame, cavity, hu_YX, level_mm, shift_YX, pressed_YX)
        view = View(head=head, frame=frame, cavity=cavity, spaces=spaces, level_mm=level_mm)
        own_LYX = np.zeros_like(share_LYX)
        for index, lesion in near:
            if isinstance(lesion, Intraparenchymal):
                hu_YX += lesion.rim(view)
            filled_YX, value = lesion.share(view)
            paint(hu_YX, value, filled_YX)
            own_LYX *= 1 - filled_YX
            own_LYX[index] = filled_YX
        share_LYX += own_LYX
        self._paint_calcium(hu_YX)

    def _displaced(self, lesions: Sequence[Lesion]) -> tuple[Field, Field]:
        """How far lesions push the brain sideways and lift it off the skull, in mm."""
        shift_YX, pressed_YX = np.zeros_like(self.cavity.z_YX), np.zeros_like(self.cavity.z_YX)
        for lesion in lesions:
            if isinstance(lesion, Intraparenchymal | Collection):
                shift_YX += lesion.push(self.frame, self.cavity.z_YX)
            if isinstance(lesion, Collection):
                pressed_YX = np.maximum(pressed_YX, lesion.press(self.frame, self.cavity))
        return shift_YX, pressed_YX

    def _paint_calcium(self, hu_YX: Field) -> None:
        for spot in self.head.calcifications:
            window = self.frame.window(
                spot.shape.centre[0], spot.shape.centre[1], max(spot.shape.axes[:2]) + 3
            )
            if hu_YX[window].size and spot.shape.spans(self.cavity.z_YX[window]):
                inside_YX = spot.shape.distance(
                    self.frame.x_YX[window], self.frame.y_YX[window], self.cavity.z_YX[window]
                )
                paint(
                    hu_YX[window],
                    spot.hu,
                    cover(np.minimum(inside_YX, self.cavity.brain_YX[window]), 1.2),
                )
