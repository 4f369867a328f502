"""Slices of a folder of 8-bit brain windows with boxes and clean halves, as Slices in HU.

To be replaced by the data set `tissue` of training.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ich_node.scoring.points import Box as _Box
from ich_node.series.series import Slice
from training.datasets import Box

PIXEL_MM = 0.42
SLICE_MM = 5.0
BLACK_HU, WHITE_HU = -30.0, 110.0
BOXES = "third_party_boxes(type x y w h)"


@dataclass(frozen=True, kw_only=True)
class TissueSlice:
    """slice: in HU. boxes: in its pixels. types: as the table spells them."""

    name: str
    patient: str
    slice: Slice
    boxes: tuple[_Box, ...] = ()
    types: frozenset[str] = frozenset()


def patients(folder: Path) -> set[str]:
    return {row["patient"] for row in _rows(folder / "manifest.csv")}


def bleeding_slices(folder: Path, wanted: Collection[str]) -> list[TissueSlice]:
    """The slices of manifest.csv of these patients, in its order."""
    found: list[TissueSlice] = []
    for row in _rows(folder / "manifest.csv"):
        if row["patient"] in wanted:
            image_YX = _image(folder, row["file"])
            found.append(
                TissueSlice(
                    name=row["file"].removesuffix(".jpg"),
                    patient=row["patient"],
                    slice=_slice(image_YX, row["file"], int(row["order_in_patient"])),
                    boxes=_boxes(row[BOXES], len(image_YX)),
                    types=frozenset(row["official_types"].split("|")) - {"Fracture"},
                )
            )
    return found


def clean_halves(folder: Path, wanted: Collection[str]) -> list[TissueSlice]:
    """The rows of clean_halves.csv of these patients: the half without blood beside its mirror
    image.
    """
    found = []
    for row in _rows(folder / "clean_halves.csv"):
        digits, _, order = row["file"].removesuffix(".jpg").partition("_")
        patient = str(int(digits))
        if patient in wanted:
            image_YX = _mirrored(_image(folder, row["file"]), row)
            found.append(
                TissueSlice(
                    name=row["file"].removesuffix(".jpg"),
                    patient=patient,
                    slice=_slice(image_YX, row["file"], int(order)),
                )
            )
    return found


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _image(folder: Path, name: str) -> NDArray[np.float32]:
    with Image.open(folder / "images" / name) as image:
        return np.asarray(image.convert("L"), np.float32)


def _mirrored(image_YX: NDArray[np.float32], row: dict[str, str]) -> NDArray[np.float32]:
    angle = -float(row["axis_rotation_rad"])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([float(row["axis_row_px"]), float(row["axis_column_px"])])
    middle = (np.array(image_YX.shape) - 1) / 2
    turned_YX = ndimage.affine_transform(image_YX, turn, centre - turn @ middle, order=1)
    half = image_YX.shape[1] // 2
    if row["clean_half_of_turned_image"] == "right":
        clean_YX = turned_YX[:, half:]
        return np.hstack([clean_YX[:, ::-1], clean_YX])
    clean_YX = turned_YX[:, :half]
    return np.hstack([clean_YX, clean_YX[:, ::-1]])


def _slice(image_YX: NDArray[np.float32], name: str, order: int) -> Slice:
    hu_YX = _hounsfield(image_YX)
    return Slice(
        sop_instance_uid=name,
        sop_class_uid="",
        hu_YX=hu_YX,
        padding_YX=np.zeros(hu_YX.shape, bool),
        pixel_spacing_mm=(PIXEL_MM, PIXEL_MM),
        image_position_mm=(0.0, 0.0, SLICE_MM * order),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=SLICE_MM * order,
    )


def _hounsfield(image_YX: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the window cut off is made up: bone rises inwards, outside of the head is air."""
    hu_YX = BLACK_HU + image_YX / 255 * (WHITE_HU - BLACK_HU)
    bone_YX = hu_YX >= WHITE_HU - 3
    depth_YX = ndimage.distance_transform_edt(bone_YX) * PIXEL_MM
    hu_YX = np.where(bone_YX, np.maximum(hu_YX, 100 + 250 * depth_YX), hu_YX)
    head_YX = ndimage.binary_fill_holes(ndimage.binary_closing(hu_YX > -15, iterations=4))
    labels, count = ndimage.label(head_YX)
    if count:
        sizes = ndimage.sum_labels(head_YX, labels, range(1, count + 1))
        head_YX = labels == 1 + int(np.argmax(sizes))
    hu_YX[~head_YX] = -1000
    hu_YX[ndimage.binary_erosion(head_YX & (hu_YX < -25), iterations=2)] = -900
    return np.minimum(hu_YX, 1800).astype(np.float32)


def _boxes(cell: str, size_px: int) -> tuple[_Box, ...]:
    boxes = []
    for text in filter(str.strip, cell.split(";")):
        kind, *numbers = text.split()
        x, y, width, height = (float(number) * size_px for number in numbers)
        boxes.append(
            Box(
                kind=kind,
                row0=y - height / 2,
                column0=x - width / 2,
                row1=y + height / 2,
                column1=x + width / 2,
            )
        )
    return tuple(boxes)
