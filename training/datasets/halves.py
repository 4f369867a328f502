"""Half of a head without blood, and its mirror image: a head without bleeding, whose tissue is
real.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.datasets.labelled import Skip
from training.datasets.tables import read_rows
from training.errors import DataError

COLUMNS = (
    "file",
    "axis_rotation_rad",
    "axis_column_px",
    "axis_row_px",
    "clean_half_of_turned_image",
    "looked_at",
)
CLEAN = "clean"


@dataclass(frozen=True, kw_only=True)
class Half:
    """rotation_rad and the centre (in pixels) make the head's axis vertical and bring it to the
    middle; side: the half of the turned image that is free of blood.
    """

    rotation_rad: float
    centre_row: float
    centre_column: float
    side: Literal["left", "right"]


def read_halves(table: Path) -> tuple[dict[str, Half], list[Skip]]:
    """The halves without blood by the file of the image, and those that somebody who looked at
    them calls doubtful.
    """
    halves: dict[str, Half] = {}
    skipped: list[Skip] = []
    for line, row in read_rows(table, COLUMNS):
        if (looked_at := row["looked_at"].strip()) != CLEAN:
            skipped.append(
                Skip(
                    what=row["file"],
                    reason="a half that may not be free of blood",
                    detail=f"{table.name} line {line}: {looked_at or 'nobody looked at it'}",
                )
            )
            continue
        halves[row["file"]] = _half(row, where=f"{table} line {line}")
    return halves, skipped


def mirrored(grey_YX: NDArray[np.uint8], half: Half) -> NDArray[np.uint8]:
    """The turned image, whose side with blood is replaced by the mirror image of the other one.
    Black where the image ends.
    """
    rows, columns = grey_YX.shape
    cosine, sine = math.cos(half.rotation_rad), math.sin(half.rotation_rad)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    middle = np.array([(rows - 1) / 2, (columns - 1) / 2])
    turned_YX = ndimage.affine_transform(
        grey_YX.astype(np.float32),
        turn,
        np.array([half.centre_row, half.centre_column]) - turn @ middle,
        order=1,
    )
    if half.side == "right":
        turned_YX = turned_YX[:, ::-1]
    clean_YX = turned_YX[:, : columns // 2]
    between_YX = turned_YX[:, columns // 2 : columns - columns // 2]  # of an odd width
    whole_YX = np.concatenate([clean_YX, between_YX, clean_YX[:, ::-1]], axis=1)
    if half.side == "right":
        whole_YX = whole_YX[:, ::-1]
    return np.asarray(np.rint(whole_YX), dtype=np.uint8)


def _half(row: dict[str, str], *, where: str) -> Half:
    side = row["clean_half_of_turned_image"].strip()
    if side not in ("left", "right"):
        raise DataError(f"{where}: the clean half is {side!r}; it is left or right")
    try:
        rotation_rad, centre_column, centre_row = (
            float(row[column]) for column in ("axis_rotation_rad", "axis_column_px", "axis_row_px")
        )
    except ValueError as error:
        raise DataError(f"{where}: {error}; the axis is three numbers") from error
    if not all(map(math.isfinite, (rotation_rad, centre_column, centre_row))):
        raise DataError(f"{where}: the axis is three finite numbers")
    return Half(
        rotation_rad=rotation_rad,
        centre_row=centre_row,
        centre_column=centre_column,
        side="left" if side == "left" else "right",
    )
