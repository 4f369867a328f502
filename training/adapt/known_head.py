"""A head in which every bleed is known, as a Series that the Detector reads."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.phantom import BLEED_KINDS, PhantomSlice
from ich_node.scoring.points import ScoredSlice
from ich_node.scoring.recall import by_size
from ich_node.series.hounsfield import PADDING_BELOW_HU
from ich_node.series.series import Series, Slice
from training.datasets import Box
from training.drawn import Drawn
from training.tissue import Tissue

NEAR_MM = 5.0  # from the blood: a mark so near is on it; the map has cells of 3.6 mm
APART_MM = 10.0  # slices of phantoms at any levels are no neighbours


@dataclass(frozen=True, kw_only=True)
class KnownBleed:
    """boxes: of the slices that show it, by their index; in pixels, half-open."""

    kind: str
    boxes: dict[int, Box]


@dataclass(frozen=True, kw_only=True)
class KnownHead:
    """blood_SYX: 1 where there is blood. patient: a pseudonym."""

    series: Series
    blood_SYX: NDArray[np.uint8] = field(repr=False)
    bleeds: tuple[KnownBleed, ...]
    patient: str

    @property
    def pixel_mm(self) -> float:
        return self.series.slices[0].pixel_spacing_mm[0]

    def bleeding_S(self, least_mm2: float) -> NDArray[np.bool_]:
        """Which slices show so much blood."""
        pixels_S = np.count_nonzero(self.blood_SYX, axis=(1, 2))
        bleeding_S: NDArray[np.bool_] = pixels_S * self.pixel_mm**2 >= least_mm2
        return bleeding_S

    def near_YX(self, index: int) -> NDArray[np.bool_]:
        """Where a mark on a slice counts as being on blood."""
        away_YX = ndimage.distance_transform_edt(self.blood_SYX[index] == 0)
        near_YX: NDArray[np.bool_] = away_YX * self.pixel_mm <= NEAR_MM
        return near_YX


def series_of_stack(
    hu_SYX: NDArray[np.float32], *, pixel_mm: float, slice_mm: float, name: str
) -> Series:
    """Slices of a stack as serving would read them; name stands for the UIDs."""
    slices = tuple(
        Slice(
            sop_instance_uid=f"{name}.{index}",
            sop_class_uid="",
            hu_YX=hu_YX,
            padding_YX=hu_YX < PADDING_BELOW_HU,
            pixel_spacing_mm=(pixel_mm, pixel_mm),
            image_position_mm=(0.0, 0.0, index * slice_mm),
            image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            position_mm=index * slice_mm,
        )
        for index, hu_YX in enumerate(hu_SYX)
    )
    return Series(study_instance_uid=name, series_instance_uid=name, slices=slices)


def head_of_drawn(drawn: Drawn, tissue: Tissue, *, name: str) -> KnownHead:
    """A left-out head with bleeds drawn into it."""
    bleeds = [
        KnownBleed(
            kind=bleed.kind,
            boxes={
                index: Box(kind=bleed.kind, row0=row0, column0=column0, row1=row1, column1=column1)
                for index, row0, column0, row1, column1 in bleed.boxes
            },
        )
        for bleed in drawn.bleeds
    ]
    return KnownHead(
        series=series_of_stack(
            np.rint(drawn.hu_SYX),
            pixel_mm=tissue.pixel_mm,
            slice_mm=tissue.slice_mm,
            name=name,
        ),
        blood_SYX=drawn.mask_SYX,
        bleeds=tuple(bleeds),
        patient=tissue.patient,
    )


def head_of_phantoms(slices: list[PhantomSlice], *, pixel_mm: float, name: str) -> KnownHead:
    """Slices of one phantom head at any levels, each with bleeds of its own."""
    bleeds = [
        _bleed_of_lesion(slice_, index=index, code=int(code))
        for index, slice_ in enumerate(slices)
        for code in np.unique(slice_.lesion_YX[slice_.bleed_mask_YX > 0])
    ]
    return KnownHead(
        series=series_of_stack(
            np.stack([slice_.hu_YX for slice_ in slices]),
            pixel_mm=pixel_mm,
            slice_mm=APART_MM,
            name=name,
        ),
        blood_SYX=np.stack([(slice_.bleed_mask_YX > 0).astype(np.uint8) for slice_ in slices]),
        bleeds=tuple(bleeds),
        patient=name,
    )


def size_of(bleed: KnownBleed, pixel_mm: float) -> str:
    """The class of its longest side, in words; the classes are those of the model card."""
    largest = max(bleed.boxes.values(), key=_longer_side)
    alone = ScoredSlice(
        patient_id="", points=(), boxes=(largest,), pixel_spacing_mm=(pixel_mm, pixel_mm)
    )
    (name,) = by_size([alone])
    return name


def _longer_side(box: Box) -> float:
    return max(box.row1 - box.row0, box.column1 - box.column0)


def _bleed_of_lesion(slice_: PhantomSlice, *, index: int, code: int) -> KnownBleed:
    lesion_YX = slice_.lesion_YX == code
    kind = BLEED_KINDS[int(slice_.bleed_mask_YX[lesion_YX][0]) - 1]
    rows, columns = (np.flatnonzero(lesion_YX.any(axis=axis)) for axis in (1, 0))
    box = Box(
        kind=kind,
        row0=float(rows[0]),
        column0=float(columns[0]),
        row1=float(rows[-1] + 1),
        column1=float(columns[-1] + 1),
    )
    return KnownBleed(kind=kind, boxes={index: box})
