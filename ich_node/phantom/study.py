"""A synthetic study: one head from the skull base to the vertex, with bleeds that extend over
several slices.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom import Dataset

from ich_node.phantom.bleeds import BLEED_KINDS, BleedKind, Lesion
from ich_node.phantom.canvas import Canvas, PhantomSlice, make_canvas
from ich_node.phantom.dicom import Acquisition, slice_dataset
from ich_node.phantom.draw import draw_bleed
from ich_node.phantom.frame import Pose
from ich_node.phantom.head import Head, draw_head
from ich_node.phantom.physics import Scanner, draw_scanner

LOWEST_MM = 2.0  # level of the first slice: the foramen magnum
PAINTED_MM = 0.9  # the head is painted on pixels of about this size and then enlarged
LEAST_AREA_MM2 = 120.0  # of a planted bleed in the slice through its middle
TRIES = 40

Box = tuple[int, int, int, int]  # row0, col0, row1, col1: half-open, 0-based


@dataclass(frozen=True, kw_only=True)
class Bleed:
    """One planted bleed. boxes: its extent in every slice that shows it, by slice index."""

    kind: BleedKind
    hu: float
    boxes: dict[int, Box]

    @property
    def slice_indices(self) -> tuple[int, ...]:
        return tuple(sorted(self.boxes))


@dataclass(frozen=True, kw_only=True)
class PhantomStudy:
    """Slices from the base upwards, the bleeds in them, and how they were acquired."""

    acquisition: Acquisition
    slices: tuple[PhantomSlice, ...]
    bleeds: tuple[Bleed, ...]

    def datasets(
        self, *, patient_id: str = "PHANTOM", patient_name: str = "Phantom^Head"
    ) -> list[Dataset]:
        """Complete CT Image Storage objects, in the order of the slices. Equal arguments give equal
        bytes.
        """
        return [
            slice_dataset(
                self.acquisition,
                index=index,
                hu_YX=slice_.hu_YX,
                level_mm=slice_.level_mm,
                patient_id=patient_id,
                patient_name=patient_name,
            )
            for index, slice_ in enumerate(self.slices)
        ]

    def truth(self) -> dict[str, object]:
        """The planted bleeds as JSON: kind, HU, and a box (row0, col0, row1, col1; half-open) in
        each slice.
        """
        uid_of = self.acquisition.sop_instance_uid
        return {
            "study_instance_uid": self.acquisition.study_instance_uid,
            "series_instance_uid": self.acquisition.series_instance_uid,
            "bleeds": [
                {
                    "kind": bleed.kind,
                    "hu": round(bleed.hu, 1),
                    "boxes": [
                        {
                            "slice": index,
                            "sop_instance_uid": uid_of(index),
                            "box": list(bleed.boxes[index]),
                        }
                        for index in bleed.slice_indices
                    ],
                }
                for bleed in self.bleeds
            ],
        }

    def write(
        self, folder: Path, *, patient_id: str = "PHANTOM", accession: str = ""
    ) -> list[Path]:
        """A file for each slice, and truth.json beside them; returns the paths of the slices."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for index, dataset in enumerate(self.datasets(patient_id=patient_id)):
            paths.append(folder / f"slice-{index:03d}.dcm")
            dataset.AccessionNumber = accession
            dataset.save_as(paths[-1], enforce_file_format=True)
        (folder / "truth.json").write_text(
            json.dumps(self.truth(), indent=1) + "\n", encoding="utf-8"
        )
        return paths


def make_study(
    seed: int,
    *,
    bleeds: Sequence[BleedKind] | None = None,
    rows: int = 512,
    pixel_mm: float | None = None,
    slice_mm: float = 5.0,
    tilt_deg: float | None = None,
    scanner: Scanner | None = None,
) -> PhantomStudy:
    """A head by seed; equal arguments give equal pixels and UIDs.

    bleeds: the kinds to plant; None draws none to four. pixel_mm None draws a field of view of 220
    to 250 mm; tilt_deg None draws a gantry tilt (half of them none). scanner None draws one; it is
    no part of the UIDs.
    """
    rng = np.random.default_rng(seed)
    head = draw_head(rng, operated=0.0)
    drawn_kinds = [
        BLEED_KINDS[index] for index in rng.permutation(len(BLEED_KINDS))[: rng.integers(0, 5)]
    ]
    drawn_tilt = float(round(rng.uniform(-20, 20) * 2) / 2) if rng.random() < 0.5 else 0.0
    drawn_pixel = float(round(rng.uniform(220, 250) / rows, 4))
    kinds = drawn_kinds if bleeds is None else list(bleeds)
    acquisition = Acquisition(
        seed=seed,
        kinds=tuple(kinds),
        rows=rows,
        pixel_mm=drawn_pixel if pixel_mm is None else pixel_mm,
        slice_mm=slice_mm,
        tilt_deg=drawn_tilt if tilt_deg is None else tilt_deg,
        padding_hu=int(rng.choice([-2000, -3024])),
    )
    canvas = _canvas(rng, head, acquisition, scanner)
    lesions = _plant(rng, canvas, kinds)
    slices = tuple(
        canvas.slice_at(level_mm, lesions, rng) for level_mm in _levels(head, acquisition)
    )
    return PhantomStudy(
        acquisition=acquisition, slices=slices, bleeds=tuple(_boxed(slices, lesions, kinds))
    )


def _canvas(
    rng: np.random.Generator, head: Head, acquisition: Acquisition, scanner: Scanner | None
) -> Canvas:
    drawn = draw_scanner(rng, half_field_mm=acquisition.rows * acquisition.pixel_mm / 2)
    pose = Pose(
        rotation_deg=float(np.clip(rng.normal(0, 4), -10, 10)),
        tilt_deg=float(np.clip(acquisition.tilt_deg * 0.4 + rng.normal(0, 3), -15, 15)),
        lean_deg=rng.normal(0, 2),
        offset_mm=(rng.normal(0, 4), rng.normal(0, 4)),
    )
    coarser = max(1, int(PAINTED_MM / acquisition.pixel_mm + 0.15))
    return make_canvas(
        head,
        scanner=replace(scanner or drawn, padding_hu=float(acquisition.padding_hu), motion=False),
        pose=pose,
        size=acquisition.rows,
        pixel_mm=acquisition.pixel_mm,
        slice_mm=acquisition.slice_mm,
        coarser=coarser if acquisition.rows % coarser == 0 else 1,
    )


def _levels(head: Head, acquisition: Acquisition) -> list[float]:
    """From the base to just over the vertex."""
    top = head.skull.top + head.skull.thickness + head.skull.scalp
    count = int((top - LOWEST_MM) / acquisition.slice_mm) + 2
    return [LOWEST_MM + index * acquisition.slice_mm for index in range(count)]


def _plant(rng: np.random.Generator, canvas: Canvas, kinds: Sequence[BleedKind]) -> list[Lesion]:
    """Draw each bleed until it is large enough and the bleeds before it still are."""
    planted: list[Lesion] = []
    for kind in kinds:
        for attempt in range(TRIES):
            least_mm2 = LEAST_AREA_MM2 * (1 - attempt / TRIES)  # a small or crowded head shows less
            trial = [*planted, draw_bleed(kind, rng=rng, head=canvas.head, clear=True)]
            if all(_area_mm2(canvas, trial, index) >= least_mm2 for index in range(len(trial))):
                planted = trial
                break
        else:
            raise ValueError(
                f"no room for one more {kind} in this head beside {list(kinds)}; plant fewer bleeds"
            )
    return planted


def _area_mm2(canvas: Canvas, lesions: Sequence[Lesion], index: int) -> float:
    """The area of a lesion in the slice through its middle."""
    low, high = lesions[index].levels_mm
    _, lesion_YX = canvas.ground_truth(min((low + high) / 2, canvas.head.skull.top - 15), lesions)
    return float((lesion_YX == index + 1).sum()) * canvas.image.pixel_mm**2


def _boxed(
    slices: Sequence[PhantomSlice], lesions: Sequence[Lesion], kinds: Sequence[BleedKind]
) -> list[Bleed]:
    bleeds = []
    for index, (lesion, kind) in enumerate(zip(lesions, kinds, strict=True)):
        boxes = {}
        for number, slice_ in enumerate(slices):
            hit_YX = slice_.lesion_YX == index + 1
            if hit_YX.any():
                rows, columns = (
                    np.flatnonzero(hit_YX.any(axis=1)),
                    np.flatnonzero(hit_YX.any(axis=0)),
                )
                boxes[number] = (
                    int(rows[0]),
                    int(columns[0]),
                    int(rows[-1]) + 1,
                    int(columns[-1]) + 1,
                )
        bleeds.append(Bleed(kind=kind, hu=lesion.hu, boxes=boxes))
    return bleeds
